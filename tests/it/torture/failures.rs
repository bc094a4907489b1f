//! Failures of the database that no other test provokes: deadlocks, timeouts, a disk that is full.

use std::time::Duration;

use potts::proto::issue_service_client::IssueServiceClient;
use potts::proto::{CreateIssueRelationRequest, GetIssueRequest, IssueRelation, RelationKind};
use tokio::time::Instant;
use tonic::Code;

use super::fleet::deadlocks;
use crate::fault_calls::{create, creating, issue, issues_titled, log, reason};
use crate::fault_ledger::one_is_refused_and_63_happen_once;
use crate::support::app::TestApp;
use crate::support::{TestDatabase, eventually, get};

const WITHIN: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn a_statement_that_takes_too_long_is_contention_for_whom_it_concerns() {
    let raise = "raise exception 'canceling statement due to statement timeout' \
                 using errcode = '57014'";
    one_is_refused_and_63_happen_once(raise, Code::Aborted, "CONTENTION").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlocks_are_tried_again_a_few_times_only() {
    let raise = "raise exception 'deadlock detected' using errcode = '40P01'";
    one_is_refused_and_63_happen_once(raise, Code::Aborted, "CONTENTION").await;
}

/// Waits until a session of the service waits for a lock.
async fn lock_awaited(database: &TestDatabase) {
    let look = database.sql().await;
    let waiting = "select count(*) from pg_stat_activity where wait_event_type = 'Lock'
                   and application_name like 'potts %' and datname = current_database()";
    let count = async || look.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0);
    eventually(WITHIN, count, |waiting| *waiting > 0).await;
}

/// Goal: a stranger in the database who locks in another order costs time, nothing else.
/// Method: the stranger would wait much longer than the ledger before it looks for a deadlock.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadlock_with_a_stranger_is_not_seen() {
    let app = TestApp::with_issues(2).await;
    let mut stranger = app.database.sql().await;
    stranger.batch_execute("set deadlock_timeout = '15s'").await.unwrap();
    let held = stranger.transaction().await.unwrap();
    let by_uid =
        |order| format!("select number from issues order by uid {order} limit 1 for no key update");
    let last: i64 = held.query_one(&by_uid("desc"), &[]).await.unwrap().get(0);
    let kind = RelationKind::RelatesTo.into();
    let target = format!("projects/abc/issues/{last}");
    let relate = CreateIssueRelationRequest {
        parent: format!("projects/abc/issues/{}", 3 - last),
        relation: Some(IssueRelation { target, kind, ..Default::default() }),
        ..Default::default()
    };
    let door = app.door.clone();
    let related =
        tokio::spawn(
            async move { IssueServiceClient::new(door).create_issue_relation(relate).await },
        );
    lock_awaited(&app.database).await;

    let first: i64 = held.query_one(&by_uid("asc"), &[]).await.unwrap().get(0);
    held.commit().await.unwrap();

    assert_ne!(first, last);
    assert!(related.await.unwrap().unwrap().into_inner().changed);
    let database = app.stop().await;
    let seen = async || deadlocks(&database).await;
    eventually(WITHIN, seen, |deadlocks| *deadlocks > 0).await;
    log(&database).await;
}

/// Fills the disk, as far as a ledger can tell, before it appends or when it commits.
async fn fill_disk(database: &TestDatabase, at_commit: bool) {
    let trigger = if at_commit {
        "create constraint trigger fill after insert on requests deferrable initially deferred
             for each row execute function fill()"
    } else {
        "create trigger fill before insert on events for each statement execute function fill()"
    };
    let fill = format!(
        "create function fill() returns trigger language plpgsql as $$
         begin
             raise exception 'could not extend file \"base/5/1\": No space left on device'
                 using errcode = '53100';
         end $$; {trigger}"
    );
    database.sql().await.batch_execute(&fill).await.unwrap();
}

/// Goal: a full disk refuses writes cleanly and in time, reads go on, streams stay open; when there
/// is room again, what still waits happens, without a restart.
async fn a_full_disk_is_told_and_comes_back(at_commit: bool) {
    let app = TestApp::start().await;
    app.project("abc").await;
    let name = app.issue("abc", "before").await.name;
    let mut follower = app.follow().await;
    follower.events(2).await;
    fill_disk(&app.database, at_commit).await;
    let full = Instant::now();

    let request = issue("abc", "refused");
    let refused = [700, 1_500].map(|ms| {
        let within = Duration::from_millis(ms);
        (within, creating(&app.door, &request, within))
    });
    let patient = creating(&app.door, &issue("abc", "patient"), WITHIN);
    for (within, call) in refused {
        let status = call.await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{within:?}: {status:?}");
        // Unknown if its deadline fell into an attempt.
        let reasons = ["DATABASE_UNAVAILABLE", "OUTCOME_UNKNOWN"];
        assert!(reasons.contains(&reason(&status).as_str()), "{within:?}: {status:?}");
        assert!(full.elapsed() < within + Duration::from_secs(2), "{within:?}");
    }
    app.issues().get_issue(GetIssueRequest { name }).await.unwrap();
    assert_eq!(log(&app.database).await.len(), 2, "nothing happened");
    let metrics = get(app.server.http_addr, "/metrics").await.1;
    let failed =
        metrics.lines().find_map(|line| line.strip_prefix("potts_ledger_batches_failed_total "));
    let failed: usize = failed.unwrap().trim().parse().unwrap();
    assert!((2..40).contains(&failed), "tried {failed} times in {:?}", full.elapsed());
    app.database.sql().await.batch_execute("drop function fill() cascade").await.unwrap();
    let again = async || create(&app.door, &request, WITHIN).await;
    eventually(WITHIN, again, Result::is_ok).await.unwrap();

    assert!(patient.await.unwrap().unwrap().changed);
    assert_eq!(follower.events(2).await.len(), 2);
    for title in ["refused", "patient"] {
        assert_eq!(issues_titled(&app.database, title).await, 1, "{title}");
    }
    assert_eq!(log(&app.database).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_is_told_and_comes_back() {
    a_full_disk_is_told_and_comes_back(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_at_a_commit_is_told_and_comes_back() {
    a_full_disk_is_told_and_comes_back(true).await;
}
