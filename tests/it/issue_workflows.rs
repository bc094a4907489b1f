//! Issues of types that a project has made itself: what their workflows ask for.

use futures_util::future::join_all;
use potts::proto::workflow_service_client::WorkflowServiceClient;
use potts::proto::{
    CloseIssueRequest, CreateGroupRequest, CreateIssueRelationRequest, CreateIssueTypeRequest,
    CreateWorkflowRequest, GetIssueRequest, Group, Issue, IssueKind, IssueRelation, IssueType,
    RelationKind, Role, Status, StatusCategory, Transition, TransitionIssueRequest,
    UpdateIssueRequest, Workflow, transition_issue_request,
};
use prost_types::{Struct, Value};
use tokio::time::Instant;
use tonic::Code;

use crate::issues::{create, get};
use crate::support::app::PATIENCE;
use crate::support::{TestApp, told};

fn status(id: &str, category: StatusCategory) -> Status {
    Status { id: id.into(), category: category.into(), ..Default::default() }
}

fn transition(id: &str, to: &str) -> Transition {
    Transition { id: id.into(), from: vec!["new".into()], to: to.into(), ..Default::default() }
}

fn workflow() -> Workflow {
    let hidden =
        Status { visible_to: vec!["groups/qa".into()], ..status("hidden", StatusCategory::Review) };
    Workflow {
        initial_status: "new".into(),
        statuses: vec![
            status("new", StatusCategory::Triage),
            status("ready", StatusCategory::Todo),
            status("free", StatusCategory::InProgress),
            status("mine", StatusCategory::InProgress),
            status("slow", StatusCategory::InProgress),
            hidden,
            status("done", StatusCategory::Done),
        ],
        transitions: vec![
            Transition {
                required_parameters: vec!["severity".into()],
                condition: "self.parameters.severity > 2".into(),
                ..transition("ready", "ready")
            },
            Transition { require_unblocked: true, ..transition("free", "free") },
            Transition { allowed_groups: vec!["groups/qa".into()], ..transition("mine", "mine") },
            transition("hide", "hidden"),
            transition("done", "done"),
            transition("finish", "done"),
            // The engine of patterns takes time in proportion to pattern and text; those that go
            // back over what they have read take longer than anybody waits.
            Transition {
                condition: "self.parameters.words.matches('(a*)*(a?){50}a{50}(.*)(.*)[^a]$')"
                    .into(),
                ..transition("slow", "slow")
            },
        ],
        ..Default::default()
    }
}

fn text(text: &str) -> Value {
    Value::from(text.to_owned())
}

fn object(fields: &[(&str, Value)]) -> Struct {
    let fields = fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
    Struct { fields: fields.collect() }
}

fn structure(fields: &[(&str, Value)]) -> Value {
    Value { kind: Some(prost_types::value::Kind::StructValue(object(fields))) }
}

/// A project with the workflow above, a type of it, and an issue of that.
async fn app() -> TestApp {
    let app = TestApp::start().await;
    app.project("abc").await;
    let group = Some(Group::default());
    let group = CreateGroupRequest { group_id: "qa".into(), group, ..Default::default() };
    app.actors().create_group(group).await.unwrap();
    let mut workflows = WorkflowServiceClient::new(app.door.clone());
    let request = CreateWorkflowRequest {
        parent: "projects/abc".into(),
        workflow_id: "own".into(),
        workflow: Some(workflow()),
        ..Default::default()
    };
    workflows.create_workflow(request).await.unwrap();
    let of_type = |name| structure(&[("type", text(name))]);
    let fields = [("severity", of_type("integer")), ("words", of_type("string"))];
    let properties = structure(&fields);
    let issue_type = IssueType {
        kind: IssueKind::Custom.into(),
        workflow: "own".into(),
        parameter_schema: Some(object(&[("properties", properties)])),
        ..Default::default()
    };
    let request = CreateIssueTypeRequest {
        parent: "projects/abc".into(),
        issue_type_id: "own".into(),
        issue_type: Some(issue_type),
        ..Default::default()
    };
    workflows.create_issue_type(request).await.unwrap();
    app.issues().create_issue(create(own("projects/abc/issueTypes/own"))).await.unwrap();
    app
}

fn own(issue_type: &str) -> Issue {
    Issue { title: "t".into(), issue_type: issue_type.into(), ..Default::default() }
}

fn to(status: &str, parameters: Option<Struct>) -> TransitionIssueRequest {
    TransitionIssueRequest {
        name: "ABC-1".into(),
        r#move: Some(transition_issue_request::Move::To(status.into())),
        parameters,
        ..Default::default()
    }
}

