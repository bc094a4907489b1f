//! The tail: follows the end of the log, so that nothing depends on being told.
//!
//! A hint, or its absence, costs time and never an event. Whether the log is still the same is
//! asked regularly, and after every read that failed.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{Instant, sleep, sleep_until};

use super::cursor::{Epoch, Position};
use super::frame::{Frame, with_seq};
use super::log::Log;
use super::shared::Shared;
use crate::domain::event::Seq;
use crate::domain::reader::View;
use crate::store::{self, Fault, LogRow, LogState, Stretch};

/// However many hints there are, the log is not read more often.
const READ_PERIOD: Duration = Duration::from_millis(1);
/// How often readers are woken when there are many.
const WAKE_PERIOD: Duration = Duration::from_millis(5);
/// How often to ask whether the log is still the same, and where it begins. Twice this must be
/// less than events are kept for once the beginning has moved behind them.
const EXAMINE_PERIOD: Duration = Duration::from_secs(10);
/// How many places a read asks for, at first and at most. After a long silence nothing is known
/// about the size of what has been appended.
const STEP_MIN: i64 = 2_000;
const STEP_MAX: i64 = 20_000;
/// A read of more than this asks for fewer places the next time.
const READ_BYTES: usize = 16 << 20;

/// How a read went.
enum Went {
    /// There may be more.
    On,
    /// That was the end.
    Idle,
    /// It failed, or found a hole: hints do not make the next one come sooner.
    Badly,
}

/// Wakes readers in groups, for ever: several events, one wake.
pub(super) async fn wake_in_groups(shared: &Shared) {
    loop {
        // The first one makes up for a wake that was lost in a panic.
        shared.ring_bell();
        sleep(WAKE_PERIOD).await;
        shared.late.notified().await;
    }
}

/// Follows the log, for ever.
pub(super) async fn follow(shared: &Shared) {
    let mut step = STEP_MIN;
    let mut read_at = Instant::now();
    loop {
        let went = read(shared, &mut step).await.unwrap_or_else(|fault| {
            shared.complain("cannot read the end of the log, will try again", &fault);
            Went::Badly
        });
        let earliest = read_at + READ_PERIOD;
        match went {
            Went::On => (),
            Went::Idle => tokio::select! {
                () = shared.hint.notified() => (),
                () = sleep(jittered(shared.options.poll_period)) => (),
            },
            Went::Badly => sleep(jittered(shared.options.poll_period)).await,
        }
        sleep_until(earliest).await;
        read_at = Instant::now();
    }
}

/// Give or take a fifth, so that what is done everywhere is not done in step.
pub fn jittered(period: Duration) -> Duration {
    let drawn = RandomState::new().hash_one(()) % 401;
    period * (800 + u32::try_from(drawn).unwrap_or(200)) / 1_000
}

/// Reads what follows the head.
async fn read(shared: &Shared, step: &mut i64) -> store::Result<Went> {
    let looked_at = shared.read().looked_at;
    if shared.is_doubtful() || looked_at.elapsed() >= EXAMINE_PERIOD {
        examine(shared).await?;
    }
    // What is known to be there before the read must be in it.
    let (head, known) = {
        let newest = shared.read();
        let waiting = newest.waiting.newest().unwrap_or_default();
        (newest.ring.head(), newest.table_head.max(waiting))
    };
    let after = head.seq;
    let to = Seq(after.0 + *step);
    shared.counters.tail_reads.fetch_add(1, Ordering::Relaxed);
    let mut rows = shared.ask(shared.log.tail(after, to)).await?;
    if !follows(&mut rows, head) && !examine(shared).await? {
        return Ok(Went::Badly);
    }
    if !dense(&rows, after, known.min(to)) {
        // A log that was replaced looks just like one with a hole.
        if examine(shared).await? {
            shared.halt();
        }
        return Ok(Went::Badly);
    }
    let full = rows.last().is_some_and(|last| last.seq == to);
    let bytes: usize = rows.iter().map(|row| row.body.len()).sum();
    *step = match (full, bytes > READ_BYTES) {
        (_, true) => (*step / 2).max(1),
        (true, false) => (*step * 2).min(STEP_MAX),
        (false, false) => STEP_MIN,
    };
    shared.found_dense(rows.into_iter().map(frame).map(Arc::new).collect());
    Ok(if full { Went::On } else { Went::Idle })
}

/// Takes the row of the head out. Whether the rows are of the log that it is the head of: one that
/// was replaced may have grown beyond it.
fn follows(rows: &mut Vec<LogRow>, head: Position) -> bool {
    let is_there = rows.first().is_some_and(|row| row.seq == head.seq);
    let found = is_there.then(|| rows.remove(0));
    let found = found.map_or_else(Position::default, |row| Position::after(row.seq, row.event_id));
    found == head
}

/// Whether the rows follow the place, each other, and reach at least so far.
fn dense(rows: &[LogRow], after: Seq, at_least: Seq) -> bool {
    let mut end = after;
    for row in rows {
        if row.seq != end.next() {
            return false;
        }
        end = row.seq;
    }
    end >= at_least
}

fn frame(row: LogRow) -> Frame {
    let LogRow { seq, event_id, ends_command, project, root, subject, kind, .. } = row;
    let LogRow { class, audience, body, .. } = row;
    let bytes = with_seq(seq, &body);
    Frame { seq, event_id, ends_command, project, root, subject, kind, class, audience, bytes }
}

/// Looks whether the log is still the one that this hub knows, and adopts it if not. Answers
/// whether it is.
///
/// A log that has lost events gets a new epoch first: whoever holds a cursor of what was lost, on
/// whatever replica, is refused by it, and not sent other events in their place later.
async fn examine(shared: &Shared) -> store::Result<bool> {
    let (epoch, known) = {
        let newest = shared.read();
        (newest.epoch, newest.ring.head())
    };
    let mut state = shared.ask(shared.log.state(known.seq)).await?;
    // One event before the beginning may be gone.
    let reaches = state.head >= known.seq && known.seq.next() >= state.oldest;
    let same = Epoch::of(state.epoch) == epoch
        && reaches
        && (known.seq < state.oldest || shared.place(known.seq).await? == Some(known));
    if same {
        shared.found_same(state);
        return Ok(true);
    }
    if Epoch::of(state.epoch) == epoch && known.seq >= state.oldest {
        if !shared.ask(shared.log.disown_if_lost(state.epoch, known)).await? {
            return Err(Fault::Stale("it was read from a copy that lags behind".into()));
        }
        state = shared.ask(shared.log.state(known.seq)).await?;
    }
    let reading = Box::pin(place_of_head(shared.log.as_ref(), state));
    let head = shared.ask(reading).await?;
    tracing::error!(
        event.seq = known.seq.0,
        log.head = state.head.0,
        "the log is not the one that it was: all streams end, readers must start anew"
    );
    shared.adopt(state, head);
    Ok(false)
}

/// The place of a head. That of a log without events checks nothing.
pub(super) async fn place_of_head(log: &dyn Log, state: LogState) -> store::Result<Position> {
    let LogState { epoch: _, oldest, head } = state;
    if head < oldest {
        return Ok(Position { seq: head, check: [0; 8] });
    }
    let rows = log.page(Stretch::one(head), &View::of_everything()).await?;
    let row = rows.into_iter().find(|row| row.seq == head);
    row.map(|row| Position::after(row.seq, row.event_id))
        .ok_or_else(|| Fault::Stale(format!("the event {head} is gone")))
}
