//! A database that goes away, hangs, or does not write: every answer is true, and nobody restarts
//! anything.

use std::time::Duration;

use futures_util::future::join_all;
use potts::proto::subscribe_request::Start;
use potts::proto::{GetIssueRequest, ListIssuesRequest};
use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_types::StatusExt as _;

use crate::fault_calls::{
    breakable, create, creating, hold_order_lock, issue, issues_titled, log, order_lock_awaited,
    ready, reason,
};
use crate::support::app::{Follower, TestApp};
use crate::support::eventually;
use crate::support::proxy::{COMMIT, Cut, Trap};

const WITHIN: Duration = Duration::from_secs(20);

fn at_commit(cut: Cut, then_refuse: bool) -> Trap {
    Trap { words: COMMIT, cut, then_refuse }
}

/// Goal: a connection that is lost, wherever, is the ledger's own trouble.
async fn a_cut_is_not_seen(cut: Cut) {
    let (app, proxy) = breakable(&[]).await;
    app.project("abc").await;
    let mut follower = app.follow().await;

    for round in 0..5 {
        proxy.trap([at_commit(cut, false)]);
        let calls: Vec<_> = (0..8)
            .map(|n| creating(&app.door, &issue("abc", &format!("{round}-{n}")), WITHIN))
            .collect();
        for call in join_all(calls).await {
            assert!(call.unwrap().unwrap().changed);
        }
        assert_eq!(proxy.traps(), 0);
    }

    let rows = log(&app.database).await;
    assert_eq!(rows.len(), 41);
    for n in 0..8 {
        assert_eq!(issues_titled(&app.database, &format!("3-{n}")).await, 1);
    }
    let told: Vec<String> = follower.events(41).await.into_iter().map(|event| event.id).collect();
    assert_eq!(told, rows.into_iter().map(|row| row.1).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_before_a_commit_is_not_seen() {
    a_cut_is_not_seen(Cut::Before).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_within_a_commit_is_not_seen() {
    a_cut_is_not_seen(Cut::Within).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_after_a_commit_is_not_seen() {
    a_cut_is_not_seen(Cut::After).await;
}

/// Goal: connections that are cut again and again, at any moment, change no answer: what was
/// settled is read again for its answer, and that may be cut, too.
#[tokio::test(flavor = "multi_thread")]
async fn cuts_at_any_moment_are_not_seen() {
    let (app, proxy) = breakable(&[]).await;
    app.project("abc").await;
    let calls: Vec<_> =
        (0..40).map(|n| creating(&app.door, &issue("abc", &n.to_string()), WITHIN)).collect();
    let cutting = async {
        let mut pause = tokio::time::interval(Duration::from_millis(40));
        for _ in 0..25 {
            pause.tick().await;
            proxy.cut();
        }
    };

    let (answers, ()) = tokio::join!(join_all(calls), cutting);

    for answer in answers {
        answer.unwrap().unwrap();
    }
    assert_eq!(log(&app.database).await.len(), 41);
}

/// Goal: who wrote is told so, even if the ledger and then the door lose their connections.
/// Method: the answer to a commit is lost, so the ledger settles it and knows no more than a name;
/// the reads of what has that name are cut, one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_settled_is_read_again_until_it_can_be_told() {
    let (app, proxy) = breakable(&[]).await;
    app.project("abc").await;
    let words = "from issues i where i.project = $1 and i.number = $2";
    let read = Trap { words, cut: Cut::Before, then_refuse: false };
    proxy.trap([at_commit(Cut::After, false), read, read, read]);

    let told = create(&app.door, &issue("abc", "settled"), WITHIN).await.unwrap();

    assert_eq!((proxy.traps(), told.changed), (0, true));
    assert_eq!(told.issue.unwrap().title, "settled");
    assert_eq!(log(&app.database).await.len(), 2);
}

fn unknown_outcome(status: &Status, request_id: &str) {
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    let info = status.get_details_error_info().unwrap();
    assert_eq!(info.reason, "OUTCOME_UNKNOWN", "{status:?}");
    assert_eq!(info.metadata.get("request_id").map(String::as_str), Some(request_id));
    assert!(status.get_details_retry_info().is_some());
}

/// Goal: who cannot be told what became of a call is told just that, and asks again.
#[tokio::test(flavor = "multi_thread")]
async fn an_outcome_that_cannot_be_settled_is_unknown_and_happens_once() {
    for cut in [Cut::After, Cut::Before] {
        let (app, proxy) = breakable(&[]).await;
        app.project("abc").await;
        proxy.trap([at_commit(cut, true)]);
        let request = issue("abc", "unknown");

        let status = create(&app.door, &request, Duration::from_secs(1)).await.unwrap_err();
        let happened = issues_titled(&app.database, "unknown").await;
        proxy.forward();
        let again = async || create(&app.door, &request, WITHIN).await;
        let again = eventually(WITHIN, again, Result::is_ok).await.unwrap();

        unknown_outcome(&status, &request.request_id);
        assert_eq!(happened, i64::from(cut == Cut::After));
        assert!(again.changed);
        assert_eq!(issues_titled(&app.database, "unknown").await, 1);
        assert_eq!(log(&app.database).await.len(), 2);
    }
}

/// Goal: what has happened is never said not to have, whatever fails afterwards.
/// Method: a commit succeeds and its answer is lost; the ledger settles that, and loses the
/// database before it can answer, until one deadline after the other has passed.
#[tokio::test(flavor = "multi_thread")]
async fn what_has_happened_is_never_denied() {
    let (app, proxy) = breakable(&[]).await;
    app.project("abc").await;
    let held = hold_order_lock(&app.database).await;
    let first = creating(&app.door, &issue("abc", "first"), WITHIN);
    order_lock_awaited(&app.database).await;
    let calls: Vec<_> = (0..20)
        .map(|n| {
            let request = issue("abc", "happens");
            let within = Duration::from_millis(1_500 + 100 * n);
            (request.request_id.clone(), creating(&app.door, &request, within))
        })
        .collect();
    let metrics = app.server.http_addr;
    let queued = async || crate::support::get(metrics, "/metrics").await.1;
    eventually(WITHIN, queued, |text| text.contains("queued_commands 20")).await;
    // The first call runs again too, and commits nothing then. When the second batch is settled it
    // asks for definitions.
    let again = Trap { words: "d.version from unnest(", cut: Cut::Before, then_refuse: true };
    proxy.trap([at_commit(Cut::After, false), at_commit(Cut::After, false), again]);
    drop(held);
    first.await.unwrap().unwrap();

    for (request_id, call) in calls {
        if let Err(status) = call.await.unwrap() {
            unknown_outcome(&status, &request_id);
        }
    }
    assert_eq!((issues_titled(&app.database, "happens").await, proxy.traps()), (20, 0));
}

/// Goal: while the database is away callers are told so, in time and then at once; when it is back
/// all goes on by itself, streams too.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_is_told_and_comes_back() {
    let (app, proxy) = breakable(&[]).await;
    app.project("abc").await;
    let issue_name = app.issue("abc", "before").await.name;
    let mut follower = app.follow().await;
    follower.events(2).await;
    let health = async || {
        let mut health = HealthClient::new(app.door.clone());
        health.check(HealthCheckRequest::default()).await.unwrap().into_inner().status()
    };
    assert_eq!(health().await, ServingStatus::Serving);

    proxy.refuse();
    let away = Instant::now();
    let waits: Vec<_> = [700, 1_500, 2_500, 3_500]
        .into_iter()
        .map(|ms| {
            let within = Duration::from_millis(ms);
            (within, creating(&app.door, &issue("abc", "away"), within))
        })
        .collect();
    for (within, call) in waits {
        let status = call.await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{within:?}: {status:?}");
        assert_eq!(reason(&status), "DATABASE_UNAVAILABLE", "{within:?}: {status:?}");
        assert!(away.elapsed() < within + Duration::from_secs(1), "{within:?}");
    }
    let asked = Instant::now();
    let status = create(&app.door, &issue("abc", "away"), WITHIN).await.unwrap_err();
    assert_eq!(reason(&status), "DATABASE_UNAVAILABLE");
    assert!(asked.elapsed() < Duration::from_millis(500), "{:?}", asked.elapsed());
    eventually(WITHIN, health, |status| *status == ServingStatus::NotServing).await;
    assert_eq!(crate::support::get(app.server.http_addr, "/readyz").await.0, 503);
    let get = GetIssueRequest { name: issue_name.clone() };
    let read = app.issues().get_issue(get.clone()).await.unwrap_err();
    assert_eq!(reason(&read), "DATABASE_UNAVAILABLE");

    proxy.forward();
    eventually(WITHIN, health, |status| *status == ServingStatus::Serving).await;
    app.issues().get_issue(get).await.unwrap();
    app.issue("abc", "after").await;
    assert_eq!(follower.event().await.seq, 3);
    assert_eq!(issues_titled(&app.database, "away").await, 0);
}

/// Goal: a database that hangs is one that is away; when it goes on, so do we.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_is_told_and_comes_back() {
    let (app, proxy) = breakable(&[]).await;
    app.project("abc").await;
    proxy.freeze();
    let request = issue("abc", "hangs");

    let within = Duration::from_secs(2);
    let asked = Instant::now();
    let status = create(&app.door, &request, within).await.unwrap_err();

    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
    assert!(asked.elapsed() < within + Duration::from_secs(1));
    ready(&app, false).await;
    proxy.forward();
    ready(&app, true).await;
    let again = async || create(&app.door, &request, WITHIN).await;
    eventually(WITHIN, again, Result::is_ok).await.unwrap();
    assert_eq!(issues_titled(&app.database, "hangs").await, 1);
}

/// Ends every session of the service.
async fn end_sessions(app: &TestApp) {
    let end = "select pg_terminate_backend(pid, 5000) from pg_stat_activity
               where application_name like 'potts %' and datname = current_database()";
    app.database.sql().await.batch_execute(end).await.unwrap();
}

/// Goal: a restart of the database that is over in a moment is not seen by those who read.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_were_ended_cost_no_read() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let issue = app.issue("abc", "read").await;
    let get = GetIssueRequest { name: issue.name };
    let list = ListIssuesRequest { parent: "projects/abc".into(), ..Default::default() };
    for _ in 0..5 {
        let reads: Vec<_> = (0..9)
            .map(|_| {
                let (mut issues, get) = (app.issues(), get.clone());
                async move { issues.get_issue(get).await }
            })
            .collect();
        for read in join_all(reads).await {
            read.unwrap();
        }
        end_sessions(&app).await;
        for _ in 0..4 {
            app.issues().get_issue(get.clone()).await.unwrap();
        }
        end_sessions(&app).await;
        app.issues().list_issues(list.clone()).await.unwrap();
        app.issue("abc", "written").await;
    }
}

