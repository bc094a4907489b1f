//! Where the log begins: what is too old is exported and goes, and readers are told or see no
//! difference.

mod consumers;
mod steps;

use std::path::Path;
use std::time::Duration;

use potts::archive;
use potts::domain::event::Seq;
use potts::proto::subscribe_request::Start;
use potts::proto::subscribe_response::Message;
use potts::proto::{Event, EventFilter, GetEventRequest, ListEventsRequest, SubscribeRequest};
use potts::server::{Retention, keep_horizon};
use potts::store::{Connections, Connector, HORIZON_GRACE, PARTITION_EVENTS, Store};
use prost::Message as _;
use tonic::Code;

use crate::support::app::Follower;
use crate::support::programs::{potts, run};
use crate::support::{TestApp, TestDatabase, eventually, told};

const WITHIN: Duration = Duration::from_secs(30);
const DAY: i64 = 24 * 60 * 60;
/// How many events lie before the end of the first partition, and how many behind it.
const BEFORE: i64 = 10;
const BEHIND: i64 = 5;
/// The first event of the second partition.
const SECOND: i64 = PARTITION_EVENTS;

/// A database whose log begins shortly before the end of the first partition.
async fn late() -> TestDatabase {
    let database = TestDatabase::new().await;
    let begin = format!("update log_state set oldest_seq = {}", SECOND - BEFORE);
    database.sql().await.batch_execute(&begin).await.unwrap();
    database
}

/// A service whose log has gone on in the second partition.
async fn rolled(set: &[(&str, &str)]) -> TestApp {
    let app = TestApp::on(late().await, set).await;
    app.project("abc").await;
    for n in 1..BEFORE + BEHIND {
        app.issue("abc", &n.to_string()).await;
    }
    app
}

fn store(url: &str) -> Store {
    Store::new(Connector::new(url).unwrap(), Connections { read: 1, stream: 1 })
}

fn after_90_days(archive_dir: Option<&Path>) -> Retention {
    let older_than = Some(Duration::from_secs(90 * DAY.cast_unsigned()));
    Retention { older_than, archive_dir: archive_dir.map(Into::into) }
}

/// Moves the horizon, as a replica that nobody else is in the way of.
async fn keep(url: &str, retention: &Retention) {
    let store = store(url);
    let keep = async || keep_horizon(&store, retention, Seq(0)).await.unwrap();
    eventually(WITHIN, keep, |kept| *kept).await;
}

/// Where the log begins, and how far the end of its first partition has come.
async fn horizon(database: &TestDatabase) -> (i64, String) {
    let look = "select oldest_seq, state from log_state, event_partitions where index = 0";
    let row = database.sql().await.query_one(look, &[]).await.unwrap();
    (row.get(0), row.get(1))
}

async fn has_table(database: &TestDatabase, name: &str) -> bool {
    let look = "select to_regclass($1) is not null";
    database.sql().await.query_one(look, &[&name]).await.unwrap().get(0)
}

/// `potts log` on a database.
async fn potts_log(database: &TestDatabase, words: &[&str]) -> crate::support::programs::Ran {
    let mut command = potts();
    command.arg("log").args(words).env("POTTS_DATABASE_URL", &database.url);
    run(&mut command, "").await
}

fn events_of(path: &Path) -> Vec<Event> {
    let mut reader = archive::Reader::open(path).unwrap();
    std::iter::from_fn(|| reader.next_event().unwrap())
        .map(|event| Event::decode(event).unwrap())
        .collect()
}

