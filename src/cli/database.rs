//! `potts migrate`, `potts config` and `potts doctor`: for those who run the service.

use std::io::Write as _;
use std::process::ExitCode;

use anyhow::Context as _;

use super::serve::wrong_setting;
use crate::config::{self, Config, Flags};
use crate::embedded::{self, Postgres};
use crate::store::{self, Connector, Purpose, VERSION_MIN, migrate};
use crate::{server, telemetry};

/// Reads the settings, or says what is wrong with them.
pub fn read(flags: &Flags) -> Result<Config, ExitCode> {
    Config::read(flags, config::environment).map_err(|error| wrong_setting(&error))
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("potts: {error:#}");
    ExitCode::FAILURE
}

/// Prints the settings that are in force.
pub fn config(flags: &Flags) -> ExitCode {
    match read(flags) {
        Ok(config) => match write!(std::io::stdout().lock(), "{config}") {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error.into()),
        },
        Err(code) => code,
    }
}

/// Brings the schema up to date.
pub async fn migrate(flags: &Flags, dry_run: bool) -> ExitCode {
    let config = match read(flags) {
        Ok(config) => config,
        Err(code) => return code,
    };
    // The private server says what it does.
    drop(telemetry::start_log(&config.log));
    match migrate_database(&config, dry_run).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

async fn migrate_database(config: &Config, dry_run: bool) -> anyhow::Result<()> {
    let (connector, postgres) = server::open(config).await?;
    let done =
        if dry_run { migrate::pending(&connector).await } else { migrate::run(&connector).await };
    stop(postgres).await?;
    let names = done?.names;
    let mut out = std::io::stdout().lock();
    for name in &names {
        writeln!(out, "{} {name}", if dry_run { "missing" } else { "done" })?;
    }
    if names.is_empty() {
        writeln!(out, "the schema is up to date")?;
    }
    Ok(())
}

/// Stops a private database that was started for this.
pub async fn stop(postgres: Option<Postgres>) -> anyhow::Result<()> {
    if let Some(postgres) = postgres {
        postgres.stop().await?;
    }
    Ok(())
}

/// One thing that was looked at.
struct Finding {
    about: &'static str,
    is_well: bool,
    found: String,
}

/// Looks whether the service could run, and says what is in its way.
pub async fn doctor(flags: &Flags) -> ExitCode {
    let config = match read(flags) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let mut findings = vec![Finding {
        about: "potts",
        is_well: true,
        found: format!("version {}", env!("CARGO_PKG_VERSION")),
    }];
    findings.push(disk(&config));
    if let Err(error) = database(&config, &mut findings).await {
        findings.push(Finding { about: "database", is_well: false, found: format!("{error:#}") });
    }
    let mut out = std::io::stdout().lock();
    for Finding { about, is_well, found } in &findings {
        let mark = if *is_well { "ok  " } else { "FAIL" };
        if let Err(error) = writeln!(out, "{mark} {about}: {found}") {
            return fail(&error.into());
        }
    }
    if findings.iter().all(|finding| finding.is_well) {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Less than this fills within hours at full speed.
const DISK_BYTES_MIN: u64 = 1 << 30;
/// A clock that differs by more makes times of other services hard to compare.
const CLOCK_SECONDS_MAX: i64 = 5;

fn disk(config: &Config) -> Finding {
    let existing = config.data_dir.ancestors().find(|dir| dir.exists());
    let free = existing.and_then(|dir| rustix::fs::statvfs(dir).ok());
    let free = free.map(|found| found.f_bavail * found.f_frsize);
    Finding {
        about: "disk",
        is_well: free.is_none_or(|free| free >= DISK_BYTES_MIN),
        found: match free {
            Some(free) => format!("{} MiB free in {}", free >> 20, config.data_dir.display()),
            None => format!("cannot tell what is free in {}", config.data_dir.display()),
        },
    }
}

async fn database(config: &Config, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let (connector, postgres) = open(config).await?;
    let looked = look(&connector, findings).await;
    stop(postgres).await?;
    looked
}

/// The database, whether a service runs on it or not.
pub async fn open(config: &Config) -> anyhow::Result<(Connector, Option<Postgres>)> {
    match running(config).await {
        Some(connector) => Ok((connector, None)),
        None => server::open(config).await,
    }
}

/// The private database of a service that runs: it has an owner, and needs no start.
async fn running(config: &Config) -> Option<Connector> {
    let private = config.data_dir.join("postgres");
    let url = embedded::url_of(&private).filter(|_| config.database_url.is_none())?;
    let connector = Connector::new(&url).ok()?;
    connector.connect(Purpose::Read).await.ok()?;
    Some(connector)
}

async fn look(connector: &Connector, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let facts = store::facts(connector).await.context("cannot reach it")?;
    findings.push(Finding {
        about: "database",
        is_well: facts.major >= VERSION_MIN && !facts.read_only,
        found: format!(
            "PostgreSQL {} ({VERSION_MIN} or later is needed), {}, {} MiB",
            facts.version,
            if facts.read_only { "READ-ONLY" } else { "writable" },
            facts.bytes >> 20
        ),
    });
    findings.push(Finding {
        about: "durability",
        is_well: facts.durable,
        found: if facts.durable { "fsync is on" } else { "fsync is OFF" }.into(),
    });
    let missing = migrate::pending(connector).await?.names;
    findings.push(Finding {
        about: "migrations",
        is_well: missing.is_empty(),
        found: match missing.as_slice() {
            [] => "up to date".into(),
            missing => format!("missing: {}; run `potts migrate`", missing.join(", ")),
        },
    });
    let here = jiff::Timestamp::try_from(local_clock())?;
    let apart = (here.as_second() - facts.now.as_second()).abs();
    findings.push(Finding {
        about: "clock",
        is_well: apart <= CLOCK_SECONDS_MAX,
        found: format!("{apart} s from the database's, which decides"),
    });
    Ok(())
}

#[expect(
    clippy::disallowed_methods,
    reason = "this compares the machine's clock with the database's"
)]
fn local_clock() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
