//! What commands ask for without its name: looked up, never locked here.
//!
//! Before the rows of a batch are locked the answers say which ones to lock; what must be exact is
//! asked again under those locks.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::error::Result;
use super::pipelined::heard;
use super::prepared::prepared;
use super::stored;
use crate::domain::asks::{Asks, BELOW_MAX, DedupKey, Found};
use crate::domain::counter::{Counted, CounterKey};
use crate::domain::name::{IssueName, RelationName};
use crate::domain::relation::Link;

prepared!(
    Parents(projects: Vec<&'a str> => Array<Text>, numbers: Vec<i64> => Array<BigInt>)
        -> (Text, BigInt),
    "select i.project, i.parent from unnest({projects}, {numbers}) as u (project, number) \
     cross join lateral (select * from issues i where i.project = u.project \
     and i.number = u.number limit 1) as i where i.parent is not null"
);

prepared!(
    Below(
        projects: Vec<&'a str> => Array<Text>,
        numbers: Vec<i64> => Array<BigInt>,
        limit: i64 => BigInt,
    ) -> (Text, BigInt, BigInt),
    "select u.project, u.number, b.number from unnest({projects}, {numbers}) \
     as u (project, number) cross join lateral (with recursive below as (\
     select i.project, i.number from issues i where i.project = u.project \
     and i.parent = u.number \
     union all \
     select i.project, i.number from below b cross join lateral (select * from issues i \
     where i.project = b.project and i.parent = b.number) as i) \
     select * from below limit {limit}) as b"
);

prepared!(
    Holders(projects: Vec<&'a str> => Array<Text>, keys: Vec<&'a str> => Array<Text>)
        -> (Text, BigInt),
    "select i.project, i.number from unnest({projects}, {keys}) as u (project, key) \
     cross join lateral (select * from issues i where i.project = u.project \
     and i.dedup_key = u.key and i.dedup_key <> '' and i.closed_at is null \
     and i.deleted_at is null limit 1) as i"
);

prepared!(
    Rivals(projects: Vec<&'a str> => Array<Text>, numbers: Vec<i64> => Array<BigInt>)
        -> (Text, BigInt),
    "select k.project, k.number from unnest({projects}, {numbers}) as u (project, number) \
     cross join lateral (select * from issues i where i.project = u.project \
     and i.number = u.number limit 1) as i \
     cross join lateral (select * from issues k where k.project = i.project \
     and k.dedup_key = i.dedup_key and k.dedup_key <> '' and k.closed_at is null \
     and k.deleted_at is null limit 1) as k"
);

prepared!(
    Blockers(projects: Vec<&'a str> => Array<Text>, numbers: Vec<i64> => Array<BigInt>)
        -> (Text, BigInt, BigInt),
    "select r.project, r.issue, r.number from unnest({projects}, {numbers}) \
     as u (project, number) cross join lateral (select * from relations r \
     where r.to_project = u.project and r.to_issue = u.number and r.kind = 'BLOCKS') as r"
);

prepared!(
    Targets(
        projects: Vec<&'a str> => Array<Text>,
        issues: Vec<i64> => Array<BigInt>,
        numbers: Vec<i64> => Array<BigInt>,
    ) -> (Text, BigInt),
    "select r.to_project, r.to_issue from unnest({projects}, {issues}, {numbers}) \
     as u (project, issue, number) cross join lateral (select * from relations r \
     where r.project = u.project and r.issue = u.issue and r.number = u.number limit 1) as r"
);

prepared!(
    Links(
        projects: Vec<&'a str> => Array<Text>,
        issues: Vec<i64> => Array<BigInt>,
        to_projects: Vec<&'a str> => Array<Text>,
        to_issues: Vec<i64> => Array<BigInt>,
        kinds: Vec<&'a str> => Array<Text>,
    ) -> (Text, BigInt, BigInt),
    "select r.project, r.issue, r.number \
     from unnest({projects}, {issues}, {to_projects}, {to_issues}, {kinds}) \
     as u (project, issue, to_project, to_issue, kind) cross join lateral \
     (select * from relations r where r.project = u.project and r.issue = u.issue \
     and r.to_project = u.to_project and r.to_issue = u.to_issue and r.kind = u.kind \
     limit 1) as r"
);

fn issue((project, number): (String, i64)) -> IssueName {
    IssueName { project: stored::project_id(&project), number }
}

fn relation((project, issue, number): (String, i64, i64)) -> RelationName {
    RelationName { issue: self::issue((project, issue)), number }
}

fn split(names: &BTreeSet<IssueName>) -> (Vec<&str>, Vec<i64>) {
    names.iter().map(|name| (name.project.as_str(), name.number)).unzip()
}

/// Looks up everything that is asked, all at once.
pub(super) async fn find(conn: &AsyncPgConnection, asks: &Asks) -> Result<Found> {
    let Asks { parents_of, below, holders_of, rivals_of, blockers_of, targets_of, links } = asks;
    let (parents, below, holders, rivals, blockers, targets, links) = tokio::try_join!(
        biased;
        heard(parents(conn, parents_of)),
        heard(all_below(conn, below)),
        heard(holders(conn, holders_of)),
        heard(rivals(conn, rivals_of)),
        heard(blockers(conn, blockers_of)),
        heard(targets(conn, targets_of)),
        heard(linking(conn, links)),
    )?;
    let blocking = blockers.iter().map(|relation| relation.issue.clone());
    let counters = targets.iter().map(|issue| CounterKey::of(issue, Counted::Relations)).collect();
    let (many, few): (BTreeMap<_, _>, BTreeMap<_, _>) =
        below.into_iter().partition(|(_, found): &(_, BTreeSet<_>)| found.len() > BELOW_MAX);
    let issues = parents.into_iter().chain(holders).chain(rivals).chain(blocking).chain(targets);
    Ok(Found {
        counters,
        issues: issues.chain(few.into_values().flatten()).collect(),
        many,
        relations: blockers.into_iter().chain(links).collect(),
    })
}

async fn parents(
    mut conn: &AsyncPgConnection,
    names: &BTreeSet<IssueName>,
) -> Result<Vec<IssueName>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let (projects, numbers) = split(names);
    let rows: Vec<_> = Parents { projects, numbers, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(issue).collect())
}

async fn all_below(
    mut conn: &AsyncPgConnection,
    names: &BTreeSet<IssueName>,
) -> Result<BTreeMap<IssueName, BTreeSet<IssueName>>> {
    let mut found: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
    if names.is_empty() {
        return Ok(found);
    }
    let (projects, numbers) = split(names);
    let limit = i64::try_from(BELOW_MAX + 1).unwrap_or(i64::MAX);
    let below = Below { projects, numbers, limit, _of: PhantomData };
    let rows: Vec<(String, i64, i64)> = below.load(&mut conn).await?;
    for (project, number, part) in rows {
        let top = issue((project, number));
        let part = IssueName { project: top.project.clone(), number: part };
        found.entry(top).or_default().insert(part);
    }
    Ok(found)
}

async fn holders(
    mut conn: &AsyncPgConnection,
    keys: &BTreeSet<DedupKey>,
) -> Result<Vec<IssueName>> {
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let (projects, keys) =
        keys.iter().map(|(project, key)| (project.as_str(), key.as_str())).unzip();
    let rows: Vec<_> = Holders { projects, keys, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(issue).collect())
}

async fn rivals(
    mut conn: &AsyncPgConnection,
    names: &BTreeSet<IssueName>,
) -> Result<Vec<IssueName>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let (projects, numbers) = split(names);
    let rows: Vec<_> = Rivals { projects, numbers, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(issue).collect())
}

async fn blockers(
    mut conn: &AsyncPgConnection,
    names: &BTreeSet<IssueName>,
) -> Result<Vec<RelationName>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let (projects, numbers) = split(names);
    let rows: Vec<_> = Blockers { projects, numbers, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().map(relation).collect())
}

