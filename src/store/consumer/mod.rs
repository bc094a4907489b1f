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
pub use look::{BehindMax, ConsumerBehind, ConsumerLook, ConsumerProgress, ConsumersBehind};
pub use parked::ParkedRow;
pub(super) use parked::sweep as sweep_parked;
pub(super) use retry::sweep as sweep_retries;

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::table::Table;
use super::writes::Writes;
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

write_rows!(
    Insert of row: Consumer {
        project: &'a str => Text = row.name.project.as_str(),
        id: &'a str => Text = row.name.id.as_str(),
        uid: Uuid => SqlUuid = row.uid,
        version: i64 => BigInt = row.version,
        created_at: PgTimestamp => Timestamptz = time::to_sql(row.created_at),
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        creator: &'a str => Text = row.creator.as_str(),
        filter: String => Text = filter::written(&row.filter),
        buckets: i16 => SmallInt = row.buckets,
        keyed_by: &'a str => Text = row.keyed_by.as_str(),
        ack_deadline_ms: i64 => BigInt = millis(row.ack_deadline),
        attempts_max: i32 => Integer = row.attempts_max,
        state: &'a str => Text = row.state.as_str(),
        run: Uuid => SqlUuid = row.run,
    },
    "insert into consumers ({columns}) select u.project, u.id, u.uid, u.version, u.created_at, \
     u.updated_at, u.creator, u.filter::jsonb, u.buckets, u.keyed_by, u.ack_deadline_ms, \
     u.attempts_max, u.state, u.run from {rows}"
);

write_rows!(
    Update of row: Consumer {
        project: &'a str => Text = row.name.project.as_str(),
        id: &'a str => Text = row.name.id.as_str(),
        version: i64 => BigInt = row.version,
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        filter: String => Text = filter::written(&row.filter),
        ack_deadline_ms: i64 => BigInt = millis(row.ack_deadline),
        attempts_max: i32 => Integer = row.attempts_max,
        state: &'a str => Text = row.state.as_str(),
        run: Uuid => SqlUuid = row.run,
    },
    "update consumers c set version = u.version, updated_at = u.updated_at, filter = \
     u.filter::jsonb, ack_deadline_ms = u.ack_deadline_ms, attempts_max = u.attempts_max, state = \
     u.state, run = u.run from {rows} where c.ctid = (select k.ctid from consumers k where \
     k.project = u.project and k.id = u.id)"
);

write_rows!(
    Delete of row: Consumer {
        project: &'a str => Text = row.name.project.as_str(),
        id: &'a str => Text = row.name.id.as_str(),
    },
    "delete from consumers c using {rows} where c.ctid = (select k.ctid from consumers k where \
     k.project = u.project and k.id = u.id)"
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
    mut conn: &AsyncPgConnection,
    names: impl Iterator<Item = &ConsumerName>,
) -> Result<Vec<Consumer>> {
    let (projects, ids) = names.map(|name| (name.project.as_str(), name.id.as_str())).collect();
    let rows: Vec<Row> = Load { projects, ids, _of: PhantomData }.load(&mut conn).await?;
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

    async fn lock(conn: &AsyncPgConnection, keys: &BTreeSet<ConsumerName>) -> Result<Vec<Self>> {
        find(conn, keys.iter()).await
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
