//! Who reads, and what they may see now.
//!
//! Who may read what is changed by events of the log, so the log says when to look again: an event
//! is shown only to who was looked up after every such event before it had been committed. All who
//! read are looked up together, once for any number of changes.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::sleep;

use super::open::unreadable;
use super::shared::Shared;
use crate::domain::error::{Error, Reason, Result};
use crate::domain::event::Seq;
use crate::domain::name::{ActorName, Principal};
use crate::domain::people::Standing;
use crate::domain::reader::Reader;
use crate::store;

/// How many are looked up in one statement.
const LOOKED_UP_MAX: usize = 500;

/// What is known of somebody who reads.
#[derive(Debug)]
struct Known {
    /// None: they may not read any more.
    reader: Option<Arc<Reader>>,
    /// What the log was at least when they were looked up.
    as_of: Seq,
    subscriptions: usize,
}

/// All who read here.
#[derive(Debug, Default)]
pub(super) struct People {
    /// The newest event that changes who may read what.
    changed: AtomicI64,
    known: Mutex<BTreeMap<ActorName, Known>>,
    asked: Notify,
}

impl People {
    /// Says where the newest change is, before the head of the ring says that it is there.
    pub fn changed(&self, at: Seq) {
        self.changed.store(at.0, Ordering::Release);
    }

    /// The log is another one: nothing that is known is known of it.
    pub fn forget(&self) {
        self.lock().values_mut().for_each(|known| known.as_of = Seq(-1));
    }

    fn changed_at(&self) -> Seq {
        Seq(self.changed.load(Ordering::Acquire))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ActorName, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stale(&self) -> Vec<Principal> {
        let changed_at = self.changed_at();
        let known = self.lock();
        let stale = known.iter().filter(|(_, known)| known.as_of < changed_at);
        stale.map(|(name, _)| name.clone().into()).collect()
    }

    fn found(&self, asked: &[Principal], found: &[Standing], as_of: Seq) {
        let mut known = self.lock();
        for principal in asked {
            let Principal::Actor(name) = principal else { continue };
            if let Some(known) = known.get_mut(name) {
                let standing = found.iter().find(|standing| standing.principal == *principal);
                (known.reader, known.as_of) = (reader(standing), as_of);
            }
        }
    }
}

fn reader(standing: Option<&Standing>) -> Option<Arc<Reader>> {
    let active = standing.filter(|standing| standing.active);
    active.map(|standing| Arc::new(Reader::of(standing)))
}

/// What somebody who was disabled or deleted is told.
fn revoked(name: &ActorName) -> Error {
    Error::Forbidden {
        reason: Reason::AccessRevoked,
        subject: name.to_string(),
        problem: "may not read any more".into(),
    }
}

/// How far one who reads is behind the changes.
#[derive(Debug)]
pub(super) enum Renewal {
    /// Nothing has changed.
    Current,
    /// They may read something else now.
    Other(Arc<Reader>),
    /// It is being looked up; the bell rings when it is known.
    Pending,
    /// They may not read any more.
    Revoked(Error),
}

/// One who reads, for as long as a subscription of theirs stands.
#[derive(Debug)]
pub(super) struct Caller {
    shared: Arc<Shared>,
    name: ActorName,
    reader: Arc<Reader>,
    as_of: Seq,
}

impl Caller {
    /// Looks somebody up.
    pub async fn find(shared: &Arc<Shared>, name: &ActorName) -> Result<Caller> {
        let as_of = shared.head();
        let asked = [Principal::from(name.clone())];
        let found = shared.ask(shared.log.standings(&asked)).await;
        let found = found.map_err(|fault| unreadable(shared, fault))?;
        let reader = reader(found.first()).ok_or_else(|| revoked(name))?;
        let mut all = shared.people.lock();
        let known = all.entry(name.clone()).or_insert_with(|| Known {
            reader: Some(Arc::clone(&reader)),
            as_of,
            subscriptions: 0,
        });
        known.subscriptions += 1;
        drop(all);
        Ok(Caller { shared: Arc::clone(shared), name: name.clone(), reader, as_of })
    }

    /// What they may see.
    pub fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    /// Whether something has changed since they were looked up.
    pub fn is_stale(&self) -> bool {
        self.shared.people.changed_at() > self.as_of
    }

    /// Takes what has been looked up since.
    pub fn renew(&mut self) -> Renewal {
        if !self.is_stale() {
            return Renewal::Current;
        }
        let (reader, as_of) = {
            let all = self.shared.people.lock();
            let known = all.get(&self.name);
            known.map_or((None, Seq(-1)), |known| (known.reader.clone(), known.as_of))
        };
        if self.shared.people.changed_at() > as_of {
            self.shared.people.asked.notify_one();
            return Renewal::Pending;
        }
        self.as_of = as_of;
        match reader {
            None => Renewal::Revoked(revoked(&self.name)),
            Some(reader) if reader == self.reader => Renewal::Current,
            Some(reader) => {
                self.reader = Arc::clone(&reader);
                Renewal::Other(reader)
            }
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let mut all = self.shared.people.lock();
        match all.get_mut(&self.name) {
            Some(known) if known.subscriptions > 1 => known.subscriptions -= 1,
            Some(_) | None => {
                all.remove(&self.name);
            }
        }
    }
}

/// Looks up who must be, for ever.
pub(super) async fn follow(shared: &Shared) {
    loop {
        // The first time makes up for what was asked before a panic.
        if let Err(fault) = look_up(shared).await {
            shared.complain("cannot look up who may read what, will try again", &fault);
            sleep(shared.options.poll_period).await;
            continue;
        }
        shared.people.asked.notified().await;
    }
}

async fn look_up(shared: &Shared) -> store::Result<()> {
    // The place first: whatever changed before it is in what is read after it.
    let (generation, as_of) = (shared.generation(), shared.head());
    let stale = shared.people.stale();
    for asked in stale.chunks(LOOKED_UP_MAX) {
        let found = shared.ask(shared.log.standings(asked)).await?;
        if shared.generation() == generation {
            shared.people.found(asked, &found, as_of);
        }
    }
    if !stale.is_empty() {
        shared.ring_bell();
    }
    Ok(())
}
