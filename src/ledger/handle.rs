//! The way into the ledger.

use std::sync::Arc;

use tokio::sync::{Notify, oneshot};
use tokio::time::timeout_at;

use super::command::{Command, Done};
use super::health::Health;
use super::lane::{Lane, database_unavailable, outcome_unknown};
use super::queue::{Pending, Progress, Queue, shutting_down};
use crate::domain::error::Result;
use crate::domain::name::ProjectId;
use crate::store::Store;
use crate::stream::Hub;
use crate::telemetry::Metrics;

/// The way into the ledger; cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger {
    lanes: Arc<[Arc<Queue>]>,
    health: Arc<Health>,
    committed: Arc<Notify>,
}

impl Ledger {
    /// A ledger of so many lanes, and the lanes: whoever spawns them keeps them running.
    pub fn new(
        lanes: usize,
        store: &Store,
        hub: &Hub,
        metrics: &Arc<Metrics>,
    ) -> (Ledger, Vec<Lane>) {
        let health = Arc::new(Health::default());
        let committed = Arc::new(Notify::new());
        let lane = |_| Lane {
            queue: Arc::new(Queue::new()),
            store: store.clone(),
            hub: hub.clone(),
            committed: Arc::clone(&committed),
            health: Arc::clone(&health),
            metrics: Arc::clone(metrics),
        };
        let lanes: Vec<Lane> = (0..lanes.max(1)).map(lane).collect();
        let queues = lanes.iter().map(|lane| Arc::clone(&lane.queue)).collect();
        (Ledger { lanes: queues, health, committed }, lanes)
    }

    /// Carries a command out: returns when it is durable, or refused.
    ///
    /// Dropped before it returns, it withdraws the command if that has not started; what has
    /// started is carried out to its end.
    pub async fn submit(&self, command: Command) -> Result<Done> {
        if self.health.is_down() {
            return Err(database_unavailable());
        }
        let (deadline, request_id) = (command.call.deadline, command.call.request_id);
        let subject = command.verb.rule().subject();
        let queue = self.lane(subject.project().map_or("", ProjectId::as_str));
        let progress = Arc::new(Progress::default());
        let (answer, answered) = oneshot::channel();
        queue.push(Pending { command, progress: Arc::clone(&progress), answer })?;
        match timeout_at(deadline, answered).await {
            Ok(Ok(result)) => result,
            // The lane gave it up, or broke, before anything was changed.
            Ok(Err(_)) if progress.withdraw() => {
                Err(if queue.is_closed() { shutting_down() } else { database_unavailable() })
            }
            Err(_) if progress.withdraw() => Err(self.health.too_late()),
            // In the middle of it.
            Ok(Err(_)) | Err(_) => Err(outcome_unknown(request_id)),
        }
    }

    fn lane(&self, project: &str) -> &Queue {
        let lanes = self.lanes.len();
        let index =
            usize::try_from(fnv1a64(project.as_bytes()) % u64::try_from(lanes).unwrap_or(1));
        let queue = index.ok().and_then(|index| self.lanes.get(index));
        queue.expect("an index below the number of lanes")
    }

    /// Whether commands are carried out: the database answers and nothing stops.
    pub fn is_ready(&self) -> bool {
        !self.health.is_lost() && !self.lanes.iter().any(|queue| queue.is_closed())
    }

    /// How many commands wait.
    pub fn queued(&self) -> usize {
        self.lanes.iter().map(|queue| queue.len()).sum()
    }

    /// Waits until something has been committed since the last call.
    pub async fn committed(&self) {
        self.committed.notified().await;
    }

    /// Waits until every lane has come to its end after [`Ledger::close`].
    pub async fn drained(&self) {
        for queue in self.lanes.iter() {
            queue.drained().await;
        }
    }

    /// Lets nothing in any more; what is queued is carried out for a while yet.
    pub fn close(&self) {
        self.lanes.iter().for_each(|queue| queue.close());
    }
}

/// The hash of Fowler, Noll and Vo: the same in every release, unlike the standard library's.
fn fnv1a64(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
