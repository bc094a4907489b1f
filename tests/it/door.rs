//! The doors of the server: who is let in, how large, how long, how encrypted, how healthy.

use std::collections::BTreeSet;

use potts::proto::project_service_client::ProjectServiceClient;
use potts::proto::{DESCRIPTORS, GetProjectRequest, Project, UpdateProjectRequest};
use prost::Message as _;
use prost_types::FileDescriptorSet;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tonic::client::Grpc;
use tonic::codec::CompressionEncoding::Gzip;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;
use tonic_prost::ProstCodec;

use crate::support::app::{Bearer, PATIENCE, TOKEN, channel};
use crate::support::{TestApp, eventually, get, told};

/// The paths of all RPCs of the contract.
fn rpcs() -> Vec<String> {
    let FileDescriptorSet { file } = FileDescriptorSet::decode(DESCRIPTORS).unwrap();
    let services = file.iter().flat_map(|file| {
        file.service
            .iter()
            .map(|service| (format!("{}.{}", file.package(), service.name()), service))
    });
    let methods = services.flat_map(|(name, service)| {
        service.method.iter().map(move |method| format!("/{name}/{}", method.name()))
    });
    methods.collect()
}

/// Calls an RPC with an empty message and these metadata.
async fn call(
    channel: &Channel,
    path: &str,
    metadata: &[(&'static str, &str)],
) -> Result<(), Status> {
    let mut client = Grpc::new(channel.clone());
    client.ready().await.unwrap();
    let mut request = Request::new(());
    for (key, value) in metadata {
        request.metadata_mut().insert(*key, value.parse().unwrap());
    }
    let path = PathAndQuery::try_from(path).unwrap();
    client.unary(request, path, ProstCodec::<(), ()>::default()).await.map(drop)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_rpc_asks_for_the_token() {
    let app = TestApp::start().await;
    let channel = channel(app.server.grpc_addr).await;
    let rpcs = rpcs();
    assert!(rpcs.len() >= 38, "{rpcs:?}");

    for rpc in &rpcs {
        let wrong = format!("Bearer {TOKEN}x");
        for sent in [&[][..], &[("authorization", &*wrong)], &[("authorization", TOKEN)]] {
            let refused = told(call(&channel, rpc, sent).await);
            assert_eq!(refused.why(), (Code::Unauthenticated, "CREDENTIAL_INVALID"), "{rpc}");
        }
    }

    let mut health = HealthClient::new(channel.clone());
    assert!(health.check(HealthCheckRequest::default()).await.is_ok());
    assert!(listed_v1(&channel).await.contains("potts.v1.IssueService"));
    assert_eq!(app.head().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_that_passes_is_told_with_its_reason() {
    let app = TestApp::start().await;
    let channel = channel(app.server.grpc_addr).await;
    let token = format!("Bearer {TOKEN}");

    for rpc in rpcs() {
        // The client gives up at the same time by itself, with CANCELLED: ask until it was slower.
        let sent = [("authorization", token.as_str()), ("grpc-timeout", "3m")];
        let status = eventually(
            PATIENCE,
            async || call(&channel, &rpc, &sent).await.unwrap_err(),
            |status| status.code() != Code::Cancelled,
        );
        let refused = told(Err::<(), _>(status.await));
        assert_eq!(refused.why(), (Code::DeadlineExceeded, "DEADLINE_PASSED"), "{rpc}");
    }
    assert_eq!(app.head().await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_rpc_that_there_is_not_is_unimplemented() {
    let app = TestApp::start().await;
    let channel = channel(app.server.grpc_addr).await;

    for path in ["/potts.v1.IssueService/Fly", "/potts.v2.IssueService/GetIssue"] {
        let status = call(&channel, path, &[]).await.unwrap_err();
        assert_eq!(status.code(), Code::Unimplemented, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_compressed_both_ways_for_who_wants_it() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let get = || GetProjectRequest { name: "projects/abc".into() };
    let rename = UpdateProjectRequest {
        project: Some(Project {
            name: "projects/abc".into(),
            display_name: "n".repeat(250),
            ..Default::default()
        }),
        ..Default::default()
    };

    let mut zipped = app.projects().send_compressed(Gzip).accept_compressed(Gzip);
    let renamed = zipped.update_project(rename).await.unwrap();
    let plain = app.projects().get_project(get()).await.unwrap();

    assert_eq!(renamed.metadata().get("grpc-encoding").unwrap(), "gzip");
    assert!(plain.metadata().get("grpc-encoding").is_none());
    assert_eq!(renamed.into_inner().project, plain.into_inner().project);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_over_4_mib_is_refused() {
    let app = TestApp::start().await;
    let get = || GetProjectRequest { name: "x".repeat(4 << 20) };

    let plain = told(app.projects().get_project(get()).await);
    let zipped = told(app.projects().send_compressed(Gzip).get_project(get()).await);
    let within = GetProjectRequest { name: "x".repeat((4 << 20) - 100) };
    let within = told(app.projects().get_project(within).await);

    assert_eq!(plain.why(), (Code::InvalidArgument, "FIELD_TOO_LARGE"));
    assert_eq!(zipped.why(), (Code::InvalidArgument, "FIELD_TOO_LARGE"));
    assert_eq!(within.why(), (Code::InvalidArgument, "FIELD_INVALID"));
    assert!(within.message.len() <= 512, "what is quoted is cut");
}

#[tokio::test(flavor = "multi_thread")]
async fn health_is_told_for_the_whole_and_per_service() {
    let app = TestApp::start().await;
    let health = HealthClient::new(channel(app.server.grpc_addr).await);
    let check = async |service: &str| {
        let request = HealthCheckRequest { service: service.into() };
        let answer = health.clone().check(request).await;
        answer.map(|answer| answer.into_inner().status().as_str_name()).map_err(|s| s.code())
    };

    // It is looked at for the first time when the doors are open.
    for name in [
        "",
        "potts.v1.ProjectService",
        "potts.v1.IssueService",
        "potts.v1.ActionService",
        "potts.v1.EventService",
    ] {
        let serving =
            eventually(PATIENCE, async || check(name).await, |told| *told == Ok("SERVING"));
        assert!(serving.await.is_ok(), "{name}");
    }
    assert_eq!(check("potts.v1.Other").await, Err(Code::NotFound));
}

/// The services that a version of reflection lists.
macro_rules! listed {
    ($name:ident, $version:ident) => {
        async fn $name(channel: &Channel) -> BTreeSet<String> {
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, ServerReflectionResponse,
            };

            let asked = ServerReflectionRequest {
                host: String::new(),
                message_request: Some(MessageRequest::ListServices(String::new())),
            };
            let mut reflection = ServerReflectionClient::new(channel.clone());
            let answers = reflection.server_reflection_info(tokio_stream::iter([asked])).await;
            let first = answers.unwrap().into_inner().message().await.unwrap();
            let ServerReflectionResponse { message_response, .. } = first.unwrap();
            let Some(MessageResponse::ListServicesResponse(list)) = message_response else {
                panic!("{message_response:?}");
            };
            list.service.into_iter().map(|service| service.name).collect()
        }
    };
}
listed!(listed_v1, v1);
listed!(listed_v1alpha, v1alpha);

#[tokio::test(flavor = "multi_thread")]
async fn reflection_lists_the_services_in_both_versions() {
    let app = TestApp::start().await;
    let channel = channel(app.server.grpc_addr).await;

    for listed in [listed_v1(&channel).await, listed_v1alpha(&channel).await] {
        for name in ["ProjectService", "IssueService", "ActionService", "EventService"] {
            assert!(listed.contains(&format!("potts.v1.{name}")), "{listed:?}");
        }
        assert!(listed.contains("grpc.health.v1.Health"), "{listed:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn http_tells_whether_it_lives_and_is_ready_and_how_it_does() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let addr = app.server.http_addr;

    let (alive, _) = get(addr, "/healthz").await;
    eventually(PATIENCE, async || get(addr, "/readyz").await, |told| told.0 == 200).await;
    let (status, metrics) = get(addr, "/metrics").await;
    let (other, _) = get(addr, "/").await;

    assert_eq!((alive, status, other), (200, 200, 404));
    assert!(metrics.contains("\npotts_") && metrics.contains("CreateProject"), "{metrics}");
    assert!(!metrics.contains(TOKEN) && metrics.ends_with("# EOF\n"));
}

/// An authority, made for a test.
struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Authority {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate for a name, and its key.
    fn sign(&self, name: &str) -> (String, String) {
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

/// A server whose certificate is of `localhost`.
async fn encrypted(authority: &Authority, client_ca: Option<&Authority>) -> TestApp {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.to_string_lossy().into_owned()
    };
    let (certificate, key) = authority.sign("localhost");
    let cert = file("cert.pem", &certificate);
    let key = file("key.pem", &key);
    let ca = client_ca.map(|ca| file("ca.pem", &ca.pem));
    let mut set = vec![("POTTS_TLS_CERT_FILE", cert.as_str()), ("POTTS_TLS_KEY_FILE", &key)];
    set.extend(ca.as_deref().map(|ca| ("POTTS_TLS_CLIENT_CA_FILE", ca)));
    TestApp::with(&set).await
}

/// A client that trusts an authority and shows a certificate, if it has one.
async fn read(
    app: &TestApp,
    trusted: &Authority,
    shown: Option<(String, String)>,
) -> Result<(), String> {
    let mut tls = ClientTlsConfig::new()
        .domain_name("localhost")
        .ca_certificate(Certificate::from_pem(&trusted.pem));
    if let Some((certificate, key)) = shown {
        tls = tls.identity(Identity::from_pem(certificate, key));
    }
    let endpoint = Endpoint::from_shared(format!("https://{}", app.server.grpc_addr)).unwrap();
    let channel = endpoint.tls_config(tls).unwrap().connect().await;
    let channel = channel.map_err(|error| error.to_string())?;
    let mut projects = ProjectServiceClient::with_interceptor(channel, Bearer::of(TOKEN));
    let listed = projects.list_projects(potts::proto::ListProjectsRequest::default()).await;
    listed.map(drop).map_err(|status| status.to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_certificate_calls_are_encrypted() {
    let (ours, other) = (Authority::new(), Authority::new());
    let app = encrypted(&ours, None).await;

    assert_eq!(read(&app, &ours, None).await, Ok(()));
    assert!(read(&app, &other, None).await.is_err(), "who does not trust it does not talk to it");
    let plain = Endpoint::from_shared(format!("http://{}", app.server.grpc_addr)).unwrap();
    let plain = plain.connect_lazy();
    assert!(call(&plain, "/grpc.health.v1.Health/Check", &[]).await.is_err(), "plain");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_client_authority_callers_must_show_a_certificate() {
    let (ours, clients, other) = (Authority::new(), Authority::new(), Authority::new());
    let app = encrypted(&ours, Some(&clients)).await;

    assert_eq!(read(&app, &ours, Some(clients.sign("worker"))).await, Ok(()));
    assert!(read(&app, &ours, None).await.is_err());
    assert!(read(&app, &ours, Some(other.sign("worker"))).await.is_err());
}
