//! The whole server, called over loopback connections by the generated client.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow};
use potts::config::{Config, Flags};
use potts::proto;
use potts::proto::action_service_client::ActionServiceClient;
use potts::proto::actor_service_client::ActorServiceClient;
use potts::proto::event_service_client::EventServiceClient;
use potts::proto::issue_service_client::IssueServiceClient;
use potts::proto::project_service_client::ProjectServiceClient;
use potts::proto::transition_issue_request::Move;
use potts::server::Server;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

use crate::measure::{Figures, Span, closed_loop};
use crate::process::Process;
use crate::work::{Choices, PROJECT, TITLE, Work};

/// All rivals publish over so many connections; the number alone moves results.
const CHANNELS: usize = 8;
const TOKEN: &str = "the-token-of-the-bench";
const GRACE: Duration = Duration::from_secs(10);
/// The largest batch, and what is around it.
const BATCH_BYTES_MAX: usize = 4 << 20;

/// Says who calls.
#[derive(Clone, Debug)]
pub struct Credential(MetadataValue<Ascii>);

impl Interceptor for Credential {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

type Connection = InterceptedService<Channel, Credential>;
/// Calls of issues.
pub type Issues = IssueServiceClient<Connection>;
/// Calls of actors.
pub type Actors = ActorServiceClient<Connection>;
/// Calls of projects.
pub type Projects = ProjectServiceClient<Connection>;
/// Calls of actions.
pub type Actions = ActionServiceClient<Connection>;
/// Calls of events.
pub type Events = EventServiceClient<Connection>;

/// Where the server runs.
#[derive(Debug)]
enum Running {
    /// In this process.
    Here(Box<Server>),
    /// In one of its own.
    There(Box<Process>),
}

/// A server and connections to it.
#[derive(Debug)]
pub struct GrpcSide {
    running: Running,
    endpoint: Endpoint,
    connections: Vec<Channel>,
}

impl GrpcSide {
    /// Opens a database; `data` is a folder that nobody else uses.
    pub async fn start(url: &str, data: &Path) -> Result<GrpcSide> {
        let data = data.to_string_lossy().into_owned();
        let config = Config::read(&Flags::default(), |variable| match variable {
            "POTTS_DATABASE_URL" => Some(url.to_owned()),
            "POTTS_DATA_DIR" => Some(data.clone()),
            "POTTS_ROOT_TOKEN" => Some(TOKEN.to_owned()),
            "POTTS_GRPC_ADDR" | "POTTS_HTTP_ADDR" => Some("127.0.0.1:0".to_owned()),
            _ => None,
        })?;
        let server = Server::start(config).await?;
        let addr = server.grpc_addr;
        GrpcSide::connect(Running::Here(Box::new(server)), addr).await
    }

    /// The same, with the server in a process of its own.
    pub async fn start_process(url: &str, data: &Path) -> Result<GrpcSide> {
        let process = Process::start(url, data, TOKEN).await?;
        let addr = process.grpc_addr;
        GrpcSide::connect(Running::There(Box::new(process)), addr).await
    }

    async fn connect(running: Running, addr: SocketAddr) -> Result<GrpcSide> {
        let endpoint = Endpoint::from_shared(format!("http://{addr}"))?;
        let mut connections = Vec::new();
        for _ in 0..CHANNELS {
            connections.push(endpoint.connect().await?);
        }
        Ok(GrpcSide { running, endpoint, connections })
    }

    /// The process of the server.
    pub fn process_id(&self) -> Result<u32> {
        match &self.running {
            Running::Here(_) => Err(anyhow!("the server has no process of its own")),
            Running::There(process) => process.id(),
        }
    }

    /// So many clients, over at most so many connections that nobody else uses.
    pub async fn readers(&self, count: usize, connections: usize) -> Result<Vec<Events>> {
        let mut opened = Vec::new();
        for _ in 0..connections.min(count) {
            opened.push(self.endpoint.connect().await?);
        }
        let credential = Credential(format!("Bearer {TOKEN}").parse()?);
        let connections = opened.iter().cycle().take(count).map(|channel| {
            let connection = InterceptedService::new(channel.clone(), credential.clone());
            EventServiceClient::new(connection).max_decoding_message_size(BATCH_BYTES_MAX)
        });
        Ok(connections.collect())
    }

    fn connection(&self, caller: usize) -> Result<Connection> {
        self.connection_of(caller, TOKEN)
    }

    fn connection_of(&self, caller: usize, token: &str) -> Result<Connection> {
        let channel = self.connections.get(caller % CHANNELS);
        let channel = channel.ok_or_else(|| anyhow!("there are {CHANNELS}"))?.clone();
        let credential = Credential(format!("Bearer {token}").parse()?);
        Ok(InterceptedService::new(channel, credential))
    }

