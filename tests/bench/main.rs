//! Potts beside what it is measured by, in one run: `cargo bench`, or `cargo bench -- --help`.
//!
//! Each figure of ours stands beside a floor that was measured in turn with it, on the same private
//! `PostgreSQL` with its flushes on. What is compared are ratios: rates by themselves say more
//! about the machine, and about what else ran, than about Potts. With `--peers`, what subscribers
//! get stands beside rivals too: `peers/`, a program in Go, runs them and calls them.

#![expect(clippy::print_stdout, reason = "whoever runs a bench reads what it prints")]

mod agenda;
mod catch_up;
mod claim;
mod cluster;
mod comparison;
mod cost;
mod delivery;
mod disk;
mod floor;
mod growth;
mod grpc;
mod idle;
mod ledger;
mod list;
mod measure;
mod options;
mod peers;
mod process;
mod report;
mod resting;
mod rounds;
mod saturation;
mod stream_rows;
mod streams;
mod subscriber;
mod work;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use serde_json::{Value, json};

use cluster::Cluster;
use cost::Cost;
use floor::Floor;
use grpc::GrpcSide;
use measure::Figures;
use options::Options;
use peers::Peers;
use report::Line;

#[tokio::main]
async fn main() -> Result<()> {
    let options = Options::parse();
    process::allow_connections()?;
    let cluster = Cluster::start().await?;
    let measured = measure(&options, &cluster).await;
    cluster.stop().await?;
    let Measured { conditions, lines, costs } = measured?;
    println!("\n{}", report::tables(&lines, &costs));
    if let Some(file) = &options.json {
        let text = serde_json::to_string_pretty(&report::json(&conditions, &lines, &costs))?;
        std::fs::write(file, text + "\n")
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// What came of a run, and under which conditions.
#[derive(Debug)]
struct Measured {
    conditions: Value,
    lines: Vec<Line>,
    costs: Vec<Cost>,
}

async fn measure(options: &Options, cluster: &Cluster) -> Result<Measured> {
    let peers = match options.peers {
        true => Some(Peers::build(cluster.peers_folder()).await?),
        false => None,
    };
    let floor = Floor::find(cluster.binaries())?;
    let cores = std::thread::available_parallelism()?;
    let load = load();
    println!(
        "PostgreSQL {}, fsync on; {cores} cores, load {load} before; {} rounds of {:?}, the first \
         {:?} of each do not count",
        cluster.version(),
        options.rounds(),
        options.span().whole,
        options.span().warm_up,
    );
    if floor.is_none() {
        println!("no floor: pgbench and psql are neither beside the server nor in PATH");
    }
    let versions = match &peers {
        Some(peers) => peers.versions().await?,
        None => Vec::new(),
    };
    if !versions.is_empty() {
        println!("beside {}", versions.join(" and "));
    }
    let flushes_before = disk::flushes_per_second(&cluster.data())?;
    println!("the disk flushes 8 KiB {flushes_before:.0} times a second");

    let mut comparisons = comparison::all();
    comparisons.retain(|comparison| options.wants(&comparison.name));
    let mut lines = Vec::new();
    if !comparisons.is_empty() {
        let rounds = (options.rounds(), options.span());
        lines = rounds::run(cluster, floor.as_ref(), &comparisons, rounds).await?;
    }
    let (streams, mut costs) = streams::run(options, cluster, peers.as_ref()).await?;
    lines.extend(streams);
    costs.extend(resting::run(options, cluster).await?);
    lines.extend(catch_up::run(options, cluster, floor.as_ref(), peers.as_ref()).await?);
    lines.extend(growth::run(options, cluster).await?);
    lines.extend(agendas(options, cluster).await?);
    lines.extend(lists(options, cluster).await?);

    let flushes_after = disk::flushes_per_second(&cluster.data())?;
    println!("the disk flushes 8 KiB {flushes_after:.0} times a second, afterwards");
    let conditions = json!({
        "postgres": cluster.version(),
        "fsync": true,
        "cores": cores.get(),
        "load_before": load,
        "rounds": options.rounds(),
        "seconds": options.span().whole.as_secs(),
        "flushes_per_second": [flushes_before, flushes_after],
        "peers": versions,
    });
    Ok(Measured { conditions, lines, costs })
}

/// How busy the machine is, as far as it says.
fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("unknown").to_owned()
}

async fn agendas(options: &Options, cluster: &Cluster) -> Result<Vec<Line>> {
    let name = "grpc/agenda/1";
    if !options.wants(name) {
        return Ok(Vec::new());
    }
    println!("the agenda of somebody with much to do");
    let url = cluster.database("bench_agenda").await?;
    let queries = Arc::new(agenda::Raw::prepare(&url).await?);
    let side = GrpcSide::start(&url, &cluster.spare_folder()).await?;
    let (mut ours, mut raw) = (Vec::new(), Vec::new());
    for _ in 0..options.rounds() {
        raw.push(agenda::raw(&queries, options.span()).await?);
        ours.push(agenda::grpc(&side, options.span()).await?);
    }
    side.stop().await?;
    Ok(vec![Line::of_halves(name, "raw queries", agenda::P50_MAX, (&ours, &raw))])
}

/// A page near the front and one far behind, each beside its statement, and the one beside the
/// other.
async fn lists(options: &Options, cluster: &Cluster) -> Result<Vec<Line>> {
    let issues = options.listed_issues();
    let name = format!("grpc/list/{issues}");
    if !options.wants(&name) {
        return Ok(Vec::new());
    }
    println!("pages of {issues} issues");
    let url = cluster.database("bench_list").await?;
    let raw = Arc::new(list::Raw::prepare(&url, issues).await?);
    let side = GrpcSide::start(&url, &cluster.spare_folder()).await?;
    let lister = list::Lister::start(&side).await?;
    let [mut first, mut first_raw, mut late, mut late_raw] = [const { Vec::new() }; 4];
    let far = list::Place::page(&lister, list::LATE_PAGE).await?;
    let near = list::Place::default();
    for _ in 0..options.rounds() {
        first_raw.push(list::raw(&raw, &near, options.span()).await?);
        first.push(list::grpc(&lister, &near, options.span()).await?);
        late_raw.push(list::raw(&raw, &far, options.span()).await?);
        late.push(list::grpc(&lister, &far, options.span()).await?);
    }
    side.stop().await?;
    let line = |page: usize, ours: &[Figures], raw: &[Figures]| {
        let name = format!("{name}/page {page}");
        Line::of_halves(&name, "the same SQL", list::P50_MAX, (ours, raw))
    };
    let flat = format!("{name}/late page");
    Ok(vec![
        line(1, &first, &first_raw),
        line(list::LATE_PAGE, &late, &late_raw),
        Line::of_halves(&flat, "page 1", list::LATE_MAX, (&late, &first)),
    ])
}
