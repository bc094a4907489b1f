//! A service that says what a test tells it to, for tests of the verbs.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use prost::Message as _;
use tokio::net::TcpListener;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::{Request, Response, Status};

use super::{Failure, Output};
use crate::proto::event_service_server::{EventService, EventServiceServer};
use crate::proto::project_service_server::{ProjectService, ProjectServiceServer};
use crate::proto::{self, subscribe_response::Message};

/// What a subscription brings, to its end.
pub type Subscription = Vec<Result<proto::SubscribeResponse, Status>>;
type Answers<Q, A> = Mutex<(Vec<Q>, VecDeque<Result<A, Status>>)>;

/// What it answers, in order, and what it was asked.
#[derive(Default)]
pub struct Canned {
    subscriptions: Answers<proto::SubscribeRequest, Subscription>,
    publishes: Answers<proto::PublishEventsRequest, proto::PublishEventsResponse>,
    creations: Answers<proto::CreateProjectRequest, proto::CreateProjectResponse>,
    listings: Answers<proto::ListEventsRequest, proto::ListEventsResponse>,
    tokens: Mutex<Vec<String>>,
    /// Whether subscriptions go on in silence when their script is over.
    stays_open: bool,
}

fn answer<Q, A>(answers: &Answers<Q, A>, request: Request<Q>) -> Result<A, Status> {
    let mut answers = answers.lock().unwrap();
    answers.0.push(request.into_inner());
    answers.1.pop_front().unwrap_or_else(|| Err(Status::not_found("the script is over")))
}

impl Canned {
    /// Brings these subscriptions, one after the other.
    pub fn subscribing(subscriptions: impl IntoIterator<Item = Subscription>) -> Arc<Canned> {
        let canned = Canned::default();
        canned.subscriptions.lock().unwrap().1.extend(subscriptions.into_iter().map(Ok));
        Arc::new(canned)
    }

    /// Brings one subscription, which stays open.
    pub fn staying_open(subscription: Subscription) -> Arc<Canned> {
        let canned = Canned { stays_open: true, ..Canned::default() };
        canned.subscriptions.lock().unwrap().1.push_back(Ok(subscription));
        Arc::new(canned)
    }

    /// Answers calls of `PublishEvents` so.
    pub fn publishing(
        answers: impl IntoIterator<Item = Result<proto::PublishEventsResponse, Status>>,
    ) -> Arc<Canned> {
        let canned = Canned::default();
        canned.publishes.lock().unwrap().1.extend(answers);
        Arc::new(canned)
    }

    /// Answers calls of `CreateProject` so.
    pub fn creating(
        answers: impl IntoIterator<Item = Result<proto::CreateProjectResponse, Status>>,
    ) -> Arc<Canned> {
        let canned = Canned::default();
        canned.creations.lock().unwrap().1.extend(answers);
        Arc::new(canned)
    }

    /// Answers calls of `ListEvents` so.
    pub fn listing(
        answers: impl IntoIterator<Item = Result<proto::ListEventsResponse, Status>>,
    ) -> Arc<Canned> {
        let canned = Canned::default();
        canned.listings.lock().unwrap().1.extend(answers);
        Arc::new(canned)
    }

    /// What `Subscribe` was asked.
    pub fn subscribed(&self) -> Vec<proto::SubscribeRequest> {
        self.subscriptions.lock().unwrap().0.clone()
    }

    /// What `PublishEvents` was asked.
    pub fn published(&self) -> Vec<proto::PublishEventsRequest> {
        self.publishes.lock().unwrap().0.clone()
    }

    /// What `CreateProject` was asked.
    pub fn created(&self) -> Vec<proto::CreateProjectRequest> {
        self.creations.lock().unwrap().0.clone()
    }

    /// What `ListEvents` was asked.
    pub fn listed(&self) -> Vec<proto::ListEventsRequest> {
        self.listings.lock().unwrap().0.clone()
    }

    /// With which words callers of `CreateProject` said who they are.
    pub fn tokens(&self) -> Vec<String> {
        self.tokens.lock().unwrap().clone()
    }
}

/// What a command line came to.
pub struct Ended {
    /// How it ended.
    pub outcome: Result<(), Failure>,
    /// What it wrote.
    pub out: String,
    /// What it said about it.
    pub err: String,
}

/// Runs a command line against the service.
pub async fn run(canned: &Arc<Canned>, line: &[&str]) -> Ended {
    use clap::Parser as _;
    let (address, serving) = serve(canned).await;
    let words = [&["potts"][..], line, &["--address", &address][..]].concat();
    let command = super::Cli::try_parse_from(words).unwrap().command;
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut output = Output { out: &mut out, err: &mut err };
    let outcome = tokio::select! {
        outcome = answer_to(command, &mut output) => outcome,
        () = serving => panic!("the service ended first"),
    };
    let [out, err] = [out, err].map(|bytes| String::from_utf8(bytes).unwrap());
    Ended { outcome, out, err }
}

