//! A lane: one task that no caller can cancel, one connection, one batch after the other.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use anyhow::anyhow;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout};
use uuid::Uuid;

use super::batch::{self, Decided, Outcome};
use super::definitions::Cache;
use super::health::Health;
use super::load::{begin, call_of, write};
use super::queue::{Pending, Queue, shutting_down};
use super::remedy::{Failures, Remedy};
use crate::domain::error::{Error, Reason};
use crate::domain::event::Seq;
use crate::store::{Append, Fault, Session, Store};
use crate::stream::{Hub, Position};
use crate::telemetry::Metrics;

/// A batch that takes longer has met something that hangs: its connection is given up.
const BATCH_MAX: Duration = Duration::from_secs(10);
/// How long what is queued may take when the server stops.
const DRAIN_MAX: Duration = Duration::from_secs(5);
/// How often a lane without work looks after a database that was lost.
const PROBE_PERIOD: Duration = Duration::from_millis(500);

/// What a lane is made of.
#[derive(Debug)]
pub struct Lane {
    /// What it carries out.
    pub queue: Arc<Queue>,
    /// Where it writes.
    pub store: Store,
    /// Whom it tells.
    pub hub: Hub,
    /// Told after each commit, for whoever tells other replicas.
    pub committed: Arc<Notify>,
    /// Whether the database answers.
    pub health: Arc<Health>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// How far a batch came before it failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Nothing has happened.
    Open,
    /// Nobody knows.
    Committing,
}

/// A lane at work.
struct Work<'a> {
    lane: &'a Lane,
    session: Session,
    cache: Cache,
    /// A head that was seen before; the real one may be later.
    known_head: Seq,
}

impl Lane {
    /// Carries commands out until the queue is closed and empty.
    pub async fn run(&self) {
        self.work().await;
        self.queue.end();
    }

    async fn work(&self) {
        let mut work = Work {
            lane: self,
            session: self.store.session(),
            cache: Cache::default(),
            known_head: self.hub.head().seq,
        };
        let mut drained = pin!(async {
            self.queue.closed().await;
            sleep(DRAIN_MAX).await;
        });
        loop {
            // Asked first: what comes in before it is seen is taken.
            let closed = self.queue.is_closed();
            let batch = self.queue.take();
            if batch.is_empty() {
                if closed {
                    return;
                }
                self.idle(&mut work).await;
                continue;
            }
            tokio::select! {
                biased;
                () = &mut drained => return self.refuse_rest(),
                () = work.carry_out(batch) => (),
            }
        }
    }

    /// Waits for work, and looks after a database that was lost.
    async fn idle(&self, work: &mut Work<'_>) {
        if !self.health.is_lost() {
            return self.queue.arrival().await;
        }
        let looking = async {
            work.probe().await;
            drop(timeout(PROBE_PERIOD, self.queue.arrival()).await);
        };
        tokio::select! {
            () = looking => (),
            () = self.queue.closed() => (),
        }
    }

    fn refuse_rest(&self) {
        loop {
            let rest = self.queue.take();
            if rest.is_empty() {
                return;
            }
            rest.into_iter().for_each(|pending| pending.end(Err(shutting_down())));
        }
    }
}

