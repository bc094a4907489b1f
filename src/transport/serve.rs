//! The listener: services put together, with the limits of HTTP/2, TLS, health and reflection.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::Stream;
use secrecy::{ExposeSecret as _, SecretSlice};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::service::Routes;
use tonic::transport::server::{Connected, TcpIncoming};
use tonic::transport::{Certificate, Identity, Server, ServerTlsConfig};
use tonic_reflection::server::Builder as Reflection;

use super::action::Actions;
use super::actor_service::Actors;
use super::auth::Access;
use super::configuration::Configurations;
use super::directory::Directory;
use super::door::Door;
use super::event_service::Events;
use super::health::Health;
use super::issue_service::Issues;
use super::observe::{Observe, Observer};
use super::project_service::Projects;
use super::subscriptions::Subscriptions;
use crate::ledger::Ledger;
use crate::proto::DESCRIPTORS;
use crate::proto::action_service_server::ActionServiceServer;
use crate::proto::actor_service_server::ActorServiceServer;
use crate::proto::event_service_server::EventServiceServer;
use crate::proto::issue_service_server::IssueServiceServer;
use crate::proto::project_service_server::ProjectServiceServer;
use crate::proto::workflow_service_server::WorkflowServiceServer;
use crate::store::Store;
use crate::stream::{Consuming, Hub};

/// A caller that went away without a word is found out after twice this.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// Calls of one connection at a time. More would let one caller hold all there is.
const STREAMS_MAX: u32 = 1024;
/// A handshake that takes longer is none.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);
/// After so long without a byte the kernel asks whether the other side is there.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);

/// How to listen.
#[derive(Debug)]
pub struct Options {
    /// The largest message that is read, in bytes; a larger one is refused before it is.
    pub message_bytes_max: usize,
    /// How many subscriptions a caller may have. More show one that subscribes per thing where a
    /// filter would do.
    pub caller_subscriptions_max: usize,
    /// Streams are ended when they are that old, give or take a fifth; none: they are not.
    pub stream_age_max: Option<Duration>,
    /// Encrypts connections; none: they are plain.
    pub tls: Option<Tls>,
}

/// What TLS needs, all as PEM.
#[derive(Debug)]
pub struct Tls {
    /// The certificates of this server, its own first.
    pub certificate: Vec<u8>,
    /// The private key of that certificate.
    pub key: SecretSlice<u8>,
    /// Who signs the certificates that callers must show; none: they show none.
    pub client_ca: Option<Vec<u8>>,
}

/// What the services are made of.
pub struct Parts {
    /// For what changes something.
    pub ledger: Ledger,
    /// For subscriptions and cursors.
    pub hub: Hub,
    /// For gets and lists.
    pub store: Store,
    /// For members of consumers.
    pub consumers: Arc<dyn Consuming>,
    /// Who is let in.
    pub access: Access,
    /// What callers are told about health.
    pub health: Health,
    /// Is told of every call that has ended.
    pub observer: Observer,
}

impl std::fmt::Debug for Parts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parts").finish_non_exhaustive()
    }
}

/// Serves until `stopping`, then until every call has ended. Streams are ended; calls have their
/// deadlines.
pub async fn serve(
    listener: TcpListener,
    options: Options,
    parts: Parts,
    stopping: CancellationToken,
) -> anyhow::Result<()> {
    let Parts { ledger, hub, store, consumers, access, health, observer } = parts;
    let message_bytes_max = options.message_bytes_max;
    let directory = Directory::new(store.clone(), hub.people());
    let door = Door {
        ledger,
        hub,
        store,
        consumers,
        access: access.knowing(directory),
        subscriptions: Subscriptions::at_most(options.caller_subscriptions_max),
        stream_age_max: options.stream_age_max,
        stopping: stopping.clone(),
    };
    macro_rules! limited {
        ($server:expr) => {
            $server
                .max_decoding_message_size(message_bytes_max)
                .accept_compressed(Gzip)
                .send_compressed(Gzip)
        };
    }
    let projects = ProjectServiceServer::new(Projects { door: door.clone() });
    let issues = IssueServiceServer::new(Issues { door: door.clone() });
    let workflows = WorkflowServiceServer::new(Configurations { door: door.clone() });
    let routes = Routes::new(limited!(projects))
        .add_service(limited!(issues))
        .add_service(limited!(ActionServiceServer::new(Actions { door: door.clone() })))
        .add_service(limited!(workflows))
        .add_service(limited!(ActorServiceServer::new(Actors { door: door.clone() })))
        .add_service(limited!(EventServiceServer::new(Events { door })));
    listen(connections(listener), options, routes, &health, observer, stopping).await
}

