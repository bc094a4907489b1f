//! A database that is stopped at once, under load, again and again.

use std::time::Duration;

use potts::embedded::{Options, Postgres, Search};
use rustix::process::Signal;
use tokio_util::sync::CancellationToken;

use crate::fault_crash::{Load, data_dir, pauses, private_database, signal_postgres};
use crate::replicas::{door, project};
use crate::support::postgres::connect;
use crate::support::{Process, eventually};

/// What `pg_ctl stop -m immediate` sends.
const IMMEDIATE: Signal = Signal::QUIT;
const STOPS: usize = 5;
const WITHIN: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_stopped_at_once_loses_nothing() {
    let data = data_dir();
    let mut process = Process::start(data.path(), &[]).await;
    project(&door(process.grpc_addr).await, "abc").await;
    let load = Load::start(process.grpc_addr);

    let mut stopped = None;
    for calls in pauses(STOPS) {
        load.goes_on(calls).await;
        stopped = signal_postgres(&data.path().join("postgres"), stopped, IMMEDIATE).await;
    }
    load.goes_on(1).await;

    load.compare(&private_database(data.path())).await;
    process.terminate();
    process.ended(Duration::from_secs(15)).await;
}

/// Goal: the test above can fail. Commits that nobody waits for are lost by the same stop.
#[tokio::test(flavor = "multi_thread")]
async fn commits_that_are_not_flushed_are_lost_when_the_database_is_stopped_at_once() {
    let data = data_dir();
    let dir = data.path().join("postgres");
    let seldom = ("wal_writer_delay".to_owned(), "10s".to_owned());
    let mut postgres = Postgres::start(Options {
        dir: dir.clone(),
        binaries_dir: data.path().join("binaries"),
        fsync: true,
        search: Search::Installed,
        settings: vec![seldom],
    })
    .await
    .unwrap();
    let url = postgres.url();
    let sql = connect(&url).await;
    let begin = "create table counted (n int); checkpoint; set synchronous_commit = off";
    sql.batch_execute(begin).await.unwrap();

    for n in 0..100 {
        sql.execute("insert into counted values ($1)", &[&n]).await.unwrap();
    }
    signal_postgres(&dir, None, IMMEDIATE).await;
    let stopping = CancellationToken::new();
    let running = tokio::spawn({
        let stopping = stopping.clone();
        async move {
            postgres.run(stopping).await.unwrap();
            postgres.stop().await.unwrap();
        }
    });

    let config: tokio_postgres::Config = url.parse().unwrap();
    let look = async || config.connect(tokio_postgres::NoTls).await.is_ok();
    eventually(WITHIN, look, |is_up| *is_up).await;
    let count = "select count(*) from counted";
    let left: i64 = connect(&url).await.query_one(count, &[]).await.unwrap().get(0);
    stopping.cancel();
    running.await.unwrap();
    assert!(left < 100, "{left} of 100 are left");
}
