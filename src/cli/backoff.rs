//! How long to wait before trying again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

/// A shorter first pause would only find the same trouble again.
const FIRST: Duration = Duration::from_millis(100);
/// A longer one would leave people looking at nothing after the service is back.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// What the service asks for is honoured up to here.
const ASKED_MAX: Duration = Duration::from_secs(30);

/// Pauses that double from 0.1 s to 5 s, each cut by chance so that clients do not come at once.
#[derive(Debug)]
pub struct Backoff(Duration);

impl Backoff {
    /// Begins with the shortest pause.
    pub fn new() -> Backoff {
        Backoff(FIRST)
    }

    /// Begins anew: it worked.
    pub fn reset(&mut self) {
        self.0 = FIRST;
    }

    /// The next pause: at least as long as the service `asked` for.
    pub fn pause(&mut self, asked: Option<Duration>) -> Duration {
        let pause = self.0;
        self.0 = PAUSE_MAX.min(pause * 2);
        let asked = asked.unwrap_or_default().min(ASKED_MAX);
        // Between half of the pause and all of it, but never under the shortest one.
        let chance = RandomState::new().hash_one(()) % 1024;
        let part = u32::try_from(chance).unwrap_or_default();
        FIRST.max(pause / 2 + pause / 2048 * part).max(asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_within_their_bounds() {
        let mut backoff = Backoff::new();
        let pauses: Vec<Duration> = (0..20).map(|_| backoff.pause(None)).collect();

        assert!(pauses.iter().all(|pause| (FIRST..=PAUSE_MAX).contains(pause)), "{pauses:?}");
        assert!(pauses[19] >= PAUSE_MAX / 2);
        assert!(pauses[10..].iter().any(|pause| *pause != pauses[19]), "no chance: {pauses:?}");
        backoff.reset();
        assert_eq!(backoff.pause(None), FIRST);
    }

    #[test]
    fn what_the_service_asks_for_is_honoured_within_reason() {
        let mut backoff = Backoff::new();

        assert_eq!(backoff.pause(Some(Duration::from_secs(7))), Duration::from_secs(7));
        assert_eq!(backoff.pause(Some(Duration::from_secs(7_000))), ASKED_MAX);
    }
}
