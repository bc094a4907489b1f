//! What a member does with its buckets between two looks at them: what it sends next, what has to
//! wait, and what it has passed.
//!
//! The tables decide. A member learns from them what became of its deliveries, whoever was told,
//! and whether a bucket is still its own. Until it has learned it, nothing else of that key is
//! sent.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use uuid::Uuid;

use super::bucket::{Bucket, Fate, WAITING_MAX, bucket_of};
use super::consume::{BucketProgress, Later, Silent, share, surplus};
use super::retry::Retry;
use super::{Consumer, ConsumerState, after};
use crate::domain::event::Seq;
use crate::domain::filter::EventFilter;

/// Events that are held for later: more would be memory for a member that is slow.
pub const HELD_MAX: usize = 1_000;
/// The same in bytes.
pub const HELD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// More events of one key that wait would be a queue of their own: its bucket pauses.
pub const KEY_WAITING_MAX: usize = 1_000;
/// More in one command would hold up others.
const PROGRESS_MAX: usize = 500;

/// An event of the consumer, as it was read.
#[derive(Clone, Debug)]
pub struct Heard<B> {
    /// Its place.
    pub seq: Seq,
    /// What it is ordered by.
    pub key: String,
    /// What is delivered of it.
    pub body: B,
    /// How many bytes that takes.
    pub bytes: usize,
}

/// A delivery.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Outgoing {
    /// The bucket of the event.
    pub bucket: i16,
    /// Under which claim.
    pub fence: i64,
    /// From here on up to the event nothing else is of the bucket.
    pub from: Seq,
    /// The event.
    pub seq: Seq,
    /// How often it was tried with this time.
    pub attempt: i32,
    /// What it is ordered by.
    pub key: String,
}

#[derive(Debug)]
struct Held<B> {
    bucket: i16,
    from: Seq,
    key: String,
    body: B,
    bytes: usize,
}

#[derive(Debug)]
struct InFlight {
    sent: Outgoing,
    /// Whether it is one that waited to be tried again.
    waited: bool,
    until: Timestamp,
}

/// A bucket as the member last saw it.
#[derive(Debug)]
struct Post {
    bucket: Bucket,
    /// The last event of the bucket that was heard.
    last: Seq,
    /// What waits, by key.
    waiting: BTreeMap<String, BTreeMap<Seq, (i32, Timestamp)>>,
    draining: bool,
}

impl Post {
    fn retry(&self, key: &str, seq: Seq) -> Option<&(i32, Timestamp)> {
        self.waiting.get(key)?.get(&seq)
    }

    fn has_room(&self, key: &str) -> bool {
        let of_key = self.waiting.get(key).map_or(0, BTreeMap::len);
        self.bucket.waiting < WAITING_MAX && of_key < KEY_WAITING_MAX
    }
}

/// What a look at the buckets asks for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Looked {
    /// Read the log anew after this place: there are buckets that have not come as far.
    pub rescan: Option<Seq>,
    /// Read what waits in these buckets, before anything else is asked.
    pub read: BTreeSet<i16>,
}

/// A member at work.
#[derive(Debug)]
pub struct Shift<B> {
    member: Uuid,
    in_flight_max: usize,
    consumer: Consumer,
    takes: EventFilter,
    posts: BTreeMap<i16, Post>,
    held: BTreeMap<Seq, Held<B>>,
    held_bytes: usize,
    in_flight: BTreeMap<Seq, InFlight>,
    /// Up to where the log was read; none where no bucket is held.
    scanned: Option<Seq>,
    /// How many deliveries were settled, as far as is known.
    settled: u64,
}

impl<B> Shift<B> {
    /// A member that holds nothing yet.
    pub fn new(member: Uuid, in_flight_max: usize, consumer: Consumer) -> Shift<B> {
        Shift {
            member,
            in_flight_max,
            takes: consumer.takes(),
            consumer,
            posts: BTreeMap::new(),
            held: BTreeMap::new(),
            held_bytes: 0,
            in_flight: BTreeMap::new(),
            scanned: None,
            settled: 0,
        }
    }

