//! How many subscriptions there are: each holds memory of the server for as long as it likes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::domain::error::{Error, Reason, Result};
use crate::domain::name::ActorName;

/// The subscriptions of this server by their callers; cheap to clone. How many there are of all
/// callers together is bounded by the hub.
#[derive(Clone, Debug)]
pub(super) struct Subscriptions {
    caller_max: usize,
    counts: Arc<Mutex<BTreeMap<ActorName, usize>>>,
}

/// A subscription that is counted until this is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    subscriptions: Subscriptions,
    caller: ActorName,
}

impl Subscriptions {
    /// None yet, and at most so many a caller.
    pub fn at_most(caller_max: usize) -> Subscriptions {
        Subscriptions { caller_max, counts: Arc::default() }
    }

    /// Counts one more, if there may be one more.
    pub fn count(&self, caller: &ActorName) -> Result<Counted> {
        let mut counts = self.lock();
        let of_caller = counts.get(caller).copied().unwrap_or(0);
        if of_caller >= self.caller_max {
            let problem = format!("there are {of_caller} subscriptions of {caller}");
            let reason = Reason::LimitReached;
            return Err(Error::Exhausted { reason, problem, retry_after: None });
        }
        counts.insert(caller.clone(), of_caller + 1);
        Ok(Counted { subscriptions: self.clone(), caller: caller.clone() })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ActorName, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
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
    fn a_caller_has_so_many_and_no_more() {
        let subscriptions = Subscriptions::at_most(2);
        let root = ActorName::root();
        let mut held =
            vec![subscriptions.count(&root).unwrap(), subscriptions.count(&root).unwrap()];

        assert_eq!(subscriptions.count(&root).unwrap_err().reason(), Reason::LimitReached);
        assert!(subscriptions.count(&ActorName::stored("actors/other")).is_ok());
        held.pop();
        held.push(subscriptions.count(&root).unwrap());
        drop(held);
        assert!(subscriptions.lock().is_empty());
    }
}
