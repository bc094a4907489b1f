//! Hands that do the work: who claims, holds and finishes actions.

use potts::proto::action_service_client::ActionServiceClient;
use potts::proto::dependency::On;
use potts::proto::issue_service_client::IssueServiceClient;
use potts::proto::{
    Action, ActionError, ActionState, AddActionRequest, BlockedReason, CancelActionRequest,
    ClaimActionRequest, ClaimNextActionsRequest, CompleteActionRequest, CompleteActionResponse,
    Dependency, FailActionRequest, GetActionRequest, HeartbeatActionRequest, ReleaseActionRequest,
    Satisfy, SkipActionRequest,
};
use sha2::{Digest as _, Sha256};
use tonic::Status;
use tonic::service::interceptor::InterceptedService;

use super::app::{Bearer, Door, PATIENCE, channel};
use super::{TestApp, eventually};

/// Somebody who works.
#[derive(Clone, Debug)]
pub struct Hand(Door);

/// What an action waits for.
pub fn after(name: &str, satisfy: Satisfy) -> Dependency {
    Dependency { on: Some(On::Action(name.into())), satisfy: satisfy.into(), state: 0 }
}

/// The state and the reason of an action, as they are said.
pub fn place(action: &Action) -> (ActionState, BlockedReason) {
    (action.state(), action.blocked_reason())
}

pub const READY: (ActionState, BlockedReason) = (ActionState::Ready, BlockedReason::Unspecified);

/// The action `projects/abc/issues/{issue}/actions/{number}`.
pub fn named(issue: i64, number: i64) -> String {
    format!("projects/abc/issues/{issue}/actions/{number}")
}

impl TestApp {
    pub fn actions(&self) -> ActionServiceClient<Door> {
        self.root().actions()
    }

    /// With the project `projects/abc`, and so many issues in it.
    pub async fn with_issues(count: usize) -> TestApp {
        let app = TestApp::start().await;
        app.project("abc").await;
        for _ in 0..count {
            app.issue("abc", "The door sticks").await;
        }
        app
    }

    /// Root, who may do everything and holds what it claims, as people do.
    pub fn root(&self) -> Hand {
        Hand(self.door.clone())
    }

    /// The actor `actors/{id}`, with a role in `projects/abc`.
    pub async fn hand(&self, id: &str, kind: &str, role: &str) -> Hand {
        self.hand_in("abc", id, kind, role).await
    }

    /// The actor `actors/{id}`, made behind the back of the service, with a role in a project.
    pub async fn hand_in(&self, project: &str, id: &str, kind: &str, role: &str) -> Hand {
        // The form of tokens that the service draws.
        let drawn: String = format!("{id:x<43}").chars().take(43).collect();
        let token = format!("potts_{drawn}");
        let hash: [u8; 32] = Sha256::digest(&token).into();
        let made = format!(
            "insert into actors values ('actors/{id}', gen_random_uuid(), 1, potts_now(),
                 potts_now(), 'actors/root', '{kind}', '{id}', '', '', '{{}}', '', 'ACTIVE',
                 false, null);
             insert into members values ('{project}', '{id}', gen_random_uuid(), 1, potts_now(),
                 potts_now(), 'actors/root', 'actors/{id}', '{role}');
             update definition_versions set version = version + 1 where kind = 'people'"
        );
        let sql = self.database.sql().await;
        sql.batch_execute(&made).await.unwrap();
        let credential = "insert into credentials (uid, actor, created_at, creator, display_name,
                token_hash) values (gen_random_uuid(), $1, potts_now(), 'actors/root', '', $2)";
        sql.execute(credential, &[&format!("actors/{id}"), &&hash[..]]).await.unwrap();
        let channel = channel(self.server.grpc_addr).await;
        Hand(InterceptedService::new(channel, Bearer::of(&token)))
    }

    /// An action of that title, added to an issue of `projects/abc`.
    pub async fn action(&self, issue: i64, title: &str) -> Action {
        self.action_of(issue, Action { title: title.into(), ..Default::default() }).await
    }

    /// An action that waits for others.
    pub async fn action_after(&self, issue: i64, on: &[Dependency]) -> Action {
        let title = "What comes after".into();
        let dependencies = on.to_vec();
        self.action_of(issue, Action { title, dependencies, ..Default::default() }).await
    }

    /// An action, added to an issue of `projects/abc`.
    pub async fn action_of(&self, issue: i64, action: Action) -> Action {
        self.root().add(issue, action).await.unwrap()
    }

    /// An action, once it is as it is to be.
    pub async fn action_once(&self, name: &str, done: impl Fn(&Action) -> bool) -> Action {
        eventually(PATIENCE, async || self.root().get(name).await, done).await
    }
}