/// Goal: a subscriber that resumes while the database is away misses nothing: it is told so, or
/// gets what the server still has in memory, and the rest later.
#[tokio::test(flavor = "multi_thread")]
async fn a_subscriber_that_resumes_without_a_database_misses_nothing() {
    let (app, proxy) = breakable(&[]).await;
    app.project("abc").await;
    let mut follower = app.follow().await;
    follower.event().await;
    app.issue("abc", "before").await;
    let cursor = follower.cursor.clone();
    proxy.refuse();
    let resume = async || {
        let request = potts::proto::SubscribeRequest {
            start: Some(Start::After(cursor.clone())),
            ..Default::default()
        };
        app.events().subscribe(request).await
    };

    let told = |resumed: &Result<_, Status>| {
        resumed.as_ref().err().is_none_or(|status| reason(status) == "DATABASE_UNAVAILABLE")
    };
    ready(&app, false).await;
    let early = resume().await;
    assert!(told(&early), "{early:?}");
    proxy.forward();
    let late = eventually(WITHIN, resume, Result::is_ok).await;
    ready(&app, true).await;
    app.issue("abc", "after").await;

    for resumed in [early, late].into_iter().flatten() {
        let mut resumed = Follower::new(resumed.into_inner());
        let seqs: Vec<i64> = resumed.events(2).await.iter().map(|event| event.seq).collect();
        assert_eq!(seqs, [2, 3]);
    }
}

