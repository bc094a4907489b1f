//! What goes on beside the calls: partitions ahead, sweeping, purging, hints, health.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::horizon::{self, Retention};
use crate::domain::event::Seq;
use crate::ledger::Ledger;
use crate::store::{Fault, PARTITIONS_AHEAD, PURGE_ISSUES_MAX, SWEEP_ROWS_MAX, Store};
use crate::stream::Hub;
use crate::telemetry::Metrics;

/// A partition lasts for minutes even at full speed.
const KEEP_PERIOD: Duration = Duration::from_secs(60);
/// Short, so that a sweep is small.
const SWEEP_PERIOD: Duration = Duration::from_secs(10);
/// Nobody sees what is still there until then.
const PURGE_PERIOD: Duration = Duration::from_secs(10);
/// More hints cost more than they save: readers poll as well.
const HINT_PERIOD: Duration = Duration::from_millis(10);
/// Between attempts to reach a database that is away.
const RECONNECT_PERIOD: Duration = Duration::from_millis(500);
/// How often it is looked whether calls can be served.
const PROBE_PERIOD: Duration = Duration::from_secs(1);
/// More than any statement may take: for a deadline before that it would be told its time, and the
/// next one told otherwise, and a service at rest would say three things where one is asked.
const PROBE_MAX: Duration = Duration::from_secs(10);
/// How often it is looked whether another replica has made partitions.
const KEEPER_PERIOD: Duration = Duration::from_millis(50);
/// It takes milliseconds. Who holds the keeper's lock for longer does something else.
const KEEPER_MAX: Duration = Duration::from_secs(30);
/// Fewer partitions than this are worth an alarm.
const PARTITIONS_LOW: i64 = 2;

/// Waits, unless the server stops first. False if it does.
async fn wait(period: Duration, stopping: &CancellationToken) -> bool {
    tokio::select! {
        () = sleep(period) => true,
        () = stopping.cancelled() => false,
    }
}

/// Makes the first partitions, or waits until another replica has made them.
pub async fn make_partitions(store: &Store) -> Result<(), Fault> {
    let until = Instant::now() + KEEPER_MAX;
    while store.keep_partitions(Seq::default()).await?.is_none() && Instant::now() < until {
        sleep(KEEPER_PERIOD).await;
    }
    Ok(())
}

/// Makes partitions ahead of need.
pub async fn keep_partitions(
    store: Store,
    hub: Hub,
    metrics: Arc<Metrics>,
    stopping: CancellationToken,
) {
    while wait(KEEP_PERIOD, &stopping).await {
        let keeping = store.keep_partitions(hub.head().seq);
        let Some(kept) = stopping.run_until_cancelled(keeping).await else { return };
        match kept {
            Ok(Some(ahead)) => {
                metrics.partitions_ahead(ahead);
                if ahead < PARTITIONS_LOW {
                    tracing::error!(ahead, "the log runs out of partitions");
                }
            }
            // Another replica is at it.
            Ok(None) => metrics.partitions_ahead(PARTITIONS_AHEAD),
            Err(error) => tracing::warn!(%error, "cannot make partitions, will try again"),
        }
    }
}

/// Moves the beginning of the log, from the start on: what was cut off with another server goes on.
pub async fn keep_horizon(
    store: Store,
    hub: Hub,
    retention: Retention,
    stopping: CancellationToken,
) {
    loop {
        let keeping = horizon::keep_horizon(&store, &retention, hub.head().seq);
        let Some(kept) = stopping.run_until_cancelled(keeping).await else { return };
        if let Err(error) = kept {
            let cause = format!("{error:#}");
            tracing::warn!(cause, "cannot move the beginning of the log, will try again");
        }
        if !wait(KEEP_PERIOD, &stopping).await {
            return;
        }
    }
}

