//! How long an event takes from the call that causes it to subscribers, at a calm and steady rate.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use prost::Message as _;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

use crate::grpc::{GrpcSide, Issues, changed, update};
use crate::measure::{Figures, Span, millis};
use crate::process::cpu;
use crate::subscriber::{Subscriber, subscribe};
use crate::work::{Choices, ISSUES, PROJECT};

/// Calls a second.
pub const RATE: u32 = 200;
/// An event that takes longer than this is lost.
const LOST_AFTER: Duration = Duration::from_secs(30);
/// Over how many connections calls go.
const PUBLISHING: usize = 8;
/// Where, in a cursor, the number of its event stands.
const SEQ_OF_CURSOR: std::ops::Range<usize> = 9..17;

/// How long events took, over all subscribers.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// From the call to the event.
    pub from_call: Figures,
    /// From the answer of the call; less than zero where the event came first.
    pub from_answer: Figures,
    /// How often a subscriber was told that it was too slow for the ring.
    pub fell_behind: u32,
    /// What the server of the subscribers computed, for each delivery: all that it did meanwhile.
    pub cpu_us: f64,
}

/// When a call was sent, and when it was answered.
#[derive(Clone, Copy, Debug)]
struct Sent {
    called: Instant,
    answered: Instant,
}

/// What one subscriber heard: the numbers of the events, and when they came.
#[derive(Debug, Default)]
struct Heard {
    arrived: Vec<(i64, Instant)>,
    fell_behind: u32,
}

/// Events are encoded; what is read of them is the number that was put in front.
#[derive(Clone, PartialEq, prost::Message)]
struct Numbered {
    #[prost(int64, tag = "1")]
    seq: i64,
}

/// Calls of one server, and subscribers of the same or of another one.
pub async fn run(
    publisher: &GrpcSide,
    reader: &GrpcSide,
    subscribers: usize,
    span: Span,
) -> Result<Delivery> {
    let calls = u32::try_from(span.whole.as_millis())? * RATE / 1_000;
    let listening = subscribe(reader, subscribers).await?;
    let id = reader.process_id()?;
    let before = cpu(id)?;

    let mut publishing = JoinSet::new();
    let clients: Result<Vec<Issues>> = (0..PUBLISHING).map(|n| publisher.issues(n)).collect();
    publishing.spawn(publish(clients?, calls));
    let mut hearing = JoinSet::new();
    for subscriber in listening {
        hearing.spawn(timeout(span.whole + LOST_AFTER, hear(subscriber, calls)));
    }
    let mut heard = Vec::new();
    while let Some(subscriber) = hearing.join_next().await {
        heard.push(subscriber?.context("an event is lost")??);
    }
    let computed = cpu(id)?.saturating_sub(before);
    let sent = publishing.join_next().await.context("the publisher")???;
    let deliveries = f64::from(calls) * subscribers as f64;
    let cpu_us = computed.as_secs_f64() * 1e6 / deliveries;
    figures(&sent, &heard, cpu_us, span)
}

/// Calls at a steady rate; one that is slow holds no other up.
async fn publish(clients: Vec<Issues>, calls: u32) -> Result<BTreeMap<i64, Sent>> {
    let mut ticks = interval(Duration::from_secs(1) / RATE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut choices = Choices::of(0);
    let mut calling = JoinSet::new();
    for (number, client) in (0..calls).zip(clients.iter().cycle()) {
        ticks.tick().await;
        let name = format!("projects/{PROJECT}/issues/{}", number % ISSUES + 1);
        let issue = changed(&mut choices, name);
        let mut issues = client.clone();
        calling.spawn(async move {
            let called = Instant::now();
            let answer = update(&mut issues, issue).await?;
            ensure!(answer.changed, "a call changed nothing");
            let sent = Sent { called, answered: Instant::now() };
            anyhow::Ok((seq_of(&answer.cursor)?, sent))
        });
    }
    calling.join_all().await.into_iter().collect()
}

/// The number of the event that a cursor stands behind: the one event of the call.
fn seq_of(cursor: &str) -> Result<i64> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor)?;
    let seq = bytes.get(SEQ_OF_CURSOR).context("a cursor has another form")?;
    Ok(i64::from_be_bytes(seq.try_into()?))
}

async fn hear(mut subscriber: Subscriber, calls: u32) -> Result<Heard> {
    let mut heard = Heard::default();
    while heard.arrived.len() < usize::try_from(calls)? {
        let events = subscriber.next().await?;
        let now = Instant::now();
        for event in events {
            heard.arrived.push((Numbered::decode(event)?.seq, now));
        }
    }
    heard.fell_behind = subscriber.fell_behind;
    Ok(heard)
}

fn figures(
    sent: &BTreeMap<i64, Sent>,
    heard: &[Heard],
    cpu_us: f64,
    span: Span,
) -> Result<Delivery> {
    let first = sent.values().map(|sent| sent.called).min().context("nothing was sent")?;
    let counts = first + span.warm_up;
    let (mut from_call, mut from_answer) = (Vec::new(), Vec::new());
    for &(seq, arrived) in heard.iter().flat_map(|heard| &heard.arrived) {
        let sent = sent.get(&seq).with_context(|| format!("nobody caused event {seq}"))?;
        if sent.called >= counts {
            from_call.push(millis(arrived - sent.called));
            let after = arrived.saturating_duration_since(sent.answered);
            let before = sent.answered.saturating_duration_since(arrived);
            from_answer.push(millis(after) - millis(before));
        }
    }
    Ok(Delivery {
        from_call: Figures::of(from_call, span.counted()),
        from_answer: Figures::of(from_answer, span.counted()),
        fell_behind: heard.iter().map(|heard| heard.fell_behind).sum(),
        cpu_us,
    })
}
