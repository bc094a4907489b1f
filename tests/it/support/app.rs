//! A running service on a database of its own, and clients that call it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use potts::config::{Config, Flags};
use potts::proto::action_service_client::ActionServiceClient;
use potts::proto::actor_service_client::ActorServiceClient;
use potts::proto::event_service_client::EventServiceClient;
use potts::proto::issue_service_client::IssueServiceClient;
use potts::proto::project_service_client::ProjectServiceClient;
use potts::proto::workflow_service_client::WorkflowServiceClient;
use potts::proto::{
    CreateIssueRequest, CreateProjectRequest, Event, EventBatch, Issue, ListEventsRequest, Project,
    SubscribeRequest, SubscribeResponse, subscribe_request, subscribe_response,
};
use potts::server::Server;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

use super::TestDatabase;

/// What every test server asks for.
pub const TOKEN: &str = "a-token-for-tests-alone";
/// A test that waits longer has failed.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Sends the token with every call.
#[derive(Clone, Debug)]
pub struct Bearer(MetadataValue<Ascii>);

impl Bearer {
    pub fn of(token: &str) -> Bearer {
        Bearer(format!("Bearer {token}").parse().unwrap())
    }
}

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

/// The channel that all clients of a test use.
pub type Door = InterceptedService<Channel, Bearer>;

/// A running service.
#[derive(Debug)]
pub struct TestApp {
    pub database: TestDatabase,
    pub server: Server,
    pub door: Door,
    pub channel: Channel,
    pub(super) tokens: Mutex<BTreeMap<String, String>>,
    _data: tempfile::TempDir,
}

/// What one caller calls.
#[derive(Clone, Debug)]
pub struct Clients(pub Door);

impl Clients {
    /// Who sends that token.
    pub fn of(channel: &Channel, token: &str) -> Clients {
        Clients(InterceptedService::new(channel.clone(), Bearer::of(token)))
    }

    pub fn projects(&self) -> ProjectServiceClient<Door> {
        ProjectServiceClient::new(self.0.clone())
    }

    pub fn actions(&self) -> ActionServiceClient<Door> {
        ActionServiceClient::new(self.0.clone())
    }

    pub fn issues(&self) -> IssueServiceClient<Door> {
        IssueServiceClient::new(self.0.clone())
    }

    pub fn events(&self) -> EventServiceClient<Door> {
        EventServiceClient::new(self.0.clone())
    }

    pub fn actors(&self) -> ActorServiceClient<Door> {
        ActorServiceClient::new(self.0.clone())
    }

    pub fn workflows(&self) -> WorkflowServiceClient<Door> {
        WorkflowServiceClient::new(self.0.clone())
    }
}

/// Settings of a test server, changed by `set`.
pub fn config(database: &TestDatabase, data: &std::path::Path, set: &[(&str, &str)]) -> Config {
    let lookup = |variable: &str| {
        let found = set.iter().find(|(name, _)| *name == variable);
        let default = match variable {
            "POTTS_DATABASE_URL" => Some(database.url.clone()),
            "POTTS_DATA_DIR" => Some(data.to_string_lossy().into_owned()),
            "POTTS_GRPC_ADDR" | "POTTS_HTTP_ADDR" => Some("127.0.0.1:0".into()),
            "POTTS_ROOT_TOKEN" => Some(TOKEN.into()),
            "POTTS_READ_CONNECTIONS" | "POTTS_STREAM_CONNECTIONS" => Some("3".into()),
            _ => None,
        };
        found.map(|(_, value)| (*value).to_owned()).or(default)
    };
    Config::read(&Flags::default(), lookup).unwrap()
}

/// A channel to a server.
pub async fn channel(addr: std::net::SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{addr}")).unwrap().connect().await.unwrap()
}

impl TestApp {
    /// On a new database.
    pub async fn start() -> TestApp {
        TestApp::on(TestDatabase::new().await, &[]).await
    }

    /// On a new database, with other settings.
    pub async fn with(set: &[(&str, &str)]) -> TestApp {
        TestApp::on(TestDatabase::new().await, set).await
    }

    /// On a database that is there.
    pub async fn on(database: TestDatabase, set: &[(&str, &str)]) -> TestApp {
        let data = tempfile::tempdir().unwrap();
        let server = Server::start(config(&database, data.path(), set)).await.unwrap();
        let channel = channel(server.grpc_addr).await;
        let Clients(door) = Clients::of(&channel, TOKEN);
        TestApp { database, server, door, channel, tokens: Mutex::default(), _data: data }
    }

