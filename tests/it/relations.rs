//! How issues stand to each other.

use futures_util::future::join_all;
use potts::proto::{
    CloseIssueRequest, CreateIssueRelationRequest, DeleteIssueRelationRequest, IssueRelation,
    ListIssueRelationsRequest, RelationKind, Role, subscribe_request,
};
use prost_types::value::Kind;
use tonic::Code;

use crate::issues::with_project;
use crate::support::{TestApp, told};

fn relate(from: &str, kind: RelationKind, to: &str) -> CreateIssueRelationRequest {
    let relation =
        IssueRelation { target: to.into(), kind: kind.into(), ..IssueRelation::default() };
    let (parent, relation) = (from.into(), Some(relation));
    CreateIssueRelationRequest { parent, relation, ..Default::default() }
}

fn unrelate(name: &str) -> DeleteIssueRelationRequest {
    DeleteIssueRelationRequest { name: name.into(), ..Default::default() }
}

async fn list(app: &TestApp, name: &str) -> Vec<String> {
    let request = ListIssueRelationsRequest { parent: name.into(), ..Default::default() };
    let page = app.issues().list_issue_relations(request).await.unwrap().into_inner();
    page.relations.into_iter().map(|relation| relation.name).collect()
}

async fn with_issues(count: usize) -> TestApp {
    let app = with_project().await;
    for n in 0..count {
        app.issue("abc", &format!("{n}")).await;
    }
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relation_is_told_from_both_ends_and_goes() {
    let app = with_issues(2).await;
    app.project("xyz").await;
    app.issue("xyz", "elsewhere").await;
    let mut follower = app.follow_from(subscribe_request::Start::FromNow(true)).await;

    let blocks = relate("ABC-1", RelationKind::Blocks, "XYZ-1");
    let made = app.issues().create_issue_relation(blocks).await.unwrap().into_inner();
    let relation = made.relation.unwrap();
    let ends = [list(&app, "ABC-1").await, list(&app, "XYZ-1").await, list(&app, "ABC-2").await];
    let gone = app.issues().delete_issue_relation(unrelate("ABC-1/relations/1")).await.unwrap();

    assert_eq!(relation.name, "projects/abc/issues/1/relations/1");
    assert_eq!(
        (relation.issue.as_str(), relation.target.as_str()),
        ("projects/abc/issues/1", "projects/xyz/issues/1")
    );
    assert_eq!(ends, [vec![relation.name.clone()], vec![relation.name.clone()], vec![]]);
    assert!(made.changed && gone.into_inner().changed);
    assert_eq!(list(&app, "XYZ-1").await, Vec::<String>::new());
    let events = follower.events(2).await;
    let told: Vec<_> = events.iter().map(|e| (&*e.r#type, &*e.subject)).collect();
    let subject = "projects/abc/issues/1";
    assert_eq!(told, [("relation.added", subject), ("relation.removed", subject)]);
    let said = |key: &str| match &events[0].data.as_ref().unwrap().fields[key].kind {
        Some(Kind::StringValue(text)) => text.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(
        [said("issue"), said("target"), said("kind")],
        [subject, "projects/xyz/issues/1", "BLOCKS"]
    );
    let twice = told_absent(&app).await;
    assert_eq!(twice, (Code::NotFound, "RESOURCE_NOT_FOUND".to_owned()));
}

async fn told_absent(app: &TestApp) -> (Code, String) {
    let refused = told(app.issues().delete_issue_relation(unrelate("ABC-1/relations/1")).await);
    (refused.code, refused.reason)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_already_is_answered_as_it_is() {
    let app = with_issues(2).await;
    let first = relate("ABC-1", RelationKind::RelatesTo, "ABC-2");
    app.issues().create_issue_relation(first.clone()).await.unwrap();
    let turned = relate("ABC-2", RelationKind::RelatesTo, "ABC-1");
    let blocks = relate("ABC-2", RelationKind::Blocks, "ABC-1");

    let again = app.issues().create_issue_relation(first).await.unwrap().into_inner();
    let turned = app.issues().create_issue_relation(turned).await.unwrap().into_inner();
    let blocks = app.issues().create_issue_relation(blocks).await.unwrap().into_inner();

    assert!(!again.changed && !turned.changed && blocks.changed);
    assert_eq!(turned.relation.unwrap().name, "projects/abc/issues/1/relations/1");
    assert_eq!(blocks.relation.unwrap().name, "projects/abc/issues/2/relations/1");
    assert_eq!(list(&app, "ABC-1").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_say_the_same_one_says_it() {
    let app = with_issues(2).await;

    let answers = join_all((0..20).map(|n| {
        let (from, to) = if n % 2 == 0 { ("ABC-1", "ABC-2") } else { ("ABC-2", "ABC-1") };
        let mut issues = app.issues();
        let request = relate(from, RelationKind::RelatesTo, to);
        async move { issues.create_issue_relation(request).await.unwrap().into_inner() }
    }));

    assert_eq!(answers.await.iter().filter(|answer| answer.changed).count(), 1);
    assert_eq!(list(&app, "ABC-2").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_relations_have_pages() {
    let app = with_issues(6).await;
    for n in 2..=6 {
        let request = relate(&format!("ABC-{n}"), RelationKind::Causes, "ABC-1");
        app.issues().create_issue_relation(request).await.unwrap();
    }

    let (mut token, mut pages) = (String::new(), Vec::new());
    loop {
        let request =
            ListIssueRelationsRequest { parent: "ABC-1".into(), page_size: 2, page_token: token };
        let page = app.issues().list_issue_relations(request).await.unwrap().into_inner();
        pages.push(page.relations.iter().map(|r| r.issue.clone()).collect::<Vec<_>>());
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }

    let sizes: Vec<_> = pages.iter().map(Vec::len).collect();
    assert_eq!(sizes, [2, 2, 1]);
    let expected: Vec<_> = (2..=6).map(|n| format!("projects/abc/issues/{n}")).collect();
    assert_eq!(pages.concat(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn relations_are_listed_for_those_who_see_both_ends() {
    let app = with_issues(4).await;
    app.project("xyz").await;
    app.issue("xyz", "elsewhere").await;
    for to in ["ABC-1", "ABC-3", "ABC-4", "XYZ-1"] {
        let request = relate("ABC-2", RelationKind::Causes, to);
        app.issues().create_issue_relation(request).await.unwrap();
    }
    let hide =
        "update issues set visible_to = '{groups/none}' where project = 'abc' and number < 2;
                update issues set deleted_at = now() where project = 'abc' and number = 4";
    app.database.sql().await.batch_execute(hide).await.unwrap();
    let ann = app.actor("ann", "abc", Role::Viewer).await;
    let of = |name: &str| ListIssueRelationsRequest { parent: name.into(), ..Default::default() };

    let page = ann.issues().list_issue_relations(of("ABC-2")).await.unwrap().into_inner();
    let hidden = told(ann.issues().list_issue_relations(of("ABC-1")).await);
    let absent = told(ann.issues().list_issue_relations(of("ABC-9")).await);

    let targets: Vec<_> = page.relations.into_iter().map(|relation| relation.target).collect();
    assert_eq!(targets, ["projects/abc/issues/3"]);
    assert_eq!(hidden.why(), absent.why());
    assert_eq!(list(&app, "ABC-2").await.len(), 3, "all but what is deleted");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_duplicate_is_closed_with_its_relation() {
    let app = with_issues(2).await;
    let mut follower = app.follow_from(subscribe_request::Start::FromNow(true)).await;
    let close = CloseIssueRequest {
        name: "ABC-2".into(),
        duplicate_of: "ABC-1".into(),
        ..Default::default()
    };

    let closed = app.issues().close_issue(close).await.unwrap().into_inner();

    assert_eq!(closed.issue.unwrap().resolution, "duplicate");
    assert_eq!(list(&app, "ABC-1").await, ["projects/abc/issues/2/relations/1"]);
    let types = follower.types(3).await;
    assert_eq!(types, ["issue.transitioned", "issue.closed", "relation.added"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_has_500_relations() {
    let app = with_issues(2).await;
    let sql = app.database.sql().await;
    let full = "insert into counters (parent, noun, last, live)
                values ('projects/abc/issues/1', 'relations', 0, 500)";
    sql.execute(full, &[]).await.unwrap();

    let to = relate("ABC-2", RelationKind::Causes, "ABC-1");
    let refused = told(app.issues().create_issue_relation(to).await);
    let close = CloseIssueRequest {
        name: "ABC-2".into(),
        duplicate_of: "ABC-1".into(),
        ..Default::default()
    };
    let closing = told(app.issues().close_issue(close).await);

    assert_eq!(refused.why(), (Code::ResourceExhausted, "LIMIT_REACHED"));
    assert_eq!(closing.why(), (Code::ResourceExhausted, "LIMIT_REACHED"));
}
