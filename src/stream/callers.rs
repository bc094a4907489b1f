//! Who reads, and what they may see now.
//!
//! Who may read what is changed by events of the log, so the log says when to look again: an event
//! is shown only to who was looked up after every such event before it had been committed. All who
//! read are looked up together, once for any number of changes.

use std::collections::BTreeMap;
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
pub(super) struct Callers {
    known: Mutex<BTreeMap<ActorName, Known>>,
    asked: Notify,
}

impl Callers {
    /// The log is another one: nothing that is known is known of it.
    pub fn forget(&self) {
        self.lock().values_mut().for_each(|known| known.as_of = Seq(-1));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<ActorName, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stale(&self, changed: Seq) -> Vec<Principal> {
        let known = self.lock();
        let stale = known.iter().filter(|(_, known)| known.as_of < changed);
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

/// What somebody may see; none if they may not read.
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
    /// What somebody may see now, looked up unless it is known.
    pub async fn find(shared: &Arc<Shared>, name: &ActorName) -> Result<Caller> {
        let (reader, as_of) = match known(shared, name) {
            Some(known) => known,
            None => look_up_one(shared, name).await?,
        };
        let mut all = shared.callers.lock();
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
        self.shared.people_changed() > self.as_of
    }

    /// Takes what has been looked up since.
    pub fn renew(&mut self) -> Renewal {
        if !self.is_stale() {
            return Renewal::Current;
        }
        let (reader, as_of) = {
            let all = self.shared.callers.lock();
            let known = all.get(&self.name);
            known.map_or((None, Seq(-1)), |known| (known.reader.clone(), known.as_of))
        };
        if self.shared.people_changed() > as_of {
            self.shared.callers.asked.notify_one();
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
        let mut all = self.shared.callers.lock();
        match all.get_mut(&self.name) {
            Some(known) if known.subscriptions > 1 => known.subscriptions -= 1,
            Some(_) | None => {
                all.remove(&self.name);
            }
        }
    }
}

/// What is known of somebody without looking it up. The root token is the way back in, whatever was
/// done to people, so nothing has to be looked up for it, ever.
fn known(shared: &Shared, name: &ActorName) -> Option<(Arc<Reader>, Seq)> {
    if *name == ActorName::root() {
        return Some((Arc::new(Reader::of_everything()), Seq(i64::MAX)));
    }
    let all = shared.callers.lock();
    let known = all.get(name).filter(|known| known.as_of >= shared.people_changed())?;
    known.reader.clone().map(|reader| (reader, known.as_of))
}

async fn look_up_one(shared: &Shared, name: &ActorName) -> Result<(Arc<Reader>, Seq)> {
    let as_of = committed(shared);
    let asked = [Principal::from(name.clone())];
    let found = shared.ask(shared.log.standings(&asked)).await;
    let found = found.map_err(|fault| unreadable(shared, fault))?;
    reader(found.first()).map(|reader| (reader, as_of)).ok_or_else(|| revoked(name))
}

/// A place that is in all that is read from here on. What is known of people may be newer than the
/// head, where events between the two have not come yet.
fn committed(shared: &Shared) -> Seq {
    shared.people_changed().max(shared.head())
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
        shared.callers.asked.notified().await;
    }
}

async fn look_up(shared: &Shared) -> store::Result<()> {
    // The place first: what was committed before it is in what is read after it.
    let (generation, as_of) = (shared.generation(), committed(shared));
    let stale = shared.callers.stale(shared.people_changed());
    for asked in stale.chunks(LOOKED_UP_MAX) {
        let found = shared.ask(shared.log.standings(asked)).await?;
        if shared.generation() == generation {
            shared.callers.found(asked, &found, as_of);
        }
    }
    if !stale.is_empty() {
        shared.ring_bell();
    }
    Ok(())
}
