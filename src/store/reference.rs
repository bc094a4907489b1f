//! The table `object_references`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::table::Table;
use super::time;
use super::writes::Writes;
use crate::domain::name::{ActorName, ReferenceName, ReferenceParent};
use crate::domain::reference::{Reference, ReferenceRole, Target};

type SqlRow =
    (Text, BigInt, SqlUuid, BigInt, Timestamptz, Timestamptz, Text, Text, Text, Text, Text);
type Row =
    (String, i64, Uuid, i64, PgTimestamp, PgTimestamp, String, String, String, String, String);

macro_rules! columns {
    () => {
        "c.parent, c.number, c.uid, c.version, c.created_at, c.updated_at, c.creator, c.label, \
         c.role, c.target, c.value"
    };
}

prepared!(
    Lock(parents: Vec<String> => Array<Text>, numbers: Vec<i64> => Array<BigInt>) -> SqlRow,
    concat!("select ", columns!(), " from (select * from unnest({parents}, {numbers}) \
             as u (parent, number) order by parent, number) as u cross join lateral (select * \
             from object_references c where c.parent = u.parent and c.number = u.number \
             for no key update) as c")
);

prepared!(
    Find(parent: String => Text, number: i64 => BigInt) -> SqlRow,
    concat!("select ", columns!(), " from object_references c \
             where c.parent = {parent} and c.number = {number}")
);

prepared!(
    Page(parent: String => Text, after: i64 => BigInt, limit: i64 => BigInt) -> SqlRow,
    concat!("select ", columns!(), " from object_references c where c.parent = {parent} \
             and c.number > {after} order by c.number limit {limit}")
);

write_rows!(
    Insert of row: Reference {
        parent: String => Text = row.name.parent.to_string(),
        number: i64 => BigInt = row.name.number,
        uid: Uuid => SqlUuid = row.uid,
        version: i64 => BigInt = row.version,
        created_at: PgTimestamp => Timestamptz = time::to_sql(row.created_at),
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        creator: &'a str => Text = row.creator.as_str(),
        label: &'a str => Text = row.label.as_str(),
        role: &'a str => Text = row.role.as_str(),
        target: &'a str => Text = row.target.kind(),
        value: &'a str => Text = row.target.value(),
    },
    "insert into object_references ({columns}) select * from {rows}"
);

write_rows!(
    Update of row: Reference {
        parent: String => Text = row.name.parent.to_string(),
        number: i64 => BigInt = row.name.number,
        version: i64 => BigInt = row.version,
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        label: &'a str => Text = row.label.as_str(),
        role: &'a str => Text = row.role.as_str(),
        target: &'a str => Text = row.target.kind(),
        value: &'a str => Text = row.target.value(),
    },
    "update object_references c set version = u.version, updated_at = u.updated_at, label = \
     u.label, role = u.role, target = u.target, value = u.value from {rows} where c.ctid = (select \
     k.ctid from object_references k where k.parent = u.parent and k.number = u.number)"
);

write_rows!(
    Delete of row: Reference {
        parent: String => Text = row.name.parent.to_string(),
        number: i64 => BigInt = row.name.number,
    },
    "delete from object_references c using {rows} where c.ctid = (select k.ctid from \
     object_references k where k.parent = u.parent and k.number = u.number)"
);

fn reference(row: Row) -> Reference {
    let (parent, number, uid, version, created_at, updated_at, creator, label, role, kind, value) =
        row;
    let parent = ReferenceParent::parse("parent", &parent).expect("only we write parents");
    Reference {
        name: ReferenceName { parent, number },
        uid,
        version,
        created_at: time::from_sql(created_at),
        updated_at: time::from_sql(updated_at),
        creator: ActorName::stored(&creator),
        label,
        role: ReferenceRole::stored(&role).expect("the table's constraint knows the roles"),
        target: Target::stored(&kind, value).expect("the table's constraint knows the targets"),
    }
}

/// One reference.
pub(super) async fn find(
    mut conn: &AsyncPgConnection,
    name: &ReferenceName,
) -> Result<Option<Reference>> {
    let (parent, number) = (name.parent.to_string(), name.number);
    let rows: Vec<Row> = Find { parent, number, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().next().map(reference))
}

/// Up to `limit` references of a parent after a number, in the order of numbers.
pub(super) async fn page(
    mut conn: &AsyncPgConnection,
    parent: &ReferenceParent,
    after: i64,
    limit: i64,
) -> Result<Vec<Reference>> {
    let page = Page { parent: parent.to_string(), after, limit, _of: PhantomData };
    let rows: Vec<Row> = page.load(&mut conn).await?;
    Ok(rows.into_iter().map(reference).collect())
}

impl Table for Reference {
    const NAME: &str = "object_references";

    async fn lock(
        mut conn: &AsyncPgConnection,
        keys: &BTreeSet<ReferenceName>,
    ) -> Result<Vec<Self>> {
        let parents = keys.iter().map(|key| key.parent.to_string()).collect();
        let numbers = keys.iter().map(|key| key.number).collect();
        let rows: Vec<Row> = Lock { parents, numbers, _of: PhantomData }.load(&mut conn).await?;
        Ok(rows.into_iter().map(reference).collect())
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
