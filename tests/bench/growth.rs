//! What a long log costs: the same work on a database whose log has grown, beside one whose log is
//! short.

use anyhow::{Context as _, Result, anyhow, ensure};
use potts::proto;
use potts::proto::subscribe_request::Start;

use crate::cluster::Cluster;
use crate::disk::free_bytes;
use crate::grpc::{Events, GrpcSide};
use crate::measure::{Figures, Span, closed_loop};
use crate::options::Options;
use crate::report::{Bounds, Line};
use crate::work::{Choices, PROJECT, Work};

const SHORT: &str = "bench_growth_short";
const GROWN: &str = "bench_growth_grown";
/// How many events a short log holds.
const SHORT_EVENTS: u32 = 100_000;
/// What an event takes on the disk, with its indexes, and what a run takes beside: a full disk
/// would end it, and whatever else runs here.
const EVENT_BYTES: u64 = 820;
const SPARE_BYTES: u64 = 1_500_000_000;
/// How many times longer anything may take that a long log has no part in.
const P99_MAX: f64 = 1.2;
/// How many call at once to append: as many as fill batches.
const CALLERS: usize = 64;
/// Places all over the log that readers resume from.
const CURSORS: u32 = 64;
const PAGE: i32 = 50;

/// Append, a filtered page, and the check of a cursor, on both in turn.
pub async fn run(options: &Options, cluster: &Cluster) -> Result<Vec<Line>> {
    let events = options.grown_events();
    let name = format!("growth/{events}");
    if !options.wants(&name) {
        return Ok(Vec::new());
    }
    let (needed, free) =
        (SPARE_BYTES + u64::from(events) * EVENT_BYTES, free_bytes(&cluster.data())?);
    if free < needed {
        let gb = |bytes: u64| bytes as f64 / 1e9;
        println!("{name} is left out: it takes {:.1} GB, there are {:.1}", gb(needed), gb(free));
        return Ok(Vec::new());
    }
    println!("a log of {events} events beside one of {SHORT_EVENTS}");
    let short = Log::start(cluster, SHORT, SHORT_EVENTS).await?;
    let grown = Log::start(cluster, GROWN, events).await?;
    cluster.checkpoint().await?;
    let [mut of_short, mut of_grown] = [const { [const { Vec::new() }; 3] }; 2];
    for round in 0..options.rounds() {
        let mut both = [(&short, &mut of_short), (&grown, &mut of_grown)];
        if round % 2 == 1 {
            both.reverse();
        }
        for (log, measured) in both {
            let figures = log.measure(options.span()).await?;
            for (measured, figures) in measured.iter_mut().zip(figures) {
                measured.push(figures);
            }
        }
    }
    short.stop(cluster).await?;
    grown.stop(cluster).await?;
    let bounds = Bounds { rate_min: None, p99_max: Some(P99_MAX) };
    let names = ["append", "filtered page", "cursor check"];
    let lines = names.iter().zip(of_grown.iter().zip(&of_short)).map(|(what, (grown, short))| {
        Line::beside(format!("{name}/{what}"), "100,000", (grown, short), bounds)
    });
    Ok(lines.collect())
}

/// A database with its server.
#[derive(Debug)]
struct Log {
    name: &'static str,
    side: GrpcSide,
    cursors: Vec<String>,
}

impl Log {
    async fn start(cluster: &Cluster, name: &'static str, events: u32) -> Result<Log> {
        let url = cluster.database_with_log(name, events).await?;
        let side = GrpcSide::start_process(&url, &cluster.spare_folder().join(name)).await?;
        let mut client = side.events(0)?;
        let mut cursors = Vec::new();
        for place in 1..=CURSORS {
            let name = format!("events/{}", events / CURSORS * place);
            let event = client.get_event(proto::GetEventRequest { name }).await?.into_inner();
            cursors.push(event.cursor);
        }
        Ok(Log { name, side, cursors })
    }

    async fn measure(&self, span: Span) -> Result<[Figures; 3]> {
        let append = self.side.run(Work::Update, CALLERS, span).await?;
        let page = self.pages(span).await?;
        Ok([append, page, self.checks(span).await?])
    }

    /// One caller that asks for the newest events of some issue.
    async fn pages(&self, span: Span) -> Result<Figures> {
        let mut caller = Some((self.side.events(0)?, Choices::of(0)));
        closed_loop(1, span, |_| {
            let mut caller = caller.take();
            move || {
                let asked = caller.as_mut().map(|(events, choices)| {
                    (events.clone(), format!("projects/{PROJECT}/issues/{}", choices.issue()))
                });
                async move {
                    let (events, root) = asked.ok_or_else(|| anyhow!("there is one caller"))?;
                    page(events, root).await
                }
            }
        })
        .await
    }

    /// One caller that resumes from some place, until it is told that it may.
    async fn checks(&self, span: Span) -> Result<Figures> {
        let mut caller = Some((self.side.events(0)?, self.cursors.clone().into_iter().cycle()));
        closed_loop(1, span, |_| {
            let mut caller = caller.take();
            move || {
                let asked = caller
                    .as_mut()
                    .and_then(|(events, cursors)| Some((events.clone(), cursors.next()?)));
                async move {
                    let (events, cursor) = asked.ok_or_else(|| anyhow!("there is one caller"))?;
                    check(events, cursor).await
                }
            }
        })
        .await
    }

    async fn stop(self, cluster: &Cluster) -> Result<()> {
        self.side.stop().await?;
        cluster.drop_database(self.name).await
    }
}

async fn page(mut events: Events, root: String) -> Result<()> {
    let filter = proto::EventFilter { roots: vec![root], ..proto::EventFilter::default() };
    let request = proto::ListEventsRequest {
        filter: Some(filter),
        page_size: PAGE,
        newest_first: true,
        ..proto::ListEventsRequest::default()
    };
    let listed = events.list_events(request).await?.into_inner().events;
    ensure!(listed.len() == usize::try_from(PAGE)?, "a page is full");
    Ok(())
}

async fn check(mut events: Events, cursor: String) -> Result<()> {
    let request = proto::SubscribeRequest {
        start: Some(Start::After(cursor)),
        // Nothing of what follows is looked at.
        batch_events_max: 1,
        ..proto::SubscribeRequest::default()
    };
    let mut stream = events.subscribe(request).await?.into_inner();
    stream.message().await?.context("the stream ended")?;
    Ok(())
}