fn severity(severity: f64) -> Option<Struct> {
    Some(object(&[("severity", Value::from(severity))]))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_stays_on_the_revisions_it_began_with() {
    let app = app().await;
    let issue = get(&app, "ABC-1").await;
    let by_id = app.issues().create_issue(create(own("own"))).await.unwrap().into_inner();
    let unknown = told(app.issues().create_issue(create(own("none"))).await);

    assert_eq!((issue.issue_type.as_str(), issue.issue_type_revision), ("own", 1));
    assert_eq!((issue.workflow.as_str(), issue.workflow_revision), ("own", 1));
    assert_eq!((issue.status.as_str(), issue.kind()), ("new", IssueKind::Custom));
    assert_eq!(by_id.issue.unwrap().status, "new");
    assert_eq!(unknown.why(), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    assert_eq!(unknown.message, "projects/abc/issueTypes/none does not exist");
}

#[tokio::test(flavor = "multi_thread")]
async fn parameters_keep_the_schema_of_the_type() {
    let app = app().await;
    let wrong = Some(object(&[("severity", text("high"))]));
    let parameters = wrong.clone();
    let created = Issue { parameters, ..own("own") };
    let parameters = wrong.clone();
    let updated = Issue { name: "ABC-1".into(), parameters, ..Default::default() };
    let update = UpdateIssueRequest { issue: Some(updated), ..Default::default() };

    for refused in [
        told(app.issues().create_issue(create(created)).await),
        told(app.issues().update_issue(update).await),
        told(app.issues().transition_issue(to("ready", wrong)).await),
    ] {
        assert_eq!(refused.why(), (Code::InvalidArgument, "SCHEMA_VIOLATION"));
        assert!(refused.blamed().ends_with("parameters.severity"), "{}", refused.blamed());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transition_needs_its_parameters_and_its_condition() {
    let app = app().await;

    let missing = told(app.issues().transition_issue(to("ready", None)).await);
    let low = told(app.issues().transition_issue(to("ready", severity(1.0))).await);
    let ready = app.issues().transition_issue(to("ready", severity(3.0))).await;

    assert_eq!(missing.why(), (Code::FailedPrecondition, "FIELDS_MISSING"));
    assert_eq!(missing.metadata("fields"), "severity");
    assert_eq!(low.why(), (Code::FailedPrecondition, "CONDITION_FALSE"));
    assert_eq!(low.metadata("condition"), "self.parameters.severity > 2");
    assert_eq!(ready.unwrap().into_inner().issue.unwrap().status, "ready");
    let nowhere = told(app.issues().transition_issue(to("free", None)).await);
    assert_eq!(nowhere.why(), (Code::FailedPrecondition, "TRANSITION_FORBIDDEN"));
    let close = CloseIssueRequest { name: "ABC-1".into(), ..Default::default() };
    let close = told(app.issues().close_issue(close).await);
    assert_eq!(close.why(), (Code::FailedPrecondition, "TRANSITION_FORBIDDEN"));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ways_to_a_status_must_be_told_apart() {
    let app = app().await;

    let refused = told(app.issues().transition_issue(to("done", None)).await);

    assert_eq!(refused.why(), (Code::InvalidArgument, "FIELD_INVALID"));
    assert_eq!(refused.metadata("transitions"), "done, finish");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_blocker_holds_an_issue() {
    let app = app().await;
    app.issue("abc", "blocker").await;
    let blocks = IssueRelation {
        target: "ABC-1".into(),
        kind: RelationKind::Blocks.into(),
        ..Default::default()
    };
    let relate = CreateIssueRelationRequest {
        parent: "ABC-2".into(),
        relation: Some(blocks),
        ..Default::default()
    };
    app.issues().create_issue_relation(relate).await.unwrap();

    let held = told(app.issues().transition_issue(to("free", None)).await);
    let close = CloseIssueRequest { name: "ABC-2".into(), ..Default::default() };
    app.issues().close_issue(close).await.unwrap();
    let freed = app.issues().transition_issue(to("free", None)).await;

    assert_eq!(held.why(), (Code::FailedPrecondition, "ISSUE_BLOCKED"));
    assert_eq!(held.metadata("blockers"), "ABC-2");
    assert!(freed.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transition_may_be_for_certain_groups() {
    let app = app().await;

    let refused = told(app.issues().transition_issue(to("mine", None)).await);

    assert_eq!(refused.why(), (Code::PermissionDenied, "NOT_PERFORMER"));
    assert_eq!(refused.metadata("groups"), "groups/qa");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_hides_an_issue_from_whoever_is_not_in_its_groups() {
    let app = app().await;
    let ann = app.actor("ann", "abc", Role::Worker).await;

    let hidden = ann.issues().transition_issue(to("hidden", None)).await.unwrap().into_inner();
    let again = told(ann.issues().transition_issue(to("done", None)).await);
    let seen = app.issues().get_issue(GetIssueRequest { name: "ABC-1".into() }).await.unwrap();

    assert_eq!(hidden.issue.unwrap().visible_to, ["groups/qa"]);
    assert_eq!(again.why(), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    assert_eq!(seen.into_inner().issue.unwrap().status, "hidden");
}

/// Goal: a pattern and a text that are made to take long end by fuel, with a reason, and nobody
/// else waits for them.
#[tokio::test(flavor = "multi_thread")]
async fn the_worst_pattern_in_a_condition_holds_up_nobody() {
    let app = app().await;
    let words = Some(object(&[("words", text(&"a".repeat(60_000)))]));
    let slow = || TransitionIssueRequest {
        r#move: Some(transition_issue_request::Move::Transition("slow".into())),
        ..to("", words.clone())
    };
    let began = Instant::now();

    let refusals = join_all((0..50).map(|_| {
        let (mut issues, request) = (app.issues(), slow());
        async move { told(issues.transition_issue(request).await) }
    }));
    let others = join_all((0..50).map(|_| app.issue("abc", "other")));
    let (refusals, others) = tokio::join!(refusals, others);

    for refused in refusals {
        assert_eq!(refused.why(), (Code::FailedPrecondition, "CONDITION_FALSE"));
        assert!(refused.message.contains("the condition of slow gives nothing"), "{refused:?}");
        assert!(refused.message.contains("more steps than it may"), "{refused:?}");
    }
    assert_eq!(others.len(), 50);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    assert_eq!(get(&app, "ABC-1").await.status, "new", "nothing was changed");
}