    /// Looks at the consumer and its buckets, among so many living members.
    pub fn look(&mut self, consumer: Consumer, buckets: Vec<Bucket>, living: usize) -> Looked {
        let filter = consumer.takes();
        let mut is_behind = filter != self.takes;
        let share = share(buckets.len(), living);
        (self.consumer, self.takes) = (consumer, filter);
        let mine: BTreeMap<i16, Bucket> = buckets
            .into_iter()
            .filter(|bucket| bucket.is_of(self.member))
            .map(|bucket| (bucket.key.number, bucket))
            .collect();
        let surplus = surplus(&mine.keys().copied().collect(), share);
        let fences: BTreeMap<i16, i64> = mine.iter().map(|(n, b)| (*n, b.fence)).collect();
        self.drop_lost(|number, fence| fences.get(&number) == Some(&fence));
        let mut read = BTreeSet::new();
        for (number, bucket) in mine {
            let draining = surplus.contains(&number);
            match self.posts.get_mut(&number) {
                Some(post) => {
                    if post.bucket.version != bucket.version {
                        read.insert(number);
                    }
                    (post.bucket, post.draining) = (bucket, draining);
                }
                None => {
                    is_behind |= self.scanned.is_none_or(|scanned| bucket.done < scanned);
                    read.insert(number);
                    let (last, waiting) = (bucket.done, BTreeMap::new());
                    self.posts.insert(number, Post { bucket, last, waiting, draining });
                }
            }
        }
        let rescan = if is_behind { self.start_over() } else { None };
        if self.posts.is_empty() {
            self.scanned = None;
        }
        Looked { rescan, read }
    }

    /// Forgets what is of buckets that are not held any more.
    fn drop_lost(&mut self, keeps: impl Fn(i16, i64) -> bool) {
        self.posts.retain(|number, post| keeps(*number, post.bucket.fence));
        let posts = &self.posts;
        self.in_flight.retain(|_, sent| posts.contains_key(&sent.sent.bucket));
        self.held.retain(|_, held| posts.contains_key(&held.bucket));
        self.held_bytes = self.held.values().map(|held| held.bytes).sum();
    }

    /// Forgets what was read and not sent; answers the place to read on after.
    fn start_over(&mut self) -> Option<Seq> {
        self.held.clear();
        self.held_bytes = 0;
        self.scanned = self.posts.values().map(|post| post.bucket.done).min();
        self.posts.values_mut().for_each(|post| post.last = post.bucket.done);
        self.scanned
    }

    /// Takes what waits in a bucket.
    pub fn read(&mut self, number: i16, rows: Vec<Retry>) {
        let Some(post) = self.posts.get_mut(&number) else { return };
        post.waiting.clear();
        for Retry { seq, key, attempts, next_at, .. } in rows {
            post.waiting.entry(key).or_default().insert(seq, (attempts, next_at));
        }
    }

    /// Sees what became of deliveries, once all that changed was read.
    pub fn settle(&mut self) {
        let posts = &self.posts;
        let before = self.in_flight.len();
        self.in_flight.retain(|seq, InFlight { sent, waited, .. }| {
            let Some(post) = posts.get(&sent.bucket) else { return false };
            match waited {
                true => post.retry(&sent.key, *seq).is_some_and(|(n, _)| *n < sent.attempt),
                false => post.bucket.fate(*seq) == Fate::Open,
            }
        });
        let settled = before - self.in_flight.len();
        self.settled += u64::try_from(settled).unwrap_or(0);
        self.held.retain(|seq, held| {
            posts.get(&held.bucket).is_some_and(|post| post.bucket.fate(*seq) == Fate::Open)
        });
        self.held_bytes = self.held.values().map(|held| held.bytes).sum();
    }

    /// Takes events that were read, and up to where that was.
    pub fn hear(&mut self, events: Vec<Heard<B>>, scanned: Seq) {
        for Heard { seq, key, body, bytes } in events {
            let bucket = bucket_of(&key, self.consumer.buckets);
            let Some(post) = self.posts.get_mut(&bucket) else { continue };
            let from = post.last.next().min(seq);
            post.last = post.last.max(seq);
            let is_new = post.bucket.fate(seq) == Fate::Open && !self.in_flight.contains_key(&seq);
            if is_new {
                self.held_bytes += bytes;
                self.held.insert(seq, Held { bucket, from, key, body, bytes });
            }
        }
        self.scanned = self.scanned.map(|before| before.max(scanned));
    }

    /// Whether there is room for more events.
    pub fn wants_more(&self) -> bool {
        !self.posts.is_empty()
            && self.held.len() < HELD_MAX
            && self.held_bytes < HELD_BYTES_MAX
            && self.consumer.state == ConsumerState::Active
    }

    /// What it takes.
    pub fn takes(&self) -> &EventFilter {
        &self.takes
    }

    /// The consumer as it was last seen.
    pub fn consumer(&self) -> &Consumer {
        &self.consumer
    }

