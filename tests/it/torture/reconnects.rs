//! Many readers that come back to what the memory of a server has no more.

use std::net::SocketAddr;

use futures_util::{StreamExt as _, stream};
use potts::proto::SubscribeRequest;
use potts::proto::subscribe_request::Start;
use potts::proto::subscribe_response::Message;

use super::oracle::place;
use super::stalled::publish;
use crate::support::TestApp;
use crate::support::app::PATIENCE;
use crate::support::get;

const READERS: usize = 1_000;
/// Of those so many at a time.
const AT_ONCE: usize = 50;
const MESSAGES: usize = 1_024;

/// A figure of `/metrics`.
pub async fn figure(addr: SocketAddr, name: &str) -> usize {
    let text = get(addr, "/metrics").await.1;
    let mut values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    values.next().unwrap().trim().parse().unwrap()
}

/// Reads to the end of the log: how many events, and the cursors on the way.
async fn read_on(app: &TestApp, start: Start) -> (usize, Vec<String>) {
    let request =
        SubscribeRequest { start: Some(start), stop_when_caught_up: true, ..Default::default() };
    let mut stream = app.events().subscribe(request).await.unwrap().into_inner();
    let (mut events, mut cursors) = (0, Vec::new());
    while let Some(said) = tokio::time::timeout(PATIENCE, stream.message()).await.unwrap().unwrap()
    {
        if let Some(Message::Batch(batch)) = said.message {
            events += batch.events.len();
            cursors.push(batch.cursor);
        }
    }
    (events, cursors)
}

/// Goal: what a thousand have missed is read from the database once, and not for each of them.
/// Method: a server that has just begun has nothing in memory of what came before.
#[tokio::test(flavor = "multi_thread")]
async fn readers_that_come_back_share_what_is_read_for_them() {
    let app = TestApp::start().await;
    app.project("abc").await;
    publish(&app.as_root().0, "old", MESSAGES, 100).await;
    let head = app.head().await;
    let (_, cursors) = read_on(&app, Start::FromBeginning(true)).await;
    let app = TestApp::on(app.stop().await, &[]).await;

    let come_back = |n: usize| {
        let (app, cursor) = (&app, cursors[n % (cursors.len() - 1)].clone());
        async move {
            let left = usize::try_from(head - place(&cursor).0).unwrap();
            assert_eq!(read_on(app, Start::After(cursor)).await.0, left);
        }
    };
    stream::iter(0..READERS).map(come_back).buffer_unordered(AT_ONCE).collect::<Vec<_>>().await;

    let http = app.server.http_addr;
    let hits = figure(http, "potts_stream_page_hits").await;
    let misses = figure(http, "potts_stream_page_misses").await;
    assert!(hits + misses >= READERS, "{hits} hits, {misses} misses");
    assert!(hits * 10 >= (hits + misses) * 9, "{hits} hits, {misses} misses");
    assert!(figure(http, "potts_stream_page_cache_bytes").await > MESSAGES * 100);
}
