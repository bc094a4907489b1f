//! Calls about configuration that are refused.

use ::potts::proto::*;
use prost_types::FieldMask;

use super::cases::{Case, USED, text};
use crate::support::TestApp;

/// What the calls below are about: each kind once, and an issue in a status of the workflow.
pub async fn configure(app: &TestApp) {
    let parent = text("projects/abc");
    let workflow = CreateWorkflowRequest {
        parent: parent.clone(),
        workflow_id: text("own"),
        workflow: Some(own(|_| ())),
        ..Default::default()
    };
    app.workflows().create_workflow(workflow).await.unwrap();
    let issue_type = CreateIssueTypeRequest {
        parent: parent.clone(),
        issue_type_id: text("own"),
        issue_type: Some(of_issues(|_| ())),
        ..Default::default()
    };
    app.workflows().create_issue_type(issue_type).await.unwrap();
    let action_type = CreateActionTypeRequest {
        parent,
        action_type_id: text("own"),
        action_type: Some(ActionType::default()),
        ..Default::default()
    };
    app.workflows().create_action_type(action_type).await.unwrap();
    app.issue("abc", "of the type own").await;
    let place = "update issues set workflow = 'own', workflow_revision = 1, status = 'later',
                 issue_type = 'own', issue_type_revision = 1 where title = 'of the type own'";
    app.database.sql().await.execute(place, &[]).await.unwrap();
}

/// A sound workflow, but for what is changed.
fn own(change: impl FnOnce(&mut Workflow)) -> Workflow {
    let status = |id, category: StatusCategory| Status {
        id: text(id),
        category: category.into(),
        ..Default::default()
    };
    let mut workflow = Workflow {
        initial_status: text("new"),
        statuses: vec![
            status("new", StatusCategory::Todo),
            status("later", StatusCategory::Todo),
            status("done", StatusCategory::Done),
        ],
        transitions: vec![Transition {
            id: text("finish"),
            from: vec![text("new")],
            to: text("done"),
            ..Default::default()
        }],
        ..Default::default()
    };
    change(&mut workflow);
    workflow
}

/// A sound issue type, but for what is changed.
fn of_issues(change: impl FnOnce(&mut IssueType)) -> IssueType {
    let mut issue_type =
        IssueType { kind: IssueKind::Custom.into(), workflow: text("own"), ..Default::default() };
    change(&mut issue_type);
    issue_type
}

fn mask(path: &str) -> Option<FieldMask> {
    Some(FieldMask { paths: vec![text(path)] })
}

/// Rows of `rpc reason, blamed, request;`.
macro_rules! cases {
    ($($rpc:ident $reason:ident, $blamed:expr, $request:ident { $($field:ident: $value:expr),* };)*)
    => {
        vec![$(Case {
            rpc: stringify!($rpc),
            reason: stringify!($reason),
            blamed: $blamed,
            call: Box::new(move |app| Box::pin(async move {
                let mut request = $request::default();
                $(request.$field = $value;)*
                app.workflows().$rpc(request).await.map(drop)
            })),
        },)*]
    };
}

