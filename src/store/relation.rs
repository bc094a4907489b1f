//! The table `relations`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::{prepared, write_rows};
use super::table::Table;
use super::writes::Writes;
use super::{stored, time};
use crate::domain::name::{ActorName, IssueName, RelationName};
use crate::domain::relation::{Relation, RelationKind};

type SqlRow = (Text, BigInt, BigInt, SqlUuid, Timestamptz, Text, Text, BigInt, Text);
pub(super) type Row = (String, i64, i64, Uuid, PgTimestamp, String, String, i64, String);

macro_rules! columns {
    () => {
        "r.project, r.issue, r.number, r.uid, r.created_at, r.creator, r.to_project, r.to_issue, \
         r.kind"
    };
}

prepared!(
    Lock(
        projects: Vec<&'a str> => Array<Text>,
        issues: Vec<i64> => Array<BigInt>,
        numbers: Vec<i64> => Array<BigInt>,
    ) -> SqlRow,
    concat!("select ", columns!(), " from (select * from unnest({projects}, {issues}, {numbers}) \
             as u (project, issue, number) order by project, issue, number) as u \
             cross join lateral (select * from relations r where r.project = u.project \
             and r.issue = u.issue and r.number = u.number for no key update) as r")
);

write_rows!(
    Insert of row: Relation {
        project: &'a str => Text = row.name.issue.project.as_str(),
        issue: i64 => BigInt = row.name.issue.number,
        number: i64 => BigInt = row.name.number,
        uid: Uuid => SqlUuid = row.uid,
        created_at: PgTimestamp => Timestamptz = time::to_sql(row.created_at),
        creator: &'a str => Text = row.creator.as_str(),
        to_project: &'a str => Text = row.target.project.as_str(),
        to_issue: i64 => BigInt = row.target.number,
        kind: &'a str => Text = row.kind.as_str(),
    },
    "insert into relations ({columns}) select * from {rows}"
);

write_rows!(
    Delete of row: Relation {
        project: &'a str => Text = row.name.issue.project.as_str(),
        issue: i64 => BigInt = row.name.issue.number,
        number: i64 => BigInt = row.name.number,
    },
    "delete from relations r using {rows} where r.ctid = (select k.ctid from relations k where \
     k.project = u.project and k.issue = u.issue and k.number = u.number)"
);

// Two statements in one: from each end an index leads to the relations of an issue.
prepared!(
    OfIssue(project: &'a str => Text, issue: i64 => BigInt) -> SqlRow,
    concat!("select ", columns!(), " from relations r \
             where r.project = {project} and r.issue = {issue} union all \
             select ", columns!(), " from relations r \
             where r.to_project = {project} and r.to_issue = {issue} order by 4")
);

fn relation(row: Row) -> Relation {
    let (project, issue, number, uid, created_at, creator, to_project, to_issue, kind) = row;
    let issue = IssueName { project: stored::project_id(&project), number: issue };
    Relation {
        name: RelationName { issue, number },
        uid,
        created_at: time::from_sql(created_at),
        creator: ActorName::stored(&creator),
        target: IssueName { project: stored::project_id(&to_project), number: to_issue },
        kind: RelationKind::stored(&kind).expect("the table's constraint knows the kinds"),
    }
}

/// All relations of an issue, from either end, oldest first.
pub(super) async fn of_issue(
    mut conn: &AsyncPgConnection,
    name: &IssueName,
) -> Result<Vec<Relation>> {
    let (project, issue) = (name.project.as_str(), name.number);
    let rows: Vec<Row> = OfIssue { project, issue, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(relation).collect())
}

impl Table for Relation {
    const NAME: &str = "relations";

    async fn lock(
        mut conn: &AsyncPgConnection,
        keys: &BTreeSet<RelationName>,
    ) -> Result<Vec<Self>> {
        let lock = Lock {
            projects: keys.iter().map(|key| key.issue.project.as_str()).collect(),
            issues: keys.iter().map(|key| key.issue.number).collect(),
            numbers: keys.iter().map(|key| key.number).collect(),
            _of: PhantomData,
        };
        let rows: Vec<Row> = lock.load(&mut conn).await?;
        Ok(rows.into_iter().map(relation).collect())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    fn delete<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.exactly(rows.len(), Delete::of(rows));
    }

    fn update<'a>(_: &mut Writes<'a>, rows: &[&'a Self]) {
        assert!(rows.is_empty(), "a relation never changes");
    }
}
