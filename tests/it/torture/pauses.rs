//! A server that comes to a stand in the middle of a batch: who can go on goes on.

use std::time::Duration;

use futures_util::future::join_all;

use crate::fault_calls::{create, creating, issue, log};
use crate::replicas::beside;
use crate::support::app::TestApp;
use crate::support::{TestDatabase, eventually, get};

const WITHIN: Duration = Duration::from_secs(20);

/// Has the storing of an issue called `slow` come to a stand for so long, before the order lock is
/// taken or when it is held.
async fn pause(database: &TestDatabase, seconds: f64, is_locked: bool) {
    let trigger = if is_locked { "constraint trigger" } else { "trigger" };
    let deferred = if is_locked { "deferrable initially deferred" } else { "" };
    let pause = format!(
        "create function pause() returns trigger language plpgsql as $$
         begin
             perform pg_sleep({seconds});
             return null;
         end $$;
         create {trigger} pause after insert on issues {deferred} for each row
             when (new.title = 'slow') execute function pause()"
    );
    database.sql().await.batch_execute(&pause).await.unwrap();
}

async fn paused(database: &TestDatabase) {
    let look = database.sql().await;
    let sleeping = "select count(*) from pg_stat_activity where wait_event = 'PgSleep'
                    and datname = current_database()";
    let count = async || look.query_one(sleeping, &[]).await.unwrap().get::<_, i64>(0);
    eventually(WITHIN, count, |count| *count == 1).await;
}

/// Goal: a server that stands before the order lock holds up nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_before_the_order_lock_holds_up_nobody() {
    let app = TestApp::start().await;
    let (_other, other) = beside(&app).await;
    app.project("abc").await;
    app.project("xyz").await;
    // Its definitions are known by then.
    create(&other, &issue("xyz", "first"), WITHIN).await.unwrap();
    pause(&app.database, 4.0, false).await;
    let slow = creating(&app.door, &issue("abc", "slow"), WITHIN);
    paused(&app.database).await;

    for n in 0..3 {
        create(&other, &issue("xyz", &n.to_string()), WITHIN).await.unwrap();
    }

    assert!(!slow.is_finished());
    slow.await.unwrap().unwrap();
    let rows = log(&app.database).await;
    assert_eq!(rows.len(), 7);
    assert!(rows[6].3.starts_with("projects/abc/"), "the slow one is the last: {rows:?}");
}

/// Goal: behind a server that stands with the order lock the others wait, give up an attempt, and
/// lose nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_pause_with_the_order_lock_is_waited_for() {
    let app = TestApp::start().await;
    let (second, other) = beside(&app).await;
    app.project("abc").await;
    app.project("xyz").await;
    let mut follower = app.follow().await;
    pause(&app.database, 3.7, true).await;
    let slow = creating(&app.door, &issue("abc", "slow"), WITHIN);
    paused(&app.database).await;

    let calls: Vec<_> =
        (0..8).map(|n| creating(&other, &issue("xyz", &n.to_string()), WITHIN)).collect();
    for call in join_all(calls).await {
        call.unwrap().unwrap();
    }

    slow.await.unwrap().unwrap();
    let metrics = get(second.http_addr, "/metrics").await.1;
    assert!(!metrics.contains("batches_failed_total 0"), "nobody waited too long");
    let rows = log(&app.database).await;
    assert_eq!(rows.len(), 11);
    assert!(rows[2].3.starts_with("projects/abc/"), "the slow one had the lock: {rows:?}");
    let told: Vec<i64> = follower.events(11).await.iter().map(|event| event.seq).collect();
    assert_eq!(told, (1..=11).collect::<Vec<_>>());
}
