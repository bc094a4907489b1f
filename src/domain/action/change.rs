//! What a command makes of actions: of the one it is about, and of those that wait for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;

use super::attempt::{ActionError, Attempt, AttemptOutcome};
use super::place::{Blocked, EndedState, Lease, Place, Wait};
use super::told::data;
use super::{Action, State};
use crate::domain::command::{At, Decision, Resource};
use crate::domain::error::Result;
use crate::domain::event::{Event, EventType};
use crate::domain::issue::Issue;
use crate::domain::name::{ActionName, AttemptName, IssueName};
use crate::domain::value::Fields;
use crate::domain::working_set::Change;

/// New values of actions, and what happened, in order.
pub(super) struct Changed<'a> {
    at: &'a At<'a>,
    actions: BTreeMap<ActionName, Arc<Action>>,
    attempts: Vec<Attempt>,
    pub(super) events: Vec<Event>,
}

impl<'a> Changed<'a> {
    pub(super) fn new(at: &'a At<'a>) -> Changed<'a> {
        Changed { at, actions: BTreeMap::new(), attempts: Vec::new(), events: Vec::new() }
    }

    /// The actions of an issue that are known, as they are now.
    pub(super) fn of_issue(&self, issue: &IssueName) -> Vec<Arc<Action>> {
        let of_issue = self.at.rows.actions.values().filter(|action| action.name.issue == *issue);
        let now = |action: &Arc<Action>| self.actions.get(&action.name).unwrap_or(action).clone();
        of_issue.map(now).collect()
    }

    /// An action as this command has left it.
    pub(super) fn current(&self, action: &Arc<Action>) -> Arc<Action> {
        Arc::clone(self.actions.get(&action.name).unwrap_or(action))
    }

    /// Gives an action a new value, which is told by an event.
    pub(super) fn put(&mut self, old: &Action, mut new: Action, kind: EventType, said: Fields) {
        new.version = old.version + 1;
        new.updated_at = self.at.now;
        new.step = old.step + i64::from(new.state() != old.state());
        self.events.push(new.event_of_change(kind, old, said));
        self.actions.insert(new.name.clone(), Arc::new(new));
    }

    /// Adds an event to those of the last change of an action.
    pub(super) fn tell(&mut self, name: &ActionName, kind: EventType, said: Fields) {
        if let Some(action) = self.actions.get(name) {
            self.events.push(action.event(kind, said));
        }
    }

    /// Gives an action a value that nobody is told: a sign of life.
    pub(super) fn put_quietly(&mut self, new: Action) {
        self.actions.insert(new.name.clone(), Arc::new(new));
    }

    /// Records how a claim ended.
    pub(super) fn end_attempt(
        &mut self,
        new: &mut Action,
        lease: &Lease,
        outcome: AttemptOutcome,
        error: Option<ActionError>,
    ) {
        new.last_outcome = Some(outcome);
        self.attempts.push(Attempt {
            name: AttemptName { action: new.name.clone(), number: lease.fence },
            action_uid: new.uid,
            actor: lease.actor.clone(),
            claimed_at: lease.claimed_at,
            started_at: lease.started_at,
            ended_at: self.at.now,
            step: lease.step.clone(),
            outcome,
            error,
            result: new.result.clone(),
        });
    }

    /// Ends an action, and settles what waits for it in its issue.
    pub(super) fn end(
        &mut self,
        issue: &Issue,
        old: &Action,
        new: Action,
        ended: EndedState,
        said: Fields,
    ) -> Result<()> {
        self.end_alone(old, new, ended, said);
        self.settle(issue, &old.name, ended)
    }

    /// Ends an action, whatever waits for it.
    pub(super) fn end_alone(&mut self, old: &Action, new: Action, ended: EndedState, said: Fields) {
        let place = Place::Ended(ended);
        let ended_at = Some(self.at.now);
        let new = Action { place, ended_at, retry_at: None, expires_at: None, ..new };
        let kind = match ended {
            EndedState::Succeeded => EventType::ActionCompleted,
            EndedState::Failed => EventType::ActionFailed,
            EndedState::Skipped => EventType::ActionSkipped,
            EndedState::Cancelled => EventType::ActionCancelled,
        };
        self.put(old, new, kind, said);
    }

    /// Gives an action up until somebody looks.
    pub(super) fn panic(&mut self, old: &Action, new: Action, kind: EventType, said: Fields) {
        let name = new.name.clone();
        let wait = Wait { reason: Blocked::Panicked, unmet: 0, due_at: None };
        self.put(old, Action { place: Place::Waiting(wait), ..new }, kind, said.clone());
        self.tell(&name, EventType::ActionPanicked, said);
    }

    /// Settles the gates of an issue's actions on one that has ended.
    fn settle(&mut self, issue: &Issue, name: &ActionName, ended: EndedState) -> Result<()> {
        for old in self.of_issue(&name.issue) {
            let waits = old.gates.iter().any(|gate| !gate.met && gate.is_on(name));
            if waits && old.is_unfinished() {
                let mut new = Action::clone(&old);
                for gate in new.gates.iter_mut().filter(|gate| gate.is_on(name)) {
                    gate.settle(ended);
                }
                self.readmit(issue, &old, new)?;
            }
        }
        Ok(())
    }

    /// Puts an action that nobody holds where it belongs, and tells it if anything has changed.
    pub(super) fn readmit(&mut self, issue: &Issue, old: &Action, mut new: Action) -> Result<()> {
        let placed = place_again(self.at, issue, &mut new)?;
        if let Some(kind) = placed.filter(|_| new != *old) {
            let said = said_of_place(&new);
            self.put(old, new, kind, said);
        }
        Ok(())
    }

    /// What the command does, if it is about one action.
    pub(super) fn decision(self, name: &ActionName) -> Decision {
        let now = self.actions.get(name).or_else(|| self.at.rows.actions.get(name));
        let resource = now.map(Arc::clone).map(Resource::from);
        self.into_decision(resource)
    }

    /// What the command does, if it is about several: those that have changed.
    pub(super) fn decision_on_all(self) -> Decision {
        self.into_decision(None)
    }

    fn into_decision(self, resource: Option<Resource>) -> Decision {
        let all = || Resource::from(self.actions.values().cloned().collect::<Vec<_>>());
        let resource = resource.unwrap_or_else(all);
        let (changes, events) = self.into_parts();
        Decision { changes, gone: Vec::new(), events, resource }
    }

    /// The new rows, and what happened.
    pub(super) fn into_parts(self) -> (Vec<Change>, Vec<Event>) {
        let actions = self.actions.into_values().map(Change::from);
        let attempts = self.attempts.into_iter().map(|attempt| Arc::new(attempt).into());
        (actions.chain(attempts).collect(), self.events)
    }
}