/// The cases that all kinds have in common.
macro_rules! of_each_kind {
    ($(
        $create:ident $create_request:ident $get:ident $get_request:ident
        $list:ident $list_request:ident $update:ident $update_request:ident
        $delete:ident $delete_request:ident,
        $message:ident $field:ident $id:ident $collection:literal $built_in:literal $sound:expr;
    )*) => {{
        let mut all = Vec::new();
        $(
            const NONE: &str =
                concat!("potts.v1.", stringify!($message), " projects/abc/", $collection, "/none");
            const OWN: &str = concat!("projects/abc/", $collection, "/own");
            const BUILT_IN: &str = concat!("projects/abc/", $collection, "/", $built_in);
            let name = |id: &str| format!("projects/abc/{}/{id}", $collection);
            let named = move |id: &str| $message {
                name: name(id),
                display_name: text("x"),
                ..Default::default()
            };
            all.extend(cases! {
                $create FIELD_REQUIRED, stringify!($field),
                    $create_request { parent: text("projects/abc"), $id: text("x") };
                $create FIELD_INVALID, concat!(stringify!($field), "_id"),
                    $create_request { parent: text("projects/abc"), $id: text("X") };
                $create FIELD_TOO_LARGE, concat!(stringify!($field), ".display_name"),
                    $create_request {
                        parent: text("projects/abc"), $id: text("x"),
                        $field: Some($message { display_name: "n".repeat(257), ..$sound })
                    };
                $create RESOURCE_NOT_FOUND, "potts.v1.Project projects/none",
                    $create_request {
                        parent: text("projects/none"), $id: text("x"), $field: Some($sound)
                    };
                $create RESOURCE_EXISTS,
                    concat!("potts.v1.", stringify!($message), " projects/abc/", $collection,
                        "/own"),
                    $create_request {
                        parent: text("projects/abc"), $id: text("own"), $field: Some($sound)
                    };
                $create RESOURCE_EXISTS,
                    concat!("potts.v1.", stringify!($message), " projects/abc/", $collection, "/",
                        $built_in),
                    $create_request {
                        parent: text("projects/abc"), $id: text($built_in), $field: Some($sound)
                    };
                $create REQUEST_ID_REUSED, "request_id",
                    $create_request {
                        parent: text("projects/abc"), $id: text("x"), $field: Some($sound),
                        request_id: text(USED)
                    };

                $get FIELD_INVALID, "name", $get_request { name: text("projects/abc/x/y") };
                $get RESOURCE_NOT_FOUND, NONE, $get_request { name: name("none") };

                $list FIELD_REQUIRED, "parent", $list_request { page_size: 0 };
                $list FIELD_INVALID, "page_size",
                    $list_request { parent: text("projects/abc"), page_size: -1 };
                $list PAGE_TOKEN_INVALID, "page_token",
                    $list_request { parent: text("projects/abc"), page_token: text("x") };
                $list RESOURCE_NOT_FOUND, "potts.v1.Project projects/none",
                    $list_request { parent: text("projects/none") };

                $update FIELD_REQUIRED, stringify!($field), $update_request { update_mask: None };
                $update FIELD_INVALID, concat!(stringify!($field), ".display_name"),
                    $update_request {
                        $field: Some($message { display_name: text("a\nb"), ..named("own") })
                    };
                $update FIELD_UNKNOWN, "update_mask",
                    $update_request { $field: Some(named("own")), update_mask: mask("colour") };
                $update RESOURCE_NOT_FOUND, NONE,
                    $update_request { $field: Some(named("none")) };
                $update BUILT_IN, BUILT_IN, $update_request { $field: Some(named($built_in)) };
                $update ETAG_MISMATCH, OWN,
                    $update_request {
                        $field: Some($message { etag: text("old"), ..named("own") })
                    };
                $update REQUEST_ID_REUSED, "request_id",
                    $update_request { $field: Some(named("own")), request_id: text(USED) };

                $delete FIELD_INVALID, "name", $delete_request { name: text("own") };
                $delete RESOURCE_NOT_FOUND, NONE, $delete_request { name: name("none") };
                $delete BUILT_IN, BUILT_IN, $delete_request { name: name($built_in) };
                $delete ETAG_MISMATCH, OWN,
                    $delete_request { name: name("own"), etag: text("old") };
                $delete REQUEST_ID_REUSED, "request_id",
                    $delete_request { name: name("own"), request_id: text(USED) };
            });
        )*
        all
    }};
}

/// Calls about configuration.
pub fn configuration_cases() -> Vec<Case> {
    let mut all = workflow_cases();
    all.extend(type_cases());
    all.extend({
        of_each_kind! {
            create_workflow CreateWorkflowRequest get_workflow GetWorkflowRequest
            list_workflows ListWorkflowsRequest update_workflow UpdateWorkflowRequest
            delete_workflow DeleteWorkflowRequest,
            Workflow workflow workflow_id "workflows" "simple" own(|_| ());
        }
    });
    all.extend({
        of_each_kind! {
            create_issue_type CreateIssueTypeRequest get_issue_type GetIssueTypeRequest
            list_issue_types ListIssueTypesRequest update_issue_type UpdateIssueTypeRequest
            delete_issue_type DeleteIssueTypeRequest,
            IssueType issue_type issue_type_id "issueTypes" "task" of_issues(|_| ());
        }
    });
    all.extend({
        of_each_kind! {
            create_action_type CreateActionTypeRequest get_action_type GetActionTypeRequest
            list_action_types ListActionTypesRequest update_action_type UpdateActionTypeRequest
            delete_action_type DeleteActionTypeRequest,
            ActionType action_type action_type_id "actionTypes" "take-action" ActionType::default();
        }
    });
    all
}

fn create(change: impl FnOnce(&mut Workflow)) -> Option<Workflow> {
    Some(own(change))
}

fn update(change: impl FnOnce(&mut Workflow)) -> Option<Workflow> {
    let name = text("projects/abc/workflows/own");
    Some(Workflow { name, display_name: text("x"), ..own(change) })
}

