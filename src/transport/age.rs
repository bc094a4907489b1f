//! How old streams get.
//!
//! A stream stays with the server that it began with. Where an installation grows, or a balancer
//! has to spread its callers anew, streams have to end now and then, and not all at once.

use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::domain::error::{Error, Reason};
use crate::stream::jittered;

/// When a stream is as old as it may be.
#[derive(Debug)]
pub(super) struct Age(Option<Pin<Box<Sleep>>>);

impl Age {
    /// Of a stream that begins now; without a limit it gets as old as it likes.
    pub fn up_to(age_max: Option<Duration>) -> Age {
        Age(age_max.map(|age_max| Box::pin(sleep(jittered(age_max)))))
    }

    /// Waits until it is that old, and once only: last words take their time. Dropped and called
    /// again it loses nothing.
    pub async fn reached(&mut self) {
        match &mut self.0 {
            Some(end) => end.as_mut().await,
            None => std::future::pending().await,
        }
        self.0 = None;
    }
}

/// What the caller is told then: the same as when the server stops, because the same is to be done.
pub(super) fn too_old() -> Error {
    Error::Unavailable {
        reason: Reason::ShuttingDown,
        problem: "this stream is as old as streams get here; open it anew where it was".into(),
        request_id: None,
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{Instant, timeout};

    use super::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[tokio::test(start_paused = true)]
    async fn ages_are_spread_and_reached_once() {
        let began = Instant::now();
        let mut ends = Vec::new();
        for _ in 0..20 {
            let began = Instant::now();
            let mut age = Age::up_to(Some(HOUR));
            age.reached().await;
            ends.push(began.elapsed());
            assert!(timeout(2 * HOUR, age.reached()).await.is_err());
        }

        assert!(ends.iter().all(|end| (HOUR * 4 / 5..=HOUR * 6 / 5).contains(end)), "{ends:?}");
        assert!(ends.iter().any(|end| *end != ends[0]));
        assert!(timeout(began.elapsed(), Age::up_to(None).reached()).await.is_err());
    }
}
