//! Workflows: which statuses there are, and which moves lead from one to another.

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

    /// The name in events: that of the contract without its prefix.
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
#[derive(Debug)]
pub struct Status {
    /// Its id.
    pub id: &'static str,
    /// What it means.
    pub category: Category,
}

/// A move that the workflow allows.
#[derive(Debug)]
pub struct Transition {
    /// Its id.
    pub id: &'static str,
    /// The statuses it leads from.
    pub from: &'static [&'static str],
    /// The status it leads to.
    pub to: &'static str,
}

/// Statuses and moves.
#[derive(Debug)]
pub struct Workflow {
    /// Its id.
    pub id: &'static str,
    /// The status of a new or reopened issue.
    pub initial: &'static str,
    /// The statuses.
    pub statuses: &'static [Status],
    /// The moves.
    pub transitions: &'static [Transition],
}

/// The built-in workflow of an issue of no special kind.
pub static SIMPLE: Workflow = Workflow {
    id: "simple",
    initial: "open",
    statuses: &[
        Status { id: "open", category: Category::Todo },
        Status { id: "in_progress", category: Category::InProgress },
        Status { id: "closed", category: Category::Done },
    ],
    transitions: &[
        Transition { id: "start", from: &["open"], to: "in_progress" },
        Transition { id: "stop", from: &["in_progress"], to: "open" },
        Transition { id: "close", from: &["open", "in_progress"], to: "closed" },
    ],
};

impl Workflow {
    /// The built-in workflow of that id.
    pub fn built_in(id: &str) -> Option<&'static Workflow> {
        [&SIMPLE].into_iter().find(|workflow| workflow.id == id)
    }

    /// The status of that id.
    pub fn status(&self, id: &str) -> Option<&'static Status> {
        self.statuses.iter().find(|status| status.id == id)
    }

    /// The transition of that id.
    pub fn transition(&self, id: &str) -> Option<&'static Transition> {
        self.transitions.iter().find(|transition| transition.id == id)
    }

    /// The transitions that lead from one status to another.
    pub fn between(&self, from: &str, to: &str) -> Vec<&'static Transition> {
        let leads = |t: &&Transition| t.to == to && t.from.contains(&from);
        self.transitions.iter().filter(leads).collect()
    }

    /// The move by which `CloseIssue` closes an issue in that status: the first one that leads to a
    /// status which closes.
    pub fn closing(&self, from: &str) -> Option<&'static Transition> {
        self.transitions.iter().find(|t| {
            t.from.contains(&from) && self.status(t.to).is_some_and(|s| s.category.closes())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_workflow_is_sound() {
        let known = |id: &str| SIMPLE.status(id).is_some();

        assert!(known(SIMPLE.initial));
        for transition in SIMPLE.transitions {
            assert!(known(transition.to) && transition.from.iter().all(|id| known(id)));
        }
        for status in SIMPLE.statuses {
            assert_eq!(SIMPLE.closing(status.id).is_none(), status.category.closes());
        }
    }
}
