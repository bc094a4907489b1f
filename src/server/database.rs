//! The database of a server: a private one, or one that is configured; reachable, and migrated.

use std::time::Duration;

use anyhow::{Context as _, bail};
use secrecy::ExposeSecret as _;
use tokio::time::{Instant, sleep};

use crate::config::{Config, Migrate};
use crate::embedded::{self, Postgres};
use crate::store::{self, Connector, Purpose, VERSION_MIN, migrate};

/// A database that is restarting comes back within this.
const REACHABLE_WITHIN: Duration = Duration::from_secs(30);
/// Between attempts.
const ATTEMPT_PERIOD: Duration = Duration::from_secs(1);

/// Finds the database, or starts a private one.
pub async fn open(config: &Config) -> anyhow::Result<(Connector, Option<Postgres>)> {
    if let Some(url) = &config.database_url {
        let connector = Connector::new(url.expose_secret())?;
        return Ok((connector, None));
    }
    let postgres = Postgres::start(embedded::Options {
        dir: config.data_dir.join("postgres"),
        binaries_dir: config.data_dir.join("binaries"),
        fsync: true,
        search: embedded::Search::Installed,
        settings: Vec::new(),
    })
    .await
    .context("cannot start a private PostgreSQL; set POTTS_DATABASE_URL to use another one")?;
    let connector = Connector::new(&postgres.url())?;
    Ok((connector, Some(postgres)))
}

/// Waits until the database answers, and brings its schema up to date if that is asked.
pub async fn prepare(connector: &Connector, migrations: Migrate) -> anyhow::Result<()> {
    reach(connector).await?;
    let facts = store::facts(connector).await?;
    if facts.major < VERSION_MIN {
        bail!("the database is PostgreSQL {}, at least {VERSION_MIN} is needed", facts.version);
    }
    if !facts.durable {
        tracing::warn!(
            "the database runs without fsync: a power cut may lose what was acknowledged"
        );
    }
    match migrations {
        Migrate::Auto => {
            let done = migrate::run(connector).await.context("cannot migrate the database")?;
            if !done.names.is_empty() {
                tracing::info!(count = done.names.len(), "migrated the database");
            }
        }
        Migrate::Never => {
            let missing = migrate::pending(connector).await?.names;
            if !missing.is_empty() {
                bail!("the database lacks migrations, run `potts migrate`: {}", missing.join(", "));
            }
        }
    }
    Ok(())
}

async fn reach(connector: &Connector) -> anyhow::Result<()> {
    let until = Instant::now() + REACHABLE_WITHIN;
    loop {
        match connector.connect(Purpose::Read).await {
            Ok(_) => return Ok(()),
            Err(fault) if Instant::now() >= until => {
                let database = connector.database().to_owned();
                return Err(anyhow::Error::new(fault))
                    .with_context(|| format!("cannot reach the database {database}"));
            }
            Err(fault) => {
                let cause = format!("{:#}", anyhow::Error::new(fault));
                tracing::warn!(cause, "cannot reach the database yet, will try again");
                sleep(ATTEMPT_PERIOD).await;
            }
        }
    }
}
