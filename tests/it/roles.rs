//! Every RPC with every role: what is allowed is what the table of the least roles says.

use std::pin::Pin;

use potts::domain::access::{Least, least};
use potts::domain::people::Role as Known;
use potts::proto::cloudevents::CloudEvent;
use potts::proto::*;
use prost::Message as _;
use prost_types::FileDescriptorSet;
use tonic::Status;

use crate::support::app::Clients;
use crate::support::{TestApp, told};

/// What a call is answered, but for the answer.
type Reply<'a> = Pin<Box<dyn Future<Output = Result<(), Status>> + Send + 'a>>;

/// A call that changes nothing, about things that there are.
struct Call {
    rpc: &'static str,
    make: Box<dyn Fn(&Clients) -> Reply<'_> + Send + Sync>,
}

/// Rows of `Rpc method, fields of the request;` of one service.
macro_rules! calls {
    ($service:ident; $($rpc:ident $method:ident, $request:expr;)*) => {
        vec![$(Call {
            rpc: stringify!($rpc),
            make: Box::new(move |clients| Box::pin(async move {
                let request = $request;
                clients.$service().$method(request).await.map(drop)
            })),
        },)*]
    };
}

/// The fields of a write that are not empty. It decides fully and writes nothing.
macro_rules! would {
    ($request:ident { $($field:ident: $value:expr),* $(,)? }) => {
        $request { $($field: $value,)* validate_only: true, ..Default::default() }
    };
}

mod consumers;

fn text(text: &str) -> String {
    text.into()
}

fn project_calls() -> Vec<Call> {
    let abc = || text("projects/abc");
    let project = move || Some(Project { name: abc(), ..Default::default() });
    let member = || {
        let (name, member) = (text("projects/abc/members/m"), text("actors/other"));
        Some(Member { name, member, role: Role::Worker.into(), ..Default::default() })
    };
    calls! { projects;
        CreateProject create_project,
            would!(CreateProjectRequest { project_id: text("new"), project: project() });
        GetProject get_project, GetProjectRequest { name: abc() };
        ListProjects list_projects, ListProjectsRequest::default();
        UpdateProject update_project, would!(UpdateProjectRequest { project: project() });
        DeleteProject delete_project, would!(DeleteProjectRequest { name: abc(), force: true });
        CreateMember create_member,
            would!(CreateMemberRequest { parent: abc(), member: member() });
        GetMember get_member, GetMemberRequest { name: text("projects/abc/members/m") };
        ListMembers list_members, ListMembersRequest { parent: abc(), ..Default::default() };
        UpdateMember update_member, would!(UpdateMemberRequest { member: member() });
        DeleteMember delete_member,
            would!(DeleteMemberRequest { name: text("projects/abc/members/m") });
    }
}

