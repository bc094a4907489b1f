//! How many subscriptions there are: each holds memory of the server for as long as it likes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::error::{Error, Reason, Result};
use crate::domain::name::ActorName;

/// More show a caller that subscribes per thing where a filter would do.
const PER_CALLER_MAX: usize = 100;
/// At 40 KiB each, 400 MiB.
const MAX: usize = 10_000;

/// The subscriptions of this server by their callers; cheap to clone.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions(Arc<Mutex<BTreeMap<ActorName, usize>>>);

/// A subscription that is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    subscriptions: Subscriptions,
    caller: ActorName,
}

impl Subscriptions {
    /// Counts one more, if there may be one more.
    pub fn count(&self, caller: &ActorName) -> Result<Counted> {
        let mut counts = self.lock();
        let of_caller = counts.get(caller).copied().unwrap_or(0);
        if of_caller >= PER_CALLER_MAX {
            return Err(limit(format!("there are {PER_CALLER_MAX} subscriptions of {caller}")));
        }
        if counts.values().sum::<usize>() >= MAX {
            return Err(limit(format!("there are {MAX} subscriptions on this server")));
        }
        counts.insert(caller.clone(), of_caller + 1);
        Ok(Counted { subscriptions: self.clone(), caller: caller.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ActorName, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn limit(problem: String) -> Error {
    Error::Exhausted { reason: Reason::LimitReached, problem, retry_after: None }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut counts = self.subscriptions.lock();
        match counts.get_mut(&self.caller) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) | None => {
                counts.remove(&self.caller);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_has_at_most_a_hundred() {
        let subscriptions = Subscriptions::default();
        let root = ActorName::root();
        let mut held: Vec<_> =
            (0..PER_CALLER_MAX).map(|_| subscriptions.count(&root).unwrap()).collect();

        assert_eq!(subscriptions.count(&root).unwrap_err().reason(), Reason::LimitReached);
        assert!(subscriptions.count(&ActorName::stored("actors/other")).is_ok());
        held.pop();
        assert!(subscriptions.count(&root).is_ok());
    }

    #[test]
    fn a_server_has_at_most_ten_thousand() {
        let subscriptions = Subscriptions::default();
        let actor = |n: usize| ActorName::stored(&format!("actors/a{n}"));
        let held: Vec<_> = (0..MAX).map(|n| subscriptions.count(&actor(n / 50)).unwrap()).collect();

        assert!(subscriptions.count(&ActorName::root()).is_err());
        drop(held);
        assert!(subscriptions.lock().is_empty());
    }
}
