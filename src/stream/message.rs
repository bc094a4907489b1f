//! What a reader asks, and what it is told.

use std::time::Duration;

use bytes::Bytes;
use jiff::Timestamp;

use super::cursor::{Epoch, Position};
use crate::domain::event::Seq;
use crate::domain::filter::EventFilter;

/// Where to start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// After a place, of a log of that epoch.
    After(Epoch, Position),
    /// With the oldest event.
    Beginning,
    /// With the next event that happens.
    Now,
    /// With the events recorded at or after a time, or up to 10 s earlier.
    Time(Timestamp),
}

/// What a reader asks.
#[derive(Clone, Debug)]
pub struct Subscribe {
    /// Where to start.
    pub start: Start,
    /// What to take.
    pub filter: EventFilter,
    /// 1 to 1,000 events a batch.
    pub batch_events_max: usize,
    /// 4 KiB to 1 MiB a batch; a larger event goes alone.
    pub batch_bytes_max: usize,
    /// How long to be silent at most.
    pub checkpoint_interval: Duration,
    /// Whether to end at the first `CaughtUp`.
    pub stop_when_caught_up: bool,
}

/// What a reader is told. Every `cursor` is a place up to which everything was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// First, once.
    Started { cursor: Position, oldest: Seq, head: Seq },
    /// Events, encoded.
    Batch { events: Vec<Bytes>, cursor: Position, command_complete: bool, head: Seq },
    /// Progress without events.
    Checkpoint { cursor: Position, head: Seq },
    /// All that there was has been sent.
    CaughtUp { cursor: Position, head: Seq },
    /// The reader was too slow for the ring.
    FellBehind { cursor: Position, head: Seq },
}