/// The connections that a listener accepts.
fn connections(listener: TcpListener) -> TcpIncoming {
    TcpIncoming::from(listener).with_nodelay(Some(true)).with_keepalive(Some(TCP_KEEPALIVE))
}

/// Serves some services, and those that every server has.
async fn listen<IO>(
    connections: impl Stream<Item = std::io::Result<IO>>,
    options: Options,
    routes: Routes,
    health: &Health,
    observer: Observer,
    stopping: CancellationToken,
) -> anyhow::Result<()>
where
    IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
{
    use tonic_health::pb::FILE_DESCRIPTOR_SET as HEALTH;
    use tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET as REFLECTION;
    use tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET as REFLECTION_ALPHA;

    let reflection = || {
        Reflection::configure()
            .register_encoded_file_descriptor_set(DESCRIPTORS)
            .register_encoded_file_descriptor_set(HEALTH)
            // So that tools print the details of an error as what they are.
            .register_encoded_file_descriptor_set(tonic_types::pb::FILE_DESCRIPTOR_SET)
    };
    let routes = routes
        .add_service(health.service())
        .add_service(reflection().build_v1()?)
        .add_service(reflection().build_v1alpha()?);
    let observe = Observe::new(&[DESCRIPTORS, HEALTH, REFLECTION, REFLECTION_ALPHA], observer)?;

    let mut server = Server::builder()
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .max_concurrent_streams(STREAMS_MAX);
    if let Some(tls) = options.tls {
        server = server.tls_config(tls_config(tls)).context("the TLS files are not usable")?;
    }
    server
        .layer(observe)
        .add_routes(routes)
        .serve_with_incoming_shutdown(connections, stopping.cancelled())
        .await
        .context("the gRPC listener failed")
}

