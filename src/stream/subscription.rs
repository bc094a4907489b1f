//! One reader: its place in the log, and what it is told next.
//!
//! A state machine that moves only when it is asked and never in the middle of a wait, so whoever
//! drops a wait loses nothing. Its place is what it has scanned itself: neither a head nor a timer
//! moves it.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{Instant, Sleep, sleep_until};

use super::batch::{Batch, Scanned};
use super::callers::{Caller, Renewal};
use super::catch_up::{CatchUp, Turn};
use super::cursor::{Epoch, Position};
use super::frame::shown;
use super::message::{Message, Subscribe};
use super::open::Opening;
use super::ring::{Ahead, Stretch};
use super::shared::{Ended, Shared};
use crate::domain::error::{Error, Result};
use crate::domain::event::Seq;
use crate::domain::reader::{Reader, View};

/// A checkpoint is sent for so many events that the filter did not take: whoever resumes scans no
/// more than these again.
const CHECKPOINT_EVENTS: i64 = 1_000;
/// Events that are taken from the ring at a time to be filtered.
const CHUNK: usize = 128;
/// So many falls within that time, and the reader keeps a distance to the ring's end.
const FALLS: usize = 3;
const FALLS_WITHIN: Duration = Duration::from_secs(10);

/// A reader's share of what the hub can bear.
#[derive(Debug)]
pub(super) struct Seat {
    shared: Arc<Shared>,
    live: bool,
}

impl Seat {
    /// A seat, if one is free.
    pub fn take(shared: &Arc<Shared>) -> Option<Seat> {
        let taken = shared.counters.subscriptions.fetch_add(1, Ordering::Relaxed);
        let seat = Seat { shared: Arc::clone(shared), live: false };
        (taken < shared.options.subscriptions_max).then_some(seat)
    }

    fn set_live(&mut self, live: bool) {
        match (self.live, live) {
            (false, true) => self.shared.counters.live.fetch_add(1, Ordering::Relaxed),
            (true, false) => self.shared.counters.live.fetch_sub(1, Ordering::Relaxed),
            (false, false) | (true, true) => 0,
        };
        self.live = live;
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.set_live(false);
        self.shared.counters.subscriptions.fetch_sub(1, Ordering::Relaxed);
    }
}

#[derive(Debug)]
enum Phase {
    Opening { oldest: Seq },
    CatchUp(Box<CatchUp>),
    Live,
    Closing(Error),
    Closed,
}

/// What to do.
enum Step {
    Say(Message),
    Fail(Error),
    End,
    /// Nothing until something happens, or that time.
    Wait(Instant),
    /// Look again.
    Go,
}

/// One reader's place in the log, and how it goes on.
#[derive(Debug)]
pub struct Subscription {
    seat: Seat,
    caller: Caller,
    view: Arc<View>,
    takes_all: bool,
    batch_events_max: usize,
    batch_bytes_max: usize,
    checkpoint_interval: Duration,
    stop_when_caught_up: bool,
    generation: u64,
    epoch: Epoch,
    bell: watch::Receiver<()>,
    /// Set anew only when it has rung or would ring too late: most messages leave it alone.
    timer: Pin<Box<Sleep>>,
    /// Everything up to here has been scanned, and sent if it is seen.
    at: Position,
    /// The last cursor that was sent.
    told: Seq,
    /// When something was sent last, or would have been.
    spoke_at: Instant,
    /// Where the reader has caught up, if it has not.
    goal: Option<Seq>,
    /// When the reader fell behind, the latest last.
    falls: [Option<Instant>; FALLS],
    cautious: bool,
    phase: Phase,
}