/// Forgets what is kept for a time only.
pub async fn sweep(store: Store, requests_kept: Duration, stopping: CancellationToken) {
    while wait(SWEEP_PERIOD, &stopping).await {
        loop {
            let Some(swept) = stopping.run_until_cancelled(store.sweep(requests_kept)).await else {
                return;
            };
            match swept {
                Ok(swept) if i64::try_from(swept).is_ok_and(|swept| swept >= SWEEP_ROWS_MAX) => (),
                Ok(_) => break,
                Err(error) => {
                    tracing::warn!(%error, "cannot sweep, will try again");
                    break;
                }
            }
        }
    }
}

/// Takes away for good what was deleted too long ago to be brought back.
pub async fn purge(store: Store, stopping: CancellationToken) {
    while wait(PURGE_PERIOD, &stopping).await {
        loop {
            let Some(purged) = stopping.run_until_cancelled(store.purge()).await else { return };
            match purged {
                Ok(purged) if i64::try_from(purged).is_ok_and(|n| n >= PURGE_ISSUES_MAX) => (),
                Ok(_) => break,
                Err(Fault::Again(_)) => {
                    tracing::debug!("somebody holds what would be purged, will try again");
                    break;
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot purge, will try again");
                    break;
                }
            }
        }
    }
}

/// Tells other replicas that this one has committed something: the first time at once, then once
/// per [`HINT_PERIOD`].
pub async fn tell(store: Store, replica: Uuid, ledger: Ledger, stopping: CancellationToken) {
    let mut hinter = store.hinter(replica);
    loop {
        tokio::select! {
            () = ledger.committed() => (),
            () = stopping.cancelled() => return,
        }
        let Some(told) = stopping.run_until_cancelled(hinter.tell()).await else { return };
        if let Err(error) = told {
            tracing::debug!(%error, "cannot tell other replicas; they will see it when they look");
        }
        if !wait(HINT_PERIOD, &stopping).await {
            return;
        }
    }
}

/// Hears what other replicas tell.
pub async fn listen(store: Store, replica: Uuid, hub: Hub, stopping: CancellationToken) {
    let own = replica.to_string();
    while !stopping.is_cancelled() {
        let heard = async {
            let mut listener = store.listener().await?;
            // Whatever was said while nobody listened.
            hub.hint();
            loop {
                if listener.hear().await? != own {
                    hub.hint();
                }
            }
        };
        let ended: Result<std::convert::Infallible, Fault> = tokio::select! {
            ended = heard => ended,
            () = stopping.cancelled() => return,
        };
        let Err(error) = ended;
        tracing::debug!(%error, "cannot hear other replicas; this one looks by itself");
        if !wait(RECONNECT_PERIOD, &stopping).await {
            return;
        }
    }
}

/// Whether calls can be served: the database answers, and the ledger carries out.
#[derive(Clone, Debug, Default)]
pub struct Readiness(Arc<AtomicBool>);

impl Readiness {
    /// Whether they can.
    pub fn is_ready(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Says so.
    pub fn set(&self, ready: bool) {
        self.0.store(ready, Ordering::Release);
    }
}

/// Looks whether calls can be served, and tells `changed` when that changes.
pub async fn watch_health<F: Future<Output = ()>>(
    store: Store,
    ledger: Ledger,
    readiness: Readiness,
    changed: impl Fn(bool) -> F,
    stopping: CancellationToken,
) {
    loop {
        // Given up before, and its connection with it.
        let answers = store.now(Instant::now() + PROBE_MAX);
        let answers = matches!(tokio::time::timeout(PROBE_PERIOD, answers).await, Ok(Ok(_)));
        let ready = answers && ledger.is_ready() && !stopping.is_cancelled();
        if ready != readiness.is_ready() {
            tracing::info!(ready, "readiness changed");
            readiness.set(ready);
            changed(ready).await;
        }
        if !wait(PROBE_PERIOD, &stopping).await {
            readiness.set(false);
            changed(false).await;
            return;
        }
    }
}
