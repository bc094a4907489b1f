//! Lists of actions and attempts.

use potts::proto::{
    AssignActionRequest, ClaimNextActionsRequest, DeleteIssueRequest, ListActionsRequest,
    ListActionsResponse, ListAttemptsRequest, RepeatActionRequest, StartActionRequest,
    UpdateActionRequest,
};
use prost_types::FieldMask;
use tonic::Code;

use crate::support::work::{Hand, named};
use crate::support::{TestApp, told};

async fn page(hand: &Hand, request: ListActionsRequest) -> ListActionsResponse {
    hand.actions().list_actions(request).await.unwrap().into_inner()
}

async fn names(hand: &Hand, request: ListActionsRequest) -> Vec<String> {
    page(hand, request).await.actions.into_iter().map(|action| action.name).collect()
}

fn of(parent: &str) -> ListActionsRequest {
    ListActionsRequest { parent: parent.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn actions_are_listed_by_issue_and_number_page_by_page() {
    let app = TestApp::with_issues(3).await;
    for issue in [1, 2, 3, 1, 2, 3] {
        app.action(issue, "Do it").await;
    }
    let delete = DeleteIssueRequest { name: "ABC-3".into(), ..Default::default() };
    app.issues().delete_issue(delete).await.unwrap();
    let root = app.root();

    let mut listed = Vec::new();
    let mut request = ListActionsRequest { page_size: 3, ..of("projects/abc") };
    loop {
        let page = page(&root, request.clone()).await;
        assert_eq!(page.cursor.is_empty(), !listed.is_empty());
        listed.extend(page.actions.into_iter().map(|action| action.name));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }

    assert_eq!(listed, [named(1, 1), named(1, 2), named(2, 1), named(2, 2)]);
    assert_eq!(names(&root, of("ABC-2")).await, [named(2, 1), named(2, 2)]);
    let hidden = told(root.actions().list_actions(of("ABC-3")).await);
    assert_eq!(hidden.why(), (Code::NotFound, "RESOURCE_NOT_FOUND"));
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_take_states_assignees_and_types() {
    let app = TestApp::with_issues(1).await;
    app.hand("ann", "PERSON", "WORKER").await;
    let (root, held) = (app.root(), named(1, 1));
    app.action(1, "held").await;
    app.action(1, "done").await;
    let hers = potts::proto::Action {
        title: "hers".into(),
        assignee: "actors/ann".into(),
        ..Default::default()
    };
    app.action_of(1, hers).await;
    root.claim(&held).await.unwrap();
    root.do_it(&named(1, 2)).await;
    let listed = async |parent: &str, filter: &str| {
        let filter = filter.to_owned();
        names(&root, ListActionsRequest { filter, ..of(parent) }).await
    };
    let none = Vec::<String>::new();

    let by_state = listed("projects/abc", "state = CLAIMED").await;
    assert_eq!(by_state, std::slice::from_ref(&held));
    assert_eq!(listed("projects/abc", "holder = \"actors/root\"").await, [held]);
    assert_eq!(listed("projects/abc", "state = SUCCEEDED").await, [named(1, 2)]);
    let two = listed("projects/abc", "state = READY OR state = SUCCEEDED").await;
    assert_eq!(two, [named(1, 2), named(1, 3)]);
    assert_eq!(listed("projects/abc", "state = RUNNING").await, none);
    assert_eq!(listed("ABC-1", "assignee = \"actors/ann\"").await, [named(1, 3)]);
    assert_eq!(listed("ABC-1", "assignee = null AND end_time = null").await, [named(1, 1)]);
    assert_eq!(listed("ABC-1", "assignee = \"actors/ben\"").await, none);
    assert_eq!(listed("ABC-1", "action_type = take-action").await.len(), 3);
    assert_eq!(listed("ABC-1", "action_type = deploy").await, none);
    assert_eq!(listed("projects/abc", "issue = ABC-1").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_read_the_project_finds_no_actions() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    app.project("other").await;
    let ann = app.hand("ann", "PERSON", "VIEWER").await;
    let sql = app.database.sql().await;
    let get = potts::proto::GetActionRequest { name: named(1, 1) };
    assert_eq!(names(&ann, of("projects/abc")).await, [named(1, 1)]);
    let work = told(ann.claim(&named(1, 1)).await);
    assert_eq!(work.why(), (Code::PermissionDenied, "ROLE_REQUIRED"));

    let elsewhere = told(ann.actions().list_actions(of("projects/other")).await);
    let hide = "update issues set visible_to = '{groups/qa}' where project = 'abc'";
    sql.batch_execute(hide).await.unwrap();
    let listed = names(&ann, of("projects/abc")).await;
    let got = told(ann.actions().get_action(get.clone()).await);
    let of_issue = told(ann.actions().list_actions(of("ABC-1")).await);

    assert_eq!(elsewhere.why(), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    assert_eq!(listed, Vec::<String>::new());
    assert_eq!(got.why(), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    assert_eq!(of_issue.why(), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    assert!(app.root().actions().get_action(get).await.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_listed_by_number_page_by_page() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    let root = app.root();
    for _ in 0..4 {
        let held = root.claim(&named(1, 1)).await.unwrap();
        root.release(&held).await.unwrap();
    }
    root.claim(&named(1, 1)).await.unwrap();

    let mut numbers = Vec::new();
    let mut request =
        ListAttemptsRequest { parent: named(1, 1), page_size: 2, ..Default::default() };
    loop {
        let page = root.actions().list_attempts(request.clone()).await.unwrap().into_inner();
        assert!(page.attempts.len() <= 2);
        numbers.extend(page.attempts.into_iter().map(|attempt| attempt.name));
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            break;
        }
    }

    let expected: Vec<String> =
        (1..=5).map(|number| format!("{}/attempts/{number}", named(1, 1))).collect();
    assert_eq!(numbers, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_changes_what_its_mask_names() {
    let app = TestApp::with_issues(1).await;
    let action = app.action(1, "Do it").await;
    let update = |title: &str, priority| UpdateActionRequest {
        action: Some(potts::proto::Action {
            name: action.name.clone(),
            title: title.into(),
            priority,
            ..Default::default()
        }),
        update_mask: Some(FieldMask { paths: vec!["title".into()] }),
        ..Default::default()
    };
    let mut actions = app.root().actions();

    let first = actions.update_action(update("Do it well", 2)).await.unwrap().into_inner();
    let again = actions.update_action(update("Do it well", 3)).await.unwrap().into_inner();

    assert_eq!((first.changed, again.changed), (true, false));
    let action = first.action.unwrap();
    assert_eq!((action.title.as_str(), action.priority), ("Do it well", 0));
}

/// Goal: who only reads changes nothing, and who works does not manage.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_about_actions_asks_for_a_role() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    let head = app.head().await;
    let reader = app.hand("ann", "PERSON", "VIEWER").await;
    let worker = app.hand("ben", "PERSON", "WORKER").await;
    let name = named(1, 1);
    let mut held = app.root().get(&name).await;
    held.fence = 1;
    let managing = async |hand: &Hand| {
        let assign = AssignActionRequest { name: name.clone(), ..Default::default() };
        let repeat = RepeatActionRequest { name: name.clone(), ..Default::default() };
        let action = Some(potts::proto::Action { name: name.clone(), ..Default::default() });
        let update = UpdateActionRequest { action, ..Default::default() };
        [
            hand.add(1, potts::proto::Action { title: "t".into(), ..Default::default() })
                .await
                .err(),
            hand.skip(&name).await.err(),
            hand.cancel(&name).await.err(),
            hand.actions().assign_action(assign).await.err(),
            hand.actions().repeat_action(repeat).await.err(),
            hand.actions().update_action(update).await.err(),
        ]
    };
    let next = ClaimNextActionsRequest { parent: "projects/abc".into(), ..Default::default() };
    let start = StartActionRequest { name: name.clone(), fence: 1, ..Default::default() };

    let working = [
        reader.claim(&name).await.err(),
        reader.actions().claim_next_actions(next).await.err(),
        reader.actions().start_action(start).await.err(),
        reader.beat(&held, 1).await.err(),
        reader.complete(&held).await.err(),
        reader.fail(&held, false).await.err(),
        reader.release(&held).await.err(),
    ];
    let refused = managing(&reader).await.into_iter().chain(managing(&worker).await);

    for status in refused.chain(working) {
        let refused = told(Err::<(), _>(status.expect("a refusal")));
        assert_eq!(refused.why(), (Code::PermissionDenied, "ROLE_REQUIRED"));
        assert!(["WORKER", "MANAGER"].contains(&refused.metadata("required")));
    }
    assert_eq!(app.head().await, head);
}
