//! The table `counters`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Result;
use super::prepared::prepared;
use super::stored;
use super::table::{Table, assert_written};
use crate::domain::counter::Counter;
use crate::domain::name::ProjectId;

prepared!(
    Lock(projects: Vec<&'a str> => Array<Text>) -> (Text, BigInt),
    "select project, issues from counters where project = any({projects}) \
     order by project for no key update"
);

prepared!(
    Insert(projects: Vec<&'a str> => Array<Text>, issues: Vec<i64> => Array<BigInt>) -> (),
    "insert into counters (project, issues) select * from unnest({projects}, {issues})"
);

prepared!(
    Update(projects: Vec<&'a str> => Array<Text>, issues: Vec<i64> => Array<BigInt>) -> (),
    "update counters c set issues = u.issues \
     from unnest({projects}, {issues}) as u (project, issues) where c.ctid = \
     (select k.ctid from counters k where k.project = u.project)"
);

impl Table for Counter {
    const NAME: &str = "counters";

    async fn lock(conn: &mut AsyncPgConnection, keys: &BTreeSet<ProjectId>) -> Result<Vec<Self>> {
        let projects = keys.iter().map(ProjectId::as_str).collect();
        let rows: Vec<(String, i64)> = Lock { projects, _of: PhantomData }.load(conn).await?;
        let row = |(project, issues): (String, i64)| Counter {
            project: stored::project_id(&project),
            issues,
        };
        Ok(rows.into_iter().map(row).collect())
    }

    async fn insert(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let projects = rows.iter().map(|row| row.project.as_str()).collect();
        let issues = rows.iter().map(|row| row.issues).collect();
        Insert { projects, issues, _of: PhantomData }.execute(conn).await?;
        Ok(())
    }

    async fn update(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let projects = rows.iter().map(|row| row.project.as_str()).collect();
        let issues = rows.iter().map(|row| row.issues).collect();
        let written = Update { projects, issues, _of: PhantomData }.execute(conn).await?;
        assert_written(written, rows.len());
        Ok(())
    }
}
