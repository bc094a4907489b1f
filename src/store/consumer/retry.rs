//! The table `consumer_retries`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Integer, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::consumer::Retry;
use crate::domain::event::Seq;
use crate::store::error::Result;
use crate::store::prepared::{prepared, write_rows};
use crate::store::table::Table;
use crate::store::time;
use crate::store::writes::Writes;

type SqlRow = (SqlUuid, BigInt, SmallInt, Text, Integer, Timestamptz, Text);
type Row = (Uuid, i64, i16, String, i32, PgTimestamp, String);

macro_rules! columns {
    () => {
        "r.run, r.seq, r.bucket, r.key, r.attempts, r.next_at, r.reason"
    };
}

prepared!(
    Load(runs: Vec<Uuid> => Array<SqlUuid>, seqs: Vec<i64> => Array<BigInt>) -> SqlRow,
    concat!("select ", columns!(), " from unnest({runs}, {seqs}) as u (run, seq) \
             cross join lateral (select * from consumer_retries r where r.run = u.run \
             and r.seq = u.seq limit 1) as r")
);

prepared!(
    OfBucket(run: Uuid => SqlUuid, bucket: i16 => SmallInt) -> SqlRow,
    concat!("select ", columns!(), " from consumer_retries r where r.run = {run} \
             and r.bucket = {bucket} order by r.seq")
);

write_rows!(
    Insert of row: Retry {
        run: Uuid => SqlUuid = row.run,
        seq: i64 => BigInt = row.seq.0,
        bucket: i16 => SmallInt = row.bucket,
        key: &'a str => Text = row.key.as_str(),
        attempts: i32 => Integer = row.attempts,
        next_at: PgTimestamp => Timestamptz = time::to_sql(row.next_at),
        reason: &'a str => Text = row.reason.as_str(),
    },
    "insert into consumer_retries ({columns}) select * from {rows}"
);

write_rows!(
    Update of row: Retry {
        run: Uuid => SqlUuid = row.run,
        seq: i64 => BigInt = row.seq.0,
        attempts: i32 => Integer = row.attempts,
        next_at: PgTimestamp => Timestamptz = time::to_sql(row.next_at),
        reason: &'a str => Text = row.reason.as_str(),
    },
    "update consumer_retries r set attempts = u.attempts, next_at = u.next_at, reason = u.reason \
     from {rows} where r.ctid = (select k.ctid from consumer_retries k where k.run = u.run and \
     k.seq = u.seq)"
);

write_rows!(
    Delete of row: Retry {
        run: Uuid => SqlUuid = row.run,
        seq: i64 => BigInt = row.seq.0,
    },
    "delete from consumer_retries r using {rows} where r.ctid = (select k.ctid from \
     consumer_retries k where k.run = u.run and k.seq = u.seq)"
);

// Whatever is of no consumer as it is since its last reset.
prepared!(
    Sweep(limit: i64 => BigInt) -> (),
    "delete from consumer_retries where (run, seq) in (select r.run, r.seq \
     from consumer_retries r where not exists (select from consumers c where c.run = r.run) \
     limit {limit})"
);

fn retry((run, seq, bucket, key, attempts, next_at, reason): Row) -> Retry {
    Retry { run, seq: Seq(seq), bucket, key, attempts, next_at: time::from_sql(next_at), reason }
}

/// What waits in a bucket, in order: not locked. A bucket bounds how much that is.
pub(super) async fn of_bucket(
    mut conn: &AsyncPgConnection,
    run: Uuid,
    bucket: i16,
) -> Result<Vec<Retry>> {
    let rows: Vec<Row> = OfBucket { run, bucket, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(retry).collect())
}

/// Forgets what waited before consumers were reset or deleted.
pub(in crate::store) async fn sweep(mut conn: &AsyncPgConnection, limit: i64) -> Result<usize> {
    Ok(Sweep { limit, _of: PhantomData }.execute(&mut conn).await?)
}

impl Table for Retry {
    const NAME: &str = "consumer_retries";

    async fn lock(mut conn: &AsyncPgConnection, keys: &BTreeSet<(Uuid, Seq)>) -> Result<Vec<Self>> {
        let (runs, seqs) = keys.iter().map(|(run, seq)| (*run, seq.0)).collect();
        let rows: Vec<Row> = Load { runs, seqs, _of: PhantomData }.load(&mut conn).await?;
        Ok(rows.into_iter().map(retry).collect())
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
