//! The table `members`.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::prepared;
use super::query::Stored::As;
use super::query::{Columns, Selection, Statement};
use super::table::{Table, assert_written};
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

prepared!(
    Insert(
        projects: Vec<&'a str> => Array<Text>,
        ids: Vec<&'a str> => Array<Text>,
        uids: Vec<Uuid> => Array<SqlUuid>,
        versions: Vec<i64> => Array<BigInt>,
        created_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        updated_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        creators: Vec<&'a str> => Array<Text>,
        members: Vec<&'a str> => Array<Text>,
        roles: Vec<&'a str> => Array<Text>,
    ) -> (),
    "insert into members (project, id, uid, version, created_at, updated_at, creator, member, \
     role) select * from unnest({projects}, {ids}, {uids}, {versions}, {created_ats}, \
     {updated_ats}, {creators}, {members}, {roles})"
);

prepared!(
    Update(
        projects: Vec<&'a str> => Array<Text>,
        ids: Vec<&'a str> => Array<Text>,
        versions: Vec<i64> => Array<BigInt>,
        updated_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        roles: Vec<&'a str> => Array<Text>,
    ) -> (),
    "update members m set version = u.version, updated_at = u.updated_at, role = u.role \
     from unnest({projects}, {ids}, {versions}, {updated_ats}, {roles}) \
     as u (project, id, version, updated_at, role) where m.ctid = \
     (select k.ctid from members k where k.project = u.project and k.id = u.id)"
);

prepared!(
    Delete(projects: Vec<&'a str> => Array<Text>, ids: Vec<&'a str> => Array<Text>) -> (),
    "delete from members m using unnest({projects}, {ids}) as u (project, id) where m.ctid = \
     (select k.ctid from members k where k.project = u.project and k.id = u.id)"
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
    conn: &mut AsyncPgConnection,
    name: &MemberName,
) -> Result<Option<Member>> {
    let (project, id) = (name.project.as_str(), name.id.as_str());
    let rows: Vec<Row> = Find { project, id, _of: PhantomData }.load(conn).await?;
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
    conn: &mut AsyncPgConnection,
    projects: &[&ProjectId],
    people: &BTreeSet<Principal>,
) -> Result<BTreeMap<(ProjectId, Principal), MemberName>> {
    let projects = projects.iter().map(|project| project.as_str()).collect();
    let members = people.iter().map(Principal::as_str).collect();
    let known = Known { projects, members, _of: PhantomData };
    let rows: Vec<(String, String, String)> = known.load(conn).await?;
    let entry = |(project, member, id): (String, String, String)| {
        let name = name(&project, &id);
        ((name.project.clone(), Principal::stored(&member)), name)
    };
    Ok(rows.into_iter().map(entry).collect())
}

impl Table for Member {
    const NAME: &str = "members";

    async fn lock(conn: &mut AsyncPgConnection, keys: &BTreeSet<MemberName>) -> Result<Vec<Self>> {
        let projects = keys.iter().map(|key| key.project.as_str()).collect();
        let ids = keys.iter().map(|key| key.id.as_str()).collect();
        let rows: Vec<Row> = Lock { projects, ids, _of: PhantomData }.load(conn).await?;
        Ok(rows.into_iter().map(member).collect())
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
            members: rows.iter().map(|row| row.member.as_str()).collect(),
            roles: rows.iter().map(|row| row.role.as_str()).collect(),
            _of: PhantomData,
        };
        insert.execute(conn).await?;
        Ok(())
    }

    async fn delete(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let delete = Delete {
            projects: rows.iter().map(|row| row.name.project.as_str()).collect(),
            ids: rows.iter().map(|row| row.name.id.as_str()).collect(),
            _of: PhantomData,
        };
        assert_written(delete.execute(conn).await?, rows.len());
        Ok(())
    }

    async fn update(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let update = Update {
            projects: rows.iter().map(|row| row.name.project.as_str()).collect(),
            ids: rows.iter().map(|row| row.name.id.as_str()).collect(),
            versions: rows.iter().map(|row| row.version).collect(),
            updated_ats: rows.iter().map(|row| time::to_sql(row.updated_at)).collect(),
            roles: rows.iter().map(|row| row.role.as_str()).collect(),
            _of: PhantomData,
        };
        assert_written(update.execute(conn).await?, rows.len());
        Ok(())
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