impl Subscription {
    pub(super) fn new(
        seat: Seat,
        caller: Caller,
        request: Subscribe,
        opening: Opening,
    ) -> Subscription {
        let Subscribe {
            start: _,
            filter,
            batch_events_max,
            batch_bytes_max,
            checkpoint_interval,
            stop_when_caught_up,
        } = request;
        let Opening { generation, epoch, at, oldest, goal } = opening;
        let view = View { filter, reader: Arc::clone(caller.reader()) };
        let now = Instant::now();
        Subscription {
            bell: seat.shared.bell(),
            seat,
            caller,
            takes_all: view.takes_all(),
            view: Arc::new(view),
            batch_events_max,
            batch_bytes_max,
            checkpoint_interval,
            stop_when_caught_up,
            generation,
            epoch,
            timer: Box::pin(sleep_until(now + checkpoint_interval)),
            at,
            told: at.seq,
            spoke_at: now,
            goal: Some(goal),
            falls: [None; FALLS],
            cautious: false,
            phase: Phase::Opening { oldest },
        }
    }

    /// Which log its cursors are of. The hub may already follow another one.
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// What its caller may see, as far as it is known.
    pub fn reader(&self) -> &Arc<Reader> {
        &self.view.reader
    }

    /// What to tell the reader next; none when the subscription has ended well. An error is the
    /// last thing that is told.
    ///
    /// A future that is dropped before it is ready has taken nothing away.
    pub async fn next(&mut self) -> Option<Result<Message>> {
        loop {
            // What rings from here on is heard, even if this step does not see why it rang.
            self.bell.mark_unchanged();
            match self.step() {
                Step::Say(message) => return Some(Ok(message)),
                Step::Fail(error) => return Some(Err(error)),
                Step::End => return None,
                Step::Go => (),
                Step::Wait(until) => self.wait(until).await,
            }
        }
    }

    /// Ends it: what is told next is a cursor, if there is a later one than the last, and then the
    /// error. One that has ended stays as it is.
    pub fn end(&mut self, error: Error) {
        if !matches!(self.phase, Phase::Closing(_) | Phase::Closed) {
            self.fail(error);
        }
    }

    async fn wait(&mut self, until: Instant) {
        if self.timer.is_elapsed() || self.timer.deadline() > until {
            self.timer.as_mut().reset(until);
        }
        let rung = self.bell.changed();
        match &mut self.phase {
            Phase::CatchUp(catch_up) => tokio::select! {
                _ = rung => (),
                () = catch_up.answer() => (),
                () = self.timer.as_mut() => (),
            },
            Phase::Opening { .. } | Phase::Live | Phase::Closing(_) | Phase::Closed => {
                tokio::select! {
                    _ = rung => (),
                    () = self.timer.as_mut() => (),
                }
            }
        }
    }

    fn step(&mut self) -> Step {
        match &self.phase {
            Phase::Closing(_) => return self.close(),
            Phase::Closed => return Step::End,
            Phase::Opening { .. } | Phase::CatchUp(_) | Phase::Live => (),
        }
        if self.seat.shared.generation() != self.generation {
            let ended = self.seat.shared.ended();
            if ended == Ended::LogReplaced {
                // A cursor of the old log is of no use any more.
                self.told = self.at.seq;
            }
            return self.fail(ended.error());
        }
        match self.caller.renew() {
            Renewal::Current => (),
            Renewal::Other(reader) => self.look_through(reader),
            Renewal::Pending => return self.silent(None),
            Renewal::Revoked(error) => return self.fail(error),
        }
        match &self.phase {
            Phase::Opening { oldest } => {
                let (oldest, cursor, head) = (*oldest, self.at, self.head());
                self.phase = Phase::CatchUp(Box::new(CatchUp::new(&self.view)));
                Step::Say(Message::Started { cursor, oldest, head })
            }
            Phase::CatchUp(_) => self.catch_up(),
            Phase::Live => self.live(),
            Phase::Closing(_) | Phase::Closed => Step::End,
        }
    }

    /// Goes on as one who may read something else; what was read as the one before is dropped.
    fn look_through(&mut self, reader: Arc<Reader>) {
        let view = View { filter: self.view.filter.clone(), reader };
        (self.takes_all, self.view) = (view.takes_all(), Arc::new(view));
        if let Phase::CatchUp(catch_up) = &mut self.phase {
            **catch_up = CatchUp::new(&self.view);
        }
    }

