//! Members of durable consumers: those whose streams end here.
//!
//! Each is a future of one task, which looks at the tables and acts by commands. What a member
//! knows in memory is gone with it, and the next one finds all of it in the tables.

mod expiry;
mod member;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::sync::{Notify, mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::member::Member;
pub use expiry::expiry;

use super::hand;
use crate::domain::consumer::Consume;
use crate::domain::error::{Error, Reason, Result};
use crate::domain::name::{ActorName, ConsumerName};
use crate::ledger::Ledger;
use crate::store::Store;
use crate::stream::{Consuming, Hub, Joined, Joining};

/// Members that wait to be taken up: they are at once.
const ARRIVALS_MAX: usize = 64;
/// Batches on their way to a member's connection. More would be sent to a member that takes none.
const BATCHES_MAX: usize = 1;
/// How long members may take to give their buckets back when the service stops.
const LEAVE_MAX: Duration = Duration::from_secs(1);

/// The members of durable consumers; cheap to clone.
#[derive(Clone, Debug)]
pub struct Consumers {
    parts: Arc<Parts>,
}

#[derive(Debug)]
struct Parts {
    store: Store,
    hub: Hub,
    ledger: Ledger,
    arrivals: mpsc::Sender<Member>,
    arriving: tokio::sync::Mutex<mpsc::Receiver<Member>>,
    /// By consumer; those that have members here.
    bells: Mutex<BTreeMap<ConsumerName, watch::Sender<()>>>,
    stopping: CancellationToken,
    standing: AtomicUsize,
    left: Notify,
}

impl Consumers {
    /// No members yet.
    pub fn new(store: &Store, hub: &Hub, ledger: &Ledger) -> Consumers {
        let (arrivals, arriving) = mpsc::channel(ARRIVALS_MAX);
        let parts = Parts {
            store: store.clone(),
            hub: hub.clone(),
            ledger: ledger.clone(),
            arrivals,
            arriving: tokio::sync::Mutex::new(arriving),
            bells: Mutex::default(),
            stopping: CancellationToken::new(),
            standing: AtomicUsize::new(0),
            left: Notify::new(),
        };
        Consumers { parts: Arc::new(parts) }
    }

    /// Has members work until the service stops.
    pub async fn run(&self, stopping: CancellationToken) {
        let mut arriving = self.parts.arriving.lock().await;
        let mut members = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = stopping.cancelled() => break,
                () = self.parts.stopping.cancelled() => break,
                Some(member) = arriving.recv() => {
                    let standing = Standing::new(&self.parts);
                    members.push(async move {
                        member.run().await;
                        drop(standing);
                    });
                }
                Some(()) = members.next() => (),
            }
        }
        self.parts.stopping.cancel();
        while members.next().await.is_some() {}
        // Whoever came too late ends with the channel of its deliveries.
        arriving.close();
    }

    /// Lets nobody in any more, and has members give back what they hold.
    pub async fn stop(&self) {
        self.parts.stopping.cancel();
        let left = async {
            while self.parts.standing.load(Ordering::Acquire) > 0 {
                self.parts.left.notified().await;
            }
        };
        // What is not given back is free when its lease has ended.
        let _ = timeout(LEAVE_MAX, left).await;
    }

    async fn let_in(
        &self,
        caller: &ActorName,
        name: &ConsumerName,
        in_flight_max: usize,
    ) -> Result<Joined> {
        let parts = &self.parts;
        let refusal = || Error::Unavailable {
            reason: Reason::ShuttingDown,
            problem: "this server stops; consume again".into(),
            request_id: None,
        };
        if parts.stopping.is_cancelled() {
            return Err(refusal());
        }
        let id = Uuid::now_v7();
        let bell = self.bell(name);
        let first = Consume { name: name.clone(), member: id, idle: Default::default() };
        hand::submit_as(&parts.ledger, caller, first).await?;
        let (out, deliveries) = mpsc::channel(BATCHES_MAX);
        let (end, ended) = oneshot::channel();
        let member = Member::new(
            member::Rooms {
                store: parts.store.clone(),
                hub: parts.hub.clone(),
                ledger: parts.ledger.clone(),
            },
            member::Place { name: name.clone(), caller: caller.clone(), id, in_flight_max },
            member::Way { out, end },
            bell,
            parts.stopping.clone(),
        );
        parts.arrivals.send(member).await.map_err(|_| refusal())?;
        Ok(Joined { member: id, deliveries, ended })
    }

    fn bells(&self) -> MutexGuard<'_, BTreeMap<ConsumerName, watch::Sender<()>>> {
        self.parts.bells.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bell(&self, name: &ConsumerName) -> watch::Receiver<()> {
        let mut bells = self.bells();
        bells.retain(|_, bell| bell.receiver_count() > 0);
        bells.entry(name.clone()).or_default().subscribe()
    }
}

impl Consuming for Consumers {
    fn join<'a>(
        &'a self,
        caller: &'a ActorName,
        name: &'a ConsumerName,
        in_flight_max: usize,
    ) -> Joining<'a> {
        Box::pin(self.let_in(caller, name, in_flight_max))
    }

    fn changed(&self, name: &ConsumerName) {
        if let Some(bell) = self.bells().get(name) {
            bell.send_replace(());
        }
    }
}

/// Counts a member for as long as it works.
struct Standing(Arc<Parts>);

impl Standing {
    fn new(parts: &Arc<Parts>) -> Standing {
        parts.standing.fetch_add(1, Ordering::AcqRel);
        Standing(Arc::clone(parts))
    }
}

impl Drop for Standing {
    fn drop(&mut self) {
        self.0.standing.fetch_sub(1, Ordering::AcqRel);
        self.0.left.notify_one();
    }
}
