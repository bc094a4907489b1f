//! What decides who sees issues, and no more of them: descriptions are long.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::sql_types::{Array, BigInt, Bool, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::time::Instant;

use super::error::Result;
use super::prepared::prepared;
use super::{Store, stored};
use crate::domain::name::{ActorName, GroupName, IssueName, Principal};

prepared!(
    Find(
        projects: Vec<&'a str> => Array<Text>,
        numbers: Vec<i64> => Array<BigInt>,
        actor: &'a str => Text,
    ) -> (Text, BigInt, Nullable<Array<Text>>, Array<Text>, Bool, Bool),
    "select i.project, i.number, i.visible_to, i.assignees, \
     i.deleted_at is null and p.deleted_at is null, \
     exists (select from action_leases l join actions a on a.uid = l.action_id \
     where l.actor = {actor} and a.project = i.project and a.issue = i.number) \
     from unnest({projects}, {numbers}) as u (project, number) \
     cross join lateral (select * from issues i where i.project = u.project \
     and i.number = u.number limit 1) as i \
     cross join lateral (select * from projects p where p.id = i.project limit 1) as p"
);

/// What decides whether somebody sees an issue, beside their standing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sight {
    /// Which issue.
    pub name: IssueName,
    /// Who may see it; none is all who may read the project.
    pub visible_to: Option<BTreeSet<GroupName>>,
    /// Who works on it.
    pub assignees: BTreeSet<Principal>,
    /// Whether it is there: neither it nor its project is deleted.
    pub is_there: bool,
    /// Whether whoever asks holds one of its actions.
    pub is_held: bool,
}

type Row = (String, i64, Option<Vec<String>>, Vec<String>, bool, bool);

fn sight((project, number, visible_to, assignees, is_there, is_held): Row) -> Sight {
    let groups = |names: Vec<String>| names.iter().map(|name| GroupName::stored(name)).collect();
    Sight {
        name: IssueName { project: stored::project_id(&project), number },
        visible_to: visible_to.map(groups),
        assignees: assignees.iter().map(|name| Principal::stored(name)).collect(),
        is_there,
        is_held,
    }
}

async fn find(
    mut conn: &AsyncPgConnection,
    names: &BTreeSet<IssueName>,
    actor: &ActorName,
) -> Result<Vec<Sight>> {
    let find = Find {
        projects: names.iter().map(|name| name.project.as_str()).collect(),
        numbers: names.iter().map(|name| name.number).collect(),
        actor: actor.as_str(),
        _of: PhantomData,
    };
    let rows: Vec<Row> = find.load(&mut conn).await?;
    Ok(rows.into_iter().map(sight).collect())
}

impl Store {
    /// What decides whether an actor sees these issues, of those that exist.
    pub async fn sights(
        &self,
        names: &BTreeSet<IssueName>,
        actor: &ActorName,
        deadline: Instant,
    ) -> Result<Vec<Sight>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = find(reader.conn(), names, actor).await;
        reader.give_back(found).await
    }
}
