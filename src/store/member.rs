//! The table `members`.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::query::Stored::As;
use super::query::{Columns, Selection, Statement};
use super::table::Table;
use super::writes::Writes;
use super::{stored, time};
use crate::domain::name::{ActorName, Id, MemberName, Principal, ProjectId};
use crate::domain::people::{Member, Role};

type SqlRow = (Text, Text, SqlUuid, BigInt, Timestamptz, Timestamptz, Text, Text, Text);
type Row = (String, String, Uuid, i64, PgTimestamp, PgTimestamp, String, String, String);

macro_rules! columns {
    () => {
        "m.project, m.id, m.uid, m.version, m.created_at, m.updated_at, m.creator, m.member, \
         m.role"
    };
}

prepared!(
    Lock(projects: Vec<&'a str> => Array<Text>, ids: Vec<&'a str> => Array<Text>) -> SqlRow,
    concat!("select ", columns!(), " from (select * from unnest({projects}, {ids}) \
             as u (project, id) order by project, id) as u cross join lateral (select * \
             from members m where m.project = u.project and m.id = u.id for no key update) as m")
);

prepared!(
    Find(project: &'a str => Text, id: &'a str => Text) -> SqlRow,
    concat!("select ", columns!(), " from members m where m.project = {project} and m.id = {id}")
);

/// Where the fields that lists know are stored.
const STORED: Columns = &[
    ("name", As("('projects/' || m.project || '/members/' || m.id)")),
    ("member", As("m.member")),
    ("role", As("m.role")),
    ("creator", As("m.creator")),
    ("create_time", As("m.created_at")),
    ("update_time", As("m.updated_at")),
];

prepared!(
    Known(projects: Vec<&'a str> => Array<Text>, members: Vec<&'a str> => Array<Text>)
        -> (Text, Text, Text),
    "select m.project, m.member, m.id from unnest({projects}) as p (project) \
     cross join unnest({members}) as w (member) cross join lateral (select * from members m \
     where m.project = p.project and m.member = w.member limit 1) as m"
);

write_rows!(
    Insert of row: Member {
        project: &'a str => Text = row.name.project.as_str(),
        id: &'a str => Text = row.name.id.as_str(),
        uid: Uuid => SqlUuid = row.uid,
        version: i64 => BigInt = row.version,
        created_at: PgTimestamp => Timestamptz = time::to_sql(row.created_at),
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        creator: &'a str => Text = row.creator.as_str(),
        member: &'a str => Text = row.member.as_str(),
        role: &'a str => Text = row.role.as_str(),
    },
    "insert into members ({columns}) select * from {rows}"
);

write_rows!(
    Update of row: Member {
        project: &'a str => Text = row.name.project.as_str(),
        id: &'a str => Text = row.name.id.as_str(),
        version: i64 => BigInt = row.version,
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        role: &'a str => Text = row.role.as_str(),
    },
    "update members m set version = u.version, updated_at = u.updated_at, role = u.role from \
     {rows} where m.ctid = (select k.ctid from members k where k.project = u.project and k.id = \
     u.id)"
);

write_rows!(
    Delete of row: Member {
        project: &'a str => Text = row.name.project.as_str(),
        id: &'a str => Text = row.name.id.as_str(),
    },
    "delete from members m using {rows} where m.ctid = (select k.ctid from members k where \
     k.project = u.project and k.id = u.id)"
);

fn name(project: &str, id: &str) -> MemberName {
    let id = Id::parse("id", id).expect("only well-formed ids are stored");
    MemberName { project: stored::project_id(project), id }
}

fn member(row: Row) -> Member {
    let (project, id, uid, version, created_at, updated_at, creator, member, role) = row;
    Member {
        name: name(&project, &id),
        uid,
        version,
        created_at: time::from_sql(created_at),
        updated_at: time::from_sql(updated_at),
        creator: ActorName::stored(&creator),
        member: Principal::stored(&member),
        role: Role::stored(&role).expect("the table's constraint knows the roles"),
    }
}

/// A member of a project.
pub(super) async fn find(
    mut conn: &AsyncPgConnection,
    name: &MemberName,
) -> Result<Option<Member>> {
    let (project, id) = (name.project.as_str(), name.id.as_str());
    let rows: Vec<Row> = Find { project, id, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().next().map(member))
}

/// A page of the members of a project. They are few enough to be sorted.
pub(super) async fn page(
    mut conn: &AsyncPgConnection,
    project: &ProjectId,
    selection: &Selection<'_>,
) -> Result<Vec<Member>> {
    let text = concat!("select ", columns!(), " from members m where m.project = ");
    let mut page: Statement<SqlRow> = Statement::new(text);
    page.text(project.as_str()).select(STORED, selection);
    let rows: Vec<Row> = page.done().load(&mut conn).await?;
    Ok(rows.into_iter().map(member).collect())
}

/// As what members these people are known in these projects, by themselves.
pub(super) async fn known(
    mut conn: &AsyncPgConnection,
    projects: &[&ProjectId],
    people: &BTreeSet<Principal>,
) -> Result<BTreeMap<(ProjectId, Principal), MemberName>> {
    let projects = projects.iter().map(|project| project.as_str()).collect();
    let members = people.iter().map(Principal::as_str).collect();
    let known = Known { projects, members, _of: PhantomData };
    let rows: Vec<(String, String, String)> = known.load(&mut conn).await?;
    let entry = |(project, member, id): (String, String, String)| {
        let name = name(&project, &id);
        ((name.project.clone(), Principal::stored(&member)), name)
    };
    Ok(rows.into_iter().map(entry).collect())
}

impl Table for Member {
    const NAME: &str = "members";

    async fn lock(mut conn: &AsyncPgConnection, keys: &BTreeSet<MemberName>) -> Result<Vec<Self>> {
        let projects = keys.iter().map(|key| key.project.as_str()).collect();
        let ids = keys.iter().map(|key| key.id.as_str()).collect();
        let rows: Vec<Row> = Lock { projects, ids, _of: PhantomData }.load(&mut conn).await?;
        Ok(rows.into_iter().map(member).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    fn delete<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Delete::of(rows));
    }

    fn update<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Update::of(rows));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::people::MEMBER_FIELDS;

    #[test]
    fn every_field_is_stored_and_nothing_else() {
        let fields: Vec<_> = MEMBER_FIELDS.all.iter().map(|field| field.name).collect();
        let stored: Vec<_> = STORED.iter().map(|(name, _)| *name).collect();

        assert_eq!(fields, stored);
    }
}
