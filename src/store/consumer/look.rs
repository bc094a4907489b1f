//! What is looked up of consumers: not locked, so whoever acts on it has a command look again.

use std::marker::PhantomData;
use std::time::Duration;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use super::{bucket, find, name, page, retry};
use crate::domain::consumer::{Bucket, Consumer, Retry};
use crate::domain::event::Seq;
use crate::domain::name::{ConsumerName, ProjectId};
use crate::store::error::Result;
use crate::store::listed::listed;
use crate::store::prepared::prepared;
use crate::store::{Listed, Store, time};

prepared!(
    Living(project: &'a str => Text, consumer: &'a str => Text) -> (Timestamptz, BigInt),
    "select potts_now(), (select count(*) from consumer_members m where m.project = {project} \
     and m.consumer = {consumer} and m.seen_until > potts_now())"
);

prepared!(
    Progress(project: &'a str => Text, consumer: &'a str => Text, uid: Uuid => SqlUuid)
        -> (Nullable<BigInt>, BigInt, BigInt, Integer),
    "select (select min(b.done_seq) from consumer_buckets b where b.project = {project} \
     and b.consumer = {consumer}), \
     (select coalesce(sum(b.waiting), 0)::bigint from consumer_buckets b \
     where b.project = {project} and b.consumer = {consumer}), \
     (select count(*) from parked_events p where p.consumer = {uid}), \
     (select count(*)::int from consumer_members m where m.project = {project} \
     and m.consumer = {consumer} and m.seen_until > potts_now())"
);

/// How far every consumer that holds the log has come: the last place that it does not need, for
/// what waits to be tried again is read from the log, too.
macro_rules! reached {
    () => {
        "(select c.project, c.id, c.run, least(\
         (select min(b.done_seq) from consumer_buckets b \
         where b.project = c.project and b.consumer = c.id), \
         (select min(r.seq) - 1 from consumer_retries r where r.run = c.run)) as done \
         from consumers c where c.state <> 'EXPIRED' and exists (select from projects p \
         where p.id = c.project and p.deleted_at is null)) as reached"
    };
}

prepared!(
    Needed() -> Nullable<BigInt>,
    concat!("select min(done) + 1 from ", reached!())
);

prepared!(
    Behind(head: i64 => BigInt, events: i64 => BigInt, seconds: i64 => BigInt, limit: i64 => BigInt)
        -> (Text, Text, SqlUuid, BigInt, Bool, BigInt),
    concat!("select b.project, b.id, b.run, b.done, b.done < {head} and \
             ({head} - b.done > {events} or exists (select from events e where e.seq = b.done + 1 \
             and e.recorded_at < potts_now() - make_interval(secs => {seconds}))), b.count \
             from (select *, count(*) over () as count from ", reached!(), " \
             where done is not null order by done limit {limit}) as b order by b.done")
);

/// A consumer and its buckets, as they are at a time of the database.
#[derive(Clone, Debug)]
pub struct ConsumerLook {
    /// When.
    pub now: Timestamp,
    /// It; none if it is no more.
    pub consumer: Option<Consumer>,
    /// In order.
    pub buckets: Vec<Bucket>,
    /// How many members are alive.
    pub living: usize,
}

/// How far a consumer has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConsumerProgress {
    /// Up to where everything is past.
    pub done: Seq,
    /// How many events wait to be tried again.
    pub waiting: i64,
    /// How many are parked.
    pub parked: i64,
    /// How many members are alive.
    pub members: i32,
}

/// How far a consumer may be behind before the log waits for it no more.
#[derive(Clone, Copy, Debug)]
pub struct BehindMax {
    /// So many events.
    pub events: i64,
    /// Or an event that is so old.
    pub age: Duration,
}

/// The consumers that hold the log.
#[derive(Clone, Debug)]
pub struct ConsumersBehind {
    /// How many there are.
    pub count: i64,
    /// Those that are the farthest behind, in that order.
    pub farthest: Vec<ConsumerBehind>,
}

/// A consumer that holds the log.
#[derive(Clone, Debug)]
pub struct ConsumerBehind {
    /// Which.
    pub name: ConsumerName,
    /// Since which reset.
    pub run: Uuid,
    /// The last event that it does not need.
    pub done: Seq,
    /// Whether it is too far behind to hold the log any more.
    pub too_far: bool,
}

