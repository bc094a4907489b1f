//! The ledger, called in process.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use potts::domain::command::Verb;
use potts::domain::name::ActorName;
use potts::ledger::{Call, Class, Command, Ledger};
use potts::stream::{self, Hub};
use potts::telemetry::Metrics;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::cluster;
use crate::measure::{Figures, Span, closed_loop};
use crate::work::{Choices, Work};

/// As a server gives a caller that asks for none.
const DEADLINE: Duration = Duration::from_secs(30);
/// About what a command of the work holds.
const COMMAND_BYTES: usize = 256;

/// A ledger of one lane, with its hub.
#[derive(Debug)]
pub struct LedgerSide {
    ledger: Ledger,
    stopping: CancellationToken,
    tasks: JoinSet<()>,
}

impl LedgerSide {
    /// Opens a database.
    pub async fn start(url: &str) -> Result<LedgerSide> {
        let store = cluster::store(url)?;
        let hub = Hub::open(Arc::new(store.clone()), stream::Options::default()).await?;
        let (ledger, lanes) = Ledger::new(1, &store, &hub, &Arc::new(Metrics::new()));
        let stopping = CancellationToken::new();
        let mut tasks = JoinSet::new();
        for lane in lanes {
            tasks.spawn(async move { lane.run().await });
        }
        let hub_stopping = stopping.clone();
        tasks.spawn(async move { hub.run(hub_stopping).await });
        Ok(LedgerSide { ledger, stopping, tasks })
    }

    /// Lets so many callers do the work.
    pub async fn run(&self, work: Work, callers: usize, span: Span) -> Result<Figures> {
        closed_loop(callers, span, |caller| {
            let ledger = self.ledger.clone();
            let mut choices = Choices::of(caller);
            move || {
                let (ledger, command) = (ledger.clone(), command(choices.verb(work)));
                async move {
                    let done = ledger.submit(command).await?;
                    done.changed.then_some(()).ok_or_else(|| anyhow!("a call changed nothing"))
                }
            }
        })
        .await
    }

    /// Carries out what is left, and closes the database.
    pub async fn stop(mut self) {
        self.ledger.close();
        self.stopping.cancel();
        while self.tasks.join_next().await.is_some() {}
    }
}

fn command(verb: Verb) -> Command {
    let request_id = Uuid::new_v4();
    let call = Call {
        caller: ActorName::root(),
        request_id,
        request_id_given: false,
        fingerprint: request_id.into_bytes(),
        deadline: Instant::now() + DEADLINE,
        validate_only: false,
    };
    Command { call, class: Class::Client, bytes: COMMAND_BYTES, verb }
}
