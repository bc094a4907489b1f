//! Adding an action, and changing what no verb changes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::Value;

use super::gate::Dependency;
use crate::domain::name::{ActionName, ActorName, IssueName, Principal};
use crate::domain::value::Fields;

/// A new value of a field, or of one key inside it.
#[derive(Clone, PartialEq, Debug)]
pub enum ActionEdit {
    /// The title.
    Title(String),
    /// The description.
    Description(String),
    /// All parameters.
    Parameters(Fields),
    /// One parameter; none removes it.
    Parameter(String, Option<Value>),
    /// Who may do it where nobody is assigned.
    Candidates(BTreeSet<Principal>),
    /// The priority.
    Priority(i16),
    /// When it may be begun.
    NotBefore(Option<Timestamp>),
    /// When it ought to be done.
    DueTime(Option<Timestamp>),
}

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

/// Changes fields of an action.
#[derive(Clone, Debug)]
pub struct UpdateAction {
    /// Which.
    pub name: ActionName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// What is to change.
    pub edits: Vec<ActionEdit>,
}

/// Says who alone may do an action.
#[derive(Clone, Debug)]
pub struct AssignAction {
    /// Which.
    pub name: ActionName,
    /// Who; none is whoever may.
    pub assignee: Option<ActorName>,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}
