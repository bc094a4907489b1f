//! What the hub, its tail and its readers share: the newest events under one lock, and the bells.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use tokio::time::{Instant, timeout};

use super::bells::Bells;
use super::callers::Callers;
use super::cursor::{Epoch, Position};
use super::frame::Frame;
use super::hub::{Options, Stats};
use super::log::{Log, Reading};
use super::page::Pages;
use super::ring::{Ring, Waiting};
use crate::domain::error::{Error, Reason};
use crate::domain::event::{Seq, concerns_people};
use crate::domain::reader::View;
use crate::store::{self, Fault, LogState, Stretch};

/// A read that takes longer has failed. The database ends its own statements long before.
const READ_WITHIN: Duration = Duration::from_secs(15);
/// The same complaint more often than this only fills the log.
const COMPLAINT_PERIOD: Duration = Duration::from_secs(1);
/// What is known of the log's beginning is asked for again after this time. Events are dropped no
/// sooner than a minute after the beginning has moved behind them.
const OLDEST_GOOD_FOR: Duration = Duration::from_secs(30);

/// Why all subscriptions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The service stops.
    ShuttingDown,
    /// The log is not the one that it was.
    LogReplaced,
    /// The log has a hole.
    NotDense,
}

impl Ended {
    /// What a reader is told.
    pub fn error(self) -> Error {
        match self {
            Ended::ShuttingDown => Error::Unavailable {
                reason: Reason::ShuttingDown,
                problem: "the service is shutting down".into(),
                request_id: None,
            },
            Ended::LogReplaced => epoch_changed(),
            Ended::NotDense => Error::Internal(anyhow::anyhow!("the log is not dense")),
        }
    }
}

/// The cursor, or the subscription, is of another log.
pub(super) fn epoch_changed() -> Error {
    Error::Refused {
        reason: Reason::EpochChanged,
        subject: "log".into(),
        rule: "is not the log that it was: read anew what is of interest".into(),
    }
}

/// The newest that this replica knows.
#[derive(Debug)]
pub(super) struct Newest {
    pub epoch: Epoch,
    /// The oldest event that the log still has, as of `looked_at`.
    pub oldest: Seq,
    pub looked_at: Instant,
    /// The end of the log then.
    pub table_head: Seq,
    pub ring: Ring,
    pub waiting: Waiting,
    /// The log has a hole behind the head.
    pub halted: bool,
    pub stopped: bool,
    /// Why the last generation of subscriptions ended.
    ended: Ended,
}

impl Newest {
    pub fn new(state: LogState, head: Position) -> Newest {
        Newest {
            epoch: Epoch::of(state.epoch),
            oldest: state.oldest,
            looked_at: Instant::now(),
            table_head: state.head,
            ring: Ring::new(head),
            waiting: Waiting::default(),
            halted: false,
            stopped: false,
            ended: Ended::ShuttingDown,
        }
    }

    /// Why no subscription can stand now, if so.
    pub fn refusal(&self) -> Option<Ended> {
        match (self.stopped, self.halted) {
            (true, _) => Some(Ended::ShuttingDown),
            (false, true) => Some(Ended::NotDense),
            (false, false) => None,
        }
    }
}

/// Plain counters.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub subscriptions: AtomicUsize,
    pub live: AtomicUsize,
    pub falls: AtomicU64,
    pub density_violations: AtomicU64,
    pub lost_tails: AtomicU64,
    pub tail_reads: AtomicU64,
    pub page_reads: AtomicU64,
    pub page_hits: AtomicU64,
    pub page_misses: AtomicU64,
}

/// What the hub, its tail and its readers share.
#[derive(Debug)]
pub(super) struct Shared {
    pub log: Arc<dyn Log>,
    pub options: Options,
    pub pages: Pages,
    pub callers: Callers,
    pub counters: Counters,
    newest: RwLock<Newest>,
    /// The head again, for those who need nothing else.
    head: AtomicI64,
    /// Moves, under the write lock, when all subscriptions end.
    generation: AtomicU64,
    wake: watch::Sender<()>,
    /// The newest event about people that this replica has heard of.
    people: watch::Sender<Seq>,
    /// For those who act on what happens without reading it all.
    pub bells: Bells,
    /// Rung for the tail: the log may have grown.
    pub hint: Notify,
    /// Rung for the tail: readers are to be woken with the next group.
    pub late: Notify,
    doubtful: AtomicBool,
    complained_at: Mutex<Option<Instant>>,
}

impl Shared {
    pub fn new(log: Arc<dyn Log>, options: Options, newest: Newest) -> Shared {
        let head = newest.ring.head().seq;
        Shared {
            log,
            options,
            pages: Pages::new(options.page_cache_bytes_max),
            callers: Callers::default(),
            counters: Counters::default(),
            head: AtomicI64::new(head.0),
            newest: RwLock::new(newest),
            generation: AtomicU64::new(0),
            wake: watch::Sender::new(()),
            people: watch::Sender::new(head),
            bells: Bells::new(),
            hint: Notify::new(),
            late: Notify::new(),
            doubtful: AtomicBool::new(false),
            complained_at: Mutex::new(None),
        }
    }

