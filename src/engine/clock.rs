//! The clock: wakes what waits for a time, when that has come.

use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::hand::{self, ROWS_MAX, Woken};
use crate::domain::action::WakeDue;
use crate::ledger::Ledger;
use crate::store::Store;
use crate::stream::{Hub, Moved};

/// However far away the next time is, and if nobody has said that there is a nearer one.
const LOOK_PERIOD: Duration = Duration::from_secs(30);
/// However much happens, the tables are not asked more often. So what is due is woken that late.
const LOOK_PERIOD_MIN: Duration = Duration::from_millis(100);
/// What was due and did not move has been locked by somebody, or is another replica's work.
const STUCK_PERIOD: Duration = Duration::from_secs(1);

/// Follows the time of the database until the service stops.
pub async fn clock(store: Store, hub: Hub, ledger: Ledger, stopping: CancellationToken) {
    let mut moved = hub.moved();
    loop {
        let looked_at = Instant::now();
        let Some(looked) = stopping.run_until_cancelled(look(&store, &ledger)).await else { return };
        let pause = looked.unwrap_or_else(|error| {
            let cause = format!("{error:#}");
            tracing::warn!(cause, "cannot look what is due, will try again");
            STUCK_PERIOD
        });
        let pause = pause.clamp(LOOK_PERIOD_MIN, LOOK_PERIOD);
        match hand::wait(looked_at + pause, &mut moved, may_be_due, &stopping).await {
            Woken::Stopping => return,
            Woken::Time => (),
            // Others may follow at once: one look serves them all.
            Woken::Heard(_) | Woken::Missed => {
                let earliest = looked_at + LOOK_PERIOD_MIN;
                if let Woken::Stopping =
                    hand::wait(earliest, &mut moved, |_| false, &stopping).await
                {
                    return;
                }
            }
        }
    }
}

/// Whether something may wait for a time since then.
fn may_be_due(moved: &Moved) -> bool {
    moved.kind.starts_with("action.")
        && !matches!(moved.kind.as_str(), "action.completed" | "action.assigned")
}

/// Wakes what is due, and answers for how long nothing else will be.
async fn look(store: &Store, ledger: &Ledger) -> anyhow::Result<Duration> {
    loop {
        let looking = store.due_actions(ROWS_MAX, hand::look_deadline());
        let (due, next) = hand::look(looking).await?;
        if due.is_empty() {
            return Ok(next.unwrap_or(LOOK_PERIOD));
        }
        let count = due.len();
        if !hand::submit(ledger, count, WakeDue { actions: due }).await? {
            return Ok(STUCK_PERIOD);
        }
        if !hand::is_full(count) {
            return Ok(next.unwrap_or(LOOK_PERIOD));
        }
    }
}