fn issue_calls() -> Vec<Call> {
    let name = || text("ABC-1");
    let issue = move || Some(Issue { name: name(), title: text("t"), ..Default::default() });
    let to = || Some(transition_issue_request::Move::To(text("in_progress")));
    calls! { issues;
        CreateIssue create_issue,
            would!(CreateIssueRequest { parent: text("projects/abc"), issue: issue() });
        GetIssue get_issue, GetIssueRequest { name: name() };
        ListIssues list_issues,
            ListIssuesRequest { parent: text("projects/abc"), ..Default::default() };
        UpdateIssue update_issue, would!(UpdateIssueRequest { issue: issue() });
        DeleteIssue delete_issue, would!(DeleteIssueRequest { name: name() });
        UndeleteIssue undelete_issue, would!(UndeleteIssueRequest { name: name() });
        TransitionIssue transition_issue,
            would!(TransitionIssueRequest { name: name(), r#move: to() });
        CloseIssue close_issue, would!(CloseIssueRequest { name: name() });
        ReopenIssue reopen_issue, would!(ReopenIssueRequest { name: name() });
        AssignIssue assign_issue, would!(AssignIssueRequest { name: name() });
        ActivateIssue activate_issue, would!(ActivateIssueRequest { name: name() });
        DeactivateIssue deactivate_issue, would!(DeactivateIssueRequest { name: name() });
        GetAgenda get_agenda, GetAgendaRequest::default();
    }
}

/// Comments and references of somebody else.
fn remark_calls() -> Vec<Call> {
    let comment =
        || Some(Comment { name: text("ABC-1/comments/1"), text: text("t"), ..Default::default() });
    let target = || Some(reference::Target::Text(text("there")));
    let reference = move || {
        let name = text("ABC-1/references/1");
        Some(Reference { name, target: target(), ..Default::default() })
    };
    calls! { issues;
        CreateComment create_comment,
            would!(CreateCommentRequest { parent: text("ABC-1"), comment: comment() });
        GetComment get_comment, GetCommentRequest { name: text("ABC-1/comments/1") };
        ListComments list_comments,
            ListCommentsRequest { parent: text("ABC-1"), ..Default::default() };
        UpdateComment update_comment, would!(UpdateCommentRequest { comment: comment() });
        DeleteComment delete_comment,
            would!(DeleteCommentRequest { name: text("ABC-1/comments/1") });
        CreateReference create_reference,
            would!(CreateReferenceRequest { parent: text("ABC-1"), reference: reference() });
        GetReference get_reference, GetReferenceRequest { name: text("ABC-1/references/1") };
        ListReferences list_references,
            ListReferencesRequest { parent: text("ABC-1"), ..Default::default() };
        UpdateReference update_reference,
            would!(UpdateReferenceRequest { reference: reference() });
        DeleteReference delete_reference,
            would!(DeleteReferenceRequest { name: text("ABC-1/references/1") });
    }
}

/// An action that nobody can claim yet: whoever may ask is told so, and nothing changes.
fn action_calls() -> Vec<Call> {
    let name = || text("ABC-1/actions/1");
    let action = move || Some(Action { name: name(), title: text("t"), ..Default::default() });
    let error = || Some(ActionError { name: text("Broken"), ..Default::default() });
    calls! { actions;
        AddAction add_action,
            would!(AddActionRequest { parent: text("ABC-1"), action: action() });
        GetAction get_action, GetActionRequest { name: name() };
        ListActions list_actions,
            ListActionsRequest { parent: text("ABC-1"), ..Default::default() };
        ListAttempts list_attempts,
            ListAttemptsRequest { parent: name(), ..Default::default() };
        UpdateAction update_action, would!(UpdateActionRequest { action: action() });
        AssignAction assign_action, would!(AssignActionRequest { name: name() });
        ClaimAction claim_action, would!(ClaimActionRequest { name: name() });
        ClaimNextActions claim_next_actions,
            would!(ClaimNextActionsRequest { parent: text("projects/abc") });
        StartAction start_action, would!(StartActionRequest { name: name(), fence: 1 });
        HeartbeatAction heartbeat_action,
            HeartbeatActionRequest { name: name(), fence: 1, ..Default::default() };
        CompleteAction complete_action, would!(CompleteActionRequest { name: name(), fence: 1 });
        FailAction fail_action,
            would!(FailActionRequest { name: name(), fence: 1, error: error() });
        ReleaseAction release_action, would!(ReleaseActionRequest { name: name(), fence: 1 });
        SkipAction skip_action, would!(SkipActionRequest { name: name() });
        CancelAction cancel_action, would!(CancelActionRequest { name: name() });
        RepeatAction repeat_action, would!(RepeatActionRequest { name: name() });
    }
}

fn relation_calls() -> Vec<Call> {
    let target = || IssueRelation {
        target: text("ABC-2"),
        kind: RelationKind::Blocks.into(),
        ..Default::default()
    };
    calls! { issues;
        CreateIssueRelation create_issue_relation,
            would!(CreateIssueRelationRequest {
                parent: text("ABC-1"),
                relation: Some(target()),
            });
        DeleteIssueRelation delete_issue_relation,
            would!(DeleteIssueRelationRequest { name: text("ABC-1/relations/1") });
        ListIssueRelations list_issue_relations,
            ListIssueRelationsRequest { parent: text("ABC-1"), ..Default::default() };
    }
}

fn name(collection: &str) -> String {
    format!("projects/abc/{collection}/own")
}

fn workflow() -> Workflow {
    let status = |id, category: StatusCategory| potts::proto::Status {
        id: text(id),
        category: category.into(),
        ..Default::default()
    };
    Workflow {
        name: name("workflows"),
        display_name: text("x"),
        initial_status: text("new"),
        statuses: vec![status("new", StatusCategory::Todo), status("done", StatusCategory::Done)],
        ..Default::default()
    }
}

fn issue_type() -> IssueType {
    let (name, kind) = (name("issueTypes"), IssueKind::Task.into());
    IssueType { name, kind, workflow: text("simple"), ..Default::default() }
}

fn action_type() -> ActionType {
    ActionType { name: name("actionTypes"), display_name: text("x"), ..Default::default() }
}

/// What the calls about configuration are about.
async fn configure(app: &TestApp) {
    let (parent, own) = (|| text("projects/abc"), || text("own"));
    let workflow = CreateWorkflowRequest {
        parent: parent(),
        workflow_id: own(),
        workflow: Some(workflow()),
        ..Default::default()
    };
    app.workflows().create_workflow(workflow).await.unwrap();
    let issue_type = CreateIssueTypeRequest {
        parent: parent(),
        issue_type_id: own(),
        issue_type: Some(issue_type()),
        ..Default::default()
    };
    app.workflows().create_issue_type(issue_type).await.unwrap();
    let action_type = CreateActionTypeRequest {
        parent: parent(),
        action_type_id: own(),
        action_type: Some(action_type()),
        ..Default::default()
    };
    app.workflows().create_action_type(action_type).await.unwrap();
}

fn workflow_calls() -> Vec<Call> {
    let abc = || text("projects/abc");
    calls! { workflows;
        CreateWorkflow create_workflow,
            would!(CreateWorkflowRequest {
                parent: abc(),
                workflow_id: text("new"),
                workflow: Some(workflow()),
            });
        GetWorkflow get_workflow, GetWorkflowRequest { name: name("workflows") };
        ListWorkflows list_workflows, ListWorkflowsRequest { parent: abc(), ..Default::default() };
        UpdateWorkflow update_workflow,
            would!(UpdateWorkflowRequest { workflow: Some(workflow()) });
        DeleteWorkflow delete_workflow, would!(DeleteWorkflowRequest { name: name("workflows") });
        CreateIssueType create_issue_type,
            would!(CreateIssueTypeRequest {
                parent: abc(),
                issue_type_id: text("new"),
                issue_type: Some(issue_type()),
            });
        GetIssueType get_issue_type, GetIssueTypeRequest { name: name("issueTypes") };
        ListIssueTypes list_issue_types,
            ListIssueTypesRequest { parent: abc(), ..Default::default() };
        UpdateIssueType update_issue_type,
            would!(UpdateIssueTypeRequest { issue_type: Some(issue_type()) });
        DeleteIssueType delete_issue_type,
            would!(DeleteIssueTypeRequest { name: name("issueTypes") });
        CreateActionType create_action_type,
            would!(CreateActionTypeRequest {
                parent: abc(),
                action_type_id: text("new"),
                action_type: Some(action_type()),
            });
        GetActionType get_action_type, GetActionTypeRequest { name: name("actionTypes") };
        ListActionTypes list_action_types,
            ListActionTypesRequest { parent: abc(), ..Default::default() };
        UpdateActionType update_action_type,
            would!(UpdateActionTypeRequest { action_type: Some(action_type()) });
        DeleteActionType delete_action_type,
            would!(DeleteActionTypeRequest { name: name("actionTypes") });
    }
}

fn event_calls() -> Vec<Call> {
    calls! { events;
        GetEvent get_event, GetEventRequest { name: text("events/1") };
        ListEvents list_events, ListEventsRequest::default();
        ListEventTypes list_event_types, ListEventTypesRequest::default();
        Subscribe subscribe, SubscribeRequest::default();
    }
}

fn actor_calls() -> Vec<Call> {
    let name = || text("actors/other");
    let actor = move || Some(Actor { name: name(), ..Default::default() });
    calls! { actors;
        CreateActor create_actor,
            would!(CreateActorRequest { actor_id: text("new"), actor: actor() });
        GetActor get_actor, GetActorRequest { name: name() };
        ListActors list_actors, ListActorsRequest::default();
        UpdateActor update_actor, would!(UpdateActorRequest { actor: actor() });
        DeleteActor delete_actor, would!(DeleteActorRequest { name: name() });
        EnableActor enable_actor, would!(EnableActorRequest { name: name() });
        DisableActor disable_actor, would!(DisableActorRequest { name: name() });
        CreateCredential create_credential, would!(CreateCredentialRequest { parent: name() });
        ListCredentials list_credentials,
            ListCredentialsRequest { parent: name(), ..Default::default() };
    }
}

fn group_calls(credential: &str) -> Vec<Call> {
    let name = || text("groups/g");
    let group = move || Some(Group { name: name(), ..Default::default() });
    let credential: &'static str = String::leak(credential.into());
    calls! { actors;
        CreateGroup create_group,
            would!(CreateGroupRequest { group_id: text("new"), group: group() });
        GetGroup get_group, GetGroupRequest { name: name() };
        ListGroups list_groups, ListGroupsRequest::default();
        UpdateGroup update_group, would!(UpdateGroupRequest { group: group() });
        DeleteGroup delete_group, would!(DeleteGroupRequest { name: name() });
        RevokeCredential revoke_credential,
            would!(RevokeCredentialRequest { name: text(credential) });
    }
}

/// What came of a call.
async fn reason(call: &Call, clients: &Clients) -> String {
    match (call.make)(clients).await {
        Ok(()) => text("allowed"),
        Err(status) => match told(Err::<(), _>(status)).reason {
            // Who is told of the state of a thing may ask for it to be changed.
            state if ["ACTION_STATE", "FENCE_STALE", "NOT_DELIVERED"].contains(&state.as_str()) => {
                text("allowed")
            }
            reason => reason,
        },
    }
}

/// Messages are refused one by one, in the answer; who may send none is refused the whole call.
async fn reason_of_message(clients: &Clients) -> String {
    let message = CloudEvent {
        id: text("1"),
        source: text("here"),
        spec_version: text("1.0"),
        r#type: text("t"),
        ..Default::default()
    };
    let request = PublishEventsRequest {
        parent: text("projects/abc"),
        events: vec![message],
        validate_only: true,
    };
    let answer = match clients.events().publish_events(request).await {
        Ok(answer) => answer.into_inner(),
        Err(status) => return told(Err::<(), _>(status)).reason,
    };
    match answer.results[0].outcome.clone().unwrap() {
        publish_result::Outcome::Message(_) => text("allowed"),
        publish_result::Outcome::Refusal(refusal) => {
            refusal.reason().as_str_name().replace("ERROR_REASON_", "")
        }
    }
}

/// Who calls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Caller {
    Nobody,
    Member(Known),
    Administrator,
}

/// What the table says.
fn expected(rpc: &str, caller: Caller) -> &'static str {
    let is_manager = caller >= Caller::Member(Known::Manager);
    match (rpc, caller) {
        // Only whoever said a thing says it otherwise, or takes it back; managers take it back too.
        ("UpdateComment", Caller::Member(_) | Caller::Administrator) => return "ROLE_REQUIRED",
        ("DeleteComment", Caller::Member(_)) if !is_manager => return "ROLE_REQUIRED",
        // The event is of a project.
        ("GetEvent", Caller::Nobody) => return "RESOURCE_NOT_FOUND",
        (_, _) => (),
    }
    match (least(rpc), caller) {
        (Least::Anybody, _) | (_, Caller::Administrator) => "allowed",
        (Least::Installation, _) => "ROLE_REQUIRED",
        (Least::Role(_) | Least::RoleOrOwner(_), Caller::Nobody) => "RESOURCE_NOT_FOUND",
        (Least::Role(least) | Least::RoleOrOwner(least), Caller::Member(role)) => {
            if role >= least {
                "allowed"
            } else {
                "ROLE_REQUIRED"
            }
        }
    }
}

