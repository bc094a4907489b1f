//! The table `actors`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Bool, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::query::Stored::As;
use super::query::{Columns, Selection, Statement};
use super::table::Table;
use super::time;
use super::writes::Writes;
use crate::domain::name::ActorName;
use crate::domain::people::{Actor, ActorKind, Hours};

type SqlRow = (
    (Text, SqlUuid, BigInt, Timestamptz, Timestamptz, Text, Text, Text),
    (Text, Text, Jsonb, Text, Text, Bool, Nullable<Timestamptz>),
);
type Row = (
    (String, Uuid, i64, PgTimestamp, PgTimestamp, String, String, String),
    (String, String, Value, String, String, bool, Option<PgTimestamp>),
);

macro_rules! columns {
    () => {
        "name, uid, version, created_at, updated_at, creator, kind, display_name, email, \
         time_zone, working_hours, urn, state, admin, deleted_at"
    };
}

prepared!(
    Lock(names: Vec<&'a str> => Array<Text>) -> SqlRow,
    concat!("select ", columns!(), " from actors where name = any({names}) \
             order by name for no key update")
);

prepared!(
    Find(name: &'a str => Text) -> SqlRow,
    concat!("select ", columns!(), " from actors where name = {name}")
);

/// Where the fields that lists know are stored.
const STORED: Columns = &[
    ("name", As("name")),
    ("kind", As("kind")),
    ("display_name", As("display_name")),
    ("email", As("email")),
    ("time_zone", As("time_zone")),
    ("urn", As("urn")),
    ("state", As("state")),
    ("admin", As("admin")),
    ("creator", As("creator")),
    ("create_time", As("created_at")),
    ("update_time", As("updated_at")),
];

write_rows!(
    Insert of row: Actor {
        name: &'a str => Text = row.name.as_str(),
        uid: Uuid => SqlUuid = row.uid,
        version: i64 => BigInt = row.version,
        created_at: PgTimestamp => Timestamptz = time::to_sql(row.created_at),
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        creator: &'a str => Text = row.creator.as_str(),
        kind: &'a str => Text = row.kind.as_str(),
        display_name: &'a str => Text = row.display_name.as_str(),
        email: &'a str => Text = row.email.as_str(),
        time_zone: &'a str => Text = row.time_zone.as_str(),
        working_hours: Value => Jsonb = hours(row),
        urn: &'a str => Text = row.urn.as_str(),
        state: &'a str => Text = state(row),
        admin: bool => Bool = row.admin,
    },
    "insert into actors ({columns}) select * from {rows}"
);

write_rows!(
    Update of row: Actor {
        name: &'a str => Text = row.name.as_str(),
        version: i64 => BigInt = row.version,
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        kind: &'a str => Text = row.kind.as_str(),
        display_name: &'a str => Text = row.display_name.as_str(),
        email: &'a str => Text = row.email.as_str(),
        time_zone: &'a str => Text = row.time_zone.as_str(),
        working_hours: Value => Jsonb = hours(row),
        urn: &'a str => Text = row.urn.as_str(),
        state: &'a str => Text = state(row),
        admin: bool => Bool = row.admin,
        deleted_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.deleted_at.map(time::to_sql),
    },
    "update actors a set version = u.version, updated_at = u.updated_at, kind = u.kind, \
     display_name = u.display_name, email = u.email, time_zone = u.time_zone, working_hours = \
     u.working_hours, urn = u.urn, state = u.state, admin = u.admin, deleted_at = u.deleted_at \
     from {rows} where a.ctid = (select k.ctid from actors k where k.name = u.name)"
);

fn actor(row: Row) -> Actor {
    let (
        (name, uid, version, created_at, updated_at, creator, kind, display_name),
        (email, time_zone, working_hours, urn, state, admin, deleted_at),
    ) = row;
    let hours = working_hours.as_array().into_iter().flatten().filter_map(Hours::stored);
    Actor {
        name: ActorName::stored(&name),
        uid,
        version,
        created_at: time::from_sql(created_at),
        updated_at: time::from_sql(updated_at),
        creator: ActorName::stored(&creator),
        kind: ActorKind::stored(&kind).expect("the table's constraint knows the kinds"),
        display_name,
        email,
        time_zone,
        working_hours: hours.collect(),
        urn,
        active: state == "ACTIVE",
        admin,
        deleted_at: deleted_at.map(time::from_sql),
    }
}

fn hours(actor: &Actor) -> Value {
    actor.working_hours.iter().map(Hours::value).collect()
}

fn state(actor: &Actor) -> &'static str {
    if actor.active { "ACTIVE" } else { "DISABLED" }
}

/// An actor, deleted or not.
pub(super) async fn find(mut conn: &AsyncPgConnection, name: &ActorName) -> Result<Option<Actor>> {
    let rows: Vec<Row> = Find { name: name.as_str(), _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().next().map(actor))
}

/// A page of actors, without deleted ones.
pub(super) async fn page(
    mut conn: &AsyncPgConnection,
    selection: &Selection<'_>,
) -> Result<Vec<Actor>> {
    let rows: Vec<Row> = statement(selection).load(&mut conn).await?;
    Ok(rows.into_iter().map(actor).collect())
}

/// How a page would be read.
pub(super) async fn plan(
    mut conn: &AsyncPgConnection,
    selection: &Selection<'_>,
) -> Result<String> {
    let lines: Vec<String> = statement(selection).explained().load(&mut conn).await?;
    Ok(lines.join("\n"))
}

fn statement(selection: &Selection<'_>) -> Statement<SqlRow> {
    let text = concat!("select ", columns!(), " from actors where deleted_at is null");
    let mut page = Statement::new(text);
    page.select(STORED, selection);
    page.done()
}

impl Table for Actor {
    const NAME: &str = "actors";

    async fn lock(mut conn: &AsyncPgConnection, keys: &BTreeSet<ActorName>) -> Result<Vec<Self>> {
        let names = keys.iter().map(ActorName::as_str).collect();
        let rows: Vec<Row> = Lock { names, _of: PhantomData }.load(&mut conn).await?;
        Ok(rows.into_iter().map(actor).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    fn update<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Update::of(rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::people::ACTOR_FIELDS;

    #[test]
    fn every_field_is_stored_and_nothing_else() {
        let fields: Vec<_> = ACTOR_FIELDS.all.iter().map(|field| field.name).collect();
        let stored: Vec<_> = STORED.iter().map(|(name, _)| *name).collect();

        assert_eq!(fields, stored);
    }
}
