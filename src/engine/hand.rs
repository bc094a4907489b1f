//! The hand of the service: its commands, and its waiting.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::command::Verb;
use crate::domain::error::Result;
use crate::domain::name::ActorName;
use crate::ledger::{Call, Class, Command, Ledger};
use crate::store;
use crate::stream::Frame;

/// Rows that one command names. More would hold up what waits in the same lane.
pub const ROWS_MAX: i64 = 200;
/// A command of the service that takes longer is given up, and tried again with the next look.
const COMMAND_MAX: Duration = Duration::from_secs(30);
/// A look at the tables that takes longer is given up.
const LOOK_MAX: Duration = Duration::from_secs(10);
/// About how many bytes a row takes that a command names.
const ROW_BYTES: usize = 64;

/// Has the ledger carry out a command of the service; answers whether it changed anything.
pub async fn submit(
    ledger: &Ledger,
    rows: usize,
    verb: impl Into<Verb>,
) -> Result<bool> {
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

/// When a look at the tables has to be done.
pub fn look_deadline() -> Instant {
    Instant::now() + LOOK_MAX
}

/// What was read, unless it takes too long.
pub async fn look<T>(looking: impl Future<Output = store::Result<T>>) -> anyhow::Result<T> {
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
    Heard(Arc<Frame>),
    /// Events were missed: look at everything.
    Missed,
    /// The service stops.
    Stopping,
}

/// Waits for an event of interest, but no longer than until then.
pub async fn wait(
    until: Instant,
    moved: &mut broadcast::Receiver<Arc<Frame>>,
    of_interest: impl Fn(&Frame) -> bool,
    stopping: &CancellationToken,
) -> Woken {
    let heard = async {
        loop {
            match moved.recv().await {
                Ok(frame) if of_interest(&frame) => return Woken::Heard(frame),
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