/// The names of all RPCs of the contract.
fn rpcs() -> Vec<String> {
    let FileDescriptorSet { file } = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let services = file.iter().flat_map(|file| &file.service);
    let mut rpcs: Vec<_> =
        services.flat_map(|service| &service.method).map(|rpc| rpc.name().to_owned()).collect();
    rpcs.sort();
    rpcs
}

async fn callers(app: &TestApp) -> Vec<(Caller, Clients)> {
    let mut callers = vec![
        (Caller::Nobody, app.stranger("none").await),
        (Caller::Administrator, app.administrator("administrator").await),
    ];
    for (id, role) in
        ["viewer", "reporter", "worker", "manager", "admin"].into_iter().zip(Known::ALL)
    {
        let sent = Role::from_str_name(&format!("ROLE_{}", role.as_str())).unwrap();
        callers.push((Caller::Member(*role), app.actor(id, "abc", sent).await));
    }
    callers
}

/// What root says about an issue, and work that waits for a time that does not come.
async fn speak(app: &TestApp) {
    let comment = Some(Comment { text: text("said"), ..Default::default() });
    let say = CreateCommentRequest { parent: text("ABC-1"), comment, ..Default::default() };
    app.issues().create_comment(say).await.unwrap();
    let target = Some(reference::Target::Text(text("there")));
    let reference = Some(Reference { target, ..Default::default() });
    let point = CreateReferenceRequest { parent: text("ABC-1"), reference, ..Default::default() };
    app.issues().create_reference(point).await.unwrap();
    let not_before = Some(prost_types::Timestamp { seconds: 32_503_680_000, nanos: 0 });
    let action = Some(Action { title: text("t"), not_before, ..Default::default() });
    let add = AddActionRequest { parent: text("ABC-1"), action, ..Default::default() };
    app.root().actions().add_action(add).await.unwrap();
    let create = CreateConsumerRequest {
        parent: text("projects/abc"),
        consumer_id: text("x"),
        consumer: Some(Consumer::default()),
        ..Default::default()
    };
    app.events().create_consumer(create).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_asks_for_its_role() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.issue("abc", "t").await;
    configure(&app).await;
    app.issue("abc", "other").await;
    let relation = IssueRelation {
        target: text("ABC-2"),
        kind: RelationKind::Causes.into(),
        ..Default::default()
    };
    let (parent, relation) = (text("ABC-1"), Some(relation));
    let relate = CreateIssueRelationRequest { parent, relation, ..Default::default() };
    app.issues().create_issue_relation(relate).await.unwrap();
    speak(&app).await;
    for id in ["other", "m"] {
        app.stranger(id).await;
    }
    app.member("actors/m", "abc", Role::Viewer).await;
    let group = Some(Group::default());
    let group = CreateGroupRequest { group_id: text("g"), group, ..Default::default() };
    app.actors().create_group(group).await.unwrap();
    let credential = CreateCredentialRequest { parent: text("actors/other"), ..Default::default() };
    let credential = app.actors().create_credential(credential).await.unwrap().into_inner();
    let callers = callers(&app).await;
    let head = app.head().await;
    let of_groups = group_calls(&credential.credential.unwrap().name);
    let all = [
        project_calls(),
        issue_calls(),
        relation_calls(),
        remark_calls(),
        action_calls(),
        event_calls(),
        consumers::consumer_calls(),
        actor_calls(),
        of_groups,
        workflow_calls(),
    ];
    let calls: Vec<Call> = all.into_iter().flatten().collect();

    let mut wrong = Vec::new();
    for (caller, clients) in &callers {
        for call in &calls {
            let (is, should) = (reason(call, clients).await, expected(call.rpc, *caller));
            if is != should {
                wrong.push(format!("{} by {caller:?}: {is}, not {should}", call.rpc));
            }
        }
        let (is, should) = (reason_of_message(clients).await, expected("PublishEvents", *caller));
        if is != should {
            wrong.push(format!("PublishEvents by {caller:?}: {is}, not {should}"));
        }
    }

    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(app.head().await, head, "nothing was written");
    let mut covered: Vec<_> = calls.iter().map(|call| text(call.rpc)).collect();
    covered.push(text("PublishEvents"));
    covered.sort();
    assert_eq!(covered, rpcs(), "each RPC has one row above");
}
