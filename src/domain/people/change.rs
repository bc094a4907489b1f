//! What all changes of people have in common: the definition that they change, and their events.

use std::fmt::Display;
use std::sync::Arc;

use serde_json::json;

use crate::domain::audience::Audience;
use crate::domain::command::At;
use crate::domain::definition::{DefinitionKey, DefinitionVersion};
use crate::domain::event::{Event, EventType};
use crate::domain::name::{Principal, ProjectId};
use crate::domain::value::Fields;
use crate::domain::working_set::{Change, Footprint};

/// Longer names do not fit a line of any list.
pub const DISPLAY_NAME_BYTES_MAX: usize = 256;

/// What every change of people must hold.
pub fn footprint() -> Footprint {
    Footprint { definitions: [DefinitionKey::people()].into(), ..Footprint::default() }
}

/// The definition, changed once more.
pub fn bumped(at: &At<'_>) -> Change {
    let key = DefinitionKey::people();
    let known = at.rows.definitions.get(&key).map(|known| &**known);
    Arc::new(DefinitionVersion::after(key, known)).into()
}

/// Whether there is such an actor or group.
pub fn exists(at: &At<'_>, who: &Principal) -> bool {
    at.definitions.standing(who).is_some()
}

/// What people call something that they gave no name.
pub fn display_name(given: &str, id: &str) -> String {
    if given.is_empty() { id.to_owned() } else { given.to_owned() }
}

/// An event about somebody, which says nothing yet.
pub fn event(
    kind: EventType,
    project: Option<ProjectId>,
    subject: &impl Display,
    version: i64,
) -> Event {
    Event {
        kind,
        project,
        subject: subject.to_string(),
        root: subject.to_string(),
        version,
        step: 0,
        event_time: None,
        before: Fields::new(),
        after: Fields::new(),
        data: Fields::new(),
        payload: None,
        audience: Audience::everybody(),
    }
}

/// The names of the fields in which two values differ. Says in the event what they were and are.
pub fn compare(event: &mut Event, old: Fields, new: Fields) {
    let mut changed = Vec::new();
    for ((name, was), is) in old.into_iter().zip(new.into_values()) {
        if was != is {
            event.before.insert(name.clone(), was);
            event.after.insert(name.clone(), is);
            changed.push(name);
        }
    }
    event.data.insert("changed".into(), json!(changed));
}
