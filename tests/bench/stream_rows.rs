//! What is measured of subscribers, and what ought to come of it.

use crate::delivery::RATE;
use crate::idle::SHARING;
use crate::report::Bounds;
use crate::saturation::CALLERS;

/// What is done.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum What {
    /// Callers publish, each one event after the other; nobody subscribes.
    Publish,
    /// Events at a steady rate, to so many subscribers.
    FanOut(usize),
    /// The same to one subscriber, at another server of the same database.
    OtherReplica,
    /// Events as fast as callers call, to so many subscribers.
    Saturated(usize),
    /// So many subscribers that are told nothing, over so many connections.
    Idle(usize, usize),
}

impl What {
    /// Whether anything happens.
    pub fn has_events(self) -> bool {
        match self {
            What::Publish | What::FanOut(_) | What::OtherReplica | What::Saturated(_) => true,
            What::Idle(..) => false,
        }
    }
}

/// One thing to measure.
#[derive(Clone, Debug)]
pub struct Row {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub what: What,
    /// What is asked of it.
    pub goals: Goals,
}

/// What is asked; by default nothing.
#[derive(Clone, Copy, Default, Debug)]
pub struct Goals {
    /// Of ours by itself.
    pub p99_ms_max: Option<f64>,
    /// Beside the rivals.
    pub jetstream: Bounds,
    /// Beside the rivals.
    pub etcd: Bounds,
    /// How often subscribers may be told that they were too slow.
    pub fell_behind_max: Option<f64>,
    /// What the server may compute, in microseconds a delivery.
    pub cpu_us_max: Option<f64>,
    /// What the server may hold, in KiB a subscriber.
    pub kib_max: Option<f64>,
}

/// All of them; `idle` is how many subscribers are told nothing. Publishing is measured by the
/// floor elsewhere, so it is a row only beside rivals.
pub fn rows(idle: usize, with_rivals: bool) -> Vec<Row> {
    let row = |name: String, what, goals| Row { name, what, goals };
    let rate_min = |bound| Bounds { rate_min: Some(bound), p99_max: None };
    let p99_max = |bound| Bounds { rate_min: None, p99_max: Some(bound) };
    let none = Goals::default();
    let calm = Goals { fell_behind_max: Some(0.0), jetstream: p99_max(1.0), ..none };
    let mut rows = vec![
        row(
            format!("publish/{CALLERS}"),
            What::Publish,
            Goals { jetstream: rate_min(1.0), etcd: rate_min(1.0), ..none },
        ),
        row(
            format!("delivery/{RATE}"),
            What::FanOut(1),
            Goals { p99_ms_max: Some(2.0), etcd: p99_max(1.0), ..calm },
        ),
        row(
            format!("delivery/{RATE}/other replica"),
            What::OtherReplica,
            Goals { p99_ms_max: Some(50.0), fell_behind_max: Some(0.0), ..none },
        ),
        row("fan-out/100".into(), What::FanOut(100), calm),
        row("fan-out/1000".into(), What::FanOut(1_000), Goals { cpu_us_max: Some(6.5), ..calm }),
        row(
            "fan-out/1000/saturated".into(),
            What::Saturated(1_000),
            Goals { jetstream: rate_min(2.0), etcd: rate_min(2.0), ..none },
        ),
        row(
            format!("idle/{idle}/shared"),
            What::Idle(idle, idle / SHARING),
            Goals { kib_max: Some(16.0), ..none },
        ),
        row(
            format!("idle/{idle}/alone"),
            What::Idle(idle, idle),
            Goals { kib_max: Some(40.0), ..none },
        ),
    ];
    rows.retain(|row| with_rivals || row.what != What::Publish);
    rows
}
