//! Readers that go away, without a word or in the middle of anything: nothing of them stays.

use std::time::Duration;

use futures_util::future::join_all;
use hyper_util::rt::TokioIo;
use potts::proto::SubscribeRequest;
use potts::proto::event_service_client::EventServiceClient;
use potts::proto::subscribe_request::Start;
use tokio::net::UnixStream;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;

use crate::fault_calls::{creating, issue};
use crate::random::rng::{self, Rng};
use crate::support::app::{Bearer, Door, PATIENCE, TOKEN, TestApp};
use crate::support::{Proxy, eventually, get};

/// How many one caller may have.
const SUBSCRIPTIONS_MAX: usize = 100;

fn beginning() -> SubscribeRequest {
    SubscribeRequest { start: Some(Start::FromBeginning(true)), ..Default::default() }
}

/// How many subscriptions the server knows of.
async fn subscriptions(app: &TestApp) -> usize {
    let text = get(app.server.http_addr, "/metrics").await.1;
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("potts_stream_subscriptions "));
    line.unwrap().trim().parse().unwrap()
}

/// A door that leads through a proxy.
async fn through(proxy: &Proxy) -> Door {
    let socket = proxy.socket();
    let connector = tower::service_fn(move |_| {
        let socket = socket.clone();
        async move { UnixStream::connect(socket).await.map(TokioIo::new) }
    });
    let endpoint = Endpoint::from_static("http://through.invalid");
    let channel = endpoint.connect_with_connector(connector).await.unwrap();
    InterceptedService::new(channel, Bearer::of(TOKEN))
}

/// Goal: a reader whose machine has lost its power is forgotten within a minute.
#[tokio::test(flavor = "multi_thread")]
async fn readers_that_vanish_are_forgotten() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let proxy = Proxy::start(&format!("postgres://x@{}/x", app.server.grpc_addr)).await;
    let door = through(&proxy).await;
    let mut streams = Vec::new();
    for _ in 0..5 {
        let opened = EventServiceClient::new(door.clone()).subscribe(beginning()).await;
        let mut stream = opened.unwrap().into_inner();
        stream.message().await.unwrap().unwrap();
        streams.push(stream);
    }
    let mut stays = app.follow().await;
    assert_eq!(subscriptions(&app).await, 6);

    proxy.freeze();

    let minute = Duration::from_secs(60);
    eventually(minute, async || subscriptions(&app).await, |count| *count == 1).await;
    stays.event().await;
    app.issue("abc", "told to who stayed").await;
    stays.event().await;
}

/// Goal: who goes away while they attach, are read for or are told leaves no place occupied.
#[tokio::test(flavor = "multi_thread")]
async fn readers_that_go_at_any_moment_leave_no_place_occupied() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let calls: Vec<_> =
        (0..200).map(|n| creating(&app.door, &issue("abc", &n.to_string()), PATIENCE)).collect();
    for call in join_all(calls).await {
        call.unwrap().unwrap();
    }
    let mut rng = Rng::new(rng::seed(), 0);

    for _ in 0..8 {
        let leaving = (0..40).map(|n| {
            let patience = Duration::from_micros(u64::try_from(rng.below(60_000)).unwrap());
            let small = SubscribeRequest { batch_events_max: n % 7 + 1, ..beginning() };
            let mut events = app.events();
            let reading = async move {
                let mut stream = events.subscribe(small).await?.into_inner();
                while stream.message().await?.is_some() {}
                Ok::<(), tonic::Status>(())
            };
            tokio::time::timeout(patience, reading)
        });
        for left in join_all(leaving).await {
            // Either they went, or there was no room while others were on their way out.
            assert!(left.is_err() || left.unwrap().is_err());
        }
    }

    eventually(PATIENCE, async || subscriptions(&app).await, |count| *count == 0).await;
    let mut held = Vec::new();
    for _ in 0..SUBSCRIPTIONS_MAX {
        let mut stream = app.events().subscribe(beginning()).await.unwrap().into_inner();
        stream.message().await.unwrap().unwrap();
        held.push(stream);
    }
    assert_eq!(subscriptions(&app).await, SUBSCRIPTIONS_MAX);
}
