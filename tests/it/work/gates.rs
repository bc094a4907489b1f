//! Gates on what lies in other issues, and on time.

use potts::proto::dependency::On;
use potts::proto::{
    Action, ActionState, BlockedReason, CloseIssueRequest, Dependency, DependencyState, Satisfy,
};
use prost_types::Timestamp;

use crate::support::TestApp;
use crate::support::work::{READY, after, named, place};

fn closed(issue: &str) -> Dependency {
    Dependency { on: Some(On::Issue(issue.into())), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_on_an_action_of_another_issue_opens() {
    let app = TestApp::with_issues(2).await;
    let first = app.action(1, "Here").await;
    let waits = app.action_after(2, &[after(&first.name, Satisfy::Success)]).await;

    app.root().do_it(&first.name).await;
    let ready = app.action_once(&waits.name, |action| place(action) == READY).await;

    assert_eq!(place(&waits), (ActionState::Pending, BlockedReason::Dependencies));
    assert_eq!(ready.dependencies[0].state(), DependencyState::Met);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_that_can_never_open_says_so() {
    let app = TestApp::with_issues(2).await;
    let first = app.action(1, "Here").await;
    let waits = app.action_after(2, &[after(&first.name, Satisfy::Failure)]).await;

    app.root().do_it(&first.name).await;

    let unsatisfiable = |a: &Action| a.blocked_reason() == BlockedReason::Unsatisfiable;
    let stuck = app.action_once(&waits.name, unsatisfiable).await;
    assert_eq!(stuck.state(), ActionState::Pending);
    assert_eq!(stuck.dependencies[0].state(), DependencyState::Unsatisfiable);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gate_on_an_issue_opens_when_that_is_closed() {
    let app = TestApp::with_issues(2).await;
    let waits = app.action_after(2, &[closed("ABC-1")]).await;

    let close = CloseIssueRequest { name: "ABC-1".into(), ..Default::default() };
    app.issues().close_issue(close).await.unwrap();
    app.action_once(&waits.name, |action| place(action) == READY).await;
    let later = app.action_after(2, &[closed("ABC-1")]).await;

    assert_eq!(place(&waits), (ActionState::Pending, BlockedReason::Dependencies));
    assert_eq!(place(&later), READY, "what is closed already is waited for no more");
}

/// Goal: what ended while no gatekeeper ran is found without any event.
#[tokio::test(flavor = "multi_thread")]
async fn gates_are_settled_by_a_service_that_starts() {
    let app = TestApp::with_issues(2).await;
    let first = app.action(1, "Here").await;
    let waits = app.action_after(2, &[after(&first.name, Satisfy::Success)]).await;
    let database = app.stop().await;
    let end = "update actions set ended_state = 'SUCCEEDED', ended_at = potts_now() \
         where project = 'abc' and issue = 1 and number = 1";
    let sql = database.sql().await;
    sql.batch_execute(&format!("delete from ready_actions; {end}")).await.unwrap();

    let app = TestApp::on(database, &[]).await;

    app.action_once(&waits.name, |action| place(action) == READY).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_begin_yet_begins_at_its_time() {
    let app = TestApp::with_issues(1).await;
    let now = app.action(1, "Now").await.create_time.unwrap().seconds;
    let at = |seconds| Some(Timestamp { seconds: now + seconds, nanos: 0 });
    let soon = Action { title: "Soon".into(), not_before: at(3), ..Default::default() };
    let gate = Dependency { on: Some(On::NotBefore(at(2).unwrap())), ..Default::default() };

    let soon = app.action_of(1, soon).await;
    let gated = app.action_after(1, &[gate]).await;
    for name in [&soon.name, &gated.name] {
        app.action_once(name, |action| place(action) == READY).await;
    }

    assert_eq!(place(&soon), (ActionState::Pending, BlockedReason::Time));
    assert_eq!(soon.wake_time, at(3));
    assert_eq!(place(&gated), (ActionState::Pending, BlockedReason::Dependencies));
    assert_eq!(named(1, 3), gated.name);
}
