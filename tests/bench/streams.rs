//! What subscribers get, and what they cost: ours, and the rivals' where they were asked for, in
//! turn within each round. Each measurement has a server that has just started.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cluster::Cluster;
use crate::cost::Cost;
use crate::delivery::{self, Delivery, RATE};
use crate::grpc::GrpcSide;
use crate::idle;
use crate::measure::{Figures, Span};
use crate::options::Options;
use crate::peers::{Peers, Rival};
use crate::report::Line;
use crate::saturation::{self, CALLERS};
use crate::stream_rows::{Goals, Row, What, rows};
use crate::subscriber::CONNECTIONS;
use crate::work::Work;

const DATABASE: &str = "bench_streams";
/// Who calls before it counts; rivals are called by as many.
const CALLERS_BEFORE: usize = 8;

/// Who does it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Side {
    Ours,
    Theirs(Rival),
}

/// What was seen once. What was not measured is absent.
#[derive(Clone, Copy, Default, Debug)]
struct Seen {
    figures: Option<Figures>,
    from_answer: Option<Figures>,
    fell_behind: Option<f64>,
    cpu_us: Option<f64>,
    kib: Option<f64>,
}

impl Seen {
    /// Of a rival that failed: what we did is told all the same.
    fn missing(name: &str, rival: Rival, error: &anyhow::Error) -> Seen {
        println!("{name}, {}: {error:#}", rival.name());
        Seen { figures: Some(Figures::of_nothing()), ..Seen::default() }
    }
}

type Measured = BTreeMap<(What, Side), Vec<Seen>>;

/// Measures everything that is wanted.
pub async fn run(
    options: &Options,
    cluster: &Cluster,
    peers: Option<&Peers>,
) -> Result<(Vec<Line>, Vec<Cost>)> {
    let mut rows = rows(options.idle_subscribers(), peers.is_some());
    rows.retain(|row| options.wants(&row.name));
    if rows.is_empty() {
        return Ok((Vec::new(), Vec::new()));
    }
    let url = cluster.database(DATABASE).await?;
    let ours = Ours { url, data: cluster.spare_folder() };
    let mut sides = vec![Side::Ours];
    sides.extend(peers.iter().flat_map(|_| Rival::ALL.map(Side::Theirs)));
    let mut measured = Measured::new();
    for round in 0..options.rounds() {
        println!("round {} of {}: subscribers", round + 1, options.rounds());
        for (place, row) in rows.iter().enumerate() {
            // Who is first pays for what was before; it is each in turn.
            for &side in sides.iter().cycle().skip(round + place).take(sides.len()) {
                if row.what == What::OtherReplica && side != Side::Ours {
                    continue;
                }
                cluster.checkpoint().await?;
                let seen = match (side, peers) {
                    (Side::Theirs(rival), Some(peers)) => {
                        let seen = theirs(peers, rival, row.what, options.span()).await;
                        seen.unwrap_or_else(|error| Seen::missing(&row.name, rival, &error))
                    }
                    (Side::Ours | Side::Theirs(_), _) => {
                        let seen = ours.run(row.what, options.span()).await;
                        seen.with_context(|| row.name.clone())?
                    }
                };
                measured.entry((row.what, side)).or_default().push(seen);
            }
        }
    }
    cluster.drop_database(DATABASE).await?;
    Ok((
        rows.iter().flat_map(|row| lines(row, &measured)).collect(),
        rows.iter().flat_map(|row| costs(row, &measured)).collect(),
    ))
}

/// Where our servers are started.
#[derive(Debug)]
struct Ours {
    url: String,
    data: PathBuf,
}

impl Ours {
    async fn run(&self, what: What, span: Span) -> Result<Seen> {
        let side = GrpcSide::start_process(&self.url, &self.data).await?;
        if what.has_events() {
            // A server that was never called prepares and connects in the midst of the first calls.
            side.run(Work::Update, CALLERS_BEFORE, Span::of(span.warm_up)).await?;
        }
        let seen = match what {
            What::Publish => {
                let figures = Some(side.run(Work::Update, CALLERS, span).await?);
                Seen { figures, ..Seen::default() }
            }
            What::FanOut(subscribers) => {
                delivery::run(&side, &side, subscribers, span).await?.into()
            }
            What::OtherReplica => {
                let other = GrpcSide::start_process(&self.url, &self.data.join("other")).await?;
                let delivery = delivery::run(&side, &other, 1, span).await?;
                other.stop().await?;
                delivery.into()
            }
            What::Saturated(subscribers) => {
                let saturation = saturation::run(&side, subscribers, span).await?;
                let figures = Figures { rate: saturation.rate, ..Figures::of_nothing() };
                Seen {
                    figures: Some(figures),
                    fell_behind: Some(saturation.fell_behind.into()),
                    cpu_us: Some(saturation.cpu_us),
                    ..Seen::default()
                }
            }
            What::Idle(subscribers, connections) => {
                let kib = idle::run(&side, subscribers, connections, span).await?;
                Seen { kib: Some(kib), ..Seen::default() }
            }
        };
        side.stop().await?;
        Ok(seen)
    }
}