/// Goal: the whole way, by the service alone: old events are exported and go, and nobody who needs
/// no old events sees any difference.
#[tokio::test(flavor = "multi_thread")]
async fn old_events_are_exported_and_go_and_the_rest_stays() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("archive");
    let set = [("POTTS_LOG_ARCHIVE_DIR", dir.to_str().unwrap())];
    let app = rolled(&set).await;
    let all = app.follow().await.events(15).await;
    let cursor = async |app: &TestApp, seq: i64| {
        let get = GetEventRequest { name: format!("events/{seq}") };
        app.events().get_event(get).await.unwrap().into_inner().cursor
    };
    let (last, before) = (cursor(&app, SECOND - 1).await, cursor(&app, SECOND - 2).await);
    let database = app.stop().await;
    // A service that starts looks at once.
    database.advance_clock(91 * DAY).await;
    let app = TestApp::on(database, &set).await;
    let ended = (SECOND, "ENDED".to_owned());
    eventually(WITHIN, async || horizon(&app.database).await, |seen| *seen == ended).await;
    let database = app.stop().await;
    database.advance_clock(91 * DAY + 61).await;
    let app = TestApp::on(database, &set).await;
    let dropped = (SECOND, "DROPPED".to_owned());
    eventually(WITHIN, async || horizon(&app.database).await, |seen| *seen == dropped).await;

    assert!(!has_table(&app.database, "events_00000000").await);
    let look = "select archive_uri, archive_sha256, archive_events, min_at <= max_at
                  from event_partitions where index = 0";
    let row = app.database.sql().await.query_one(look, &[]).await.unwrap();
    let path = archive::path_of(row.get(0)).unwrap();
    let contents = archive::verify(&path).unwrap();
    assert!(path.starts_with(&dir) && row.get::<_, bool>(3));
    assert_eq!((&contents.sha256[..], contents.events), (row.get(1), row.get(2)));
    assert_eq!(contents.stretch, Some((Seq(SECOND - BEFORE), Seq(SECOND - 1))));
    assert_eq!(events_of(&path), all[..10]);
    // Who has seen all that went goes on, who has not is told.
    let resumed = app.follow_from(Start::After(last)).await.events(5).await;
    assert_eq!(resumed, all[10..]);
    let start = Some(Start::After(before));
    let request = SubscribeRequest { start, ..Default::default() };
    let refused = told(app.events().subscribe(request).await);
    assert_eq!(refused.why(), (Code::OutOfRange, "CURSOR_EXPIRED"));
    app.issue("abc", "one more").await;
    assert_eq!(app.follow().await.events(6).await[..5], all[10..]);

    commands_read_both(&app.database, &path).await;
}

/// What `potts log` says of a database and of an archive.
async fn commands_read_both(database: &TestDatabase, path: &Path) {
    let archive = path.to_str().unwrap();
    let well = potts_log(database, &["check"]).await;
    let alone = potts_log(database, &["check", "--archive", archive]).await;
    let kept = potts_log(database, &["show", "--json"]).await;
    let first = potts_log(database, &["show", "--after", "3", "--limit", "1"]).await;
    let from = (SECOND - 3).to_string();
    let old = potts_log(database, &["show", "--archive", archive, "--from", &from]).await;
    let both = potts_log(database, &["show", "--from", "1", "--after", "1"]).await;
    std::fs::write(path, b"spoilt").unwrap();
    let spoilt = potts_log(database, &["check"]).await;
    let unreadable = potts_log(database, &["show", "--archive", archive]).await;

    assert_eq!((well.code, well.out.matches("ok  ").count()), (0, 2), "{well:?}");
    assert!(alone.out.contains("10 events"), "{alone:?}");
    let seqs: Vec<String> = kept
        .out
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["seq"].to_string())
        .collect();
    let expected: Vec<String> = (SECOND..=SECOND + 5).map(|seq| format!("\"{seq}\"")).collect();
    assert_eq!((kept.code, seqs), (0, expected), "{kept:?}");
    assert_eq!(first.out.lines().count(), 1, "{first:?}");
    assert!(first.out.contains(&SECOND.to_string()), "{first:?}");
    assert!(first.err.contains("the log begins at 2000000"), "{first:?}");
    assert_eq!(old.out.lines().count(), 3, "{old:?}");
    assert!(old.out.contains("issue.created") && old.out.contains("ABC-9"), "{old:?}");
    assert_eq!(both.code, 64, "{both:?}");
    assert_eq!((spoilt.code, spoilt.out.matches("FAIL").count()), (1, 1), "{spoilt:?}");
    assert_eq!(unreadable.code, 64, "{unreadable:?}");
}

