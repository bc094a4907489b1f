//! Pages: each row once whatever comes meanwhile, and tokens that are of one list.

use std::collections::BTreeMap;

use potts::proto::{
    ActionType, Comment, CreateActionTypeRequest, CreateCommentRequest, CreateIssueRelationRequest,
    CreateReferenceRequest, CreateWorkflowRequest, IssueRelation, ListActionTypesRequest,
    ListActionsRequest, ListActorsRequest, ListAttemptsRequest, ListCommentsRequest,
    ListGroupsRequest, ListIssueRelationsRequest, ListIssueTypesRequest, ListIssuesRequest,
    ListMembersRequest, ListProjectsRequest, ListReferencesRequest, ListWorkflowsRequest,
    Reference, RelationKind, Role, reference,
};
use proptest::test_runner::TestRunner;
use tonic::{Code, Status};

use super::next;
use crate::support::app::Clients;
use crate::support::work::named;
use crate::support::{TestApp, told};

/// What is asked of a list.
#[derive(Clone, Debug, Default)]
struct Ask {
    parent: &'static str,
    page_size: i32,
    page_token: String,
    filter: &'static str,
    order_by: &'static str,
}

/// What a page told: names, the token of the next one, and the cursor of the log.
type Told = (Vec<String>, String, String);

macro_rules! lists {
    ($(
        $list:literal $service:ident.$rpc:ident($request:ident { $($field:ident),* }) $items:ident;
    )*) => {
        async fn ask(clients: &Clients, list: &str, ask: Ask) -> Result<Told, Status> {
            match list {
                $($list => {
                    let (page_size, page_token) = (ask.page_size, ask.page_token.clone());
                    let mut request = $request::default();
                    (request.page_size, request.page_token) = (page_size, page_token);
                    $(request.$field = ask.$field.into();)*
                    let page = clients.$service().$rpc(request).await?.into_inner();
                    let names = page.$items.into_iter().map(|item| item.name).collect();
                    Ok((names, page.next_page_token, page.cursor))
                })*
                other => panic!("{other}"),
            }
        }

        const LISTS: &[&str] = &[$($list),*];
    };
}

lists! {
    "issues" issues.list_issues(ListIssuesRequest { parent, filter, order_by }) issues;
    "actions" actions.list_actions(ListActionsRequest { parent, filter, order_by }) actions;
    "projects" projects.list_projects(ListProjectsRequest { filter, order_by }) projects;
    "members" projects.list_members(ListMembersRequest { parent, filter, order_by }) members;
    "actors" actors.list_actors(ListActorsRequest { filter, order_by }) actors;
    "groups" actors.list_groups(ListGroupsRequest { filter, order_by }) groups;
    "comments" issues.list_comments(ListCommentsRequest { parent }) comments;
    "references" issues.list_references(ListReferencesRequest { parent }) references;
    "relations" issues.list_issue_relations(ListIssueRelationsRequest { parent }) relations;
    "attempts" actions.list_attempts(ListAttemptsRequest { parent }) attempts;
    "workflows" workflows.list_workflows(ListWorkflowsRequest { parent }) workflows;
    "issue types" workflows.list_issue_types(ListIssueTypesRequest { parent }) issue_types;
    "action types" workflows.list_action_types(ListActionTypesRequest { parent }) action_types;
}

/// What the lists are of that have a parent.
fn parent(list: &str) -> &'static str {
    match list {
        "comments" | "references" | "relations" => "projects/abc/issues/1",
        "attempts" => "projects/abc/issues/1/actions/1",
        "projects" | "actors" | "groups" => "",
        _ => "projects/abc",
    }
}

async fn comment(app: &TestApp, issue: &str) {
    let comment = Some(Comment { text: "said".into(), ..Default::default() });
    let say = CreateCommentRequest { parent: issue.into(), comment, ..Default::default() };
    app.issues().create_comment(say).await.unwrap();
}

/// A workflow and an action type of its own.
async fn configure(app: &TestApp) {
    let parent = || "projects/abc".to_owned();
    let known = ListWorkflowsRequest { parent: parent(), ..Default::default() };
    let known = app.workflows().list_workflows(known).await.unwrap().into_inner();
    let workflow = CreateWorkflowRequest {
        parent: parent(),
        workflow_id: "own".into(),
        workflow: known.workflows.into_iter().next(),
        ..Default::default()
    };
    app.workflows().create_workflow(workflow).await.unwrap();
    let action_type = CreateActionTypeRequest {
        parent: parent(),
        action_type_id: "own".into(),
        action_type: Some(ActionType::default()),
        ..Default::default()
    };
    app.workflows().create_action_type(action_type).await.unwrap();
}

