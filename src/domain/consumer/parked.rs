//! Events that are not tried any more.

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::event::Seq;
use crate::domain::working_set::Noun;

/// An event that is not tried any more. The store keeps a copy of the event beside it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Parked {
    /// The id of the consumer that it is parked for.
    pub consumer: Uuid,
    /// The event.
    pub seq: Seq,
    /// The bucket that it is of.
    pub bucket: i16,
    /// What it is ordered by.
    pub key: String,
    /// How often it was tried.
    pub attempts: i32,
    /// Why it is parked.
    pub reason: String,
    /// When it was.
    pub parked_at: Timestamp,
}

impl Noun for Parked {
    type Key = (Uuid, Seq);

    fn key(&self) -> (Uuid, Seq) {
        (self.consumer, self.seq)
    }
}