    /// Stops the service and keeps the database.
    pub async fn stop(self) -> TestDatabase {
        let TestApp { database, server, .. } = self;
        server.stop(PATIENCE).await;
        database
    }

    /// What root calls.
    pub fn as_root(&self) -> Clients {
        Clients(self.door.clone())
    }

    pub fn projects(&self) -> ProjectServiceClient<Door> {
        self.as_root().projects()
    }

    pub fn issues(&self) -> IssueServiceClient<Door> {
        self.as_root().issues()
    }

    pub fn workflows(&self) -> WorkflowServiceClient<Door> {
        self.as_root().workflows()
    }

    pub fn events(&self) -> EventServiceClient<Door> {
        self.as_root().events()
    }

    pub fn actors(&self) -> ActorServiceClient<Door> {
        self.as_root().actors()
    }

    /// The project `projects/{id}`, created.
    pub async fn project(&self, id: &str) -> Project {
        let request = CreateProjectRequest {
            project_id: id.into(),
            project: Some(Project::default()),
            ..Default::default()
        };
        self.projects().create_project(request).await.unwrap().into_inner().project.unwrap()
    }

    /// An issue of that title in `projects/{id}`, created.
    pub async fn issue(&self, project: &str, title: &str) -> Issue {
        let request = CreateIssueRequest {
            parent: format!("projects/{project}"),
            issue: Some(Issue { title: title.into(), ..Default::default() }),
            ..Default::default()
        };
        self.issues().create_issue(request).await.unwrap().into_inner().issue.unwrap()
    }

    /// The `seq` of the newest event; 0 in a log that is empty.
    pub async fn head(&self) -> i64 {
        let newest = ListEventsRequest { newest_first: true, page_size: 1, ..Default::default() };
        let page = self.events().list_events(newest).await.unwrap().into_inner();
        page.events.first().map_or(0, |event| event.seq)
    }

    /// Follows the log from its beginning.
    pub async fn follow(&self) -> Follower {
        self.follow_from(subscribe_request::Start::FromBeginning(true)).await
    }

    /// Follows the log from a place.
    pub async fn follow_from(&self, start: subscribe_request::Start) -> Follower {
        let request = SubscribeRequest { start: Some(start), ..Default::default() };
        Follower::new(self.events().subscribe(request).await.unwrap().into_inner())
    }
}

/// A subscriber.
#[derive(Debug)]
pub struct Follower {
    stream: Streaming<SubscribeResponse>,
    /// The last cursor that came.
    pub cursor: String,
    waiting: std::collections::VecDeque<Event>,
}

impl Follower {
    pub fn new(stream: Streaming<SubscribeResponse>) -> Follower {
        Follower { stream, cursor: String::new(), waiting: Default::default() }
    }

    /// The next message of any kind.
    pub async fn message(&mut self) -> Result<subscribe_response::Message, Status> {
        use subscribe_response::Message;
        let next = tokio::time::timeout(PATIENCE, self.stream.message());
        let next = next.await.expect("a message in time")?;
        let message = next.expect("the stream goes on").message.unwrap();
        self.cursor = match &message {
            Message::Started(m) => m.cursor.clone(),
            Message::Batch(m) => m.cursor.clone(),
            Message::Checkpoint(m) => m.cursor.clone(),
            Message::CaughtUp(m) => m.cursor.clone(),
            Message::FellBehind(m) => m.cursor.clone(),
        };
        Ok(message)
    }

    /// The next event.
    pub async fn event(&mut self) -> Event {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return event;
            }
            if let subscribe_response::Message::Batch(batch) = self.message().await.unwrap() {
                let batch: EventBatch = batch;
                self.waiting.extend(batch.decoded().unwrap());
            }
        }
    }

    /// The next so many events.
    pub async fn events(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        while events.len() < count {
            events.push(self.event().await);
        }
        events
    }

    /// The types of the next so many events.
    pub async fn types(&mut self, count: usize) -> Vec<String> {
        self.events(count).await.into_iter().map(|event| event.r#type).collect()
    }
}

impl Follower {
    /// The events that have come with the last cursor and were not looked at yet.
    pub fn rest_of_batch(&mut self) -> Vec<Event> {
        self.waiting.drain(..).collect()
    }
}
