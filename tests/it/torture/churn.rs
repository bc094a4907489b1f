//! Subscriptions that are opened and closed in great number, by many, at any moment, while
//! connections to the database are cut: nothing of them stays with the servers.
//!
//! The servers are processes, so that what they occupy is theirs alone. `POTTS_TORTURE_SECONDS`
//! opens 10,000 subscriptions instead of a share of them.

use std::cell::Cell;
use std::time::Duration;

use futures_util::future::join_all;
use potts::proto::SubscribeRequest;
use potts::proto::event_service_client::EventServiceClient;
use potts::proto::subscribe_request::Start;
use tokio::time::Instant;
use tonic::{Code, Status};

use super::fleet::is_passing;
use super::reader::filter;
use super::replicas::seconds;
use super::stalled::{memory, publish};
use crate::fault_calls::{create, issue};
use crate::random::rng::{self, Rng};
use crate::replicas::{door, project};
use crate::support::app::Door;
use crate::support::get;
use crate::support::{Process, Proxy, TestDatabase, eventually};

const WITHIN: Duration = Duration::from_secs(60);
const SERVERS: usize = 2;
/// Who opens and closes at the same time: less than one caller may have at a server.
const READERS: usize = 24;
const WRITERS: usize = 2;
/// Subscriptions until a server has come to its size, and after that.
const WARM_UP: usize = 1_000;
const OPENED: usize = 2_000;
const OPENED_LONG: usize = 10_000;
/// What a server may grow by, and with each of its subscriptions: one that stayed takes 11 KiB and
/// more, so that those of a short run would be half as much again.
const MEMORY_GROWS: usize = 6 << 20;
const SUBSCRIPTION_BYTES: usize = 1 << 10;
/// An event is kept in memory for live readers, with its texts.
const EVENT_BYTES: usize = 2 << 10;
/// Connections of the pools, and of callers, come and go.
const DESCRIPTORS_GROW: usize = 16;

/// A server and its way to the database.
struct Replica {
    process: Process,
    proxy: Proxy,
    door: Door,
    _data: tempfile::TempDir,
}

/// What a server occupies.
#[derive(Clone, Copy, Debug)]
struct Size {
    memory: usize,
    descriptors: usize,
}

impl Replica {
    async fn start(database: &TestDatabase) -> Replica {
        let data = tempfile::tempdir().unwrap();
        let proxy = Proxy::start(&database.url).await;
        let set = [("POTTS_DATABASE_URL", proxy.url.as_str())];
        let process = Process::start(data.path(), &set).await;
        let door = door(process.grpc_addr).await;
        Replica { process, proxy, door, _data: data }
    }

    fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id())).unwrap().count()
    }

    /// What it occupies once all its readers have gone.
    async fn size(&self, descriptors_max: usize) -> Size {
        let look = async || get(self.process.http_addr, "/metrics").await.1;
        eventually(WITHIN, look, |text| text.contains("potts_stream_subscriptions 0\n")).await;
        let look = async || self.descriptors();
        let descriptors = eventually(WITHIN, look, |count| *count <= descriptors_max).await;
        Size { memory: memory(self.process.id()), descriptors }
    }
}

/// Everybody who takes part.
struct Churn<'a> {
    database: &'a TestDatabase,
    replicas: &'a [Replica],
    seed: u64,
    opened: Cell<usize>,
    /// Subscriptions that were told something.
    told: Cell<usize>,
    refused: Cell<usize>,
    calls: Cell<usize>,
    cuts: Cell<usize>,
}

