//! The hand of the service: its commands, and its waiting.

use std::hash::{BuildHasher as _, RandomState};
use std::pin::Pin;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::command::Verb;
use crate::domain::error::{Error, Reason, Result};
use crate::domain::name::ActorName;
use crate::ledger::{Call, Class, Command, Ledger};
use crate::store::{self, Fault};
use crate::stream::Moved;

/// Rows that one command names. More would hold up what waits in the same lane.
pub const ROWS_MAX: i64 = 200;
/// A command of the service that takes longer is given up, and tried again with the next look.
const COMMAND_MAX: Duration = Duration::from_secs(30);
/// A look at the tables that takes longer is given up.
const LOOK_MAX: Duration = Duration::from_secs(10);
/// About how many bytes a row takes that a command names.
const ROW_BYTES: usize = 64;

/// Has the ledger carry out a command of the service; answers whether it changed anything.
pub async fn submit(ledger: &Ledger, rows: usize, verb: impl Into<Verb>) -> Result<bool> {
    let request_id = Uuid::now_v7();
    let call = Call {
        caller: ActorName::potts(),
        request_id,
        // Doing it twice changes nothing, so nothing has to be remembered.
        request_id_given: false,
        fingerprint: request_id.into_bytes(),
        deadline: Instant::now() + COMMAND_MAX,
        validate_only: false,
    };
    let bytes = ROW_BYTES * rows;
    // It ends what is held, or makes ready what others wait for.
    let command = Command { call, class: Class::Finish, bytes, verb: verb.into() };
    Ok(ledger.submit(command).await?.changed)
}

/// Has the ledger carry out a command of a caller whose stream is open: their role is asked again.
pub async fn submit_as(ledger: &Ledger, caller: &ActorName, verb: impl Into<Verb>) -> Result<bool> {
    let request_id = Uuid::now_v7();
    let call = Call {
        caller: caller.clone(),
        request_id,
        request_id_given: false,
        fingerprint: request_id.into_bytes(),
        deadline: Instant::now() + LOOK_MAX,
        validate_only: false,
    };
    let command = Command { call, class: Class::Finish, bytes: ROW_BYTES, verb: verb.into() };
    Ok(ledger.submit(command).await?.changed)
}

/// What was read for a caller, unless it takes too long.
pub async fn read<T>(reading: Pin<Box<impl Future<Output = store::Result<T>>>>) -> Result<T> {
    let unreadable = |problem: String| Error::Unavailable {
        reason: Reason::DatabaseUnavailable,
        problem,
        request_id: None,
    };
    match timeout(LOOK_MAX, reading).await {
        Ok(Ok(read)) => Ok(read),
        Ok(Err(Fault::Bug(error))) => Err(Error::Internal(error.into())),
        Ok(Err(fault)) => Err(unreadable(fault.to_string())),
        Err(_) => Err(unreadable("the database does not answer".into())),
    }
}

/// When a look at the tables has to be done.
pub fn look_deadline() -> Instant {
    Instant::now() + LOOK_MAX
}

/// What was read, unless it takes too long. What reads is boxed, as it holds some 30 KiB.
pub async fn look<T>(
    looking: Pin<Box<impl Future<Output = store::Result<T>>>>,
) -> anyhow::Result<T> {
    Ok(timeout(LOOK_MAX, looking).await??)
}

/// A period, sooner or later by up to so much, so that replicas do not look in step.
pub fn jittered(period: Duration, spread: Duration) -> Duration {
    let drawn = u32::try_from(RandomState::new().hash_one(()) % 1_001).unwrap_or(500);
    (period + spread * 2 * drawn / 1_000).saturating_sub(spread)
}

/// Whether there may be more than what one look has found.
pub fn is_full(found: usize) -> bool {
    i64::try_from(found).is_ok_and(|found| found >= ROWS_MAX)
}

/// What came first.
#[derive(Debug)]
pub enum Woken {
    /// It is time to look.
    Time,
    /// An event of interest.
    Heard(Moved),
    /// Events were missed: look at everything.
    Missed,
    /// The service stops.
    Stopping,
}

/// Waits for an event of interest, but no longer than until then.
pub async fn wait(
    until: Instant,
    moved: &mut broadcast::Receiver<Moved>,
    of_interest: impl Fn(&Moved) -> bool,
    stopping: &CancellationToken,
) -> Woken {
    let heard = async {
        loop {
            match moved.recv().await {
                Ok(moved) if of_interest(&moved) => return Woken::Heard(moved),
                Ok(_) => (),
                Err(RecvError::Lagged(_)) => return Woken::Missed,
                // The hub is gone, so the service stops.
                Err(RecvError::Closed) => std::future::pending().await,
            }
        }
    };
    tokio::select! {
        () = stopping.cancelled() => Woken::Stopping,
        () = tokio::time::sleep_until(until) => Woken::Time,
        woken = heard => woken,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_spread_and_never_left() {
        let (period, spread) = (Duration::from_secs(5), Duration::from_secs(1));
        for _ in 0..1_000 {
            let drawn = jittered(period, spread);
            assert!((period - spread..=period + spread).contains(&drawn), "{drawn:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_of_interest_wakes_and_the_rest_does_not() {
        let bell = broadcast::Sender::new(2);
        let (mut moved, stopping) = (bell.subscribe(), CancellationToken::new());
        let ring = |kind: &str| {
            let kind = kind.to_owned();
            bell.send(Moved { kind, subject: String::new() }).unwrap();
        };
        let mut heard = async |millis| {
            let until = Instant::now() + Duration::from_millis(millis);
            wait(until, &mut moved, |moved| moved.kind == "action.failed", &stopping).await
        };

        ring("action.completed");
        assert!(matches!(heard(10).await, Woken::Time));
        ring("action.failed");
        assert!(matches!(heard(10).await, Woken::Heard(_)));
        (0..5).for_each(|_| ring("action.completed"));
        assert!(matches!(heard(10).await, Woken::Missed));
        stopping.cancel();
        assert!(matches!(heard(60_000).await, Woken::Stopping));
    }
}
