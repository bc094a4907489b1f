//! How long an event takes from the call that causes it to a subscriber of the same server.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use potts::proto;
use potts::proto::subscribe_request::Start;
use potts::proto::subscribe_response::Message;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tonic::Streaming;

use crate::grpc::{GrpcSide, changed, update};
use crate::measure::{Figures, Span, millis};
use crate::work::{Choices, ISSUES, PROJECT};

/// Calls a second.
pub const RATE: u32 = 200;
/// An event that takes longer than this is lost.
const LOST_AFTER: Duration = Duration::from_secs(10);
/// The caller number of the publisher, and so its connection; the subscriber has another.
const PUBLISHER: usize = 0;
const SUBSCRIBER: usize = 1;

/// How long events took.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// From the call to the event.
    pub from_call: Figures,
    /// From the answer of the call; less than zero where the event came first.
    pub from_answer: Figures,
}

/// What was updated, when it was called, and when it was answered.
type Sent = (String, Instant, Instant);

/// One publisher and one subscriber.
pub async fn run(side: &GrpcSide, span: Span) -> Result<Delivery> {
    let mut stream = subscribe(side).await?;
    let calls = u32::try_from(span.whole.as_millis())? * RATE / 1_000;
    let mut publishing = JoinSet::new();
    let issues = side.issues(PUBLISHER)?;
    publishing.spawn(async move {
        let mut ticks = interval(Duration::from_secs(1) / RATE);
        // Calls do not wait for each other: one that is slow holds no other up.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut choices = Choices::of(PUBLISHER);
        let mut calling = JoinSet::new();
        for number in 0..calls {
            ticks.tick().await;
            let name = format!("projects/{PROJECT}/issues/{}", number % ISSUES + 1);
            let issue = changed(&mut choices, name.clone());
            let mut issues = issues.clone();
            calling.spawn(async move {
                let called = Instant::now();
                update(&mut issues, issue).await?;
                anyhow::Ok((name, called, Instant::now()))
            });
        }
        calling.join_all().await.into_iter().collect::<Result<Vec<Sent>>>()
    });

    let mut received: BTreeMap<String, Vec<Instant>> = BTreeMap::new();
    let mut count = 0;
    while count < calls {
        let batch = next_batch(&mut stream).await?;
        let now = Instant::now();
        for event in batch.decoded()? {
            received.entry(event.subject).or_default().push(now);
            count += 1;
        }
    }
    let sent = publishing.join_next().await.context("the publisher")???;
    figures(sent, received, span)
}

async fn subscribe(side: &GrpcSide) -> Result<Streaming<proto::SubscribeResponse>> {
    let request = proto::SubscribeRequest {
        start: Some(Start::FromNow(true)),
        ..proto::SubscribeRequest::default()
    };
    let mut stream = side.events(SUBSCRIBER)?.subscribe(request).await?.into_inner();
    // The first message says that the subscription stands.
    timeout(LOST_AFTER, stream.message()).await??.context("the stream ended")?;
    Ok(stream)
}

async fn next_batch(stream: &mut Streaming<proto::SubscribeResponse>) -> Result<proto::EventBatch> {
    loop {
        let response =
            timeout(LOST_AFTER, stream.message()).await.context("an event is lost")??;
        match response.and_then(|response| response.message) {
            Some(Message::Batch(batch)) => return Ok(batch),
            Some(
                Message::Started(_)
                | Message::Checkpoint(_)
                | Message::CaughtUp(_)
                | Message::FellBehind(_),
            ) => (),
            None => bail!("the stream ended"),
        }
    }
}

fn figures(
    mut sent: Vec<Sent>,
    received: BTreeMap<String, Vec<Instant>>,
    span: Span,
) -> Result<Delivery> {
    sent.sort_by_key(|(_, called, _)| *called);
    let first = sent.first().map(|(_, called, _)| *called).context("nothing was sent")?;
    let mut turns: BTreeMap<&str, std::slice::Iter<'_, Instant>> =
        received.iter().map(|(subject, times)| (subject.as_str(), times.iter())).collect();
    let (mut from_call, mut from_answer) = (Vec::new(), Vec::new());
    for (name, called, answered) in &sent {
        let arrived = turns.get_mut(name.as_str()).and_then(Iterator::next);
        let arrived = *arrived.with_context(|| format!("no event of {name}"))?;
        if *called >= first + span.warm_up {
            from_call.push(millis(arrived - *called));
            let after = arrived.saturating_duration_since(*answered);
            let before = answered.saturating_duration_since(arrived);
            from_answer.push(millis(after) - millis(before));
        }
    }
    Ok(Delivery {
        from_call: Figures::of(from_call, span.counted()),
        from_answer: Figures::of(from_answer, span.counted()),
    })
}
