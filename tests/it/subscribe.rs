//! Subscriptions: where they start, what they say, how they end.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use potts::proto::subscribe_request::Start;
use potts::proto::subscribe_response::Message;
use potts::proto::{
    CloseIssueRequest, Event, EventBatch, EventClass, EventFilter, SubscribeRequest,
};
use tonic::{Code, Status};

use crate::support::app::{Follower, PATIENCE};
use crate::support::{TestApp, TestDatabase, eventually, told};

async fn subscribe(app: &TestApp, request: SubscribeRequest) -> Result<Follower, Status> {
    Ok(Follower::new(app.events().subscribe(request).await?.into_inner()))
}

fn from(start: Start) -> SubscribeRequest {
    SubscribeRequest { start: Some(start), ..Default::default() }
}

/// All that there is, and then the end.
fn finite() -> SubscribeRequest {
    SubscribeRequest { stop_when_caught_up: true, ..from(Start::FromBeginning(true)) }
}

/// The messages of a stream that ends, the last one before its end included.
async fn whole(app: &TestApp, request: SubscribeRequest) -> Vec<Message> {
    let mut stream = app.events().subscribe(request).await.unwrap().into_inner();
    let mut messages = Vec::new();
    while let Some(next) = tokio::time::timeout(PATIENCE, stream.message()).await.unwrap().unwrap()
    {
        messages.push(next.message.unwrap());
    }
    messages
}

fn batches(messages: &[Message]) -> Vec<&EventBatch> {
    let batches = messages.iter().map(|message| match message {
        Message::Batch(batch) => Some(batch),
        Message::Started(_)
        | Message::Checkpoint(_)
        | Message::CaughtUp(_)
        | Message::FellBehind(_) => None,
    });
    batches.flatten().collect()
}

fn events(messages: &[Message]) -> Vec<Event> {
    batches(messages).into_iter().flat_map(|batch| batch.decoded().unwrap()).collect()
}

fn seqs(messages: &[Message]) -> Vec<i64> {
    events(messages).iter().map(|event| event.seq).collect()
}

fn cursor(message: &Message) -> String {
    match message {
        Message::Started(m) => m.cursor.clone(),
        Message::Batch(m) => m.cursor.clone(),
        Message::Checkpoint(m) => m.cursor.clone(),
        Message::CaughtUp(m) => m.cursor.clone(),
        Message::FellBehind(m) => m.cursor.clone(),
    }
}

/// `project.created`, `issue.created` twice, `issue.transitioned`, `issue.closed`.
async fn five() -> TestApp {
    let app = TestApp::start().await;
    app.project("abc").await;
    for title in ["The light is off", "The door is open"] {
        app.issue("abc", title).await;
    }
    close(&app, "ABC-1").await;
    app
}

