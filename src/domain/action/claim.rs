//! Claiming: taking an action to do it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::asks::{ActionAsks, Draw};
use super::change::Changed;
use super::place::{Lease, Place, Ready};
use super::told::data;
use super::{Action, footprint, known, wrong_state};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Error, Reason, Result, invalid};
use crate::domain::event::EventType;
use crate::domain::name::{ActionName, ActorName, ProjectId};
use crate::domain::working_set::Footprint;

/// More at once are more than one worker does before its leases end.
pub const CLAIM_MAX: usize = 100;

/// Takes one action.
#[derive(Clone, Debug)]
pub struct ClaimAction {
    /// Which.
    pub name: ActionName,
}

impl Decide for ClaimAction {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name.issue)
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let (_, old) = known(at, &self.name, None)?;
        if let Some(lease) = old.place.lease()
            && lease.actor == *at.caller
            && lease.holds(at.now)
        {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        let kind = old.kind(at)?;
        let standing = at.definitions.standing(&at.caller.clone().into());
        if !standing.is_some_and(|standing| old.may_be_done_by(standing, kind)) {
            return Err(Error::Forbidden {
                reason: Reason::NotPerformer,
                subject: self.name.to_string(),
                problem: "others are to do it".into(),
            });
        }
        match &old.place {
            Place::Ready(ready) => {
                let mut changed = Changed::new(at);
                claim(&mut changed, at, old, ready)?;
                Ok(changed.decision(&self.name))
            }
            Place::Leased(lease) if lease.holds(at.now) => Err(claim_lost(old, &lease.actor)),
            Place::Leased(_) | Place::Waiting(_) | Place::Ended(_) => {
                Err(wrong_state(old, "only what is READY can be claimed"))
            }
        }
    }
}

/// Somebody else was faster.
fn claim_lost(action: &Action, winner: &ActorName) -> Error {
    Error::Conflict {
        reason: Reason::ClaimLost,
        subject: action.name.to_string(),
        problem: format!("{winner} holds it"),
    }
    .with("winner", winner)
}

/// Gives an action to the caller.
fn claim(changed: &mut Changed<'_>, at: &At<'_>, old: &Action, ready: &Ready) -> Result<()> {
    let standing = at.definitions.standing(&at.caller.clone().into());
    // People sleep, and come back to what they hold; a machine that says nothing is gone.
    let is_person = standing.is_some_and(|standing| standing.person);
    let fence = old.attempt + 1;
    let lease = Lease {
        fence,
        actor: at.caller.clone(),
        claimed_at: at.now,
        started_at: None,
        deadline_at: (!is_person).then_some(at.now + old.kind(at)?.lease_span()),
        stop: None,
        step: String::new(),
        progress: None,
        note: String::new(),
        vkey: ready.vkey,
    };
    let place = Place::Leased(lease);
    let new = Action { attempt: fence, place, expires_at: None, retry_at: None, ..old.clone() };
    changed.put(old, new, EventType::ActionClaimed, data([("attempt", json!(fence))]));
    Ok(())
}

/// Takes what comes next in the lines that the caller may draw from. Where there is nothing it is
/// refused with QUEUE_EMPTY, which is not remembered: the same call later may find something.
#[derive(Clone, Debug)]
pub struct ClaimNextActions {
    /// Of which project.
    pub project: ProjectId,
    /// Who draws: the caller.
    pub actor: ActorName,
    /// The ids of the types to take from; empty is all.
    pub action_types: BTreeSet<String>,
    /// At most so many: 1 to 100.
    pub max: usize,
}

impl ClaimNextActions {
    fn draw(&self) -> Draw {
        Draw {
            project: self.project.clone(),
            actor: self.actor.clone(),
            action_types: self.action_types.clone(),
        }
    }
}

impl Decide for ClaimNextActions {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.project)
    }

    fn footprint(&self) -> Footprint {
        let draws = [(self.draw(), self.max.min(CLAIM_MAX))].into();
        Footprint {
            uses: [self.project.clone()].into(),
            action_asks: ActionAsks { draws, ..ActionAsks::default() },
            ..Footprint::default()
        }
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        at.definitions.project(&self.project)?;
        if !(1..=CLAIM_MAX).contains(&self.max) {
            return Err(invalid("max", format!("must be 1 to {CLAIM_MAX}")));
        }
        let drawn = at.rows.drawn.get(&self.draw()).map_or(&[][..], Vec::as_slice);
        let mut changed = Changed::new(at);
        let mut left = self.max;
        for name in drawn {
            let action = at.rows.actions.get(name).filter(|_| left > 0);
            // A command before this one may have taken it.
            if let Some(action) = action
                && let Place::Ready(ready) = &action.place
            {
                claim(&mut changed, at, action, ready)?;
                left -= 1;
            }
        }
        if left == self.max {
            return Err(Error::Empty { queue: self.project.to_string() });
        }
        Ok(changed.decision_on_all())
    }
}
