//! The way to the service: where it is, who is calling, how long a call may take, and what is sent
//! again when the way breaks.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::{Instant, sleep, timeout};
use tonic::metadata::AsciiMetadataValue;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint};
use tonic::{Request, Response, Status};
use uuid::Uuid;

use super::backoff::Backoff;
use super::failure::{Failure, is_unknown, is_worth_again, retry_after};
use crate::proto::action_service_client::ActionServiceClient;
use crate::proto::actor_service_client::ActorServiceClient;
use crate::proto::event_service_client::EventServiceClient;
use crate::proto::issue_service_client::IssueServiceClient;
use crate::proto::project_service_client::ProjectServiceClient;
use crate::proto::workflow_service_client::WorkflowServiceClient;

/// A page of large issues is larger than the 4 MiB that is usual.
const ANSWER_BYTES_MAX: usize = 64 << 20;
/// Larger windows hide from the service that a reader is slow.
const STREAM_WINDOW_BYTES: u32 = 256 << 10;
/// How often a connection is tried, and how long until it counts as broken.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Where the service is and how to call it.
#[derive(Args, Clone, Debug)]
pub struct Connection {
    /// Where the service listens; https:// uses TLS
    #[arg(long, env = "POTTS_ADDRESS", default_value = "http://127.0.0.1:50051")]
    #[arg(global = true, value_name = "URL", help_heading = "Connection")]
    pub address: String,

    /// Who is calling
    #[arg(long, env = "POTTS_TOKEN", hide_env_values = true, value_parser = secret)]
    #[arg(global = true, help_heading = "Connection")]
    pub token: Option<SecretString>,

    /// Trust the certificates of this PEM file, and not those of the system
    #[arg(long, global = true, value_name = "FILE", help_heading = "Connection")]
    pub ca_file: Option<PathBuf>,

    /// How long a call may take, retries included: 500ms, 30s, 2m
    #[arg(long, default_value = "30s", value_parser = span)]
    #[arg(global = true, value_name = "TIME", help_heading = "Connection")]
    pub timeout: Duration,
}

#[expect(clippy::unnecessary_wraps, reason = "the form that clap asks for")]
fn secret(text: &str) -> Result<SecretString, String> {
    Ok(SecretString::from(text))
}

/// Reads a length of time: a number of seconds, or one with its unit.
pub fn span(text: &str) -> Result<Duration, String> {
    let span = match text.parse::<u32>() {
        Ok(seconds) => Duration::from_secs(seconds.into()),
        Err(_) => {
            let span: jiff::SignedDuration = text.parse().map_err(|_| "write it as 30s or 2m")?;
            Duration::try_from(span).map_err(|_| "must not be negative")?
        }
    };
    if span.is_zero() { Err("must not be zero".into()) } else { Ok(span) }
}

/// A channel that says who is calling.
pub type Wire = InterceptedService<Channel, Bearer>;

/// Adds the token to each call.
#[derive(Clone)]
pub struct Bearer(Option<AsciiMetadataValue>);

impl Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        if let Some(token) = &self.0 {
            request.metadata_mut().insert("authorization", token.clone());
        }
        Ok(request)
    }
}

/// A connection to the service.
#[derive(Clone)]
pub struct Client {
    wire: Wire,
    timeout: Duration,
}

impl Client {
    /// Connects for calls that are answered once. That nothing listens there is found out at once.
    pub async fn connect(connection: &Connection) -> Result<Client, Failure> {
        Client::over(connection, endpoint(connection)?).await
    }

    /// Connects for streams. They have a channel of their own, whose small windows let the service
    /// see a slow reader, and which notices when the other side is gone.
    pub async fn connect_for_streams(connection: &Connection) -> Result<Client, Failure> {
        let endpoint = endpoint(connection)?
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(STREAM_WINDOW_BYTES)
            .http2_keep_alive_interval(KEEPALIVE)
            .keep_alive_timeout(KEEPALIVE)
            .keep_alive_while_idle(true);
        Client::over(connection, endpoint).await
    }

    async fn over(connection: &Connection, endpoint: Endpoint) -> Result<Client, Failure> {
        // An empty variable of the environment means the same as none.
        let token = connection.token.as_ref().filter(|token| !token.expose_secret().is_empty());
        let bearer = Bearer(token.map(bearer).transpose()?);
        let channel = match timeout(connection.timeout, endpoint.connect()).await {
            Ok(Ok(channel)) => channel,
            Ok(Err(error)) => {
                let why = causes(&error);
                let problem = format!("cannot connect to {}: {why}", connection.address);
                return Err(Failure::NoConnection(problem));
            }
            Err(_) => return Err(Failure::Late(connection.timeout)),
        };
        let wire = InterceptedService::new(channel, bearer);
        Ok(Client { wire, timeout: connection.timeout })
    }

