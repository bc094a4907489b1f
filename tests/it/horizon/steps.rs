//! The steps to the end of a partition, cut off at each.

use potts::domain::event::Seq;
use potts::proto::Event;
use potts::server::{Retention, keep_horizon};
use prost::Message as _;

use super::{BEHIND, DAY, SECOND, WITHIN, after_90_days, has_table, horizon, keep, late, store};
use crate::fault_calls::log;
use crate::support::proxy::{Cut, Proxy, Trap};
use crate::support::{TestApp, TestDatabase, eventually};

/// Fills the first partition with its last events, so many days old, and begins the second one.
pub(super) async fn fill(database: &TestDatabase, count: i64, body: &[u8], days: i64) {
    let about = "projects/p".to_owned();
    let mut event = Event {
        r#type: "issue.created".into(),
        class: 1,
        project: about.clone(),
        subject: about.clone(),
        root: about,
        ..Event::default()
    }
    .encode_to_vec();
    // A field that nobody knows, as long as the bytes are.
    event.extend([0xfa, 0x3f]);
    prost::encoding::encode_varint(u64::try_from(body.len()).unwrap(), &mut event);
    event.extend(body);
    let sql = database.sql().await;
    let begin = format!("update log_state set oldest_seq = {}", SECOND - count);
    sql.batch_execute(&begin).await.unwrap();
    let fill = "insert into events (seq, event_id, project, root, subject, version, type, class,
                       ends_command, recorded_at, body)
                select n, gen_random_uuid(), 'projects/p', 'projects/p', 'projects/p', 1,
                       'issue.created', 1, true, case when n < $3 then
                       now() - make_interval(days => $4::int) else now() end, $5
                  from generate_series($1::bigint, $2::bigint) n";
    let (first, last) = (SECOND - count, SECOND + BEHIND - 1);
    let days = i32::try_from(days).unwrap();
    sql.execute(fill, &[&first, &last, &SECOND, &days, &event]).await.unwrap();
}

/// A log whose first partition ended a hundred days ago.
async fn old() -> TestDatabase {
    let database = late().await;
    store(&database.url).keep_partitions(Seq(0)).await.unwrap();
    fill(&database, 10, b"a body", 100).await;
    database
}

/// Goal: whoever is killed at any step is followed by another, and nothing is lost or done twice.
/// Method: the connection is cut around every statement that does something.
#[tokio::test(flavor = "multi_thread")]
async fn each_step_can_be_cut_off_and_done_again() {
    for words in [
        "update log_state set oldest_seq",
        "select seq, body from",
        "set state = 'ARCHIVED'",
        "detach partition",
        "set state = 'DETACHED'",
        "drop table if exists",
    ] {
        for cut in [Cut::Before, Cut::Within, Cut::After] {
            let folder = tempfile::tempdir().unwrap();
            let retention = after_90_days(Some(folder.path()));
            let database = old().await;
            let proxy = Proxy::start(&database.url).await;
            let through = store(&proxy.url);
            proxy.trap([Trap { words, cut, then_refuse: false }]);

            // It fails once, at the latest when the grace is over; the next one finds it as it was.
            let keep_once = async || keep_horizon(&through, &retention, Seq(0)).await;
            let first = keep_once().await;
            eventually(WITHIN, keep_once, |kept| matches!(kept, Ok(true))).await.unwrap();
            database.advance_clock(61).await;
            let second = keep_once().await;
            let state = async || {
                let _later = keep_once().await;
                horizon(&database).await
            };
            eventually(WITHIN, state, |seen| seen.1 == "DROPPED").await;

            assert_eq!(proxy.traps(), 0, "{words} {cut:?}");
            assert!(first.is_err() || second.is_err(), "{words} {cut:?}");
            assert_eq!(horizon(&database).await.0, SECOND);
            assert!(!has_table(&database, "events_00000000").await, "{words} {cut:?}");
            let left: Vec<i64> = log(&database).await.into_iter().map(|row| row.0).collect();
            assert_eq!(left, (SECOND..SECOND + BEHIND).collect::<Vec<_>>());
            let files: Vec<_> = std::fs::read_dir(folder.path())
                .unwrap()
                .map(|file| file.unwrap().path())
                .collect();
            assert_eq!(files.len(), 1, "{words} {cut:?}: {files:?}");
            assert_eq!(potts::archive::verify(&files[0]).unwrap().events, 10);
        }
    }
}

