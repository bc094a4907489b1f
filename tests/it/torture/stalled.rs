//! Readers that stop reading: they cost what is on its way to them, and get the rest later.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::join_all;
use potts::proto::cloudevents::cloud_event::Data;
use potts::proto::event_service_client::EventServiceClient;
use potts::proto::{EventFilter, PublishEventsRequest, cloudevents, publish_result::Outcome};
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;

use super::oracle::{Oracle, rows};
use crate::replicas::{door, project};
use crate::support::app::{Bearer, Door, TOKEN};
use crate::support::{Process, TestDatabase};

const READERS: usize = 8;
/// What is published at a time, of messages of so many bytes.
const MESSAGES: usize = 1_024;
const MESSAGE_BYTES: usize = 16 << 10;
/// Windows of a reader that say truly how little it takes.
const WINDOW_BYTES: u32 = 64 << 10;

/// A door whose connection holds little that is not read.
pub async fn tight(addr: SocketAddr) -> Door {
    let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap();
    let endpoint = endpoint
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .connect_timeout(Duration::from_secs(10));
    InterceptedService::new(endpoint.connect().await.unwrap(), Bearer::of(TOKEN))
}

/// Publishes so many messages of that size.
pub async fn publish(door: &Door, named: &str, messages: usize, bytes: usize) {
    publish_by(128, door, named, messages, bytes).await;
}

/// The same, so many with each call.
pub async fn publish_by(step: usize, door: &Door, named: &str, messages: usize, bytes: usize) {
    let message = |n: usize| cloudevents::CloudEvent {
        id: format!("{named}-{n}"),
        source: "/tests".into(),
        spec_version: "1.0".into(),
        r#type: "test".into(),
        data: Some(Data::TextData("m".repeat(bytes))),
        ..Default::default()
    };
    for first in (0..messages).step_by(step) {
        let request = PublishEventsRequest {
            parent: "projects/abc".into(),
            events: (first..messages.min(first + step)).map(message).collect(),
            ..Default::default()
        };
        let mut events = EventServiceClient::new(door.clone());
        for result in events.publish_events(request).await.unwrap().into_inner().results {
            assert!(matches!(result.outcome, Some(Outcome::Message(_))), "{result:?}");
        }
    }
}

/// Bytes of memory that a process occupies.
pub fn memory(process: u32) -> usize {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let mut lines = status.lines();
    let kib = lines.find_map(|line| line.strip_prefix("VmRSS:")?.strip_suffix(" kB")).unwrap();
    kib.trim().parse::<usize>().unwrap() << 10
}

/// Goal: what readers do not take is not kept for each of them, writers do not wait for them, and
/// when they go on they are told all.
#[tokio::test(flavor = "multi_thread")]
async fn readers_that_stop_reading_cost_little_and_miss_nothing() {
    let database = TestDatabase::new().await;
    let data = tempfile::tempdir().unwrap();
    let process =
        Process::start(data.path(), &[("POTTS_DATABASE_URL", database.url.as_str())]).await;
    let writer = door(process.grpc_addr).await;
    project(&writer, "abc").await;
    publish(&writer, "before", MESSAGES, MESSAGE_BYTES).await;
    let mut stalled = Vec::new();
    for _ in 0..READERS {
        let mut events = EventServiceClient::new(tight(process.grpc_addr).await);
        let mut oracle = Oracle::new(EventFilter::default());
        let mut stream = events.subscribe(oracle.request()).await.unwrap().into_inner();
        oracle.note(stream.message().await.unwrap().unwrap().message.unwrap());
        stalled.push((stream, oracle));
    }
    let before = memory(process.id());

    publish(&writer, "meanwhile", MESSAGES, MESSAGE_BYTES).await;

    let grown = memory(process.id()).saturating_sub(before);
    let published = MESSAGES * MESSAGE_BYTES;
    // The newest events are in memory once, and each reader has a batch or two on its way.
    let bound = published + READERS * (3 << 20) + (24 << 20);
    assert!(grown < bound, "{grown} bytes for {published} that {READERS} readers do not read");
    let rows = rows(&database, 0).await;
    let head = rows.last().unwrap().seq;
    let go_on = stalled.iter_mut().take(2).map(async |(stream, oracle)| {
        while oracle.at() < head {
            oracle.note(stream.message().await.unwrap().unwrap().message.unwrap());
        }
        oracle.violations(&rows)
    });
    for violations in join_all(go_on).await {
        assert_eq!(violations, Vec::<String>::new());
    }
    eprintln!("{grown} bytes more for {published} bytes and {READERS} readers");
}