/// Goal: a reader whose events go away under it is told, and gets no hole, filtering or not.
#[tokio::test(flavor = "multi_thread")]
async fn a_live_reader_that_the_beginning_passes_is_told() {
    let database = late().await;
    store(&database.url).keep_partitions(Seq(0)).await.unwrap();
    // More than what is read ahead and lies in the buffers of a connection.
    let count = 6_000;
    steps::fill(&database, count, &vec![0x1a; 4_000], 100).await;
    let app = TestApp::on(database, &[("POTTS_LOG_RETENTION", "never")]).await;
    let filter = EventFilter { types: vec!["issue.*".into()], ..Default::default() };
    let follow = async |filter: Option<EventFilter>| {
        let start = Some(Start::FromBeginning(true));
        let request = SubscribeRequest { start, filter, batch_events_max: 5, ..Default::default() };
        let stream = app.events().subscribe(request).await.unwrap().into_inner();
        let mut follower = Follower::new(stream);
        assert_eq!(follower.event().await.seq, SECOND - count);
        follower
    };
    let followers = [follow(None).await, follow(Some(filter)).await];

    keep(&app.database.url, &after_90_days(None)).await;
    // The service learns of it long before anything goes.
    let begins = async || {
        let start = Some(Start::FromNow(true));
        let request = SubscribeRequest { start, ..Default::default() };
        // Those that were just dropped may still count.
        let Ok(stream) = app.events().subscribe(request).await else { return 0 };
        let first = Follower::new(stream.into_inner()).message().await.unwrap();
        let Message::Started(started) = first else { panic!("{first:?}") };
        started.oldest
    };
    eventually(HORIZON_GRACE, begins, |oldest| *oldest == SECOND).await;
    app.database.advance_clock(61).await;
    keep(&app.database.url, &after_90_days(None)).await;

    assert_eq!(horizon(&app.database).await, (SECOND, "DROPPED".into()));
    for mut follower in followers {
        let mut seqs: Vec<i64> = vec![SECOND - count];
        let status = loop {
            seqs.extend(follower.rest_of_batch().iter().map(|event| event.seq));
            match follower.message().await {
                Ok(Message::Batch(batch)) => {
                    seqs.extend(batch.decoded().unwrap().iter().map(|event| event.seq));
                }
                Ok(_) => (),
                Err(status) => break status,
            }
        };
        let refused = told(Err::<(), _>(status));
        assert_eq!(refused.why(), (Code::OutOfRange, "CURSOR_EXPIRED"));
        assert_eq!(refused.metadata("oldest"), SECOND.to_string());
        assert_eq!(refused.metadata("head"), (SECOND + BEHIND - 1).to_string());
        let dense: Vec<i64> = (SECOND - count..).take(seqs.len()).collect();
        assert_eq!(seqs, dense);
        assert!(*seqs.last().unwrap() < SECOND, "{} events came", seqs.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_the_beginning_has_passed_is_refused() {
    let app = rolled(&[]).await;
    let list = async |page_token: &str, newest_first: bool| {
        let page_token = page_token.to_owned();
        let request =
            ListEventsRequest { page_size: 4, page_token, newest_first, ..Default::default() };
        app.events().list_events(request).await
    };
    let oldest = list("", false).await.unwrap().into_inner();
    let newest = list("", true).await.unwrap().into_inner();

    keep(&app.database.url, &after_90_days(None)).await;
    app.database.advance_clock(91 * DAY).await;
    keep(&app.database.url, &after_90_days(None)).await;

    let refused = told(list(&oldest.next_page_token, false).await);
    assert_eq!(refused.why(), (Code::OutOfRange, "CURSOR_EXPIRED"));
    let (begins, head) = (SECOND.to_string(), (SECOND + BEHIND - 1).to_string());
    assert_eq!((refused.metadata("oldest"), refused.metadata("head")), (&*begins, &*head));
    let rest = list(&newest.next_page_token, true).await.unwrap().into_inner();
    let seqs: Vec<i64> = rest.events.iter().map(|event| event.seq).collect();
    assert_eq!((seqs, rest.next_page_token), (vec![SECOND], String::new()));
    let get = GetEventRequest { name: format!("events/{}", SECOND - 1) };
    let gone = told(app.events().get_event(get).await);
    assert_eq!(gone.why(), (Code::OutOfRange, "CURSOR_EXPIRED"));
    let get = GetEventRequest { name: format!("events/{}", SECOND + 100) };
    assert_eq!(told(app.events().get_event(get).await).code, Code::NotFound);
    let start = Some(Start::AfterTime(prost_types::Timestamp { seconds: 1, nanos: 0 }));
    let early = SubscribeRequest { start, ..Default::default() };
    let early = told(app.events().subscribe(early).await);
    assert_eq!(early.why(), (Code::OutOfRange, "CURSOR_EXPIRED"));
    assert_eq!(early.metadata("oldest"), begins);
}
