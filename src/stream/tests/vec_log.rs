//! A log that makes its rows up as they are asked for, and fails when it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use prost::encoding;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::domain::audience::Audience;
use crate::domain::event::Seq;
use crate::domain::filter::{EventFilter, Facts};
use crate::domain::name::Principal;
use crate::domain::people::Standing;
use crate::domain::reader::{Seen, View};
use crate::store::{Fault, LogRow, LogState, PageRow, RawRow, Result, Stretch};
use crate::stream::{Frame, Log, Position, Reading, with_seq};

/// What the events of a log are like.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Every so many events one is `issue.closed`, the others are `project.updated`.
    pub rare_every: i64,
    /// Events of a command.
    pub command: i64,
    /// Bytes of a body.
    pub bytes: usize,
    /// Makes the ids.
    pub seed: u64,
}

impl Default for Shape {
    fn default() -> Shape {
        Shape { rare_every: 1, command: 1, bytes: 100, seed: 1 }
    }
}

#[derive(Debug)]
struct Inner {
    shape: Shape,
    epoch: u128,
    oldest: i64,
    head: i64,
    holes: BTreeSet<i64>,
    /// Events that are not for everybody.
    audiences: BTreeMap<i64, Audience>,
    /// Events that people have changed.
    people: BTreeSet<i64>,
    standings: Vec<Standing>,
    look_ups: usize,
    failing: bool,
    read_time: Duration,
    tail_reads: Vec<Instant>,
    pages_now: usize,
    pages_most: usize,
}

/// Event `n` is recorded `n` seconds after the beginning of time.
#[derive(Debug)]
pub struct VecLog(Mutex<Inner>);

impl Shape {
    fn facts(self, seq: i64) -> Facts<'static> {
        let kind = if seq % self.rare_every == 0 { "issue.closed" } else { "project.updated" };
        Facts { project: "projects/a", root: "projects/a", subject: "projects/a", kind, class: 1 }
    }

    fn event_id(self, seq: i64) -> Uuid {
        Uuid::from_u64_pair(seq.cast_unsigned(), seq.cast_unsigned() ^ (self.seed << 40))
    }

    fn row(self, seq: i64, facts: Facts<'_>, audience: Audience) -> LogRow {
        let Facts { project, root, subject, kind, class } = facts;
        LogRow {
            seq: Seq(seq),
            event_id: self.event_id(seq),
            ends_command: seq % self.command == 0,
            project: project.into(),
            root: root.into(),
            subject: subject.into(),
            kind: kind.into(),
            class,
            audience,
            body: body(facts, self.bytes),
        }
    }
}

/// What is stored of an event: what filters look at, and as much more as it is large.
fn body(facts: Facts<'_>, bytes: usize) -> Vec<u8> {
    let Facts { project, root, subject, kind, class } = facts;
    let mut body = Vec::new();
    for (tag, text) in [(3, kind), (5, project), (6, subject), (7, root)] {
        encoding::string::encode(tag, &text.to_owned(), &mut body);
    }
    encoding::int32::encode(4, &class.into(), &mut body);
    let left = bytes.saturating_sub(body.len() + 1);
    let left = left.saturating_sub(encoding::encoded_len_varint(left.try_into().unwrap()));
    encoding::bytes::encode(15, &vec![0x5a; left], &mut body);
    body
}

impl Inner {
    fn facts(&self, seq: i64) -> Facts<'static> {
        let facts = self.shape.facts(seq);
        if self.people.contains(&seq) { Facts { kind: "member.updated", ..facts } } else { facts }
    }

    fn audience(&self, seq: i64) -> Audience {
        self.audiences.get(&seq).cloned().unwrap_or_else(Audience::everybody)
    }

    fn row(&self, seq: i64) -> LogRow {
        self.shape.row(seq, self.facts(seq), self.audience(seq))
    }

    fn rows(&self, after: Seq, to: Seq) -> impl Iterator<Item = i64> {
        let first = (after.0 + 1).max(self.oldest);
        (first..=to.0.min(self.head)).filter(|seq| !self.holes.contains(seq))
    }
}

