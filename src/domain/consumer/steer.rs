//! Consumers are stopped, go on, are moved, and fall too far behind.

use std::sync::Arc;

use super::bucket::Bucket;
use super::{Consumer, ConsumerState, buckets, expired, known, place, unexpired, whole_footprint};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::Result;
use crate::domain::etag;
use crate::domain::event::{EventType, Seq};
use crate::domain::name::ConsumerName;
use crate::domain::working_set::{Change, Footprint, Gone};

/// Has nothing more delivered.
#[derive(Clone, Debug)]
pub struct PauseConsumer {
    /// Which.
    pub name: ConsumerName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

/// Has a paused consumer go on.
#[derive(Clone, Debug)]
pub struct ResumeConsumer {
    /// Which.
    pub name: ConsumerName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

/// Moves a consumer to another place.
#[derive(Clone, Debug)]
pub struct ResetConsumer {
    /// Which.
    pub name: ConsumerName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// The place that it goes on after.
    pub start: Seq,
}

/// A consumer is too far behind: the log need not wait for it any more.
#[derive(Clone, Debug)]
pub struct ExpireConsumer {
    /// Which.
    pub name: ConsumerName,
    /// Since which reset.
    pub run: uuid::Uuid,
    /// How far it had come when it was found too far behind.
    pub done: Seq,
}

/// The same consumer in another state.
fn become_state(at: &At<'_>, old: &Consumer, state: ConsumerState) -> Consumer {
    Consumer { state, version: old.version + 1, updated_at: at.now, ..old.clone() }
}

fn moved(new: Consumer, kind: EventType) -> Decision {
    let new = Arc::new(new);
    Decision {
        changes: vec![Arc::clone(&new).into()],
        gone: Vec::new(),
        events: vec![new.event(kind)],
        resource: new.into(),
    }
}

impl Decide for PauseConsumer {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        whole_footprint(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let old = known(at, &self.name)?;
        etag::check(self.etag.as_deref(), old.version, &self.name)?;
        match old.state {
            ConsumerState::Expired => Err(expired(&self.name)),
            ConsumerState::Paused => Ok(Decision::unchanged(Arc::clone(old))),
            ConsumerState::Active => {
                let new = become_state(at, old, ConsumerState::Paused);
                Ok(moved(new, EventType::ConsumerPaused))
            }
        }
    }
}

impl Decide for ResumeConsumer {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        whole_footprint(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let old = known(at, &self.name)?;
        etag::check(self.etag.as_deref(), old.version, &self.name)?;
        match old.state {
            ConsumerState::Expired => Err(expired(&self.name)),
            ConsumerState::Active => Ok(Decision::unchanged(Arc::clone(old))),
            ConsumerState::Paused => {
                let new = become_state(at, old, ConsumerState::Active);
                Ok(moved(new, EventType::ConsumerResumed))
            }
        }
    }
}

impl Decide for ResetConsumer {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        whole_footprint(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let ResetConsumer { name, etag, start } = self;
        let old = known(at, name)?;
        etag::check(etag.as_deref(), old.version, name)?;
        let new = Consumer { run: at.uid(1), ..become_state(at, old, ConsumerState::Active) };
        let mut decision = moved(new, EventType::ConsumerReset);
        decision.events.iter_mut().for_each(|event| place(event, *start));
        decision.changes.extend(all_reset(at, name, |_| *start));
        Ok(decision)
    }
}

/// All buckets of a consumer, each starting anew after a place.
fn all_reset(
    at: &At<'_>,
    name: &ConsumerName,
    start: impl Fn(&Bucket) -> Seq,
) -> impl Iterator<Item = Change> {
    buckets(at, name).into_iter().map(move |old| {
        let mut bucket = Bucket { version: old.version + 1, ..Bucket::clone(old) };
        bucket.reset(start(old));
        Change::from(Arc::new(bucket))
    })
}

impl Decide for ExpireConsumer {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        whole_footprint(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let ExpireConsumer { name, run, done } = self;
        let old = match unexpired(at, name) {
            Ok(old) if old.run == *run => old,
            // Reset, or another one of that name: what was found is not so any more.
            Ok(other) => return Ok(Decision::unchanged(Arc::clone(other))),
            Err(_) => return Ok(Decision::unchanged(Arc::clone(known(at, name)?))),
        };
        let all = buckets(at, name);
        if all.iter().all(|bucket| bucket.done > *done && bucket.waiting == 0) {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        let new = become_state(at, old, ConsumerState::Expired);
        let mut decision = moved(new, EventType::ConsumerExpired);
        decision.events.iter_mut().for_each(|event| place(event, *done));
        decision.changes.extend(all_reset(at, name, |bucket| bucket.done));
        decision.gone.push(Gone::Crew(name.clone()));
        Ok(decision)
    }
}
