//! The newest events in memory: the ring that live readers read, and the hand-overs that arrived
//! before the events in front of them.
//!
//! Knows neither locks nor readers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::cursor::Position;
use super::frame::Frame;
use crate::domain::event::Seq;

/// What a frame takes beside its texts and bytes: itself, its place in the ring, allocations.
const FRAME_BYTES: usize = 328;

/// What a frame takes in memory, about.
fn weight(frame: &Frame) -> usize {
    let Frame { project, root, subject, kind, audience, bytes, .. } = frame;
    let texts = project.len() + root.len() + subject.len() + kind.len();
    FRAME_BYTES + texts + audience.weight() + bytes.len()
}

/// What lies behind a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ahead<T> {
    /// Nothing yet.
    Nothing,
    /// Events that the ring has no more.
    Passed,
    /// Events.
    Events(T),
}

/// A stretch of the ring as it is sent.
#[derive(Debug)]
pub(super) struct Stretch {
    /// The events, at least one.
    pub events: Vec<Bytes>,
    /// The place after the last.
    pub end: Position,
    /// Whether the last ends its command.
    pub ends_command: bool,
}

/// The newest events, without a gap up to the head.
#[derive(Debug)]
pub(super) struct Ring {
    frames: VecDeque<Arc<Frame>>,
    bytes: usize,
    head: Position,
}

impl Ring {
    /// A ring that begins after a place.
    pub fn new(head: Position) -> Ring {
        Ring { frames: VecDeque::new(), bytes: 0, head }
    }

    /// The newest place.
    pub fn head(&self) -> Position {
        self.head
    }

    /// How many events it holds.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// What they take in memory, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the next event.
    pub fn push(&mut self, frame: Arc<Frame>) {
        assert_eq!(frame.seq, self.head.seq.next(), "a ring has no holes");
        self.head = frame.position();
        self.bytes += weight(&frame);
        self.frames.push_back(frame);
    }

    /// Takes out the oldest events until the bounds hold. The caller frees them, without a lock.
    pub fn trim(&mut self, events_max: usize, bytes_max: usize) -> Vec<Arc<Frame>> {
        let mut old = Vec::new();
        while self.frames.len() > events_max || self.bytes > bytes_max {
            let Some(frame) = self.frames.pop_front() else { break };
            self.bytes -= weight(&frame);
            old.push(frame);
        }
        old
    }

    /// Where the event after a place is.
    fn index(&self, after: Seq) -> Ahead<usize> {
        match usize::try_from(self.head.seq.0 - after.0) {
            Err(_) | Ok(0) => Ahead::Nothing,
            Ok(lag) => self.frames.len().checked_sub(lag).map_or(Ahead::Passed, Ahead::Events),
        }
    }

    /// Whether a reader at that place can go on from here.
    pub fn reaches(&self, after: Seq) -> bool {
        self.index(after) != Ahead::Passed
    }

    /// The event of a place.
    pub fn get(&self, seq: Seq) -> Option<&Arc<Frame>> {
        match self.index(Seq(seq.0 - 1)) {
            Ahead::Events(index) => self.frames.get(index),
            Ahead::Nothing | Ahead::Passed => None,
        }
    }

    /// At most so many events after a place, to be filtered.
    pub fn after(&self, after: Seq, events_max: usize) -> Ahead<Vec<Arc<Frame>>> {
        match self.index(after) {
            Ahead::Nothing => Ahead::Nothing,
            Ahead::Passed => Ahead::Passed,
            Ahead::Events(index) => {
                Ahead::Events(self.frames.range(index..).take(events_max).cloned().collect())
            }
        }
    }

    /// At most so many events and bytes after a place, as they are sent; at least one event.
    pub fn stretch(&self, after: Seq, events_max: usize, bytes_max: usize) -> Ahead<Stretch> {
        let index = match self.index(after) {
            Ahead::Nothing => return Ahead::Nothing,
            Ahead::Passed => return Ahead::Passed,
            Ahead::Events(index) => index,
        };
        let mut events = Vec::with_capacity((self.frames.len() - index).min(events_max));
        let mut bytes = 0;
        let mut last = None;
        for frame in self.frames.range(index..).take(events_max) {
            bytes += frame.bytes.len();
            if bytes > bytes_max && last.is_some() {
                break;
            }
            events.push(frame.bytes.clone());
            last = Some(frame);
        }
        last.map_or(Ahead::Nothing, |last| {
            let (end, ends_command) = (last.position(), last.ends_command);
            Ahead::Events(Stretch { events, end, ends_command })
        })
    }
}

/// Hand-overs that wait for the events in front of them, by their first place.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    hand_overs: BTreeMap<Seq, Vec<Arc<Frame>>>,
    bytes: usize,
}

fn weights(frames: &[Arc<Frame>]) -> usize {
    frames.iter().map(|frame| weight(frame)).sum()
}

impl Waiting {
    /// What they take in memory, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The newest place that is known from them.
    pub fn newest(&self) -> Option<Seq> {
        self.hand_overs.values().filter_map(|frames| frames.last()).map(|frame| frame.seq).max()
    }

    /// Keeps a hand-over, or drops it if there is no room: then the log is read instead.
    pub fn keep(&mut self, frames: Vec<Arc<Frame>>, bytes_max: usize) {
        let Some(first) = frames.first().map(|frame| frame.seq) else { return };
        let bytes = weights(&frames);
        if self.bytes + bytes <= bytes_max && !self.hand_overs.contains_key(&first) {
            self.bytes += bytes;
            self.hand_overs.insert(first, frames);
        }
    }

    /// The next hand-over that begins at or before the place after `head`.
    pub fn next(&mut self, head: Seq) -> Option<Vec<Arc<Frame>>> {
        let entry = self.hand_overs.first_entry().filter(|entry| *entry.key() <= head.next())?;
        let frames = entry.remove();
        self.bytes -= weights(&frames);
        Some(frames)
    }
}