impl VecLog {
    pub fn new(shape: Shape, events: i64) -> VecLog {
        VecLog(Mutex::new(Inner {
            shape,
            epoch: 1,
            oldest: 1,
            head: events,
            holes: BTreeSet::new(),
            audiences: BTreeMap::new(),
            people: BTreeSet::new(),
            standings: Vec::new(),
            look_ups: 0,
            failing: false,
            read_time: Duration::from_micros(500),
            tail_reads: Vec::new(),
            pages_now: 0,
            pages_most: 0,
        }))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap()
    }

    /// Adds events and answers their frames.
    pub fn append(&self, events: i64) -> Vec<Frame> {
        let mut inner = self.inner();
        let first = inner.head + 1;
        inner.head += events;
        (first..=inner.head).map(|seq| frame(inner.row(seq))).collect()
    }

    /// Appends an event that is not for everybody.
    pub fn append_for(&self, audience: Audience) -> Vec<Frame> {
        let seq = self.head() + 1;
        self.inner().audiences.insert(seq, audience);
        self.append(1)
    }

    /// Changes who somebody is, and appends the event of it.
    pub fn append_standing(&self, standing: Standing) -> Vec<Frame> {
        let seq = self.head() + 1;
        self.set_standing(standing);
        self.inner().people.insert(seq);
        self.append(1)
    }

    pub fn set_standing(&self, standing: Standing) {
        let mut inner = self.inner();
        inner.standings.retain(|known| known.principal != standing.principal);
        inner.standings.push(standing);
    }

    /// How often people were looked up.
    pub fn look_ups(&self) -> usize {
        self.inner().look_ups
    }

    pub fn head(&self) -> i64 {
        self.inner().head
    }

    /// Drops what is before a place.
    pub fn drop_before(&self, oldest: i64) {
        self.inner().oldest = oldest;
    }

    /// Loses what is after a place.
    pub fn lose_after(&self, head: i64) {
        self.inner().head = head;
    }

    /// Other events from now on, also at known places.
    pub fn change_events(&self) {
        self.inner().shape.seed += 1;
    }

    pub fn change_epoch(&self) {
        self.inner().epoch += 1;
    }

    pub fn lose(&self, seq: i64) {
        self.inner().holes.insert(seq);
    }

    pub fn find(&self, seq: i64) {
        self.inner().holes.remove(&seq);
    }

    pub fn fail(&self, failing: bool) {
        self.inner().failing = failing;
    }

    pub fn take_time(&self, read_time: Duration) {
        self.inner().read_time = read_time;
    }

    pub fn tail_reads(&self) -> Vec<Instant> {
        self.inner().tail_reads.clone()
    }

    /// The most pages that were read at a time; those of one row are not for readers.
    pub fn pages_most(&self) -> usize {
        self.inner().pages_most
    }

    pub fn has(&self, seq: Seq) -> bool {
        let inner = self.inner();
        (inner.oldest..=inner.head).contains(&seq.0)
    }

    pub fn position(&self, seq: Seq) -> Position {
        if seq == Seq(0) {
            return Position::default();
        }
        Position::after(seq, self.inner().shape.event_id(seq.0))
    }

    pub fn ends_command(&self, seq: Seq) -> bool {
        seq.0 % self.inner().shape.command == 0
    }

    /// What a filter takes between two places, as it is sent.
    pub fn taken(&self, after: Seq, to: Seq, filter: &EventFilter) -> Vec<Bytes> {
        let inner = self.inner();
        let taken = (after.0 + 1..=to.0).filter(|seq| filter.takes(inner.shape.facts(*seq)));
        taken.map(|seq| with_seq(Seq(seq), &inner.row(seq).body)).collect()
    }

