//! How a server ends: what was taken in is carried out or refused, and nothing makes it last.

use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;
use tonic::Code;

use crate::fault_calls::{
    breakable, create, creating, hold_order_lock, is_passing, issue, issues_titled, log,
    order_lock_awaited, reason,
};
use crate::support::app::TestApp;
use crate::support::{Process, TestDatabase, eventually, get};

const WITHIN: Duration = Duration::from_secs(30);
/// As the service has it by default.
const GRACE: Duration = Duration::from_secs(15);

#[tokio::test(flavor = "multi_thread")]
async fn what_was_taken_in_is_carried_out_before_the_end() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let door = app.door.clone();
    let held = hold_order_lock(&app.database).await;
    let taken = |n| creating(&door, &issue("abc", &format!("taken {n}")), WITHIN);
    // One is being carried out, alone; all that comes after it is queued.
    let mut calls = vec![taken(0)];
    order_lock_awaited(&app.database).await;
    calls.extend((1..20).map(taken));
    let metrics = app.server.http_addr;
    let queued = async || get(metrics, "/metrics").await.1.contains("queued_commands 19");
    eventually(WITHIN, queued, |all| *all).await;

    let stopping = tokio::spawn(app.stop());
    // The doors close after the ledger has: before that, a call would be taken in as well.
    let knock = async || tokio::net::TcpStream::connect(metrics).await;
    eventually(WITHIN, knock, Result::is_err).await.unwrap_err();
    let refused = create(&door, &issue("abc", "late"), WITHIN).await.unwrap_err();
    drop(held);
    let answers = join_all(calls).await;
    let database = stopping.await.unwrap();

    // Refused by the ledger, or by a connection that ends: nothing was sent then.
    assert!(is_passing(&refused), "{refused:?}");
    for answer in answers {
        answer.unwrap().unwrap();
    }
    assert_eq!(log(&database).await.len(), 21);
    assert_eq!(issues_titled(&database, "late").await, 0);
}

/// Goal: a server that stops does not wait for a database that is away.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_does_not_hold_up_the_end() {
    let (app, proxy) = breakable(&[]).await;
    app.project("abc").await;
    proxy.refuse();
    let calls: Vec<_> = (0..3)
        .map(|n| creating(&app.door, &issue("abc", &n.to_string()), Duration::from_secs(60)))
        .collect();
    let addr = app.server.http_addr;
    let failed = async || get(addr, "/metrics").await.1;
    eventually(WITHIN, failed, |text| !text.contains("batches_failed_total 0")).await;

    let began = Instant::now();
    app.server.stop(GRACE).await;
    let took = began.elapsed();

    assert!(took < Duration::from_secs(10), "{took:?}");
    for call in calls {
        let status = call.await.unwrap().unwrap_err();
        assert_eq!(status.code(), Code::Unavailable, "{status:?}");
        let reasons = ["SHUTTING_DOWN", "DATABASE_UNAVAILABLE"];
        assert!(reasons.contains(&reason(&status).as_str()), "{status:?}");
    }
    assert_eq!(log(&app.database).await.len(), 1);
}

/// Goal: nor for one that takes connections and never answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_hangs_does_not_hold_up_the_end() {
    let (app, proxy) = breakable(&[]).await;
    app.project("abc").await;
    proxy.freeze();
    let call = creating(&app.door, &issue("abc", "hangs"), Duration::from_secs(60));
    crate::fault_calls::ready(&app, false).await;

    let began = Instant::now();
    app.server.stop(GRACE).await;
    let took = began.elapsed();

    assert!(took < Duration::from_secs(14), "{took:?}");
    let status = call.await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable, "{status:?}");
}

/// Goal: a server that nobody stopped in time ends all the same, with what it took in answered.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_asked_to_stop_ends_in_time() {
    let database = TestDatabase::new().await;
    let data = tempfile::tempdir().unwrap();
    let mut process =
        Process::start(data.path(), &[("POTTS_DATABASE_URL", database.url.as_str())]).await;
    let door = crate::replicas::door(process.grpc_addr).await;
    crate::replicas::project(&door, "abc").await;
    create(&door, &issue("abc", "before"), WITHIN).await.unwrap();
    let ready = async || get(process.http_addr, "/readyz").await.0;
    eventually(WITHIN, ready, |status| *status == 200).await;

    process.terminate();
    let status = process.ended(GRACE).await;

    assert!(status.success(), "{status}: {}", process.log());
    assert_eq!(log(&database).await.len(), 2);
}