impl Churn<'_> {
    /// Opens subscriptions until so many were opened in all.
    async fn goes_on(&self, goal: usize) {
        let is_over = Cell::new(false);
        let reading = async {
            let readers = (0..READERS).map(|id| self.reader(id, goal));
            join_all(readers).await;
            is_over.set(true);
        };
        let writers = join_all((0..WRITERS).map(|id| self.writer(id, &is_over)));
        tokio::join!(reading, writers, self.cutter(&is_over));
    }

    async fn reader(&self, id: usize, goal: usize) {
        let mut rng = Rng::new(self.seed, 1_000 + goal + id);
        while self.opened.get() < goal {
            self.opened.set(self.opened.get() + 1);
            if let Err(status) = self.subscription(&mut rng, id).await {
                assert!(is_passing(&status) || is_calmed(&status), "{status:?}");
                self.refused.set(self.refused.get() + 1);
            }
        }
    }

    /// One subscription, from its beginning to its end, wherever that is.
    async fn subscription(&self, rng: &mut Rng, id: usize) -> Result<(), Status> {
        let replica = &self.replicas[rng.below(SERVERS)];
        let door = match rng.chance(15) {
            // A connection of its own, which ends with it.
            true => door(replica.process.grpc_addr).await,
            false => replica.door.clone(),
        };
        let start = match rng.chance(50) {
            true => Start::FromBeginning(true),
            false => Start::FromNow(true),
        };
        let request = SubscribeRequest {
            start: Some(start),
            filter: Some(filter(rng, id)),
            batch_events_max: rng.pick(&[1, 64, 1_000]),
            stop_when_caught_up: rng.chance(30),
            ..Default::default()
        };
        let patience = Duration::from_millis(u64::try_from(rng.below(60)).unwrap());
        let messages = rng.below(6);
        let mut events = EventServiceClient::new(door);
        let opening = events.subscribe(request);
        let opened = match rng.chance(15) {
            // It goes away while it is opened.
            true => match tokio::time::timeout(patience, opening).await {
                Ok(opened) => opened?,
                Err(_) => return Ok(()),
            },
            false => opening.await?,
        };
        let mut stream = opened.into_inner();
        stream.message().await?;
        self.told.set(self.told.get() + 1);
        let reading = async {
            for _ in 0..messages {
                if stream.message().await?.is_none() {
                    break;
                }
            }
            Ok(())
        };
        tokio::time::timeout(patience, reading).await.unwrap_or(Ok(()))
    }

    async fn writer(&self, id: usize, is_over: &Cell<bool>) {
        // Readers have their connection ended now and then.
        let door = door(self.replicas[id % SERVERS].process.grpc_addr).await;
        while !is_over.get() {
            let request = issue("abc", &format!("by {id}"));
            let attempt = async || create(&door, &request, WITHIN).await;
            let done = |told: &Result<_, Status>| !told.as_ref().is_err_and(is_passing);
            eventually(WITHIN, attempt, done).await.unwrap();
            self.calls.set(self.calls.get() + 1);
        }
    }

    /// Cuts a server off from the database, again and again.
    async fn cutter(&self, is_over: &Cell<bool>) {
        let mut rng = Rng::new(self.seed, 1);
        while !is_over.get() {
            let goal = self.opened.get() + 300;
            let look = async || is_over.get() || self.opened.get() >= goal;
            eventually(WITHIN, look, |done| *done).await;
            self.replicas[rng.below(SERVERS)].proxy.cut();
            self.cuts.set(self.cuts.get() + 1);
        }
    }

    /// Waits until nobody reads any more. Answers what each server occupies.
    async fn sizes(&self, descriptors_max: [usize; SERVERS]) -> Vec<Size> {
        let of = self.replicas.iter().zip(descriptors_max);
        join_all(of.map(|(replica, max)| replica.size(max))).await
    }

    async fn requests(&self) -> i64 {
        let count = "select count(*) from requests";
        self.database.sql().await.query_one(count, &[]).await.unwrap().get(0)
    }

    async fn events(&self) -> usize {
        let count = "select count(*) from events";
        let count: i64 = self.database.sql().await.query_one(count, &[]).await.unwrap().get(0);
        count.try_into().unwrap()
    }
}

/// Who takes back many calls before the server has seen them is asked to calm down: its connection
/// is ended, and it may come again.
fn is_calmed(status: &Status) -> bool {
    let is_of_connection = std::error::Error::source(status).is_some();
    is_of_connection && status.code() == Code::ResourceExhausted
}

/// Goal: whatever number of subscriptions has come and gone, the servers are as large as they were,
/// and calls are remembered for as long as it was said.
#[tokio::test(flavor = "multi_thread")]
async fn subscriptions_that_come_and_go_leave_nothing_behind() {
    let seed = rng::seed();
    let database = TestDatabase::new().await;
    let replicas = [Replica::start(&database).await, Replica::start(&database).await];
    project(&replicas[0].door, "abc").await;
    publish(&replicas[0].door, "before", 1_024, 256).await;
    let churn = Churn {
        database: &database,
        replicas: &replicas,
        seed,
        opened: Cell::default(),
        told: Cell::default(),
        refused: Cell::default(),
        calls: Cell::default(),
        cuts: Cell::default(),
    };
    let began = Instant::now();
    let opened = if seconds() > 0 { OPENED_LONG } else { OPENED };

    churn.goes_on(WARM_UP).await;
    let (before, events) = (churn.sizes([usize::MAX; SERVERS]).await, churn.events().await);
    churn.goes_on(WARM_UP + opened).await;
    let bound = [0, 1].map(|of: usize| before[of].descriptors + DESCRIPTORS_GROW);
    let after = churn.sizes(bound).await;
    let written = churn.events().await - events;
    let requests = churn.requests().await;
    // A day later; a sweep comes every ten seconds.
    database.advance_clock(25 * 3_600).await;
    eventually(WITHIN, async || churn.requests().await, |left| *left == 0).await;

    eprintln!(
        "{} subscriptions, {} of them told something, {} refused, {} calls, {} cuts, {written} \
         events meanwhile, {requests} requests swept, in {:?}: {before:?}, then {after:?}",
        churn.opened.get(),
        churn.told.get(),
        churn.refused.get(),
        churn.calls.get(),
        churn.cuts.get(),
        began.elapsed()
    );
    for (before, after) in before.iter().zip(&after) {
        let grown = after.memory.saturating_sub(before.memory);
        let of_subscriptions = opened / SERVERS * SUBSCRIPTION_BYTES;
        let bound = MEMORY_GROWS + of_subscriptions + written * EVENT_BYTES;
        assert!(grown < bound, "{grown} bytes more, {bound} at most");
    }
    assert!(churn.told.get() * 2 > churn.opened.get(), "most of them have lived for a while");
}