impl Work<'_> {
    async fn probe(&mut self) {
        if self.session.connect().await.is_ok() {
            self.lane.health.found();
        }
    }

    /// Carries a batch out; if that does not work for all, each command by itself, in order.
    async fn carry_out(&mut self, batch: Vec<Pending>) {
        let rest = self.carry_out_together(batch).await;
        for pending in rest {
            let left = self.carry_out_together(vec![pending]).await;
            assert!(left.is_empty(), "a command alone is answered, whatever happens");
        }
    }

    /// Answers what is left to be carried out one by one.
    async fn carry_out_together(&mut self, mut batch: Vec<Pending>) -> Vec<Pending> {
        let mut failures = Failures::default();
        loop {
            // Until there is a connection nothing is under way, and callers may withdraw.
            let connected = self.session.connect().await;
            batch = without_expired(batch, &self.lane.health);
            if batch.is_empty() {
                return batch;
            }
            let started = Instant::now();
            let mut phase = Phase::Open;
            let attempt = async {
                connected?;
                self.attempt(&batch, &mut phase).await
            };
            let attempt = timeout(BATCH_MAX, attempt).await;
            let fault = match attempt.unwrap_or_else(|_| Err(hanging())) {
                Ok(durable) => {
                    self.lane.health.found();
                    self.lane.metrics.batch(batch.len(), started.elapsed());
                    self.answer(batch, durable);
                    return Vec::new();
                }
                Err(fault) => fault,
            };
            self.lane.metrics.batch_failed();
            if phase == Phase::Committing && fault.leaves_commit_unknown() {
                let is_unwritable = matches!(fault, Fault::Unwritable(_));
                tracing::warn!(cause = format!("{:#}", anyhow!(fault)), "a commit was cut off");
                batch = self.settle(batch).await;
                if is_unwritable {
                    self.wait_for_room(&batch, &mut failures).await;
                }
                continue;
            }
            batch.iter().for_each(|pending| pending.progress.rest());
            let remedy = failures.after(&fault, batch.len());
            tracing::debug!(?remedy, commands = batch.len(), %fault, "a batch failed");
            match remedy {
                Remedy::Again(wait) => sleep(spread(wait, &batch)).await,
                Remedy::Refresh => self.forget(),
                Remedy::MakePartitions => self.make_partitions().await,
                Remedy::Reconnect(wait) => {
                    self.lane.health.lost();
                    sleep(spread(wait, &batch)).await;
                }
                Remedy::OneByOne => return batch,
                Remedy::Contention => {
                    end_all(batch, contention);
                    return Vec::new();
                }
                Remedy::Guilty => {
                    let cause = Arc::new(anyhow!(fault));
                    end_all(batch, || Error::Internal(anyhow!("{cause:#}")));
                    return Vec::new();
                }
            }
        }
    }

    /// A database that answers and cannot commit is as good as away, and not asked again at once.
    async fn wait_for_room(&self, batch: &[Pending], failures: &mut Failures) {
        self.lane.health.lost();
        batch.iter().for_each(|pending| pending.progress.rest());
        if let Remedy::Reconnect(wait) = failures.reconnect() {
            sleep(spread(wait, batch)).await;
        }
    }

    /// Forgets what was loaded, and where the log was thought to end: it may have lost its tail.
    fn forget(&mut self) {
        self.cache.clear();
        self.known_head = self.lane.hub.head().seq;
    }

    async fn make_partitions(&self) {
        if let Err(fault) = self.lane.store.keep_partitions(self.known_head).await {
            tracing::error!(cause = format!("{:#}", anyhow!(fault)), "cannot make partitions");
        }
    }

    /// One attempt: load, decide, write, append, commit.
    async fn attempt(&mut self, batch: &[Pending], phase: &mut Phase) -> Result<Durable, Fault> {
        // Read before anything is loaded, so that what is answered is never older than it says.
        let before = self.lane.hub.head();
        self.known_head = self.known_head.max(before.seq);
        let (tx, mut world, used) = begin(&mut self.session, &mut self.cache, batch).await?;
        let decided = batch::decide(batch, &mut world);
        if !decided.writes() {
            tx.roll_back().await?;
            return Ok(Durable { decided, head: before.seq, before });
        }
        let append = Append {
            known_head: self.known_head,
            now: world.now,
            used: &used,
            events: &decided.events,
            requests: &decided.requests,
        };
        let mut writes = tx.writes();
        write(&mut writes, &world.rows);
        let head = tx.append(writes, &append).await?;
        *phase = Phase::Committing;
        tx.commit().await?;
        self.known_head = head;
        Ok(Durable { decided, head, before })
    }

    /// Tells the readers, then answers the callers; what there was no time for goes back.
    fn answer(&self, mut batch: Vec<Pending>, durable: Durable) {
        let Durable { decided, head, before } = durable;
        if !decided.events.is_empty() {
            self.lane.hub.publish(decided.frames(head));
            self.lane.committed.notify_one();
        }
        let rest = batch.split_off(decided.outcomes.len().min(batch.len()));
        if !rest.is_empty() {
            self.lane.queue.put_back(rest);
        }
        let refused = decided.outcomes.iter().filter(|o| matches!(o, Outcome::Refused(_))).count();
        self.lane.metrics.commands(decided.outcomes.len() - refused, refused);
        batch::answer(batch, decided, head, before);
    }

    /// After a commit that was cut off: finds out whether it happened. Answers what is to be run
    /// again; what cannot be settled by its deadline is answered so.
    async fn settle(&mut self, mut batch: Vec<Pending>) -> Vec<Pending> {
        batch.iter().for_each(|pending| pending.progress.doubt());
        let mut failures = Failures::default();
        loop {
            batch = without_unsettled(batch);
            let calls: Vec<(String, Uuid)> = batch.iter().map(call_of).collect();
            let calls: Vec<(&str, Uuid)> =
                calls.iter().map(|(caller, id)| (caller.as_str(), *id)).collect();
            if calls.is_empty() {
                return batch;
            }
            match timeout(BATCH_MAX, self.session.settle(&calls)).await {
                // What is remembered is answered as a replay when the batch runs again, so both
                // ways lead there; the log tells the readers.
                Ok(Ok(known)) => {
                    let happened: BTreeSet<(&str, Uuid)> =
                        known.iter().map(|k| (k.caller.as_str(), k.request_id)).collect();
                    for (pending, call) in batch.iter().zip(&calls) {
                        if !happened.contains(call) {
                            pending.progress.clear();
                        }
                    }
                    self.lane.health.found();
                    self.lane.hub.hint();
                    return batch;
                }
                Ok(Err(fault)) => tracing::debug!(%fault, "cannot settle a commit yet"),
                Err(_) => tracing::debug!("settling a commit hangs"),
            }
            self.lane.health.lost();
            if let Remedy::Reconnect(wait) = failures.reconnect() {
                sleep(spread(wait, &batch)).await;
            }
        }
    }
}

