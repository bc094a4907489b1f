//! Several servers, several writers, several subscribers; connections are cut, sessions ended,
//! servers restarted one after the other, transactions slowed down and rolled back.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::Instant;

use super::fleet::{Fleet, deadlocks};
use super::oracle::{Oracle, Row, new_things, rows};
use super::reader::{Reader, filter};
use super::writer::{HOT, PROJECTS, Writer};
use crate::fault_calls::{create, issue};
use crate::random::rng::{self, Rng};
use crate::replicas::project;
use crate::support::{TestDatabase, eventually};

const SERVERS: usize = 3;
const WRITERS: usize = 8;
const READERS: usize = 8;
/// Load that does not go on for so long has come to a stand.
const WITHIN: Duration = Duration::from_secs(60);

/// Commits that are slow, and commits that fail, now and then: the order lock is held meanwhile.
/// Rows of calls are written by the statement that appends, so each call may meet with both.
const JITTER: &str = "
    create function jitter() returns trigger language plpgsql as $$
    begin
        if random() < 0.04 then perform pg_sleep(random() * 0.01); end if;
        if random() < 0.02 then
            raise exception 'could not serialize access' using errcode = '40001';
        end if;
        return null;
    end $$;
    create trigger jitter after insert on requests for each row execute function jitter();
    create constraint trigger jitter_at_commit after insert on requests
        deferrable initially deferred for each row execute function jitter();";

/// How long a run goes on, beyond the one round that it has.
pub fn seconds() -> u64 {
    std::env::var("POTTS_TORTURE_SECONDS").map_or(0, |said| said.parse().unwrap())
}

/// What is done to the servers.
#[derive(Clone, Debug, Default)]
struct Harm {
    cuts: usize,
    kills: usize,
    restarts: usize,
}

/// Everything that takes part.
struct Run<'a> {
    fleet: &'a Fleet,
    calls: &'a Cell<usize>,
    rng: Rng,
    harm: Harm,
    writers: Vec<Writer<'a>>,
    readers: Vec<Reader<'a>>,
    /// The `seq` up to which all was compared.
    checked: i64,
}

impl<'a> Run<'a> {
    fn new(fleet: &'a Fleet, calls: &'a Cell<usize>, seed: u64) -> Run<'a> {
        let writer = |id| Writer {
            id,
            rng: Rng::new(seed, 100 + id),
            fleet,
            calls,
            made: 0,
            acknowledged: Vec::new(),
            cursors: Vec::new(),
            again: Cell::default(),
        };
        let reader = |of| {
            let mut rng = Rng::new(seed, 200 + of);
            let oracle = Oracle::new(filter(&mut rng, of));
            Reader { oracle, rng, fleet, streams: 0 }
        };
        Run {
            fleet,
            calls,
            rng: Rng::new(seed, 2),
            harm: Harm::default(),
            writers: (0..WRITERS).map(writer).collect(),
            readers: (0..READERS).map(reader).collect(),
            checked: 0,
        }
    }

    /// A round: load, while every server is cut off, loses sessions and is restarted; then rest,
    /// and everybody is compared with the table.
    async fn round(&mut self) -> Vec<String> {
        let (fleet, calls) = (self.fleet, self.calls);
        let (written, read) = (Cell::new(false), Cell::new(false));
        let (harm, rng) = (RefCell::new(&mut self.harm), RefCell::new(&mut self.rng));
        let harming = async {
            for of in 0..fleet.len() {
                for _ in 0..3 {
                    let more = rng.borrow_mut().below(30) + 15;
                    goes_on(calls, more).await;
                    fleet.cut(rng.borrow_mut().below(SERVERS));
                    harm.borrow_mut().cuts += 1;
                }
                fleet.kill_a_session().await;
                harm.borrow_mut().kills += 1;
                let gently = rng.borrow_mut().chance(50);
                fleet.restart(of, gently).await;
                harm.borrow_mut().restarts += 1;
                goes_on(calls, 20).await;
            }
            written.set(true);
        };
        let writing = async {
            join_all(self.writers.iter_mut().map(async |writer| {
                while !written.get() {
                    writer.call().await;
                }
            }))
            .await;
            read.set(true);
        };
        let reading = join_all(self.readers.iter_mut().map(|reader| reader.follow(&read)));
        tokio::join!(harming, writing, reading);
        self.compare().await
    }

    async fn compare(&mut self) -> Vec<String> {
        join_all(self.readers.iter_mut().map(Reader::catch_up)).await;
        let rows: Vec<Row> = rows(&self.fleet.database, self.checked).await;
        self.checked = rows.last().map_or(self.checked, |row| row.seq);
        let new = new_things(&rows);
        let mut complaints = Vec::new();
        for writer in &mut self.writers {
            complaints.extend(writer.violations(&rows, &new));
        }
        for (of, reader) in self.readers.iter_mut().enumerate() {
            let mut found = reader.oracle.violations(&rows);
            let door = self.fleet.any_door();
            found.extend(reader.oracle.misled(&door, &rows).await);
            complaints.extend(found.into_iter().map(|found| format!("subscriber {of}: {found}")));
        }
        complaints
    }

    fn counts(&self) -> String {
        let streams: usize = self.readers.iter().map(|reader| reader.streams).sum();
        let again: usize = self.writers.iter().map(|writer| writer.again.get()).sum();
        format!(
            "{} events, {} calls acknowledged, {again} attempts repeated, {READERS} subscribers, \
             {streams} streams, {SERVERS} servers, {:?}",
            self.checked,
            self.calls.get(),
            self.harm
        )
    }
}

/// Waits until so many more calls were acknowledged.
async fn goes_on(calls: &Cell<usize>, more: usize) {
    let goal = calls.get() + more;
    eventually(WITHIN, async || calls.get(), |count| *count >= goal).await;
}

/// Calls that happened under more than one name.
async fn doubled(database: &TestDatabase) -> i64 {
    let count = "select count(*) from (select from issues where title like 'by %'
                 group by title having count(*) > 1) as doubled";
    database.sql().await.query_one(count, &[]).await.unwrap().get(0)
}

/// Goal: whatever happens to servers and connections, what was acknowledged is in the log once, and
/// every subscriber is told exactly the log through its filter.
#[tokio::test(flavor = "multi_thread")]
async fn servers_that_are_cut_off_and_restarted_tell_one_dense_log() {
    let seed = rng::seed();
    let fleet = Fleet::start(SERVERS, Rng::new(seed, 1)).await;
    for id in PROJECTS {
        project(&fleet.door(0), id).await;
        for n in 0..HOT {
            let hot = issue(id, &format!("hot {n}"));
            create(&fleet.door(1), &hot, WITHIN).await.unwrap();
        }
    }
    fleet.database.sql().await.batch_execute(JITTER).await.unwrap();
    let calls = Cell::new(0);
    let mut run = Run::new(&fleet, &calls, seed);

    let began = Instant::now();
    let mut violations = run.round().await;
    while violations.is_empty() && began.elapsed() < Duration::from_secs(seconds()) {
        violations = run.round().await;
        eprintln!("{}", run.counts());
    }

    let counts = run.counts();
    let doubled = doubled(&fleet.database).await;
    let database = fleet.stop().await;
    eprintln!("{counts}, {} violations, in {:?}", violations.len(), began.elapsed());
    assert!(violations.is_empty(), "{violations:#?}");
    assert_eq!((doubled, deadlocks(&database).await), (0, 0));
}
