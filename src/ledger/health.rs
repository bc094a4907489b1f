//! Whether the database answers, as the lanes see it.

use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use super::lane::database_unavailable;
use crate::domain::error::Error;

/// A shorter absence is a restart that callers need not know of.
const LOST_MIN: Duration = Duration::from_secs(2);

/// Since when the database has been lost.
#[derive(Debug, Default)]
pub struct Health(Mutex<Option<Instant>>);

impl Health {
    fn since(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// It does not answer.
    pub fn lost(&self) {
        self.since().get_or_insert_with(Instant::now);
    }

    /// It answers.
    pub fn found(&self) {
        *self.since() = None;
    }

    /// Whether it did not answer when it was last asked.
    pub fn is_lost(&self) -> bool {
        self.since().is_some()
    }

    /// What is told of a command whose deadline passed before anything was changed.
    pub fn too_late(&self) -> Error {
        if self.is_lost() { database_unavailable() } else { Error::DeadlinePassed }
    }

    /// Whether it has not answered for so long that new commands are refused.
    pub fn is_down(&self) -> bool {
        self.since().is_some_and(|since| since.elapsed() >= LOST_MIN)
    }
}
