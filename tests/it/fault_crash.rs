//! `kill -9` of the service and of PostgreSQL, under load: nothing acknowledged or delivered is
//! lost, and a call that is sent again happens once.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use potts::proto::EventFilter;
use potts::proto::event_service_client::EventServiceClient;
use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tonic::Status;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Endpoint;

use crate::fault_calls::{create, is_passing, issue, log};
use crate::replicas::{door, project};
use crate::support::app::{Bearer, Door, TOKEN};
use crate::support::{Process, TestDatabase, eventually};
use crate::torture::oracle::{self, Oracle};

const WRITERS: usize = 8;
/// All that goes on, with every restart.
const WITHIN: Duration = Duration::from_secs(60);
/// Of one call.
const CALL_WITHIN: Duration = Duration::from_secs(5);

/// Writers that never give a call up, and a subscriber that resumes, while all breaks around them.
pub struct Load {
    pub addr: watch::Sender<SocketAddr>,
    is_over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    writers: JoinSet<Vec<String>>,
    subscriber: Arc<Mutex<Oracle>>,
    following: tokio::task::JoinHandle<()>,
}

/// A door that connects when it is used.
fn lazy(addr: SocketAddr) -> Door {
    let endpoint = Endpoint::from_shared(format!("http://{addr}")).unwrap();
    let endpoint = endpoint.connect_timeout(CALL_WITHIN);
    InterceptedService::new(endpoint.connect_lazy(), Bearer::of(TOKEN))
}

impl Load {
    pub fn start(addr: SocketAddr) -> Load {
        let (addr, told) = watch::channel(addr);
        let subscriber = Arc::new(Mutex::new(Oracle::new(EventFilter::default())));
        let following = tokio::spawn(subscribe(told.clone(), Arc::clone(&subscriber)));
        let mut load = Load {
            addr,
            is_over: Arc::default(),
            acknowledged: Arc::default(),
            writers: JoinSet::new(),
            subscriber,
            following,
        };
        for writer in 0..WRITERS {
            let (is_over, acknowledged) =
                (Arc::clone(&load.is_over), Arc::clone(&load.acknowledged));
            load.writers.spawn(write(writer, told.clone(), is_over, acknowledged));
        }
        load
    }

    /// Waits until so many more calls were acknowledged.
    pub async fn goes_on(&self, calls: usize) {
        let goal = self.acknowledged.load(Ordering::SeqCst) + calls;
        let look = async || self.acknowledged.load(Ordering::SeqCst);
        eventually(WITHIN, look, |count| *count >= goal).await;
    }

    /// Ends the writers, and compares what they and the subscriber were told with the tables.
    pub async fn compare(mut self, database: &TestDatabase) {
        self.is_over.store(true, Ordering::SeqCst);
        let mut acknowledged = Vec::new();
        while let Some(names) = self.writers.join_next().await {
            acknowledged.extend(names.unwrap());
        }
        let (rows, whole) = (log(database).await, oracle::rows(database, 0).await);
        let head = rows.last().unwrap().0;
        let look = async || self.subscriber.lock().unwrap().at();
        eventually(WITHIN, look, |at| *at >= head).await;
        self.following.abort();

        let names: BTreeSet<&String> = acknowledged.iter().collect();
        assert_eq!(names.len(), acknowledged.len(), "one name was given twice");
        let mut created: BTreeMap<&String, usize> = BTreeMap::new();
        for row in rows.iter().filter(|row| row.2 == "issue.created") {
            *created.entry(&row.3).or_default() += 1;
        }
        // Every writer ended with an acknowledgement, so each call happened, and once.
        assert_eq!(created.keys().copied().collect::<BTreeSet<_>>(), names);
        assert!(created.values().all(|count| *count == 1));
        let mut subscriber = self.subscriber.lock().unwrap();
        let told = subscriber.events();
        assert_eq!(subscriber.violations(&whole), Vec::<String>::new());
        eprintln!("{} calls acknowledged, {told} events delivered", acknowledged.len());
    }
}

async fn write(
    writer: usize,
    addr: watch::Receiver<SocketAddr>,
    is_over: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
) -> Vec<String> {
    let mut names = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        let request = issue("abc", &format!("by {writer}: {}", names.len()));
        let call = async || {
            let door = lazy(*addr.borrow());
            create(&door, &request, CALL_WITHIN).await
        };
        let done = |answer: &Result<_, Status>| !answer.as_ref().is_err_and(is_passing);
        let created = eventually(WITHIN, call, done).await.unwrap();
        names.push(created.issue.unwrap().name);
        acknowledged.fetch_add(1, Ordering::SeqCst);
    }
    names
}

