//! The horizon: where the log begins, and the steps by which what lies before it goes away.
//!
//! A partition ends when its newest event is old enough. The beginning of the log moves behind it,
//! and once no reader can still believe in the old beginning it is exported, detached and dropped.
//! Each step is recorded in `event_partitions.state` and may be repeated: whoever is killed in the
//! middle is followed by any replica.

use std::marker::PhantomData;
use std::time::Duration;

use diesel::OptionalExtension as _;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{BigInt, Binary, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};
use uuid::Uuid;

use super::error::Result;
use super::partition::{self, EVENTS, TryLock};
use super::prepared::{prepared, walk};
use super::{consumer, lock_order, log};
use crate::domain::event::Seq;

/// How long the log has begun behind a partition before it is touched. A server learns of a new
/// beginning within half of it: until then it may read there in good faith.
pub const GRACE: Duration = Duration::from_secs(60);

/// How far the end of a partition has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionState {
    /// The log begins behind it.
    Ended,
    /// Its events are in a file, too.
    Archived,
    /// It is a table of its own.
    Detached,
}

/// A partition that has ended and is still there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EndedPartition {
    /// Its number.
    pub index: i64,
    /// How far it has come.
    pub state: PartitionState,
    /// Whether it ended at least [`GRACE`] ago.
    pub is_left: bool,
}

impl EndedPartition {
    /// Its last event.
    pub fn last(&self) -> Seq {
        last(self.index)
    }

    /// The table that holds it.
    pub fn table(&self) -> String {
        partition::table(self.index)
    }
}

fn last(index: i64) -> Seq {
    Seq((index + 1) * EVENTS - 1)
}

/// Where the events of a partition are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// A URI.
    pub uri: String,
    /// What the file hashes to.
    pub sha256: Vec<u8>,
    /// How many events it holds.
    pub events: i64,
}

/// Whoever moves the horizon: one at a time, until it is released, dropped or cut off.
pub struct Horizon {
    conn: AsyncPgConnection,
}

impl std::fmt::Debug for Horizon {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Horizon")
    }
}

prepared!(
    Oldest() -> Nullable<BigInt>,
    "select min(index) from event_partitions where state = 'ATTACHED'"
);

prepared!(Begins() -> BigInt, "select oldest_seq from log_state");

prepared!(Epoch() -> SqlUuid, "select epoch from log_state");

prepared!(
    IsOlder(seq: i64 => BigInt, seconds: i64 => BigInt) -> Bool,
    "select recorded_at < potts_now() - make_interval(secs => {seconds}) \
     from events where seq = {seq}"
);

prepared!(
    Ended(seconds: i64 => BigInt) -> (BigInt, Text, Bool),
    "select index, state, ended_at <= potts_now() - make_interval(secs => {seconds}) \
     from event_partitions where state in ('ENDED', 'ARCHIVED', 'DETACHED') order by index"
);

prepared!(
    Archived(
        index: i64 => BigInt,
        uri: &'a str => Text,
        sha256: &'a [u8] => Binary,
        events: i64 => BigInt,
    ) -> (),
    "update event_partitions set state = 'ARCHIVED', archive_uri = {uri}, \
     archive_sha256 = {sha256}, archive_events = {events} \
     where index = {index} and state = 'ENDED'"
);

prepared!(
    Archives() -> (BigInt, Text, Binary, BigInt),
    "select index, archive_uri, archive_sha256, archive_events from event_partitions \
     where archive_uri is not null order by index"
);

