//! What to measure, and how long.

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

use crate::measure::Span;

/// Measures Potts beside `PostgreSQL` doing the same work without it, alternating in one run.
#[derive(Parser, Clone, Debug)]
#[command(name = "cargo bench --")]
pub struct Options {
    /// One short round: whether everything runs, not how fast.
    #[arg(long, conflicts_with = "full")]
    quick: bool,

    /// Five rounds of longer measurements.
    #[arg(long)]
    full: bool,

    /// Only comparisons whose name contains this, such as `ledger/update`, `catch-up`,
    /// `delivery`, `fan-out`, `idle` or `growth`.
    #[arg(long, value_name = "NAME")]
    pub only: Option<String>,

    /// How long one measurement takes; the first quarter does not count.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: Option<u32>,

    /// Beside JetStream and etcd too, each one node that flushes before it acknowledges, where they
    /// do the same: publishing, delivery, fan-out, catching up, idle subscribers. Needs Go, and the
    /// first time the network. Makes a run some three times as long.
    #[arg(long)]
    pub peers: bool,

    /// A log of 10,000,000 events beside one of 100,000, where it is 1,000,000 otherwise. Takes
    /// minutes to fill, and 10 GB of disk meanwhile.
    #[arg(long, conflicts_with = "quick")]
    long: bool,

    /// Where to write everything that was measured, as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// What `cargo bench` says to every bench.
    #[arg(long, hide = true)]
    bench: bool,
}

impl Options {
    /// How often everything is measured.
    pub fn rounds(&self) -> usize {
        match (self.quick, self.full) {
            (true, _) => 1,
            (false, true) => 5,
            (false, false) => 3,
        }
    }

    /// How long one measurement takes.
    pub fn span(&self) -> Span {
        let seconds = self.seconds.unwrap_or(match (self.quick, self.full) {
            (true, _) => 1,
            (false, true) => 5,
            (false, false) => 2,
        });
        let whole = Duration::from_secs(u64::from(seconds));
        Span { warm_up: whole / 4, whole }
    }

    /// How long a service rests before it counts, and then each time. It looks for some things
    /// every ten seconds only, and servers tell late what they have done.
    pub fn rest(&self) -> Span {
        let whole = Duration::from_secs(if self.quick { 10 } else { 30 });
        Span { warm_up: whole / 2, whole }
    }

    /// How long a log the catching up reads.
    pub fn log_events(&self) -> u32 {
        if self.quick { 50_000 } else { 400_000 }
    }

    /// How long a log is that has grown.
    pub fn grown_events(&self) -> u32 {
        match (self.quick, self.long) {
            (true, _) => 200_000,
            (false, true) => 10_000_000,
            (false, false) => 1_000_000,
        }
    }

    /// How many subscribers there are that are told nothing.
    pub fn idle_subscribers(&self) -> usize {
        if self.quick { 500 } else { 2_000 }
    }

    /// Of how many issues lists show a page.
    pub fn listed_issues(&self) -> u32 {
        if self.quick { 100_000 } else { 1_000_000 }
    }

    /// Whether a comparison of that name is wanted.
    pub fn wants(&self, name: &str) -> bool {
        self.only.as_deref().is_none_or(|only| name.contains(only))
    }
}