async fn refer(app: &TestApp) {
    let target = Some(reference::Target::Text("there".into()));
    let reference = Some(Reference { target, ..Default::default() });
    let parent = "ABC-1".into();
    let point = CreateReferenceRequest { parent, reference, ..Default::default() };
    app.issues().create_reference(point).await.unwrap();
}

/// At least three rows in each list; Ann administers the installation as root does.
async fn with_lists() -> (TestApp, Clients) {
    let app = super::people::with_people().await;
    let ann = app.administrator("ann").await;
    app.member("actors/ann", "abc", Role::Admin).await;
    configure(&app).await;
    let root = app.root();
    for _ in 0..4 {
        app.issue("abc", "The light is off").await;
        app.action(1, "Do it").await;
        comment(&app, "ABC-1").await;
        refer(&app).await;
        let held = root.claim(&named(1, 1)).await.unwrap();
        root.release(&held).await.unwrap();
    }
    root.claim(&named(1, 1)).await.unwrap();
    for other in 2..=4 {
        let relation = Some(IssueRelation {
            kind: RelationKind::RelatesTo.into(),
            target: format!("ABC-{other}"),
            ..Default::default()
        });
        let parent = "ABC-1".into();
        let relation = CreateIssueRelationRequest { parent, relation, ..Default::default() };
        app.issues().create_issue_relation(relation).await.unwrap();
    }
    (app, ann)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_list_has_the_same_rules_of_pages() {
    let (app, ann) = with_lists().await;
    let root = app.as_root();
    let mut tokens = BTreeMap::new();

    for list in LISTS {
        let of = |page_size, page_token: &str| Ask {
            parent: parent(list),
            page_size,
            page_token: page_token.into(),
            ..Default::default()
        };
        let (all, no_token, cursor) = ask(&root, list, of(5000, "")).await.unwrap();
        let (first, token, at) = ask(&root, list, of(1, "")).await.unwrap();
        let (rest, end, none) = ask(&root, list, of(0, &token)).await.unwrap();

        assert!(all.len() >= 2 && no_token.is_empty(), "{list}: {all:?}");
        assert_eq!([first, rest].concat(), all, "{list}");
        assert!(end.is_empty() && none.is_empty(), "{list}: the cursor comes first alone");
        assert!(!cursor.is_empty() && cursor == at, "{list} has no cursor");
        let negative = told(ask(&root, list, of(-1, "")).await.map(tonic::Response::new));
        assert_eq!(negative.why(), (Code::InvalidArgument, "FIELD_INVALID"), "{list}");
        assert_eq!(negative.blamed(), "page_size", "{list}");
        let hers = told(ask(&ann, list, of(1, &token)).await.map(tonic::Response::new));
        assert_eq!(hers.why(), (Code::InvalidArgument, "PAGE_TOKEN_INVALID"), "{list}");
        tokens.insert(*list, token);
    }

    for list in LISTS {
        for (of, token) in tokens.iter().filter(|(of, _)| *of != list) {
            let asked =
                Ask { parent: parent(list), page_token: token.clone(), ..Default::default() };
            let refusal = told(ask(&root, list, asked).await.map(tonic::Response::new));
            assert_eq!(refusal.why().1, "PAGE_TOKEN_INVALID", "{list} by a token of {of}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_is_of_one_parent() {
    let (app, _) = with_lists().await;
    app.action(1, "Do that").await;
    for (list, other) in [
        ("issues", "projects/b1"),
        ("actions", "projects/abc/issues/1"),
        ("members", "projects/b1"),
        ("comments", "projects/abc/issues/2"),
        ("references", "projects/abc/issues/2"),
        ("relations", "projects/abc/issues/2"),
        ("attempts", "projects/abc/issues/1/actions/2"),
        ("workflows", "projects/b1"),
        ("issue types", "projects/b1"),
        ("action types", "projects/b1"),
    ] {
        let root = app.as_root();
        let asked = Ask { parent: parent(list), page_size: 1, ..Default::default() };
        let (_, page_token, _) = ask(&root, list, asked).await.unwrap();

        let asked = Ask { parent: other, page_token, ..Default::default() };
        let refusal = told(ask(&root, list, asked).await.map(tonic::Response::new));

        assert_eq!(refusal.why(), (Code::InvalidArgument, "PAGE_TOKEN_INVALID"), "{list}");
        assert_eq!(refusal.blamed(), "page_token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_of_any_noun_is_of_one_filter_and_one_order() {
    let (app, _) = with_lists().await;
    let root = app.as_root();

    for list in ["issues", "actions", "projects", "members", "actors", "groups"] {
        let asked = |filter, order_by, page_token: &str| Ask {
            parent: parent(list),
            page_size: 1,
            page_token: page_token.into(),
            filter,
            order_by,
        };
        let creator = "creator = \"actors/root\" OR creator = \"actors/potts\"";
        let first = ask(&root, list, asked(creator, "create_time", "")).await.unwrap();
        let token = first.1;

        for (filter, order) in
            [("", "create_time"), (creator, "create_time desc"), (creator, ""), ("", "")]
        {
            let refusal = ask(&root, list, asked(filter, order, &token)).await;
            let refusal = told(refusal.map(tonic::Response::new));
            assert_eq!(refusal.why(), (Code::InvalidArgument, "PAGE_TOKEN_INVALID"), "{list}");
        }
        let second = ask(&root, list, asked(creator, "create_time", &token)).await.unwrap();
        assert_eq!(second.0.len(), 1, "{list}");
        assert_ne!(first.0, second.0, "{list}");
    }
}

/// Goal: what is there all along is listed once, and what comes is listed once or not at all.
/// Method: pages of any size, in any order, while rows are added.
#[tokio::test(flavor = "multi_thread")]
async fn pages_of_any_size_hold_each_row_once_while_rows_come() {
    let app = TestApp::with_issues(12).await;
    for n in 0..12 {
        app.action(1 + n % 3, "Do it").await;
        comment(&app, "ABC-1").await;
    }
    let mut runner = TestRunner::default();
    let root = app.as_root();
    let writer = async {
        for n in 0..30 {
            app.issue("abc", "Another light").await;
            app.action(1 + n % 3, "Do that").await;
            comment(&app, "ABC-1").await;
        }
    };
    let reader = async {
        for (list, order_by) in [
            ("issues", ""),
            ("issues", "title, create_time desc"),
            ("actions", ""),
            ("actions", "title desc, number"),
            ("actions", "create_time desc"),
            ("comments", ""),
        ] {
            let of = |page_size, page_token| Ask {
                parent: parent(list),
                page_size,
                page_token,
                order_by,
                ..Default::default()
            };
            let (before, ..) = ask(&root, list, of(1000, String::new())).await.unwrap();
            let (mut seen, mut token) = (BTreeMap::new(), String::new());
            loop {
                let size = next(&mut runner, &(1..=5_i32));
                let (names, more, _) = ask(&root, list, of(size, token)).await.unwrap();
                assert!(names.len() <= usize::try_from(size).unwrap());
                for name in names {
                    *seen.entry(name).or_insert(0) += 1;
                }
                token = more;
                if token.is_empty() {
                    break;
                }
            }

            assert!(seen.values().all(|times| *times == 1), "{list} {order_by}: {seen:?}");
            let missing: Vec<_> = before.iter().filter(|name| !seen.contains_key(*name)).collect();
            assert!(missing.is_empty(), "{list} {order_by}: {missing:?}");
        }
    };

    tokio::join!(writer, reader);
}

/// Goal: the attempt that goes on is listed by the cursor's snapshot, whatever page it is on.
#[tokio::test(flavor = "multi_thread")]
async fn the_attempt_that_goes_on_ends_the_last_page() {
    let (app, _) = with_lists().await;
    let root = app.as_root();

    for page_size in 1..=6 {
        let (mut numbers, mut page_token) = (Vec::new(), String::new());
        loop {
            let asked = Ask { parent: parent("attempts"), page_size, page_token, ..Ask::default() };
            let (names, more, _) = ask(&root, "attempts", asked).await.unwrap();
            numbers.extend(names.iter().map(|name| name.rsplit('/').next().unwrap().to_owned()));
            page_token = more;
            if page_token.is_empty() {
                break;
            }
        }

        assert_eq!(numbers, ["1", "2", "3", "4", "5"], "pages of {page_size}");
    }
}