// None is no partition any more; true one that was about to be detached.
prepared!(
    Attachment(table: &'a str => Text) -> Bool,
    "select inhdetachpending from pg_inherits \
     where inhrelid = to_regclass({table}) and inhparent = 'events'::regclass"
);

/// The partitions that end at or before this place may end. Consumers, whose place the service
/// keeps, hold back what they still need, until they are too far behind.
async fn may_end_before(conn: &mut AsyncPgConnection, known_head: Seq) -> Result<Seq> {
    let head = log::end(conn, known_head).await?.state.head;
    // Never the one that is in use: its newest event says where the log is.
    let in_use = Seq(partition::of(head) * EVENTS);
    Ok(consumer::needed(conn).await?.map_or(in_use, |needed| needed.min(in_use)))
}

impl Horizon {
    /// Takes the lock; none if another replica is at it.
    pub(super) async fn take(mut conn: AsyncPgConnection) -> Result<Option<Horizon>> {
        let lock = TryLock { lock: lock_order::HORIZON_LOCK, _of: PhantomData };
        let taken = lock.get_result::<bool>(&mut conn).await?;
        Ok(taken.then_some(Horizon { conn }))
    }

    /// Lets others at it.
    pub async fn release(mut self) -> Result<()> {
        let unlock = format!("select pg_advisory_unlock({})", lock_order::HORIZON_LOCK);
        Ok(self.conn.batch_execute(&unlock).await?)
    }

    /// Which log this is.
    pub async fn epoch(&mut self) -> Result<Uuid> {
        Ok(Epoch { _of: PhantomData }.get_result(&mut self.conn).await?)
    }

    /// Has the log begin behind the partitions whose newest event is older than that. Answers where
    /// it begins now, if that has moved.
    pub async fn end(&mut self, older_than: Duration, known_head: Seq) -> Result<Option<Seq>> {
        let begins: i64 = Begins { _of: PhantomData }.get_result(&mut self.conn).await?;
        let known_head = known_head.max(Seq(begins));
        let bound = may_end_before(&mut self.conn, known_head).await?;
        let mut moved = None;
        loop {
            let oldest: Option<i64> =
                Oldest { _of: PhantomData }.get_result(&mut self.conn).await?;
            let Some(index) = oldest.filter(|index| last(*index) < bound) else { return Ok(moved) };
            // What lies before the beginning already has nothing to say about its age.
            if last(index) >= Seq(begins) && !self.is_older(last(index), older_than).await? {
                return Ok(moved);
            }
            self.end_one(index).await?;
            moved = Some(last(index).next());
        }
    }

    /// Whether an event is there and older than that.
    async fn is_older(&mut self, seq: Seq, than: Duration) -> Result<bool> {
        let seconds = i64::try_from(than.as_secs()).unwrap_or(i64::MAX);
        let is_older = IsOlder { seq: seq.0, seconds, _of: PhantomData };
        let is_older: Option<bool> = is_older.get_result(&mut self.conn).await.optional()?;
        Ok(is_older.unwrap_or(false))
    }

    async fn end_one(&mut self, index: i64) -> Result<()> {
        let (table, begins) = (partition::table(index), last(index).next());
        let statements = format!(
            "begin;
             update log_state set oldest_seq = {begins} where oldest_seq < {begins};
             update event_partitions
                set state = 'ENDED', ended_at = potts_now(),
                    min_at = (select recorded_at from {table} order by seq limit 1),
                    max_at = (select recorded_at from {table} order by seq desc limit 1)
              where index = {index} and state = 'ATTACHED';
             commit;"
        );
        Ok(self.conn.batch_execute(&statements).await?)
    }

    /// The partitions that have ended and are still there, oldest first.
    pub async fn ended(&mut self) -> Result<Vec<EndedPartition>> {
        let seconds = i64::try_from(GRACE.as_secs()).unwrap_or(i64::MAX);
        let rows: Vec<(i64, String, bool)> =
            Ended { seconds, _of: PhantomData }.load(&mut self.conn).await?;
        let ended = rows.into_iter().map(|(index, state, is_left)| {
            let state = match state.as_str() {
                "ENDED" => PartitionState::Ended,
                "ARCHIVED" => PartitionState::Archived,
                _ => PartitionState::Detached,
            };
            EndedPartition { index, state, is_left }
        });
        Ok(ended.collect())
    }

    /// Events of a partition after a place: their places, and their bodies without them.
    pub async fn events(
        &mut self,
        partition: EndedPartition,
        after: Seq,
        limit: i64,
    ) -> Result<Vec<(Seq, Vec<u8>)>> {
        let events = EventsStatement { table: partition.table(), after: after.0, limit };
        let rows: Vec<(i64, Vec<u8>)> = events.load(&mut self.conn).await?;
        Ok(rows.into_iter().map(|(seq, body)| (Seq(seq), body)).collect())
    }

    /// Records where the events of a partition are kept.
    pub async fn archived(&mut self, partition: EndedPartition, archive: &Archive) -> Result<()> {
        let Archive { uri, sha256, events } = archive;
        let archived =
            Archived { index: partition.index, uri, sha256, events: *events, _of: PhantomData };
        archived.execute(&mut self.conn).await?;
        Ok(())
    }

    /// Makes a partition a table of its own, while readers and writers of the log go on.
    ///
    /// It waits for whoever may still look at the partition, and keeps new partitions from being
    /// made meanwhile: so it gives up after the session's `lock_timeout`, and goes on the next time
    /// from where it was.
    pub async fn detach(&mut self, partition: EndedPartition) -> Result<()> {
        let (index, table) = (partition.index, partition.table());
        let attachment = Attachment { table: &table, _of: PhantomData };
        let pending: Option<bool> = attachment.get_result(&mut self.conn).await.optional()?;
        let how = match pending {
            Some(true) => Some("finalize"),
            Some(false) => Some("concurrently"),
            None => None,
        };
        if let Some(how) = how {
            let detach = format!("alter table events detach partition {table} {how}");
            self.conn.batch_execute(&detach).await?;
        }
        let record = format!(
            "update event_partitions set state = 'DETACHED'
              where index = {index} and state in ('ENDED', 'ARCHIVED')"
        );
        Ok(self.conn.batch_execute(&record).await?)
    }

    /// Removes what was detached.
    pub async fn drop_table(&mut self, partition: EndedPartition) -> Result<()> {
        let (index, table) = (partition.index, partition.table());
        let statements = format!(
            "begin;
             drop table if exists {table};
             update event_partitions set state = 'DROPPED'
              where index = {index} and state = 'DETACHED';
             commit;"
        );
        Ok(self.conn.batch_execute(&statements).await?)
    }
}

/// The archives that were made, by the numbers of their partitions.
pub(super) async fn archives(conn: &mut AsyncPgConnection) -> Result<Vec<(i64, Archive)>> {
    let rows: Vec<(i64, String, Vec<u8>, i64)> = Archives { _of: PhantomData }.load(conn).await?;
    let archive = |(index, uri, sha256, events)| (index, Archive { uri, sha256, events });
    Ok(rows.into_iter().map(archive).collect())
}

/// Events of one partition, which may be detached already.
struct EventsStatement {
    table: String,
    after: i64,
    limit: i64,
}

impl QueryId for EventsStatement {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for EventsStatement {
    type SqlType = (BigInt, Binary);
}

impl QueryFragment<Pg> for EventsStatement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("select seq, body from ");
        out.push_sql(&self.table);
        let rest = " where seq > {after} order by seq limit {limit}";
        walk(rest, out, |name, out| match name {
            "after" => out.push_bind_param::<BigInt, _>(&self.after),
            "limit" => out.push_bind_param::<BigInt, _>(&self.limit),
            other => panic!("the statement has no parameter {other}"),
        })
    }
}