impl From<Delivery> for Seen {
    fn from(delivery: Delivery) -> Seen {
        Seen {
            figures: Some(delivery.from_call),
            from_answer: Some(delivery.from_answer),
            fell_behind: Some(delivery.fell_behind.into()),
            cpu_us: Some(delivery.cpu_us),
            kib: None,
        }
    }
}

/// The same of a rival, over as many connections.
async fn theirs(peers: &Peers, rival: Rival, what: What, span: Span) -> Result<Seen> {
    let folder = peers.folder()?;
    let serving = peers.serve(rival, folder.path(), true).await?;
    let (work, subscribers, connections) = match what {
        What::Publish => ("publish", 0, 0),
        What::FanOut(subscribers) => ("fan-out", subscribers, CONNECTIONS),
        What::OtherReplica => ("fan-out", 1, CONNECTIONS),
        What::Saturated(subscribers) => ("saturate", subscribers, CONNECTIONS),
        What::Idle(subscribers, connections) => ("idle", subscribers, connections),
    };
    let options = [
        ("subscribers", subscribers),
        ("subscribing", connections),
        ("callers", CALLERS),
        ("rate", usize::try_from(RATE)?),
    ];
    let seen = serving.run(work, &options, span).await?;
    serving.stop().await?;
    Ok(Seen {
        figures: seen.rate.map(|_| seen.figures()),
        cpu_us: seen.cpu_us,
        kib: seen.kib,
        ..Seen::default()
    })
}

fn of<T>(measured: &Measured, row: &Row, side: Side, part: fn(&Seen) -> Option<T>) -> Vec<T> {
    measured.get(&(row.what, side)).into_iter().flatten().filter_map(part).collect()
}

fn lines(row: &Row, measured: &Measured) -> Vec<Line> {
    let Row { name, goals, .. } = row;
    let ours = of(measured, row, Side::Ours, |seen| seen.figures);
    if ours.is_empty() {
        return Vec::new();
    }
    let mut lines = Vec::new();
    let from_answer = of(measured, row, Side::Ours, |seen| seen.from_answer);
    let theirs = Rival::ALL
        .map(|rival| (rival, of(measured, row, Side::Theirs(rival), |seen| seen.figures)));
    if goals.p99_ms_max.is_some() || theirs.iter().all(|(_, theirs)| theirs.is_empty()) {
        lines.push(Line::of_times(name, &ours, goals.p99_ms_max));
    }
    if row.what == What::FanOut(1) {
        lines.push(Line::of_times(&format!("{name}/from answer"), &from_answer, None));
    }
    for (rival, theirs) in theirs.iter().filter(|(_, theirs)| !theirs.is_empty()) {
        let bounds = match rival {
            Rival::JetStream => goals.jetstream,
            Rival::Etcd => goals.etcd,
        };
        lines.push(Line::beside(name.clone(), rival.name(), (&ours, theirs), bounds));
    }
    lines
}

/// One kind of cost: its unit, where it stands, and how much of it may be.
type Kind = (&'static str, fn(&Seen) -> Option<f64>, fn(&Goals) -> Option<f64>);

fn costs(row: &Row, measured: &Measured) -> Vec<Cost> {
    let kinds: [Kind; 3] = [
        ("us of CPU a delivery", |seen| seen.cpu_us, |goals| goals.cpu_us_max),
        ("times behind the ring", |seen| seen.fell_behind, |goals| goals.fell_behind_max),
        ("KiB a subscriber", |seen| seen.kib, |goals| goals.kib_max),
    ];
    let cost = |(unit, part, max): Kind| {
        let ours = of(measured, row, Side::Ours, part);
        let theirs = Rival::ALL
            .map(|rival| (rival.name(), of(measured, row, Side::Theirs(rival), part)))
            .into();
        let (name, max) = (row.name.clone(), max(&row.goals));
        (!ours.is_empty()).then_some(Cost { name, unit, ours, theirs, max })
    };
    kinds.into_iter().filter_map(cost).collect()
}
