//! More calls than can be carried out: what would only make more work is refused first, what ends
//! work last, and whatever was taken in is carried out.
//!
//! The order lock is held by a session of the test, so the queue of the lane fills and does not
//! drain. The ledger gives the batch that waits for it up after four attempts of three seconds: all
//! that is asked while the lock is held has its answer by then.

use std::time::Duration;

use futures_util::future::join_all;
use potts::proto::event_service_client::EventServiceClient;
use potts::proto::{
    Action, ActionState, PublishEventsRequest, PublishedMessage, cloudevents,
    publish_result::Outcome,
};
use tokio::task::JoinHandle;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::fault_calls::{
    create, creating, hold_order_lock, issue, issues_titled, log, order_lock_awaited, reason,
};
use crate::replicas::door;
use crate::support::app::{Door, TestApp};
use crate::support::eventually;
use crate::support::get;
use crate::support::work::{Hand, named};

const WITHIN: Duration = Duration::from_secs(60);
/// Commands that a queue holds, and how many of them each class may fill.
const FULL: usize = 4_096;
const CLAIMS_FILL: usize = FULL / 2;
const WRITES_FILL: usize = FULL / 4 * 3;
/// Messages of one call, each of which is a command.
const MESSAGES: usize = 256;

async fn queued(app: &TestApp) -> usize {
    let metrics = get(app.server.http_addr, "/metrics").await.1;
    let mut lines = metrics.lines();
    let line = lines.find_map(|line| line.strip_prefix("potts_ledger_queued_commands "));
    line.unwrap().trim().parse().unwrap()
}

async fn filled(app: &TestApp, commands: usize) {
    eventually(WITHIN, async || queued(app).await, |queued| *queued == commands).await;
}

/// Publishes so many messages, not waited for; fails if one of them is refused.
fn publishing(door: &Door, named: usize, messages: usize) -> JoinHandle<Vec<PublishedMessage>> {
    let message = |n: usize| cloudevents::CloudEvent {
        id: format!("{named}-{n}"),
        source: "/tests".into(),
        spec_version: "1.0".into(),
        r#type: "test".into(),
        ..Default::default()
    };
    let request = PublishEventsRequest {
        parent: "projects/abc".into(),
        events: (0..messages).map(message).collect(),
        ..Default::default()
    };
    let mut events = EventServiceClient::new(door.clone());
    tokio::spawn(async move {
        let published = events.publish_events(request).await.unwrap().into_inner();
        let results = published.results.into_iter().map(|result| match result.outcome {
            Some(Outcome::Message(message)) => message,
            other => panic!("{other:?}"),
        });
        results.collect()
    })
}

/// Whether a refusal says that the queue is full, and when to come back.
#[track_caller]
fn is_full<T: std::fmt::Debug>(refused: Result<T, Status>) {
    let status = refused.unwrap_err();
    assert_eq!(status.code(), Code::ResourceExhausted, "{status:?}");
    assert_eq!(reason(&status), "QUEUE_FULL", "{status:?}");
    let after = status.get_details_retry_info().unwrap().retry_delay.unwrap();
    assert!((Duration::from_millis(50)..=Duration::from_secs(5)).contains(&after), "{after:?}");
}

/// Goal: claims are refused from half a queue on, writes from three quarters, and what ends work
/// only by a queue that is full. What was taken in is carried out, in order, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn claims_are_refused_first_then_writes_and_ends_last() {
    let app = TestApp::with_issues(1).await;
    let hand = app.root();
    let (held, ready) = (app.action(1, "held").await, app.action(1, "ready").await);
    let held = hand.claim(&held.name).await.unwrap();
    // Calls of a connection are bounded, too.
    let (ours, others) = (door(app.server.grpc_addr).await, door(app.server.grpc_addr).await);
    let before = log(&app.database).await.len();
    let lock = hold_order_lock(&app.database).await;
    let first = creating(&app.door, &issue("abc", "first"), WITHIN);
    order_lock_awaited(&app.database).await;

    let mut published: Vec<_> = (0..8).map(|n| publishing(&app.door, n, MESSAGES)).collect();
    filled(&app, CLAIMS_FILL).await;
    is_full(hand.claim(&ready.name).await);
    let taken_in = creating(&app.door, &issue("abc", "taken in"), WITHIN);
    published.extend((8..11).map(|n| publishing(&app.door, n, MESSAGES)));
    published.push(publishing(&app.door, 11, MESSAGES - 1));
    filled(&app, WRITES_FILL).await;
    let too_much = issue("abc", "too much");
    is_full(hand.claim(&ready.name).await);
    is_full(create(&app.door, &too_much, WITHIN).await);
    let beats: Vec<_> = (0..FULL - WRITES_FILL - 1)
        .map(|n| beating(if n % 2 == 0 { &ours } else { &others }, &held))
        .collect();
    filled(&app, FULL - 1).await;
    let completed = tokio::spawn({
        let (hand, held) = (hand.clone(), held.clone());
        async move { hand.complete(&held).await }
    });
    filled(&app, FULL).await;
    is_full(hand.beat(&held, 1).await);
    is_full(hand.complete(&held).await);
    is_full(create(&app.door, &too_much, WITHIN).await);
    is_full(hand.claim(&ready.name).await);
    assert_eq!(queued(&app).await, FULL);
    drop(lock);

    let numbers = [first, taken_in].map(async |call| number(call.await.unwrap().unwrap().issue));
    assert_eq!(join_all(numbers).await, [2, 3]);
    let messages = join_all(published).await.into_iter().flat_map(Result::unwrap).count();
    assert_eq!(messages, WRITES_FILL - 1);
    for beat in join_all(beats).await {
        beat.unwrap().unwrap();
    }
    assert!(completed.await.unwrap().unwrap().changed);
    assert_eq!(queued(&app).await, 0);
    // Signs of life are no events, and what was refused has left no trace.
    let rows = log(&app.database).await;
    let count = |kind: &str| rows[before..].iter().filter(|row| row.2 == kind).count();
    assert_eq!(count("message.received"), WRITES_FILL - 1);
    assert_eq!((count("issue.created"), count("action.claimed")), (2, 0));
    assert_eq!(issues_titled(&app.database, "too much").await, 0);
    assert_eq!(hand.get(&held.name).await.state(), ActionState::Succeeded);
    assert_eq!(hand.get(&named(1, 2)).await.state(), ActionState::Ready);
    // And whoever was refused is taken in now.
    create(&app.door, &too_much, WITHIN).await.unwrap();
    hand.claim(&ready.name).await.unwrap();
}

/// A sign of life through another door, not waited for.
fn beating(door: &Door, held: &Action) -> JoinHandle<Result<i64, Status>> {
    let (hand, held) = (Hand::at(door), held.clone());
    tokio::spawn(async move { hand.beat(&held, 50).await })
}

fn number(issue: Option<potts::proto::Issue>) -> i64 {
    issue.unwrap().name.rsplit('/').next().unwrap().parse().unwrap()
}
