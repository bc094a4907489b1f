//! How much reaches very many subscribers when callers call as fast as they can.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use anyhow::{Result, bail};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::grpc::GrpcSide;
use crate::measure::{Span, pass};
use crate::process::cpu;
use crate::subscriber::{Subscriber, subscribe};
use crate::work::Work;

/// How many call at once.
pub const CALLERS: usize = 64;

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Saturation {
    /// Deliveries a second, of all subscribers together.
    pub rate: f64,
    /// What the server computed, for each delivery.
    pub cpu_us: f64,
    /// How often a subscriber was told that it was too slow for the ring.
    pub fell_behind: u32,
}

#[derive(Debug, Default)]
struct Counts {
    delivered: AtomicU64,
    fell_behind: AtomicU32,
}

/// Lets callers call, and subscribers count.
pub async fn run(side: &GrpcSide, subscribers: usize, span: Span) -> Result<Saturation> {
    let counts: Vec<Arc<Counts>> = (0..subscribers).map(|_| Arc::default()).collect();
    let mut counting = JoinSet::new();
    for (subscriber, own) in subscribe(side, subscribers).await?.into_iter().zip(&counts) {
        counting.spawn(count(subscriber, Arc::clone(own)));
    }
    let delivered =
        || counts.iter().map(|count| count.delivered.load(Ordering::Relaxed)).sum::<u64>();
    let id = side.process_id()?;
    let watching = async {
        pass(span.warm_up).await;
        let (began, before, cpu_before) = (Instant::now(), delivered(), cpu(id)?);
        pass(span.counted()).await;
        let deliveries = (delivered() - before) as f64;
        let computed = cpu(id)?.saturating_sub(cpu_before);
        let rate = deliveries / began.elapsed().as_secs_f64();
        anyhow::Ok((rate, computed.as_secs_f64() * 1e6 / deliveries))
    };
    let calling = side.run(Work::Update, CALLERS, span);
    let (rate, cpu_us) = tokio::select! {
        both = async { tokio::try_join!(watching, calling) } => both?.0,
        Some(ended) = counting.join_next() => {
            ended??;
            bail!("a subscriber ended")
        }
    };
    let fell_behind = counts.iter().map(|count| count.fell_behind.load(Ordering::Relaxed)).sum();
    Ok(Saturation { rate, cpu_us, fell_behind })
}

async fn count(mut subscriber: Subscriber, own: Arc<Counts>) -> Result<()> {
    loop {
        let events = subscriber.next().await?;
        own.delivered.fetch_add(u64::try_from(events.len())?, Ordering::Relaxed);
        own.fell_behind.store(subscriber.fell_behind, Ordering::Relaxed);
    }
}