async fn subscribe(addr: watch::Receiver<SocketAddr>, subscriber: Arc<Mutex<Oracle>>) {
    loop {
        let request = subscriber.lock().unwrap().request();
        let open = async || {
            let mut events = EventServiceClient::new(lazy(*addr.borrow()));
            let opening = tokio::time::timeout(CALL_WITHIN, events.subscribe(request.clone()));
            opening.await.unwrap_or_else(|_| Err(Status::unavailable("does not answer")))
        };
        let done = |answer: &Result<_, Status>| !answer.as_ref().is_err_and(is_passing);
        let mut stream = eventually(WITHIN, open, done).await.unwrap().into_inner();
        while let Ok(Some(message)) = stream.message().await {
            subscriber.lock().unwrap().note(message.message.unwrap());
        }
    }
}

/// How many calls go on between two kills: drawn anew in each run, and printed.
pub fn pauses(rounds: usize) -> Vec<usize> {
    let seed = std::time::UNIX_EPOCH.elapsed().unwrap().subsec_nanos();
    let drawn = (0..rounds).scan(seed, |state, _| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some(usize::try_from(*state >> 26).unwrap() + 1)
    });
    let pauses = drawn.collect();
    eprintln!("seed {seed}, kills after {pauses:?} calls");
    pauses
}

/// A data directory that PostgreSQL's own user can reach, as it must where the tests run as root.
pub fn data_dir() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().unwrap();
    std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    dir
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_service_loses_nothing() {
    let database = TestDatabase::new().await;
    let data = data_dir();
    let set = [("POTTS_DATABASE_URL", database.url.as_str())];
    let mut process = Process::start(data.path(), &set).await;
    project(&door(process.grpc_addr).await, "abc").await;
    let load = Load::start(process.grpc_addr);

    for calls in pauses(5) {
        load.goes_on(calls).await;
        process.kill();
        process = Process::start(data.path(), &set).await;
        load.addr.send_replace(process.grpc_addr);
    }
    load.goes_on(1).await;

    load.compare(&database).await;
}

/// The database that a service keeps in its data directory.
pub fn private_database(data: &Path) -> TestDatabase {
    let url = potts::embedded::url_of(&data.join("postgres")).unwrap();
    TestDatabase { url, name: "potts".into() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_service_takes_its_database_along_and_loses_nothing() {
    let data = data_dir();
    let mut process = Process::start(data.path(), &[]).await;
    project(&door(process.grpc_addr).await, "abc").await;
    let load = Load::start(process.grpc_addr);

    for calls in pauses(2) {
        load.goes_on(calls).await;
        process.kill();
        process = Process::start(data.path(), &[]).await;
        load.addr.send_replace(process.grpc_addr);
    }
    load.goes_on(1).await;

    load.compare(&private_database(data.path())).await;
    process.terminate();
    process.ended(Duration::from_secs(15)).await;
}

/// A signal for the first process of the database below a folder, once that is another one than
/// before.
pub async fn signal_postgres(data: &Path, before: Option<Pid>, signal: Signal) -> Option<Pid> {
    let file = data.join("cluster/postmaster.pid");
    let look = async || {
        let text = std::fs::read_to_string(&file).ok()?;
        let pid = Pid::from_raw(text.lines().next()?.trim().parse().ok()?);
        pid.filter(|pid| rustix::process::test_kill_process(*pid).is_ok())
    };
    let running = eventually(WITHIN, look, |pid| pid.is_some() && *pid != before).await;
    kill_process(running.unwrap(), signal).unwrap();
    running
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_database_is_started_again_and_loses_nothing() {
    let data = data_dir();
    let mut process = Process::start(data.path(), &[]).await;
    project(&door(process.grpc_addr).await, "abc").await;
    let load = Load::start(process.grpc_addr);

    let mut killed = None;
    for calls in pauses(3) {
        load.goes_on(calls).await;
        killed = signal_postgres(&data.path().join("postgres"), killed, Signal::KILL).await;
    }
    load.goes_on(1).await;

    load.compare(&private_database(data.path())).await;
    process.terminate();
    let status = process.ended(Duration::from_secs(15)).await;
    assert!(status.success(), "{status}: {}", process.log());
}
