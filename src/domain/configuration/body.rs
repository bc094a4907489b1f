//! What a piece of configuration says.

use jiff::SignedDuration;

use crate::domain::name::{GroupName, Principal};
use crate::domain::value::Fields;
use crate::domain::workflow::Workflow;

/// What it says, by kind.
#[derive(Clone, PartialEq, Debug)]
pub enum Body {
    /// Statuses and moves.
    Workflow(Workflow),
    /// A kind of issues.
    IssueType(IssueType),
    /// A kind of work.
    ActionType(ActionType),
}

/// What an issue is about, for programs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum IssueKind {
    /// Something is broken.
    Bug,
    /// Something ought to be better.
    Enhancement,
    /// Something is to be done.
    Task,
    /// Somebody wants to know.
    Question,
    /// Of one's own.
    Custom,
}

impl IssueKind {
    /// All kinds.
    pub const ALL: &[IssueKind] = &[
        IssueKind::Bug,
        IssueKind::Enhancement,
        IssueKind::Task,
        IssueKind::Question,
        IssueKind::Custom,
    ];

    /// The kind of that stored name.
    pub fn stored(name: &str) -> Option<IssueKind> {
        IssueKind::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// The name in rows and events: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            IssueKind::Bug => "BUG",
            IssueKind::Enhancement => "ENHANCEMENT",
            IssueKind::Task => "TASK",
            IssueKind::Question => "QUESTION",
            IssueKind::Custom => "CUSTOM",
        }
    }
}

/// A kind of issues.
#[derive(Clone, PartialEq, Debug)]
pub struct IssueType {
    /// What people call it.
    pub display_name: String,
    /// What it is about.
    pub kind: IssueKind,
    /// The id of the workflow, of the project or built in.
    pub workflow: String,
    /// A JSON Schema (draft 2020-12) of the parameters; empty allows all.
    pub parameter_schema: Fields,
    /// Who may see its issues; empty is all who may read the project.
    pub visible_to: Vec<GroupName>,
}

/// A kind of work.
#[derive(Clone, PartialEq, Debug)]
pub struct ActionType {
    /// What people call it.
    pub display_name: String,
    /// Who may do it; empty is everybody who may work in the project.
    pub performers: Vec<Principal>,
    /// A JSON Schema (draft 2020-12) of the parameters; empty allows all.
    pub parameter_schema: Fields,
    /// A JSON Schema of the result; empty allows all.
    pub result_schema: Fields,
    /// The names of its steps, in order; the first is entered by `StartAction`.
    pub steps: Vec<String>,
    /// How long a claim holds without a sign of life; none is for ever, as for people.
    pub lease: Option<SignedDuration>,
    /// How often it may fail before it is given up.
    pub attempts_max: i32,
    /// How often a lease may be lost before it is given up.
    pub losses_max: i32,
    /// Cancels what was not claimed after so long.
    pub expire_after: Option<SignedDuration>,
}
