//! What happens by time and by what others did: commands of the service itself.
//!
//! Whoever looks after the clock reads what is due without locking it and names it here; each rule
//! looks again, so naming too much or too late changes nothing.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::attempt::AttemptOutcome;
use super::change::Changed;
use super::end::stopped;
use super::finish::given_back;
use super::gate::{DependsOn, Gate};
use super::place::{EndedState, Place, Stop};
use super::{Action, dependents_of};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::Result;
use crate::domain::issue::Issue;
use crate::domain::name::{ActionName, ActorName};
use crate::domain::working_set::Footprint;

/// Ends leases whose time is over: lost ones, and those that others wanted to end.
#[derive(Clone, Debug)]
pub struct ExpireLeases {
    /// Of these actions, those that are due.
    pub actions: Vec<ActionName>,
}

/// Takes from an actor who may not act any more what they hold.
#[derive(Clone, Debug)]
pub struct ReleaseHeld {
    /// Who.
    pub actor: ActorName,
    /// Of these actions, those that they hold.
    pub actions: Vec<ActionName>,
}

/// Looks again at actions that wait for a time, and cancels what nobody claimed in time.
#[derive(Clone, Debug)]
pub struct WakeDue {
    /// Of these actions, those that are due.
    pub actions: Vec<ActionName>,
}

/// A gate that may be settled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenGate {
    /// Of which action.
    pub action: ActionName,
    /// On what: an action of another issue that has ended, or an issue that was closed.
    pub on: DependsOn,
}

/// Settles gates on what lies in other issues.
#[derive(Clone, Debug)]
pub struct SettleGates {
    /// Of these gates, those that can be settled.
    pub gates: Vec<OpenGate>,
}

/// What a command on several actions needs.
fn footprint<'a>(names: impl Iterator<Item = &'a ActionName> + Clone) -> Footprint {
    Footprint {
        issues: names.clone().map(|name| name.issue.clone()).collect(),
        actions: names.clone().cloned().collect(),
        uses: names.clone().map(|name| name.issue.project.clone()).collect(),
        ..dependents_of(names)
    }
}

/// The rows of an action that is there, whatever has become of its project.
fn found<'a>(at: &At<'a>, name: &ActionName) -> Option<(&'a Arc<Issue>, &'a Arc<Action>)> {
    at.rows.issues.get(&name.issue).zip(at.rows.actions.get(name))
}

impl Decide for ExpireLeases {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        footprint(self.actions.iter())
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let mut changed = Changed::new(at);
        for name in self.actions.iter().collect::<BTreeSet<_>>() {
            if let Some((issue, old)) = found(at, name)
                && let Some(lease) = old.place.lease().filter(|lease| !lease.holds(at.now))
            {
                let lost = lease.deadline_at.is_some_and(|deadline| deadline <= at.now);
                let outcome = if lost { AttemptOutcome::Lost } else { AttemptOutcome::Cancelled };
                given_back(&mut changed, at, issue, old, lease, outcome, "LOST")?;
            }
        }
        Ok(changed.decision_on_all())
    }
}

impl Decide for ReleaseHeld {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = footprint(self.actions.iter());
        footprint.people.insert(self.actor.clone().into());
        footprint
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let mut changed = Changed::new(at);
        let standing = at.definitions.standing(&self.actor.clone().into());
        if standing.is_some_and(|standing| standing.active) {
            return Ok(changed.decision_on_all());
        }
        for name in self.actions.iter().collect::<BTreeSet<_>>() {
            if let Some((issue, old)) = found(at, name)
                && let Some(lease) = old.place.lease().filter(|lease| lease.actor == self.actor)
            {
                let outcome = AttemptOutcome::Released;
                given_back(&mut changed, at, issue, old, lease, outcome, "HOLDER_DISABLED")?;
            }
        }
        Ok(changed.decision_on_all())
    }
}

impl Decide for WakeDue {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        footprint(self.actions.iter())
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let mut changed = Changed::new(at);
        for name in self.actions.iter().collect::<BTreeSet<_>>() {
            let Some((issue, old)) = found(at, name) else { continue };
            let old = &changed.current(old);
            let free = match &old.place {
                Place::Waiting(_) | Place::Ready(_) => true,
                Place::Leased(_) | Place::Ended(_) => false,
            };
            let late = old.expires_at.is_some_and(|at_last| at_last <= at.now);
            if free && late {
                let end = EndedState::Cancelled;
                let stop = Stop { at: at.now, end, reason: "EXPIRED".into() };
                let (new, said) = stopped(&mut changed, old, stop);
                changed.end(issue, old, new, end, said)?;
            } else {
                changed.readmit(issue, old, Action::clone(old))?;
            }
        }
        Ok(changed.decision_on_all())
    }
}

impl Decide for SettleGates {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = footprint(self.gates.iter().map(|gate| &gate.action));
        for gate in &self.gates {
            match &gate.on {
                DependsOn::Action(name) => {
                    footprint.issues.insert(name.issue.clone());
                    footprint.actions.insert(name.clone());
                }
                DependsOn::Issue(name) => {
                    footprint.issues.insert(name.clone());
                }
                DependsOn::Time(_) => (),
            }
        }
        footprint
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let mut changed = Changed::new(at);
        for OpenGate { action, on } in &self.gates {
            let Some((issue, old)) = found(at, action) else { continue };
            let old = changed.current(old);
            let mut new = Action::clone(&old);
            for gate in new.gates.iter_mut().filter(|gate| gate.is_of(on)) {
                settle(at, gate, on);
            }
            if new.gates != old.gates && old.is_unfinished() {
                changed.readmit(issue, &old, new)?;
            }
        }
        Ok(changed.decision_on_all())
    }
}

/// Settles a gate by what it is on.
fn settle(at: &At<'_>, gate: &mut Gate, on: &DependsOn) {
    match on {
        DependsOn::Action(name) => {
            let ended = at.rows.actions.get(name).and_then(|action| action.place.ended());
            ended.into_iter().for_each(|ended| gate.settle(ended));
        }
        DependsOn::Issue(name) => {
            gate.met |= at.rows.issues.get(name).is_some_and(|issue| issue.is_closed());
        }
        DependsOn::Time(time) => gate.met |= *time <= at.now,
    }
}
