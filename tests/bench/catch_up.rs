//! How fast one subscriber reads a long log, beside `copy` and rivals.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use potts::proto;
use potts::proto::subscribe_request::Start;
use potts::proto::subscribe_response::Message;
use tempfile::TempDir;
use tokio::time::{Instant, timeout};

use crate::cluster::Cluster;
use crate::floor::Floor;
use crate::grpc::GrpcSide;
use crate::measure::Span;
use crate::options::Options;
use crate::peers::{Peers, Rival, Serving};
use crate::report::Line;

const DATABASE: &str = "bench_catch_up";
/// What a reader of the log may lose to reading raw rows.
const COPY_RATE_MIN: f64 = 0.5;
/// What it may lose to JetStream.
const JETSTREAM_RATE_MIN: f64 = 1.0;
/// etcd sends at most 1,000 revisions each 100 ms; a shorter log shows that as well.
const ETCD_SHARE: u32 = 10;
/// A stream that is silent for this long hangs.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Reads the log in turn by every way that there is.
pub async fn run(
    options: &Options,
    cluster: &Cluster,
    floor: Option<&Floor>,
    peers: Option<&Peers>,
) -> Result<Vec<Line>> {
    let events = options.log_events();
    let name = format!("catch-up/{events}");
    if !options.wants(&name) {
        return Ok(Vec::new());
    }
    println!("catching up with {events} events");
    let url = cluster.database_with_log(DATABASE, events).await?;
    let side = GrpcSide::start_process(&url, &cluster.spare_folder()).await?;
    let mut logs = Vec::new();
    for (peers, rival) in peers.iter().flat_map(|peers| Rival::ALL.map(|rival| (peers, rival))) {
        logs.push(Log::fill(peers, rival, events, options.span()).await?);
    }
    let (mut ours, mut text, mut binary) = (Vec::new(), Vec::new(), Vec::new());
    let mut theirs = [Vec::new(), Vec::new()];
    for _ in 0..options.rounds() {
        if let Some(floor) = floor {
            text.push(floor.copy(&url, events, "text").await?);
        }
        ours.push(read(&side, events).await?);
        if let Some(floor) = floor {
            binary.push(floor.copy(&url, events, "binary").await?);
        }
        for (log, rates) in logs.iter().zip(&mut theirs) {
            rates.push(log.read(options.span()).await);
        }
    }
    side.stop().await?;
    cluster.drop_database(DATABASE).await?;
    let mut lines = vec![
        Line::of_rates(&name, "copy to stdout", Some(COPY_RATE_MIN), (&ours, &text)),
        Line::of_rates(&format!("{name}/binary"), "copy, binary", None, (&ours, &binary)),
    ];
    let bounds = [Some(JETSTREAM_RATE_MIN), None];
    for ((log, rates), rate_min) in logs.iter().zip(&theirs).zip(bounds) {
        lines.push(Line::of_rates(&name, log.against(), rate_min, (&ours, rates)));
    }
    for log in logs {
        log.serving.stop().await?;
    }
    Ok(lines)
}

/// The log of a rival, which runs as ours does: what it keeps in memory from round to round, it may
/// use.
#[derive(Debug)]
struct Log {
    rival: Rival,
    events: u32,
    serving: Serving,
    _folder: TempDir,
}

impl Log {
    /// Fills it. That nothing is flushed meanwhile changes nothing of what is read.
    async fn fill(peers: &Peers, rival: Rival, events: u32, span: Span) -> Result<Log> {
        let events = if rival == Rival::Etcd { events / ETCD_SHARE } else { events };
        let folder = peers.folder()?;
        let serving = peers.serve(rival, folder.path(), false).await?;
        let log = Log { rival, events, serving, _folder: folder };
        log.work("fill", span).await.context("cannot fill the log of a rival")?;
        Ok(log)
    }

    async fn work(&self, what: &str, span: Span) -> Result<Option<f64>> {
        let events = [("events", usize::try_from(self.events)?)];
        Ok(self.serving.run(what, &events, span).await?.rate)
    }

    /// Events a second; not a number if the rival fails.
    async fn read(&self, span: Span) -> f64 {
        match self.work("catch-up", span).await {
            Ok(rate) => rate.unwrap_or(f64::NAN),
            Err(error) => {
                println!("catching up, {}: {error:#}", self.rival.name());
                f64::NAN
            }
        }
    }

    fn against(&self) -> &'static str {
        match self.rival {
            Rival::JetStream => "JetStream",
            Rival::Etcd => "etcd, a tenth",
        }
    }
}

/// How many events a second reach a subscriber that starts at the beginning. It counts them and
/// their bytes; to decode each is its own affair.
async fn read(side: &GrpcSide, events: u32) -> Result<f64> {
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
