//! The tables of consumers.
//!
//! Rows of buckets alone are locked: they guard all that is of a consumer, so whoever writes one of
//! the other rows holds the lock of its bucket, or of all buckets.

mod bucket;
mod crew;
mod filter;
mod look;
mod parked;
mod retry;

use std::collections::BTreeSet;
use std::marker::PhantomData;
use std::time::Duration;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Integer, SmallInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

pub(super) use look::needed;
pub use look::{BehindMax, ConsumerLook, ConsumerProgress};
pub use parked::ParkedRow;
pub(super) use parked::sweep as sweep_parked;
pub(super) use retry::sweep as sweep_retries;

use super::error::Result;
use super::prepared::prepared;
use super::table::{Table, assert_written};
use super::{stored, time};
use crate::domain::consumer::{Consumer, ConsumerState, KeyedBy};
use crate::domain::name::{ActorName, ConsumerName, Id};

type SqlRow = (
    (Text, Text, SqlUuid, BigInt, Timestamptz, Timestamptz, Text),
    (Text, SmallInt, Text, BigInt, Integer, Text, SqlUuid),
);
type Row = (
    (String, String, Uuid, i64, PgTimestamp, PgTimestamp, String),
    (String, i16, String, i64, i32, String, Uuid),
);

macro_rules! columns {
    () => {
        "c.project, c.id, c.uid, c.version, c.created_at, c.updated_at, c.creator, \
         c.filter::text, c.buckets, c.keyed_by, c.ack_deadline_ms, c.attempts_max, c.state, c.run"
    };
}

prepared!(
    Load(projects: Vec<&'a str> => Array<Text>, ids: Vec<&'a str> => Array<Text>) -> SqlRow,
    concat!("select ", columns!(), " from unnest({projects}, {ids}) as u (project, id) \
             cross join lateral (select * from consumers c where c.project = u.project \
             and c.id = u.id limit 1) as c")
);

prepared!(
    Page(project: &'a str => Text, after: &'a str => Text, limit: i64 => BigInt) -> SqlRow,
    concat!("select ", columns!(), " from consumers c where c.project = {project} \
             and c.id > {after} order by c.id limit {limit}")
);

prepared!(
    Insert(
        projects: Vec<&'a str> => Array<Text>,
        ids: Vec<&'a str> => Array<Text>,
        uids: Vec<Uuid> => Array<SqlUuid>,
        versions: Vec<i64> => Array<BigInt>,
        created_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        updated_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        creators: Vec<&'a str> => Array<Text>,
        filters: Vec<String> => Array<Text>,
        buckets: Vec<i16> => Array<SmallInt>,
        keyed_bys: Vec<&'a str> => Array<Text>,
        ack_deadlines: Vec<i64> => Array<BigInt>,
        attempts: Vec<i32> => Array<Integer>,
        states: Vec<&'a str> => Array<Text>,
        runs: Vec<Uuid> => Array<SqlUuid>,
    ) -> (),
    "insert into consumers (project, id, uid, version, created_at, updated_at, creator, filter, \
     buckets, keyed_by, ack_deadline_ms, attempts_max, state, run) \
     select u.a, u.b, u.c, u.d, u.e, u.f, u.g, u.h::jsonb, u.i, u.j, u.k, u.l, u.m, u.n \
     from unnest({projects}, {ids}, {uids}, {versions}, {created_ats}, {updated_ats}, {creators}, \
     {filters}, {buckets}, {keyed_bys}, {ack_deadlines}, {attempts}, {states}, {runs}) \
     as u (a, b, c, d, e, f, g, h, i, j, k, l, m, n)"
);

prepared!(
    Update(
        projects: Vec<&'a str> => Array<Text>,
        ids: Vec<&'a str> => Array<Text>,
        versions: Vec<i64> => Array<BigInt>,
        updated_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        filters: Vec<String> => Array<Text>,
        ack_deadlines: Vec<i64> => Array<BigInt>,
        attempts: Vec<i32> => Array<Integer>,
        states: Vec<&'a str> => Array<Text>,
        runs: Vec<Uuid> => Array<SqlUuid>,
    ) -> (),
    "update consumers c set version = u.version, updated_at = u.updated_at, \
     filter = u.filter::jsonb, ack_deadline_ms = u.ack_deadline, attempts_max = u.attempts, \
     state = u.state, run = u.run from unnest({projects}, {ids}, {versions}, {updated_ats}, \
     {filters}, {ack_deadlines}, {attempts}, {states}, {runs}) \
     as u (project, id, version, updated_at, filter, ack_deadline, attempts, state, run) \
     where c.ctid = (select k.ctid from consumers k where k.project = u.project and k.id = u.id)"
);

prepared!(
    Delete(projects: Vec<&'a str> => Array<Text>, ids: Vec<&'a str> => Array<Text>) -> (),
    "delete from consumers c using unnest({projects}, {ids}) as u (project, id) where c.ctid = \
     (select k.ctid from consumers k where k.project = u.project and k.id = u.id)"
);

