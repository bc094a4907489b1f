//! Those who are told of events: one stream each, over connections that they share.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::future::try_join_all;
use potts::proto;
use potts::proto::subscribe_request::Start;
use potts::proto::subscribe_response::Message;
use tokio::time::timeout;
use tonic::Streaming;

use crate::grpc::{Events, GrpcSide};

/// Subscribers share at most so many connections; with rivals it is as many.
pub const CONNECTIONS: usize = 100;
/// How many subscribe at once: a server that is asked by all together is another measurement.
const AT_ONCE: usize = 100;
/// A subscription that takes longer to stand never will.
const STANDS_WITHIN: Duration = Duration::from_secs(30);

/// One of them.
#[derive(Debug)]
pub struct Subscriber {
    stream: Streaming<proto::SubscribeResponse>,
    /// How often it was told that it was too slow for the ring.
    pub fell_behind: u32,
}

impl Subscriber {
    /// The next events, encoded.
    pub async fn next(&mut self) -> Result<Vec<Bytes>> {
        loop {
            let response = self.stream.message().await?;
            match response.and_then(|response| response.message) {
                Some(Message::Batch(batch)) => return Ok(batch.events),
                Some(Message::FellBehind(_)) => self.fell_behind += 1,
                Some(Message::Started(_) | Message::Checkpoint(_) | Message::CaughtUp(_)) => (),
                None => bail!("the stream ended"),
            }
        }
    }
}

/// So many subscribers of everything from now on, over [`CONNECTIONS`]. All stand.
pub async fn subscribe(side: &GrpcSide, count: usize) -> Result<Vec<Subscriber>> {
    subscribe_over(side, count, CONNECTIONS).await
}

/// The same, over at most so many connections.
pub async fn subscribe_over(
    side: &GrpcSide,
    count: usize,
    connections: usize,
) -> Result<Vec<Subscriber>> {
    let clients = side.readers(count, connections).await?;
    let mut subscribers = Vec::new();
    for clients in clients.chunks(AT_ONCE) {
        subscribers.extend(try_join_all(clients.iter().cloned().map(stand)).await?);
    }
    Ok(subscribers)
}

async fn stand(mut client: Events) -> Result<Subscriber> {
    let request = proto::SubscribeRequest {
        start: Some(Start::FromNow(true)),
        ..proto::SubscribeRequest::default()
    };
    let mut stream = client.subscribe(request).await?.into_inner();
    // The first message says that the subscription stands.
    let first = timeout(STANDS_WITHIN, stream.message()).await.context("it does not stand")??;
    first.context("the stream ended")?;
    Ok(Subscriber { stream, fell_behind: 0 })
}
