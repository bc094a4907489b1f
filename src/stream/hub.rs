//! The hub: the newest events in memory, and who waits for the next.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::bells::Moved;
use super::callers::{self, Caller};
use super::cursor::{Epoch, Position};
use super::frame::Frame;
use super::log::Log;
use super::message::{Start, Subscribe};
use super::shared::{Newest, Shared};
use super::subscription::{Seat, Subscription};
use super::{open, page, tail};
use crate::domain::error::{Error, Reason, Result};
use crate::domain::event::Seq;
use crate::domain::filter::EventFilter;
use crate::domain::name::ActorName;
use crate::domain::name::ProjectId;
use crate::store;

/// The bounds of a hub.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Memory for the newest events. More lets slower readers stay live, less sends them to the
    /// database. Default 64 MiB.
    pub ring_bytes_max: usize,
    /// How many of the newest events are kept. Default 65,536.
    pub ring_events_max: usize,
    /// Memory for events that arrived before those in front of them. Beyond it they are read from
    /// the log. Default 16 MiB.
    pub waiting_bytes_max: usize,
    /// Memory for pages that readers have not taken yet. Beyond it pages are small, and none is
    /// read in advance. Default 128 MiB.
    pub page_bytes_max: usize,
    /// Memory for pages of everything that are kept for other readers. Less has more readers ask
    /// the database for what was just read, more helps when they are far apart. Default 32 MiB.
    pub page_cache_bytes_max: usize,
    /// How many subscriptions may stand. Default 10,000.
    pub subscriptions_max: usize,
    /// How often the log is read without a hint, give or take a fifth. Longer delays what other
    /// replicas append while hints are lost, shorter is work for the database. Default 100 ms.
    pub poll_period: Duration,
    /// How many pages of the log are read at a time. The pool of connections should have two more,
    /// for the tail and for new readers, who else wait for pages. Default 4.
    pub catch_up_pages_max: usize,
    /// Above so many live subscriptions they are woken at most every 5 ms, so that a wake serves
    /// several events. Default 256.
    pub wakes_grouped_above: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            ring_bytes_max: 64 << 20,
            ring_events_max: 65_536,
            waiting_bytes_max: 16 << 20,
            page_bytes_max: 128 << 20,
            page_cache_bytes_max: 32 << 20,
            subscriptions_max: 10_000,
            poll_period: Duration::from_millis(100),
            catch_up_pages_max: 4,
            wakes_grouped_above: 256,
        }
    }
}

/// Figures of a hub, for metrics. Those that say nothing else are of now; the others count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The newest place that this replica knows.
    pub head: Seq,
    /// Events in the ring.
    pub ring_events: usize,
    /// Their memory, about.
    pub ring_bytes: usize,
    /// Memory of events that wait for those in front of them, about.
    pub waiting_bytes: usize,
    /// Memory of pages that readers have not taken yet, about.
    pub page_bytes: usize,
    /// Memory of pages that are kept for other readers, about.
    pub page_cache_bytes: usize,
    /// Subscriptions that read the ring.
    pub live: usize,
    /// Subscriptions that read the log.
    pub catch_up: usize,
    /// Counts how often a reader was too slow for the ring.
    pub falls: u64,
    /// Counts holes that were found in the log; each is worth an alarm.
    pub density_violations: u64,
    /// Counts how often the log was found to be another one.
    pub lost_tails: u64,
    /// Counts reads of the log's end.
    pub tail_reads: u64,
    /// Counts pages that were read for readers.
    pub page_reads: u64,
    /// Counts pages that readers share and that were there, or on their way already.
    pub page_hits: u64,
    /// Counts pages that readers share and that had to be read.
    pub page_misses: u64,
}

/// The hub of this replica; cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub {
    shared: Arc<Shared>,
}

impl Hub {
    /// A hub that starts at the head of the log. It is of little use until it runs.
    pub async fn open(
        log: Arc<dyn Log>,
        options: Options,
    ) -> std::result::Result<Hub, store::Fault> {
        let state = log.state(Seq(0)).await?;
        let head = tail::place_of_head(log.as_ref(), state).await?;
        Ok(Hub { shared: Arc::new(Shared::new(log, options, Newest::new(state, head))) })
    }

