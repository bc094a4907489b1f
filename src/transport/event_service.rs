//! `potts.v1.EventService`.

use std::pin::Pin;
use std::time::Duration;

use futures_util::{Stream, stream};
use prost::Message as _;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::age::{Age, too_old};
use super::auth::{Caller, admit};
use super::consumers::ConsumeStream;
use super::decode::page_size;
use super::decode_events::event_filter;
use super::door::{Door, Reply};
use super::encode;
use super::events_page::{Asked, EventsPage};
use super::page_token::{EventsKey, List};
use super::publish::publish;
use super::subscriptions::Counted;
use crate::domain::error::{Error, Reason, Result, invalid, not_found};
use crate::domain::event::{EventType, Seq};
use crate::domain::filter::EventFilter;
use crate::domain::name::parse_event_name;
use crate::proto::{self, event_service_server::EventService};
use crate::store::{LogState, Stretch};
use crate::stream::{Epoch, Position, Start, Subscribe, Subscription, expired};

/// How long a subscription may still say its last words when the server stops.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The log of all events.
#[derive(Debug)]
pub(super) struct Events {
    pub door: Door,
}

impl Events {
    /// One event as the caller sees it, and the cursor after it.
    async fn event(&self, caller: &Caller, seq: Seq) -> Result<(proto::Event, String)> {
        let state = self.log_state(caller).await?;
        if seq < state.oldest {
            return Err(expired(state.oldest, state.head));
        }
        let view = caller.view(EventFilter::default());
        let rows = match (state.oldest..=state.head).contains(&seq) {
            true => {
                let reading = || Box::pin(self.door.store.log_page(Stretch::one(seq), &view));
                caller.deadline.read(reading).await?
            }
            false => Vec::new(),
        };
        let absent = || not_found(format!("events/{seq}"));
        let row = rows.into_iter().next().ok_or_else(absent)?;
        let event = encode::event(&row)?.ok_or_else(absent)?;
        let cursor = Position::after(seq, row.event_id).cursor(Epoch::of(state.epoch));
        Ok((event, cursor))
    }

    /// One event that the caller may see, as what something else is about: one that is gone is not
    /// there.
    pub(super) async fn known_event(&self, caller: &Caller, seq: Seq) -> Result<proto::Event> {
        let event = self.event(caller, seq).await.map(|(event, _)| event);
        event.map_err(|error| match error.reason() == Reason::CursorExpired {
            true => not_found(format!("events/{seq}")),
            false => error,
        })
    }

    pub(super) async fn log_state(&self, caller: &Caller) -> Result<LogState> {
        let known = self.door.hub.head().seq;
        caller.deadline.read(|| Box::pin(self.door.store.log_state(known))).await
    }

    /// The cursor of the end of the log.
    async fn end_cursor(&self, caller: &Caller, state: LogState) -> Result<String> {
        let position = match state.head {
            Seq(0) => Position::default(),
            head => {
                let found = caller.deadline.wait(self.door.hub.position(head)).await?;
                // A log that has forgotten all its events has a number to check a cursor by.
                found.unwrap_or(Position { seq: head, check: [0; 8] })
            }
        };
        Ok(position.cursor(Epoch::of(state.epoch)))
    }

    /// Refuses a time that has not come.
    async fn check_start(&self, caller: &Caller, start: Start) -> Result<()> {
        let Start::Time(at) = start else { return Ok(()) };
        let deadline = caller.deadline;
        if at > deadline.read(|| Box::pin(self.door.store.now(deadline.0))).await? {
            return Err(invalid("after_time", "must not be in the future"));
        }
        Ok(())
    }
}

