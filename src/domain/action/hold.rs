//! Holding: what a holder says while the work goes on.

use std::sync::Arc;

use serde_json::json;

use super::change::Changed;
use super::place::{Lease, Place};
use super::told::data;
use super::{Action, footprint, known};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Error, Reason, Result, invalid, refused};
use crate::domain::event::EventType;
use crate::domain::issue::Issue;
use crate::domain::name::ActionName;
use crate::domain::value::check_text;
use crate::domain::working_set::Footprint;

/// A note is short.
pub const NOTE_BYTES_MAX: usize = 1024;

/// What a fence leads to.
pub(super) enum Held<'a> {
    /// The caller holds the action.
    Now(&'a Lease),
    /// It was the last claim, and has ended.
    Before,
}

/// The action, its issue, and what the fence leads to; refused if that is somebody else's or gone.
pub(super) fn held<'a>(
    at: &At<'a>,
    name: &ActionName,
    fence: i64,
) -> Result<(&'a Arc<Issue>, &'a Arc<Action>, Held<'a>)> {
    let (issue, action) = known(at, name, None)?;
    match action.place.lease() {
        Some(lease) if lease.fence == fence && lease.actor != *at.caller => Err(Error::Forbidden {
            reason: Reason::NotPerformer,
            subject: name.to_string(),
            problem: format!("{} holds it", lease.actor),
        }),
        Some(lease) if lease.fence == fence && lease.holds(at.now) => {
            Ok((issue, action, Held::Now(lease)))
        }
        None if action.attempt == fence => Ok((issue, action, Held::Before)),
        Some(_) | None => Err(stale(action, fence)),
    }
}

/// The action and its lease; refused if the caller does not hold it.
fn holding<'a>(at: &At<'a>, name: &ActionName, fence: i64) -> Result<(&'a Arc<Action>, &'a Lease)> {
    match held(at, name, fence)? {
        (_, action, Held::Now(lease)) => Ok((action, lease)),
        (_, action, Held::Before) => Err(stale(action, fence)),
    }
}

/// The claim that the fence stands for has ended.
pub(super) fn stale(action: &Action, fence: i64) -> Error {
    let current = action.attempt;
    refused(Reason::FenceStale, &action.name, "that claim has ended; stop the work")
        .with("sent", fence)
        .with("current", current)
        .with("state", action.state().as_str())
}

/// Says that the work has begun, at the first step of the type.
#[derive(Clone, Debug)]
pub struct StartAction {
    /// Which.
    pub name: ActionName,
    /// The number that came with the claim.
    pub fence: i64,
}

impl Decide for StartAction {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name.issue)
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let (old, lease) = holding(at, &self.name, self.fence)?;
        if lease.started_at.is_some() {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        let step = old.kind(at)?.steps.first().cloned().unwrap_or_default();
        let lease = Lease { started_at: Some(at.now), step, ..lease.clone() };
        let said = data([("attempt", json!(lease.fence)), ("step", json!(lease.step))]);
        let new = Action { place: Place::Leased(lease), ..Action::clone(old) };
        let mut changed = Changed::new(at);
        changed.put(old, new, EventType::ActionStarted, said);
        Ok(changed.decision(&self.name))
    }
}

/// Says that the holder is alive: extends the lease. No event tells of it, and the version of the
/// action stays: a sign of life is no change of the work.
#[derive(Clone, Debug)]
pub struct HeartbeatAction {
    /// Which.
    pub name: ActionName,
    /// The number that came with the claim.
    pub fence: i64,
    /// How far it is, in percent; none leaves what was said before.
    pub progress: Option<i16>,
    /// What there is to say; none leaves what was said before.
    pub note: Option<String>,
}

impl Decide for HeartbeatAction {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name.issue)
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn is_sign_of_life(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        if self.progress.is_some_and(|percent| !(0..=100).contains(&percent)) {
            return Err(invalid("progress", "must be 0 to 100"));
        }
        check_text("note", self.note.as_deref().unwrap_or_default(), NOTE_BYTES_MAX)?;
        let (old, lease) = holding(at, &self.name, self.fence)?;
        let mut lease = lease.clone();
        // Who is a person was settled by the claim.
        if lease.deadline_at.is_some() {
            lease.deadline_at = Some(at.now + old.kind(at)?.lease_span());
        }
        lease.progress = self.progress.or(lease.progress);
        if let Some(note) = &self.note {
            lease.note.clone_from(note);
        }
        let mut changed = Changed::new(at);
        changed.put_quietly(Action { place: Place::Leased(lease), ..Action::clone(old) });
        Ok(changed.decision(&self.name))
    }
}
