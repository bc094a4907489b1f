//! The table `projects`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::query::Stored::As;
use super::query::{Columns, Selection, Statement};
use super::table::Table;
use super::writes::Writes;
use super::{stored, time};
use crate::domain::name::{ActorName, ProjectId};
use crate::domain::project::Project;

type SqlRow = (Text, SqlUuid, BigInt, Timestamptz, Timestamptz, Text, Text, Nullable<Timestamptz>);
type Row = (String, Uuid, i64, PgTimestamp, PgTimestamp, String, String, Option<PgTimestamp>);

macro_rules! columns {
    () => {
        "id, uid, version, created_at, updated_at, creator, display_name, deleted_at"
    };
}

prepared!(
    Lock(ids: Vec<&'a str> => Array<Text>) -> SqlRow,
    concat!("select ", columns!(), " from projects where id = any({ids}) \
             order by id for no key update")
);

prepared!(
    Find(ids: Vec<&'a str> => Array<Text>) -> SqlRow,
    concat!("select ", columns!(), " from projects where id = any({ids})")
);

/// Where the fields that lists know are stored.
const STORED: Columns = &[
    ("name", As("('projects/' || id)")),
    ("display_name", As("display_name")),
    ("creator", As("creator")),
    ("create_time", As("created_at")),
    ("update_time", As("updated_at")),
];

write_rows!(
    Insert of row: Project {
        id: &'a str => Text = row.id.as_str(),
        uid: Uuid => SqlUuid = row.uid,
        version: i64 => BigInt = row.version,
        created_at: PgTimestamp => Timestamptz = time::to_sql(row.created_at),
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        creator: &'a str => Text = row.creator.as_str(),
        display_name: &'a str => Text = row.display_name.as_str(),
        deleted_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.deleted_at.map(time::to_sql),
    },
    "insert into projects ({columns}) select * from {rows}"
);

write_rows!(
    Update of row: Project {
        id: &'a str => Text = row.id.as_str(),
        version: i64 => BigInt = row.version,
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        display_name: &'a str => Text = row.display_name.as_str(),
        deleted_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.deleted_at.map(time::to_sql),
    },
    "update projects p set version = u.version, updated_at = u.updated_at, display_name = \
     u.display_name, deleted_at = u.deleted_at from {rows} where p.ctid = (select k.ctid from \
     projects k where k.id = u.id)"
);

fn project(row: Row) -> Project {
    let (id, uid, version, created_at, updated_at, creator, display_name, deleted_at) = row;
    Project {
        id: stored::project_id(&id),
        uid,
        version,
        created_at: time::from_sql(created_at),
        updated_at: time::from_sql(updated_at),
        creator: ActorName::stored(&creator),
        display_name,
        deleted_at: deleted_at.map(time::from_sql),
    }
}

/// The projects of these ids, deleted ones too.
pub(super) async fn find(mut conn: &AsyncPgConnection, ids: &[&ProjectId]) -> Result<Vec<Project>> {
    let ids = ids.iter().map(|id| id.as_str()).collect();
    let rows: Vec<Row> = Find { ids, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(project).collect())
}

/// A page of projects, without deleted ones; of some, or of all that there are.
pub(super) async fn page(
    mut conn: &AsyncPgConnection,
    among: Option<&[&ProjectId]>,
    selection: &Selection<'_>,
) -> Result<Vec<Project>> {
    let rows: Vec<Row> = statement(among, selection).load(&mut conn).await?;
    Ok(rows.into_iter().map(project).collect())
}

/// How a page of all projects would be read.
pub(super) async fn plan(
    mut conn: &AsyncPgConnection,
    selection: &Selection<'_>,
) -> Result<String> {
    let lines: Vec<String> = statement(None, selection).explained().load(&mut conn).await?;
    Ok(lines.join("\n"))
}

fn statement(among: Option<&[&ProjectId]>, selection: &Selection<'_>) -> Statement<SqlRow> {
    let text = concat!("select ", columns!(), " from projects where deleted_at is null");
    let mut page = Statement::new(text);
    if let Some(among) = among {
        let ids = among.iter().map(|id| id.as_str().to_owned()).collect();
        page.sql(" and id = any(").texts(ids).sql(")");
    }
    page.select(STORED, selection);
    page.done()
}

impl Table for Project {
    const NAME: &str = "projects";

    async fn lock(mut conn: &AsyncPgConnection, keys: &BTreeSet<ProjectId>) -> Result<Vec<Self>> {
        let ids = keys.iter().map(ProjectId::as_str).collect();
        let rows: Vec<Row> = Lock { ids, _of: PhantomData }.load(&mut conn).await?;
        Ok(rows.into_iter().map(project).collect())
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
    use crate::domain::project::FIELDS;

    #[test]
    fn every_field_is_stored_and_nothing_else() {
        let fields: Vec<_> = FIELDS.all.iter().map(|field| field.name).collect();
        let stored: Vec<_> = STORED.iter().map(|(name, _)| *name).collect();

        assert_eq!(fields, stored);
    }
}
