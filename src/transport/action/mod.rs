//! `potts.v1.ActionService`.

mod decode;
pub(super) mod encode;
mod mask;
mod next;
mod read;

use std::sync::Arc;

use tonic::{Request, Response};

use super::auth::{Admitted, admit, admit_write};
use super::door::{Door, Outcome, Reply, expected, respond, written};
use crate::domain::action::{
    Action, AddAction, AssignAction, CancelAction, ClaimAction, CompleteAction, FailAction,
    HeartbeatAction, Lease, ReleaseAction, RepeatAction, SkipAction, StartAction, UpdateAction,
};
use crate::domain::command::Verb;
use crate::domain::error::{Error, Result};
use crate::domain::name::ActionName;
use crate::ledger::{Answer, Class, Done};
use crate::proto::well_known::to_timestamp;
use crate::proto::{self, action_service_server::ActionService};

/// Keeps actions.
#[derive(Debug)]
pub(super) struct Actions {
    pub door: Door,
}

impl Actions {
    async fn write(
        &self,
        admitted: &Admitted,
        verb: impl Into<Verb>,
        class: Class,
    ) -> Result<Outcome<proto::Action>> {
        let verb = verb.into();
        let to_be = matches!(verb, Verb::AddAction(_)) && admitted.validate_only;
        let command = admitted.command_of(class, verb)?;
        let Done { answer, names: _, changed, position } = self.door.ledger.submit(command).await?;
        let viewer = &admitted.caller.name;
        let (action, replayed) = match answer {
            Answer::Resource(resource) => {
                let action: Arc<Action> = expected("an action", resource)?;
                match to_be && changed {
                    true => (encode::action_to_be(&action, viewer), false),
                    false => (encode::action(&action, viewer), false),
                }
            }
            Answer::Replayed(name) => {
                let name = ActionName::parse("name", &name)
                    .map_err(|error| Error::Internal(error.into()))?;
                let action = self.stored(&admitted.caller, &name).await?;
                (encode::action(&action, viewer), true)
            }
        };
        let cursor = position.cursor(self.door.hub.epoch());
        Ok(Outcome { resource: Some(action), changed, cursor, replayed })
    }
}

#[tonic::async_trait]
impl ActionService for Actions {
    async fn add_action(
        &self,
        request: Request<proto::AddActionRequest>,
    ) -> Reply<proto::AddActionResponse> {
        written!(self.write(request: AddAction, Class::Client) -> AddActionResponse { action })
    }

