//! `potts serve`: the service itself.

use std::process::ExitCode;

use anyhow::Context as _;
use tokio::signal::unix::{SignalKind, signal};

use crate::config::{self, Config, Flags};
use crate::server::Server;
use crate::telemetry;

/// Runs the service until it is asked to stop.
pub async fn run(flags: &Flags) -> ExitCode {
    let config = match Config::read(flags, config::environment) {
        Ok(config) => config,
        Err(error) => return wrong_setting(&error),
    };
    if let Err(error) = telemetry::start_log(&config.log) {
        return wrong_setting(&config::Error {
            variable: "POTTS_LOG",
            value: config.log.clone(),
            cause: format!("{error:#}"),
        });
    }
    match serve(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(cause = format!("{error:#}"), "the service ends");
            ExitCode::FAILURE
        }
    }
}

/// A setting that cannot be used: said before anything is bound or started.
pub fn wrong_setting(error: &config::Error) -> ExitCode {
    eprintln!("potts: {error}");
    ExitCode::from(config::EXIT_CODE)
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let grace = config.shutdown_grace;
    let mut asked = Asked::new()?;
    let mut server = tokio::select! {
        server = Server::start(config) => server?,
        () = asked.next() => return Ok(()),
    };

    tokio::select! {
        () = asked.next() => (),
        error = server.fault() => return Err(error),
    }
    tracing::info!(?grace, "stopping");
    server.stop(grace).await;
    tracing::info!("stopped");
    Ok(())
}

/// Two ways to be asked: Ctrl-C, and SIGTERM.
struct Asked {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Asked {
    fn new() -> anyhow::Result<Asked> {
        let listen = |kind| signal(kind).context("cannot listen for signals");
        Ok(Asked {
            interrupt: listen(SignalKind::interrupt())?,
            terminate: listen(SignalKind::terminate())?,
        })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => (),
            _ = self.terminate.recv() => (),
        }
    }
}
