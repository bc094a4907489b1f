//! Durable consumers: the calls of `potts.v1.EventService` that are about them.

mod consume;
mod decode;
mod encode;
mod parked;

use std::sync::Arc;

use tonic::{Request, Response};

pub(super) use consume::ConsumeStream;

use super::auth::{Admitted, Caller, admit, admit_write};
use super::door::{Outcome, Written, answer, expected, written};
use super::event_service::Events;
use super::page_token::List;
use super::paging::{Filled, Page};
use crate::domain::command::Verb;
use crate::domain::consumer::{
    Consumer, CreateConsumer, DeleteConsumer, PauseConsumer, ResetConsumer, ResumeConsumer,
    UpdateConsumer,
};
use crate::domain::error::{Error, Reason, Result, invalid, not_found, required};
use crate::domain::event::Seq;
use crate::domain::name::{ConsumerName, Id, ProjectId};
use crate::ledger::Answer;
use crate::proto;
use crate::stream::Start;

impl Events {
    /// A consumer, for somebody whose role allows a call that is about it.
    async fn consumer_for(
        &self,
        caller: &Caller,
        rpc: &str,
        name: &ConsumerName,
    ) -> Result<Consumer> {
        // A project that may not be read hides what there is of it.
        let hidden = |error: Error| match error.reason() == Reason::ResourceNotFound {
            true => not_found(name),
            false => error,
        };
        self.door.reader(caller, rpc, &name.project).await.map_err(hidden)?;
        self.stored_consumer(caller, name).await
    }

    async fn stored_consumer(&self, caller: &Caller, name: &ConsumerName) -> Result<Consumer> {
        let deadline = caller.deadline;
        let found = deadline.read(|| Box::pin(self.door.store.consumer(name, deadline.0))).await?;
        found.ok_or_else(|| not_found(name))
    }

    async fn write_consumer(
        &self,
        admitted: &Admitted,
        verb: impl Into<Verb>,
    ) -> Result<Outcome<proto::Consumer>> {
        let verb = verb.into();
        let creates = matches!(verb, Verb::CreateConsumer(_));
        let deletes = matches!(verb, Verb::DeleteConsumer(_));
        let written = self.door.write(admitted, verb).await;
        let Written { answer, changed, cursor } = self.told(&admitted.caller, written).await?;
        let (consumer, replayed) = match answer {
            Answer::Resource(resource) => {
                let consumer: Arc<Consumer> = expected("a consumer", resource)?;
                self.door.consumers.changed(&consumer.name);
                match creates && admitted.validate_only {
                    true => (encode::consumer_to_be(&consumer), false),
                    false => (encode::consumer(&consumer), false),
                }
            }
            Answer::Replayed(name) if deletes => {
                (proto::Consumer { name, ..Default::default() }, true)
            }
            Answer::Replayed(name) => {
                let name = ConsumerName::parse("name", &name)
                    .map_err(|error| Error::Internal(error.into()))?;
                (encode::consumer(&self.stored_consumer(&admitted.caller, &name).await?), true)
            }
        };
        Ok(Outcome { resource: Some(consumer), changed, cursor, replayed })
    }

    /// Adds to the refusal of an expired consumer what it can be reset to.
    async fn told<T>(&self, caller: &Caller, answer: Result<T>) -> Result<T> {
        let Err(error) = answer else { return answer };
        if error.reason() != Reason::ConsumerExpired {
            return Err(error);
        }
        let oldest = self.log_state(caller).await?.oldest;
        Err(error.with("oldest", oldest))
    }

    /// The place in the log that a start means.
    async fn start_place(&self, caller: &Caller, start: Start) -> Result<Seq> {
        if let Start::Time(at) = start {
            let deadline = caller.deadline;
            if at > deadline.read(|| Box::pin(self.door.store.now(deadline.0))).await? {
                return Err(invalid("start.after_time", "must not be in the future"));
            }
        }
        caller.deadline.wait(self.door.hub.place_of(start)).await
    }

