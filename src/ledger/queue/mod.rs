//! The queue of a lane: bounded, first in first out, fair to projects.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::command::{Class, Command, Done};
use super::lane::outcome_unknown;
use crate::domain::action::DRAWN_MAX;
use crate::domain::error::{Error, Reason, Result};
use crate::domain::name::ProjectId;

/// More commands would wait longer than their callers do.
const COMMANDS_MAX: usize = 4_096;
/// More bytes would be memory that is of no use to anybody else.
const BYTES_MAX: usize = 16 * 1024 * 1024;
/// A larger batch makes its first command wait for its last; a smaller one commits more often.
pub const BATCH_COMMANDS_MAX: usize = 256;
/// As above.
const BATCH_BYTES_MAX: usize = 1024 * 1024;
/// The rate that a waiting time is guessed from is that of so long.
const RATE_WINDOW: Duration = Duration::from_secs(10);
/// A guess below this makes callers come back at once, above it makes them give up.
const RETRY_AFTER: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(5));

/// Of a full queue, in percent, how much is open to a class.
fn share(class: Class) -> usize {
    match class {
        Class::Claim => 50,
        Class::Client => 75,
        Class::Finish => 100,
    }
}

/// Where a command is. A caller whose deadline passes takes back only what is not under way.
#[derive(Debug, Default)]
pub struct Progress(AtomicU8);

const QUEUED: u8 = 0;
const STARTED: u8 = 1;
const WITHDRAWN: u8 = 2;
const DOUBTFUL: u8 = 3;

impl Progress {
    fn moves(&self, from: u8, to: u8) -> bool {
        self.0.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// From now on it is carried out. False if it has been withdrawn.
    pub fn start(&self) -> bool {
        self.moves(QUEUED, STARTED) || self.0.load(Ordering::Acquire) != WITHDRAWN
    }

    /// An attempt has failed and left nothing behind: it waits for the next one.
    pub fn rest(&self) {
        self.moves(STARTED, QUEUED);
    }

    /// Its commit was cut off: it may have happened, or is known to have.
    pub fn doubt(&self) {
        self.moves(STARTED, DOUBTFUL);
    }

    /// It has not happened after all.
    pub fn clear(&self) {
        self.moves(DOUBTFUL, STARTED);
    }

    /// Whether it may have happened although nothing tells so yet.
    pub fn is_doubtful(&self) -> bool {
        self.0.load(Ordering::Acquire) == DOUBTFUL
    }

    /// It is not to be carried out. False if it is under way, or may have happened.
    pub fn withdraw(&self) -> bool {
        self.moves(QUEUED, WITHDRAWN)
    }
}

/// A command that waits for its answer.
#[derive(Debug)]
pub struct Pending {
    /// What is asked.
    pub command: Command,
    /// Where it is.
    pub progress: std::sync::Arc<Progress>,
    /// Whom to tell.
    pub answer: oneshot::Sender<Result<Done>>,
}

impl Pending {
    /// Answers it. Nobody may be listening any more. A refusal says that nothing was changed, so
    /// what may have happened is never told one.
    pub fn end(self, result: Result<Done>) {
        let result = match result {
            Err(error) if self.progress.is_doubtful() => {
                tracing::debug!(%error, "refused, and may have happened");
                Err(outcome_unknown(self.command.call.request_id))
            }
            told => told,
        };
        drop(self.answer.send(result));
    }

