//! Buckets: a share of a consumer's keys, with one member at a time and a position of its own.

use std::collections::BTreeMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::ranges::Ranges;
use crate::domain::event::Seq;
use crate::domain::name::ConsumerName;
use crate::domain::working_set::Noun;

/// More members than this share no consumer.
pub const BUCKETS_MAX: i16 = 64;
/// More events that wait to be tried again would be a log of their own: the bucket pauses.
pub const WAITING_MAX: i32 = 10_000;

/// Which bucket of which consumer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct BucketKey {
    /// Whose.
    pub consumer: ConsumerName,
    /// From 0.
    pub number: i16,
}

/// A share of a consumer's keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bucket {
    /// Which.
    pub key: BucketKey,
    /// Counts every change of the bucket and of what waits in it.
    pub version: i64,
    /// Who delivers its events, and until when nobody else may.
    pub holder: Option<(Uuid, Timestamp)>,
    /// Grows with each claim and each reset: what was delivered under an older one is void.
    pub fence: i64,
    /// Everything up to here is past.
    pub done: Seq,
    /// What is past behind it.
    pub finished: Ranges,
    /// How many events wait to be tried again.
    pub waiting: i32,
    /// Events whose members asked for more time, and until when.
    pub extended: BTreeMap<Seq, Timestamp>,
}

/// Where an event stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fate {
    /// It is still to be settled.
    Open,
    /// It is done, waits to be tried again, or is parked.
    Past,
}

impl Noun for Bucket {
    type Key = BucketKey;

    fn key(&self) -> BucketKey {
        self.key.clone()
    }
}

impl Bucket {
    /// A new one, after a place.
    pub fn new(key: BucketKey, done: Seq) -> Bucket {
        Bucket {
            key,
            version: 1,
            holder: None,
            fence: 0,
            done,
            finished: Ranges::default(),
            waiting: 0,
            extended: BTreeMap::new(),
        }
    }

    /// Where an event stands.
    pub fn fate(&self, seq: Seq) -> Fate {
        if seq <= self.done || self.finished.holds(seq) { Fate::Past } else { Fate::Open }
    }

    /// Says that an event is past, with all before it that are not of this bucket, from a place
    /// on.
    pub fn pass(&mut self, from: Seq, seq: Seq) {
        self.finished.add(from.max(self.done.next()).min(seq), seq);
        self.settle(self.done);
    }

    /// Says that everything up to a place is past.
    pub fn pass_all(&mut self, to: Seq) {
        self.settle(to.max(self.done));
    }

    fn settle(&mut self, done: Seq) {
        self.done = self.finished.absorb(done);
        let (done, finished) = (self.done, &self.finished);
        self.extended.retain(|seq, _| *seq > done && !finished.holds(*seq));
    }

    /// Whether somebody else may take it.
    pub fn is_free(&self, now: Timestamp) -> bool {
        self.holder.is_none_or(|(_, until)| until <= now)
    }

    /// Whether that member delivers its events.
    pub fn is_of(&self, member: Uuid) -> bool {
        self.holder.is_some_and(|(holder, _)| holder == member)
    }

    /// Gives it to somebody: whatever was delivered before is void.
    pub fn claim(&mut self, member: Uuid, until: Timestamp) {
        self.holder = Some((member, until));
        self.fence += 1;
        self.extended.clear();
    }

    /// Starts anew after a place.
    pub fn reset(&mut self, done: Seq) {
        self.holder = None;
        self.fence += 1;
        self.done = done;
        self.finished = Ranges::default();
        self.waiting = 0;
        self.extended.clear();
    }
}

/// Which of so many buckets a key is of.
pub fn bucket_of(key: &str, buckets: i16) -> i16 {
    let buckets = u64::try_from(buckets.max(1)).unwrap_or(1);
    i16::try_from(fnv1a64(key.as_bytes()) % buckets).unwrap_or(0)
}

/// The hash of Fowler, Noll and Vo: the same in every release.
fn fnv1a64(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_spread_as_in_every_release() {
        // Published test vectors of FNV-1a with 64 bits.
        assert_eq!(fnv1a64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a64(b"foobar"), 0x8594_4171_f739_67e8);
        assert!((0..1_000).all(|n| (0..7).contains(&bucket_of(&n.to_string(), 7))));
        assert_eq!(bucket_of("anything", 1), 0);
    }
}