    pub(super) async fn consumer_created(
        &self,
        request: Request<proto::CreateConsumerRequest>,
    ) -> Result<Response<proto::CreateConsumerResponse>> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let proto::CreateConsumerRequest {
            parent,
            consumer_id,
            consumer,
            start,
            request_id: _,
            validate_only: _,
        } = message;
        let project = ProjectId::parse_name("parent", &parent)?;
        let name = ConsumerName { project, id: Id::parse("consumer_id", &consumer_id)? };
        let spec = decode::spec(consumer.ok_or_else(|| required("consumer"))?)?;
        let start = decode::start(start)?.unwrap_or(Start::Now);
        let start = self.start_place(&admitted.caller, start).await?;
        let outcome = self.write_consumer(&admitted, CreateConsumer { name, spec, start }).await?;
        answer!(outcome -> CreateConsumerResponse { consumer })
    }

    pub(super) async fn consumer_got(
        &self,
        request: Request<proto::GetConsumerRequest>,
    ) -> Result<Response<proto::GetConsumerResponse>> {
        let caller = admit(&self.door.access, &request).await?;
        let name = ConsumerName::parse("name", &request.into_inner().name)?;
        let consumer = self.consumer_for(&caller, "GetConsumer", &name).await?;
        let deadline = caller.deadline;
        let reading = || Box::pin(self.door.store.consumer_progress(&consumer, deadline.0));
        let progress = deadline.read(reading).await?;
        let head = self.log_state(&caller).await?.head;
        Ok(Response::new(proto::GetConsumerResponse {
            consumer: Some(encode::consumer(&consumer)),
            progress: Some(encode::progress(progress, head)),
        }))
    }

    pub(super) async fn consumers_listed(
        &self,
        request: Request<proto::ListConsumersRequest>,
    ) -> Result<Response<proto::ListConsumersResponse>> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ListConsumersRequest { parent, page_size, page_token } = request.into_inner();
        let project = ProjectId::parse_name("parent", &parent)?;
        let list = List::of("ListConsumers", caller.name.as_str()).with(project.as_str());
        let page: Page<String> = Page::asked(&self.door, list, page_size, &page_token)?;
        self.door.reader(&caller, "ListConsumers", &project).await?;
        let (deadline, store) = (caller.deadline, &self.door.store);
        let after = page.after.as_deref().unwrap_or_default();
        let reading =
            || Box::pin(store.consumers(&project, after, page.limit, page.known_head, deadline.0));
        let listed = deadline.read(reading).await?;
        let Filled { items: consumers, next_page_token, cursor } =
            page.filled(listed, |row| row.name.id.to_string(), |row| encode::consumer(&row));
        Ok(Response::new(proto::ListConsumersResponse { consumers, next_page_token, cursor }))
    }

    pub(super) async fn consumer_updated(
        &self,
        request: Request<proto::UpdateConsumerRequest>,
    ) -> Result<Response<proto::UpdateConsumerResponse>> {
        written!(self.write_consumer(request: UpdateConsumer)
            -> UpdateConsumerResponse { consumer })
    }

    pub(super) async fn consumer_deleted(
        &self,
        request: Request<proto::DeleteConsumerRequest>,
    ) -> Result<Response<proto::DeleteConsumerResponse>> {
        written!(self.write_consumer(request: DeleteConsumer)
            -> DeleteConsumerResponse { consumer })
    }

    pub(super) async fn consumer_paused(
        &self,
        request: Request<proto::PauseConsumerRequest>,
    ) -> Result<Response<proto::PauseConsumerResponse>> {
        written!(self.write_consumer(request: PauseConsumer) -> PauseConsumerResponse { consumer })
    }

    pub(super) async fn consumer_resumed(
        &self,
        request: Request<proto::ResumeConsumerRequest>,
    ) -> Result<Response<proto::ResumeConsumerResponse>> {
        written!(self.write_consumer(request: ResumeConsumer)
            -> ResumeConsumerResponse { consumer })
    }

    pub(super) async fn consumer_reset(
        &self,
        request: Request<proto::ResetConsumerRequest>,
    ) -> Result<Response<proto::ResetConsumerResponse>> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let proto::ResetConsumerRequest { name, etag, start, request_id: _, validate_only: _ } =
            message;
        let name = ConsumerName::parse("name", &name)?;
        let start = decode::start(start)?.ok_or_else(|| required("start"))?;
        let start = self.start_place(&admitted.caller, start).await?;
        let verb = ResetConsumer { name, etag: super::decode::etag(etag), start };
        let outcome = self.write_consumer(&admitted, verb).await?;
        answer!(outcome -> ResetConsumerResponse { consumer })
    }
}