#[tonic::async_trait]
impl EventService for Events {
    type SubscribeStream =
        Pin<Box<dyn Stream<Item = std::result::Result<proto::SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<proto::SubscribeRequest>,
    ) -> Reply<Self::SubscribeStream> {
        let caller = admit(&self.door.access, &request).await?;
        let asked = Subscribe::try_from(request.into_inner())?;
        let counted = self.door.subscriptions.count(&caller.name)?;
        self.check_start(&caller, asked.start).await?;
        let subscription =
            caller.deadline.wait(self.door.hub.subscribe(&caller.name, asked)).await?;
        let age = Age::up_to(self.door.stream_age_max);
        let reader =
            Reader { subscription, age, stopping: self.door.stopping.clone(), _counted: counted };
        Ok(Response::new(Box::pin(stream::unfold(Some(reader), Reader::step))))
    }

    async fn publish_events(
        &self,
        request: Request<proto::PublishEventsRequest>,
    ) -> Reply<proto::PublishEventsResponse> {
        let caller = admit(&self.door.access, &request).await?;
        Ok(Response::new(publish(&self.door, &caller, request.into_inner()).await?))
    }

    async fn get_event(
        &self,
        request: Request<proto::GetEventRequest>,
    ) -> Reply<proto::GetEventResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::GetEventRequest { name } = request.into_inner();
        let seq = parse_event_name("name", &name)?;
        let (event, cursor) = self.event(&caller, seq).await?;
        Ok(Response::new(proto::GetEventResponse { event: Some(event), cursor }))
    }

    async fn list_events(
        &self,
        request: Request<proto::ListEventsRequest>,
    ) -> Reply<proto::ListEventsResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ListEventsRequest { filter, page_size: size, page_token, newest_first } =
            request.into_inner();
        let (size, said) = (page_size(size)?, filter.clone().unwrap_or_default().encode_to_vec());
        let asked = Asked { view: caller.view(event_filter(filter)?), size, newest_first };

        let state = self.log_state(&caller).await?;
        let list = List::of("ListEvents", caller.name.as_str()).with(said);
        let list = list.with([u8::from(newest_first)]).with(state.epoch);
        let key = list.key(&page_token)?.map(|key| EventsKey::of(&key)).transpose()?;
        let cursor = match key {
            None => self.end_cursor(&caller, state).await?,
            Some(_) => String::new(),
        };
        let key = key.unwrap_or_else(|| EventsPage::first(state, newest_first));
        let reading = || Box::pin(EventsPage::read(&self.door.store, state, &asked, key));
        let EventsPage { events, next, .. } = caller.deadline.read(reading).await??;

        let next_page_token = next.map(|next| list.token(&next.bytes())).unwrap_or_default();
        Ok(Response::new(proto::ListEventsResponse { events, next_page_token, cursor }))
    }

    async fn list_event_types(
        &self,
        request: Request<proto::ListEventTypesRequest>,
    ) -> Reply<proto::ListEventTypesResponse> {
        admit(&self.door.access, &request).await?;
        let proto::ListEventTypesRequest {} = request.into_inner();
        let types = EventType::ALL.iter().copied().map(encode::event_type).collect();
        Ok(Response::new(proto::ListEventTypesResponse { types }))
    }

    type ConsumeStream = ConsumeStream;

    async fn consume(&self, request: Request<proto::ConsumeRequest>) -> Reply<Self::ConsumeStream> {
        Ok(self.consumed(request).await?)
    }

    async fn create_consumer(
        &self,
        request: Request<proto::CreateConsumerRequest>,
    ) -> Reply<proto::CreateConsumerResponse> {
        Ok(self.consumer_created(request).await?)
    }

    async fn get_consumer(
        &self,
        request: Request<proto::GetConsumerRequest>,
    ) -> Reply<proto::GetConsumerResponse> {
        Ok(self.consumer_got(request).await?)
    }

    async fn list_consumers(
        &self,
        request: Request<proto::ListConsumersRequest>,
    ) -> Reply<proto::ListConsumersResponse> {
        Ok(self.consumers_listed(request).await?)
    }

    async fn update_consumer(
        &self,
        request: Request<proto::UpdateConsumerRequest>,
    ) -> Reply<proto::UpdateConsumerResponse> {
        Ok(self.consumer_updated(request).await?)
    }

    async fn delete_consumer(
        &self,
        request: Request<proto::DeleteConsumerRequest>,
    ) -> Reply<proto::DeleteConsumerResponse> {
        Ok(self.consumer_deleted(request).await?)
    }

    async fn ack_events(
        &self,
        request: Request<proto::AckEventsRequest>,
    ) -> Reply<proto::AckEventsResponse> {
        Ok(self.events_acked(request).await?)
    }

    async fn fail_events(
        &self,
        request: Request<proto::FailEventsRequest>,
    ) -> Reply<proto::FailEventsResponse> {
        Ok(self.events_failed(request).await?)
    }

    async fn extend_events(
        &self,
        request: Request<proto::ExtendEventsRequest>,
    ) -> Reply<proto::ExtendEventsResponse> {
        Ok(self.events_extended(request).await?)
    }

    async fn park_events(
        &self,
        request: Request<proto::ParkEventsRequest>,
    ) -> Reply<proto::ParkEventsResponse> {
        Ok(self.events_parked(request).await?)
    }

    async fn list_parked_events(
        &self,
        request: Request<proto::ListParkedEventsRequest>,
    ) -> Reply<proto::ListParkedEventsResponse> {
        Ok(self.parked_listed(request).await?)
    }

    async fn replay_parked_events(
        &self,
        request: Request<proto::ReplayParkedEventsRequest>,
    ) -> Reply<proto::ReplayParkedEventsResponse> {
        Ok(self.parked_replayed(request).await?)
    }

    async fn reset_consumer(
        &self,
        request: Request<proto::ResetConsumerRequest>,
    ) -> Reply<proto::ResetConsumerResponse> {
        Ok(self.consumer_reset(request).await?)
    }

    async fn pause_consumer(
        &self,
        request: Request<proto::PauseConsumerRequest>,
    ) -> Reply<proto::PauseConsumerResponse> {
        Ok(self.consumer_paused(request).await?)
    }

    async fn resume_consumer(
        &self,
        request: Request<proto::ResumeConsumerRequest>,
    ) -> Reply<proto::ResumeConsumerResponse> {
        Ok(self.consumer_resumed(request).await?)
    }
}

