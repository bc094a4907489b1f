//! Members and what they say of the events that they were given.

use std::pin::Pin;

use futures_util::{Stream, StreamExt as _, stream};
use prost::Message;
use tonic::{Request, Response, Status};

use super::encode;
use crate::domain::command::Verb;
use crate::domain::consumer::{AckEvents, ExtendEvents, FailEvents, ParkEvents};
use crate::domain::error::{Result, invalid};
use crate::domain::name::ConsumerName;
use crate::ledger::Class;
use crate::proto;
use crate::stream::Joined;
use crate::transport::age::{Age, too_old};
use crate::transport::auth::{Caller, admit};
use crate::transport::event_service::Events;

/// Events with a member that does not say how many.
const IN_FLIGHT_DEFAULT: usize = 256;
/// More would be memory for a member that settles nothing.
const IN_FLIGHT_MAX: usize = 1_000;

/// What a member is sent.
pub(in crate::transport) type ConsumeStream =
    Pin<Box<dyn Stream<Item = std::result::Result<proto::ConsumeResponse, Status>> + Send>>;

/// A call that settles events.
macro_rules! settled {
    ($self:ident, $request:ident, $verb:ident, $response:ident) => {{
        let caller = admit(&$self.door.access, &$request).await?;
        let message = $request.into_inner();
        let verb = $verb::try_from(message.clone())?;
        verb.check()?;
        let name = verb.name.clone();
        $self.settle(&caller, stringify!($verb), &message, &name, verb).await?;
        Ok(Response::new(proto::$response {}))
    }};
}

impl Events {
    pub(in crate::transport) async fn consumed(
        &self,
        request: Request<proto::ConsumeRequest>,
    ) -> Result<Response<ConsumeStream>> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ConsumeRequest { name, in_flight_max } = request.into_inner();
        let name = ConsumerName::parse("name", &name)?;
        let in_flight_max = match usize::try_from(in_flight_max) {
            Ok(0) => IN_FLIGHT_DEFAULT,
            Ok(max) if max <= IN_FLIGHT_MAX => max,
            Ok(_) | Err(_) => {
                let problem = format!("must be 1 to {IN_FLIGHT_MAX}, or 0");
                return Err(invalid("in_flight_max", problem));
            }
        };
        let counted = self.door.subscriptions.count(&caller.name)?;
        let joining = self.door.consumers.join(&caller.name, &name, in_flight_max);
        let joined = caller.deadline.wait(joining).await;
        let Joined { member, deliveries, ended } = self.told(&caller, joined).await?;
        let started = proto::ConsumeStarted { member: member.to_string() };
        let started = proto::consume_response::Message::Started(started);
        let started = proto::ConsumeResponse { message: Some(started) };
        // The place among the caller's streams is held for as long as this one is.
        let held = (Age::up_to(self.door.stream_age_max), counted);
        let left = Some((deliveries, ended, held));
        let rest = stream::unfold(left, |left| async move {
            let (mut deliveries, ended, mut held) = left?;
            let next = tokio::select! {
                biased;
                // The member leaves, as it does when its caller goes away.
                () = held.0.reached() => return Some((Err(too_old().into()), None)),
                next = deliveries.recv() => next,
            };
            match next {
                Some(batch) => Some((Ok(encode::batch(batch)), Some((deliveries, ended, held)))),
                None => ended.await.ok().map(|error| (Err(Status::from(error)), None)),
            }
        });
        let first = stream::once(async { Ok(started) });
        Ok(Response::new(Box::pin(first.chain(rest))))
    }

    async fn settle(
        &self,
        caller: &Caller,
        rpc: &str,
        message: &impl Message,
        name: &ConsumerName,
        verb: impl Into<Verb>,
    ) -> Result<()> {
        // A token tells one delivery from another, so no call has to be remembered.
        let mut command = caller.command(rpc, message, false, verb);
        command.class = Class::Finish;
        let settled = self.door.ledger.submit(command).await;
        self.told(caller, settled).await?;
        self.door.consumers.changed(name);
        Ok(())
    }

    pub(in crate::transport) async fn events_acked(
        &self,
        request: Request<proto::AckEventsRequest>,
    ) -> Result<Response<proto::AckEventsResponse>> {
        settled!(self, request, AckEvents, AckEventsResponse)
    }

    pub(in crate::transport) async fn events_failed(
        &self,
        request: Request<proto::FailEventsRequest>,
    ) -> Result<Response<proto::FailEventsResponse>> {
        settled!(self, request, FailEvents, FailEventsResponse)
    }

    pub(in crate::transport) async fn events_extended(
        &self,
        request: Request<proto::ExtendEventsRequest>,
    ) -> Result<Response<proto::ExtendEventsResponse>> {
        settled!(self, request, ExtendEvents, ExtendEventsResponse)
    }

    pub(in crate::transport) async fn events_parked(
        &self,
        request: Request<proto::ParkEventsRequest>,
    ) -> Result<Response<proto::ParkEventsResponse>> {
        settled!(self, request, ParkEvents, ParkEventsResponse)
    }
}
