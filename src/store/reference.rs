//! The table `object_references`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::prepared;
use super::table::{Table, assert_written};
use super::time;
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

prepared!(
    Insert(
        parents: Vec<String> => Array<Text>,
        numbers: Vec<i64> => Array<BigInt>,
        uids: Vec<Uuid> => Array<SqlUuid>,
        versions: Vec<i64> => Array<BigInt>,
        created_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        updated_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        creators: Vec<&'a str> => Array<Text>,
        labels: Vec<&'a str> => Array<Text>,
        roles: Vec<&'a str> => Array<Text>,
        targets: Vec<&'a str> => Array<Text>,
        values: Vec<&'a str> => Array<Text>,
    ) -> (),
    "insert into object_references (parent, number, uid, version, created_at, updated_at, \
     creator, label, role, target, value) select * from unnest({parents}, {numbers}, {uids}, \
     {versions}, {created_ats}, \
     {updated_ats}, {creators}, {labels}, {roles}, {targets}, {values})"
);

prepared!(
    Update(
        parents: Vec<String> => Array<Text>,
        numbers: Vec<i64> => Array<BigInt>,
        versions: Vec<i64> => Array<BigInt>,
        updated_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        labels: Vec<&'a str> => Array<Text>,
        roles: Vec<&'a str> => Array<Text>,
        targets: Vec<&'a str> => Array<Text>,
        values: Vec<&'a str> => Array<Text>,
    ) -> (),
    "update object_references c set version = u.version, updated_at = u.updated_at, \
     label = u.label, role = u.role, target = u.target, value = u.value \
     from unnest({parents}, {numbers}, {versions}, {updated_ats}, {labels}, {roles}, {targets}, \
     {values}) as u (parent, number, version, updated_at, label, role, target, value) \
     where c.ctid = (select k.ctid from object_references k \
     where k.parent = u.parent and k.number = u.number)"
);

prepared!(
    Delete(parents: Vec<String> => Array<Text>, numbers: Vec<i64> => Array<BigInt>) -> (),
    "delete from object_references c using unnest({parents}, {numbers}) as u (parent, number) \
     where c.ctid = (select k.ctid from object_references k \
     where k.parent = u.parent and k.number = u.number)"
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
    conn: &mut AsyncPgConnection,
    name: &ReferenceName,
) -> Result<Option<Reference>> {
    let (parent, number) = (name.parent.to_string(), name.number);
    let rows: Vec<Row> = Find { parent, number, _of: PhantomData }.load(conn).await?;
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

fn parents(rows: &[&Reference]) -> Vec<String> {
    rows.iter().map(|row| row.name.parent.to_string()).collect()
}

fn numbers(rows: &[&Reference]) -> Vec<i64> {
    rows.iter().map(|row| row.name.number).collect()
}

impl Table for Reference {
    const NAME: &str = "object_references";

    async fn lock(
        conn: &mut AsyncPgConnection,
        keys: &BTreeSet<ReferenceName>,
    ) -> Result<Vec<Self>> {
        let parents = keys.iter().map(|key| key.parent.to_string()).collect();
        let numbers = keys.iter().map(|key| key.number).collect();
        let rows: Vec<Row> = Lock { parents, numbers, _of: PhantomData }.load(conn).await?;
        Ok(rows.into_iter().map(reference).collect())
    }

    async fn insert(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let insert = Insert {
            parents: parents(rows),
            numbers: numbers(rows),
            uids: rows.iter().map(|row| row.uid).collect(),
            versions: rows.iter().map(|row| row.version).collect(),
            created_ats: rows.iter().map(|row| time::to_sql(row.created_at)).collect(),
            updated_ats: rows.iter().map(|row| time::to_sql(row.updated_at)).collect(),
            creators: rows.iter().map(|row| row.creator.as_str()).collect(),
            labels: rows.iter().map(|row| row.label.as_str()).collect(),
            roles: rows.iter().map(|row| row.role.as_str()).collect(),
            targets: rows.iter().map(|row| row.target.kind()).collect(),
            values: rows.iter().map(|row| row.target.value()).collect(),
            _of: PhantomData,
        };
        insert.execute(conn).await?;
        Ok(())
    }

    async fn update(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let update = Update {
            parents: parents(rows),
            numbers: numbers(rows),
            versions: rows.iter().map(|row| row.version).collect(),
            updated_ats: rows.iter().map(|row| time::to_sql(row.updated_at)).collect(),
            labels: rows.iter().map(|row| row.label.as_str()).collect(),
            roles: rows.iter().map(|row| row.role.as_str()).collect(),
            targets: rows.iter().map(|row| row.target.kind()).collect(),
            values: rows.iter().map(|row| row.target.value()).collect(),
            _of: PhantomData,
        };
        assert_written(update.execute(conn).await?, rows.len());
        Ok(())
    }

    async fn delete(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let delete = Delete { parents: parents(rows), numbers: numbers(rows), _of: PhantomData };
        assert_written(delete.execute(conn).await?, rows.len());
        Ok(())
    }
}