/// A batch that is durable.
struct Durable {
    decided: Decided,
    head: Seq,
    before: Position,
}

fn hanging() -> Fault {
    Fault::Lost(anyhow!("a batch took longer than {BATCH_MAX:?}"))
}

/// Drops, unexecuted, what nobody waits for any more.
fn without_expired(batch: Vec<Pending>, health: &Health) -> Vec<Pending> {
    let now = Instant::now();
    let mut rest = Vec::with_capacity(batch.len());
    for pending in batch {
        if pending.answer.is_closed() || !pending.progress.start() {
            continue;
        }
        if pending.command.call.deadline <= now {
            pending.end(Err(health.too_late()));
        } else {
            rest.push(pending);
        }
    }
    rest
}

/// Answers what cannot be settled in time.
fn without_unsettled(batch: Vec<Pending>) -> Vec<Pending> {
    let now = Instant::now();
    let (late, rest): (Vec<_>, Vec<_>) =
        batch.into_iter().partition(|pending| pending.command.call.deadline <= now);
    for pending in late {
        let request_id = pending.command.call.request_id;
        pending.end(Err(outcome_unknown(request_id)));
    }
    rest
}

fn end_all(batch: Vec<Pending>, error: impl Fn() -> Error) {
    for pending in batch {
        pending.end(Err(error()));
    }
}

/// Half to one and a half times a wait, so that lanes that failed together do not meet again.
fn spread(wait: Duration, batch: &[Pending]) -> Duration {
    let drawn = batch.first().map_or(128, |pending| {
        let [.., last] = pending.command.call.request_id.into_bytes();
        last
    });
    wait / 2 + wait * u32::from(drawn) / 255
}

/// Nobody knows whether it happened.
pub fn outcome_unknown(request_id: Uuid) -> Error {
    Error::Unavailable {
        reason: Reason::OutcomeUnknown,
        problem: "it may have happened; send it again with the same request_id".into(),
        request_id: Some(request_id),
    }
}

/// The database does not answer.
pub fn database_unavailable() -> Error {
    Error::Unavailable {
        reason: Reason::DatabaseUnavailable,
        problem: "the database cannot be reached, nothing was changed".into(),
        request_id: None,
    }
}

fn contention() -> Error {
    Error::Conflict {
        reason: Reason::Contention,
        subject: "request".into(),
        problem: "others kept changing the same things, nothing was changed".into(),
    }
}
