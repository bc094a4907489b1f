//! Workflows: which statuses there are, and which moves lead from one to another.

mod condition;

pub use condition::{Condition, Facts};

use super::name::GroupName;

/// What a status means, whatever it is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Category {
    /// Nobody has looked at it yet.
    Triage,
    /// To be done.
    Todo,
    /// Somebody works on it.
    InProgress,
    /// Somebody reads what was done.
    Review,
    /// Somebody must agree.
    Approval,
    /// It is being tried.
    Testing,
    /// Done; closes the issue.
    Done,
    /// Will not be done; closes the issue.
    Cancelled,
}

impl Category {
    /// Whether entering a status of this category closes the issue.
    pub fn closes(self) -> bool {
        match self {
            Category::Done | Category::Cancelled => true,
            Category::Triage
            | Category::Todo
            | Category::InProgress
            | Category::Review
            | Category::Approval
            | Category::Testing => false,
        }
    }

    /// All categories.
    pub const ALL: &[Category] = &[
        Category::Triage,
        Category::Todo,
        Category::InProgress,
        Category::Review,
        Category::Approval,
        Category::Testing,
        Category::Done,
        Category::Cancelled,
    ];

    /// The category of that stored name.
    pub fn stored(name: &str) -> Option<Category> {
        Category::ALL.iter().copied().find(|category| category.as_str() == name)
    }

    /// The name in rows and events: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            Category::Triage => "TRIAGE",
            Category::Todo => "TODO",
            Category::InProgress => "IN_PROGRESS",
            Category::Review => "REVIEW",
            Category::Approval => "APPROVAL",
            Category::Testing => "TESTING",
            Category::Done => "DONE",
            Category::Cancelled => "CANCELLED",
        }
    }
}

/// A label that an issue carries.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Status {
    /// Its id.
    pub id: String,
    /// What it means.
    pub category: Category,
    /// Who may see issues in it; empty is what the type says.
    pub visible_to: Vec<GroupName>,
    /// What it is called where tickets are told to delivery pipelines (CDEvents); empty is the id.
    pub predicate: String,
}

/// A move that the workflow allows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transition {
    /// Its id.
    pub id: String,
    /// The statuses it leads from.
    pub from: Vec<String>,
    /// The status it leads to.
    pub to: String,
    /// What must hold.
    pub condition: Condition,
    /// The parameters that must be there.
    pub required_parameters: Vec<String>,
    /// Who may go it, besides the role; empty is everybody.
    pub allowed_groups: Vec<GroupName>,
    /// Whether all actions must have ended.
    pub require_actions_done: bool,
    /// Whether no open issue may block it.
    pub require_unblocked: bool,
}

/// Statuses and moves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Workflow {
    /// What people call it.
    pub display_name: String,
    /// The status of a new or reopened issue.
    pub initial_status: String,
    /// The statuses.
    pub statuses: Vec<Status>,
    /// The moves.
    pub transitions: Vec<Transition>,
}

impl Workflow {
    /// The status of that id.
    pub fn status(&self, id: &str) -> Option<&Status> {
        self.statuses.iter().find(|status| status.id == id)
    }

    /// What a status means.
    pub fn category(&self, status: &str) -> Category {
        self.status(status).map_or(Category::InProgress, |status| status.category)
    }

    /// The transition of that id.
    pub fn transition(&self, id: &str) -> Option<&Transition> {
        self.transitions.iter().find(|transition| transition.id == id)
    }

    /// The transitions that lead from one status to another.
    pub fn between(&self, from: &str, to: &str) -> Vec<&Transition> {
        let leads = |t: &&Transition| t.to == to && t.from.iter().any(|id| id == from);
        self.transitions.iter().filter(leads).collect()
    }

    /// The move by which `CloseIssue` closes an issue in that status: the first one that leads to a
    /// status which closes.
    pub fn closing(&self, from: &str) -> Option<&Transition> {
        self.transitions
            .iter()
            .find(|t| t.from.iter().any(|id| id == from) && self.category(&t.to).closes())
    }
}
