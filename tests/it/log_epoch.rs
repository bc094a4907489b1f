//! Which log it is: one that lost its tail is another one, and one that was carried elsewhere whole
//! is the same.

use std::time::Duration;

use potts::proto::SubscribeRequest;
use potts::proto::event_service_client::EventServiceClient;
use potts::proto::subscribe_request::Start;
use tonic::{Code, Status};

use crate::fault_calls::{breakable, log};
use crate::replicas::beside;
use crate::support::app::{Door, Follower};
use crate::support::postgres::connect;
use crate::support::programs::{potts, run, tool};
use crate::support::{TestApp, TestDatabase, eventually, told};

const WITHIN: Duration = Duration::from_secs(20);

async fn epoch(database: &TestDatabase) -> String {
    let look = "select epoch::text from log_state";
    database.sql().await.query_one(look, &[]).await.unwrap().get(0)
}

/// Takes the events after a place away, as a fail-over to a database that never had them does.
async fn lose_after(database: &TestDatabase, seq: i64) {
    let lose =
        format!("set session_replication_role = replica; delete from events where seq > {seq}");
    database.sql().await.batch_execute(&lose).await.unwrap();
}

async fn subscribe(door: &Door, start: Start) -> Result<Follower, Status> {
    let request = SubscribeRequest { start: Some(start), ..Default::default() };
    let stream = EventServiceClient::new(door.clone()).subscribe(request).await?;
    Ok(Follower::new(stream.into_inner()))
}

/// What ends a stream.
async fn end(follower: &mut Follower) -> Status {
    loop {
        if let Err(status) = follower.message().await {
            return status;
        }
    }
}

