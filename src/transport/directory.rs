//! Who callers are and what they may do, kept for as long as nobody has changed people.
//!
//! What is kept here saves a read of the database a call, and never more than that: it is forgotten
//! as soon as an event about people is known, which on this replica is before the change that made
//! it is acknowledged.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use super::deadline::Deadline;
use super::token::Hash;
use crate::domain::error::Result;
use crate::domain::event::Seq;
use crate::domain::name::ActorName;
use crate::domain::people::Standing;
use crate::store::{LetIn, Store};

/// More callers would be memory for those who do not call.
const CALLERS_MAX: usize = 10_000;
/// Only the database knows the time, and a credential must end by its clock. So one that ends is
/// asked for again after this; longer lets it in for longer where clocks run apart.
const EXPIRING_GOOD_FOR: Duration = Duration::from_secs(1);

/// Who callers are; cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    store: Store,
    known: Arc<Mutex<Known>>,
}

impl Directory {
    /// Knows nobody yet. `changed` tells when people have changed.
    pub fn new(store: Store, changed: watch::Receiver<Seq>) -> Directory {
        Directory { store, known: Arc::new(Mutex::new(Known::new(changed))) }
    }

    /// Whom a token lets in; none if it lets in nobody, or not any more.
    pub async fn caller(
        &self,
        token: Hash,
        deadline: Deadline,
    ) -> Result<Option<(ActorName, Arc<Standing>)>> {
        let epoch = {
            let mut known = self.lock();
            let epoch = known.epoch();
            if let Some(caller) = known.caller(&token, Instant::now()) {
                return Ok(Some(caller));
            }
            epoch
        };
        // The time that the look-up takes counts against the credential.
        let asked_at = Instant::now();
        let found = deadline.read(|| Box::pin(self.store.let_in(&token, deadline.0))).await?;
        let Some(LetIn { actor, standing, expires_in }) = found.filter(|f| f.standing.active)
        else {
            return Ok(None);
        };
        let standing = Arc::new(standing);
        let good_until = expires_in.map(|left| asked_at + left.min(EXPIRING_GOOD_FOR));
        let caller = Known::entry(&actor, &standing, good_until);
        self.lock().keep_caller(epoch, token, caller);
        Ok(Some((actor, standing)))
    }

    fn lock(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is known of a token.
#[derive(Clone, Debug)]
struct KnownCaller {
    actor: ActorName,
    standing: Arc<Standing>,
    /// When to ask again; none for as long as nobody changes people.
    good_until: Option<Instant>,
}

/// What was looked up since people have changed.
#[derive(Debug)]
struct Known {
    changed: watch::Receiver<Seq>,
    /// Counts how often everything was forgotten: what was asked before is not kept after.
    epoch: u64,
    callers: BTreeMap<Hash, KnownCaller>,
}

impl Known {
    fn new(changed: watch::Receiver<Seq>) -> Known {
        Known { changed, epoch: 0, callers: BTreeMap::new() }
    }

    fn entry(
        actor: &ActorName,
        standing: &Arc<Standing>,
        good_until: Option<Instant>,
    ) -> KnownCaller {
        KnownCaller { actor: actor.clone(), standing: Arc::clone(standing), good_until }
    }

    /// Forgets what may not be so any more. Answers which time of knowing this is.
    fn epoch(&mut self) -> u64 {
        // A hub that is gone tells nothing more, and nothing is served without it.
        if self.changed.has_changed().unwrap_or(false) {
            self.changed.mark_unchanged();
            self.callers.clear();
            self.epoch += 1;
        }
        self.epoch
    }

    fn caller(&self, token: &Hash, now: Instant) -> Option<(ActorName, Arc<Standing>)> {
        let known = self.callers.get(token)?;
        let is_good = known.good_until.is_none_or(|until| now < until);
        is_good.then(|| (known.actor.clone(), Arc::clone(&known.standing)))
    }

    /// Keeps what was looked up, unless people have changed since it was asked.
    fn keep_caller(&mut self, asked: u64, token: Hash, caller: KnownCaller) {
        if self.epoch() == asked {
            if self.callers.len() >= CALLERS_MAX {
                self.callers.clear();
            }
            self.callers.insert(token, caller);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: Hash = [7; 32];

    fn entry(good_until: Option<Instant>) -> KnownCaller {
        Known::entry(&ActorName::root(), &Arc::new(Standing::root()), good_until)
    }

    fn known() -> (watch::Sender<Seq>, Known) {
        let (sender, changed) = watch::channel(Seq(0));
        (sender, Known::new(changed))
    }

    #[test]
    fn what_is_known_is_forgotten_when_people_change() {
        let (people, mut known) = known();
        let epoch = known.epoch();
        known.keep_caller(epoch, TOKEN, entry(None));
        assert!(known.caller(&TOKEN, Instant::now()).is_some());

        people.send_replace(Seq(1));
        known.epoch();

        assert!(known.caller(&TOKEN, Instant::now()).is_none());
    }

    #[test]
    fn what_was_asked_before_a_change_is_not_kept_after_it() {
        let (people, mut known) = known();
        let asked = known.epoch();

        people.send_replace(Seq(1));
        known.keep_caller(asked, TOKEN, entry(None));

        assert!(known.callers.is_empty());
    }

    #[test]
    fn a_credential_that_ends_is_asked_for_again() {
        let (_people, mut known) = known();
        let now = Instant::now();
        let epoch = known.epoch();

        known.keep_caller(epoch, TOKEN, entry(Some(now + EXPIRING_GOOD_FOR)));

        assert!(known.caller(&TOKEN, now).is_some());
        assert!(known.caller(&TOKEN, now + EXPIRING_GOOD_FOR).is_none());
    }

    #[test]
    fn no_more_callers_are_kept_than_there_may_be() {
        let (_people, mut known) = known();
        let epoch = known.epoch();

        for n in 0..=CALLERS_MAX {
            let mut token = TOKEN;
            token[..8].copy_from_slice(&n.to_be_bytes());
            known.keep_caller(epoch, token, entry(None));
            assert!(known.callers.len() <= CALLERS_MAX);
        }
    }
}
