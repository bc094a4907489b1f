//! Waiting for work where there is none.

use std::time::Duration;

use potts::proto::{ActionState, ClaimNextActionsRequest, Satisfy};
use tokio::time::Instant;
use tonic::Code;

use crate::support::app::PATIENCE;
use crate::support::work::{Hand, after, named};
use crate::support::{TestApp, told};

fn request(wait: i64, refuse_empty: bool) -> ClaimNextActionsRequest {
    ClaimNextActionsRequest {
        parent: "projects/abc".into(),
        wait: Some(prost_types::Duration { seconds: wait, nanos: 0 }),
        refuse_empty,
        ..Default::default()
    }
}

/// A call that waits, and how long it took.
fn waiting(hand: Hand) -> tokio::task::JoinHandle<(Vec<String>, Duration)> {
    tokio::spawn(async move {
        let began = Instant::now();
        let claimed = hand.actions().claim_next_actions(request(60, false)).await.unwrap();
        let claimed = claimed.into_inner().actions;
        (claimed.into_iter().map(|action| action.name).collect(), began.elapsed())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_is_woken_by_what_becomes_ready() {
    let app = TestApp::with_issues(1).await;
    let first = app.action(1, "First").await;
    app.action_after(1, &[after(&first.name, Satisfy::Unspecified)]).await;
    let held = app.root().claim(&first.name).await.unwrap();
    let waiter = waiting(app.root());

    app.root().complete(&held).await.unwrap();
    let (claimed, took) = tokio::time::timeout(PATIENCE, waiter).await.unwrap().unwrap();

    assert_eq!(claimed, [named(1, 2)]);
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_who_wait_each_gets_one() {
    let app = TestApp::with_issues(1).await;
    let waiters: Vec<_> = (0..5).map(|_| waiting(app.root())).collect();

    for _ in 0..5 {
        app.action(1, "Do it").await;
    }

    let mut claimed = Vec::new();
    for waiter in waiters {
        claimed.extend(tokio::time::timeout(PATIENCE, waiter).await.unwrap().unwrap().0);
    }
    claimed.sort();
    assert_eq!(claimed, (1..=5).map(|number| named(1, number)).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn where_there_is_nothing_the_answer_is_empty_or_a_refusal() {
    let app = TestApp::with_issues(1).await;
    let mut actions = app.root().actions();
    let head = app.head().await;

    let began = Instant::now();
    let empty = actions.claim_next_actions(request(1, false)).await.unwrap().into_inner();
    let waited = began.elapsed();
    let refused = told(actions.claim_next_actions(request(0, true)).await);

    assert_eq!((empty.actions, empty.changed), (Vec::new(), false));
    assert!(!empty.cursor.is_empty());
    assert!(waited >= Duration::from_secs(1), "{waited:?}");
    assert_eq!(refused.why(), (Code::NotFound, "QUEUE_EMPTY"));
    assert_eq!(app.head().await, head);
}

/// Goal: waiting never outlasts the caller, who would be told nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_wait_ends_with_the_deadline_of_the_caller() {
    let app = TestApp::with_issues(1).await;
    let mut request = tonic::Request::new(request(60, false));
    request.set_timeout(Duration::from_secs(2));

    let empty = app.root().actions().claim_next_actions(request).await.unwrap().into_inner();

    assert_eq!(empty.actions, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_stops_lets_those_go_who_wait() {
    let app = TestApp::with_issues(1).await;
    let hand = app.root();
    let waiter = tokio::spawn(async move {
        hand.actions().claim_next_actions(request(60, false)).await
    });
    // The claim of somebody else shows that the one before it has begun to wait.
    assert_eq!(app.root().next(1).await, []);
    let action = app.action(1, "Do it").await;
    let claimed = tokio::time::timeout(PATIENCE, waiter).await.unwrap().unwrap();
    assert_eq!(claimed.unwrap().into_inner().actions[0].name, action.name);
    let hand = app.root();
    let waiter = tokio::spawn(async move {
        hand.actions().claim_next_actions(request(60, false)).await
    });
    assert_eq!(app.root().get(&action.name).await.state(), ActionState::Claimed);

    app.stop().await;

    let told = tokio::time::timeout(PATIENCE, waiter).await.unwrap().unwrap().unwrap_err();
    assert_eq!(told.code(), Code::Unavailable);
}
