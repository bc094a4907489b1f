//! A team tracks its work through the contract alone: groups that see a matter for a while, actions
//! that become ready by themselves, and an issue that closes when its work is done.

use potts::proto::{
    Action, ActionState, AddActionRequest, CancelActionRequest, ClaimActionRequest,
    CloseIssueRequest, CompleteActionRequest, CreateGroupRequest, CreateIssueRequest,
    CreateIssueTypeRequest, CreateWorkflowRequest, Dependency, GetActionRequest, GetIssueRequest,
    Group, Issue, IssueKind, IssueState, IssueType, ListEventsRequest, ListIssuesRequest,
    RepeatActionRequest, Role, SkipActionRequest, Status, StatusCategory, Transition,
    TransitionIssueRequest, Workflow, dependency, transition_issue_request,
};
use tonic::Code;

use crate::support::app::Clients;
use crate::support::{TestApp, told};

fn status(id: &str, category: StatusCategory, visible_to: &[&str]) -> Status {
    let visible_to = visible_to.iter().map(|&group| group.into()).collect();
    Status { id: id.into(), category: category.into(), visible_to, ..Default::default() }
}

/// Bugs are found by testers, and confirmed ones are for developers alone.
fn bugs() -> Workflow {
    let confirm = Transition {
        id: "confirm".into(),
        from: vec!["unconfirmed".into()],
        to: "confirmed".into(),
        ..Default::default()
    };
    let resolve = Transition {
        id: "resolve".into(),
        from: vec!["confirmed".into()],
        to: "resolved".into(),
        require_actions_done: true,
        ..Default::default()
    };
    Workflow {
        initial_status: "unconfirmed".into(),
        statuses: vec![
            status("unconfirmed", StatusCategory::Triage, &["groups/dev", "groups/qa"]),
            status("confirmed", StatusCategory::Todo, &["groups/dev"]),
            status("resolved", StatusCategory::Done, &[]),
        ],
        transitions: vec![confirm, resolve],
        ..Default::default()
    }
}

async fn configure(app: &TestApp) {
    let workflow = CreateWorkflowRequest {
        parent: "projects/abc".into(),
        workflow_id: "bugs".into(),
        workflow: Some(bugs()),
        ..Default::default()
    };
    let issue_type =
        IssueType { kind: IssueKind::Bug.into(), workflow: "bugs".into(), ..Default::default() };
    let issue_type = CreateIssueTypeRequest {
        parent: "projects/abc".into(),
        issue_type_id: "defect".into(),
        issue_type: Some(issue_type),
        ..Default::default()
    };
    let root = Clients(app.door.clone());
    root.workflows().create_workflow(workflow).await.unwrap();
    root.workflows().create_issue_type(issue_type).await.unwrap();
}

async fn team(app: &TestApp, id: &str, group: &str) -> Clients {
    let clients = app.actor(id, "abc", Role::Worker).await;
    let members = vec![format!("actors/{id}")];
    let created = Some(Group { members, ..Default::default() });
    let request =
        CreateGroupRequest { group_id: group.into(), group: created, ..Default::default() };
    app.actors().create_group(request).await.unwrap();
    clients
}

async fn add(app: &TestApp, title: &str, after: Option<&str>) -> String {
    let on = |name: &str| Dependency {
        on: Some(dependency::On::Action(name.into())),
        ..Default::default()
    };
    let dependencies = after.map(on).into_iter().collect();
    let action = Some(Action { title: title.into(), dependencies, ..Default::default() });
    let request = AddActionRequest { parent: "ABC-1".into(), action, ..Default::default() };
    let added = Clients(app.door.clone()).actions().add_action(request).await.unwrap();
    added.into_inner().action.unwrap().name
}

async fn state(app: &TestApp, name: &str) -> ActionState {
    let request = GetActionRequest { name: name.into() };
    let got = Clients(app.door.clone()).actions().get_action(request).await.unwrap();
    got.into_inner().action.unwrap().state()
}

/// Claims an action; answers its fence.
async fn claims(clients: &Clients, name: &str) -> i64 {
    let claim = ClaimActionRequest { name: name.into(), ..Default::default() };
    let claimed = clients.actions().claim_action(claim).await.unwrap().into_inner();
    claimed.action.unwrap().fence
}