    /// How many deliveries were settled since the beginning, as far as is known.
    pub fn settled(&self) -> u64 {
        self.settled
    }

    /// Whether anything is with the member, or held for it.
    pub fn is_busy(&self) -> bool {
        !self.in_flight.is_empty()
            || !self.held.is_empty()
            || self.posts.values().any(|post| !post.waiting.is_empty())
    }

    /// Whether anything is with the member.
    pub fn is_waited_for(&self) -> bool {
        !self.in_flight.is_empty()
    }

    /// Whether it holds a bucket.
    pub fn has_posts(&self) -> bool {
        !self.posts.is_empty()
    }

    /// The buckets of which nothing is with the member.
    pub fn idle(&self) -> BTreeSet<i16> {
        let busy: BTreeSet<i16> = self.in_flight.values().map(|sent| sent.sent.bucket).collect();
        self.posts.keys().filter(|number| !busy.contains(number)).copied().collect()
    }

    fn room(&self) -> usize {
        match self.consumer.state {
            ConsumerState::Active => self.in_flight_max.saturating_sub(self.in_flight.len()),
            ConsumerState::Paused | ConsumerState::Expired => 0,
        }
    }

    fn keys_in_flight(&self) -> BTreeSet<String> {
        self.in_flight.values().map(|sent| sent.sent.key.clone()).collect()
    }

    /// Whether there is something to send.
    pub fn has_something(&self, now: Timestamp) -> bool {
        let busy = self.keys_in_flight();
        self.room() > 0
            && (self.held.values().any(|held| self.may_send(held, &busy))
                || self
                    .posts
                    .values()
                    .any(|post| Shift::<B>::due(post, now, &busy).next().is_some()))
    }

    fn may_send(&self, held: &Held<B>, busy: &BTreeSet<String>) -> bool {
        !busy.contains(&held.key)
            && self
                .posts
                .get(&held.bucket)
                .is_some_and(|post| !post.draining && !post.waiting.contains_key(&held.key))
    }

    /// The events of a bucket that can be tried again: the first one of each key.
    fn due<'a>(
        post: &'a Post,
        now: Timestamp,
        busy: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = (&'a String, Seq, i32)> {
        let heads = post.waiting.iter().filter_map(|(key, rows)| {
            let (seq, (attempts, next_at)) = rows.first_key_value()?;
            Some((key, *seq, *attempts, *next_at))
        });
        heads
            .filter(move |(key, _, _, next_at)| {
                !post.draining && *next_at <= now && !busy.contains(*key)
            })
            .map(|(key, seq, attempts, _)| (key, seq, attempts))
    }

    /// Events that waited and are sent now; at most so many. Their bodies have to be read.
    pub fn take_due(&mut self, now: Timestamp, max: usize) -> Vec<Outgoing> {
        let busy = self.keys_in_flight();
        let mut taken = Vec::new();
        for (number, post) in &self.posts {
            let due = Shift::<B>::due(post, now, &busy).map(|(key, seq, attempts)| Outgoing {
                bucket: *number,
                fence: post.bucket.fence,
                from: seq,
                seq,
                attempt: attempts.saturating_add(1),
                key: key.clone(),
            });
            taken.extend(due);
        }
        taken.sort_by_key(|sent| sent.seq);
        taken.truncate(max.min(self.room()));
        let until = after(now, self.consumer.ack_deadline);
        for sent in &taken {
            let in_flight = InFlight { sent: sent.clone(), waited: true, until };
            self.in_flight.insert(sent.seq, in_flight);
        }
        taken
    }

    /// Events that are sent now for the first time, in the order of the log; at most so many, and
    /// about so many bytes.
    pub fn take_held(
        &mut self,
        now: Timestamp,
        max: usize,
        bytes_max: usize,
    ) -> Vec<(Outgoing, B)> {
        let mut busy = self.keys_in_flight();
        let max = max.min(self.room());
        let (mut seqs, mut bytes) = (Vec::new(), 0);
        for (seq, held) in &self.held {
            if seqs.len() >= max || bytes >= bytes_max {
                break;
            }
            if self.may_send(held, &busy) {
                bytes += held.bytes;
                busy.insert(held.key.clone());
                seqs.push(*seq);
            }
        }
        let until = after(now, self.consumer.ack_deadline);
        let mut taken = Vec::new();
        for seq in seqs {
            let Some(Held { bucket, from, key, body, bytes }) = self.held.remove(&seq) else {
                continue;
            };
            self.held_bytes -= bytes;
            let fence = self.posts.get(&bucket).map_or(0, |post| post.bucket.fence);
            let sent = Outgoing { bucket, fence, from, seq, attempt: 1, key };
            let in_flight = InFlight { sent: sent.clone(), waited: false, until };
            self.in_flight.insert(seq, in_flight);
            taken.push((sent, body));
        }
        taken
    }