    /// The newest place that is known, to the hub or from a cursor that was ahead of it.
    fn head(&self) -> Seq {
        self.seat.shared.head().max(self.at.seq)
    }

    fn fail(&mut self, error: Error) -> Step {
        self.seat.set_live(false);
        self.phase = Phase::Closing(error);
        Step::Go
    }

    fn close(&mut self) -> Step {
        if self.at.seq > self.told {
            return self.checkpoint();
        }
        match std::mem::replace(&mut self.phase, Phase::Closed) {
            Phase::Closing(error) => Step::Fail(error),
            Phase::Opening { .. } | Phase::CatchUp(_) | Phase::Live | Phase::Closed => Step::End,
        }
    }

    fn checkpoint(&mut self) -> Step {
        self.spoke();
        Step::Say(Message::Checkpoint { cursor: self.at, head: self.head() })
    }

    /// A cursor for where the reader is goes out.
    fn spoke(&mut self) {
        self.told = self.at.seq;
        self.spoke_at = Instant::now();
    }

    /// Sends what was scanned, if the filter took anything.
    fn scanned(&mut self, Scanned { events, end, whole }: Scanned) -> Step {
        self.at = end;
        if let Some(events) = events {
            self.spoke();
            let (cursor, head) = (self.at, self.head());
            return Step::Say(Message::Batch { events, cursor, command_complete: whole, head });
        }
        if self.at.seq.0 - self.told.0 >= CHECKPOINT_EVENTS { self.checkpoint() } else { Step::Go }
    }

    /// Nothing to send now: a checkpoint after a long silence, unless its cursor was sent before.
    /// On a silent log it would be the same each time and say nothing; that the stream lives is
    /// the transport's to show.
    fn silent(&mut self, until: Option<Instant>) -> Step {
        let now = Instant::now();
        if now >= self.spoke_at + self.checkpoint_interval {
            if self.at.seq > self.told {
                return self.checkpoint();
            }
            self.spoke_at = now;
        }
        let checkpoint_at = self.spoke_at + self.checkpoint_interval;
        Step::Wait(until.map_or(checkpoint_at, |until| until.min(checkpoint_at)))
    }

    fn catch_up(&mut self) -> Step {
        let Phase::CatchUp(catch_up) = &mut self.phase else { return Step::Go };
        let mut batch = Batch::new(self.batch_events_max, self.batch_bytes_max);
        while let Some(row) = catch_up.peek() {
            if row.taken.as_ref().is_some_and(|event| !batch.fits(event)) {
                break;
            }
            let Some(row) = catch_up.pop() else { break };
            batch.scan(row.position, row.ends_command, row.taken);
        }
        if let Some(scanned) = batch.into_scanned() {
            return self.scanned(scanned);
        }
        if self.may_go_live() {
            // All that there is by now is what it has to catch up with.
            self.goal = Some(self.goal.unwrap_or_default().max(self.seat.shared.head()));
            self.cautious = false;
            self.seat.set_live(true);
            self.phase = Phase::Live;
            return Step::Go;
        }
        match catch_up_turn(&mut self.phase, &self.seat.shared, &self.view, self.at.seq) {
            Turn::Rows => Step::Go,
            Turn::Fail(error) => self.fail(error),
            Turn::Wait(until) => self.silent(until),
        }
    }

    fn may_go_live(&self) -> bool {
        let newest = self.seat.shared.read();
        let lag = newest.ring.head().seq.0 - self.at.seq.0;
        let close = lag <= 0
            || usize::try_from(lag).is_ok_and(|lag| lag.saturating_mul(2) < newest.ring.len());
        newest.ring.reaches(self.at.seq) && (close || !self.cautious)
    }

    fn live(&mut self) -> Step {
        if self.goal.is_some_and(|goal| self.at.seq >= goal) {
            return self.caught_up();
        }
        // The bell rings after the head has moved: whoever sees the old one is woken again.
        if self.at.seq >= self.seat.shared.head() {
            return self.silent(None);
        }
        let scan = if self.takes_all { self.scan_whole() } else { self.scan_filtered() };
        match scan {
            None => Step::Go,
            Some(Ahead::Nothing) => self.silent(None),
            Some(Ahead::Passed) => self.fell_behind(),
            Some(Ahead::Events(scanned)) => self.scanned(scanned),
        }
    }

