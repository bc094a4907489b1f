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
use crate::store::prepared::prepared;
use crate::store::table::{Table, assert_written};
use crate::store::time;

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

prepared!(
    Insert(
        runs: Vec<Uuid> => Array<SqlUuid>,
        seqs: Vec<i64> => Array<BigInt>,
        buckets: Vec<i16> => Array<SmallInt>,
        keys: Vec<&'a str> => Array<Text>,
        attempts: Vec<i32> => Array<Integer>,
        next_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        reasons: Vec<&'a str> => Array<Text>,
    ) -> (),
    "insert into consumer_retries (run, seq, bucket, key, attempts, next_at, reason) \
     select * from unnest({runs}, {seqs}, {buckets}, {keys}, {attempts}, {next_ats}, {reasons})"
);

prepared!(
    Update(
        runs: Vec<Uuid> => Array<SqlUuid>,
        seqs: Vec<i64> => Array<BigInt>,
        attempts: Vec<i32> => Array<Integer>,
        next_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        reasons: Vec<&'a str> => Array<Text>,
    ) -> (),
    "update consumer_retries r set attempts = u.attempts, next_at = u.next_at, \
     reason = u.reason from unnest({runs}, {seqs}, {attempts}, {next_ats}, {reasons}) \
     as u (run, seq, attempts, next_at, reason) where r.ctid = (select k.ctid \
     from consumer_retries k where k.run = u.run and k.seq = u.seq)"
);

prepared!(
    Delete(runs: Vec<Uuid> => Array<SqlUuid>, seqs: Vec<i64> => Array<BigInt>) -> (),
    "delete from consumer_retries r using unnest({runs}, {seqs}) as u (run, seq) \
     where r.ctid = (select k.ctid from consumer_retries k where k.run = u.run and k.seq = u.seq)"
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
    conn: &mut AsyncPgConnection,
    run: Uuid,
    bucket: i16,
) -> Result<Vec<Retry>> {
    let rows: Vec<Row> = OfBucket { run, bucket, _of: PhantomData }.load(conn).await?;
    Ok(rows.into_iter().map(retry).collect())
}

/// Forgets what waited before consumers were reset or deleted.
pub(in crate::store) async fn sweep(conn: &mut AsyncPgConnection, limit: i64) -> Result<usize> {
    Ok(Sweep { limit, _of: PhantomData }.execute(conn).await?)
}

impl Table for Retry {
    const NAME: &str = "consumer_retries";

    async fn lock(conn: &mut AsyncPgConnection, keys: &BTreeSet<(Uuid, Seq)>) -> Result<Vec<Self>> {
        let (runs, seqs) = keys.iter().map(|(run, seq)| (*run, seq.0)).collect();
        let rows: Vec<Row> = Load { runs, seqs, _of: PhantomData }.load(conn).await?;
        Ok(rows.into_iter().map(retry).collect())
    }

    async fn insert(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let insert = Insert {
            runs: rows.iter().map(|row| row.run).collect(),
            seqs: rows.iter().map(|row| row.seq.0).collect(),
            buckets: rows.iter().map(|row| row.bucket).collect(),
            keys: rows.iter().map(|row| row.key.as_str()).collect(),
            attempts: rows.iter().map(|row| row.attempts).collect(),
            next_ats: rows.iter().map(|row| time::to_sql(row.next_at)).collect(),
            reasons: rows.iter().map(|row| row.reason.as_str()).collect(),
            _of: PhantomData,
        };
        insert.execute(conn).await?;
        Ok(())
    }

    async fn update(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let update = Update {
            runs: rows.iter().map(|row| row.run).collect(),
            seqs: rows.iter().map(|row| row.seq.0).collect(),
            attempts: rows.iter().map(|row| row.attempts).collect(),
            next_ats: rows.iter().map(|row| time::to_sql(row.next_at)).collect(),
            reasons: rows.iter().map(|row| row.reason.as_str()).collect(),
            _of: PhantomData,
        };
        assert_written(update.execute(conn).await?, rows.len());
        Ok(())
    }

    async fn delete(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let (runs, seqs) = rows.iter().map(|row| (row.run, row.seq.0)).collect();
        let deleted = Delete { runs, seqs, _of: PhantomData }.execute(conn).await?;
        assert_written(deleted, rows.len());
        Ok(())
    }
}
