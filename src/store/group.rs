//! The tables `groups` and `group_members`. Who holds a row of the first holds its members.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::query::Stored::As;
use super::query::{Selection, Statement};
use super::table::Table;
use super::writes::Writes;
use super::{query, time};
use crate::domain::name::{ActorName, GroupName, Principal};
use crate::domain::people::{Group, GroupKind, Nesting};

type SqlRow = (
    (Text, SqlUuid, BigInt, Timestamptz, Timestamptz, Text),
    (Text, Text, Array<Text>, Nullable<Timestamptz>),
);
type Row = (
    (String, Uuid, i64, PgTimestamp, PgTimestamp, String),
    (String, String, Vec<String>, Option<PgTimestamp>),
);

macro_rules! columns {
    () => {
        "g.name, g.uid, g.version, g.created_at, g.updated_at, g.creator, g.kind, \
         g.display_name, array(select m.member from group_members m \
         where m.group_name = g.name order by m.member), g.deleted_at"
    };
}

prepared!(
    Lock(names: Vec<&'a str> => Array<Text>) -> SqlRow,
    concat!("select ", columns!(), " from groups g where g.name = any({names}) \
             order by g.name for no key update")
);

prepared!(
    Find(name: &'a str => Text) -> SqlRow,
    concat!("select ", columns!(), " from groups g where g.name = {name}")
);

/// Where the fields that lists know are stored.
const STORED: query::Columns = &[
    ("name", As("g.name")),
    ("kind", As("g.kind")),
    ("display_name", As("g.display_name")),
    ("members", As("array(select m.member from group_members m where m.group_name = g.name)")),
    ("creator", As("g.creator")),
    ("create_time", As("g.created_at")),
    ("update_time", As("g.updated_at")),
];

prepared!(
    Nested() -> (Text, Text),
    "select group_name, member from group_members where member like 'groups/%'"
);

write_rows!(
    Insert of row: Group {
        name: &'a str => Text = row.name.as_str(),
        uid: Uuid => SqlUuid = row.uid,
        version: i64 => BigInt = row.version,
        created_at: PgTimestamp => Timestamptz = time::to_sql(row.created_at),
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        creator: &'a str => Text = row.creator.as_str(),
        kind: &'a str => Text = row.kind.as_str(),
        display_name: &'a str => Text = row.display_name.as_str(),
    },
    "insert into groups ({columns}) select * from {rows}"
);

write_rows!(
    Update of row: Group {
        name: &'a str => Text = row.name.as_str(),
        version: i64 => BigInt = row.version,
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        kind: &'a str => Text = row.kind.as_str(),
        display_name: &'a str => Text = row.display_name.as_str(),
        deleted_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.deleted_at.map(time::to_sql),
    },
    "update groups g set version = u.version, updated_at = u.updated_at, kind = u.kind, \
     display_name = u.display_name, deleted_at = u.deleted_at from {rows} where g.ctid = (select \
     k.ctid from groups k where k.name = u.name)"
);

prepared!(
    Join(groups: Vec<&'a str> => Array<Text>, members: Vec<&'a str> => Array<Text>) -> (),
    "insert into group_members (group_name, member) select * from unnest({groups}, {members})"
);

prepared!(
    Leave(groups: Vec<&'a str> => Array<Text>, members: Vec<&'a str> => Array<Text>) -> (),
    "delete from group_members m using unnest({groups}, {members}) as u (group_name, member) \
     where m.ctid = (select k.ctid from group_members k \
     where k.group_name = u.group_name and k.member = u.member)"
);

fn group(row: Row) -> Group {
    let (
        (name, uid, version, created_at, updated_at, creator),
        (kind, display_name, members, deleted_at),
    ) = row;
    Group {
        name: GroupName::stored(&name),
        uid,
        version,
        created_at: time::from_sql(created_at),
        updated_at: time::from_sql(updated_at),
        creator: ActorName::stored(&creator),
        kind: GroupKind::stored(&kind).expect("the table's constraint knows the kinds"),
        display_name,
        members: members.iter().map(|member| Principal::stored(member)).collect(),
        deleted_at: deleted_at.map(time::from_sql),
    }
}

/// A group, deleted or not.
pub(super) async fn find(mut conn: &AsyncPgConnection, name: &GroupName) -> Result<Option<Group>> {
    let rows: Vec<Row> = Find { name: name.as_str(), _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().next().map(group))
}

/// A page of groups, without deleted ones.
pub(super) async fn page(
    mut conn: &AsyncPgConnection,
    selection: &Selection<'_>,
) -> Result<Vec<Group>> {
    let rows: Vec<Row> = statement(selection).load(&mut conn).await?;
    Ok(rows.into_iter().map(group).collect())
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
    let text = concat!("select ", columns!(), " from groups g where g.deleted_at is null");
    let mut page = Statement::new(text);
    page.select(STORED, selection);
    page.done()
}

/// Which groups are in which.
pub(super) async fn nesting(mut conn: &AsyncPgConnection) -> Result<Nesting> {
    let pairs: Vec<(String, String)> = Nested { _of: PhantomData }.load(&mut conn).await?;
    let name = |text: &String| GroupName::stored(text);
    Ok(pairs.iter().map(|(group, member)| (name(group), name(member))).collect())
}

/// Who is in which group, as two columns.
type Columns<'a> = (Vec<&'a str>, Vec<&'a str>);

fn join<'a>(writes: &mut Writes<'a>, (groups, members): Columns<'a>) {
    if !groups.is_empty() {
        writes.add(Join { groups, members, _of: PhantomData });
    }
}

/// Who is in these groups and not in those.
fn without<'a>(rows: impl Iterator<Item = (&'a Group, &'a Group)>) -> Columns<'a> {
    let left = |(of, than): (&'a Group, &'a Group)| {
        let members = of.members.difference(&than.members);
        members.map(move |member| (of.name.as_str(), member.as_str()))
    };
    rows.flat_map(left).unzip()
}

impl Table for Group {
    const NAME: &str = "groups";

    async fn lock(mut conn: &AsyncPgConnection, keys: &BTreeSet<GroupName>) -> Result<Vec<Self>> {
        let names = keys.iter().map(GroupName::as_str).collect();
        let rows: Vec<Row> = Lock { names, _of: PhantomData }.load(&mut conn).await?;
        Ok(rows.into_iter().map(group).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
        let members = |row: &&'a Self| {
            let row = *row;
            row.members.iter().map(|member| (row.name.as_str(), member.as_str()))
        };
        join(writes, rows.iter().flat_map(members).unzip());
    }

    fn replace<'a>(writes: &mut Writes<'a>, rows: &[(&'a Self, &'a Self)]) {
        let new: Vec<&'a Self> = rows.iter().map(|(_, new)| *new).collect();
        Self::update(writes, &new);
        let (groups, members) = without(rows.iter().map(|(old, new)| (*old, *new)));
        if !groups.is_empty() {
            writes.add(Leave { groups, members, _of: PhantomData });
        }
        join(writes, without(rows.iter().map(|(old, new)| (*new, *old))));
    }

    fn update<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Update::of(rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::people::GROUP_FIELDS;

    #[test]
    fn every_field_is_stored_and_nothing_else() {
        let fields: Vec<_> = GROUP_FIELDS.all.iter().map(|field| field.name).collect();
        let stored: Vec<_> = STORED.iter().map(|(name, _)| *name).collect();

        assert_eq!(fields, stored);
    }
}