    /// Which log this is.
    pub fn epoch(&self) -> Epoch {
        self.shared.read().epoch
    }

    /// The newest place that this replica knows.
    pub fn head(&self) -> Position {
        self.shared.read().ring.head()
    }

    /// Hands over events that have just been committed, in order. Never waits: what follows the
    /// head is sent at once, what lies beyond it waits until the log is read up to there.
    pub fn publish(&self, frames: Vec<Frame>) {
        self.shared.take(frames.into_iter().map(Arc::new).collect());
    }

    /// Tells when actors, groups, members or credentials have changed: holds the place of the
    /// newest event about them. Changes of this replica are told before they are acknowledged,
    /// those of others when the log has been read.
    pub fn people(&self) -> watch::Receiver<Seq> {
        self.shared.people()
    }

    /// Every event that other work may have waited for, from now on: a hint to look. It can come
    /// twice, and does not come while the log cannot be read.
    pub fn moved(&self) -> broadcast::Receiver<Moved> {
        self.shared.bells.moved()
    }

    /// Rings when there may be something more to claim in a project. A hint, as [`Hub::moved`] is.
    pub fn claimable(&self, project: &ProjectId) -> watch::Receiver<()> {
        self.shared.bells.claimable(project)
    }

    /// Says that the log may have grown.
    pub fn hint(&self) {
        self.shared.hint.notify_one();
    }

    /// Follows the log and serves pages until told to stop; then all subscriptions end. After a
    /// panic it may be run again: nothing that matters lives in it.
    pub async fn run(&self, stopping: CancellationToken) {
        tokio::select! {
            () = stopping.cancelled() => (),
            () = tail::follow(&self.shared) => (),
            () = tail::wake_in_groups(&self.shared) => (),
            () = page::serve(&self.shared) => (),
            () = callers::follow(&self.shared) => (),
        }
        self.stop();
    }

    /// The place after an event that the log has, with what checks it; none if it does not have
    /// it, or has it no more. Place 0 is before the first event.
    pub async fn position(&self, seq: Seq) -> Result<Option<Position>> {
        open::position(&self.shared, seq).await
    }

    /// The place that a start means, checked as for a reader.
    ///
    /// # Errors
    ///
    /// As [`Hub::subscribe`], but for what it refuses of callers.
    pub async fn place_of(&self, start: Start) -> Result<Seq> {
        let request = Subscribe {
            start,
            filter: EventFilter::default(),
            batch_events_max: 1,
            batch_bytes_max: 1,
            checkpoint_interval: Duration::from_secs(1),
            // The end of the log, and not what this replica knows of it.
            stop_when_caught_up: start == Start::Now,
        };
        let opening = open::open(&self.shared, &request).await?;
        Ok(if start == Start::Now { opening.goal } else { opening.at.seq })
    }

    /// Starts a reader, who is sent what the caller may see. Refuses a start that cannot be
    /// honoured.
    ///
    /// # Errors
    ///
    /// `FailedPrecondition` for a cursor of another log, `OutOfRange` for one that lies before or
    /// behind this one, `Invalid` for a time in the future, `Exhausted` for one reader too many,
    /// `Forbidden` for a caller who is disabled or deleted,
    /// `Unavailable` while the service stops or the log cannot be read.
    pub async fn subscribe(&self, caller: &ActorName, request: Subscribe) -> Result<Subscription> {
        let Some(seat) = Seat::take(&self.shared) else {
            return Err(Error::Exhausted {
                reason: Reason::LimitReached,
                problem: "there are too many subscriptions here".into(),
                retry_after: None,
            });
        };
        let opening = open::open(&self.shared, &request).await?;
        let caller = Caller::find(&self.shared, caller).await?;
        Ok(Subscription::new(seat, caller, request, opening))
    }

    /// Ends all subscriptions, and refuses new ones.
    pub fn stop(&self) {
        self.shared.stop();
    }

    /// How many subscriptions stand.
    pub fn subscriptions(&self) -> usize {
        self.shared.counters.subscriptions.load(Ordering::Relaxed)
    }

    /// The figures of now.
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }
}