fn many_statuses(workflow: &mut Workflow) {
    let status = workflow.statuses[0].clone();
    let more = (0..98).map(|n| Status { id: format!("s{n}"), ..status.clone() });
    workflow.statuses.extend(more);
}

fn condition(workflow: &mut Workflow) {
    workflow.transitions[0].condition = text("1 +");
}

fn lost(workflow: &mut Workflow) {
    workflow.transitions[0].to = text("none");
}

fn workflow_cases() -> Vec<Case> {
    cases! {
        create_workflow FIELD_REQUIRED, "workflow.statuses",
            CreateWorkflowRequest {
                parent: text("projects/abc"), workflow_id: text("x"),
                workflow: create(|w| w.statuses.clear())
            };
        create_workflow FIELD_INVALID, "workflow.statuses[0].visible_to[0]",
            CreateWorkflowRequest {
                parent: text("projects/abc"), workflow_id: text("x"),
                workflow: create(|w| w.statuses[0].visible_to = vec![text("groups/none")])
            };
        create_workflow STATUS_UNKNOWN, "workflow.transitions[0].to",
            CreateWorkflowRequest {
                parent: text("projects/abc"), workflow_id: text("x"), workflow: create(lost)
            };
        create_workflow EXPRESSION_INVALID, "workflow.transitions[0].condition",
            CreateWorkflowRequest {
                parent: text("projects/abc"), workflow_id: text("x"), workflow: create(condition)
            };
        create_workflow LIMIT_REACHED, "",
            CreateWorkflowRequest {
                parent: text("projects/abc"), workflow_id: text("x"),
                workflow: create(many_statuses)
            };
        update_workflow STATUS_UNKNOWN, "workflow.transitions[0].to",
            UpdateWorkflowRequest { workflow: update(lost) };
        update_workflow EXPRESSION_INVALID, "workflow.transitions[0].condition",
            UpdateWorkflowRequest { workflow: update(condition) };
        update_workflow LIMIT_REACHED, "",
            UpdateWorkflowRequest { workflow: update(many_statuses) };
        update_workflow STATUS_IN_USE, "projects/abc/workflows/own",
            UpdateWorkflowRequest { workflow: update(|w| drop(w.statuses.remove(1))) };
        delete_workflow IN_USE, "projects/abc/workflows/own",
            DeleteWorkflowRequest { name: text("projects/abc/workflows/own") };
    }
}

fn type_cases() -> Vec<Case> {
    cases! {
        create_issue_type FIELD_INVALID, "issue_type.workflow",
            CreateIssueTypeRequest {
                parent: text("projects/abc"), issue_type_id: text("x"),
                issue_type: Some(of_issues(|t| t.workflow = text("none")))
            };
        create_issue_type FIELD_REQUIRED, "issue_type.kind",
            CreateIssueTypeRequest {
                parent: text("projects/abc"), issue_type_id: text("x"),
                issue_type: Some(of_issues(|t| t.kind = 0))
            };
        create_issue_type LIMIT_REACHED, "",
            CreateIssueTypeRequest {
                parent: text("projects/abc"), issue_type_id: text("x"),
                issue_type: Some(of_issues(|t| t.visible_to = vec![text("groups/none"); 101]))
            };
        update_issue_type LIMIT_REACHED, "",
            UpdateIssueTypeRequest {
                issue_type: Some(of_issues(|t| {
                    t.name = text("projects/abc/issueTypes/own");
                    t.visible_to = vec![text("groups/none"); 101];
                }))
            };
        delete_issue_type IN_USE, "projects/abc/issueTypes/own",
            DeleteIssueTypeRequest { name: text("projects/abc/issueTypes/own") };
        create_action_type FIELD_INVALID, "action_type.lease",
            CreateActionTypeRequest {
                parent: text("projects/abc"), action_type_id: text("x"),
                action_type: Some(ActionType {
                    lease: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
                    ..Default::default()
                })
            };
        create_action_type LIMIT_REACHED, "",
            CreateActionTypeRequest {
                parent: text("projects/abc"), action_type_id: text("x"),
                action_type: Some(ActionType {
                    steps: (0..101).map(|n| format!("s{n}")).collect(),
                    ..Default::default()
                })
            };
        update_action_type LIMIT_REACHED, "",
            UpdateActionTypeRequest {
                action_type: Some(ActionType {
                    name: text("projects/abc/actionTypes/own"),
                    steps: (0..101).map(|n| format!("s{n}")).collect(),
                    ..Default::default()
                })
            };
    }
}
