//! Messages that other services send: each becomes one event, however often it is sent.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::access::Subject;
use super::audience::Audience;
use super::cloud_event::CloudEvent;
use super::command::{At, Decide, Decision};
use super::error::Result;
use super::event::{Event, EventType};
use super::name::{MessageName, ProjectId};
use super::value::Fields;
use super::working_set::{Footprint, Noun};

/// How long the identity of a message is remembered. Senders retry for days, not for months.
pub const REMEMBERED: SignedDuration = SignedDuration::from_hours(30 * 24);

/// What tells a message from all others of a project.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageKey {
    /// The project that it was sent to.
    pub project: ProjectId,
    /// Drawn from its source and its id; 128 bits do not collide by chance.
    pub digest: [u8; 16],
}

impl MessageKey {
    /// The key of a message.
    pub fn of(project: &ProjectId, source: &str, id: &str) -> MessageKey {
        let mut hash = Sha256::new();
        // The length keeps ("a", "bc") and ("ab", "c") apart.
        hash.update(u64::try_from(source.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(source);
        hash.update(id);
        let drawn: [u8; 32] = hash.finalize().into();
        let mut digest = [0; 16];
        digest.iter_mut().zip(drawn).for_each(|(to, from)| *to = from);
        MessageKey { project: project.clone(), digest }
    }
}

/// A message that has been received.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KnownMessage {
    /// What tells it from others.
    pub key: MessageKey,
    /// The id that it got.
    pub uid: Uuid,
    /// Until when it is remembered.
    pub expires_at: Timestamp,
}

impl Noun for KnownMessage {
    type Key = MessageKey;

    fn key(&self) -> MessageKey {
        self.key.clone()
    }
}

/// Records a message.
#[derive(Clone, Debug)]
pub struct ReceiveMessage {
    /// The project that it is for.
    pub project: ProjectId,
    /// What was sent, checked by [`CloudEvent::check`].
    pub message: CloudEvent,
}

impl ReceiveMessage {
    fn key(&self) -> MessageKey {
        MessageKey::of(&self.project, &self.message.source, &self.message.id)
    }
}

impl Decide for ReceiveMessage {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.project)
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            messages: [self.key()].into(),
            uses: [self.project.clone()].into(),
            ..Footprint::default()
        }
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let ReceiveMessage { project, message } = self;
        at.definitions.project(project)?;
        let key = self.key();
        if let Some(known) = at.rows.messages.get(&key) {
            let name = MessageName { project: project.clone(), uid: known.uid };
            return Ok(Decision::unchanged(name));
        }
        let name = MessageName { project: project.clone(), uid: at.uid(0) };
        let mut data = Fields::new();
        data.insert("message".into(), json!(name.to_string()));
        data.insert("source".into(), json!(message.source));
        data.insert("id".into(), json!(message.id));
        data.insert("type".into(), json!(message.kind));
        if let Some(subject) = message.subject() {
            data.insert("subject".into(), json!(subject));
        }
        let event = Event {
            kind: EventType::MessageReceived,
            project: Some(project.clone()),
            subject: project.to_string(),
            root: project.to_string(),
            version: 0,
            step: 0,
            event_time: message.time(),
            before: Fields::new(),
            after: Fields::new(),
            data,
            payload: Some(message.clone()),
            audience: Audience::everybody(),
        };
        let known = KnownMessage { key, uid: name.uid, expires_at: at.now + REMEMBERED };
        Ok(Decision {
            changes: vec![Arc::new(known).into()],
            gone: Vec::new(),
            events: vec![event],
            resource: name.into(),
        })
    }
}