/// The oldest event that a consumer still needs, of those that hold the log; none if none does.
/// What lies before it may be forgotten.
pub(in crate::store) async fn needed(mut conn: &AsyncPgConnection) -> Result<Option<Seq>> {
    let needed = Needed { _of: PhantomData }.get_result::<Option<i64>>(&mut conn).await?;
    Ok(needed.map(Seq))
}

impl Store {
    /// A consumer.
    pub async fn consumer(
        &self,
        name: &ConsumerName,
        deadline: Instant,
    ) -> Result<Option<Consumer>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = find(reader.conn(), [name].into_iter()).await;
        Ok(reader.give_back(found).await?.into_iter().next())
    }

    /// Consumers of a project after an id, in the order of ids; with `known_head` also the end of
    /// the log in the same snapshot.
    pub async fn consumers(
        &self,
        project: &ProjectId,
        after: &str,
        limit: i64,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Consumer>> {
        let id = project.as_str();
        listed!(self, known_head, deadline, conn => page(conn, id, after, limit))
    }

    /// How far a consumer has come.
    pub async fn consumer_progress(
        &self,
        consumer: &Consumer,
        deadline: Instant,
    ) -> Result<ConsumerProgress> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let (project, id) = (consumer.name.project.as_str(), consumer.name.id.as_str());
        let progress = Progress { project, consumer: id, uid: consumer.uid, _of: PhantomData };
        let row = progress.get_result::<(Option<i64>, i64, i64, i32)>(reader.conn()).await;
        let row = reader.give_back(row.map_err(Into::into)).await?;
        let (done, waiting, parked, members) = row;
        Ok(ConsumerProgress { done: Seq(done.unwrap_or(0)), waiting, parked, members })
    }

    /// A consumer and its buckets. What is read later of what waits in them is no older.
    pub async fn look_at_consumer(
        &self,
        name: &ConsumerName,
        deadline: Instant,
    ) -> Result<ConsumerLook> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let looked = async {
            let (project, id) = (name.project.as_str(), name.id.as_str());
            // The buckets last: whatever of the rest changes later shows at the next look.
            let living = Living { project, consumer: id, _of: PhantomData };
            let (now, living): (PgTimestamp, i64) = living.get_result(conn).await?;
            let consumer = find(conn, [name].into_iter()).await?.into_iter().next();
            let buckets = bucket::of_consumer(conn, name).await?;
            let living = usize::try_from(living).unwrap_or(0);
            Ok(ConsumerLook { now: time::from_sql(now), consumer, buckets, living })
        };
        let looked = looked.await;
        reader.give_back(looked).await
    }

    /// What waits in some buckets to be tried again, each in order.
    pub async fn retries(
        &self,
        run: Uuid,
        buckets: impl IntoIterator<Item = i16>,
        deadline: Instant,
    ) -> Result<Vec<(i16, Vec<Retry>)>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let mut all = Ok(Vec::new());
        for number in buckets {
            match (retry::of_bucket(reader.conn(), run, number).await, &mut all) {
                (Ok(rows), Ok(all)) => all.push((number, rows)),
                (Err(fault), _) => {
                    all = Err(fault);
                    break;
                }
                (Ok(_), Err(_)) => break,
            }
        }
        reader.give_back(all).await
    }

    /// How far those consumers are that hold the log; at most so many, the farthest behind first.
    pub async fn consumers_behind(
        &self,
        head: Seq,
        BehindMax { events, age }: BehindMax,
        limit: i64,
        deadline: Instant,
    ) -> Result<ConsumersBehind> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let seconds = i64::try_from(age.as_secs()).unwrap_or(i64::MAX);
        let behind = Behind { head: head.0, events, seconds, limit, _of: PhantomData };
        let rows = behind.load::<(String, String, Uuid, i64, bool, i64)>(reader.conn()).await;
        let rows = reader.give_back(rows.map_err(Into::into)).await?;
        let count = rows.as_slice().first().map_or(0, |(.., count)| *count);
        let behind = |(project, id, run, done, too_far, _): (String, String, _, _, _, _)| {
            ConsumerBehind { name: name(&project, &id), run, done: Seq(done), too_far }
        };
        Ok(ConsumersBehind { count, farthest: rows.into_iter().map(behind).collect() })
    }
}
