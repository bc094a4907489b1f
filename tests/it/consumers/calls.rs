//! The life of a consumer, and what its members say.

use potts::proto::consumer_start::Start;
use potts::proto::{
    ConsumeRequest, Consumer, ConsumerStart, ConsumerState, CreateConsumerRequest,
    DeleteConsumerRequest, ExtendEventsRequest, GetEventRequest, KeyedBy, ListConsumersRequest,
    ResetConsumerRequest, Role, UpdateConsumerRequest,
};
use tonic::{Code, Status};

use super::*;
use crate::support::app::TestApp;
use crate::support::{TestDatabase, eventually, told};

#[tokio::test(flavor = "multi_thread")]
async fn a_consumer_goes_through_its_life() {
    let app = issues(0).await;
    let mut events = app.follow().await;
    let created = create(&app, |consumer| consumer.buckets = 4).await;
    let update = UpdateConsumerRequest {
        consumer: Some(Consumer { name: NAME.into(), attempts_max: 3, ..Default::default() }),
        ..Default::default()
    };
    let delete = DeleteConsumerRequest { name: NAME.into(), ..Default::default() };

    let updated = app.events().update_consumer(update.clone()).await.unwrap().into_inner();
    let again = app.events().update_consumer(update).await.unwrap().into_inner();
    let list = ListConsumersRequest { parent: "projects/abc".into(), ..Default::default() };
    let listed = app.events().list_consumers(list).await.unwrap().into_inner().consumers;
    let (got, progress) = got(&app.as_root()).await;
    let deleted = app.events().delete_consumer(delete.clone()).await.unwrap().into_inner();

    assert_eq!((created.buckets, created.attempts_max), (4, 10));
    assert_eq!(created.ack_deadline.as_ref().unwrap().seconds, 30);
    assert_eq!((created.keyed_by(), created.state()), (KeyedBy::Root, ConsumerState::Active));
    let updated_consumer = updated.consumer.unwrap();
    assert_eq!((updated_consumer.attempts_max, updated.changed), (3, true));
    assert!(!again.changed && updated_consumer.etag != created.etag);
    assert_eq!((listed, got), (vec![updated_consumer.clone()], updated_consumer));
    assert_eq!((progress.done_seq, progress.lag, progress.members), (0, 3, 0));
    assert!(deleted.changed);
    assert_eq!(told(app.events().delete_consumer(delete).await).code, Code::NotFound);
    let kinds = ["project.created", "consumer.created", "consumer.updated", "consumer.deleted"];
    assert_eq!(events.types(4).await, kinds);
    // The id is free again.
    create(&app, |_| ()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_come_until_they_are_settled_and_then_no_more() {
    let app = issues(3).await;
    let root = app.as_root();
    create(&app, |_| ()).await;
    let mut member = Member::of(&root, NAME, 0).await.unwrap();

    let three = member.take(3).await;
    ack(&root, &three[..2]).await.unwrap();
    ack(&root, &three[..2]).await.expect("said again");
    drop(member);
    let mut next = Member::of(&root, NAME, 0).await.unwrap();
    let third = next.next().await;
    ack(&root, std::slice::from_ref(&third)).await.unwrap();
    app.issue("abc", "live").await;
    let live = next.next().await;
    ack(&root, std::slice::from_ref(&live)).await.unwrap();

    assert_eq!(seqs(&three), [2, 3, 4]);
    assert_eq!((seq(&third), third.attempt), (4, 1));
    // Event 5 is that of the consumer itself.
    assert_eq!((seq(&live), event(&live).r#type.as_str()), (6, "issue.created"));
    assert!(next.rest().await.is_empty());
    let look = async || got(&root).await.1;
    let progress = eventually(PATIENCE, look, |progress| progress.done_seq == 6).await;
    assert_eq!((progress.lag, progress.waiting, progress.members), (0, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_and_sight_decide_what_comes() {
    let app = issues(2).await;
    let wanda = app.actor("wanda", "abc", Role::Worker).await;
    let hide = "update issues set visible_to = '{groups/none}' where number = 2";
    app.database.sql().await.batch_execute(hide).await.unwrap();
    create(&app, |consumer| consumer.filter = types(&["issue.updated"])).await;
    for priority in 1..=2 {
        touch(&app.as_root(), "ABC-1", priority).await;
        touch(&app.as_root(), "ABC-2", priority).await;
    }

    let mut member = Member::of(&wanda, NAME, 0).await.unwrap();
    let first = member.next().await;
    ack(&wanda, std::slice::from_ref(&first)).await.unwrap();
    let second = member.next().await;
    ack(&wanda, std::slice::from_ref(&second)).await.unwrap();

    for delivery in [first, second] {
        assert_eq!(event(&delivery).subject, "projects/abc/issues/1");
        assert_eq!(event(&delivery).r#type, "issue.updated");
    }
    assert!(member.rest().await.is_empty());
    let look = async || got(&app.as_root()).await.1.lag;
    eventually(PATIENCE, look, |lag| *lag == 0).await;
}

/// Goal: a changed filter goes for what comes, and for nothing that was settled.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_filter_applies_from_the_position_on() {
    let app = issues(2).await;
    let root = app.as_root();
    create(&app, |consumer| consumer.filter = types(&["issue.created"])).await;
    let mut member = Member::of(&root, NAME, 0).await.unwrap();
    let two = member.take(2).await;
    ack(&root, &two).await.unwrap();

    let filter = types(&["issue.updated"]);
    let consumer = Consumer { name: NAME.into(), filter, ..Default::default() };
    let update = UpdateConsumerRequest { consumer: Some(consumer), ..Default::default() };
    app.events().update_consumer(update).await.unwrap();
    touch(&root, "ABC-1", 1).await;
    // Once something of the new filter has come, all that comes is of the new filter.
    let third = member.next().await;
    ack(&root, std::slice::from_ref(&third)).await.unwrap();
    app.issue("abc", "not taken").await;
    touch(&root, "ABC-3", 1).await;
    let fourth = member.next().await;

    assert_eq!(event(&third).r#type, "issue.updated");
    assert_eq!(event(&fourth).r#type, "issue.updated");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_needs_longer_says_so() {
    let app = issues(1).await;
    let root = app.as_root();
    create(&app, |_| ()).await;
    let mut member = Member::of(&root, NAME, 0).await.unwrap();
    let one = member.next().await;

    let extend = ExtendEventsRequest {
        name: NAME.into(),
        ack_tokens: vec![one.ack_token.clone()],
        extension: Some(prost_types::Duration { seconds: 300, nanos: 0 }),
    };
    root.events().extend_events(extend).await.unwrap();
    app.database.advance_clock(200).await;
    assert!(member.rest().await.is_empty(), "it has the time that it asked for");
    app.database.advance_clock(310).await;
    let again = {
        let look = async || got(&root).await.1.waiting;
        eventually(PATIENCE, look, |waiting| *waiting == 1).await;
        app.database.advance_clock(330).await;
        member.next().await
    };

    assert_eq!((seq(&again), again.attempt), (2, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_of_one_delivery_of_one_consumer() {
    let app = issues(1).await;
    let root = app.as_root();
    create(&app, |_| ()).await;
    let mut member = Member::of(&root, NAME, 0).await.unwrap();
    let one = member.next().await;
    let bytes = one.ack_token.clone().into_bytes();
    let forged: Vec<u8> =
        bytes.iter().map(|byte| if *byte == b'A' { b'B' } else { *byte }).collect();
    let forged = Delivery { ack_token: String::from_utf8(forged).unwrap(), ..one.clone() };

    let other = CreateConsumerRequest {
        parent: "projects/abc".into(),
        consumer_id: "y".into(),
        consumer: Some(Consumer::default()),
        ..Default::default()
    };
    root.events().create_consumer(other).await.unwrap();
    let elsewhere = AckEventsRequest {
        name: "projects/abc/consumers/y".into(),
        ack_tokens: vec![one.ack_token.clone()],
    };

    let refused = told(root.events().ack_events(elsewhere).await);
    assert_eq!(refused.why(), (Code::FailedPrecondition, "NOT_DELIVERED"));
    let refused = told(ack(&root, &[forged]).await);
    assert!(["NOT_DELIVERED", "FIELD_INVALID", "FENCE_STALE"].contains(&refused.reason.as_str()));
    ack(&root, &[one]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_has_a_hundred_streams_whatever_they_are() {
    let app = issues(0).await;
    create(&app, |_| ()).await;
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(Member::of(&app.as_root(), NAME, 0).await.unwrap());
    }

    let refused = told(Member::of(&app.as_root(), NAME, 0).await);

    assert_eq!(refused.why(), (Code::ResourceExhausted, "LIMIT_REACHED"));
}

/// A consumer of another name that is to start there, and the one that there is moved there.
async fn starting(app: &TestApp, start: Start) -> [Result<(), Status>; 2] {
    let start = Some(ConsumerStart { start: Some(start) });
    let create = CreateConsumerRequest {
        parent: "projects/abc".into(),
        consumer_id: "y".into(),
        consumer: Some(Consumer::default()),
        start: start.clone(),
        ..Default::default()
    };
    let reset = ResetConsumerRequest { name: NAME.into(), start, ..Default::default() };
    [
        app.events().create_consumer(create).await.map(drop),
        app.events().reset_consumer(reset).await.map(drop),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_does_not_fit_the_log_is_refused() {
    let replaced = TestDatabase::new().await;
    let anew = "update log_state set epoch = gen_random_uuid()";
    replaced.sql().await.execute(anew, &[]).await.unwrap();
    let other = TestApp::on(replaced, &[]).await;
    other.project("abc").await;
    let app = issues(2).await;
    create(&app, |_| ()).await;
    let longer = issues(9).await;
    let cursor = async |app: &TestApp, seq: i64| {
        let request = GetEventRequest { name: format!("events/{seq}") };
        app.events().get_event(request).await.unwrap().into_inner().cursor
    };
    let first = cursor(&app, 1).await;

    let refuses = async |app: &TestApp, cursor: &str, reason: &str| {
        for told in starting(app, Start::After(cursor.into())).await.map(told) {
            assert_eq!(told.reason, reason);
        }
    };
    refuses(&app, &cursor(&other, 1).await, "EPOCH_CHANGED").await;
    // Clones of one template are one log, which has gone different ways.
    refuses(&app, &cursor(&longer, 10).await, "CURSOR_AHEAD").await;
    refuses(&app, &cursor(&longer, 1).await, "LOG_DIVERGED").await;
    let database = app.stop().await;
    database.sql().await.execute("update log_state set oldest_seq = 4", &[]).await.unwrap();
    let app = TestApp::on(database, &[]).await;
    refuses(&app, &first, "CURSOR_EXPIRED").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_a_member_who_may_not_work_any_more_ends() {
    let app = issues(0).await;
    let wanda = app.actor("wanda", "abc", Role::Worker).await;
    create(&app, |_| ()).await;
    let mut member = Member::of(&wanda, NAME, 0).await.unwrap();

    let disable =
        potts::proto::DisableActorRequest { name: "actors/wanda".into(), ..Default::default() };
    app.actors().disable_actor(disable).await.unwrap();
    let ended = told(member.try_next().await);

    // Whichever notices first: the stream of the log, or the next sign of life.
    assert!(["ACCESS_REVOKED", "CREDENTIAL_INVALID"].contains(&ended.reason.as_str()), "{ended:?}");
    let request = ConsumeRequest { name: NAME.into(), in_flight_max: 0 };
    assert_eq!(told(wanda.events().consume(request).await).code, Code::Unauthenticated);
}