    async fn get_action(
        &self,
        request: Request<proto::GetActionRequest>,
    ) -> Reply<proto::GetActionResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::GetActionRequest { name } = request.into_inner();
        let name = ActionName::parse("name", &name)?;
        let action = self.seen(&caller, &name).await?;
        let action = Some(encode::action(&action, &caller.name));
        Ok(Response::new(proto::GetActionResponse { action }))
    }

    async fn list_actions(
        &self,
        request: Request<proto::ListActionsRequest>,
    ) -> Reply<proto::ListActionsResponse> {
        let caller = admit(&self.door.access, &request).await?;
        Ok(Response::new(self.page(&caller, request.into_inner()).await?))
    }

    async fn update_action(
        &self,
        request: Request<proto::UpdateActionRequest>,
    ) -> Reply<proto::UpdateActionResponse> {
        written!(self.write(request: UpdateAction, Class::Client)
            -> UpdateActionResponse { action })
    }

    async fn assign_action(
        &self,
        request: Request<proto::AssignActionRequest>,
    ) -> Reply<proto::AssignActionResponse> {
        written!(self.write(request: AssignAction, Class::Client)
            -> AssignActionResponse { action })
    }

    async fn claim_action(
        &self,
        request: Request<proto::ClaimActionRequest>,
    ) -> Reply<proto::ClaimActionResponse> {
        written!(self.write(request: ClaimAction, Class::Claim) -> ClaimActionResponse { action })
    }

    async fn claim_next_actions(
        &self,
        request: Request<proto::ClaimNextActionsRequest>,
    ) -> Reply<proto::ClaimNextActionsResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let next = decode::Next::try_from(message)?;
        let viewer = &admitted.caller.name;
        let Some(done) = next::claim(&self.door, &admitted, next).await? else {
            let cursor = self.door.hub.head().cursor(self.door.hub.epoch());
            let (actions, changed) = (Vec::new(), false);
            let nothing = proto::ClaimNextActionsResponse { actions, changed, cursor };
            return Ok(Response::new(nothing));
        };
        let Done { answer, names, changed, position } = done;
        let (actions, replayed) = match answer {
            Answer::Resource(resource) => {
                let actions: Vec<Arc<Action>> = expected("actions", resource)?;
                (actions.iter().map(|action| encode::action(action, viewer)).collect(), false)
            }
            Answer::Replayed(_) => (self.still_held(&admitted.caller, &names).await?, true),
        };
        let cursor = position.cursor(self.door.hub.epoch());
        let response = proto::ClaimNextActionsResponse { actions, changed, cursor };
        Ok(respond(response, replayed))
    }

    async fn start_action(
        &self,
        request: Request<proto::StartActionRequest>,
    ) -> Reply<proto::StartActionResponse> {
        written!(self.write(request: StartAction, Class::Client) -> StartActionResponse { action })
    }

    async fn heartbeat_action(
        &self,
        request: Request<proto::HeartbeatActionRequest>,
    ) -> Reply<proto::HeartbeatActionResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let message = request.into_inner();
        let verb = HeartbeatAction::try_from(message.clone())?;
        // The fence tells one sign of life from another's, so no call has to be remembered.
        let mut command = caller.command("HeartbeatAction", &message, false, verb);
        command.class = Class::Finish;
        let lease_expire_time = match self.door.ledger.submit(command).await?.answer {
            Answer::Resource(resource) => {
                let action: Arc<Action> = expected("an action", resource)?;
                action.place.lease().and_then(Lease::ends_at).map(to_timestamp)
            }
            Answer::Replayed(name) => {
                let cause = anyhow::anyhow!("a sign of life of {name} was remembered");
                return Err(Error::Internal(cause).into());
            }
        };
        Ok(Response::new(proto::HeartbeatActionResponse { lease_expire_time }))
    }

    async fn complete_action(
        &self,
        request: Request<proto::CompleteActionRequest>,
    ) -> Reply<proto::CompleteActionResponse> {
        written!(self.write(request: CompleteAction, Class::Finish)
            -> CompleteActionResponse { action })
    }

    async fn fail_action(
        &self,
        request: Request<proto::FailActionRequest>,
    ) -> Reply<proto::FailActionResponse> {
        written!(self.write(request: FailAction, Class::Finish) -> FailActionResponse { action })
    }

    async fn release_action(
        &self,
        request: Request<proto::ReleaseActionRequest>,
    ) -> Reply<proto::ReleaseActionResponse> {
        written!(self.write(request: ReleaseAction, Class::Finish)
            -> ReleaseActionResponse { action })
    }

    async fn skip_action(
        &self,
        request: Request<proto::SkipActionRequest>,
    ) -> Reply<proto::SkipActionResponse> {
        written!(self.write(request: SkipAction, Class::Client) -> SkipActionResponse { action })
    }

    async fn cancel_action(
        &self,
        request: Request<proto::CancelActionRequest>,
    ) -> Reply<proto::CancelActionResponse> {
        written!(self.write(request: CancelAction, Class::Client)
            -> CancelActionResponse { action })
    }

    async fn repeat_action(
        &self,
        request: Request<proto::RepeatActionRequest>,
    ) -> Reply<proto::RepeatActionResponse> {
        written!(self.write(request: RepeatAction, Class::Client)
            -> RepeatActionResponse { action })
    }

    async fn list_attempts(
        &self,
        request: Request<proto::ListAttemptsRequest>,
    ) -> Reply<proto::ListAttemptsResponse> {
        let caller = admit(&self.door.access, &request).await?;
        Ok(Response::new(self.attempts(&caller, request.into_inner()).await?))
    }
}