/// Goal: whoever has seen what was lost is told, whatever has come to its place meanwhile.
async fn a_lost_tail_is_told(cut: bool, grown_to: usize) {
    let (app, proxy) = breakable(&[]).await;
    let (_other, other) = beside(&app).await;
    app.project("abc").await;
    for n in 0..5 {
        app.issue("abc", &n.to_string()).await;
    }
    let mut followers =
        [app.follow().await, subscribe(&other, Start::FromBeginning(true)).await.unwrap()];
    for follower in &mut followers {
        follower.events(6).await;
    }
    let before = epoch(&app.database).await;
    if cut {
        proxy.refuse();
    }

    lose_after(&app.database, 3).await;
    for n in 4..=grown_to {
        // By somebody who never knew what was lost.
        let grow = format!(
            "insert into events (seq, event_id, project, root, subject, version, type, class,
                    ends_command, recorded_at, body)
             select {n}, gen_random_uuid(), project, root, subject, version, type, class,
                    ends_command, recorded_at, body from events where seq = 3"
        );
        app.database.sql().await.batch_execute(&grow).await.unwrap();
    }
    proxy.forward();

    for follower in &mut followers {
        let ended = told(Err::<(), _>(end(follower).await));
        assert_eq!(ended.why(), (Code::FailedPrecondition, "EPOCH_CHANGED"));
    }
    let after = epoch(&app.database).await;
    assert_ne!(after, before);
    for (door, follower) in [(&app.door, &followers[0]), (&other, &followers[1])] {
        let again = async || subscribe(door, Start::After(follower.cursor.clone())).await;
        let passing = |answer: &Result<Follower, Status>| {
            answer.as_ref().is_err_and(|status| status.code() != Code::Unavailable)
        };
        let refused = told(eventually(WITHIN, again, passing).await);
        assert_eq!(refused.why(), (Code::FailedPrecondition, "EPOCH_CHANGED"));
    }
    // And on, from what is there.
    let mut anew = subscribe(&other, Start::FromBeginning(true)).await.unwrap();
    let kept = anew.events(grown_to).await;
    let request = crate::fault_calls::issue("abc", "after");
    let create = async || crate::fault_calls::create(&app.door, &request, WITHIN).await;
    eventually(WITHIN, create, Result::is_ok).await.unwrap();
    assert_eq!(anew.event().await.seq, kept.last().unwrap().seq + 1);
    assert_eq!(log(&app.database).await.len(), grown_to + 1);
    assert_eq!(epoch(&app.database).await, after, "it is drawn once for all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_has_lost_its_tail_is_another_log() {
    a_lost_tail_is_told(true, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_that_is_lost_without_a_word_is_noticed() {
    a_lost_tail_is_told(false, 3).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_tail_that_others_have_grown_over_is_noticed() {
    a_lost_tail_is_told(true, 9).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_epoch_has_every_subscriber_start_anew() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let mut follower = app.follow().await;
    follower.event().await;
    let new_epoch = async |words: &[&str]| {
        let mut command = potts();
        command.args(["log", "new-epoch"]).args(words);
        run(command.env("POTTS_DATABASE_URL", &app.database.url), "").await
    };
    let before = epoch(&app.database).await;

    let asked = new_epoch(&[]).await;
    let unchanged = epoch(&app.database).await;
    let done = new_epoch(&["--yes"]).await;
    let ended = told(Err::<(), _>(end(&mut follower).await));
    let refused = told(subscribe(&app.door, Start::After(follower.cursor.clone())).await);
    let anew = app.follow().await.event().await;

    assert_eq!((asked.code, unchanged), (64, before.clone()), "{asked:?}");
    assert!(asked.err.contains("--yes"), "{asked:?}");
    assert_eq!(done.code, 0, "{done:?}");
    assert!(done.out.contains(&epoch(&app.database).await), "{done:?}");
    assert_ne!(epoch(&app.database).await, before);
    assert_eq!(ended.why(), (Code::FailedPrecondition, "EPOCH_CHANGED"));
    assert_eq!(refused.why(), (Code::FailedPrecondition, "EPOCH_CHANGED"));
    assert_eq!(anew.seq, 1);
}

/// Goal: who resumes on a database that was restored whole goes on exactly where they were.
async fn goes_on_exactly(app: &TestApp, cursor: &str, rest: &[i64]) {
    let resumed = app.follow_from(Start::After(cursor.into())).await.events(rest.len()).await;
    assert_eq!(resumed.iter().map(|event| event.seq).collect::<Vec<_>>(), rest);
    app.issue("abc", "after").await;
    let all: Vec<i64> = log(&app.database).await.into_iter().map(|row| row.0).collect();
    assert_eq!(all, (1..=8).collect::<Vec<_>>());
}

/// A log of seven events, and a cursor after the third.
async fn seven() -> (TestDatabase, String) {
    let app = TestApp::start().await;
    app.project("abc").await;
    for n in 0..6 {
        app.issue("abc", &n.to_string()).await;
    }
    let get = potts::proto::GetEventRequest { name: "events/3".into() };
    let cursor = app.events().get_event(get).await.unwrap().into_inner().cursor;
    (app.stop().await, cursor)
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_stay_valid_in_a_copy_of_the_database() {
    let (database, cursor) = seven().await;
    let copy = TestDatabase::empty().await;
    let admin = connect(&crate::support::postgres::with_database(&copy.url, "postgres")).await;
    // A session that has just ended may still be there for a moment.
    let statements = [
        format!("drop database {}", copy.name),
        format!("create database {} template {}", copy.name, database.name),
    ];
    for statement in statements {
        let done = async || admin.batch_execute(&statement).await.map_err(|e| e.to_string());
        eventually(WITHIN, done, Result::is_ok).await.unwrap();
    }

    let app = TestApp::on(copy, &[]).await;

    goes_on_exactly(&app, &cursor, &[4, 5, 6, 7]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cursors_stay_valid_when_a_dump_is_restored() {
    let (Some(pg_dump), Some(psql)) = (tool("pg_dump"), tool("psql")) else { return };
    let (database, cursor) = seven().await;
    let restored = TestDatabase::empty().await;
    let mut dump = tokio::process::Command::new(pg_dump);
    let dumped = run(dump.args(["--no-owner", "--dbname", &database.url]), "").await;
    assert_eq!(dumped.code, 0, "{}", dumped.err);
    let mut restore = tokio::process::Command::new(psql);
    let words = ["--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", &restored.url];
    let ran = run(restore.args(words), &dumped.out).await;
    assert_eq!(ran.code, 0, "{}", ran.err);

    let app = TestApp::on(restored, &[]).await;

    goes_on_exactly(&app, &cursor, &[4, 5, 6, 7]).await;
}
