//! Migrations: the schema is part of the program.

use std::time::Duration;

use anyhow::Context as _;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel_async::{AsyncMigrationHarness, AsyncPgConnection, SimpleAsyncConnection as _};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness as _, embed_migrations};

use super::connect::{Connector, Purpose};
use super::lock_order;

const MIGRATIONS: EmbeddedMigrations = embed_migrations!("migrations");

/// Whoever migrates has so long; longer than any migration that suits running servers.
const LOCK_WAIT_MAX: Duration = Duration::from_secs(300);

/// What a migration run did, or would do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migrated {
    /// The names of the migrations that were run, or are to be run.
    pub names: Vec<String>,
}

/// The names of all migrations, oldest first.
pub fn all() -> Vec<String> {
    let mut names: Vec<String> = migrations().iter().map(|m| m.name().to_string()).collect();
    names.sort();
    names
}

fn migrations() -> Vec<Box<dyn Migration<Pg>>> {
    MIGRATIONS.migrations().expect("they are compiled in")
}

/// Brings the schema up to date, under a lock: of several servers one migrates, the others wait.
pub async fn run(connector: &Connector) -> anyhow::Result<Migrated> {
    with_harness(connector, |harness| {
        let versions =
            harness.run_pending_migrations(MIGRATIONS).map_err(|error| anyhow::anyhow!(error))?;
        Ok(Migrated { names: versions.iter().map(MigrationVersion::to_string).collect() })
    })
    .await
}

/// Says which migrations are missing, without running them.
pub async fn pending(connector: &Connector) -> anyhow::Result<Migrated> {
    with_harness(connector, |harness| {
        let pending =
            harness.pending_migrations(MIGRATIONS).map_err(|error| anyhow::anyhow!(error))?;
        Ok(Migrated { names: pending.iter().map(|m| m.name().to_string()).collect() })
    })
    .await
}

/// Takes every migration back, newest first: for tests of the `down` files.
pub async fn revert_all(connector: &Connector) -> anyhow::Result<()> {
    with_harness(connector, |harness| {
        harness.revert_all_migrations(MIGRATIONS).map_err(|error| anyhow::anyhow!(error))?;
        Ok(())
    })
    .await
}

/// Runs on a thread of its own: the harness of diesel blocks.
async fn with_harness<T: Send + 'static>(
    connector: &Connector,
    work: impl FnOnce(&mut AsyncMigrationHarness<AsyncPgConnection>) -> anyhow::Result<T>
    + Send
    + 'static,
) -> anyhow::Result<T> {
    let mut conn = connector.connect(Purpose::Keep).await?;
    let lock = format!(
        "set lock_timeout = {}; select pg_advisory_lock({})",
        LOCK_WAIT_MAX.as_millis(),
        lock_order::MIGRATION_LOCK
    );
    conn.batch_execute(&lock).await.context("another server migrates and does not end")?;
    conn.batch_execute("set lock_timeout = 10000; set client_min_messages = warning").await?;
    // The session ends with the harness, and the lock with the session.
    tokio::task::spawn_blocking(move || work(&mut AsyncMigrationHarness::new(conn)))
        .await
        .context("the migration was cut short")?
}
