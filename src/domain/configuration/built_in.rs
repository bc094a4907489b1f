//! What comes with the service: every project has it, as revision 0, and nobody can change it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use jiff::Timestamp;
use uuid::Uuid;

use super::body::TRIES_DEFAULT;
use super::{ActionType, Body, Configuration, IssueKind, IssueType, OnExhausted};
use crate::domain::name::{ActorName, ConfigurationKind, ConfigurationName, Id, ProjectId};
use crate::domain::schema::Schema;
use crate::domain::workflow::{Category, Condition, Status, Transition, Workflow};

/// The type of an issue that says none.
pub const ISSUE_TYPE_DEFAULT: &str = "task";
/// The type of an action that says none.
pub const ACTION_TYPE_DEFAULT: &str = "take-action";

/// The id, what people call it, and for a workflow its statuses and moves, the first status being
/// the initial one.
type WorkflowRow = (
    &'static str,
    &'static str,
    &'static [(&'static str, Category)],
    &'static [(&'static str, &'static [&'static str], &'static str)],
);

/// The workflow of an issue of no special kind.
const SIMPLE: WorkflowRow = (
    "simple",
    "Simple",
    &[("open", Category::Todo), ("in_progress", Category::InProgress), ("closed", Category::Done)],
    &[
        ("start", &["open"], "in_progress"),
        ("stop", &["in_progress"], "open"),
        ("close", &["open", "in_progress"], "closed"),
    ],
);

/// Of something that is broken.
const BUG: WorkflowRow = (
    "bug",
    "Bug",
    &[
        ("unconfirmed", Category::Triage),
        ("confirmed", Category::Todo),
        ("in_progress", Category::InProgress),
        ("testing", Category::Testing),
        ("resolved", Category::Done),
    ],
    &[
        ("confirm", &["unconfirmed"], "confirmed"),
        ("doubt", &["confirmed"], "unconfirmed"),
        ("start", &["confirmed"], "in_progress"),
        ("stop", &["in_progress"], "confirmed"),
        ("test", &["in_progress"], "testing"),
        ("rework", &["testing"], "in_progress"),
        ("resolve", &["unconfirmed", "confirmed", "in_progress", "testing"], "resolved"),
    ],
);

/// Of something that somebody must look at now.
const INCIDENT: WorkflowRow = (
    "incident",
    "Incident",
    &[
        ("triggered", Category::Triage),
        ("acknowledged", Category::InProgress),
        ("resolved", Category::Done),
    ],
    &[
        ("acknowledge", &["triggered"], "acknowledged"),
        ("trigger", &["acknowledged"], "triggered"),
        ("resolve", &["triggered", "acknowledged"], "resolved"),
    ],
);

/// Of a change, from the idea to its running.
const TICKET: WorkflowRow = (
    "ticket",
    "Ticket",
    &[
        ("open", Category::Todo),
        ("in_progress", Category::InProgress),
        ("in_review", Category::Review),
        ("reviewed", Category::InProgress),
        ("approval", Category::Approval),
        ("testing", Category::Testing),
        ("deployed", Category::Testing),
        ("resolved", Category::Done),
    ],
    &[
        ("start", &["open"], "in_progress"),
        ("stop", &["in_progress"], "open"),
        ("review", &["in_progress"], "in_review"),
        ("accept", &["in_review"], "reviewed"),
        ("request_approval", &["reviewed", "testing"], "approval"),
        ("test", &["in_progress", "reviewed", "approval"], "testing"),
        ("deploy", &["reviewed", "approval", "testing"], "deployed"),
        ("rework", &["in_review", "reviewed", "approval", "testing", "deployed"], "in_progress"),
        (
            "resolve",
            &["open", "in_progress", "in_review", "reviewed", "approval", "testing", "deployed"],
            "resolved",
        ),
    ],
);

/// Of something that runs.
const RESOURCE: WorkflowRow = (
    "resource",
    "Resource",
    &[
        ("starting", Category::Todo),
        ("running", Category::InProgress),
        ("restarting", Category::InProgress),
        ("stopping", Category::InProgress),
        ("stopped", Category::Done),
    ],
    &[
        ("run", &["starting", "restarting"], "running"),
        ("restart", &["running"], "restarting"),
        ("stop", &["starting", "running", "restarting"], "stopping"),
        ("finish", &["stopping"], "stopped"),
        ("abort", &["starting", "running", "restarting"], "stopped"),
    ],
);

/// The id, what people call it, what it is about, and its workflow.
const ISSUE_TYPES: &[(&str, &str, IssueKind, &str)] = &[
    (ISSUE_TYPE_DEFAULT, "Task", IssueKind::Task, "simple"),
    ("bug", "Bug", IssueKind::Bug, "bug"),
    ("enhancement", "Enhancement", IssueKind::Enhancement, "simple"),
    ("question", "Question", IssueKind::Question, "simple"),
    ("ticket", "Ticket", IssueKind::Custom, "ticket"),
    ("resource", "Resource", IssueKind::Custom, "resource"),
];

type ById = BTreeMap<ConfigurationKind, BTreeMap<&'static str, Body>>;

