//! The column `body`: JSON, whose members are those of the domain. A member that an older release
//! did not write is what it means when it is absent.

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::configuration::{ActionType, Body, IssueKind, IssueType, OnExhausted};
use crate::domain::name::{ConfigurationKind, GroupName, Principal};
use crate::domain::schema::Schema;
use crate::domain::value::Fields;
use crate::domain::workflow::{Category, Condition, Status, Transition, Workflow};

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct WorkflowRow {
    display_name: String,
    initial_status: String,
    statuses: Vec<StatusRow>,
    transitions: Vec<TransitionRow>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct StatusRow {
    id: String,
    category: String,
    visible_to: Vec<String>,
    predicate: String,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct TransitionRow {
    id: String,
    from: Vec<String>,
    to: String,
    condition: String,
    required_parameters: Vec<String>,
    allowed_groups: Vec<String>,
    require_actions_done: bool,
    require_unblocked: bool,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct IssueTypeRow {
    display_name: String,
    kind: String,
    workflow: String,
    parameter_schema: Fields,
    visible_to: Vec<String>,
}

#[derive(Serialize, Deserialize, Default)]
#[serde(default)]
struct ActionTypeRow {
    display_name: String,
    performers: Vec<String>,
    parameter_schema: Fields,
    result_schema: Fields,
    steps: Vec<String>,
    lease: Option<SignedDuration>,
    attempts_max: i32,
    losses_max: i32,
    on_exhausted: String,
    expire_after: Option<SignedDuration>,
}

/// Reads what a row of a kind holds.
pub(super) fn read(kind: ConfigurationKind, body: Value) -> Body {
    const OURS: &str = "only we write bodies";
    match kind {
        ConfigurationKind::Workflow => {
            Body::Workflow(workflow(serde_json::from_value(body).expect(OURS)))
        }
        ConfigurationKind::IssueType => {
            Body::IssueType(issue_type(serde_json::from_value(body).expect(OURS)))
        }
        ConfigurationKind::ActionType => {
            Body::ActionType(action_type(serde_json::from_value(body).expect(OURS)))
        }
    }
}

/// What a row is to hold.
pub(super) fn write(body: &Body) -> String {
    let written = match body {
        Body::Workflow(workflow) => serde_json::to_string(&workflow_row(workflow)),
        Body::IssueType(issue_type) => serde_json::to_string(&issue_type_row(issue_type)),
        Body::ActionType(action_type) => serde_json::to_string(&action_type_row(action_type)),
    };
    written.expect("maps with text as keys always serialise")
}

fn groups(names: &[String]) -> Vec<GroupName> {
    names.iter().map(|name| GroupName::stored(name)).collect()
}

fn group_rows(groups: &[GroupName]) -> Vec<String> {
    groups.iter().map(|group| group.as_str().to_owned()).collect()
}

fn workflow(row: WorkflowRow) -> Workflow {
    let WorkflowRow { display_name, initial_status, statuses, transitions } = row;
    Workflow {
        display_name,
        initial_status,
        statuses: statuses.into_iter().map(status).collect(),
        transitions: transitions.into_iter().map(transition).collect(),
    }
}

fn status(row: StatusRow) -> Status {
    let StatusRow { id, category, visible_to, predicate } = row;
    let category = Category::stored(&category).expect("only we write categories");
    Status { id, category, visible_to: groups(&visible_to), predicate }
}

fn transition(row: TransitionRow) -> Transition {
    let TransitionRow {
        id,
        from,
        to,
        condition,
        required_parameters,
        allowed_groups,
        require_actions_done,
        require_unblocked,
    } = row;
    Transition {
        id,
        from,
        to,
        condition: Condition::stored(&condition),
        required_parameters,
        allowed_groups: groups(&allowed_groups),
        require_actions_done,
        require_unblocked,
    }
}

fn workflow_row(workflow: &Workflow) -> WorkflowRow {
    let Workflow { display_name, initial_status, statuses, transitions } = workflow;
    WorkflowRow {
        display_name: display_name.clone(),
        initial_status: initial_status.clone(),
        statuses: statuses.iter().map(status_row).collect(),
        transitions: transitions.iter().map(transition_row).collect(),
    }
}

fn status_row(status: &Status) -> StatusRow {
    let Status { id, category, visible_to, predicate } = status;
    StatusRow {
        id: id.clone(),
        category: category.as_str().into(),
        visible_to: group_rows(visible_to),
        predicate: predicate.clone(),
    }
}

fn transition_row(transition: &Transition) -> TransitionRow {
    let Transition {
        id,
        from,
        to,
        condition,
        required_parameters,
        allowed_groups,
        require_actions_done,
        require_unblocked,
    } = transition;
    TransitionRow {
        id: id.clone(),
        from: from.clone(),
        to: to.clone(),
        condition: condition.source().into(),
        required_parameters: required_parameters.clone(),
        allowed_groups: group_rows(allowed_groups),
        require_actions_done: *require_actions_done,
        require_unblocked: *require_unblocked,
    }
}

fn issue_type(row: IssueTypeRow) -> IssueType {
    let IssueTypeRow { display_name, kind, workflow, parameter_schema, visible_to } = row;
    IssueType {
        display_name,
        kind: IssueKind::stored(&kind).expect("only we write kinds"),
        workflow,
        parameter_schema: Schema::stored(parameter_schema),
        visible_to: groups(&visible_to),
    }
}

fn issue_type_row(issue_type: &IssueType) -> IssueTypeRow {
    let IssueType { display_name, kind, workflow, parameter_schema, visible_to } = issue_type;
    IssueTypeRow {
        display_name: display_name.clone(),
        kind: kind.as_str().into(),
        workflow: workflow.clone(),
        parameter_schema: parameter_schema.source().clone(),
        visible_to: group_rows(visible_to),
    }
}

fn action_type(row: ActionTypeRow) -> ActionType {
    let ActionTypeRow {
        display_name,
        performers,
        parameter_schema,
        result_schema,
        steps,
        lease,
        attempts_max,
        losses_max,
        on_exhausted,
        expire_after,
    } = row;
    ActionType {
        display_name,
        performers: performers.iter().map(|name| Principal::stored(name)).collect(),
        parameter_schema: Schema::stored(parameter_schema),
        result_schema: Schema::stored(result_schema),
        steps,
        lease,
        attempts_max,
        losses_max,
        on_exhausted: OnExhausted::stored(&on_exhausted).unwrap_or_default(),
        expire_after,
    }
}

fn action_type_row(action_type: &ActionType) -> ActionTypeRow {
    let ActionType {
        display_name,
        performers,
        parameter_schema,
        result_schema,
        steps,
        lease,
        attempts_max,
        losses_max,
        on_exhausted,
        expire_after,
    } = action_type;
    ActionTypeRow {
        display_name: display_name.clone(),
        performers: performers.iter().map(|who| who.as_str().to_owned()).collect(),
        parameter_schema: parameter_schema.source().clone(),
        result_schema: result_schema.source().clone(),
        steps: steps.clone(),
        lease: *lease,
        attempts_max: *attempts_max,
        losses_max: *losses_max,
        on_exhausted: on_exhausted.as_str().into(),
        expire_after: *expire_after,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::configuration::built_in;
    use crate::domain::name::{Id, ProjectId};

    #[test]
    fn what_is_written_reads_back() {
        let project = ProjectId::parse("p", "abc").unwrap();
        for &kind in ConfigurationKind::ALL {
            for configuration in built_in::configurations(&project, kind) {
                let written = serde_json::from_str(&write(&configuration.body)).unwrap();
                assert_eq!(read(kind, written), configuration.body);
            }
        }
        let schema: Value = serde_json::json!({ "properties": { "a": { "type": "integer" } } });
        let fields = schema.as_object().unwrap().clone();
        let body = Body::ActionType(ActionType {
            performers: vec![GroupName::of(&Id::parse("g", "qa").unwrap()).into()],
            parameter_schema: Schema::parse("s", fields).unwrap(),
            lease: Some(SignedDuration::from_millis(12_345)),
            expire_after: Some(SignedDuration::from_hours(3)),
            on_exhausted: OnExhausted::Fail,
            ..built_in::action_type("take-action").unwrap().clone()
        });
        let written = serde_json::from_str(&write(&body)).unwrap();
        assert_eq!(read(ConfigurationKind::ActionType, written), body);
    }
}