/// A subscription on its way to a caller. It moves when the caller's connection takes a message:
/// there is no task and no queue between the log and the connection.
struct Reader {
    subscription: Subscription,
    age: Age,
    stopping: CancellationToken,
    _counted: Counted,
}

type Item = std::result::Result<proto::SubscribeResponse, Status>;

impl Reader {
    /// The next message; an error is the last one.
    async fn step(reader: Option<Reader>) -> Option<(Item, Option<Reader>)> {
        let mut reader = reader?;
        let next = loop {
            tokio::select! {
                // Of those who always have something to tell, too, the age is looked at.
                biased;
                () = reader.age.reached() => reader.subscription.end(too_old()),
                next = until(reader.subscription.next(), &reader.stopping) => break next,
            }
        };
        match next {
            Some(Ok(message)) => {
                let message = encode::stream_message(message, reader.subscription.epoch());
                Some((Ok(message), Some(reader)))
            }
            Some(Err(error)) => Some((Err(error.into()), None)),
            None => None,
        }
    }
}

/// What comes next, unless the server stops and nothing comes soon.
async fn until<T>(
    next: impl Future<Output = Option<Result<T>>>,
    stopping: &CancellationToken,
) -> Option<Result<T>> {
    let stopped = async {
        stopping.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    };
    tokio::select! {
        biased;
        next = next => next,
        () = stopped => Some(Err(Error::Unavailable {
            reason: Reason::ShuttingDown,
            problem: "this server stops; subscribe again after the last cursor".into(),
            request_id: None,
        })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_subscription_with_nothing_to_say_ends_when_the_server_stops() {
        let stopping = CancellationToken::new();
        let silence = std::future::pending::<Option<Result<()>>>();

        stopping.cancel();
        let last = until(silence, &stopping).await;

        let error = last.unwrap().unwrap_err();
        assert_eq!(error.reason(), Reason::ShuttingDown);
    }

    #[tokio::test(start_paused = true)]
    async fn what_there_is_to_say_is_said_first() {
        let stopping = CancellationToken::new();
        stopping.cancel();

        let next = until(async { Some(Ok(7)) }, &stopping).await;

        assert_eq!(next.unwrap().unwrap(), 7);
        assert!(until(async { None::<Result<()>> }, &stopping).await.is_none());
    }
}
