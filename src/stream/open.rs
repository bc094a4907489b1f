//! Where a reader starts, checked against the log: a cursor is honoured exactly or refused.

use jiff::{SignedDuration, Timestamp};

use super::cursor::{Epoch, Position};
use super::message::{Start, Subscribe};
use super::shared::{Shared, epoch_changed};
use crate::domain::error::{Error, Reason, Result, invalid};
use crate::domain::event::Seq;
use crate::store::{Fault, LogState};

/// A batch of commands has one time, and may be appended this much later: starting so much earlier
/// repeats events, starting at the time itself could miss some.
const BATCH_LASTS: SignedDuration = SignedDuration::from_secs(10);

/// A start that can be honoured.
#[derive(Debug)]
pub(super) struct Opening {
    /// Which subscriptions stood when it was checked.
    pub generation: u64,
    /// Which log it was checked against.
    pub epoch: Epoch,
    /// The place before the first event.
    pub at: Position,
    /// The oldest event of the log.
    pub oldest: Seq,
    /// A reader has caught up when it has been here.
    pub goal: Seq,
}

/// Checks where a reader wants to start.
pub(super) async fn open(shared: &Shared, request: &Subscribe) -> Result<Opening> {
    // The generation first: what is checked against a log that goes away ends with it.
    let (generation, epoch, oldest, head) = {
        let newest = shared.read();
        if let Some(refusal) = newest.refusal() {
            return Err(refusal.error());
        }
        (shared.generation(), newest.epoch, newest.oldest, newest.ring.head())
    };
    let (at, oldest) = match request.start {
        Start::Now => (head, oldest),
        Start::Beginning => {
            let LogState { oldest, .. } = same_log(shared, epoch).await?;
            (before(oldest), oldest)
        }
        Start::After(theirs, at) => (at, after(shared, epoch, theirs, at).await?.unwrap_or(oldest)),
        Start::Time(at) => at_time(shared, epoch, at).await?,
    };
    let mut goal = head.seq;
    if request.stop_when_caught_up {
        // Whoever wants all that there is means the log, and not what this replica knows of it.
        goal = goal.max(same_log(shared, epoch).await?.head);
    }
    if goal.max(at.seq) > head.seq {
        shared.hint.notify_one();
    }
    Ok(Opening { generation, epoch, at, oldest, goal })
}

/// The place before the oldest event. Its event is gone, so it is not checked.
fn before(oldest: Seq) -> Position {
    Position { seq: Seq(oldest.0 - 1), check: [0; 8] }
}

/// The place after an event, from memory if it is there.
pub(super) async fn position(shared: &Shared, seq: Seq) -> Result<Option<Position>> {
    if seq < Seq(0) {
        return Ok(None);
    }
    if let Some(position) = in_memory(shared, seq) {
        return Ok(Some(position));
    }
    shared.place(seq).await.map_err(|fault| unreadable(shared, fault))
}

fn in_memory(shared: &Shared, seq: Seq) -> Option<Position> {
    let newest = shared.read();
    let head = newest.ring.head();
    let at_head = head.seq == seq && head.check != Position::default().check;
    newest.ring.get(seq).map(|frame| frame.position()).or(at_head.then_some(head))
}

/// Checks a cursor. Answers where the log begins, if it was looked up.
async fn after(shared: &Shared, ours: Epoch, theirs: Epoch, at: Position) -> Result<Option<Seq>> {
    if theirs == ours
        && let Some(known) = in_memory(shared, at.seq)
    {
        return if known == at { Ok(None) } else { Err(diverged(at.seq)) };
    }
    let state = state(shared).await?;
    if theirs != Epoch::of(state.epoch) {
        return Err(epoch_changed());
    }
    let LogState { epoch: _, oldest, head } = same(shared, ours, state)?;
    if at.seq > head {
        return Err(Error::OutOfRange {
            reason: Reason::CursorAhead,
            problem: format!("the log ends at {head}, the cursor is at {}", at.seq),
            oldest,
            head,
        });
    }
    if at.seq.next() < oldest {
        return Err(expired(oldest, head));
    }
    if at.seq.next() > oldest {
        match shared.place(at.seq).await.map_err(|fault| unreadable(shared, fault))? {
            Some(known) if known == at => (),
            Some(_) => return Err(diverged(at.seq)),
            None => {
                shared.doubt();
                return Err(being_replaced());
            }
        }
    }
    Ok(Some(oldest))
}

async fn at_time(shared: &Shared, ours: Epoch, at: Timestamp) -> Result<(Position, Seq)> {
    let unreadable = |fault| unreadable(shared, fault);
    if at > shared.ask(shared.log.now()).await.map_err(unreadable)? {
        return Err(invalid("after_time", "must not be in the future"));
    }
    let state = same_log(shared, ours).await?;
    let early = at.checked_sub(BATCH_LASTS).unwrap_or(Timestamp::MIN);
    let first = shared.ask(shared.log.first_at(state, early)).await.map_err(unreadable)?;
    let LogState { epoch: _, oldest, head } = state;
    if first > oldest {
        let before = Seq(first.0 - 1);
        let place = shared.place(before).await.map_err(unreadable)?;
        return Ok((place.ok_or_else(being_replaced)?, oldest));
    }
    // Events of that time may have gone with those before the oldest.
    if oldest > Seq(1) { Err(expired(oldest, head)) } else { Ok((before(oldest), oldest)) }
}

async fn state(shared: &Shared) -> Result<LogState> {
    let state = shared.ask(shared.log.state(shared.head())).await;
    state.map_err(|fault| unreadable(shared, fault))
}

/// What the log is, if it is the one that this hub knows.
async fn same_log(shared: &Shared, ours: Epoch) -> Result<LogState> {
    same(shared, ours, state(shared).await?)
}

fn same(shared: &Shared, ours: Epoch, state: LogState) -> Result<LogState> {
    if Epoch::of(state.epoch) == ours {
        return Ok(state);
    }
    shared.doubt();
    Err(being_replaced())
}

/// What a new reader is told when the log cannot be read.
pub(super) fn unreadable(shared: &Shared, fault: Fault) -> Error {
    shared.complain("cannot read the log for a new reader", &fault);
    match fault {
        Fault::Bug(_) => Error::Internal(fault.into()),
        Fault::Again(_)
        | Fault::Stale(_)
        | Fault::NoPartition(_)
        | Fault::Lost(_)
        | Fault::Unwritable(_) => unavailable("the log cannot be read now"),
    }
}

/// The database has another log than this hub knows, which will notice in a moment.
fn being_replaced() -> Error {
    unavailable("the log is being replaced")
}

fn unavailable(problem: &str) -> Error {
    Error::Unavailable {
        reason: Reason::DatabaseUnavailable,
        problem: problem.into(),
        request_id: None,
    }
}

fn diverged(seq: Seq) -> Error {
    Error::Refused {
        reason: Reason::LogDiverged,
        subject: "log".into(),
        rule: format!("has another event at {seq} than the cursor was made of"),
    }
}

/// The events after a place are gone.
pub fn expired(oldest: Seq, head: Seq) -> Error {
    Error::OutOfRange {
        reason: Reason::CursorExpired,
        problem: format!("the log begins at {oldest}: list, then subscribe anew"),
        oldest,
        head,
    }
}
