//! Every RPC with every role: what is allowed and what is not is what the table of the least roles
//! says, and nothing else.

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
        GetAgenda get_agenda, GetAgendaRequest::default();
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
        Err(status) => told(Err::<(), _>(status)).reason,
    }
}

/// Messages are refused one by one, in the answer.
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
    let answer = clients.events().publish_events(request).await.unwrap().into_inner();
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

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_asks_for_its_role() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.issue("abc", "t").await;
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
    let all = [project_calls(), issue_calls(), event_calls(), actor_calls(), of_groups];
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
