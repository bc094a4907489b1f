//! Events that wait to be tried again, and those that wait behind them.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::event::Seq;
use crate::domain::working_set::Noun;

/// A reason is for people who look at a list.
pub const REASON_BYTES_MAX: usize = 1024;
/// Longer is another schedule than that of a consumer.
pub const DELAY_MAX: Duration = Duration::from_secs(3600);
/// The reason of an event of which nothing was heard.
pub const SILENT: &str = "SILENT";

/// The first wait.
const BACKOFF_FIRST: Duration = Duration::from_secs(1);
/// The longest.
const BACKOFF_MAX: Duration = Duration::from_secs(300);

/// An event that waits to be tried again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Retry {
    /// Since which reset of the consumer.
    pub run: Uuid,
    /// The event.
    pub seq: Seq,
    /// The bucket that it is of.
    pub bucket: i16,
    /// What it is ordered by.
    pub key: String,
    /// How often it has failed; 0 if it waits for an earlier event of its key alone.
    pub attempts: i32,
    /// Not before.
    pub next_at: Timestamp,
    /// Why it failed the last time.
    pub reason: String,
}

impl Noun for Retry {
    type Key = (Uuid, Seq);

    fn key(&self) -> (Uuid, Seq) {
        (self.run, self.seq)
    }
}

/// How long to wait after so many failures: 1 s, doubled each time up to five minutes, and up to a
/// fifth more or less, which a drawn number decides.
pub fn backoff(attempts: i32, drawn: u32) -> Duration {
    let doublings = u32::try_from(attempts.saturating_sub(1)).unwrap_or(0).min(16);
    let wait = (BACKOFF_FIRST * (1 << doublings)).min(BACKOFF_MAX);
    wait * (800 + drawn % 401) / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_five_minutes_and_are_spread() {
        let middle = |attempts| backoff(attempts, 200);

        assert_eq!([1, 2, 3].map(middle), [1, 2, 4].map(Duration::from_secs));
        assert_eq!(middle(9), Duration::from_secs(256));
        assert_eq!([10, 100, i32::MAX].map(middle), [BACKOFF_MAX; 3]);
        assert_eq!(backoff(1, 0), Duration::from_millis(800));
        assert_eq!(backoff(1, 400), Duration::from_millis(1_200));
        assert!((0..10_000).all(|drawn| backoff(1, drawn) <= Duration::from_millis(1_200)));
    }
}