    /// The project that it counts for; none is the installation.
    fn project(&self) -> Option<ProjectId> {
        self.command.verb.rule().subject().project().cloned()
    }
}

#[derive(Debug)]
struct Inner {
    waiting: VecDeque<Pending>,
    bytes: usize,
    projects: BTreeMap<Option<ProjectId>, usize>,
    /// Since when, and how many commands have left since.
    rate: (Instant, usize),
    rate_before: f64,
}

/// The queue of a lane.
#[derive(Debug)]
pub struct Queue {
    inner: Mutex<Inner>,
    arrived: Notify,
    /// Changes under the lock of `inner`, so that nothing comes in once it is seen.
    closed: CancellationToken,
    drained: CancellationToken,
}

impl Queue {
    /// An empty queue.
    pub fn new() -> Queue {
        let inner = Inner {
            waiting: VecDeque::new(),
            bytes: 0,
            projects: BTreeMap::new(),
            rate: (Instant::now(), 0),
            rate_before: 0.0,
        };
        Queue {
            inner: Mutex::new(inner),
            arrived: Notify::new(),
            closed: CancellationToken::new(),
            drained: CancellationToken::new(),
        }
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// How many commands wait.
    pub fn len(&self) -> usize {
        self.inner().waiting.len()
    }

    /// Takes a command in, unless the queue is full for its class or its project.
    pub fn push(&self, pending: Pending) -> Result<()> {
        let mut inner = self.inner();
        if self.is_closed() {
            return Err(shutting_down());
        }
        if !inner.admits(&pending) {
            let retry_after = inner.retry_after(pending.command.call.request_id);
            return Err(Error::Exhausted {
                reason: Reason::QueueFull,
                problem: "too many calls wait to be carried out".into(),
                retry_after: Some(retry_after),
            });
        }
        inner.count(&pending);
        inner.waiting.push_back(pending);
        drop(inner);
        self.arrived.notify_one();
        Ok(())
    }

    /// Puts commands back to the front, in their order.
    pub fn put_back(&self, rest: Vec<Pending>) {
        let mut inner = self.inner();
        for pending in rest.into_iter().rev() {
            pending.progress.rest();
            inner.count(&pending);
            inner.waiting.push_front(pending);
        }
    }

    /// Takes the next batch: what waits, up to the bounds. A command that changes a definition
    /// ends its batch, because what follows is decided by the new one; a claim that wants more than
    /// a batch draws begins the next one, or it would be told that there is nothing. Empty if
    /// nothing waits.
    pub fn take(&self) -> Vec<Pending> {
        let mut inner = self.inner();
        let (mut batch, mut bytes, mut draws) = (Vec::new(), 0, 0);
        while batch.len() < BATCH_COMMANDS_MAX && bytes < BATCH_BYTES_MAX {
            draws += inner.waiting.front().map_or(0, |pending| pending.command.draws());
            if draws > DRAWN_MAX && !batch.is_empty() {
                break;
            }
            let Some(pending) = inner.waiting.pop_front() else { break };
            bytes += pending.command.bytes;
            inner.discount(&pending);
            let ends = pending.command.verb.rule().changes_definition();
            batch.push(pending);
            if ends {
                break;
            }
        }
        inner.left(batch.len());
        batch
    }

    /// Waits until something may have arrived, or the queue has been closed.
    pub async fn arrival(&self) {
        self.arrived.notified().await;
    }

    /// Lets nothing in any more.
    pub fn close(&self) {
        let inner = self.inner();
        self.closed.cancel();
        drop(inner);
        self.arrived.notify_one();
    }

    /// Waits until nothing is let in any more.
    pub async fn closed(&self) {
        self.closed.cancelled().await;
    }

    /// Says that nothing is left and nobody takes from it any more.
    pub fn end(&self) {
        self.drained.cancel();
    }

    /// Waits until that is said.
    pub async fn drained(&self) {
        self.drained.cancelled().await;
    }

    /// Whether nothing is let in any more.
    pub fn is_closed(&self) -> bool {
        self.closed.is_cancelled()
    }
}

/// This server stops.
pub fn shutting_down() -> Error {
    Error::Unavailable {
        reason: Reason::ShuttingDown,
        problem: "this server is shutting down, nothing was changed".into(),
        request_id: None,
    }
}

impl Inner {
    fn admits(&self, pending: &Pending) -> bool {
        let share = share(pending.command.class);
        let fits = self.waiting.len() * 100 < COMMANDS_MAX * share
            && (self.bytes + pending.command.bytes) * 100 <= BYTES_MAX * share;
        let of_project = self.projects.get(&pending.project()).copied().unwrap_or(0);
        let alone = of_project == self.waiting.len();
        let fair = pending.command.class != Class::Client
            || alone
            || of_project * 200 < COMMANDS_MAX * share;
        fits && fair
    }

    fn count(&mut self, pending: &Pending) {
        self.bytes += pending.command.bytes;
        *self.projects.entry(pending.project()).or_default() += 1;
    }

    fn discount(&mut self, pending: &Pending) {
        self.bytes -= pending.command.bytes;
        if let Some(count) = self.projects.get_mut(&pending.project()) {
            *count -= 1;
            if *count == 0 {
                self.projects.remove(&pending.project());
            }
        }
    }

    fn left(&mut self, commands: usize) {
        let (since, count) = self.rate;
        let span = since.elapsed();
        if span >= RATE_WINDOW {
            self.rate_before = to_f64(count) / span.as_secs_f64();
            self.rate = (Instant::now(), commands);
        } else {
            self.rate.1 += commands;
        }
    }

    /// How long the queue takes at its present rate, spread by a fifth either way so that callers
    /// do not return together.
    fn retry_after(&self, request_id: Uuid) -> Duration {
        let (since, count) = self.rate;
        let span = since.elapsed().as_secs_f64();
        let rate = if span > 1.0 { to_f64(count) / span } else { self.rate_before };
        let (least, most) = (RETRY_AFTER.0.as_secs_f64(), RETRY_AFTER.1.as_secs_f64());
        let guess = (to_f64(self.waiting.len()) / rate.max(1.0)).clamp(least, most);
        let [.., drawn] = request_id.into_bytes();
        let spread = 0.8 + 0.4 * f64::from(drawn) / 255.0;
        Duration::from_secs_f64((guess * spread).clamp(least, most))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^53")]
fn to_f64(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
