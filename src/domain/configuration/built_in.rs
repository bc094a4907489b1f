//! What comes with the service: every project has it, as revision 0, and nobody can change it.

use std::sync::LazyLock;

use crate::domain::workflow::{Category, Status, Transition, Workflow};

/// The workflow of an issue of no special kind.
static SIMPLE: LazyLock<Workflow> = LazyLock::new(|| {
    use Category::{Done, InProgress, Todo};
    plain(
        "Simple",
        &[("open", Todo), ("in_progress", InProgress), ("closed", Done)],
        &[
            ("start", &["open"], "in_progress"),
            ("stop", &["in_progress"], "open"),
            ("close", &["open", "in_progress"], "closed"),
        ],
    )
});

/// A workflow without conditions: its first status is the initial one.
fn plain(
    display_name: &str,
    statuses: &[(&str, Category)],
    transitions: &[(&str, &[&str], &str)],
) -> Workflow {
    let status = |&(id, category): &(&str, Category)| Status {
        id: id.into(),
        category,
        visible_to: Vec::new(),
        predicate: String::new(),
    };
    let transition = |&(id, from, to): &(&str, &[&str], &str)| Transition {
        id: id.into(),
        from: from.iter().map(|&from| from.into()).collect(),
        to: to.into(),
        condition: String::new(),
        required_parameters: Vec::new(),
        allowed_groups: Vec::new(),
        require_actions_done: false,
        require_unblocked: false,
    };
    Workflow {
        display_name: display_name.into(),
        initial_status: statuses.first().map(|(id, _)| (*id).into()).unwrap_or_default(),
        statuses: statuses.iter().map(status).collect(),
        transitions: transitions.iter().map(transition).collect(),
    }
}

/// The built-in workflow of that id.
pub fn workflow(id: &str) -> Option<&'static Workflow> {
    (id == "simple").then(|| &*SIMPLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_workflows_are_sound() {
        let simple = workflow("simple").unwrap();
        let known = |id: &String| simple.status(id).is_some();

        assert!(known(&simple.initial_status));
        for transition in &simple.transitions {
            assert!(known(&transition.to) && transition.from.iter().all(known));
        }
        for status in &simple.statuses {
            assert_eq!(simple.closing(&status.id).is_none(), status.category.closes());
        }
    }
}
