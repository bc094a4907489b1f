//! A batch in the making.

use bytes::Bytes;

use super::cursor::Position;

/// What became of a stretch of the log that a reader has scanned.
#[derive(Debug)]
pub(super) struct Scanned {
    /// What goes out, if there is anything.
    pub events: Option<Vec<Bytes>>,
    /// The place up to which was scanned.
    pub end: Position,
    /// Whether the command of the last event that goes out is over there.
    pub whole: bool,
}

/// Events that go out together, within the bounds that their reader gave.
#[derive(Debug)]
pub(super) struct Batch {
    events: Vec<Bytes>,
    bytes: usize,
    events_max: usize,
    bytes_max: usize,
    end: Option<Position>,
    whole: bool,
}

impl Batch {
    pub fn new(events_max: usize, bytes_max: usize) -> Batch {
        Batch { events: Vec::new(), bytes: 0, events_max, bytes_max, end: None, whole: false }
    }

    /// Whether an event of that size still fits. A larger one than all may be goes alone.
    pub fn fits(&self, event: &Bytes) -> bool {
        self.events.is_empty()
            || self.events.len() < self.events_max && self.bytes + event.len() <= self.bytes_max
    }

    /// Takes the next place: its event, if that goes out. Commands lie in the log one behind the
    /// other, so where any of them ends, those before it have ended.
    pub fn scan(&mut self, place: Position, ends_command: bool, event: Option<Bytes>) {
        self.end = Some(place);
        let Some(event) = event else {
            self.whole |= ends_command;
            return;
        };
        self.whole = ends_command;
        self.bytes += event.len();
        self.events.push(event);
    }

    /// The place up to which was scanned, if anything was.
    pub fn end(&self) -> Option<Position> {
        self.end
    }

    /// What was scanned, if anything was.
    pub fn into_scanned(self) -> Option<Scanned> {
        let Batch { events, end, whole, .. } = self;
        let events = (!events.is_empty()).then_some(events);
        end.map(|end| Scanned { events, end, whole })
    }

    /// Whether not even an empty event would fit.
    pub fn is_full(&self) -> bool {
        self.events.len() >= self.events_max || self.bytes >= self.bytes_max
    }
}
