//! Adding an action.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::asks::ActionAsks;
use super::change::{place_again, said_of_place};
use super::edit::{ActionEdit, check};
use super::gate::{Dependency, DependsOn, Gate, GateOn};
use super::place::{Blocked, Place, State, Wait};
use super::told::data;
use super::{Action, issue_closed, issue_of};
use crate::domain::access::{Subject, sees};
use crate::domain::command::{At, Decide, Decision};
use crate::domain::configuration::built_in::ACTION_TYPE_DEFAULT;
use crate::domain::counter::{Counted, Counter, CounterKey};
use crate::domain::error::{Result, invalid, limit_reached, not_found, quoted, too_large};
use crate::domain::event::EventType;
use crate::domain::issue::Issue;
use crate::domain::name::{ActionName, ActorName, IssueName, Principal};
use crate::domain::value::{Fields, check_line};
use crate::domain::working_set::{Change, Footprint};

/// More actions are several issues.
pub const ACTIONS_MAX: i64 = 1_000;
/// More dependencies are better those of an action between.
pub const DEPENDENCIES_MAX: usize = 100;
/// A key is a name.
pub const UNIQUE_KEY_BYTES_MAX: usize = 128;

/// Adds an action to an issue.
#[derive(Clone, Debug)]
pub struct AddAction {
    /// To which issue.
    pub issue: IssueName,
    /// The id of its type; empty is `take-action`.
    pub action_type: String,
    /// What it depends on.
    pub dependencies: Vec<Dependency>,
    /// Who alone may do it.
    pub assignee: Option<ActorName>,
    /// What tells it from other unfinished actions of the issue; empty is nothing.
    pub unique_key: String,
    /// What else callers set.
    pub edits: Vec<ActionEdit>,
}

impl Decide for AddAction {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.issue)
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = Footprint {
            counters: [CounterKey::of(&self.issue, Counted::Actions)].into(),
            issues: [self.issue.clone()].into(),
            uses: [self.issue.project.clone()].into(),
            people: self.edits.iter().flat_map(ActionEdit::people).collect(),
            ..Footprint::default()
        };
        footprint.people.extend(self.assignee.iter().cloned().map(Principal::from));
        for dependency in self.dependencies.iter().take(DEPENDENCIES_MAX) {
            match &dependency.on {
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
        if !self.unique_key.is_empty() {
            let holders_of = [(self.issue.clone(), self.unique_key.clone())].into();
            footprint.action_asks = ActionAsks { holders_of, ..ActionAsks::default() };
        }
        footprint
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let issue = issue_of(at, &self.issue)?;
        if issue.is_closed() {
            return Err(issue_closed(&self.issue));
        }
        check_line("action.unique_key", &self.unique_key, UNIQUE_KEY_BYTES_MAX)?;
        if let Some(live) = self.live(at) {
            return Ok(Decision::unchanged(Arc::clone(live)));
        }
        let key = CounterKey::of(&self.issue, Counted::Actions);
        let known = at.rows.counters.get(&key).map(|counter| &**counter);
        if known.is_some_and(|counter| counter.live >= ACTIONS_MAX) {
            return Err(limit_reached(format!("an issue has at most {ACTIONS_MAX} actions")));
        }
        let counter = Counter::after(key, known);
        let mut new = self.new_action(at, counter.last)?;
        check(at, &new)?;
        place_again(at, issue, &mut new)?;

        let mut events = vec![new.event_of_all(data([("dependencies", json!(self.told(&new)))]))];
        if new.state() == State::Ready {
            events.push(new.event(EventType::ActionReadied, said_of_place(&new)));
        }
        let new = Arc::new(new);
        let changes: Vec<Change> = vec![Arc::new(counter).into(), Arc::clone(&new).into()];
        Ok(Decision { changes, gone: Vec::new(), events, resource: new.into() })
    }
}

