//! How far consumers are behind. For those that are too far the log waits no more.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::domain::consumer::ExpireConsumer;
use crate::engine::hand::{self, jittered};
use crate::ledger::Ledger;
use crate::store::{BehindMax, ConsumerBehind, ConsumersBehind, Store};
use crate::stream::Hub;
use crate::telemetry::Metrics;

/// How often it is looked. Days are counted: it need not be often.
const LOOK_PERIOD: Duration = Duration::from_secs(10);
/// How much sooner or later, so that replicas do not look in step.
const LOOK_SPREAD: Duration = Duration::from_secs(2);
/// More at once come with the next look.
const CONSUMERS_MAX: i64 = 100;
/// More would have the log grow without a bound for somebody who does not read it.
const BEHIND_MAX: BehindMax =
    BehindMax { events: 50_000_000, age: Duration::from_secs(30 * 24 * 3600) };

/// Measures how far consumers are behind, and expires them, until the service stops.
pub async fn expiry(
    store: Store,
    hub: Hub,
    ledger: Ledger,
    metrics: Arc<Metrics>,
    stopping: CancellationToken,
) {
    loop {
        let looking = look(&store, &hub, &ledger, &metrics);
        let Some(looked) = stopping.run_until_cancelled(looking).await else { return };
        if let Err(error) = looked {
            let cause = format!("{error:#}");
            tracing::warn!(cause, "cannot look how far consumers are behind, will try again");
        }
        let pause = sleep(jittered(LOOK_PERIOD, LOOK_SPREAD));
        if stopping.run_until_cancelled(pause).await.is_none() {
            return;
        }
    }
}

async fn look(store: &Store, hub: &Hub, ledger: &Ledger, metrics: &Metrics) -> anyhow::Result<()> {
    let (head, deadline) = (hub.head().seq, hand::look_deadline());
    let looking = Box::pin(store.consumers_behind(head, BEHIND_MAX, CONSUMERS_MAX, deadline));
    let ConsumersBehind { count, farthest } = hand::look(looking).await?;
    let lag = |one: &ConsumerBehind| (one.name.to_string(), (head.0 - one.done.0).max(0));
    metrics.consumers(count, farthest.iter().map(lag));
    for ConsumerBehind { name, run, done, .. } in farthest.into_iter().filter(|one| one.too_far) {
        let expire = ExpireConsumer { name: name.clone(), run, done };
        if hand::submit(ledger, 1, expire).await? {
            tracing::warn!(consumer.name = %name, "a consumer was too far behind and has expired");
        }
    }
    Ok(())
}
