//! Drawing ready actions from the lines: what others have locked is passed over.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use diesel::sql_types::{Array, BigInt, Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::row::{self, Locked};
use super::{asks, whole};
use crate::domain::action::{Action, Draw};
use crate::domain::name::{ActionName, GroupName};
use crate::domain::people::{Role, Standing};
use crate::store::error::Result;
use crate::store::prepared::prepared;

// A level lower counts as much as a minute of waiting. Rows of each line are locked in its order,
// more than are taken where there are several lines; those become free with the commit. The offset
// keeps who may see the issue a question about one row: joined, it would be asked of all actions.
prepared!(
    Next(
        project: &'a str => Text,
        action_types: Vec<&'a str> => Array<Text>,
        principals: Vec<&'a str> => Array<Text>,
        groups: Vec<&'a str> => Array<Text>,
        sees_all: bool => Bool,
        take: i64 => BigInt,
    ) -> (Text, BigInt, BigInt),
    "select a.project, a.issue, a.number from (select r.action_id, r.ready_ms + l.level * 60000 \
     as rank from lines l cross join lateral (select * from ready_actions r \
     where r.line_id = l.line_id and exists (select from actions a join issues i \
     on i.project = a.project and i.number = a.issue where a.uid = r.action_id \
     and ({sees_all} or i.visible_to is null or i.visible_to && {groups} \
     or i.assignees && {principals}) offset 0) \
     order by r.vkey, r.action_id limit {take} for update skip locked) as r \
     where l.project = {project} \
     and (cardinality(l.performers) = 0 or l.performers && {principals}) \
     and (cardinality({action_types}) = 0 or l.action_type = any({action_types})) \
     order by rank, r.action_id limit {take}) as r \
     cross join lateral (select * from actions a where a.uid = r.action_id limit 1) as a \
     order by r.rank, r.action_id"
);

/// The statement that draws.
pub(super) fn next<'a>(draw: &'a Draw, standing: &'a Standing, take: usize) -> Next<'a> {
    let groups: Vec<&str> = standing.groups.iter().map(GroupName::as_str).collect();
    Next {
        project: draw.project.as_str(),
        action_types: draw.action_types.iter().map(String::as_str).collect(),
        principals: std::iter::once(draw.actor.as_str()).chain(groups.iter().copied()).collect(),
        groups,
        sees_all: standing.role(&draw.project) >= Some(Role::Admin),
        take: i64::try_from(take).unwrap_or(i64::MAX),
        _of: PhantomData,
    }
}

/// Up to `take` ready actions that somebody may claim, locked, in the order in which they are to be
/// claimed.
pub(in crate::store) async fn draw(
    mut conn: &AsyncPgConnection,
    draw: &Draw,
    standing: &Standing,
    take: usize,
) -> Result<Vec<Action>> {
    let next = next(draw, standing, take);
    let rows: Vec<(String, i64, i64)> = next.load(&mut conn).await?;
    let names: Vec<ActionName> = rows.into_iter().map(asks::name).collect();
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let rows = row::read(conn, names.iter(), Locked::Skip).await?;
    let actions = whole(conn, rows, true).await?;
    let mut actions: BTreeMap<ActionName, Action> =
        actions.into_iter().map(|action| (action.name.clone(), action)).collect();
    Ok(names.iter().filter_map(|name| actions.remove(name)).collect())
}