/// The name of a consumer as it is stored.
fn name(project: &str, id: &str) -> ConsumerName {
    let id = Id::parse("id", id).expect("only well-formed ids are stored");
    ConsumerName { project: stored::project_id(project), id }
}

fn consumer(row: Row) -> Consumer {
    let (given, said) = row;
    let (project, id, uid, version, created_at, updated_at, creator) = given;
    let (filter, buckets, keyed_by, ack_deadline_ms, attempts_max, state, run) = said;
    Consumer {
        name: name(&project, &id),
        uid,
        version,
        created_at: time::from_sql(created_at),
        updated_at: time::from_sql(updated_at),
        creator: ActorName::stored(&creator),
        filter: filter::read(&filter),
        buckets,
        keyed_by: KeyedBy::stored(&keyed_by).expect("the table's constraint knows them"),
        ack_deadline: Duration::from_millis(u64::try_from(ack_deadline_ms).unwrap_or(0)),
        attempts_max,
        state: ConsumerState::stored(&state).expect("the table's constraint knows the states"),
        run,
    }
}

/// The consumers of these names, of those that there are: not locked.
pub(super) async fn find(
    conn: &mut AsyncPgConnection,
    names: impl Iterator<Item = &ConsumerName>,
) -> Result<Vec<Consumer>> {
    let (projects, ids) = names.map(|name| (name.project.as_str(), name.id.as_str())).collect();
    let rows: Vec<Row> = Load { projects, ids, _of: PhantomData }.load(conn).await?;
    Ok(rows.into_iter().map(consumer).collect())
}

/// Up to `limit` consumers of a project after an id, in the order of ids.
pub(super) async fn page(
    mut conn: &AsyncPgConnection,
    project: &str,
    after: &str,
    limit: i64,
) -> Result<Vec<Consumer>> {
    let rows: Vec<Row> = Page { project, after, limit, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(consumer).collect())
}

fn millis(span: Duration) -> i64 {
    i64::try_from(span.as_millis()).unwrap_or(i64::MAX)
}

impl Table for Consumer {
    const NAME: &str = "consumers";

    async fn lock(
        conn: &mut AsyncPgConnection,
        keys: &BTreeSet<ConsumerName>,
    ) -> Result<Vec<Self>> {
        find(conn, keys.iter()).await
    }

    async fn insert(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let insert = Insert {
            projects: rows.iter().map(|row| row.name.project.as_str()).collect(),
            ids: rows.iter().map(|row| row.name.id.as_str()).collect(),
            uids: rows.iter().map(|row| row.uid).collect(),
            versions: rows.iter().map(|row| row.version).collect(),
            created_ats: rows.iter().map(|row| time::to_sql(row.created_at)).collect(),
            updated_ats: rows.iter().map(|row| time::to_sql(row.updated_at)).collect(),
            creators: rows.iter().map(|row| row.creator.as_str()).collect(),
            filters: rows.iter().map(|row| filter::written(&row.filter)).collect(),
            buckets: rows.iter().map(|row| row.buckets).collect(),
            keyed_bys: rows.iter().map(|row| row.keyed_by.as_str()).collect(),
            ack_deadlines: rows.iter().map(|row| millis(row.ack_deadline)).collect(),
            attempts: rows.iter().map(|row| row.attempts_max).collect(),
            states: rows.iter().map(|row| row.state.as_str()).collect(),
            runs: rows.iter().map(|row| row.run).collect(),
            _of: PhantomData,
        };
        insert.execute(conn).await?;
        Ok(())
    }

    async fn update(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let update = Update {
            projects: rows.iter().map(|row| row.name.project.as_str()).collect(),
            ids: rows.iter().map(|row| row.name.id.as_str()).collect(),
            versions: rows.iter().map(|row| row.version).collect(),
            updated_ats: rows.iter().map(|row| time::to_sql(row.updated_at)).collect(),
            filters: rows.iter().map(|row| filter::written(&row.filter)).collect(),
            ack_deadlines: rows.iter().map(|row| millis(row.ack_deadline)).collect(),
            attempts: rows.iter().map(|row| row.attempts_max).collect(),
            states: rows.iter().map(|row| row.state.as_str()).collect(),
            runs: rows.iter().map(|row| row.run).collect(),
            _of: PhantomData,
        };
        assert_written(update.execute(conn).await?, rows.len());
        Ok(())
    }

    async fn delete(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let projects = rows.iter().map(|row| row.name.project.as_str()).collect();
        let ids = rows.iter().map(|row| row.name.id.as_str()).collect();
        let deleted = Delete { projects, ids, _of: PhantomData }.execute(conn).await?;
        assert_written(deleted, rows.len());
        Ok(())
    }
}
