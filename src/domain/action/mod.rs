//! Actions: the pieces of work of an issue, and who does them.
//!
//! The place of an action is its state; the fence decides who may write; nothing waits without a
//! stored reason. The fence of a claim is the number of its attempt: it rises with each claim of
//! the action, which is all that telling an old holder from the new one needs, and it is part of a
//! row that a claim writes anyway.

mod add;
mod admit;
mod asks;
mod attempt;
mod change;
mod claim;
mod edit;
mod end;
mod finish;
mod gate;
mod hold;
mod listing;
mod of_issue;
mod place;
mod repeat;
mod sweep;
mod told;

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

pub use add::AddAction;
pub use admit::{Admission, Facts, admit};
pub use asks::{ActionAsks, DRAWN_MAX, Draw};
pub use attempt::{ActionError, Attempt, AttemptOutcome};
pub use claim::{ClaimAction, ClaimNextActions};
pub use edit::{ActionEdit, AssignAction, UpdateAction};
pub use end::{CancelAction, SkipAction};
pub use finish::{CompleteAction, FailAction, ReleaseAction};
pub use gate::{Dependency, DependsOn, Gate, GateOn, Satisfy};
pub use hold::{HeartbeatAction, StartAction};
pub use listing::FIELDS;
pub use of_issue::{cancel_all, readmit_all, unfinished};
pub use place::{Blocked, EndedState, Lease, Line, Place, Ready, State, Stop, Wait};
pub use repeat::RepeatAction;
pub use sweep::{ExpireLeases, OpenGate, ReleaseHeld, SettleGates, WakeDue};

use super::command::At;
use super::configuration::ActionType;
use super::error::{Error, Reason, Result, not_found, refused};
use super::etag;
use super::issue::Issue;
use super::name::{ActionName, ActorName, IssueName, Principal};
use super::people::Standing;
use super::value::Fields;
use super::working_set::{Footprint, Noun};

/// A piece of work of an issue.
#[derive(Clone, PartialEq, Debug)]
pub struct Action {
    /// Of which issue, and its number there.
    pub name: ActionName,
    /// Given by the server.
    pub uid: Uuid,
    /// Counts every change but signs of life, from 1.
    pub version: i64,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who added it.
    pub creator: ActorName,
    /// One line.
    pub title: String,
    /// Text.
    pub description: String,
    /// The id of its type.
    pub action_type: String,
    /// The revision of the type that it stays on; 0 is a built-in one.
    pub action_type_revision: i64,
    /// Data of the work.
    pub parameters: Fields,
    /// Who alone may do it, if that is said.
    pub assignee: Option<ActorName>,
    /// Who may do it where nobody is assigned; empty is whom the type names.
    pub candidates: BTreeSet<Principal>,
    /// 1, the highest, to 5; 0 is not set.
    pub priority: i16,
    /// What tells it from other unfinished actions of the issue, if that is said.
    pub unique_key: String,
    /// When it may be begun.
    pub not_before: Option<Timestamp>,
    /// When it ought to be done.
    pub due_at: Option<Timestamp>,
    /// When it is cancelled if nobody has claimed it.
    pub expires_at: Option<Timestamp>,
    /// The number of the newest claim, which is its fence; 0 before the first.
    pub attempt: i64,
    /// How the newest claim that has ended did.
    pub last_outcome: Option<AttemptOutcome>,
    /// How often it has failed since it was added or repeated.
    pub failures: i32,
    /// How often its lease was lost since then.
    pub losses: i32,
    /// The last pause after a failure, in milliseconds.
    pub backoff_ms: i64,
    /// When that pause ends.
    pub retry_at: Option<Timestamp>,
    /// What came of it.
    pub result: Option<Fields>,
    /// What went wrong last.
    pub error: Option<ActionError>,
    /// What had gone wrong before it was repeated.
    pub last_error: Option<ActionError>,
    /// How often its state has changed.
    pub step: i64,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
    /// Where it lies.
    pub place: Place,
    /// What it depends on.
    pub gates: Vec<Gate>,
}

impl Noun for Action {
    type Key = ActionName;

    fn key(&self) -> ActionName {
        self.name.clone()
    }
}

impl Action {
    /// The state that callers are told.
    pub fn state(&self) -> State {
        self.place.state()
    }

    /// Whether it has not ended. PANICKED has not.
    pub fn is_unfinished(&self) -> bool {
        self.place.ended().is_none()
    }

    /// Its type, of the revision that it stays on.
    pub fn kind<'a>(&self, at: &At<'a>) -> Result<&'a ActionType> {
        let project = &self.name.issue.project;
        at.definitions.action_type(project, &self.action_type, self.action_type_revision)
    }

    /// Who may claim it; empty is everybody who may work in the project. Whoever is assigned is the
    /// only one, and candidates stand in for those whom the type names.
    pub fn performers(&self, kind: &ActionType) -> BTreeSet<Principal> {
        match &self.assignee {
            Some(assignee) => [assignee.clone().into()].into(),
            None if self.candidates.is_empty() => kind.performers.iter().cloned().collect(),
            None => self.candidates.clone(),
        }
    }

    /// Whether somebody may claim it.
    pub fn may_be_done_by(&self, standing: &Standing, kind: &ActionType) -> bool {
        let performers = self.performers(kind);
        performers.is_empty() || standing.is_any(&performers)
    }
}

/// What a command on one action needs.
fn footprint(name: &ActionName) -> Footprint {
    Footprint {
        issues: [name.issue.clone()].into(),
        actions: [name.clone()].into(),
        uses: [name.issue.project.clone()].into(),
        ..Footprint::default()
    }
}

/// What a command needs that may end actions: those that wait for these, in the same issue.
fn dependents_of<'a>(names: impl IntoIterator<Item = &'a ActionName>) -> Footprint {
    let dependents_of = names.into_iter().cloned().collect();
    let action_asks = ActionAsks { dependents_of, ..ActionAsks::default() };
    Footprint { action_asks, ..Footprint::default() }
}

/// An issue that is there.
fn issue_of<'a>(at: &At<'a>, name: &IssueName) -> Result<&'a Arc<Issue>> {
    at.definitions.project(&name.project)?;
    let issue = at.rows.issues.get(name).filter(|issue| issue.deleted_at.is_none());
    issue.ok_or_else(|| not_found(name))
}

/// An action that is there, of the version that the caller saw, and its issue.
fn known<'a>(
    at: &At<'a>,
    name: &ActionName,
    etag: Option<&str>,
) -> Result<(&'a Arc<Issue>, &'a Arc<Action>)> {
    let issue = issue_of(at, &name.issue).map_err(|_| not_found(name))?;
    let action = at.rows.actions.get(name).ok_or_else(|| not_found(name))?;
    etag::check(etag, action.version, name)?;
    Ok((issue, action))
}

/// Its state does not allow it.
fn wrong_state(action: &Action, rule: &str) -> Error {
    let state = action.state().as_str();
    let error = refused(Reason::ActionState, &action.name, format!("it is {state}; {rule}"));
    let error = error.with("state", state);
    match action.place.blocked() {
        Some(reason) => error.with("blocked_reason", reason.as_str()),
        None => error,
    }
}

/// Its issue is closed.
fn issue_closed(name: &IssueName) -> Error {
    refused(Reason::IssueClosed, name, "it is closed; reopen it first")
}

#[cfg(test)]
mod tests;