async fn targets(
    mut conn: &AsyncPgConnection,
    names: &BTreeSet<RelationName>,
) -> Result<Vec<IssueName>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let targets = Targets {
        projects: names.iter().map(|name| name.issue.project.as_str()).collect(),
        issues: names.iter().map(|name| name.issue.number).collect(),
        numbers: names.iter().map(|name| name.number).collect(),
        _of: PhantomData,
    };
    let rows: Vec<_> = targets.load(&mut conn).await?;
    Ok(rows.into_iter().map(issue).collect())
}

async fn linking(
    mut conn: &AsyncPgConnection,
    links: &BTreeSet<Link>,
) -> Result<Vec<RelationName>> {
    if links.is_empty() {
        return Ok(Vec::new());
    }
    let links = Links {
        projects: links.iter().map(|link| link.from.project.as_str()).collect(),
        issues: links.iter().map(|link| link.from.number).collect(),
        to_projects: links.iter().map(|link| link.to.project.as_str()).collect(),
        to_issues: links.iter().map(|link| link.to.number).collect(),
        kinds: links.iter().map(|link| link.kind.as_str()).collect(),
        _of: PhantomData,
    };
    let rows: Vec<_> = links.load(&mut conn).await?;
    Ok(rows.into_iter().map(relation).collect())
}