    /// A panic under the lock can only be the ring's refusal of a hole, before anything changed.
    pub fn read(&self) -> RwLockReadGuard<'_, Newest> {
        self.newest.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Newest> {
        self.newest.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The newest place that this replica knows.
    pub fn head(&self) -> Seq {
        Seq(self.head.load(Ordering::Acquire))
    }

    /// Which subscriptions stand. Under the read lock it is that of what the lock guards.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Why the subscriptions of earlier generations ended.
    pub fn ended(&self) -> Ended {
        let newest = self.read();
        if newest.stopped { Ended::ShuttingDown } else { newest.ended }
    }

    /// A bell that rings when there may be something new.
    pub fn bell(&self) -> watch::Receiver<()> {
        self.wake.subscribe()
    }

    /// The newest event about people. It moves before anybody is answered that there is one.
    pub fn people(&self) -> watch::Receiver<Seq> {
        self.people.subscribe()
    }

    /// The newest event about people. Read before the head and under the lock of the ring, it is
    /// that of all that is there.
    pub fn people_changed(&self) -> Seq {
        *self.people.borrow()
    }

    /// Tells that people have changed, where they have. Whatever lies before an event was committed
    /// before it, so a newer one stands for all the older ones.
    fn tell_people(&self, frames: &[Arc<Frame>]) {
        let newest = frames.iter().rev().find(|frame| concerns_people(&frame.kind));
        if let Some(seq) = newest.map(|frame| frame.seq) {
            self.people.send_if_modified(|known| {
                let newer = *known < seq;
                *known = seq.max(*known);
                newer
            });
        }
    }

    /// Wakes every reader.
    pub fn ring_bell(&self) {
        self.wake.send_replace(());
    }

    /// Wakes every reader at once, or leaves it to the next group if there are many.
    fn wake(&self) {
        if self.counters.live.load(Ordering::Relaxed) > self.options.wakes_grouped_above {
            self.late.notify_one();
        } else {
            self.ring_bell();
        }
    }

    /// Takes committed events, in order and without a gap between them. What this replica knows
    /// already is ignored, what lies beyond the next place waits.
    pub fn take(&self, frames: Vec<Arc<Frame>>) {
        // What was committed is so, even where events in front of it have not arrived here yet.
        self.tell_people(&frames);
        self.bells.ring(&frames);
        let dense = frames.is_sorted_by(|one, other| one.seq.next() == other.seq);
        let (Some(first), true) = (frames.first(), dense) else {
            if !frames.is_empty() {
                tracing::error!("a hand-over to the stream has holes, the log is read instead");
                self.hint.notify_one();
            }
            return;
        };
        let mut newest = self.write();
        let before = newest.ring.head();
        if first.seq <= before.seq && !newest.knows(first) {
            // Another event at a place that readers may have been sent, or one that is too old to
            // tell: perhaps not this log. The tail looks, and reads what is new.
            drop(newest);
            return self.doubt();
        }
        let mut ahead = false;
        if first.seq <= before.seq.next() {
            newest.enter(frames);
        } else {
            newest.waiting.keep(frames, self.options.waiting_bytes_max);
            ahead = true;
        }
        let old = self.settle(&mut newest);
        let grown = newest.ring.head() != before;
        drop(newest);
        drop(old);
        if grown {
            self.wake();
        }
        if ahead {
            self.hint.notify_one();
        }
    }

    /// Enters what can enter now and takes out what is too old.
    fn settle(&self, newest: &mut Newest) -> Vec<Arc<Frame>> {
        while let Some(frames) = newest.waiting.next(newest.ring.head().seq) {
            newest.enter(frames);
        }
        self.head.store(newest.ring.head().seq.0, Ordering::Release);
        newest.ring.trim(self.options.ring_events_max, self.options.ring_bytes_max)
    }

    /// The log has been read from a place that was the head, without a hole.
    pub fn found_dense(&self, frames: Vec<Arc<Frame>>) {
        self.write().halted = false;
        self.take(frames);
    }

    /// The log is still the one that it was.
    pub fn found_same(&self, state: LogState) {
        let mut newest = self.write();
        newest.oldest = newest.oldest.max(state.oldest);
        newest.table_head = newest.table_head.max(state.head);
        newest.looked_at = Instant::now();
    }

    /// The log is another one: forgets all, and starts at its head.
    pub fn adopt(&self, state: LogState, head: Position) {
        self.counters.lost_tails.fetch_add(1, Ordering::Relaxed);
        let mut newest = self.write();
        let stopped = newest.stopped;
        let old = std::mem::replace(&mut *newest, Newest { stopped, ..Newest::new(state, head) });
        self.callers.forget();
        self.pages.forget();
        self.head.store(head.seq.0, Ordering::Release);
        self.end_all(&mut newest, Ended::LogReplaced);
        // Another log, other people.
        self.people.send_replace(head.seq);
        drop(newest);
        drop(old);
        self.ring_bell();
    }

    /// The log has a hole after the head: better no stream than one with a hole in it.
    pub fn halt(&self) {
        let mut newest = self.write();
        if newest.halted {
            return;
        }
        newest.halted = true;
        self.count_hole(newest.ring.head().seq);
        self.end_all(&mut newest, Ended::NotDense);
        drop(newest);
        self.ring_bell();
    }

    /// Says loudly that an event is missing.
    pub fn count_hole(&self, after: Seq) {
        self.counters.density_violations.fetch_add(1, Ordering::Relaxed);
        tracing::error!(event.seq = after.0, "the log has a hole, nothing after it is sent");
    }

    /// The service stops.
    pub fn stop(&self) {
        let mut newest = self.write();
        if newest.stopped {
            return;
        }
        newest.stopped = true;
        self.end_all(&mut newest, Ended::ShuttingDown);
        drop(newest);
        self.ring_bell();
    }

    fn end_all(&self, newest: &mut Newest, why: Ended) {
        newest.ended = why;
        self.generation.fetch_add(1, Ordering::AcqRel);
    }

    /// Waits for a read, and doubts the log if it fails: a new connection may lead elsewhere.
    pub async fn ask<T>(&self, reading: Reading<'_, T>) -> store::Result<T> {
        let late = |_| Err(Fault::Lost(anyhow::anyhow!("no answer within {READ_WITHIN:?}")));
        let read = timeout(READ_WITHIN, reading).await.unwrap_or_else(late);
        if read.is_err() {
            self.doubtful.store(true, Ordering::Relaxed);
        }
        read
    }

    /// Has the tail look whether the log is still the one that it was.
    pub fn doubt(&self) {
        self.doubtful.store(true, Ordering::Relaxed);
        self.hint.notify_one();
    }

    /// Whether to look, once for each doubt.
    pub fn is_doubtful(&self) -> bool {
        self.doubtful.swap(false, Ordering::Relaxed)
    }

    /// The oldest event that the log still has, at most a little outdated.
    pub async fn oldest(&self) -> store::Result<Seq> {
        {
            let newest = self.read();
            if newest.looked_at.elapsed() < OLDEST_GOOD_FOR {
                return Ok(newest.oldest);
            }
        }
        Ok(self.ask(self.log.state(self.head())).await?.oldest)
    }

    /// The place after an event that the log has; the beginning of every log is a place, too.
    pub async fn place(&self, seq: Seq) -> store::Result<Option<Position>> {
        if seq == Seq(0) {
            return Ok(Some(Position::default()));
        }
        let all = View::of_everything();
        let rows = self.ask(self.log.page(Stretch::one(seq), &all)).await?;
        let row = rows.into_iter().find(|row| row.seq == seq);
        Ok(row.map(|row| Position::after(row.seq, row.event_id)))
    }

    /// Says what failed, at most once a second.
    pub fn complain(&self, what: &'static str, fault: &Fault) {
        let mut complained_at = self.complained_at.lock().unwrap_or_else(PoisonError::into_inner);
        if complained_at.is_none_or(|at| at.elapsed() >= COMPLAINT_PERIOD) {
            *complained_at = Some(Instant::now());
            drop(complained_at);
            tracing::warn!(error = format!("{:#}", chain(fault)), "{what}");
        }
    }

    /// The figures of now.
    pub fn stats(&self) -> Stats {
        let newest = self.read();
        let live = self.counters.live.load(Ordering::Relaxed);
        let subscriptions = self.counters.subscriptions.load(Ordering::Relaxed);
        Stats {
            head: newest.ring.head().seq,
            ring_events: newest.ring.len(),
            ring_bytes: newest.ring.bytes(),
            waiting_bytes: newest.waiting.bytes(),
            page_bytes: self.pages.bytes_held(),
            page_cache_bytes: self.pages.bytes_kept(),
            live,
            catch_up: subscriptions.saturating_sub(live),
            falls: self.counters.falls.load(Ordering::Relaxed),
            density_violations: self.counters.density_violations.load(Ordering::Relaxed),
            lost_tails: self.counters.lost_tails.load(Ordering::Relaxed),
            tail_reads: self.counters.tail_reads.load(Ordering::Relaxed),
            page_reads: self.counters.page_reads.load(Ordering::Relaxed),
            page_hits: self.counters.page_hits.load(Ordering::Relaxed),
            page_misses: self.counters.page_misses.load(Ordering::Relaxed),
        }
    }
}

impl Newest {
    /// Whether this is the event that is known at its place.
    fn knows(&self, frame: &Frame) -> bool {
        match self.ring.get(frame.seq) {
            Some(known) => known.event_id == frame.event_id,
            None => self.ring.head() == frame.position(),
        }
    }

    /// Enters what is not yet known of a stretch that begins at the next place or before it.
    fn enter(&mut self, frames: Vec<Arc<Frame>>) {
        let head = self.ring.head().seq;
        for frame in frames.into_iter().skip_while(|frame| frame.seq <= head) {
            self.ring.push(frame);
        }
    }
}

/// The fault with its causes on one line.
fn chain(fault: &Fault) -> String {
    let mut text = fault.to_string();
    let mut cause = std::error::Error::source(fault);
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