    fn caught_up(&mut self) -> Step {
        if self.at.seq > self.told {
            return self.checkpoint();
        }
        self.goal = None;
        self.spoke_at = Instant::now();
        if self.stop_when_caught_up {
            self.seat.set_live(false);
            self.phase = Phase::Closed;
        }
        Step::Say(Message::CaughtUp { cursor: self.at, head: self.head() })
    }

    fn fell_behind(&mut self) -> Step {
        self.seat.shared.counters.falls.fetch_add(1, Ordering::Relaxed);
        let now = Instant::now();
        self.falls.rotate_left(1);
        if let Some(latest) = self.falls.last_mut() {
            *latest = Some(now);
        }
        let often = self.falls.first().copied().flatten();
        self.cautious = often.is_some_and(|first| now - first <= FALLS_WITHIN);
        self.seat.set_live(false);
        self.phase = Phase::CatchUp(Box::new(CatchUp::new(&self.view)));
        // It carries the cursor, so that a checkpoint beside it would say nothing new.
        self.spoke();
        Step::Say(Message::FellBehind { cursor: self.at, head: self.head() })
    }

    /// Whether what the ring holds now is not for this reader as it is. Asked under the lock of
    /// the ring, which is how events and what they change come in together.
    fn is_overtaken(&self) -> bool {
        self.seat.shared.generation() != self.generation || self.caller.is_stale()
    }

    /// What the ring has for a reader that takes all; none if the reader must be looked at anew.
    fn scan_whole(&self) -> Option<Ahead<Scanned>> {
        let newest = self.seat.shared.read();
        if self.is_overtaken() {
            return None;
        }
        let (events_max, bytes_max) = (self.batch_events_max, self.batch_bytes_max);
        Some(match newest.ring.stretch(self.at.seq, events_max, bytes_max) {
            Ahead::Nothing => Ahead::Nothing,
            Ahead::Passed => Ahead::Passed,
            Ahead::Events(Stretch { events, end, ends_command }) => {
                Ahead::Events(Scanned { events: Some(events), end, whole: ends_command })
            }
        })
    }

    /// What the ring has for a reader that filters; none if the reader must be looked at anew.
    fn scan_filtered(&self) -> Option<Ahead<Scanned>> {
        let mut batch = Batch::new(self.batch_events_max, self.batch_bytes_max);
        let mut count = 0;
        'ring: while !batch.is_full() && count < CHECKPOINT_EVENTS {
            let scanned = batch.end();
            let at = scanned.unwrap_or(self.at).seq;
            let chunk = {
                let newest = self.seat.shared.read();
                match self.is_overtaken() {
                    true if scanned.is_none() => return None,
                    true => break,
                    false => newest.ring.after(at, CHUNK),
                }
            };
            // Filters are asked without the lock: a slow one holds up nobody.
            let frames = match chunk {
                Ahead::Events(frames) => frames,
                Ahead::Passed if scanned.is_none() => return Some(Ahead::Passed),
                Ahead::Passed | Ahead::Nothing => break,
            };
            for frame in &frames {
                let seen = self.view.sees(frame.facts(), &frame.audience);
                let event = shown(seen, &frame.bytes);
                if event.as_ref().is_some_and(|event| !batch.fits(event)) {
                    break 'ring;
                }
                batch.scan(frame.position(), frame.ends_command, event);
                count += 1;
            }
        }
        Some(batch.into_scanned().map_or(Ahead::Nothing, Ahead::Events))
    }
}

fn catch_up_turn(phase: &mut Phase, shared: &Shared, view: &Arc<View>, at: Seq) -> Turn {
    match phase {
        Phase::CatchUp(catch_up) => catch_up.turn(shared, view, at),
        Phase::Opening { .. } | Phase::Live | Phase::Closing(_) | Phase::Closed => Turn::Rows,
    }
}
