//! The whole log, command by command.

use potts::proto::{Event, ListEventsRequest};
use serde_json::{Map, Value};

use super::json;
use crate::support::TestApp;

/// An event, as a replay needs it.
#[derive(Clone, Debug)]
pub struct Entry {
    pub seq: i64,
    pub kind: String,
    pub subject: String,
    pub root: String,
    pub version: i64,
    pub step: i64,
    pub actor: String,
    pub at: Value,
    pub before: Map<String, Value>,
    pub after: Map<String, Value>,
    pub data: Map<String, Value>,
    ends_command: bool,
}

/// What one command told.
pub type Command = Vec<Entry>;

impl Entry {
    fn of(event: &Event) -> Entry {
        assert!(!event.hidden, "who reads here may see everything: {event:?}");
        let said = json::of("Event", event);
        let fields = |name: &str| said[name].as_object().cloned().unwrap_or_default();
        Entry {
            seq: event.seq,
            kind: event.r#type.clone(),
            subject: event.subject.clone(),
            root: event.root.clone(),
            version: event.version,
            step: event.step,
            actor: event.actor.clone(),
            at: said["record_time"].clone(),
            before: fields("before"),
            after: fields("after"),
            data: fields("data"),
            ends_command: event.ends_command,
        }
    }

    /// What it is about: `issue`, `action`.
    pub fn noun(&self) -> &str {
        self.kind.split('.').next().unwrap()
    }

    /// A text that the data holds.
    pub fn said(&self, name: &str) -> &str {
        self.data.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// How an action has ended by it.
    pub fn end(&self) -> Option<&str> {
        let state = self.after.get("state").and_then(Value::as_str)?;
        ["SUCCEEDED", "FAILED", "SKIPPED", "CANCELLED"].contains(&state).then_some(state)
    }
}

/// Everything that has happened.
pub async fn read(app: &TestApp) -> Vec<Command> {
    let (mut commands, mut command) = (Vec::new(), Command::new());
    let mut request = ListEventsRequest { page_size: 1_000, ..Default::default() };
    let mut seq = 0;
    loop {
        let page = app.events().list_events(request.clone()).await.unwrap().into_inner();
        for event in &page.events {
            seq += 1;
            assert_eq!(event.seq, seq, "the log is dense");
            let entry = Entry::of(event);
            let ends = entry.ends_command;
            command.push(entry);
            if ends {
                commands.push(std::mem::take(&mut command));
            }
        }
        request.page_token = page.next_page_token;
        if request.page_token.is_empty() {
            assert!(command.is_empty(), "every command ends");
            return commands;
        }
    }
}
