//! Waiting for a state. The only place of the tests that sleeps.

use std::fmt::Debug;
use std::time::Duration;

use tokio::time::{Instant, sleep};

const PERIOD: Duration = Duration::from_millis(10);

/// Looks again and again until what is seen satisfies `done`; fails with the last thing seen.
pub async fn eventually<T: Debug, F: Future<Output = T>>(
    within: Duration,
    mut look: impl FnMut() -> F,
    done: impl Fn(&T) -> bool,
) -> T {
    let until = Instant::now() + within;
    loop {
        let seen = look().await;
        if done(&seen) {
            return seen;
        }
        assert!(Instant::now() < until, "not within {within:?}; last seen: {seen:?}");
        sleep(PERIOD).await;
    }
}
