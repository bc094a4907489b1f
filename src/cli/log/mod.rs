//! `potts log`: the log of events from behind, for those who run the service. Speaks to the
//! database or to archives, and not to the service.

mod check;
mod show;

use std::io::{self, BufWriter};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};

use super::verbs::Shown;
use super::{Exit, Failure, Output, database, end};
use crate::config::{Config, Flags};
use crate::embedded::Postgres;
use crate::store::{Connections, Store};

const SHOW_EXAMPLES: &str = "\
Examples:
  potts log show --limit 10
  potts log show --after 1000 --json --database-url postgres://potts:secret@db/potts
  potts log show --archive events_00000000-0193.pb.zst --from 1200000";
const CHECK_EXAMPLES: &str = "\
Examples:
  potts log check
  potts log check --archive events_00000000-0193.pb.zst

Exit codes: 0 all is well, 1 something is not, 69 the database cannot be reached, 78 a setting is
wrong.";
const NEW_EPOCH_EXAMPLES: &str = "\
Examples:
  potts log new-epoch --yes

Say this after the database was restored from a backup, or another one took its place that had not
received all of it. Every cursor that was given before is refused from then on (EPOCH_CHANGED), open
subscriptions end within some seconds, and subscribers list what is of interest and subscribe anew.
Without it, a subscriber that has seen what was lost is refused (CURSOR_AHEAD, LOG_DIVERGED) only
once it subscribes again. A service that was running notices a lost tail by itself.";

/// Look into the log of events, and after it.
#[derive(Args, Debug)]
pub struct Log {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Print events as they are kept: all of them, whoever may see them
    #[command(after_help = SHOW_EXAMPLES)]
    Show(Show),
    /// Look whether the log and its archives are whole
    #[command(after_help = CHECK_EXAMPLES)]
    Check(Check),
    /// Make the log another one, so that no cursor of before fits it
    #[command(after_help = NEW_EPOCH_EXAMPLES)]
    NewEpoch(NewEpoch),
}

#[derive(Args, Debug)]
struct Show {
    /// Read this archive instead of the database
    #[arg(long, value_name = "FILE")]
    archive: Option<PathBuf>,
    /// Begin with this place
    #[arg(long, value_name = "SEQ", conflicts_with = "after")]
    from: Option<i64>,
    /// Begin behind this place
    #[arg(long, value_name = "SEQ")]
    after: Option<i64>,
    #[command(flatten)]
    shown: Shown,
    #[command(flatten)]
    flags: Box<Flags>,
}

#[derive(Args, Debug)]
struct Check {
    /// Check this archive alone, without the database
    #[arg(long, value_name = "FILE")]
    archive: Option<PathBuf>,
    #[command(flatten)]
    flags: Box<Flags>,
}

#[derive(Args, Debug)]
struct NewEpoch {
    /// Do it: every subscriber must start anew
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    flags: Box<Flags>,
}

/// Does what was asked.
pub async fn run(log: Log) -> ExitCode {
    let flags = match &log.verb {
        Verb::Show(Show { flags, .. }) => flags,
        Verb::Check(Check { flags, .. }) => flags,
        Verb::NewEpoch(NewEpoch { flags, .. }) => flags,
    };
    let config = match database::read(flags) {
        Ok(config) => config,
        Err(code) => return code,
    };
    let (mut out, mut err) = (BufWriter::new(io::stdout()), io::stderr());
    let mut output = Output { out: &mut out, err: &mut err };
    let ended = match log.verb {
        Verb::Show(show) => Box::pin(show.run(&config, &mut output)).await,
        Verb::Check(check) => Box::pin(check.run(&config, &mut output)).await,
        Verb::NewEpoch(NewEpoch { yes, .. }) => new_epoch(yes, &config, &mut output).await,
    };
    let flushed = output.out.flush();
    end(ended.and(flushed.map_err(Failure::Output)), output.err)
}

async fn new_epoch(yes: bool, config: &Config, output: &mut Output<'_>) -> Result<(), Failure> {
    if !yes {
        let problem = "a new epoch has every subscriber start anew; say --yes if that is meant";
        return Err(Failure::Usage(problem.into()));
    }
    let database = Database::open(config).await?;
    let drawn = database.store.new_epoch().await;
    database.close().await?;
    let epoch = drawn.map_err(unreachable)?;
    writeln!(output.out, "the log is {epoch} now")?;
    writeln!(
        output.err,
        "every cursor of before is refused, and open subscriptions end within some seconds:\n\
         subscribers list what is of interest, and subscribe anew"
    )?;
    Ok(())
}

/// The database of the settings, for as long as a verb takes.
struct Database {
    store: Store,
    postgres: Option<Postgres>,
}

impl Database {
    async fn open(config: &Config) -> Result<Database, Failure> {
        let (connector, postgres) = database::open(config).await.map_err(unreachable)?;
        let store = Store::new(connector, Connections { read: 1, stream: 1 });
        Ok(Database { store, postgres })
    }

    async fn close(self) -> Result<(), Failure> {
        database::stop(self.postgres).await.map_err(unreachable)
    }
}

/// The database does not do what it should.
fn unreachable(error: impl Into<anyhow::Error>) -> Failure {
    Failure::Some { exit: Exit::Unreachable, summary: format!("{:#}", error.into()) }
}

/// An archive cannot be read.
fn unreadable(error: anyhow::Error) -> Failure {
    Failure::Usage(format!("{error:#}"))
}
