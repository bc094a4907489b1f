//! Configuration through the contract: revisions, what is built in, and statuses that go.

use std::collections::BTreeMap;

use potts::proto::*;
use prost_types::FieldMask;
use tonic::Code;

use crate::support::{TestApp, told};

const PROJECT: &str = "projects/abc";

fn status(id: &str, category: StatusCategory) -> Status {
    Status { id: id.into(), category: category.into(), ..Default::default() }
}

fn transition(id: &str, from: &[&str], to: &str) -> Transition {
    let from = from.iter().map(|&from| from.to_owned()).collect();
    Transition { id: id.into(), from, to: to.into(), ..Default::default() }
}

/// Four statuses in a row, the last one closing.
fn own() -> Workflow {
    Workflow {
        display_name: "Own".into(),
        initial_status: "new".into(),
        statuses: vec![
            status("new", StatusCategory::Triage),
            status("doing", StatusCategory::InProgress),
            status("waiting", StatusCategory::Review),
            status("done", StatusCategory::Done),
        ],
        transitions: vec![
            transition("start", &["new"], "doing"),
            transition("wait", &["doing"], "waiting"),
            transition("finish", &["new", "doing", "waiting"], "done"),
        ],
        ..Default::default()
    }
}

/// As [`own`], without the status `waiting`.
fn shorter() -> Workflow {
    let mut workflow = Workflow { name: format!("{PROJECT}/workflows/own"), ..own() };
    workflow.statuses.retain(|status| status.id != "waiting");
    workflow.transitions =
        vec![transition("start", &["new"], "doing"), transition("finish", &["doing"], "done")];
    workflow
}

async fn create(app: &TestApp, id: &str, workflow: Workflow) -> CreateWorkflowResponse {
    let request = CreateWorkflowRequest {
        parent: PROJECT.into(),
        workflow_id: id.into(),
        workflow: Some(workflow),
        ..Default::default()
    };
    app.workflows().create_workflow(request).await.unwrap().into_inner()
}

fn update(workflow: Workflow, mapping: &[(&str, &str)]) -> UpdateWorkflowRequest {
    let mapped = |&(from, to): &(&str, &str)| (from.to_owned(), to.to_owned());
    UpdateWorkflowRequest {
        workflow: Some(workflow),
        status_mapping: mapping.iter().map(mapped).collect::<BTreeMap<_, _>>(),
        ..Default::default()
    }
}

async fn get(app: &TestApp, id: &str) -> Workflow {
    let name = format!("{PROJECT}/workflows/{id}");
    let got = app.workflows().get_workflow(GetWorkflowRequest { name }).await.unwrap();
    got.into_inner().workflow.unwrap()
}

