//! Claiming what comes next, and waiting for it where there is nothing.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::decode::Next;
use crate::domain::action::ClaimNextActions;
use crate::domain::error::{Error, Reason, Result};
use crate::ledger::{Class, Done};
use crate::transport::auth::Admitted;
use crate::transport::door::Door;

/// After so long without a hint it is looked all the same: nobody believes a hint.
const LOOK_PERIOD: Duration = Duration::from_secs(20);

/// Claims until there is something, for as long as the caller wants to wait; none is nothing.
pub async fn claim(door: &Door, admitted: &Admitted, next: Next) -> Result<Option<Done>> {
    let Next { project, action_types, max, wait, refuse_empty } = next;
    let verb = ClaimNextActions { project, actor: admitted.caller.name.clone(), action_types, max };
    let until = admitted.caller.deadline.0.min(Instant::now() + wait);
    // Heard from before the first claim on: what becomes ready in between is not missed.
    let mut claimable = door.hub.claimable(&verb.project);
    let mut nothing = None;
    loop {
        let command = admitted.command_of(Class::Claim, verb.clone())?;
        match (door.ledger.submit(command).await, &nothing) {
            (Ok(done), _) => return Ok(Some(done)),
            (Err(error), _) if error.reason() == Reason::QueueEmpty => nothing = Some(error),
            // There was nothing to claim for all the time that the caller had.
            (Err(Error::DeadlinePassed), Some(_)) => break,
            (Err(error), _) => return Err(error),
        }
        if Instant::now() >= until || admitted.validate_only {
            break;
        }
        tokio::select! {
            // The hub lives as long as the door: its bells ring, or nothing is to be heard.
            _ = claimable.changed() => (),
            () = sleep_until(until.min(Instant::now() + LOOK_PERIOD)) => (),
            () = door.stopping.cancelled() => return Err(shutting_down()),
        }
    }
    match nothing {
        Some(error) if refuse_empty => Err(error),
        Some(_) | None => Ok(None),
    }
}

fn shutting_down() -> Error {
    Error::Unavailable {
        reason: Reason::ShuttingDown,
        problem: "the service is shutting down, nothing was claimed".into(),
        request_id: None,
    }
}