    /// A client of somebody with a token of their own.
    pub fn issues_of(&self, token: &str) -> Result<Issues> {
        Ok(IssueServiceClient::new(self.connection_of(0, token)?))
    }

    /// A client that administers.
    pub fn actors(&self) -> Result<Actors> {
        Ok(ActorServiceClient::new(self.connection(0)?))
    }

    /// A client that administers.
    pub fn projects(&self) -> Result<Projects> {
        Ok(ProjectServiceClient::new(self.connection(0)?))
    }

    /// A client of a caller.
    pub fn issues(&self, caller: usize) -> Result<Issues> {
        Ok(IssueServiceClient::new(self.connection(caller)?))
    }

    /// A client of a caller.
    pub fn actions(&self, caller: usize) -> Result<Actions> {
        Ok(ActionServiceClient::new(self.connection(caller)?))
    }

    /// A client of a caller.
    pub fn events(&self, caller: usize) -> Result<Events> {
        let events = EventServiceClient::new(self.connection(caller)?);
        Ok(events.max_decoding_message_size(BATCH_BYTES_MAX))
    }

    /// Lets so many callers do the work.
    pub async fn run(&self, work: Work, callers: usize, span: Span) -> Result<Figures> {
        let clients: Result<Vec<Issues>> = (0..callers).map(|caller| self.issues(caller)).collect();
        let mut clients = clients?.into_iter();
        closed_loop(callers, span, |caller| {
            let issues = clients.next();
            let mut choices = Choices::of(caller);
            move || {
                let issues = issues.clone();
                let (name, issue) = issue(&mut choices, work);
                async move {
                    let issues = issues.ok_or_else(|| anyhow!("a client for each caller"))?;
                    call(issues, work, name, issue).await
                }
            }
        })
        .await
    }

    /// Stops the server.
    pub async fn stop(self) -> Result<()> {
        drop(self.connections);
        match self.running {
            Running::Here(server) => server.stop(GRACE).await,
            Running::There(process) => process.stop().await?,
        }
        Ok(())
    }
}

async fn call(mut issues: Issues, work: Work, name: String, issue: proto::Issue) -> Result<()> {
    let changed = match work {
        Work::Update => update(&mut issues, issue).await?.changed,
        Work::Create => {
            let request = proto::CreateIssueRequest {
                parent: name,
                issue: Some(issue),
                request_id: String::new(),
                validate_only: false,
            };
            issues.create_issue(request).await?.into_inner().changed
        }
        Work::Transition => {
            let request = proto::TransitionIssueRequest {
                name: issue.name,
                r#move: Some(Move::To(issue.status)),
                ..proto::TransitionIssueRequest::default()
            };
            issues.transition_issue(request).await?.into_inner().changed
        }
        Work::Claim | Work::ClaimMany => return Err(anyhow!("claims have a file of their own")),
    };
    changed.then_some(()).ok_or_else(|| anyhow!("a call changed nothing"))
}

/// Updates what [`changed`] gave, by one event.
pub async fn update(
    issues: &mut Issues,
    issue: proto::Issue,
) -> Result<proto::UpdateIssueResponse> {
    let paths = vec!["priority".to_owned(), "parameters.note".to_owned()];
    let request = proto::UpdateIssueRequest {
        issue: Some(issue),
        update_mask: Some(prost_types::FieldMask { paths }),
        request_id: String::new(),
        validate_only: false,
    };
    Ok(issues.update_issue(request).await?.into_inner())
}

/// The parent and the issue of the next call of a caller.
fn issue(choices: &mut Choices, work: Work) -> (String, proto::Issue) {
    if work == Work::Transition {
        let (number, to) = choices.next_move();
        let name = format!("projects/{PROJECT}/issues/{number}");
        let issue = proto::Issue { name, status: to.to_owned(), ..proto::Issue::default() };
        return (String::new(), issue);
    }
    let (parent, name, title) = match work {
        Work::Update => {
            let parent = format!("projects/{PROJECT}");
            let name = format!("{parent}/issues/{}", choices.issue());
            (parent, name, String::new())
        }
        Work::Create | Work::Transition | Work::Claim | Work::ClaimMany => {
            (format!("projects/{}", choices.project()), String::new(), TITLE.to_owned())
        }
    };
    let issue = proto::Issue { title, ..changed(choices, name) };
    (parent, issue)
}

/// New values of an issue.
pub fn changed(choices: &mut Choices, name: String) -> proto::Issue {
    let note = prost_types::Value::from(choices.note());
    let parameters = prost_types::Struct { fields: [("note".to_owned(), note)].into() };
    let priority = i32::from(choices.priority());
    proto::Issue { name, priority, parameters: Some(parameters), ..proto::Issue::default() }
}
