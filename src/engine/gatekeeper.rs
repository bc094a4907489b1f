//! The gatekeeper: settles what actions wait for in other issues.
//!
//! What waits for an action of its own issue is settled by the command that ends that action. The
//! rest comes one batch later, from here: an event says what has ended, and the tables say who
//! waited for it.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::hand::{self, ROWS_MAX, Woken, jittered};
use crate::domain::action::SettleGates;
use crate::domain::name::{ActionName, IssueName};
use crate::ledger::Ledger;
use crate::store::{Ended, GatePlace, Store};
use crate::stream::{Hub, Moved};

/// How often everything is looked at: what no event has told of.
const LOOK_PERIOD: Duration = Duration::from_secs(30);
/// How much sooner or later, so that replicas do not look in step.
const LOOK_SPREAD: Duration = Duration::from_secs(5);
/// After a failure.
const RETRY_PERIOD: Duration = Duration::from_secs(1);
/// Things that have ended and are asked about at once. More come with the next question.
const ENDED_MAX: usize = 500;

/// Settles gates until the service stops.
pub async fn gatekeeper(store: Store, hub: Hub, ledger: Ledger, stopping: CancellationToken) {
    // Heard before the first look: what ends in between is not missed.
    let mut moved = hub.moved();
    let mut all_at = Instant::now();
    let mut ended = None;
    loop {
        if ended.is_none() {
            all_at = Instant::now() + jittered(LOOK_PERIOD, LOOK_SPREAD);
        }
        let looking = look(&store, &ledger, ended.take());
        let Some(looked) = stopping.run_until_cancelled(looking).await else { return };
        if let Err(error) = looked {
            let cause = format!("{error:#}");
            tracing::warn!(cause, "cannot settle what actions wait for, will try again");
            all_at = Instant::now() + RETRY_PERIOD;
        }
        let is_end = |moved: &Moved| end_of(moved).is_some();
        match hand::wait(all_at, &mut moved, is_end, &stopping).await {
            Woken::Stopping => return,
            Woken::Time | Woken::Missed => (),
            // Events that never end must not keep from looking at everything.
            Woken::Heard(_) if Instant::now() >= all_at => (),
            Woken::Heard(first) => ended = gather(&first, &mut moved),
        }
    }
}

/// What has ended, if that is what an event says.
fn end_of(moved: &Moved) -> Option<EndOf> {
    match moved.kind.as_str() {
        "issue.closed" => IssueName::parse("", &moved.subject).ok().map(EndOf::Issue),
        "action.completed" | "action.failed" | "action.panicked" | "action.skipped"
        | "action.cancelled" => ActionName::parse("", &moved.subject).ok().map(EndOf::Action),
        _ => None,
    }
}

enum EndOf {
    Action(ActionName),
    Issue(IssueName),
}

/// What has ended, with what else has by now; none if events were missed.
fn gather(first: &Moved, moved: &mut broadcast::Receiver<Moved>) -> Option<Ended> {
    let mut ended = Ended { actions: BTreeSet::new(), issues: BTreeSet::new() };
    let mut put = |moved: &Moved| {
        match end_of(moved) {
            Some(EndOf::Action(name)) => ended.actions.insert(name),
            Some(EndOf::Issue(name)) => ended.issues.insert(name),
            None => false,
        };
        ended.actions.len() + ended.issues.len()
    };
    let mut count = put(first);
    while count < ENDED_MAX {
        match moved.try_recv() {
            Ok(next) => count = put(&next),
            Err(TryRecvError::Lagged(_)) => return None,
            Err(TryRecvError::Empty | TryRecvError::Closed) => break,
        }
    }
    Some(ended)
}

/// Settles what waited for that; for whatever has ended, if it is not said.
async fn look(store: &Store, ledger: &Ledger, ended: Option<Ended>) -> anyhow::Result<()> {
    let mut after: Option<GatePlace> = None;
    loop {
        let deadline = hand::look_deadline();
        let looking = store.settled_gates(ended.as_ref(), after, ROWS_MAX, deadline);
        let (gates, last) = hand::look(looking).await?;
        let count = gates.len();
        if count > 0 {
            hand::submit(ledger, count, SettleGates { gates }).await?;
        }
        // Onwards whatever came of it: what cannot be settled now is not in the way of the rest.
        after = last;
        if !hand::is_full(count) {
            return Ok(());
        }
    }
}
