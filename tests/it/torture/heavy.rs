//! What weighs most: the largest events, and the most laborious filters.

use futures_util::future::join_all;
use potts::proto::subscribe_request::Start;
use potts::proto::{EventFilter, ListEventTypesRequest};

use super::oracle::{Oracle, rows};
use super::reconnects::figure;
use super::stalled::{publish, publish_by};
use crate::replicas::door;
use crate::support::TestApp;
use crate::support::app::Clients;

/// Memory that a server has for its newest events.
const RING_BYTES: usize = 64 << 20;
/// Little less than an event may have.
const LARGE_BYTES: usize = 250 << 10;
/// More than fit into that memory.
const LARGE: usize = 300;

#[tokio::test(flavor = "multi_thread")]
async fn the_largest_events_alone_keep_within_the_memory_there_is() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let mut live = app.follow_from(Start::FromNow(true)).await;
    live.message().await.unwrap();

    let read = async {
        for _ in 0..LARGE {
            live.event().await;
        }
    };
    let door = app.as_root().0;
    let ((), ()) = tokio::join!(read, publish_by(12, &door, "large", LARGE, LARGE_BYTES));

    let http = app.server.http_addr;
    let ring = figure(http, "potts_stream_ring_bytes").await;
    assert!((RING_BYTES / 2..=RING_BYTES).contains(&ring), "{ring}");
    assert!(figure(http, "potts_stream_ring_events").await < LARGE);
    let mut late = Oracle::new(EventFilter::default());
    late.read_on(&app.as_root().0).await.unwrap();
    assert_eq!(late.violations(&rows(&app.database, 0).await), Vec::<String>::new());
    // The largest pages pass through memory, and are not kept in it.
    assert!(figure(http, "potts_stream_page_cache_bytes").await <= 32 << 20);
}

/// Goal: filters that look at as much as filters can hold up neither writers nor other readers.
#[tokio::test(flavor = "multi_thread")]
async fn the_most_laborious_filters_hold_up_nobody() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let types = app.events().list_event_types(ListEventTypesRequest {}).await.unwrap();
    let types = types.into_inner().types.into_iter().map(|kind| kind.r#type);
    let others: Vec<String> = types.filter(|kind| kind != "message.received").collect();
    let laborious = |last: &str| EventFilter {
        projects: (1..64)
            .map(|n| format!("projects/x{n}"))
            .chain(["projects/abc".into()])
            .collect(),
        types: others.iter().cloned().cycle().take(63).chain([last.to_owned()]).collect(),
        ..Default::default()
    };
    let filters = ["message.*", "issue.closed"].map(laborious);
    // On a connection of their own: what nobody reads there holds up what else is on it.
    let mut events = Clients(door(app.server.grpc_addr).await).events();
    let mut readers = Vec::new();
    for n in 0..50 {
        let oracle = Oracle::new(filters[n % 2].clone());
        let stream = events.subscribe(oracle.request()).await.unwrap().into_inner();
        readers.push((stream, oracle));
    }
    let mut plain = app.follow_from(Start::FromNow(true)).await;
    plain.message().await.unwrap();

    let all = async { plain.events(2_048).await };
    let writer = app.as_root().0;
    let (all, ()) = tokio::join!(all, publish(&writer, "many", 2_048, 100));

    assert_eq!(all.len(), 2_048);
    let rows = rows(&app.database, 0).await;
    let head = rows.last().unwrap().seq;
    let read_on = readers.iter_mut().map(async |(stream, oracle)| {
        while oracle.at() < head {
            oracle.note(stream.message().await.unwrap().unwrap().message.unwrap());
        }
        oracle.violations(&rows)
    });
    for violations in join_all(read_on).await {
        assert_eq!(violations, Vec::<String>::new());
    }
    assert_eq!(figure(app.server.http_addr, "potts_stream_falls").await, 0);
}