fn issue_type(workflow: &str) -> CreateIssueTypeRequest {
    CreateIssueTypeRequest {
        parent: PROJECT.into(),
        issue_type_id: "own".into(),
        issue_type: Some(IssueType {
            kind: IssueKind::Custom.into(),
            workflow: workflow.into(),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// An issue that is on revision 1 of the workflow `own`, in a status of it.
async fn placed(app: &TestApp, title: &str, status: &str) -> Issue {
    let issue = app.issue("abc", title).await;
    let number: i64 = issue.name.rsplit('/').next().unwrap().parse().unwrap();
    let sql = app.database.sql().await;
    let place = "update issues set workflow = 'own', workflow_revision = 1, status = $1
                 where project = 'abc' and number = $2";
    sql.execute(place, &[&status, &number]).await.unwrap();
    issue
}

async fn status_of(app: &TestApp, name: &str) -> String {
    let got = app.issues().get_issue(GetIssueRequest { name: name.into() }).await.unwrap();
    got.into_inner().issue.unwrap().status
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workflow_is_read_as_it_was_written_and_every_change_is_a_revision() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let mut follower = app.follow().await;

    let created = create(&app, "own", own()).await;
    let renamed = Workflow {
        name: format!("{PROJECT}/workflows/own"),
        display_name: "Mine".into(),
        ..Default::default()
    };
    let change = async |workflow: Workflow| {
        let updated = app.workflows().update_workflow(update(workflow, &[])).await;
        updated.unwrap().into_inner()
    };
    let first = change(renamed.clone()).await;
    let again = change(renamed).await;
    let sql = app.database.sql().await;
    let kept = "select string_agg(body ->> 'display_name', ',' order by revision)
                from configurations where id = 'own'";
    let kept: String = sql.query_one(kept, &[]).await.unwrap().get(0);

    let (created, first) = (created.workflow.unwrap(), (first.workflow.unwrap(), first.changed));
    assert_eq!((created.revision, created.built_in), (1, false));
    assert_eq!(
        (created.statuses.clone(), created.transitions.clone()),
        (own().statuses, own().transitions)
    );
    assert!(first.1 && !again.changed);
    assert_eq!((first.0.revision, &*first.0.display_name), (2, "Mine"));
    assert_eq!((&first.0.uid, first.0.statuses.len()), (&created.uid, 4));
    assert_ne!(first.0.etag, created.etag);
    assert_eq!(get(&app, "own").await, first.0);
    assert_eq!(kept, "Own,Mine", "the first revision stays as it was");
    let types = follower.types(3).await;
    assert_eq!(types, ["project.created", "workflow.created", "workflow.updated"]);
    assert_eq!(app.head().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_revision_is_read_by_its_name_and_outlives_what_it_is_of() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let first = create(&app, "own", own()).await.workflow.unwrap();
    let name = format!("{PROJECT}/workflows/own");
    let named = Workflow { name, display_name: "Mine".into(), ..Default::default() };
    app.workflows().update_workflow(update(named, &[])).await.unwrap();
    let refused = async |id: &str| {
        let name = format!("{PROJECT}/workflows/{id}");
        told(app.workflows().get_workflow(GetWorkflowRequest { name }).await)
    };

    let read = [get(&app, "own/revisions/1").await, get(&app, "own/revisions/2").await];
    let newest = get(&app, "own").await;
    let built_in = get(&app, "simple/revisions/0").await;
    let stale = told(app.workflows().update_workflow(update(first.clone(), &[])).await);
    let delete = DeleteWorkflowRequest { name: newest.name.clone(), ..Default::default() };
    app.workflows().delete_workflow(delete).await.unwrap();
    let after = get(&app, "own/revisions/1").await;

    assert_eq!(read, [first.clone(), newest]);
    assert_eq!((after, built_in.revision), (first, 0));
    assert_eq!(stale.why(), (Code::Aborted, "ETAG_MISMATCH"), "its etag is that of the revision");
    for absent in ["own", "own/revisions/0", "own/revisions/3", "own/revisions/4"] {
        let told = refused(absent).await;
        assert_eq!(told.code, Code::NotFound, "{absent}");
        assert_eq!(told.blamed(), format!("potts.v1.Workflow {PROJECT}/workflows/{absent}"));
    }
    assert_eq!(refused("simple/revisions/1").await.code, Code::NotFound);
    assert_eq!(refused("own/revisions/x").await.why().1, "FIELD_INVALID");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_built_in_is_in_every_project_and_cannot_be_changed() {
    let app = TestApp::start().await;
    app.project("abc").await;
    create(&app, "careful", own()).await;

    let list = async |size: i32, token: &str| {
        let request = ListWorkflowsRequest {
            parent: PROJECT.into(),
            page_size: size,
            page_token: token.into(),
        };
        app.workflows().list_workflows(request).await.unwrap().into_inner()
    };
    let all = list(0, "").await;
    let first = list(2, "").await;
    let second = list(100, &first.next_page_token).await;
    let ids = |page: &ListWorkflowsResponse| -> Vec<String> {
        let id = |workflow: &Workflow| workflow.name.rsplit('/').next().unwrap().to_owned();
        page.workflows.iter().map(id).collect()
    };
    let simple = get(&app, "simple").await;
    let taken = CreateWorkflowRequest {
        parent: PROJECT.into(),
        workflow_id: "simple".into(),
        workflow: Some(own()),
        ..Default::default()
    };
    let taken = told(app.workflows().create_workflow(taken).await);
    let changed = Workflow { name: simple.name.clone(), ..own() };
    let changed = told(app.workflows().update_workflow(update(changed, &[])).await);
    let types = ListIssueTypesRequest { parent: PROJECT.into(), ..Default::default() };
    let types = app.workflows().list_issue_types(types).await.unwrap().into_inner();
    let actions = ListActionTypesRequest { parent: PROJECT.into(), ..Default::default() };
    let actions = app.workflows().list_action_types(actions).await.unwrap().into_inner();

    assert_eq!(ids(&all), ["bug", "careful", "incident", "resource", "simple", "ticket"]);
    assert!(!all.cursor.is_empty() && all.next_page_token.is_empty());
    assert_eq!([ids(&first), ids(&second)].concat(), ids(&all));
    assert_eq!((simple.revision, simple.built_in), (0, true));
    assert_eq!((&*simple.creator, simple.create_time), ("actors/potts", None));
    assert_eq!(taken.why(), (Code::AlreadyExists, "RESOURCE_EXISTS"));
    assert_eq!(changed.why(), (Code::FailedPrecondition, "BUILT_IN"));
    assert_eq!(types.issue_types.len(), 6);
    let take_action = &actions.action_types[0];
    assert_eq!(take_action.name, "projects/abc/actionTypes/take-action");
    assert_eq!((take_action.attempts_max, take_action.losses_max), (5, 5));
    assert_eq!(take_action.on_exhausted(), OnExhausted::Panic);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_that_issues_are_in_goes_only_with_a_place_for_them() {
    let app = TestApp::start().await;
    app.project("abc").await;
    create(&app, "own", own()).await;
    let waiting = placed(&app, "waits", "waiting").await;
    let doing = placed(&app, "is done", "doing").await;
    let head = app.head().await;

    let refused = told(app.workflows().update_workflow(update(shorter(), &[])).await);
    let closing = update(shorter(), &[("waiting", "done")]);
    let closing = told(app.workflows().update_workflow(closing).await);
    let nowhere = update(shorter(), &[("waiting", "nowhere")]);
    let nowhere = told(app.workflows().update_workflow(nowhere).await);
    let unmoved = app.head().await;
    let mapped = update(shorter(), &[("waiting", "new")]);
    let mapped = app.workflows().update_workflow(mapped).await.unwrap().into_inner();

    assert_eq!(refused.why(), (Code::FailedPrecondition, "STATUS_IN_USE"));
    assert_eq!(refused.metadata("counts"), "waiting=1");
    assert_eq!(closing.why(), (Code::InvalidArgument, "FIELD_INVALID"));
    assert_eq!(nowhere.why(), (Code::InvalidArgument, "STATUS_UNKNOWN"));
    assert_eq!(unmoved, head, "a refusal leaves nothing behind");
    assert_eq!(mapped.workflow.unwrap().revision, 2);
    assert_eq!(status_of(&app, &waiting.name).await, "new");
    assert_eq!(status_of(&app, &doing.name).await, "doing");
    let sql = app.database.sql().await;
    let revisions = "select string_agg(workflow_revision::text, ',' order by number) from issues";
    let revisions: String = sql.query_one(revisions, &[]).await.unwrap().get(0);
    assert_eq!(revisions, "2,1", "an issue whose status stays keeps its revision");
    let mut follower = app.follow().await;
    let events = follower.events(usize::try_from(head).unwrap() + 2).await;
    let types: Vec<&str> = events[events.len() - 2..].iter().map(|e| e.r#type.as_str()).collect();
    assert_eq!(types, ["workflow.updated", "issue.transitioned"]);
    let data = events.last().unwrap().data.clone().unwrap();
    assert_eq!(data.fields["from"], prost_types::Value::from("waiting".to_owned()));
    assert_eq!(data.fields["to"], prost_types::Value::from("new".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_use_stays_and_an_id_is_never_used_again() {
    let app = TestApp::start().await;
    app.project("abc").await;
    create(&app, "own", own()).await;
    app.workflows().create_issue_type(issue_type("own")).await.unwrap();
    let issue = placed(&app, "of the type", "new").await;
    let sql = app.database.sql().await;
    sql.execute("update issues set issue_type = 'own', issue_type_revision = 1", &[])
        .await
        .unwrap();
    let drop_workflow = async || {
        let name = format!("{PROJECT}/workflows/own");
        let delete = DeleteWorkflowRequest { name, ..Default::default() };
        app.workflows().delete_workflow(delete).await
    };
    let drop_type = async || {
        let name = format!("{PROJECT}/issueTypes/own");
        let delete = DeleteIssueTypeRequest { name, ..Default::default() };
        app.workflows().delete_issue_type(delete).await
    };

    let referred = told(drop_workflow().await);
    let used = told(drop_type().await);
    let close = CloseIssueRequest { name: issue.name.clone(), ..Default::default() };
    app.issues().close_issue(close).await.unwrap();
    let type_gone = drop_type().await.unwrap().into_inner();
    let workflow_gone = drop_workflow().await.unwrap().into_inner();
    let name = format!("{PROJECT}/workflows/own");
    let gone = told(app.workflows().get_workflow(GetWorkflowRequest { name }).await);
    let again = told(app.workflows().create_issue_type(issue_type("simple")).await);

    assert_eq!(referred.why(), (Code::FailedPrecondition, "IN_USE"));
    assert_eq!(referred.metadata("by"), "projects/abc/issueTypes/own");
    assert_eq!(used.why(), (Code::FailedPrecondition, "IN_USE"));
    assert_eq!(used.metadata("open_issues"), "1");
    assert!(type_gone.changed && workflow_gone.changed);
    assert_eq!(gone.why(), (Code::NotFound, "RESOURCE_NOT_FOUND"));
    assert_eq!(again.why(), (Code::AlreadyExists, "RESOURCE_EXISTS"));
    assert_eq!(status_of(&app, &issue.name).await, "done", "its revision is there for ever");
}

#[tokio::test(flavor = "multi_thread")]
async fn validating_a_workflow_writes_nothing_and_a_mask_takes_whole_fields() {
    let app = TestApp::start().await;
    app.project("abc").await;
    create(&app, "own", own()).await;
    let head = app.head().await;
    let name = format!("{PROJECT}/workflows/own");
    let paths = vec!["display_name".to_owned(), "uid".to_owned()];
    let masked = UpdateWorkflowRequest {
        update_mask: Some(FieldMask { paths }),
        validate_only: true,
        ..update(Workflow { name: name.clone(), ..Default::default() }, &[])
    };

    let would_be = app.workflows().update_workflow(masked.clone()).await.unwrap().into_inner();
    let unwritten = (app.head().await, get(&app, "own").await.display_name);
    let written = UpdateWorkflowRequest { validate_only: false, ..masked };
    let written = app.workflows().update_workflow(written).await.unwrap().into_inner();

    assert!(would_be.changed && written.changed);
    assert_eq!(unwritten, (head, "Own".to_owned()));
    let workflow = written.workflow.unwrap();
    assert_eq!((&*workflow.display_name, workflow.statuses.len()), ("", 4));
}

#[tokio::test(flavor = "multi_thread")]
async fn two_changes_at_once_are_two_revisions() {
    let app = TestApp::with(&[("POTTS_LEDGER_LANES", "4")]).await;
    app.project("abc").await;
    create(&app, "own", own()).await;
    let rename = |n: i32| {
        let (app, name) = (app.workflows(), format!("{PROJECT}/workflows/own"));
        let display_name = format!("Name {n}");
        let workflow = Workflow { name, display_name, ..Default::default() };
        async move { { app }.update_workflow(update(workflow, &[])).await.unwrap().into_inner() }
    };

    let renamed = futures_util::future::join_all((0..16).map(rename)).await;

    let mut revisions: Vec<i64> =
        renamed.into_iter().map(|answer| answer.workflow.unwrap().revision).collect();
    revisions.sort_unstable();
    assert_eq!(revisions, (2..18).collect::<Vec<_>>());
}
