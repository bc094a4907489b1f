//! Attempts: what became of each claim of an action.

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::domain::error::{Result, required};
use crate::domain::name::{ActionName, ActorName, AttemptName};
use crate::domain::value::{Fields, check_fields, check_line, check_text};
use crate::domain::working_set::Noun;

/// The name of an error is a word.
pub const ERROR_NAME_BYTES_MAX: usize = 128;
/// A message is some lines; what is longer belongs into a reference.
pub const ERROR_MESSAGE_BYTES_MAX: usize = 4 * 1024;

/// How an attempt ended. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AttemptOutcome {
    /// Done.
    Succeeded,
    /// Its holder gave it up.
    Failed,
    /// Its holder gave no sign of life.
    Lost,
    /// Its holder gave it back, or was disabled.
    Released,
    /// Its holder said that somebody must look.
    Panicked,
    /// Others wanted it to end.
    Cancelled,
}

impl AttemptOutcome {
    /// All of them.
    pub const ALL: &[AttemptOutcome] = &[
        AttemptOutcome::Succeeded,
        AttemptOutcome::Failed,
        AttemptOutcome::Lost,
        AttemptOutcome::Released,
        AttemptOutcome::Panicked,
        AttemptOutcome::Cancelled,
    ];

    /// The stored name: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            AttemptOutcome::Succeeded => "SUCCEEDED",
            AttemptOutcome::Failed => "FAILED",
            AttemptOutcome::Lost => "LOST",
            AttemptOutcome::Released => "RELEASED",
            AttemptOutcome::Panicked => "PANICKED",
            AttemptOutcome::Cancelled => "CANCELLED",
        }
    }

    /// What has that stored name.
    pub fn stored(name: &str) -> Option<AttemptOutcome> {
        AttemptOutcome::ALL.iter().copied().find(|outcome| outcome.as_str() == name)
    }
}

/// What went wrong.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ActionError {
    /// A word for programs.
    pub name: String,
    /// Words for people.
    pub message: String,
    /// What else there is to say.
    pub attributes: Fields,
}

impl ActionError {
    /// Checks what a caller says.
    pub fn check(&self, field: &str) -> Result<()> {
        if self.name.is_empty() {
            return Err(required(format!("{field}.name")));
        }
        check_line(&format!("{field}.name"), &self.name, ERROR_NAME_BYTES_MAX)?;
        check_text(&format!("{field}.message"), &self.message, ERROR_MESSAGE_BYTES_MAX)?;
        check_fields(&format!("{field}.attributes"), &self.attributes)
    }

    /// As it is stored and told.
    pub fn to_value(&self) -> Value {
        json!({ "name": self.name, "message": self.message, "attributes": self.attributes })
    }

    /// As it was stored.
    pub fn stored(value: &Value) -> ActionError {
        let text = |key: &str| value.get(key).and_then(Value::as_str).unwrap_or_default().into();
        let attributes = value.get("attributes").and_then(Value::as_object);
        ActionError {
            name: text("name"),
            message: text("message"),
            attributes: attributes.cloned().unwrap_or_default(),
        }
    }
}

/// A claim that has ended. The one that has not is the lease of its action.
#[derive(Clone, PartialEq, Debug)]
pub struct Attempt {
    /// At which action, and its number there: the fence of the claim.
    pub name: AttemptName,
    /// The uid of the action.
    pub action_uid: Uuid,
    /// Who held it.
    pub actor: ActorName,
    /// When it was claimed.
    pub claimed_at: Timestamp,
    /// When its holder started, if so.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub ended_at: Timestamp,
    /// The step that it was at.
    pub step: String,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// What went wrong.
    pub error: Option<ActionError>,
    /// What came of it.
    pub result: Option<Fields>,
}

impl Noun for Attempt {
    type Key = (ActionName, i64);

    fn key(&self) -> (ActionName, i64) {
        (self.name.action.clone(), self.name.number)
    }
}