async fn answer_to(command: super::Command, output: &mut Output<'_>) -> Result<(), Failure> {
    match command {
        super::Command::Caller(verb) => verb.run(output).await,
        other @ super::Command::Operator(_) => panic!("not served: {other:?}"),
    }
}

async fn serve(canned: &Arc<Canned>) -> (String, impl Future<Output = ()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    (address, serve_on(canned, listener))
}

/// Serves until it is dropped.
pub async fn serve_on(canned: &Arc<Canned>, listener: TcpListener) {
    let serving = tonic::transport::Server::builder()
        .add_service(EventServiceServer::from_arc(canned.clone()))
        .add_service(ProjectServiceServer::from_arc(canned.clone()))
        .serve_with_incoming(TcpListenerStream::new(listener));
    serving.await.unwrap();
}

/// A message of a stream.
pub fn message(message: Message) -> Result<proto::SubscribeResponse, Status> {
    Ok(proto::SubscribeResponse { message: Some(message) })
}

/// A batch of events that are told apart by their `seq`. The cursor is that of the last.
pub fn batch(seqs: &[i64]) -> Result<proto::SubscribeResponse, Status> {
    let event = |seq: &i64| proto::Event {
        seq: *seq,
        r#type: "issue.created".into(),
        ..proto::Event::default()
    };
    message(Message::Batch(proto::EventBatch {
        events: seqs.iter().map(|seq| event(seq).encode_to_vec().into()).collect(),
        cursor: format!("c{}", seqs.last().unwrap()),
        ..proto::EventBatch::default()
    }))
}

/// The first message of a subscription.
pub fn started(cursor: &str) -> Result<proto::SubscribeResponse, Status> {
    message(Message::Started(proto::Started { cursor: cursor.into(), ..proto::Started::default() }))
}

/// That all was sent.
pub fn caught_up(cursor: &str) -> Result<proto::SubscribeResponse, Status> {
    message(Message::CaughtUp(proto::CaughtUp {
        cursor: cursor.into(),
        ..proto::CaughtUp::default()
    }))
}

/// What no verb is tested with here.
fn not_in_the_script() -> Status {
    Status::not_found("the script does not know that call")
}

#[tonic::async_trait]
impl EventService for Canned {
    type SubscribeStream =
        Pin<Box<dyn tokio_stream::Stream<Item = Result<proto::SubscribeResponse, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<proto::SubscribeRequest>,
    ) -> Result<Response<Self::SubscribeStream>, Status> {
        let subscription = tokio_stream::iter(answer(&self.subscriptions, request)?);
        Ok(Response::new(match self.stays_open {
            true => Box::pin(subscription.chain(tokio_stream::pending())),
            false => Box::pin(subscription),
        }))
    }

    async fn publish_events(
        &self,
        request: Request<proto::PublishEventsRequest>,
    ) -> Result<Response<proto::PublishEventsResponse>, Status> {
        answer(&self.publishes, request).map(Response::new)
    }

    async fn get_event(
        &self,
        _: Request<proto::GetEventRequest>,
    ) -> Result<Response<proto::GetEventResponse>, Status> {
        Err(Status::not_found("events/12 does not exist"))
    }

    async fn list_events(
        &self,
        request: Request<proto::ListEventsRequest>,
    ) -> Result<Response<proto::ListEventsResponse>, Status> {
        answer(&self.listings, request).map(Response::new)
    }

    async fn list_event_types(
        &self,
        _: Request<proto::ListEventTypesRequest>,
    ) -> Result<Response<proto::ListEventTypesResponse>, Status> {
        let types = vec![proto::EventType {
            r#type: "issue.created".into(),
            class: proto::EventClass::Object.into(),
            description: "An issue was created.".into(),
        }];
        Ok(Response::new(proto::ListEventTypesResponse { types }))
    }

    type ConsumeStream =
        Pin<Box<dyn tokio_stream::Stream<Item = Result<proto::ConsumeResponse, Status>> + Send>>;

    async fn consume(
        &self,
        _: Request<proto::ConsumeRequest>,
    ) -> Result<Response<Self::ConsumeStream>, Status> {
        Err(not_in_the_script())
    }

    async fn create_consumer(
        &self,
        _: Request<proto::CreateConsumerRequest>,
    ) -> Result<Response<proto::CreateConsumerResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn get_consumer(
        &self,
        _: Request<proto::GetConsumerRequest>,
    ) -> Result<Response<proto::GetConsumerResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn list_consumers(
        &self,
        _: Request<proto::ListConsumersRequest>,
    ) -> Result<Response<proto::ListConsumersResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn update_consumer(
        &self,
        _: Request<proto::UpdateConsumerRequest>,
    ) -> Result<Response<proto::UpdateConsumerResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn delete_consumer(
        &self,
        _: Request<proto::DeleteConsumerRequest>,
    ) -> Result<Response<proto::DeleteConsumerResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn ack_events(
        &self,
        _: Request<proto::AckEventsRequest>,
    ) -> Result<Response<proto::AckEventsResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn fail_events(
        &self,
        _: Request<proto::FailEventsRequest>,
    ) -> Result<Response<proto::FailEventsResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn extend_events(
        &self,
        _: Request<proto::ExtendEventsRequest>,
    ) -> Result<Response<proto::ExtendEventsResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn park_events(
        &self,
        _: Request<proto::ParkEventsRequest>,
    ) -> Result<Response<proto::ParkEventsResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn list_parked_events(
        &self,
        _: Request<proto::ListParkedEventsRequest>,
    ) -> Result<Response<proto::ListParkedEventsResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn replay_parked_events(
        &self,
        _: Request<proto::ReplayParkedEventsRequest>,
    ) -> Result<Response<proto::ReplayParkedEventsResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn reset_consumer(
        &self,
        _: Request<proto::ResetConsumerRequest>,
    ) -> Result<Response<proto::ResetConsumerResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn pause_consumer(
        &self,
        _: Request<proto::PauseConsumerRequest>,
    ) -> Result<Response<proto::PauseConsumerResponse>, Status> {
        Err(not_in_the_script())
    }

    async fn resume_consumer(
        &self,
        _: Request<proto::ResumeConsumerRequest>,
    ) -> Result<Response<proto::ResumeConsumerResponse>, Status> {
        Err(not_in_the_script())
    }
}