/// Goal: two that move the horizon at once are one.
#[tokio::test(flavor = "multi_thread")]
async fn of_several_replicas_one_moves_the_horizon() {
    let database = old().await;
    let (one, other) = (store(&database.url), store(&database.url));
    let held = one.horizon().await.unwrap().unwrap();

    let beside = keep_horizon(&other, &after_90_days(None), Seq(0)).await.unwrap();
    held.release().await.unwrap();
    let alone = keep_horizon(&other, &after_90_days(None), Seq(0)).await.unwrap();

    assert!(!beside && alone);
    assert_eq!(horizon(&database).await, (SECOND, "ENDED".into()));
}

/// Goal: somebody who looks at the log for long delays the end of old events, and nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_stays_delays_the_detach_and_nothing_else() {
    let database = old().await;
    let retention = after_90_days(None);
    keep(&database.url, &retention).await;
    database.advance_clock(61).await;
    let app = TestApp::on(database, &[("POTTS_LOG_RETENTION", "never")]).await;
    let mut session = app.database.sql().await;
    let isolation = tokio_postgres::IsolationLevel::RepeatableRead;
    let reading = session.build_transaction().isolation_level(isolation).start().await.unwrap();
    let count = "select count(*) from events";
    let before: i64 = reading.query_one(count, &[]).await.unwrap().get(0);

    let store = store(&app.database.url);
    let delayed = async || keep_horizon(&store, &retention, Seq(0)).await.map_err(|_| "later");
    eventually(WITHIN, delayed, |kept| *kept == Err("later")).await.unwrap_err();
    app.project("abc").await;
    let meanwhile = app.follow().await.events(6).await;
    let partitions = store.keep_partitions(Seq(SECOND)).await.unwrap();
    let again: i64 = reading.query_one(count, &[]).await.unwrap().get(0);
    reading.commit().await.unwrap();
    keep(&app.database.url, &retention).await;

    assert_eq!((before, again), (15, 15));
    assert_eq!((meanwhile[0].seq, partitions), (SECOND, Some(4)));
    assert_eq!(horizon(&app.database).await, (SECOND, "DROPPED".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_young_or_in_use_or_for_ever_stays() {
    let database = late().await;
    store(&database.url).keep_partitions(Seq(0)).await.unwrap();
    fill(&database, 10, b"a body", 89).await;
    let begins = SECOND - 10;

    keep(&database.url, &after_90_days(None)).await;
    let young = horizon(&database).await;
    keep(&database.url, &Retention::default()).await;
    database.advance_clock(1_000 * DAY).await;
    keep(&database.url, &Retention::default()).await;
    let for_ever = horizon(&database).await;
    keep(&database.url, &after_90_days(None)).await;
    let look = "select count(*) from event_partitions where state = 'ENDED'";
    let ended: i64 = database.sql().await.query_one(look, &[]).await.unwrap().get(0);

    assert_eq!(young, (begins, "ATTACHED".into()));
    assert_eq!(for_ever, (begins, "ATTACHED".into()));
    // The one in use is as old by now.
    assert_eq!((horizon(&database).await, ended), ((SECOND, "ENDED".into()), 1));
}

/// Goal: what should have been exported and could not be is not dropped.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_exported_stays() {
    let folder = tempfile::tempdir().unwrap();
    let no_folder = folder.path().join("file");
    std::fs::write(&no_folder, b"").unwrap();
    let database = old().await;
    keep(&database.url, &after_90_days(None)).await;
    database.advance_clock(61).await;
    let store = store(&database.url);
    let exporting = after_90_days(Some(&no_folder));

    let failed = keep_horizon(&store, &exporting, Seq(0)).await.unwrap_err();
    let state = horizon(&database).await;
    std::fs::remove_file(&no_folder).unwrap();
    keep(&database.url, &exporting).await;

    assert!(format!("{failed:#}").contains("file"), "{failed:#}");
    assert_eq!(state, (SECOND, "ENDED".into()));
    assert_eq!(horizon(&database).await.1, "DROPPED");
    assert_eq!(std::fs::read_dir(&no_folder).unwrap().count(), 1);
}

/// Goal: a hole in what is exported is not hidden in an archive.
#[tokio::test(flavor = "multi_thread")]
async fn a_partition_with_a_hole_stays() {
    let folder = tempfile::tempdir().unwrap();
    let database = old().await;
    let lose = format!(
        "set session_replication_role = replica; delete from events where seq = {}",
        SECOND - 4
    );
    database.sql().await.batch_execute(&lose).await.unwrap();
    keep(&database.url, &after_90_days(None)).await;
    database.advance_clock(61).await;

    let retention = after_90_days(Some(folder.path()));
    let failed = keep_horizon(&store(&database.url), &retention, Seq(0)).await.unwrap_err();

    assert!(format!("{failed:#}").contains("not dense"), "{failed:#}");
    assert!(has_table(&database, "events_00000000").await);
}
