//! The log as the stream reads it: what a database and a vector have in common.

use std::fmt::Debug;
use std::pin::Pin;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use super::cursor::Position;
use crate::domain::event::Seq;
use crate::domain::name::Principal;
use crate::domain::people::Standing;
use crate::domain::reader::View;
use crate::store::{self, LogRow, LogState, PageRow, RawRow, Store, Stretch};

/// Asking for the time is a sign of life: an answer later than this is none.
const NOW_WITHIN: Duration = Duration::from_secs(5);

/// A read on its way.
pub type Reading<'a, T> = Pin<Box<dyn Future<Output = store::Result<T>> + Send + 'a>>;

/// The log as the stream reads it. Places are dense, and every read sees all that was committed
/// before it began.
pub trait Log: Send + Sync + Debug {
    /// What the log is now; `known` is a head that was seen before.
    fn state(&self, known: Seq) -> Reading<'_, LogState>;

    /// Every event after one place, up to and including another; and before them the event of the
    /// place itself, without its body, if the log has it.
    fn tail(&self, after: Seq, to: Seq) -> Reading<'_, Vec<LogRow>>;

    /// Every event after one place, up to and including another.
    fn raw(&self, after: Seq, to: Seq) -> Reading<'_, Vec<RawRow>>;

    /// What is seen of a stretch, and the row of its last place, seen or not.
    fn page<'a>(&'a self, stretch: Stretch, view: &'a View) -> Reading<'a, Vec<PageRow>>;

    /// Has the log of this epoch be another one if it has lost the event before a place: then a new
    /// epoch is drawn, once for all who ask. Answers whether it was lost.
    fn disown_if_lost(&self, epoch: Uuid, known: Position) -> Reading<'_, bool>;

    /// The standing of these people, of those that exist.
    fn standings<'a>(&'a self, people: &'a [Principal]) -> Reading<'a, Vec<Standing>>;

    /// The first place whose event was recorded at or after a time.
    fn first_at(&self, state: LogState, at: Timestamp) -> Reading<'_, Seq>;

    /// The time, by the clock of the log.
    fn now(&self) -> Reading<'_, Timestamp>;
}

impl Log for Store {
    fn state(&self, known: Seq) -> Reading<'_, LogState> {
        Box::pin(self.log_state(known))
    }

    fn tail(&self, after: Seq, to: Seq) -> Reading<'_, Vec<LogRow>> {
        Box::pin(Store::tail(self, after, to))
    }

    fn raw(&self, after: Seq, to: Seq) -> Reading<'_, Vec<RawRow>> {
        Box::pin(self.log_raw(after, to))
    }

    fn page<'a>(&'a self, stretch: Stretch, view: &'a View) -> Reading<'a, Vec<PageRow>> {
        Box::pin(self.log_page(stretch, view))
    }

    fn disown_if_lost(&self, epoch: Uuid, known: Position) -> Reading<'_, bool> {
        Box::pin(self.new_epoch_if_lost(epoch, known.seq, known.check))
    }

    fn standings<'a>(&'a self, people: &'a [Principal]) -> Reading<'a, Vec<Standing>> {
        Box::pin(Store::standings(self, people))
    }

    fn first_at(&self, state: LogState, at: Timestamp) -> Reading<'_, Seq> {
        Box::pin(self.log_first_at(state, at))
    }

    fn now(&self) -> Reading<'_, Timestamp> {
        Box::pin(Store::now(self, Instant::now() + NOW_WITHIN))
    }
}
