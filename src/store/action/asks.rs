//! Actions that commands need and cannot name: looked up under the locks of their issues.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::domain::action::ActionAsks;
use crate::domain::name::{ActionName, IssueName};
use crate::store::error::Result;
use crate::store::prepared::prepared;
use crate::store::stored;

type Row = (String, i64, i64);

prepared!(
    Dependents(
        projects: Vec<&'a str> => Array<Text>,
        issues: Vec<i64> => Array<BigInt>,
        numbers: Vec<i64> => Array<BigInt>,
    ) -> (Text, BigInt, BigInt),
    "select a.project, a.issue, a.number from unnest({projects}, {issues}, {numbers}) \
     as u (project, issue, number) cross join lateral (select * from actions o \
     where o.project = u.project and o.issue = u.issue and o.number = u.number limit 1) as o \
     cross join lateral (select * from dependencies d where d.on_kind = 'ACTION' \
     and d.on_uid = o.uid and not d.met) as d cross join lateral (select * from actions a \
     where a.uid = d.action_id and a.project = u.project and a.issue = u.issue \
     and a.ended_state is null limit 1) as a"
);

prepared!(
    Unfinished(projects: Vec<&'a str> => Array<Text>, issues: Vec<i64> => Array<BigInt>)
        -> (Text, BigInt, BigInt),
    "select a.project, a.issue, a.number from unnest({projects}, {issues}) as u (project, issue) \
     cross join lateral (select * from actions a where a.project = u.project \
     and a.issue = u.issue and a.ended_state is null) as a"
);

prepared!(
    All(projects: Vec<&'a str> => Array<Text>, issues: Vec<i64> => Array<BigInt>)
        -> (Text, BigInt, BigInt),
    "select a.project, a.issue, a.number from unnest({projects}, {issues}) as u (project, issue) \
     cross join lateral (select * from actions a where a.project = u.project \
     and a.issue = u.issue) as a"
);

prepared!(
    Holders(
        projects: Vec<&'a str> => Array<Text>,
        issues: Vec<i64> => Array<BigInt>,
        keys: Vec<&'a str> => Array<Text>,
    ) -> (Text, BigInt, BigInt),
    "select k.project, k.issue, k.number from unnest({projects}, {issues}, {keys}) \
     as u (project, issue, key) cross join lateral (select * from action_keys k \
     where k.project = u.project and k.issue = u.issue and k.unique_key = u.key limit 1) as k"
);

pub(super) fn name((project, issue, number): Row) -> ActionName {
    let issue = IssueName { project: stored::project_id(&project), number: issue };
    ActionName { issue, number }
}

fn split(names: &BTreeSet<IssueName>) -> (Vec<&str>, Vec<i64>) {
    names.iter().map(|name| (name.project.as_str(), name.number)).unzip()
}

/// The actions that are asked for, but for those to be drawn.
pub(in crate::store) async fn find(
    mut conn: &AsyncPgConnection,
    asks: &ActionAsks,
) -> Result<BTreeSet<ActionName>> {
    let ActionAsks { dependents_of, unfinished_of, all_of, holders_of, draws: _ } = asks;
    let mut found: Vec<Row> = Vec::new();
    if !dependents_of.is_empty() {
        let names = dependents_of.iter();
        let projects = names.clone().map(|name| name.issue.project.as_str()).collect();
        let issues = names.clone().map(|name| name.issue.number).collect();
        let numbers = names.map(|name| name.number).collect();
        let dependents = Dependents { projects, issues, numbers, _of: PhantomData };
        found.extend(dependents.load::<Row>(&mut conn).await?);
    }
    if !unfinished_of.is_empty() {
        let (projects, issues) = split(unfinished_of);
        let unfinished = Unfinished { projects, issues, _of: PhantomData };
        found.extend(unfinished.load::<Row>(&mut conn).await?);
    }
    if !all_of.is_empty() {
        let (projects, issues) = split(all_of);
        found.extend(All { projects, issues, _of: PhantomData }.load::<Row>(&mut conn).await?);
    }
    if !holders_of.is_empty() {
        let projects = holders_of.iter().map(|(issue, _)| issue.project.as_str()).collect();
        let issues = holders_of.iter().map(|(issue, _)| issue.number).collect();
        let keys = holders_of.iter().map(|(_, key)| key.as_str()).collect();
        let holders = Holders { projects, issues, keys, _of: PhantomData };
        found.extend(holders.load::<Row>(&mut conn).await?);
    }
    Ok(found.into_iter().map(name).collect())
}