#[tonic::async_trait]
impl ProjectService for Canned {
    async fn create_project(
        &self,
        request: Request<proto::CreateProjectRequest>,
    ) -> Result<Response<proto::CreateProjectResponse>, Status> {
        let token = request.metadata().get("authorization");
        let token = token.map(|token| token.to_str().unwrap().to_owned());
        self.tokens.lock().unwrap().extend(token);
        answer(&self.creations, request).map(Response::new)
    }

    async fn get_project(
        &self,
        _: Request<proto::GetProjectRequest>,
    ) -> Result<Response<proto::GetProjectResponse>, Status> {
        Err(Status::not_found("projects/abc does not exist"))
    }

    async fn list_projects(
        &self,
        _: Request<proto::ListProjectsRequest>,
    ) -> Result<Response<proto::ListProjectsResponse>, Status> {
        Ok(Response::new(proto::ListProjectsResponse::default()))
    }

    async fn update_project(
        &self,
        _: Request<proto::UpdateProjectRequest>,
    ) -> Result<Response<proto::UpdateProjectResponse>, Status> {
        Err(Status::not_found("projects/abc does not exist"))
    }

    async fn delete_project(
        &self,
        _: Request<proto::DeleteProjectRequest>,
    ) -> Result<Response<proto::DeleteProjectResponse>, Status> {
        Err(Status::not_found("projects/abc does not exist"))
    }

    async fn create_member(
        &self,
        _: Request<proto::CreateMemberRequest>,
    ) -> Result<Response<proto::CreateMemberResponse>, Status> {
        Err(Status::not_found("projects/abc/members/ann does not exist"))
    }

    async fn get_member(
        &self,
        _: Request<proto::GetMemberRequest>,
    ) -> Result<Response<proto::GetMemberResponse>, Status> {
        Err(Status::not_found("projects/abc/members/ann does not exist"))
    }

    async fn list_members(
        &self,
        _: Request<proto::ListMembersRequest>,
    ) -> Result<Response<proto::ListMembersResponse>, Status> {
        Err(Status::not_found("projects/abc/members/ann does not exist"))
    }

    async fn update_member(
        &self,
        _: Request<proto::UpdateMemberRequest>,
    ) -> Result<Response<proto::UpdateMemberResponse>, Status> {
        Err(Status::not_found("projects/abc/members/ann does not exist"))
    }

    async fn delete_member(
        &self,
        _: Request<proto::DeleteMemberRequest>,
    ) -> Result<Response<proto::DeleteMemberResponse>, Status> {
        Err(Status::not_found("projects/abc/members/ann does not exist"))
    }
}
