//! Consumers are stopped, moved, and fall too far behind.

use potts::proto::{
    ConsumeRequest, ConsumerState, PauseConsumerRequest, ResetConsumerRequest,
    ResumeConsumerRequest,
};
use tonic::Code;

use super::*;
use crate::support::{eventually, told};

fn pause() -> PauseConsumerRequest {
    PauseConsumerRequest { name: NAME.into(), ..Default::default() }
}

fn resume() -> ResumeConsumerRequest {
    ResumeConsumerRequest { name: NAME.into(), ..Default::default() }
}

fn reset(start: Start) -> ResetConsumerRequest {
    let start = Some(ConsumerStart { start: Some(start) });
    ResetConsumerRequest { name: NAME.into(), start, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_consumer_delivers_nothing_and_goes_on_where_it_was() {
    let app = issues(1).await;
    let root = app.as_root();
    create(&app, |_| ()).await;
    let mut member = Member::of(&root, NAME, 0).await.unwrap();
    let first = member.next().await;

    let paused = root.events().pause_consumer(pause()).await.unwrap().into_inner();
    assert!(!root.events().pause_consumer(pause()).await.unwrap().into_inner().changed);
    // Whatever was on its way when it was paused.
    assert!(member.rest().await.is_empty());
    app.issue("abc", "later").await;
    assert!(member.rest().await.is_empty());
    ack(&root, &[first]).await.expect("what is with a member may be settled");
    assert!(member.rest().await.is_empty());
    let resumed = root.events().resume_consumer(resume()).await.unwrap().into_inner();
    let second = member.next().await;

    assert_eq!(paused.consumer.unwrap().state(), ConsumerState::Paused);
    assert_eq!(resumed.consumer.unwrap().state(), ConsumerState::Active);
    assert_eq!(event(&second).subject, "projects/abc/issues/2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_moves_a_consumer_and_voids_what_is_with_its_members() {
    let app = issues(3).await;
    let root = app.as_root();
    create(&app, |consumer| consumer.buckets = 2).await;
    let mut member = Member::of(&root, NAME, 0).await.unwrap();
    let three = member.take(3).await;
    ack(&root, &three[..1]).await.unwrap();
    fail(&root, &three[1..2]).await.unwrap();

    root.events().reset_consumer(reset(Start::FromBeginning(true))).await.unwrap();
    let stale = told(ack(&root, &three[2..]).await);
    // What failed just before may have been on its way already.
    let mut again = Vec::new();
    while again.len() < 3 {
        let one = member.next().await;
        if ack(&root, std::slice::from_ref(&one)).await.is_ok() {
            again.push(seq(&one));
        }
    }
    again.sort_unstable();
    root.events().reset_consumer(reset(Start::FromNow(true))).await.unwrap();
    assert!(member.rest().await.is_empty());
    app.issue("abc", "live").await;
    let live = member.next().await;

    assert_eq!(stale.why(), (Code::FailedPrecondition, "FENCE_STALE"));
    assert_eq!(stale.metadata("tokens"), "0");
    assert_eq!(again, [2, 3, 4]);
    assert_eq!(event(&live).subject, "projects/abc/issues/4");
    // What waited before the first reset is forgotten.
    let count = "select count(*) from consumer_retries";
    let sql = app.database.sql().await;
    let look = async || sql.query_one(count, &[]).await.unwrap().get::<_, i64>(0);
    eventually(PATIENCE, look, |left| *left == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_that_is_too_far_behind_has_to_be_reset() {
    let app = issues(3).await;
    let root = app.as_root();
    create(&app, |_| ()).await;
    let mut member = Member::of(&root, NAME, 0).await.unwrap();
    let three = member.take(3).await;
    ack(&root, &three[..2]).await.unwrap();
    fail(&root, &three[2..]).await.unwrap();
    drop(member);
    root.events().pause_consumer(pause()).await.unwrap();

    app.database.advance_clock(31 * 24 * 3600).await;
    let look = async || got(&root).await.0.state();
    eventually(PATIENCE, look, |state| *state == ConsumerState::Expired).await;
    let consume = ConsumeRequest { name: NAME.into(), in_flight_max: 0 };
    for refused in [
        told(root.events().consume(consume).await.map(drop)),
        told(ack(&root, &three).await),
        told(root.events().resume_consumer(resume()).await.map(drop)),
    ] {
        assert_eq!(refused.why(), (Code::FailedPrecondition, "CONSUMER_EXPIRED"));
        assert_eq!(refused.metadata("oldest"), "1");
    }
    root.events().reset_consumer(reset(Start::FromBeginning(true))).await.unwrap();
    let mut member = Member::of(&root, NAME, 0).await.unwrap();

    assert_eq!(seqs(&member.take(3).await), [2, 3, 4]);
}
