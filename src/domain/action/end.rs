//! Ending an action without doing it.

use std::sync::Arc;

use serde_json::json;

use super::attempt::AttemptOutcome;
use super::change::Changed;
use super::place::{EndedState, Lease, Place, STOPPING, Stop};
use super::told::data;
use super::{Action, dependents_of, footprint, known, wrong_state};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::Result;
use crate::domain::event::EventType;
use crate::domain::name::ActionName;
use crate::domain::value::Fields;
use crate::domain::working_set::Footprint;

/// Leaves an action out: what depends on it goes on.
#[derive(Clone, Debug)]
pub struct SkipAction {
    /// Which.
    pub name: ActionName,
    /// Why; for people.
    pub reason: String,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

/// Cancels an action: what depends on it waits.
#[derive(Clone, Debug)]
pub struct CancelAction {
    /// Which.
    pub name: ActionName,
    /// Why; for people.
    pub reason: String,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for SkipAction {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name.issue)
    }

    fn footprint(&self) -> Footprint {
        ending(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        end(at, &self.name, self.etag.as_deref(), EndedState::Skipped, &self.reason)
    }
}

impl Decide for CancelAction {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name.issue)
    }

    fn footprint(&self) -> Footprint {
        ending(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        end(at, &self.name, self.etag.as_deref(), EndedState::Cancelled, &self.reason)
    }
}

/// What a command needs that may end an action.
pub(super) fn ending(name: &ActionName) -> Footprint {
    let mut footprint = footprint(name);
    footprint.add(dependents_of([name]));
    footprint
}

fn end(
    at: &At<'_>,
    name: &ActionName,
    etag: Option<&str>,
    ended: EndedState,
    reason: &str,
) -> Result<Decision> {
    let (issue, old) = known(at, name, etag)?;
    let stop = Stop { at: at.now + STOPPING, end: ended, reason: reason.into() };
    let mut changed = Changed::new(at);
    match &old.place {
        Place::Ended(state) if *state == ended => {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        Place::Ended(_) => return Err(wrong_state(old, "only what has not ended can be ended")),
        Place::Leased(lease) if lease.holds(at.now) => {
            if lease.stop.as_ref().map(|stop| stop.end) == Some(ended) {
                return Ok(Decision::unchanged(Arc::clone(old)));
            }
            ask_to_stop(&mut changed, old, lease, stop);
        }
        Place::Leased(_) | Place::Waiting(_) | Place::Ready(_) => {
            let (new, said) = stopped(&mut changed, old, stop);
            changed.end(issue, old, new, ended, said)?;
        }
    }
    Ok(changed.decision(name))
}

/// Asks the holder to end it soon. Said again in another way, it does not give them more time.
pub(super) fn ask_to_stop(changed: &mut Changed<'_>, old: &Action, lease: &Lease, stop: Stop) {
    let at = lease.stop.as_ref().map_or(stop.at, |known| known.at);
    // Said in another way, it is another end and the same time.
    let changed_fields = if lease.stop.is_none() { &["stop_time"][..] } else { &[] };
    let said = data([
        ("changed", json!(changed_fields)),
        ("stop_state", json!(stop.end.as_str())),
        ("reason", json!(stop.reason)),
    ]);
    let lease = Lease { stop: Some(Stop { at, ..stop }), ..lease.clone() };
    let new = Action { place: Place::Leased(lease), ..old.clone() };
    changed.put(old, new, EventType::ActionUpdated, said);
}

/// An action that is to end as others wanted, whoever held it, and what is said of that.
pub(super) fn stopped(changed: &mut Changed<'_>, old: &Action, stop: Stop) -> (Action, Fields) {
    let mut new = old.clone();
    if let Some(lease) = old.place.lease() {
        changed.end_attempt(&mut new, lease, AttemptOutcome::Cancelled, None);
    }
    (new, data([("reason", json!(stop.reason))]))
}