    /// The log.
    pub fn events(&self) -> EventServiceClient<Wire> {
        EventServiceClient::new(self.wire.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Issues.
    pub fn issues(&self) -> IssueServiceClient<Wire> {
        IssueServiceClient::new(self.wire.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Configuration.
    pub fn workflows(&self) -> WorkflowServiceClient<Wire> {
        WorkflowServiceClient::new(self.wire.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Actors, groups and credentials.
    pub fn actors(&self) -> ActorServiceClient<Wire> {
        ActorServiceClient::new(self.wire.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Actions.
    pub fn actions(&self) -> ActionServiceClient<Wire> {
        ActionServiceClient::new(self.wire.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Projects.
    pub fn projects(&self) -> ProjectServiceClient<Wire> {
        ProjectServiceClient::new(self.wire.clone()).max_decoding_message_size(ANSWER_BYTES_MAX)
    }

    /// Sends a call until it is answered or the time is over. It must be safe to send again: it
    /// reads, or it carries a `request_id`.
    pub async fn call<Q: Clone, A>(
        &self,
        question: Q,
        send: impl AsyncFn(Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        let until = Instant::now() + self.timeout;
        let mut backoff = Backoff::new();
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let status = match self.within(left, question.clone(), &send).await {
                Ok(answer) => return Ok(answer),
                Err(Failure::Status { status, .. }) if is_worth_again(&status) => status,
                Err(failure) => return Err(failure),
            };
            let pause = backoff.pause(retry_after(&status));
            if Instant::now() + pause >= until {
                return Err(status.into());
            }
            sleep(pause).await;
        }
    }

    /// As [`Client::call`], for a write: says how to go on where nobody knows whether it happened.
    pub async fn write<Q: Clone, A>(
        &self,
        request_id: &str,
        question: Q,
        send: impl AsyncFn(Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        let sent = self.call(question, send).await;
        sent.map_err(|failure| {
            let unknown = matches!(&failure, Failure::Status { status, .. } if is_unknown(status));
            if unknown { failure.or_hint(|| unknown_outcome(request_id)) } else { failure }
        })
    }

    /// Sends a call once.
    pub async fn once<Q, A>(
        &self,
        question: Q,
        send: impl AsyncFn(Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        self.within(self.timeout, question, &send).await
    }

    async fn within<Q, A>(
        &self,
        left: Duration,
        question: Q,
        send: &impl AsyncFn(Request<Q>) -> Result<Response<A>, Status>,
    ) -> Result<A, Failure> {
        let mut request = Request::new(question);
        request.set_timeout(left);
        Ok(send(request).await?.into_inner())
    }
}

fn unknown_outcome(request_id: &str) -> String {
    format!("it may have happened; the same with --request-id {request_id} happens once at most")
}

/// The `request_id` of a write: the caller's, or one of our own.
pub fn request_id(given: &Option<Uuid>) -> String {
    given.unwrap_or_else(Uuid::now_v7).to_string()
}

fn bearer(token: &SecretString) -> Result<AsciiMetadataValue, Failure> {
    let value = format!("Bearer {}", token.expose_secret()).parse::<AsciiMetadataValue>();
    let mut value =
        value.map_err(|_| Failure::Usage("the token holds characters that none has".into()))?;
    value.set_sensitive(true);
    Ok(value)
}

fn endpoint(connection: &Connection) -> Result<Endpoint, Failure> {
    let Connection { address, token: _, ca_file, timeout } = connection;
    let wrong =
        |error: tonic::transport::Error| Failure::Usage(format!("{address}: {}", causes(&error)));
    let with_scheme =
        if address.contains("://") { address.clone() } else { format!("http://{address}") };
    let endpoint = Endpoint::from_shared(with_scheme).map_err(wrong)?;
    let scheme = endpoint.uri().scheme_str().unwrap_or_default().to_owned();
    let endpoint = endpoint.connect_timeout(*timeout).tcp_nodelay(true);
    match (scheme.as_str(), ca_file) {
        ("http", None) => Ok(endpoint),
        ("http", Some(_)) => {
            Err(Failure::Usage("--ca-file needs an --address that begins with https://".into()))
        }
        ("https", None) => {
            endpoint.tls_config(ClientTlsConfig::new().with_native_roots()).map_err(wrong)
        }
        ("https", Some(file)) => {
            let pem = std::fs::read(file)
                .map_err(|error| Failure::Usage(format!("{}: {error}", file.display())))?;
            let tls = ClientTlsConfig::new().ca_certificate(Certificate::from_pem(pem));
            endpoint.tls_config(tls).map_err(wrong)
        }
        _ => Err(Failure::Usage(format!("{address}: must begin with http:// or https://"))),
    }
}

/// An error with its causes, without what is said twice.
fn causes(error: &dyn std::error::Error) -> String {
    let mut said = vec![error.to_string()];
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_said = cause.to_string();
        if !said.iter().any(|earlier| earlier.contains(&cause_said)) {
            said.push(cause_said);
        }
        source = cause.source();
    }
    said.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::canned::{Canned, message, serve_on};
    use crate::proto::{self, subscribe_response::Message};

    fn connection(address: &str) -> Connection {
        let timeout = Duration::from_secs(10);
        Connection { address: address.into(), token: None, ca_file: None, timeout }
    }

    #[test]
    fn lengths_of_time_are_read() {
        assert_eq!(span("30"), Ok(Duration::from_secs(30)));
        assert_eq!(span("30s"), Ok(Duration::from_secs(30)));
        assert_eq!(span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(span("2m"), Ok(Duration::from_secs(120)));
        for text in ["", "0", "0s", "-3s", "soon"] {
            assert!(span(text).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_read_with_and_without_scheme() {
        assert!(endpoint(&connection("localhost:50051")).is_ok());
        assert!(endpoint(&connection("http://[::1]:50051")).is_ok());
        assert!(endpoint(&connection("ftp://localhost")).is_err());
        assert!(endpoint(&connection("")).is_err());
        let ca_file = Some(PathBuf::from("nowhere.pem"));
        let missing = Connection { ca_file, ..connection("https://localhost:1") };
        assert_eq!(endpoint(&missing).unwrap_err().exit(), super::super::Exit::Usage);
    }

    #[tokio::test]
    async fn a_service_that_does_not_answer_is_given_up() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", silent.local_addr().unwrap());
        let client = Client::connect(&connection(&address)).await.ok().unwrap();

        let client = Client { timeout: Duration::from_millis(200), ..client };
        let send = async |request| client.projects().list_projects(request).await;
        let failure = client.call(proto::ListProjectsRequest::default(), send).await;

        let failure = failure.unwrap_err();
        assert_eq!(failure.exit(), super::super::Exit::Unreachable);
        let message = "the service did not answer in time (DEADLINE_EXCEEDED)";
        assert_eq!(failure.message(), message);
    }

    /// Goal: streams that nobody reads hold up no call.
    /// Method: more is on its way than windows hold. That it fills the connection of the streams
    /// shows by a call on that, which is not answered.
    #[tokio::test]
    async fn streams_that_nobody_reads_hold_up_no_call() {
        let batch =
            proto::EventBatch { events: vec![vec![0; 64 << 10].into()], ..Default::default() };
        let much = vec![message(Message::Batch(batch)); 64];
        let canned = Canned::subscribing([much.clone(), much.clone(), much]);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let types = async |client: &Client| {
            let mut events = client.events();
            let call = events.list_event_types(proto::ListEventTypesRequest {});
            timeout(Duration::from_secs(1), call).await.map(|answer| answer.unwrap())
        };
        let calls = async {
            let streaming = Client::connect_for_streams(&connection(&address)).await.ok().unwrap();
            let mut stalled = Vec::new();
            for _ in 0..3 {
                let stream = streaming.events().subscribe(proto::SubscribeRequest::default()).await;
                stalled.push(stream.unwrap().into_inner());
            }
            let full = Instant::now() + connection(&address).timeout;
            while types(&streaming).await.is_ok() {
                assert!(Instant::now() < full, "three streams do not fill a connection");
            }

            let client = Client::connect(&connection(&address)).await.ok().unwrap();
            let mut quickest = Duration::MAX;
            for _ in 0..10 {
                let before = Instant::now();
                types(&client).await.expect("an answer");
                quickest = quickest.min(before.elapsed());
            }
            assert!(quickest < Duration::from_millis(100), "{quickest:?}");
            drop(stalled);
        };

        tokio::select! {
            () = calls => (),
            () = serve_on(&canned, listener) => panic!("the service ended first"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_for_trying_again_has_an_end_and_a_way_on() {
        let channel = endpoint(&connection("nowhere")).unwrap().connect_lazy();
        let wire = InterceptedService::new(channel, Bearer(None));
        let client = Client { wire, timeout: Duration::from_millis(300) };
        let sent = std::cell::RefCell::new(Vec::new());
        let send = async |request: Request<&'static str>| {
            sent.borrow_mut().push(request.into_inner());
            Err::<Response<()>, _>(Status::unavailable("no database"))
        };

        let before = Instant::now();
        let failure = client.write("the-id", "create", send).await.unwrap_err();

        // Timers count whole milliseconds, so a pause that just fits ends with the time.
        assert!(before.elapsed() <= client.timeout, "{:?}", before.elapsed());
        assert!(sent.borrow().len() > 1, "it is tried again");
        assert!(sent.borrow().iter().all(|sent| *sent == "create"));
        assert_eq!(failure.exit(), super::super::Exit::Unreachable);
        let mut err = Vec::new();
        failure.tell(&mut err).unwrap();
        let err = String::from_utf8(err).unwrap();
        assert!(err.starts_with("potts: no database (UNAVAILABLE)\nhint: "), "{err}");
        assert!(err.contains("--request-id the-id"), "{err}");
    }

    #[tokio::test]
    async fn that_nothing_listens_is_said_at_once_with_a_hint() {
        // Held, so that nobody else begins to listen there.
        let held = tokio::net::TcpSocket::new_v4().unwrap();
        held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = format!("http://{}", held.local_addr().unwrap());

        let failure = Client::connect(&connection(&address)).await;

        let failure = failure.err().unwrap();
        assert_eq!(failure.exit(), super::super::Exit::Unreachable);
        let mut err = Vec::new();
        failure.tell(&mut err).unwrap();
        let err = String::from_utf8(err).unwrap();
        assert!(err.contains("cannot connect to http://127.0.0.1:"), "{err}");
        assert!(err.contains("potts serve"), "{err}");
    }
}
