//! What is compared with what, and what ought to come of it.

use crate::floor::Travel;
use crate::work::Work;

/// Who does the work.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    /// `pgbench`, one transaction a caller.
    Floor(Travel),
    /// The ledger, called in process.
    Ledger,
    /// The whole server, called over a loopback connection.
    Grpc,
}

impl Side {
    /// As in the table.
    pub fn name(self) -> &'static str {
        match self {
            Side::Floor(Travel::Plain) => "pgbench",
            Side::Floor(Travel::Pipeline) => "pgbench, pipeline mode",
            Side::Ledger => "ledger",
            Side::Grpc => "gRPC",
        }
    }
}

/// How long a commit waits for the disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Disk {
    /// As long as the disk takes.
    AsItIs,
    /// Two milliseconds more, see [`crate::cluster::Cluster::slow_database`].
    Slow,
}

/// One thing to measure.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Cell {
    /// Where to.
    pub disk: Disk,
    /// What is done.
    pub work: Work,
    /// By how many at once.
    pub callers: usize,
    /// And by whom.
    pub side: Side,
}

/// Two cells.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// What it is called: side, work, callers.
    pub name: String,
    /// Potts.
    pub ours: Cell,
    /// The same without it.
    pub floor: Cell,
    /// How many times the floor's rate it ought to reach.
    pub rate_min: Option<f64>,
    /// How many times the floor's p99 it may take.
    pub p99_max: Option<f64>,
}

/// A row of the tables below: side, work, callers, how the floor travels, what share of its rate
/// ought to be reached, and of its p99.
type Row = (Side, Work, usize, Travel, Option<f64>, Option<f64>);

/// Batches need company: a single caller pays for the steps of a batch and shares them with nobody,
/// so little is asked of few callers.
const ROWS: [Row; 21] = {
    use Side::{Grpc, Ledger};
    use Travel::{Pipeline, Plain};
    use Work::{Claim, ClaimMany, Create, Transition, Update};
    [
        (Ledger, Update, 1, Plain, Some(0.35), None),
        (Ledger, Update, 8, Plain, Some(0.8), None),
        (Ledger, Update, 32, Plain, Some(1.4), None),
        (Ledger, Update, 64, Plain, Some(2.0), Some(0.5)),
        (Ledger, Update, 64, Pipeline, Some(1.1), None),
        (Ledger, Update, 256, Pipeline, Some(1.5), None),
        (Ledger, Create, 64, Plain, Some(2.0), Some(0.5)),
        (Grpc, Update, 1, Plain, None, None),
        (Grpc, Update, 8, Plain, None, None),
        (Grpc, Update, 32, Plain, None, None),
        (Grpc, Update, 64, Plain, Some(1.2), None),
        (Grpc, Create, 1, Plain, None, None),
        (Grpc, Create, 8, Plain, None, None),
        (Grpc, Create, 64, Plain, Some(1.2), Some(0.5)),
        (Grpc, Transition, 64, Plain, Some(1.2), Some(0.5)),
        (Grpc, Claim, 1, Plain, None, None),
        (Grpc, Claim, 8, Plain, None, None),
        (Grpc, Claim, 64, Plain, Some(1.0), None),
        (Grpc, ClaimMany, 1, Plain, None, None),
        (Grpc, ClaimMany, 8, Plain, None, None),
        (Grpc, ClaimMany, 64, Plain, Some(1.0), None),
    ]
};

/// The same where a flush takes long: what a batch shares is then worth most, and what it waits for
/// costs most.
const SLOW_ROWS: [Row; 8] = {
    use Side::{Grpc, Ledger};
    use Travel::Plain;
    use Work::Update;
    [
        (Ledger, Update, 1, Plain, None, None),
        (Ledger, Update, 8, Plain, None, None),
        (Ledger, Update, 32, Plain, None, None),
        (Ledger, Update, 64, Plain, Some(1.3), Some(0.7)),
        (Grpc, Update, 1, Plain, None, None),
        (Grpc, Update, 8, Plain, None, None),
        (Grpc, Update, 32, Plain, None, None),
        (Grpc, Update, 64, Plain, None, None),
    ]
};

/// All comparisons of closed loops.
pub fn all() -> Vec<Comparison> {
    let usual = ROWS.into_iter().map(|row| comparison(Disk::AsItIs, row));
    let slow = SLOW_ROWS.into_iter().map(|row| comparison(Disk::Slow, row));
    usual.chain(slow).collect()
}

fn comparison(disk: Disk, row: Row) -> Comparison {
    let (side, work, callers, travel, rate_min, p99_max) = row;
    let cell = |side| Cell { disk, work, callers, side };
    let travels = if travel == Travel::Pipeline { "/pipeline" } else { "" };
    let slow = if disk == Disk::Slow { "/slow disk" } else { "" };
    let name =
        format!("{}/{}/{callers}{travels}{slow}", side.name().to_ascii_lowercase(), work.name());
    Comparison { name, ours: cell(side), floor: cell(Side::Floor(travel)), rate_min, p99_max }
}