impl AddAction {
    /// The unfinished action that has the key, if there is one.
    fn live<'a>(&self, at: &At<'a>) -> Option<&'a Arc<Action>> {
        let holds = |action: &&Arc<Action>| {
            action.name.issue == self.issue
                && action.unique_key == self.unique_key
                && action.is_unfinished()
        };
        at.rows.actions.values().find(holds).filter(|_| !self.unique_key.is_empty())
    }

    fn new_action(&self, at: &At<'_>, number: i64) -> Result<Action> {
        let id = match self.action_type.as_str() {
            "" => ACTION_TYPE_DEFAULT,
            id => id,
        };
        let newest = at.definitions.newest_action_type(&self.issue.project, id);
        let (revision, kind) = newest.ok_or_else(|| {
            let problem = format!("{} is no action type of the project", quoted(id));
            invalid("action.action_type", problem)
        })?;
        let wait = Wait { reason: Blocked::Dependencies, unmet: 0, due_at: None };
        let mut new = Action {
            name: ActionName { issue: self.issue.clone(), number },
            uid: at.uid(0),
            version: 1,
            created_at: at.now,
            updated_at: at.now,
            creator: at.caller.clone(),
            title: String::new(),
            description: String::new(),
            action_type: id.into(),
            action_type_revision: revision,
            parameters: Fields::new(),
            assignee: self.assignee.clone(),
            candidates: BTreeSet::new(),
            priority: 0,
            unique_key: self.unique_key.clone(),
            not_before: None,
            due_at: None,
            expires_at: kind.expire_after.map(|span| at.now + span),
            attempt: 0,
            last_outcome: None,
            failures: 0,
            losses: 0,
            backoff_ms: 0,
            retry_at: None,
            result: None,
            error: None,
            last_error: None,
            step: 0,
            ended_at: None,
            place: Place::Waiting(wait),
            gates: self.gates(at)?,
        };
        self.edits.iter().for_each(|edit| edit.apply(&mut new));
        Ok(new)
    }

    /// Its gates, as they stand now. A new action can close no circle: what it depends on is older.
    fn gates(&self, at: &At<'_>) -> Result<Vec<Gate>> {
        if self.dependencies.len() > DEPENDENCIES_MAX {
            let bound = format_args!("{DEPENDENCIES_MAX} dependencies");
            return Err(too_large("action.dependencies", bound));
        }
        let mut seen = BTreeSet::new();
        let mut gates = Vec::with_capacity(self.dependencies.len());
        for (n, dependency) in self.dependencies.iter().enumerate() {
            let field = format!("action.dependencies[{n}]");
            let gate = self.gate(at, &field, dependency)?;
            if !seen.insert(gate.on.clone()) {
                return Err(invalid(field, "is there already"));
            }
            gates.push(gate);
        }
        Ok(gates)
    }

    fn gate(&self, at: &At<'_>, field: &str, dependency: &Dependency) -> Result<Gate> {
        let gate = |on, met| Gate { on, satisfy: dependency.satisfy, met, unsatisfiable: false };
        Ok(match &dependency.on {
            DependsOn::Time(time) => gate(GateOn::Time(*time), *time <= at.now),
            DependsOn::Issue(name) => {
                let issue = self.visible(at, field, name)?.ok_or_else(|| not_found(name))?;
                gate(GateOn::Issue(name.clone(), issue.uid), issue.is_closed())
            }
            DependsOn::Action(name) => {
                self.visible(at, field, &name.issue)?.ok_or_else(|| not_found(name))?;
                let on = at.rows.actions.get(name).ok_or_else(|| not_found(name))?;
                let mut gate = gate(GateOn::Action(name.clone(), on.uid), false);
                if let Some(ended) = on.place.ended() {
                    gate.settle(ended);
                }
                gate
            }
        })
    }

    /// An issue of the same project that the caller may see.
    fn visible<'a>(
        &self,
        at: &At<'a>,
        field: &str,
        name: &IssueName,
    ) -> Result<Option<&'a Arc<Issue>>> {
        if name.project != self.issue.project {
            return Err(invalid(field, "must be of the same project"));
        }
        let standing = at.definitions.standing(&at.caller.clone().into());
        let issue = at.rows.issues.get(name).filter(|issue| issue.deleted_at.is_none());
        Ok(issue.filter(|issue| standing.is_none_or(|standing| sees(standing, issue))))
    }

    /// What the event says of its dependencies.
    fn told(&self, action: &Action) -> Vec<String> {
        let on = |gate: &Gate| match &gate.on {
            GateOn::Action(name, _) => name.to_string(),
            GateOn::Issue(name, _) => name.to_string(),
            GateOn::Time(at) => at.to_string(),
        };
        action.gates.iter().map(on).collect()
    }
}