static ALL: LazyLock<ById> = LazyLock::new(|| {
    let workflows = [SIMPLE, BUG, INCIDENT, TICKET, RESOURCE]
        .into_iter()
        .map(|row| (row.0, Body::Workflow(plain(row))));
    let issue_types = ISSUE_TYPES.iter().map(|&(id, display_name, kind, workflow)| {
        let body = Body::IssueType(IssueType {
            display_name: display_name.into(),
            kind,
            workflow: workflow.into(),
            parameter_schema: Schema::default(),
            visible_to: Vec::new(),
        });
        (id, body)
    });
    let take_action = Body::ActionType(ActionType {
        display_name: "Take action".into(),
        performers: Vec::new(),
        parameter_schema: Schema::default(),
        result_schema: Schema::default(),
        steps: Vec::new(),
        lease: None,
        attempts_max: TRIES_DEFAULT,
        losses_max: TRIES_DEFAULT,
        on_exhausted: OnExhausted::Panic,
        expire_after: None,
    });
    [
        (ConfigurationKind::Workflow, workflows.collect()),
        (ConfigurationKind::IssueType, issue_types.collect()),
        (ConfigurationKind::ActionType, [(ACTION_TYPE_DEFAULT, take_action)].into()),
    ]
    .into()
});

/// A workflow without conditions: its first status is the initial one.
fn plain((_, display_name, statuses, transitions): WorkflowRow) -> Workflow {
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
        condition: Condition::default(),
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

/// What is built in of a kind under that id.
pub fn body(kind: ConfigurationKind, id: &str) -> Option<&'static Body> {
    ALL.get(&kind)?.get(id)
}

/// The built-in workflow of that id.
pub fn workflow(id: &str) -> Option<&'static Workflow> {
    match body(ConfigurationKind::Workflow, id) {
        Some(Body::Workflow(workflow)) => Some(workflow),
        Some(Body::IssueType(_) | Body::ActionType(_)) | None => None,
    }
}

/// The built-in issue type of that id.
pub fn issue_type(id: &str) -> Option<&'static IssueType> {
    match body(ConfigurationKind::IssueType, id) {
        Some(Body::IssueType(issue_type)) => Some(issue_type),
        Some(Body::Workflow(_) | Body::ActionType(_)) | None => None,
    }
}

/// The built-in action type of that id.
pub fn action_type(id: &str) -> Option<&'static ActionType> {
    match body(ConfigurationKind::ActionType, id) {
        Some(Body::ActionType(action_type)) => Some(action_type),
        Some(Body::Workflow(_) | Body::IssueType(_)) | None => None,
    }
}

/// What is built in, as a project has it.
pub fn configuration(name: &ConfigurationName) -> Option<Arc<Configuration>> {
    let body = body(name.kind, name.id.as_str())?.clone();
    Some(Arc::new(Configuration {
        uid: Uuid::new_v5(&Uuid::NAMESPACE_URL, name.to_string().as_bytes()),
        name: name.clone(),
        revision: 0,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        creator: ActorName::potts(),
        deleted_at: None,
        body,
    }))
}

/// All that is built in of a kind, as a project has it, by id.
pub fn configurations(
    project: &ProjectId,
    kind: ConfigurationKind,
) -> impl Iterator<Item = Arc<Configuration>> {
    ALL.get(&kind).into_iter().flat_map(BTreeMap::keys).filter_map(move |id| {
        let id = Id::parse("id", id).expect("a test reads every id");
        configuration(&ConfigurationName { project: project.clone(), kind, id })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workflows() -> Vec<&'static Workflow> {
        let workflows = ALL.values().flat_map(BTreeMap::values).filter_map(|body| match body {
            Body::Workflow(workflow) => Some(workflow),
            Body::IssueType(_) | Body::ActionType(_) => None,
        });
        workflows.collect()
    }

    #[test]
    fn every_open_status_leads_to_an_end_and_no_closed_one_leads_anywhere() {
        for workflow in workflows() {
            let mut ending: Vec<&str> = Vec::new();
            for _ in &workflow.statuses {
                for status in &workflow.statuses {
                    let leads = |t: &&Transition| t.from.contains(&status.id);
                    let mut moves = workflow.transitions.iter().filter(leads);
                    let ends =
                        status.category.closes() || moves.any(|t| ending.contains(&t.to.as_str()));
                    if ends && !ending.contains(&status.id.as_str()) {
                        ending.push(&status.id);
                    }
                }
            }
            assert_eq!(ending.len(), workflow.statuses.len(), "{}", workflow.display_name);
            for status in workflow.statuses.iter().filter(|status| status.category.closes()) {
                assert!(!workflow.transitions.iter().any(|t| t.from.contains(&status.id)));
            }
        }
        assert_eq!(workflows().len(), 5);
    }

    #[test]
    fn every_status_can_be_reached_and_no_two_moves_lead_the_same_way() {
        for workflow in workflows() {
            for status in &workflow.statuses {
                let reached = workflow.transitions.iter().any(|t| t.to == status.id);
                assert!(reached || status.id == workflow.initial_status, "{}", status.id);
                for other in &workflow.statuses {
                    assert!(workflow.between(&status.id, &other.id).len() <= 1);
                }
            }
        }
    }

    #[test]
    fn what_is_built_in_is_sound() {
        let project = ProjectId::parse("p", "abc").unwrap();
        for &kind in ConfigurationKind::ALL {
            let all: Vec<_> = configurations(&project, kind).collect();
            assert!(!all.is_empty());
            for configuration in all {
                super::super::check::check("x", &configuration.body).unwrap();
            }
        }
        for (_, _, _, workflow) in ISSUE_TYPES {
            assert!(self::workflow(workflow).is_some());
        }
        assert!(issue_type(ISSUE_TYPE_DEFAULT).is_some());
        assert!(action_type(ACTION_TYPE_DEFAULT).is_some());
    }
}
