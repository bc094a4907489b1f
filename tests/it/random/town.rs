//! Where random commands happen: a project with types of its own, and callers of every role.

use std::sync::{Arc, Mutex};

use potts::proto::*;
use prost_types::value::Kind;
use prost_types::{Duration, Struct, Value};

use super::caller::Caller;
use super::known::Known;
use super::rng::Rng;
use crate::support::TestApp;
use crate::support::app::Clients;

/// Who calls: a name, what they are, and what they may do.
pub const CALLERS: [(&str, ActorKind, Role); 5] = [
    ("ann", ActorKind::Machine, Role::Admin),
    ("ben", ActorKind::Person, Role::Manager),
    ("cat", ActorKind::Machine, Role::Manager),
    ("dan", ActorKind::Person, Role::Worker),
    ("eve", ActorKind::Person, Role::Reporter),
];

/// A service with something in it.
pub struct Town {
    pub app: TestApp,
    known: Arc<Mutex<Known>>,
}

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.into())) }
}

fn object(fields: &[(&str, Value)]) -> Struct {
    let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
    Struct { fields: fields.collect() }
}

/// A schema of objects with one text, which may be required.
fn schema(property: &str, required: bool) -> Struct {
    let of = |fields: &[(&str, Value)]| Value { kind: Some(Kind::StructValue(object(fields))) };
    let property_type = of(&[("type", text("string"))]);
    let mut fields =
        vec![("type", text("object")), ("properties", of(&[(property, property_type)]))];
    if required {
        let values = vec![text(property)];
        let names = Value { kind: Some(Kind::ListValue(prost_types::ListValue { values })) };
        fields.push(("required", names));
    }
    object(&fields)
}

/// The action type `deploy`.
pub fn deploy(attempts_max: i32) -> ActionType {
    ActionType {
        name: "projects/abc/actionTypes/deploy".into(),
        parameter_schema: Some(schema("host", true)),
        result_schema: Some(schema("version", false)),
        steps: vec!["copy".into(), "switch".into()],
        lease: Some(Duration { seconds: 20, nanos: 0 }),
        attempts_max,
        on_exhausted: OnExhausted::Fail.into(),
        expire_after: Some(Duration { seconds: 35, nanos: 0 }),
        ..Default::default()
    }
}

/// The workflow `guarded`, whose moves ask for something; one of its statuses comes and goes.
pub fn guarded(waits: bool) -> Workflow {
    let status = |id: &str, category: StatusCategory, visible_to: &[&str]| Status {
        id: id.into(),
        category: category.into(),
        visible_to: visible_to.iter().map(|&group| group.into()).collect(),
        ..Default::default()
    };
    let transition = |id: &str, from: &[&str], to: &str| Transition {
        id: id.into(),
        from: from.iter().filter(|&&from| waits || from != "waiting").map(|&s| s.into()).collect(),
        to: to.into(),
        ..Default::default()
    };
    let condition = "self.priority > 0".to_owned();
    let required_parameters = vec!["reason".to_owned()];
    let (require_actions_done, require_unblocked) = (true, true);
    let all = ["new", "doing", "waiting"];
    let mut workflow = Workflow {
        name: "projects/abc/workflows/guarded".into(),
        initial_status: "new".into(),
        statuses: vec![
            status("new", StatusCategory::Triage, &[]),
            status("doing", StatusCategory::InProgress, &["groups/qa"]),
            status("waiting", StatusCategory::Review, &[]),
            status("done", StatusCategory::Done, &[]),
            status("lost", StatusCategory::Cancelled, &[]),
        ],
        transitions: vec![
            Transition { condition, ..transition("start", &["new", "waiting"], "doing") },
            Transition { required_parameters, ..transition("wait", &["doing"], "waiting") },
            Transition {
                require_actions_done,
                require_unblocked,
                ..transition("finish", &["doing", "waiting"], "done")
            },
            transition("drop", &all, "lost"),
        ],
        ..Default::default()
    };
    workflow.statuses.retain(|status| waits || status.id != "waiting");
    workflow.transitions.retain(|transition| waits || transition.id != "wait");
    workflow
}

/// An issue type on the workflow `guarded`.
pub fn issue_type(id: &str, visible_to: &[&str]) -> IssueType {
    IssueType {
        name: format!("projects/abc/issueTypes/{id}"),
        kind: IssueKind::Custom.into(),
        workflow: "guarded".into(),
        visible_to: visible_to.iter().map(|&group| group.into()).collect(),
        ..Default::default()
    }
}

impl Town {
    pub async fn start() -> Town {
        Town::on(TestApp::start().await).await
    }

    pub async fn on(app: TestApp) -> Town {
        let town = Town { app, known: Arc::default() };
        town.app.project("abc").await;
        for (id, kind, role) in CALLERS {
            let actor = Actor { kind: kind.into(), admin: id == "ann", ..Default::default() };
            town.actor(id, actor).await;
            town.app.member(&format!("actors/{id}"), "abc", role).await;
        }
        town.actor("one", Actor::default()).await;
        for (id, members) in [("qa", &["actors/ben", "actors/cat"][..]), ("ops", &["actors/dan"])] {
            let members = members.iter().map(|&member| member.into()).collect();
            let kind = GroupKind::Team.into();
            let group = Some(Group { kind, members, ..Default::default() });
            let request = CreateGroupRequest { group_id: id.into(), group, ..Default::default() };
            town.app.actors().create_group(request).await.unwrap();
        }
        town.types().await;
        town
    }

    async fn actor(&self, id: &str, actor: Actor) {
        let (actor_id, actor) = (id.into(), Some(actor));
        let request = CreateActorRequest { actor_id, actor, ..Default::default() };
        self.app.actors().create_actor(request).await.unwrap();
    }

    async fn types(&self) {
        let mut workflows = self.app.workflows();
        let parent = || "projects/abc".to_owned();
        let workflow = CreateWorkflowRequest {
            parent: parent(),
            workflow_id: "guarded".into(),
            workflow: Some(guarded(true)),
            ..Default::default()
        };
        workflows.create_workflow(workflow).await.unwrap();
        for (id, visible_to) in [("guarded", &[][..]), ("secret", &["groups/qa"])] {
            let request = CreateIssueTypeRequest {
                parent: parent(),
                issue_type_id: id.into(),
                issue_type: Some(issue_type(id, visible_to)),
                ..Default::default()
            };
            workflows.create_issue_type(request).await.unwrap();
        }
        let inspect = ActionType {
            performers: vec!["groups/qa".into()],
            attempts_max: 1,
            losses_max: 1,
            ..Default::default()
        };
        for (id, action_type) in [("deploy", deploy(2)), ("inspect", inspect)] {
            let request = CreateActionTypeRequest {
                parent: parent(),
                action_type_id: id.into(),
                action_type: Some(action_type),
                ..Default::default()
            };
            workflows.create_action_type(request).await.unwrap();
        }
    }

    /// Everybody who calls; each draws other commands from the same seed.
    pub async fn callers(&self, seed: u64) -> Vec<Caller> {
        let mut callers = Vec::new();
        for (stream, (id, _, _)) in CALLERS.iter().enumerate() {
            let clients = Clients::of(&self.app.channel, &self.app.token(id).await);
            let rng = Rng::new(seed, stream);
            callers.push(Caller::new(id, clients, rng, Arc::clone(&self.known)));
        }
        callers
    }
}
