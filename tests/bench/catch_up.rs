//! How fast one subscriber reads a long log, beside `copy`.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use potts::proto;
use potts::proto::subscribe_request::Start;
use potts::proto::subscribe_response::Message;
use tokio::time::{Instant, timeout};

use crate::grpc::GrpcSide;

/// A stream that is silent for this long hangs.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// How many events a second reach a subscriber that starts at the beginning. It counts them and
/// their bytes; to decode each is its own affair.
pub async fn run(side: &GrpcSide, events: u32) -> Result<f64> {
    let request = proto::SubscribeRequest {
        start: Some(Start::FromBeginning(true)),
        batch_events_max: 1_000,
        batch_bytes_max: 1 << 20,
        stop_when_caught_up: true,
        ..proto::SubscribeRequest::default()
    };
    let began = Instant::now();
    let mut stream = side.events(0)?.subscribe(request).await?.into_inner();
    let (mut count, mut bytes) = (0, 0);
    loop {
        let response = timeout(SILENCE_MAX, stream.message()).await.context("it is silent")??;
        match response.and_then(|response| response.message) {
            Some(Message::Batch(batch)) => {
                count += batch.events.len();
                bytes += batch.events.iter().map(bytes::Bytes::len).sum::<usize>();
            }
            Some(Message::CaughtUp(_)) => break,
            Some(Message::Started(_) | Message::Checkpoint(_) | Message::FellBehind(_)) => (),
            None => bail!("the stream ended early"),
        }
    }
    let rate = f64::from(events) / began.elapsed().as_secs_f64();
    ensure!(count == usize::try_from(events)?, "{count} of {events} events came");
    ensure!(bytes > count, "events without bytes came");
    Ok(rate)
}
