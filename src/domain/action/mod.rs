//! Actions: the pieces of work of an issue, and who does them.
//!
//! The place of an action is its state; the fence decides who may write; nothing waits without a
//! stored reason. The fence of a claim is the number of its attempt: it rises with each claim of
//! the action, which is all that telling an old holder from the new one needs, and it is part of a
//! row that a claim writes anyway.

mod add;
mod attempt;
mod claim;
mod end;
mod finish;
mod gate;
mod hold;
mod place;
mod repeat;
mod sweep;

use std::collections::BTreeSet;

use jiff::Timestamp;
use uuid::Uuid;

pub use add::{ActionEdit, AddAction, AssignAction, UpdateAction};
pub use attempt::{ActionError, Attempt, AttemptOutcome};
pub use claim::{ClaimAction, ClaimNextActions};
pub use end::{CancelAction, SkipAction};
pub use finish::{CompleteAction, FailAction, ReleaseAction};
pub use gate::{Dependency, DependsOn, Gate, GateOn, Satisfy};
pub use hold::{HeartbeatAction, StartAction};
pub use place::{Blocked, EndedState, Lease, Line, Place, Ready, State, Stop, Wait};
pub use repeat::RepeatAction;
pub use sweep::{ExpireLeases, OpenGate, ReleaseHeld, SettleGates, WakeDue};

use super::name::{ActionName, ActorName, Principal};
use super::value::Fields;
use super::working_set::Noun;

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