async fn close(app: &TestApp, name: &str) {
    let close = CloseIssueRequest { name: name.into(), ..Default::default() };
    app.issues().close_issue(close).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_from_the_beginning_gets_all_and_then_what_happens() {
    let app = five().await;
    let mut follower = subscribe(&app, from(Start::FromBeginning(true))).await.unwrap();

    let Message::Started(started) = follower.message().await.unwrap() else { panic!() };
    let old = follower.events(5).await;
    close(&app, "ABC-2").await;
    let new = follower.events(2).await;

    assert_eq!((started.oldest, started.head), (1, 5));
    let seqs: Vec<_> = old.iter().chain(&new).map(|event| event.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6, 7]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_from_now_gets_what_happens_next() {
    let app = five().await;

    for start in [None, Some(Start::FromNow(true))] {
        let head = app.head().await;
        let request = SubscribeRequest { start, ..Default::default() };
        let mut follower = subscribe(&app, request).await.unwrap();
        app.issue("abc", "The window is open").await;
        assert_eq!(follower.event().await.seq, head + 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_after_a_time_starts_up_to_ten_seconds_early_and_never_late() {
    let app = five().await;
    app.database.advance_clock(100).await;
    app.issue("abc", "The window is open").await;
    let sixth = app.follow().await.events(6).await.remove(5);
    app.database.advance_clock(200).await;
    app.issue("abc", "The roof leaks").await;
    let request = |seconds| {
        let mut at = sixth.record_time.unwrap();
        at.seconds += seconds;
        SubscribeRequest { start: Some(Start::AfterTime(at)), ..finite() }
    };

    assert_eq!(seqs(&whole(&app, request(0)).await), [6, 7]);
    assert_eq!(seqs(&whole(&app, request(9)).await), [6, 7], "early, never late");
    assert_eq!(seqs(&whole(&app, request(20)).await), [7]);
    assert_eq!(seqs(&whole(&app, request(-50)).await), [6, 7]);
    assert_eq!(seqs(&whole(&app, request(-1000)).await), [1, 2, 3, 4, 5, 6, 7]);
    let future = told(subscribe(&app, request(1000)).await);
    assert_eq!(
        (future.why(), future.blamed().as_str()),
        ((Code::InvalidArgument, "FIELD_INVALID"), "after_time")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_pick_from_the_log_and_from_what_happens() {
    let app = five().await;
    app.project("other").await;
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
    let none = EventFilter::default;
    let filters = [
        (EventFilter { projects: texts(&["projects/other"]), ..none() }, vec![6, 9]),
        (EventFilter { projects: texts(&["projects/-"]), ..none() }, vec![]),
        (EventFilter { roots: texts(&["abc-2"]), ..none() }, vec![3, 7, 8]),
        (EventFilter { subjects: texts(&["projects/abc"]), ..none() }, vec![1]),
        (EventFilter { types: texts(&["issue.closed", "project.*"]), ..none() }, vec![1, 5, 6, 8]),
        (EventFilter { classes: vec![EventClass::System.into()], ..none() }, vec![1, 6]),
        (
            EventFilter { roots: texts(&["ABC-1"]), types: texts(&["issue.closed"]), ..none() },
            vec![5],
        ),
    ];
    let mut live = Vec::new();
    for (filter, expected) in &filters {
        let request =
            SubscribeRequest { filter: Some(filter.clone()), ..from(Start::FromBeginning(true)) };
        live.push((subscribe(&app, request).await.unwrap(), expected));
    }

    close(&app, "ABC-2").await;
    app.issue("other", "The shop is closed").await;

    for (follower, expected) in &mut live {
        let seqs: Vec<_> =
            follower.events(expected.len()).await.iter().map(|event| event.seq).collect();
        assert_eq!(&seqs, *expected);
    }
    for (filter, expected) in filters {
        let messages = whole(&app, SubscribeRequest { filter: Some(filter), ..finite() }).await;
        assert_eq!(seqs(&messages), expected, "from the log alone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn batches_are_bounded_by_events_and_by_bytes() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let title = "t".repeat(500);
    for _ in 0..12 {
        app.issue("abc", &title).await;
    }
    let database = app.stop().await;
    let app = TestApp::on(database, &[]).await;

    let by_events = whole(&app, SubscribeRequest { batch_events_max: 5, ..finite() }).await;
    let by_bytes = whole(&app, SubscribeRequest { batch_bytes_max: 4096, ..finite() }).await;

    let all: Vec<i64> = (1..=13).collect();
    assert_eq!((seqs(&by_events), seqs(&by_bytes)), (all.clone(), all));
    for batch in batches(&by_events) {
        assert!((1..=5).contains(&batch.events.len()));
    }
    assert!(batches(&by_bytes).len() > 2);
    for batch in batches(&by_bytes) {
        let bytes: usize = batch.events.iter().map(|event| event.len()).sum();
        assert!(bytes <= 4096 && batch.head == 13, "{bytes}");
        let last = batch.decoded().unwrap().pop().unwrap().seq;
        assert_eq!(batch.lag, 13 - last);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_says_whether_its_last_call_is_whole() {
    let app = five().await;

    let single = whole(&app, SubscribeRequest { batch_events_max: 1, ..finite() }).await;

    let complete: Vec<_> = batches(&single).iter().map(|batch| batch.command_complete).collect();
    assert_eq!(complete, [true, true, true, false, true]);
    let ends: Vec<_> = events(&single).iter().map(|event| event.ends_command).collect();
    assert_eq!(ends, complete);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_says_started_first_and_caught_up_once() {
    let app = five().await;

    let messages = whole(&app, finite()).await;
    let empty = TestApp::start().await;
    let nothing = whole(&empty, finite()).await;

    assert!(matches!(messages[0], Message::Started(_)));
    let caught_up = |message: &&Message| matches!(message, Message::CaughtUp(_));
    assert_eq!(messages.iter().filter(caught_up).count(), 1);
    let Some(Message::CaughtUp(last)) = messages.last() else { panic!("{messages:?}") };
    assert_eq!(last.head, 5);
    let [Message::Started(started), Message::CaughtUp(end)] = &nothing[..] else {
        panic!("{nothing:?}");
    };
    assert_eq!((started.oldest, started.head, end.head), (1, 0, 0));
    assert_eq!(started.cursor, end.cursor);
}

/// Goal: a reader whose filter takes nothing still moves on, so that it resumes where it was.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_takes_nothing_is_told_how_far_it_is() {
    let app = five().await;
    let filter = EventFilter { types: vec!["issue.deleted".into()], ..Default::default() };
    let request = SubscribeRequest {
        filter: Some(filter),
        checkpoint_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
        ..from(Start::FromBeginning(true))
    };
    let mut follower = subscribe(&app, request).await.unwrap();

    // On a busy machine a second may pass before it has caught up, and a checkpoint comes first.
    while !matches!(follower.message().await.unwrap(), Message::CaughtUp(_)) {}
    app.issue("abc", "The window is open").await;
    let message = follower.message().await.unwrap();

    let Message::Checkpoint(checkpoint) = message else { panic!("{message:?}") };
    assert_eq!(checkpoint.head, 6);
    app.issue("abc", "The roof leaks").await;
    let rest = app.follow_from(Start::After(checkpoint.cursor)).await.event().await;
    assert_eq!(rest.seq, 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_of_any_message_resumes_to_exactly_the_rest() {
    let app = five().await;
    let messages = whole(&app, SubscribeRequest { batch_events_max: 1, ..finite() }).await;
    let restarted = TestApp::on(app.stop().await, &[]).await;

    let mut sent = 0;
    for message in &messages {
        if let Message::Batch(_) = message {
            sent += 1;
        }
        let start = Some(Start::After(cursor(message)));
        let rest = whole(&restarted, SubscribeRequest { start, ..finite() }).await;
        assert_eq!(seqs(&rest), (sent + 1..=5).collect::<Vec<_>>(), "{message:?}");
        assert!(cursor(message).len() <= 64);
    }
}

/// Another place in the same log than the cursor says: a byte of it changed.
fn forged(cursor: &str, change: impl FnOnce(&mut Vec<u8>)) -> String {
    let mut bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap();
    change(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_of_another_log_is_refused() {
    // Clones of one template are one log, as copies of a database are.
    let replaced = TestDatabase::new().await;
    let anew = "update log_state set epoch = gen_random_uuid()";
    replaced.sql().await.execute(anew, &[]).await.unwrap();
    let app = five().await;
    let other = TestApp::on(replaced, &[]).await;
    other.project("abc").await;
    let theirs = cursor(whole(&other, finite()).await.last().unwrap());

    let refused = told(subscribe(&app, from(Start::After(theirs))).await);

    assert_eq!(refused.why(), (Code::FailedPrecondition, "EPOCH_CHANGED"));
    assert!(!refused.blamed().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_that_does_not_fit_the_log_is_refused() {
    let app = five().await;
    let messages = whole(&app, SubscribeRequest { batch_events_max: 2, ..finite() }).await;
    let second = cursor(messages.iter().find(|m| matches!(m, Message::Batch(_))).unwrap());
    let last = cursor(messages.last().unwrap());
    let app = TestApp::on(app.stop().await, &[]).await;

    for cursor in [&second, &last] {
        let diverged = forged(cursor, |bytes| *bytes.last_mut().unwrap() ^= 1);
        let refused = told(subscribe(&app, from(Start::After(diverged))).await);
        assert_eq!(refused.why(), (Code::FailedPrecondition, "LOG_DIVERGED"));
        assert_eq!(refused.blamed(), "log");
    }
    let ahead = forged(&last, |bytes| bytes[16] += 1);
    let refused = told(subscribe(&app, from(Start::After(ahead))).await);
    assert_eq!(refused.why(), (Code::OutOfRange, "CURSOR_AHEAD"));
    assert_eq!(refused.metadata("head"), "5");
    let version = forged(&last, |bytes| bytes[0] = 9);
    let refused = told(subscribe(&app, from(Start::After(version))).await);
    assert_eq!(refused.why(), (Code::InvalidArgument, "CURSOR_MALFORMED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_before_the_oldest_event_is_refused() {
    let app = five().await;
    let messages = whole(&app, SubscribeRequest { batch_events_max: 1, ..finite() }).await;
    let cursors: Vec<_> = messages.iter().map(cursor).collect();
    let database = app.stop().await;
    database.sql().await.execute("update log_state set oldest_seq = 4", &[]).await.unwrap();
    let app = TestApp::on(database, &[]).await;

    for cursor in &cursors[..3] {
        let refused = told(subscribe(&app, from(Start::After(cursor.clone()))).await);
        assert_eq!(refused.why(), (Code::OutOfRange, "CURSOR_EXPIRED"));
        assert_eq!((refused.metadata("oldest"), refused.metadata("head")), ("4", "5"));
    }
    let start = Some(Start::After(cursors[3].clone()));
    assert_eq!(seqs(&whole(&app, SubscribeRequest { start, ..finite() }).await), [4, 5]);
    let left = whole(&app, finite()).await;
    assert_eq!(seqs(&left), [4, 5]);
    let Message::Started(started) = &left[0] else { panic!() };
    assert_eq!((started.oldest, started.head), (4, 5));
    let gone = potts::proto::GetEventRequest { name: "events/3".into() };
    let gone = told(app.events().get_event(gone).await);
    assert_eq!(gone.why(), (Code::OutOfRange, "CURSOR_EXPIRED"));
    assert_eq!((gone.metadata("oldest"), gone.metadata("head")), ("4", "5"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_has_a_hundred_subscriptions() {
    let app = TestApp::start().await;
    let now = || from(Start::FromNow(true));
    let mut held = Vec::new();
    for _ in 0..100 {
        held.push(subscribe(&app, now()).await.unwrap());
    }

    let refused = told(subscribe(&app, now()).await);
    held.pop();
    let freed = eventually(
        PATIENCE,
        async || subscribe(&app, now()).await.map(drop).map_err(|status| status.code()),
        Result::is_ok,
    );

    assert_eq!(refused.why(), (Code::ResourceExhausted, "LIMIT_REACHED"));
    assert_eq!(refused.details.quota_failure().unwrap().violations.len(), 1);
    assert!(refused.details.retry_info().is_none(), "waiting does not help");
    freed.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_old_ends_with_a_last_cursor() {
    let app = TestApp::with(&[("POTTS_STREAM_AGE_MAX", "2s")]).await;
    app.project("abc").await;
    let filter = EventFilter { types: vec!["project.*".into()], ..Default::default() };
    let request = SubscribeRequest { filter: Some(filter), ..from(Start::FromBeginning(true)) };
    let began = tokio::time::Instant::now();
    let mut follower = subscribe(&app, request).await.unwrap();
    assert_eq!(follower.event().await.seq, 1);
    app.issue("abc", "The window is open").await;

    let status = loop {
        if let Err(status) = follower.message().await {
            break status;
        }
    };

    let age = began.elapsed();
    let ended = told(Err::<(), _>(status));
    assert_eq!(ended.why(), (Code::Unavailable, "SHUTTING_DOWN"));
    assert!(ended.details.retry_info().unwrap().retry_delay.is_some());
    assert!(age >= Duration::from_millis(1_600), "{age:?}");
    let app = TestApp::on(app.stop().await, &[]).await;
    app.issue("abc", "The door is open").await;
    let rest = app.follow_from(Start::After(follower.cursor.clone())).await.event().await;
    assert_eq!(rest.seq, 3, "the last cursor is where the reader was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_ends_its_streams_with_a_last_cursor() {
    let app = five().await;
    let filter = EventFilter { types: vec!["project.*".into()], ..Default::default() };
    let request = SubscribeRequest { filter: Some(filter), ..from(Start::FromBeginning(true)) };
    let mut follower = subscribe(&app, request).await.unwrap();
    assert_eq!(follower.event().await.seq, 1);
    let read_on = async {
        loop {
            if let Err(status) = follower.message().await {
                break status;
            }
        }
    };

    let (database, status) = tokio::join!(app.stop(), read_on);

    let ended = told(Err::<(), _>(status));
    assert_eq!(ended.why(), (Code::Unavailable, "SHUTTING_DOWN"));
    assert!(ended.details.retry_info().unwrap().retry_delay.is_some());
    let app = TestApp::on(database, &[]).await;
    app.issue("abc", "The window is open").await;
    let rest = app.follow_from(Start::After(follower.cursor.clone())).await.event().await;
    assert_eq!(rest.seq, 6, "the last cursor is where the reader was");
}