    /// Takes back deliveries of events that waited, which were not made after all.
    pub fn take_back(&mut self, sent: &[Outgoing]) {
        for sent in sent {
            self.in_flight.remove(&sent.seq);
        }
    }

    /// Whether more time was asked for something that is with the member.
    pub fn is_extended(&self, now: Timestamp) -> bool {
        self.in_flight.values().any(|InFlight { sent, waited, .. }| {
            let Some(post) = self.posts.get(&sent.bucket) else { return false };
            extension(post, sent, *waited).is_some_and(|until| until > now)
        })
    }

    /// What the tables are to be told now; with `passed` also how far each bucket has come.
    /// `unseen` are deliveries that were taken and cannot be shown to the member.
    pub fn progress(
        &self,
        now: Timestamp,
        passed: bool,
        unseen: &[Outgoing],
    ) -> Vec<BucketProgress> {
        let mut left = PROGRESS_MAX;
        let mut progress = Vec::new();
        for (number, post) in &self.posts {
            let silent = self.silent(*number, post, now).take(left).collect::<Vec<_>>();
            left -= silent.len();
            let later = self.later(*number, post).take(left).collect::<Vec<_>>();
            left -= later.len();
            let unseen = unseen.iter().filter(|sent| sent.bucket == *number).map(spoken_of);
            let unseen = unseen.collect::<Vec<_>>();
            let done = self.passed(*number).filter(|done| passed && *done > post.bucket.done);
            let says =
                done.is_some() || !(later.is_empty() && silent.is_empty() && unseen.is_empty());
            if says {
                let (number, fence) = (*number, post.bucket.fence);
                progress.push(BucketProgress { number, fence, done, later, silent, unseen });
            }
        }
        progress
    }

    /// Whether something has to be told soon.
    pub fn has_news(&self, now: Timestamp) -> bool {
        self.posts.iter().any(|(number, post)| {
            self.silent(*number, post, now).next().is_some()
                || self.later(*number, post).next().is_some()
        })
    }

    /// Deliveries of which nothing was heard in time.
    fn silent(&self, number: i16, post: &Post, now: Timestamp) -> impl Iterator<Item = Silent> {
        let of_bucket = self.in_flight.values().filter(move |sent| sent.sent.bucket == number);
        let late = of_bucket.filter(move |InFlight { sent, waited, until }| {
            let longer = extension(post, sent, *waited);
            *until <= now && longer.is_none_or(|longer| longer <= now)
        });
        late.map(|in_flight| spoken_of(&in_flight.sent))
    }

    /// Events that have to wait because an earlier one of their key does.
    fn later(&self, number: i16, post: &Post) -> impl Iterator<Item = Later> {
        let of_bucket = self.held.iter().filter(move |(_, held)| held.bucket == number);
        let waits = of_bucket.filter(move |(_, held)| {
            post.waiting.contains_key(&held.key) && post.has_room(&held.key)
        });
        waits.map(|(seq, held)| Later { from: held.from, seq: *seq, key: held.key.clone() })
    }

    /// Up to where everything of a bucket is past.
    fn passed(&self, number: i16) -> Option<Seq> {
        let held = self.held.iter().find(|(_, held)| held.bucket == number).map(|(seq, _)| *seq);
        let open =
            self.in_flight.iter().find(|(_, sent)| sent.sent.bucket == number && !sent.waited);
        let open = held.into_iter().chain(open.map(|(seq, _)| *seq)).min();
        open.map(|seq| Seq(seq.0 - 1)).or(self.scanned)
    }
}

/// Until when the member of a delivery may take.
fn extension(post: &Post, sent: &Outgoing, waited: bool) -> Option<Timestamp> {
    match waited {
        true => post.retry(&sent.key, sent.seq).map(|(_, next_at)| *next_at),
        false => post.bucket.extended.get(&sent.seq).copied(),
    }
}

fn spoken_of(sent: &Outgoing) -> Silent {
    let Outgoing { from, seq, key, attempt, .. } = sent;
    Silent { event: Later { from: *from, seq: *seq, key: key.clone() }, attempt: *attempt }
}
