//! Transactions of others that stay open: what is committed meanwhile is told all the same.
//!
//! A log in the order of transaction ids could tell nothing behind the oldest one that is open, in
//! whatever database of the cluster. Ours has an order of its own.

use std::time::Duration;

use potts::embedded::{Options, Postgres, Search};
use tokio_postgres::Client;

use crate::fault_crash::data_dir;
use crate::replicas::{beside, follow};
use crate::support::app::{Follower, TestApp};
use crate::support::postgres::{connect, with_database};
use crate::support::{TestDatabase, eventually};

/// Issues that are created while somebody's transaction is open.
const ISSUES: usize = 10;

/// A server of its own: a transaction that stays open holds up the cleaning of all its databases,
/// and few servers let transactions be prepared.
async fn cluster(dir: &std::path::Path) -> (Postgres, TestDatabase) {
    let options = Options {
        dir: dir.join("postgres"),
        binaries_dir: dir.join("binaries"),
        fsync: false,
        search: Search::Installed,
        settings: vec![("max_prepared_transactions".to_owned(), "2".to_owned())],
    };
    let postgres = Postgres::start(options).await.unwrap();
    let admin = connect(&postgres.url()).await;
    for name in ["ours", "theirs"] {
        admin.batch_execute(&format!("create database {name}")).await.unwrap();
    }
    let url = with_database(&postgres.url(), "ours");
    (postgres, TestDatabase { url, name: "ours".into() })
}

/// Servers on one log, and a subscriber of each.
struct Service {
    app: TestApp,
    look: Client,
    here: Follower,
    there: Follower,
}

impl Service {
    /// The oldest transaction that may still write, in all databases; and how many there are that
    /// hold back what may be forgotten.
    async fn open(&self) -> (String, i64) {
        let open = "select pg_snapshot_xmin(pg_current_snapshot())::text,
                           (select count(*) from pg_stat_activity
                             where state = 'idle in transaction') +
                           (select count(*) from pg_prepared_xacts)";
        let row = self.look.query_one(open, &[]).await.unwrap();
        (row.get(0), row.get(1))
    }

    /// Goal: every event is told as it comes, by the server that wrote it and by the other one,
    /// while a transaction of somebody stays open.
    async fn goes_on(&mut self, meanwhile: &str, holds_back: bool) {
        // Lanes are between their statements for moments only.
        let open = async || self.open().await;
        let (oldest, _) = eventually(Duration::from_secs(20), open, |(_, open)| *open == 1).await;
        for n in 0..ISSUES {
            let created = self.app.issue("abc", &format!("{meanwhile} {n}")).await;
            for follower in [&mut self.here, &mut self.there] {
                let event = follower.event().await;
                assert_eq!(
                    (event.r#type.as_str(), &event.subject),
                    ("issue.created", &created.name)
                );
            }
        }
        let open = async || self.open().await;
        let (still, _) = eventually(Duration::from_secs(20), open, |(_, open)| *open == 1).await;
        assert_eq!(still == oldest, holds_back, "{meanwhile}: {oldest}, then {still}");
    }
}

/// Writes something in a transaction that stays open.
const WRITE: &str =
    "create table if not exists scratch (n int); begin; insert into scratch values (1)";

#[tokio::test(flavor = "multi_thread")]
async fn transactions_that_stay_open_hold_up_no_event() {
    let data = data_dir();
    let (postgres, database) = cluster(data.path()).await;
    let app = TestApp::on(database, &[]).await;
    let (_other, other) = beside(&app).await;
    app.project("abc").await;
    let (mut here, mut there) = (app.follow().await, follow(&other).await);
    here.event().await;
    there.event().await;
    let look = connect(&postgres.url()).await;
    let mut service = Service { app, look, here, there };

    // It has an id that is older than all that follow.
    let early = service.app.database.sql().await;
    early.batch_execute(WRITE).await.unwrap();
    service.goes_on("an early writer", true).await;
    early.batch_execute("commit").await.unwrap();

    let elsewhere = connect(&with_database(&postgres.url(), "theirs")).await;
    elsewhere.batch_execute(WRITE).await.unwrap();
    service.goes_on("a writer in another database", true).await;
    elsewhere.batch_execute("rollback").await.unwrap();

    let reader = service.app.database.sql().await;
    let snapshot = "begin isolation level repeatable read; select count(*) from events";
    reader.batch_execute(snapshot).await.unwrap();
    service.goes_on("a long look", false).await;
    let seen = "select count(*) from events where project <> ''";
    let seen: i64 = reader.query_one(seen, &[]).await.unwrap().get(0);
    assert_eq!(seen, 2 * i64::try_from(ISSUES).unwrap() + 1, "it sees what was there");
    reader.batch_execute("commit").await.unwrap();

    let prepares = service.app.database.sql().await;
    prepares.batch_execute(WRITE).await.unwrap();
    prepares.batch_execute("prepare transaction 'stays'").await.unwrap();
    drop(prepares);
    service.goes_on("a prepared transaction", true).await;
    let sql = service.app.database.sql().await;
    sql.batch_execute("commit prepared 'stays'").await.unwrap();
    let Service { app, .. } = service;
    app.stop().await;
}