fn tls_config(tls: Tls) -> ServerTlsConfig {
    let Tls { certificate, key, client_ca } = tls;
    let identity = Identity::from_pem(certificate, key.expose_secret());
    let config = ServerTlsConfig::new().identity(identity).timeout(HANDSHAKE_MAX);
    match client_ca {
        Some(ca) => config.client_ca_root(Certificate::from_pem(ca)),
        None => config,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use futures_util::StreamExt as _;
    use hyper_util::rt::TokioIo;
    use tokio::task::JoinHandle;
    use tonic::transport::{Channel, Endpoint};
    use tonic::{Code, Request, Response, Status};
    use tonic_health::pb::HealthCheckRequest;
    use tonic_health::pb::health_client::HealthClient;
    use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
    use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
    use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
    use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};
    use tonic_types::{ErrorDetails, StatusExt as _};

    use super::*;
    use crate::domain::error::{Error, not_found};
    use crate::domain::name::ProjectId;
    use crate::proto::project_service_client::ProjectServiceClient;
    use crate::proto::project_service_server::ProjectService;
    use crate::proto::{self, cloudevents};
    use crate::store;
    use crate::transport::auth::{admit, admit_write};
    use crate::transport::door::Reply;

    const TOKEN: &str = "s3cret";

    /// Projects without a database: what is not refused by the door is not found, and lists never
    /// end.
    struct Fake(Access);

    #[tonic::async_trait]
    impl ProjectService for Fake {
        async fn create_project(
            &self,
            request: Request<proto::CreateProjectRequest>,
        ) -> Reply<proto::CreateProjectResponse> {
            let (_, message) = admit_write(&self.0, request).await?;
            let verb = crate::domain::project::CreateProject::try_from(message)?;
            Err(Error::Exists { resource: verb.id.to_string() }.into())
        }

        async fn get_project(
            &self,
            request: Request<proto::GetProjectRequest>,
        ) -> Reply<proto::GetProjectResponse> {
            admit(&self.0, &request).await?;
            let name = request.into_inner().name;
            if name == "panic" {
                panic!("as it was told");
            }
            Err(not_found(ProjectId::parse_name("name", &name)?).into())
        }

        async fn list_projects(
            &self,
            request: Request<proto::ListProjectsRequest>,
        ) -> Reply<proto::ListProjectsResponse> {
            let caller = admit(&self.0, &request).await?;
            let reading =
                || Box::pin(std::future::pending::<store::Result<proto::ListProjectsResponse>>());
            Ok(Response::new(caller.deadline.read(reading).await?))
        }

        async fn update_project(
            &self,
            _: Request<proto::UpdateProjectRequest>,
        ) -> Reply<proto::UpdateProjectResponse> {
            let project =
                Some(proto::Project { display_name: "x".repeat(10_000), ..Default::default() });
            Ok(Response::new(proto::UpdateProjectResponse { project, ..Default::default() }))
        }

        async fn delete_project(
            &self,
            _: Request<proto::DeleteProjectRequest>,
        ) -> Reply<proto::DeleteProjectResponse> {
            Ok(Response::new(proto::DeleteProjectResponse::default()))
        }

        async fn create_member(
            &self,
            _: Request<proto::CreateMemberRequest>,
        ) -> Reply<proto::CreateMemberResponse> {
            Err(not_found("projects/abc/members/ann").into())
        }

        async fn get_member(
            &self,
            _: Request<proto::GetMemberRequest>,
        ) -> Reply<proto::GetMemberResponse> {
            Err(not_found("projects/abc/members/ann").into())
        }

        async fn list_members(
            &self,
            _: Request<proto::ListMembersRequest>,
        ) -> Reply<proto::ListMembersResponse> {
            Err(not_found("projects/abc/members/ann").into())
        }

        async fn update_member(
            &self,
            _: Request<proto::UpdateMemberRequest>,
        ) -> Reply<proto::UpdateMemberResponse> {
            Err(not_found("projects/abc/members/ann").into())
        }

        async fn delete_member(
            &self,
            _: Request<proto::DeleteMemberRequest>,
        ) -> Reply<proto::DeleteMemberResponse> {
            Err(not_found("projects/abc/members/ann").into())
        }
    }

    type Seen = Arc<Mutex<Vec<(String, Code)>>>;

    struct App {
        address: String,
        seen: Seen,
        health: Health,
        stopping: CancellationToken,
        served: JoinHandle<anyhow::Result<()>>,
    }

    const MESSAGE_BYTES_MAX: usize = 4 << 20;

    fn options(tls: Option<Tls>) -> Options {
        Options {
            message_bytes_max: MESSAGE_BYTES_MAX,
            caller_subscriptions_max: 100,
            stream_age_max: None,
            tls,
        }
    }

    async fn start() -> App {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        start_on(address, connections(listener)).await
    }

    #[expect(clippy::disallowed_methods, reason = "a test watches its own task")]
    async fn start_on<IO>(
        address: String,
        connections: impl Stream<Item = std::io::Result<IO>> + Send + 'static,
    ) -> App
    where
        IO: AsyncRead + AsyncWrite + Connected + Unpin + Send + 'static,
    {
        let (seen, stopping) = (Seen::default(), CancellationToken::new());
        let observed = Arc::clone(&seen);
        let observer: Observer =
            Arc::new(move |rpc, code, _| observed.lock().unwrap().push((rpc.into(), code)));
        let routes = Routes::new(
            ProjectServiceServer::new(Fake(Access::by_token(TOKEN)))
                .max_decoding_message_size(MESSAGE_BYTES_MAX)
                .accept_compressed(Gzip)
                .send_compressed(Gzip),
        );
        let health = Health::new().await;
        let (reported, stops) = (health.clone(), stopping.clone());
        let served = tokio::spawn(async move {
            listen(connections, options(None), routes, &reported, observer, stops).await
        });
        App { address, seen, health, stopping, served }
    }

    impl App {
        async fn channel(&self) -> Channel {
            let endpoint = Endpoint::from_shared(self.address.clone()).unwrap();
            endpoint.connect().await.unwrap()
        }

        async fn projects(&self) -> ProjectServiceClient<Channel> {
            ProjectServiceClient::new(self.channel().await)
        }
    }

    fn authorized<T>(message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = format!("Bearer {TOKEN}").parse().unwrap();
        request.metadata_mut().insert("authorization", token);
        request
    }

    fn get(name: &str) -> proto::GetProjectRequest {
        proto::GetProjectRequest { name: name.into() }
    }

    #[track_caller]
    fn told<T: std::fmt::Debug>(reply: Result<T, Status>) -> (Code, String, ErrorDetails) {
        let details = reply.as_ref().unwrap_err().get_error_details();
        let reason = details.error_info().expect("every refusal has a reason").reason.clone();
        (reply.unwrap_err().code(), reason, details)
    }

    #[tokio::test]
    async fn a_caller_without_the_token_is_told_so() {
        let app = start().await;
        let mut projects = app.projects().await;

        let (code, reason, _) = told(projects.get_project(get("projects/a")).await);
        assert_eq!((code, reason.as_str()), (Code::Unauthenticated, "CREDENTIAL_INVALID"));

        let (code, _, details) = told(projects.get_project(authorized(get("projects/a"))).await);
        assert_eq!(code, Code::NotFound);
        assert_eq!(details.resource_info().unwrap().resource_name, "projects/a");

        let (code, _, details) = told(projects.get_project(authorized(get("x"))).await);
        assert_eq!(code, Code::InvalidArgument);
        assert_eq!(details.bad_request().unwrap().field_violations[0].field, "name");
    }

    /// Goal: the answer of ours comes before tonic, on either side, gives up.
    /// Method: bytes go through memory. So time moves only when nobody has anything to do.
    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_answered_with_its_reason_before_the_caller_gives_up() {
        let (near, far) = tokio::io::duplex(64 << 10);
        let connections = tokio_stream::iter([Ok(far)]).chain(futures_util::stream::pending());
        let _app = start_on(String::new(), connections).await;
        let mut near = Some(TokioIo::new(near));
        let connector = tower::service_fn(move |_| {
            let near = near.take().ok_or_else(|| std::io::Error::other("connected already"));
            std::future::ready(near)
        });
        let endpoint = Endpoint::from_static("http://memory");
        let channel = endpoint.connect_with_connector(connector).await.unwrap();
        let mut projects = ProjectServiceClient::new(channel);
        for millis in [1, 3, 4, 5, 30, 300, 30_000, 59_999] {
            let mut request = authorized(proto::ListProjectsRequest::default());
            request.set_timeout(Duration::from_millis(millis));

            let (code, reason, _) = told(projects.list_projects(request).await);

            assert_eq!((code, reason.as_str()), (Code::DeadlineExceeded, "DEADLINE_PASSED"));
        }
    }

    #[tokio::test]
    async fn a_message_over_the_bound_is_refused_with_a_reason() {
        let app = start().await;
        let mut projects = app.projects().await;

        let (code, reason, _) =
            told(projects.get_project(authorized(get(&"x".repeat(MESSAGE_BYTES_MAX)))).await);
        assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "FIELD_TOO_LARGE"));

        let mut zipping = app.projects().await.send_compressed(Gzip);
        let (code, reason, _) =
            told(zipping.get_project(authorized(get(&"x".repeat(MESSAGE_BYTES_MAX)))).await);
        assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "FIELD_TOO_LARGE"));
    }

    #[tokio::test]
    async fn a_panic_hurts_its_own_caller_alone() {
        let app = start().await;
        let mut projects = app.projects().await;

        let (code, reason, _) = told(projects.get_project(authorized(get("panic"))).await);
        assert_eq!((code, reason.as_str()), (Code::Internal, "INTERNAL"));
        let (code, _, _) = told(projects.get_project(authorized(get("projects/a"))).await);
        assert_eq!(code, Code::NotFound);
    }

    #[tokio::test]
    async fn answers_are_compressed_for_who_takes_it_so() {
        let app = start().await;
        let mut plain = app.projects().await;
        let answer = plain.update_project(proto::UpdateProjectRequest::default()).await;
        assert!(answer.unwrap().metadata().get("grpc-encoding").is_none());

        let mut zipped = app.projects().await.accept_compressed(Gzip);
        let answer = zipped.update_project(proto::UpdateProjectRequest::default()).await.unwrap();

        assert_eq!(answer.metadata().get("grpc-encoding").unwrap(), "gzip");
        assert_eq!(answer.into_inner().project.unwrap().display_name.len(), 10_000);
    }

    #[tokio::test]
    async fn every_call_is_observed_by_its_name() {
        let app = start().await;
        let mut projects = app.projects().await;

        projects.delete_project(proto::DeleteProjectRequest::default()).await.unwrap();
        let create = proto::CreateProjectRequest { project_id: "a".into(), ..Default::default() };
        projects.create_project(authorized(create)).await.unwrap_err();
        let mut events = proto::event_service_client::EventServiceClient::new(app.channel().await);
        let message = cloudevents::CloudEvent::default();
        let publish = proto::PublishEventsRequest { events: vec![message], ..Default::default() };
        assert_eq!(events.publish_events(publish).await.unwrap_err().code(), Code::Unimplemented);

        app.stopping.cancel();
        app.served.await.unwrap().unwrap();
        let seen = app.seen.lock().unwrap().clone();
        let rpc = |name: &str, code| (format!("potts.v1.{name}"), code);
        assert_eq!(
            seen,
            [
                rpc("ProjectService/DeleteProject", Code::Ok),
                rpc("ProjectService/CreateProject", Code::InvalidArgument),
                rpc("EventService/PublishEvents", Code::Unimplemented),
            ]
        );
    }

    #[tokio::test]
    async fn health_is_told_per_service() {
        let app = start().await;
        let mut health = HealthClient::new(app.channel().await);
        let mut ask = async |service: &str| {
            let request = HealthCheckRequest { service: service.into() };
            health.check(request).await.map(|answer| answer.into_inner().status().as_str_name())
        };

        assert_eq!(ask("").await.unwrap(), "NOT_SERVING");
        app.health.set_serving(true).await;
        for name in
            ["", "potts.v1.ProjectService", "potts.v1.IssueService", "potts.v1.EventService"]
        {
            assert_eq!(ask(name).await.unwrap(), "SERVING", "{name}");
        }
        assert_eq!(ask("x").await.unwrap_err().code(), Code::NotFound);
    }

    #[tokio::test]
    async fn reflection_lists_every_service() {
        let app = start().await;
        let mut reflection = ServerReflectionClient::new(app.channel().await);
        let ask = |message| ServerReflectionRequest {
            host: String::new(),
            message_request: Some(message),
        };
        let symbol = "potts.v1.EventService".to_owned();
        let asked = [
            ask(MessageRequest::ListServices(String::new())),
            ask(MessageRequest::FileContainingSymbol(symbol)),
        ];

        let answers = reflection.server_reflection_info(tokio_stream::iter(asked)).await.unwrap();
        let mut answers = answers.into_inner();
        let mut next = async || -> Option<MessageResponse> {
            let answer: ServerReflectionResponse = answers.message().await.unwrap()?;
            answer.message_response
        };

        let Some(MessageResponse::ListServicesResponse(listed)) = next().await else { panic!() };
        let mut names: Vec<_> = listed.service.into_iter().map(|service| service.name).collect();
        names.sort();
        assert_eq!(
            names,
            [
                "grpc.health.v1.Health",
                "grpc.reflection.v1.ServerReflection",
                "potts.v1.ActionService",
                "potts.v1.ActorService",
                "potts.v1.EventService",
                "potts.v1.IssueService",
                "potts.v1.ProjectService",
                "potts.v1.WorkflowService",
            ]
        );
        let Some(MessageResponse::FileDescriptorResponse(files)) = next().await else { panic!() };
        assert!(!files.file_descriptor_proto.is_empty());
    }

    #[tokio::test]
    async fn tls_files_that_are_none_are_refused() {
        let tls = Tls {
            certificate: b"no certificate".to_vec(),
            key: b"no key".to_vec().into(),
            client_ca: None,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = options(Some(tls));
        let (health, observer) = (Health::new().await, Arc::new(|_: &str, _, _| ()));

        let served = listen(
            connections(listener),
            options,
            Routes::default(),
            &health,
            observer,
            Default::default(),
        );

        assert_eq!(served.await.unwrap_err().to_string(), "the TLS files are not usable");
    }
}