async fn completes(clients: &Clients, name: &str, fence: i64) {
    let complete = CompleteActionRequest { name: name.into(), fence, ..Default::default() };
    clients.actions().complete_action(complete).await.unwrap();
}

/// Claims an action and completes it.
async fn does(clients: &Clients, name: &str) {
    let fence = claims(clients, name).await;
    completes(clients, name, fence).await;
}

/// How many issues somebody sees.
async fn list(clients: &Clients) -> usize {
    let request = ListIssuesRequest { parent: "projects/abc".into(), ..Default::default() };
    clients.issues().list_issues(request).await.unwrap().into_inner().issues.len()
}

/// The newest event that somebody sees: its type and its subject.
async fn newest(clients: &Clients) -> (String, String) {
    let request = ListEventsRequest { newest_first: true, page_size: 1, ..Default::default() };
    let page = clients.events().list_events(request).await.unwrap().into_inner();
    let event = page.events.into_iter().next().unwrap();
    (event.r#type, event.subject)
}

fn get() -> GetIssueRequest {
    GetIssueRequest { name: "ABC-1".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bug_is_found_by_testers_and_mended_by_developers() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let (qa, dev) = (team(&app, "quentin", "qa").await, team(&app, "diana", "dev").await);
    let other = app.actor("oscar", "abc", Role::Worker).await;
    configure(&app).await;
    let issue =
        Issue { title: "It breaks".into(), issue_type: "defect".into(), ..Default::default() };
    let create = CreateIssueRequest {
        parent: "projects/abc".into(),
        issue: Some(issue),
        ..Default::default()
    };
    qa.issues().create_issue(create).await.unwrap();
    let investigate = add(&app, "Investigate", None).await;
    let fix = add(&app, "Fix", Some(&investigate)).await;
    let test = add(&app, "Test", Some(&fix)).await;

    assert_eq!(told(other.issues().get_issue(get()).await).code, Code::NotFound);
    assert_eq!(state(&app, &fix).await, ActionState::Pending);
    does(&qa, &investigate).await;
    assert_eq!(state(&app, &fix).await, ActionState::Ready, "by itself");
    let watch = add(&app, "Watch the logs", None).await;
    let fence = claims(&qa, &watch).await;

    let confirm = TransitionIssueRequest {
        name: "ABC-1".into(),
        r#move: Some(transition_issue_request::Move::Transition("confirm".into())),
        ..Default::default()
    };
    dev.issues().transition_issue(confirm).await.unwrap();
    assert!(qa.issues().get_issue(get()).await.is_ok(), "who holds work sees what it is for");
    assert_eq!(list(&qa).await, 1);
    completes(&qa, &watch, fence).await;
    assert_eq!(newest(&qa).await, ("action.completed".into(), watch), "told of their own work");
    assert_eq!(list(&qa).await, 0);
    assert_eq!(told(qa.issues().get_issue(get()).await).code, Code::NotFound);
    assert!(dev.issues().get_issue(get()).await.is_ok());

    does(&dev, &fix).await;
    let root = Clients(app.door.clone());
    let repeat = RepeatActionRequest { name: fix.clone(), ..Default::default() };
    root.actions().repeat_action(repeat).await.unwrap();
    does(&dev, &fix).await;
    let skip = SkipActionRequest { name: test, ..Default::default() };
    root.actions().skip_action(skip).await.unwrap();
    let tell = add(&app, "Tell everybody", None).await;
    let resolve = TransitionIssueRequest {
        name: "ABC-1".into(),
        r#move: Some(transition_issue_request::Move::Transition("resolve".into())),
        ..Default::default()
    };
    let close = CloseIssueRequest { name: "ABC-1".into(), ..Default::default() };
    for open in [
        told(root.issues().transition_issue(resolve).await.map(drop)),
        told(root.issues().close_issue(close.clone()).await.map(drop)),
    ] {
        assert_eq!(open.why(), (Code::FailedPrecondition, "ACTIONS_OPEN"));
        assert_eq!(open.metadata("actions"), tell);
    }
    let cancel = CancelActionRequest { name: tell, ..Default::default() };
    root.actions().cancel_action(cancel).await.unwrap();
    let closed = root.issues().close_issue(close).await.unwrap().into_inner().issue.unwrap();
    assert_eq!(closed.state(), IssueState::Closed);
    assert!(qa.issues().get_issue(get()).await.is_ok(), "everybody sees how it ended");
}
