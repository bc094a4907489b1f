//! Leases: ends those whose time is over, and those of who may not act any more.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::hand::{self, ROWS_MAX, Woken, jittered};
use crate::domain::action::{ExpireLeases, ReleaseHeld};
use crate::ledger::Ledger;
use crate::store::Store;
use crate::stream::{Hub, Moved};

/// How often it is looked. A lost worker is known of that much later than its lease says.
const LOOK_PERIOD: Duration = Duration::from_secs(5);
/// How much sooner or later, so that replicas do not look in step.
const LOOK_SPREAD: Duration = Duration::from_secs(1);

/// Ends leases until the service stops.
pub async fn leases(store: Store, hub: Hub, ledger: Ledger, stopping: CancellationToken) {
    let mut moved = hub.moved();
    loop {
        let Some(looked) = stopping.run_until_cancelled(look(&store, &ledger)).await else { return };
        if let Err(error) = looked {
            let cause = format!("{error:#}");
            tracing::warn!(cause, "cannot look for leases that have ended, will try again");
        }
        let next = Instant::now() + jittered(LOOK_PERIOD, LOOK_SPREAD);
        match hand::wait(next, &mut moved, may_be_revoked, &stopping).await {
            Woken::Stopping => return,
            Woken::Time | Woken::Heard(_) | Woken::Missed => (),
        }
    }
}

/// Whether somebody may not act any more.
fn may_be_revoked(moved: &Moved) -> bool {
    matches!(moved.kind.as_str(), "actor.disabled" | "actor.deleted")
}

async fn look(store: &Store, ledger: &Ledger) -> anyhow::Result<()> {
    loop {
        let looking = store.expired_leases(ROWS_MAX, hand::look_deadline());
        let actions = hand::look(looking).await?;
        let count = actions.len();
        let changed = count > 0 && hand::submit(ledger, count, ExpireLeases { actions }).await?;
        if !hand::is_full(count) || !changed {
            break;
        }
    }
    loop {
        let looking = store.held_by_disabled(ROWS_MAX, hand::look_deadline());
        let revoked = hand::look(looking).await?;
        let (mut count, mut changed) = (0, false);
        for (actor, actions) in revoked {
            let rows = actions.len();
            count += rows;
            changed |= hand::submit(ledger, rows, ReleaseHeld { actor, actions }).await?;
        }
        if !hand::is_full(count) || !changed {
            return Ok(());
        }
    }
}