/// Puts an action that nobody holds where it belongs; answers what that is called, none where it
/// has no place to find: it is held, has ended, or somebody must look first.
pub(super) fn place_again(
    at: &At<'_>,
    issue: &Issue,
    action: &mut Action,
) -> Result<Option<EventType>> {
    let vkey = match &action.place {
        Place::Ready(ready) => Some(ready.vkey),
        Place::Waiting(Wait { reason: Blocked::Panicked, .. })
        | Place::Leased(_)
        | Place::Ended(_) => return Ok(None),
        Place::Waiting(_) => None,
    };
    action.admit(issue, action.kind(at)?, at.now, vkey);
    Ok(Some(match action.state() {
        State::Ready => EventType::ActionReadied,
        State::Pending
        | State::Claimed
        | State::Running
        | State::Panicked
        | State::Succeeded
        | State::Failed
        | State::Skipped
        | State::Cancelled => EventType::ActionBlocked,
    }))
}

/// What is said of where an action lies now.
pub(super) fn said_of_place(action: &Action) -> Fields {
    let reason = action.place.blocked().map_or("", |reason| reason.as_str());
    let (unmet, until) = match &action.place {
        Place::Waiting(wait) => (wait.unmet, wait.due_at),
        Place::Ready(_) | Place::Leased(_) | Place::Ended(_) => (0, None),
    };
    let until = until.map(|at: Timestamp| at.to_string());
    data([("reason", json!(reason)), ("unmet", json!(unmet)), ("until", json!(until))])
}
