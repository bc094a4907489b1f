//! The table `parked_events`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{
    Array, BigInt, Binary, Integer, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::time::Instant;
use uuid::Uuid;

use crate::domain::audience::Audience;
use crate::domain::consumer::Parked;
use crate::domain::event::Seq;
use crate::domain::filter::Facts;
use crate::store::Store;
use crate::store::error::Result;
use crate::store::prepared::{prepared, write_rows};
use crate::store::table::Table;
use crate::store::time;
use crate::store::writes::Writes;

type SqlRow = (SqlUuid, BigInt, SmallInt, Text, Integer, Text, Timestamptz);
type Row = (Uuid, i64, i16, String, i32, String, PgTimestamp);
type SqlNames = Nullable<Array<Text>>;
type SqlEvent = (Text, Text, Text, Text, SmallInt, SqlNames, SqlNames, Binary);
type Names = Option<Vec<String>>;
type EventRow = (String, String, String, String, i16, Names, Names, Vec<u8>);

macro_rules! columns {
    () => {
        "p.consumer, p.seq, p.bucket, p.key, p.attempts, p.reason, p.parked_at"
    };
}

prepared!(
    Load(consumers: Vec<Uuid> => Array<SqlUuid>, seqs: Vec<i64> => Array<BigInt>) -> SqlRow,
    concat!("select ", columns!(), " from unnest({consumers}, {seqs}) as u (consumer, seq) \
             cross join lateral (select * from parked_events p where p.consumer = u.consumer \
             and p.seq = u.seq limit 1) as p")
);

prepared!(
    Page(consumer: Uuid => SqlUuid, after: i64 => BigInt, limit: i64 => BigInt)
        -> (SqlRow, SqlEvent),
    concat!("select ", columns!(), ", p.project, p.root, p.subject, p.type, p.class, \
             p.visible_before, p.visible_after, p.body from parked_events p \
             where p.consumer = {consumer} and p.seq > {after} order by p.seq limit {limit}")
);

// The event is copied from the log, which a consumer holds until it has passed.
write_rows!(
    Insert of row: Parked {
        consumer: Uuid => SqlUuid = row.consumer,
        seq: i64 => BigInt = row.seq.0,
        bucket: i16 => SmallInt = row.bucket,
        key: &'a str => Text = row.key.as_str(),
        attempts: i32 => Integer = row.attempts,
        reason: &'a str => Text = row.reason.as_str(),
        parked_at: PgTimestamp => Timestamptz = time::to_sql(row.parked_at),
    },
    "insert into parked_events (consumer, seq, bucket, key, attempts, reason, parked_at, project, \
     root, subject, type, class, visible_before, visible_after, body) select u.consumer, u.seq, \
     u.bucket, u.key, u.attempts, u.reason, u.parked_at, e.project, e.root, e.subject, e.type, \
     e.class, e.visible_before, e.visible_after, e.body from {rows} cross join lateral (select * \
     from events e where e.seq = u.seq limit 1) as e"
);

write_rows!(
    Update of row: Parked {
        consumer: Uuid => SqlUuid = row.consumer,
        seq: i64 => BigInt = row.seq.0,
        attempts: i32 => Integer = row.attempts,
        reason: &'a str => Text = row.reason.as_str(),
        parked_at: PgTimestamp => Timestamptz = time::to_sql(row.parked_at),
    },
    "update parked_events p set attempts = u.attempts, reason = u.reason, parked_at = u.parked_at \
     from {rows} where p.ctid = (select k.ctid from parked_events k where k.consumer = u.consumer \
     and k.seq = u.seq)"
);

write_rows!(
    Delete of row: Parked {
        consumer: Uuid => SqlUuid = row.consumer,
        seq: i64 => BigInt = row.seq.0,
    },
    "delete from parked_events p using {rows} where p.ctid = (select k.ctid from parked_events k \
     where k.consumer = u.consumer and k.seq = u.seq)"
);

prepared!(
    SweepOld(limit: i64 => BigInt) -> (),
    "delete from parked_events where (consumer, seq) in (select p.consumer, p.seq \
     from parked_events p where p.parked_at < potts_now() - interval '30 days' limit {limit})"
);

prepared!(
    SweepLost(limit: i64 => BigInt) -> (),
    "delete from parked_events where (consumer, seq) in (select p.consumer, p.seq \
     from parked_events p where not exists (select from consumers c where c.uid = p.consumer) \
     limit {limit})"
);

/// A parked event, and what is kept of it.
#[derive(Clone, Debug)]
pub struct ParkedRow {
    /// How it came to be parked.
    pub parked: Parked,
    /// Who may see it.
    pub audience: Audience,
    /// An encoded `potts.v1.Event` without `seq`.
    pub body: Vec<u8>,
    project: String,
    root: String,
    subject: String,
    kind: String,
    class: i16,
}

impl ParkedRow {
    /// What filters look at.
    pub fn facts(&self) -> Facts<'_> {
        let ParkedRow { project, root, subject, kind, class, .. } = self;
        Facts { project, root, subject, kind, class: *class }
    }
}

fn parked((consumer, seq, bucket, key, attempts, reason, parked_at): Row) -> Parked {
    let parked_at = time::from_sql(parked_at);
    Parked { consumer, seq: Seq(seq), bucket, key, attempts, reason, parked_at }
}

fn parked_row((row, event): (Row, EventRow)) -> ParkedRow {
    let (project, root, subject, kind, class, before, after, body) = event;
    let audience = Audience::of(before, after);
    ParkedRow { parked: parked(row), audience, body, project, root, subject, kind, class }
}

/// Forgets what was parked long ago, or for consumers that are no more.
pub(in crate::store) async fn sweep(mut conn: &AsyncPgConnection, limit: i64) -> Result<usize> {
    let old = SweepOld { limit, _of: PhantomData }.execute(&mut conn).await?;
    Ok(old + SweepLost { limit, _of: PhantomData }.execute(&mut conn).await?)
}

impl Store {
    /// Parked events of a consumer after a place, in order; at most so many.
    pub async fn parked_events(
        &self,
        consumer: Uuid,
        after: Seq,
        limit: i64,
        deadline: Instant,
    ) -> Result<Vec<ParkedRow>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let page = Page { consumer, after: after.0, limit, _of: PhantomData };
        let rows = page.load::<(Row, EventRow)>(reader.conn()).await;
        let rows = reader.give_back(rows.map_err(Into::into)).await?;
        Ok(rows.into_iter().map(parked_row).collect())
    }
}

impl Table for Parked {
    const NAME: &str = "parked_events";

    async fn lock(mut conn: &AsyncPgConnection, keys: &BTreeSet<(Uuid, Seq)>) -> Result<Vec<Self>> {
        let (consumers, seqs) = keys.iter().map(|(consumer, seq)| (*consumer, seq.0)).collect();
        let rows: Vec<Row> = Load { consumers, seqs, _of: PhantomData }.load(&mut conn).await?;
        Ok(rows.into_iter().map(parked).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    fn update<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Update::of(rows));
    }

    fn delete<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Delete::of(rows));
    }
}
