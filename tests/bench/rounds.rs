//! Rounds: everything once, each side on a database of its own that was just made.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result};

use crate::claim;
use crate::cluster::Cluster;
use crate::comparison::{Cell, Comparison, Disk, Side};
use crate::floor::Floor;
use crate::grpc::GrpcSide;
use crate::ledger::LedgerSide;
use crate::measure::{Figures, Span};
use crate::report::Line;
use crate::work::SLOTS;
use crate::work::Work::{Claim, ClaimMany};

/// The databases, but for their disk.
const FLOOR: &str = "bench_floor";
const LEDGER: &str = "bench_ledger";
const GRPC: &str = "bench_grpc";
const DISKS: [Disk; 2] = [Disk::AsItIs, Disk::Slow];

/// The figures of each cell, round by round.
type Measured = BTreeMap<Cell, Vec<Figures>>;

/// Runs the comparisons.
pub async fn run(
    cluster: &Cluster,
    floor: Option<&Floor>,
    comparisons: &[Comparison],
    (rounds, span): (usize, Span),
) -> Result<Vec<Line>> {
    let cells: BTreeSet<Cell> =
        comparisons.iter().flat_map(|comparison| [comparison.ours, comparison.floor]).collect();
    let mut measured = Measured::new();
    for round in 0..rounds {
        let mut cells: Vec<Cell> = cells.iter().copied().collect();
        // What comes later finds larger tables: each side is first in turn.
        if round % 2 == 1 {
            cells.reverse();
        }
        println!("round {} of {rounds}: {} measurements", round + 1, cells.len());
        run_round(cluster, floor, &cells, span, &mut measured).await?;
    }
    let line = |comparison: &Comparison| {
        let ours = measured.get(&comparison.ours)?;
        let line = match measured.get(&comparison.floor) {
            Some(floor) => Line::of(comparison, ours, floor),
            None => Line::alone(comparison.name.clone(), ours),
        };
        Some(line)
    };
    Ok(comparisons.iter().filter_map(line).collect())
}

/// What a round has opened for a disk; each is opened when it is first needed.
#[derive(Debug)]
struct Open<'a> {
    cluster: &'a Cluster,
    disk: Disk,
    floor: Option<String>,
    ledger: Option<LedgerSide>,
    grpc: Option<GrpcSide>,
}

async fn run_round(
    cluster: &Cluster,
    floor: Option<&Floor>,
    cells: &[Cell],
    span: Span,
    measured: &mut Measured,
) -> Result<()> {
    for (disk, name) in DISKS.into_iter().flat_map(|d| [FLOOR, LEDGER, GRPC].map(|n| (d, n))) {
        cluster.drop_database(&database(disk, name)).await?;
    }
    cluster.checkpoint().await?;
    for disk in DISKS {
        let mut open = Open { cluster, disk, floor: None, ledger: None, grpc: None };
        for cell in cells.iter().filter(|cell| cell.disk == disk) {
            let Cell { work, callers, side, .. } = *cell;
            if matches!((side, floor), (Side::Floor(_), None)) {
                continue;
            }
            let figures = measure(&mut open, floor, *cell, span).await;
            let context = || format!("{}, {}, {callers} callers", side.name(), work.name());
            measured.entry(*cell).or_default().push(figures.with_context(context)?);
        }
        open.close().await?;
    }
    Ok(())
}

async fn measure(
    open: &mut Open<'_>,
    floor: Option<&Floor>,
    cell: Cell,
    span: Span,
) -> Result<Figures> {
    let Cell { work, callers, side, .. } = cell;
    match side {
        Side::Floor(travel) => {
            let url = open.floor().await?;
            let floor = floor.context("there is no floor")?;
            let rounds = floor.run(&url, (work, travel), callers, span).await?;
            Ok(rounds.each_of(if work == ClaimMany { SLOTS } else { 1 }))
        }
        Side::Ledger => open.ledger().await?.run(work, callers, span).await,
        Side::Grpc if work == Claim => claim::run(open.grpc().await?, callers, 1, span).await,
        Side::Grpc if work == ClaimMany => {
            claim::run(open.grpc().await?, callers, SLOTS, span).await
        }
        Side::Grpc => open.grpc().await?.run(work, callers, span).await,
    }
}

fn database(disk: Disk, name: &str) -> String {
    match disk {
        Disk::AsItIs => name.to_owned(),
        Disk::Slow => format!("{name}_slow"),
    }
}

impl Open<'_> {
    async fn database(&self, name: &str) -> Result<String> {
        let name = database(self.disk, name);
        match self.disk {
            Disk::AsItIs => self.cluster.database(&name).await,
            Disk::Slow => self.cluster.slow_database(&name).await,
        }
    }

    async fn floor(&mut self) -> Result<String> {
        if let Some(url) = &self.floor {
            return Ok(url.clone());
        }
        let url = self.database(FLOOR).await?;
        Ok(self.floor.insert(url).clone())
    }

    async fn ledger(&mut self) -> Result<&LedgerSide> {
        let side = match self.ledger.take() {
            Some(side) => side,
            None => LedgerSide::start(&self.database(LEDGER).await?).await?,
        };
        Ok(self.ledger.insert(side))
    }

    async fn grpc(&mut self) -> Result<&GrpcSide> {
        let side = match self.grpc.take() {
            Some(side) => side,
            None => {
                let url = self.database(GRPC).await?;
                GrpcSide::start(&url, &self.cluster.spare_folder()).await?
            }
        };
        Ok(self.grpc.insert(side))
    }

    async fn close(self) -> Result<()> {
        if let Some(side) = self.ledger {
            side.stop().await;
        }
        if let Some(side) = self.grpc {
            side.stop().await?;
        }
        Ok(())
    }
}
