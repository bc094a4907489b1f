//! The table `relations`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::prepared;
use super::table::{Table, assert_written};
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

prepared!(
    Insert(
        projects: Vec<&'a str> => Array<Text>,
        issues: Vec<i64> => Array<BigInt>,
        numbers: Vec<i64> => Array<BigInt>,
        uids: Vec<Uuid> => Array<SqlUuid>,
        created_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        creators: Vec<&'a str> => Array<Text>,
        to_projects: Vec<&'a str> => Array<Text>,
        to_issues: Vec<i64> => Array<BigInt>,
        kinds: Vec<&'a str> => Array<Text>,
    ) -> (),
    "insert into relations (project, issue, number, uid, created_at, creator, to_project, \
     to_issue, kind) select * from unnest({projects}, {issues}, {numbers}, {uids}, \
     {created_ats}, {creators}, {to_projects}, {to_issues}, {kinds})"
);

prepared!(
    Delete(
        projects: Vec<&'a str> => Array<Text>,
        issues: Vec<i64> => Array<BigInt>,
        numbers: Vec<i64> => Array<BigInt>,
    ) -> (),
    "delete from relations r using unnest({projects}, {issues}, {numbers}) \
     as u (project, issue, number) where r.ctid = (select k.ctid from relations k \
     where k.project = u.project and k.issue = u.issue and k.number = u.number)"
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

fn projects<'a>(names: impl Iterator<Item = &'a RelationName>) -> Vec<&'a str> {
    names.map(|name| name.issue.project.as_str()).collect()
}

fn issues<'a>(names: impl Iterator<Item = &'a RelationName>) -> Vec<i64> {
    names.map(|name| name.issue.number).collect()
}

fn numbers<'a>(names: impl Iterator<Item = &'a RelationName>) -> Vec<i64> {
    names.map(|name| name.number).collect()
}

impl Table for Relation {
    const NAME: &str = "relations";

    async fn lock(
        conn: &mut AsyncPgConnection,
        keys: &BTreeSet<RelationName>,
    ) -> Result<Vec<Self>> {
        let lock = Lock {
            projects: projects(keys.iter()),
            issues: issues(keys.iter()),
            numbers: numbers(keys.iter()),
            _of: PhantomData,
        };
        let rows: Vec<Row> = lock.load(conn).await?;
        Ok(rows.into_iter().map(relation).collect())
    }

    async fn insert(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let insert = Insert {
            projects: projects(rows.iter().map(|row| &row.name)),
            issues: issues(rows.iter().map(|row| &row.name)),
            numbers: numbers(rows.iter().map(|row| &row.name)),
            uids: rows.iter().map(|row| row.uid).collect(),
            created_ats: rows.iter().map(|row| time::to_sql(row.created_at)).collect(),
            creators: rows.iter().map(|row| row.creator.as_str()).collect(),
            to_projects: rows.iter().map(|row| row.target.project.as_str()).collect(),
            to_issues: rows.iter().map(|row| row.target.number).collect(),
            kinds: rows.iter().map(|row| row.kind.as_str()).collect(),
            _of: PhantomData,
        };
        insert.execute(conn).await?;
        Ok(())
    }

    async fn delete(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let delete = Delete {
            projects: projects(rows.iter().map(|row| &row.name)),
            issues: issues(rows.iter().map(|row| &row.name)),
            numbers: numbers(rows.iter().map(|row| &row.name)),
            _of: PhantomData,
        };
        assert_written(delete.execute(conn).await?, rows.len());
        Ok(())
    }

    async fn update(_: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        assert!(rows.is_empty(), "a relation never changes");
        Ok(())
    }
}