    /// Counts how many pages are read at a time.
    fn counted<'a, T: Send + 'a>(&'a self, page: Reading<'a, T>) -> Reading<'a, T> {
        Box::pin(async move {
            {
                let mut inner = self.inner();
                inner.pages_now += 1;
                inner.pages_most = inner.pages_most.max(inner.pages_now);
            }
            let page = page.await;
            self.inner().pages_now -= 1;
            page
        })
    }

    /// Reads as of now, and takes its time.
    fn read<'a, T: Send + 'a>(
        &'a self,
        what: impl FnOnce(&Inner) -> T + Send + 'a,
    ) -> Reading<'a, T> {
        Box::pin(async move {
            let (read, time) = {
                let inner = self.inner();
                let read: Result<T> = match inner.failing {
                    true => Err(Fault::Lost(anyhow::anyhow!("the log fails"))),
                    false => Ok(what(&inner)),
                };
                (read, inner.read_time)
            };
            sleep(time).await;
            read
        })
    }
}

pub fn frame(row: LogRow) -> Frame {
    let LogRow { seq, event_id, ends_command, project, root, subject, kind, .. } = row;
    let LogRow { class, audience, body, .. } = row;
    let bytes = with_seq(seq, &body);
    Frame { seq, event_id, ends_command, project, root, subject, kind, class, audience, bytes }
}

fn time_of(seq: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seq)
}

impl Log for VecLog {
    fn state(&self, _known: Seq) -> Reading<'_, LogState> {
        self.read(|inner| LogState {
            epoch: Uuid::from_u128(inner.epoch),
            oldest: Seq(inner.oldest),
            head: Seq(inner.head),
        })
    }

    fn tail(&self, after: Seq, to: Seq) -> Reading<'_, Vec<LogRow>> {
        self.inner().tail_reads.push(Instant::now());
        self.read(move |inner| {
            let rows = inner.rows(Seq(after.0 - 1), to).map(|seq| inner.row(seq));
            let bare = |row: LogRow| {
                if row.seq == after { LogRow { body: Vec::new(), ..row } } else { row }
            };
            rows.map(bare).collect()
        })
    }

    fn disown_if_lost(&self, epoch: Uuid, known: Position) -> Reading<'_, bool> {
        let is_lost = !self.has(known.seq) || self.position(known.seq) != known;
        let mut inner = self.inner();
        if is_lost && Uuid::from_u128(inner.epoch) == epoch {
            inner.epoch += 1;
        }
        drop(inner);
        self.read(move |_| is_lost)
    }

    fn page<'a>(&'a self, stretch: Stretch, view: &'a View) -> Reading<'a, Vec<PageRow>> {
        let Stretch { after, to, limit } = stretch;
        let page = self.read(move |inner| {
            let rows = inner.rows(after, to).filter_map(|place| {
                let seen = view.sees(inner.facts(place), &inner.audience(place));
                (seen != Seen::No || place == to.0).then(|| {
                    let LogRow { seq, event_id, ends_command, body, .. } = inner.row(place);
                    PageRow { seq, event_id, ends_command, seen, body }
                })
            });
            rows.take(usize::try_from(limit).unwrap()).collect()
        });
        if limit == 1 { page } else { self.counted(page) }
    }

    fn raw(&self, after: Seq, to: Seq) -> Reading<'_, Vec<RawRow>> {
        self.counted(self.read(move |inner| {
            let row = |place| {
                let LogRow { seq, event_id, ends_command, audience, body, .. } = inner.row(place);
                RawRow { seq, event_id, ends_command, audience, body }
            };
            inner.rows(after, to).map(row).collect()
        }))
    }

    fn standings<'a>(&'a self, people: &'a [Principal]) -> Reading<'a, Vec<Standing>> {
        self.inner().look_ups += 1;
        self.read(move |inner| {
            let known = inner.standings.iter();
            known.filter(|known| people.contains(&known.principal)).cloned().collect()
        })
    }

    fn first_at(&self, state: LogState, at: Timestamp) -> Reading<'_, Seq> {
        self.read(move |_| {
            let mut seqs = state.oldest.0..=state.head.0;
            seqs.find(|seq| time_of(*seq) >= at).map_or(state.head.next(), Seq)
        })
    }

    fn now(&self) -> Reading<'_, Timestamp> {
        self.read(|inner| time_of(inner.head))
    }
}