impl Hand {
    /// Who comes through that door.
    pub fn at(door: &Door) -> Hand {
        Hand(door.clone())
    }

    pub fn actions(&self) -> ActionServiceClient<Door> {
        ActionServiceClient::new(self.0.clone())
    }

    pub fn issues(&self) -> IssueServiceClient<Door> {
        IssueServiceClient::new(self.0.clone())
    }

    pub async fn add(&self, issue: i64, action: Action) -> Result<Action, Status> {
        let request = AddActionRequest {
            parent: format!("projects/abc/issues/{issue}"),
            action: Some(action),
            ..Default::default()
        };
        let added = self.actions().add_action(request).await?.into_inner();
        Ok(added.action.unwrap())
    }

    pub async fn get(&self, name: &str) -> Action {
        let request = GetActionRequest { name: name.into() };
        self.actions().get_action(request).await.unwrap().into_inner().action.unwrap()
    }

    pub async fn claim(&self, name: &str) -> Result<Action, Status> {
        let request = ClaimActionRequest { name: name.into(), ..Default::default() };
        Ok(self.actions().claim_action(request).await?.into_inner().action.unwrap())
    }

    /// What comes next in `projects/abc`, without waiting.
    pub async fn next(&self, max: i32) -> Vec<Action> {
        let request =
            ClaimNextActionsRequest { parent: "projects/abc".into(), max, ..Default::default() };
        self.actions().claim_next_actions(request).await.unwrap().into_inner().actions
    }

    pub async fn complete(&self, held: &Action) -> Result<CompleteActionResponse, Status> {
        let request = CompleteActionRequest {
            name: held.name.clone(),
            fence: held.fence,
            ..Default::default()
        };
        self.actions().complete_action(request).await.map(tonic::Response::into_inner)
    }

    /// Claims and completes.
    pub async fn do_it(&self, name: &str) -> Action {
        let held = self.claim(name).await.unwrap();
        self.complete(&held).await.unwrap().action.unwrap()
    }

    pub async fn fail(&self, held: &Action, fatal: bool) -> Result<Action, Status> {
        let error = ActionError { name: "Timeout".into(), ..Default::default() };
        let request = FailActionRequest {
            name: held.name.clone(),
            fence: held.fence,
            error: Some(error),
            fatal,
            ..Default::default()
        };
        Ok(self.actions().fail_action(request).await?.into_inner().action.unwrap())
    }

    pub async fn release(&self, held: &Action) -> Result<Action, Status> {
        let request = ReleaseActionRequest {
            name: held.name.clone(),
            fence: held.fence,
            ..Default::default()
        };
        Ok(self.actions().release_action(request).await?.into_inner().action.unwrap())
    }

    /// A sign of life; answers until when the lease holds now.
    pub async fn beat(&self, held: &Action, progress: i32) -> Result<i64, Status> {
        let request = HeartbeatActionRequest {
            name: held.name.clone(),
            fence: held.fence,
            progress: Some(progress),
            note: Some("on it".into()),
        };
        let beaten = self.actions().heartbeat_action(request).await?.into_inner();
        Ok(beaten.lease_expire_time.map_or(0, |at| at.seconds))
    }

    pub async fn skip(&self, name: &str) -> Result<Action, Status> {
        let request = SkipActionRequest {
            name: name.into(),
            reason: "it was open".into(),
            ..Default::default()
        };
        Ok(self.actions().skip_action(request).await?.into_inner().action.unwrap())
    }

    pub async fn cancel(&self, name: &str) -> Result<Action, Status> {
        let request = CancelActionRequest {
            name: name.into(),
            reason: "the house is gone".into(),
            ..Default::default()
        };
        Ok(self.actions().cancel_action(request).await?.into_inner().action.unwrap())
    }
}
