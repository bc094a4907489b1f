//! A batch in the making.

use bytes::Bytes;

/// Events that go out together, within the bounds that their reader gave.
#[derive(Debug)]
pub(super) struct Batch {
    events: Vec<Bytes>,
    bytes: usize,
    events_max: usize,
    bytes_max: usize,
}

impl Batch {
    pub fn new(events_max: usize, bytes_max: usize) -> Batch {
        Batch { events: Vec::new(), bytes: 0, events_max, bytes_max }
    }

    /// Whether an event of that size still fits. A larger one than all may be goes alone.
    pub fn fits(&self, event: &Bytes) -> bool {
        self.events.is_empty()
            || self.events.len() < self.events_max && self.bytes + event.len() <= self.bytes_max
    }

    pub fn push(&mut self, event: Bytes) {
        self.bytes += event.len();
        self.events.push(event);
    }

    /// The events, if there are any.
    pub fn into_events(self) -> Option<Vec<Bytes>> {
        (!self.events.is_empty()).then_some(self.events)
    }

    /// Whether not even an empty event would fit.
    pub fn is_full(&self) -> bool {
        self.events.len() >= self.events_max || self.bytes >= self.bytes_max
    }
}