/// Goal: a database that may be read and not written refuses writes cleanly, serves reads, and is
/// found again when it may be written.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_read_only_is_told_and_comes_back() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let name = app.issue("abc", "before").await.name;
    let mut follower = app.follow().await;
    let sql = app.database.sql().await;
    let alter = format!("alter database {}", app.database.name);
    sql.batch_execute(&format!("{alter} set default_transaction_read_only = on")).await.unwrap();
    end_sessions(&app).await;

    let request = issue("abc", "refused");
    let refused = create(&app.door, &request, Duration::from_secs(2)).await.unwrap_err();
    let get = GetIssueRequest { name };
    let read = async || app.issues().get_issue(get.clone()).await;
    eventually(WITHIN, read, Result::is_ok).await.unwrap();
    sql.batch_execute(&format!("{alter} reset default_transaction_read_only")).await.unwrap();
    let again = async || create(&app.door, &request, WITHIN).await;
    eventually(WITHIN, again, Result::is_ok).await.unwrap();

    assert_eq!(refused.code(), Code::Unavailable, "{refused:?}");
    assert_eq!(reason(&refused), "DATABASE_UNAVAILABLE");
    assert_eq!(follower.events(3).await.len(), 3);
    assert_eq!(issues_titled(&app.database, "refused").await, 1);
}
