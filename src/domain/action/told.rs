//! What events tell of actions.

use serde_json::{Value, json};

use super::Action;
use super::attempt::ActionError;
use super::gate::{Gate, GateOn};
use super::place::{Place, Wait};
use crate::domain::audience::Audience;
use crate::domain::event::{Event, EventType};
use crate::domain::name::Principal;
use crate::domain::value::Fields;

fn time(at: Option<jiff::Timestamp>) -> Value {
    at.map_or(Value::Null, |at| json!(at.to_string()))
}

fn error(error: Option<&ActionError>) -> Value {
    error.map_or(Value::Null, ActionError::to_value)
}

/// A dependency as it was asked for. Whether it is met follows from what it is on.
fn dependency(gate: &Gate) -> Value {
    match &gate.on {
        GateOn::Action(name, _) => {
            json!({ "action": name.to_string(), "satisfy": gate.satisfy.as_str() })
        }
        GateOn::Issue(name, _) => json!({ "issue": name.to_string() }),
        GateOn::Time(at) => json!({ "not_before": at.to_string() }),
    }
}

/// Whether there is nothing to tell.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) => false,
    }
}

impl Action {
    /// The fields that events tell the changes of, by their names in the contract, but for those
    /// that may be large.
    fn small_fields(&self) -> [(&'static str, Value); 18] {
        let blocked = self.place.blocked().map_or("", |reason| reason.as_str());
        let wake_at = match &self.place {
            Place::Waiting(Wait { due_at, .. }) => *due_at,
            Place::Ready(_) | Place::Leased(_) | Place::Ended(_) => None,
        };
        let lease = self.place.lease();
        let stop = lease.and_then(|lease| lease.stop.as_ref());
        let candidates: Vec<_> = self.candidates.iter().map(Principal::as_str).collect();
        [
            ("state", json!(self.state().as_str())),
            ("blocked_reason", json!(blocked)),
            ("wake_time", time(wake_at)),
            ("title", json!(self.title)),
            ("action_type", json!(self.action_type)),
            ("assignee", json!(self.assignee.as_ref().map(|actor| actor.as_str()))),
            ("candidates", json!(candidates)),
            ("priority", json!(self.priority)),
            ("unique_key", json!(self.unique_key)),
            ("not_before", time(self.not_before)),
            ("due_time", time(self.due_at)),
            ("expire_time", time(self.expires_at)),
            ("attempt", json!(self.attempt)),
            ("attempt_step", json!(lease.map_or("", |lease| lease.step.as_str()))),
            ("holder", json!(lease.map(|lease| lease.actor.as_str()))),
            ("stop_time", time(stop.map(|stop| stop.at))),
            ("error", error(self.error.as_ref())),
            ("last_error", error(self.last_error.as_ref())),
        ]
    }

    /// An event of it, that tells no change.
    pub(super) fn event(&self, kind: EventType, data: Fields) -> Event {
        Event {
            kind,
            project: Some(self.name.issue.project.clone()),
            subject: self.name.to_string(),
            root: self.name.issue.to_string(),
            version: self.version,
            step: self.step,
            event_time: None,
            before: Fields::new(),
            after: Fields::new(),
            data,
            payload: None,
            audience: Audience::everybody(),
        }
    }

    /// The event of its being added: all its fields that say something.
    pub(super) fn event_of_all(&self, data: Fields) -> Event {
        let mut event = self.event(EventType::ActionAdded, data);
        let dependencies: Value = self.gates.iter().map(dependency).collect();
        let large = [
            ("dependencies", dependencies),
            ("description", json!(self.description)),
            ("parameters", Value::Object(self.parameters.clone())),
        ];
        let fields = self.small_fields().into_iter().chain(large);
        let told = fields.filter(|(_, value)| !is_empty(value));
        event.after = told.map(|(name, value)| (name.to_owned(), value)).collect();
        event
    }

    /// An event that tells what has changed.
    pub(super) fn event_of_change(&self, kind: EventType, old: &Action, data: Fields) -> Event {
        let mut event = self.event(kind, data);
        let mut tell = |name: &str, was: Value, is: Value| {
            event.before.insert(name.into(), was);
            event.after.insert(name.into(), is);
        };
        for ((name, was), (_, is)) in old.small_fields().into_iter().zip(self.small_fields()) {
            if was != is {
                tell(name, was, is);
            }
        }
        if old.description != self.description {
            tell("description", json!(old.description), json!(self.description));
        }
        if old.parameters != self.parameters {
            tell("parameters", json!(old.parameters), json!(self.parameters));
        }
        if old.result != self.result {
            tell("result", json!(old.result), json!(self.result));
        }
        event
    }
}

/// What an event says besides, without what is empty.
pub(super) fn data<const N: usize>(said: [(&str, Value); N]) -> Fields {
    let said = said.into_iter().filter(|(_, value)| !is_empty(value));
    said.map(|(name, value)| (name.to_owned(), value)).collect()
}
