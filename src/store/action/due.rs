//! What is due by the clock, and what has happened elsewhere: read without locks, for whoever asks
//! the ledger to look.

use std::marker::PhantomData;

use diesel::sql_types::{BigInt, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::asks::name;
use crate::domain::action::{DependsOn, OpenGate};
use crate::domain::name::{ActionName, ActorName, IssueName};
use crate::store::error::Result;
use crate::store::prepared::prepared;

prepared!(
    Expired(limit: i64 => BigInt) -> (Text, BigInt, BigInt),
    "select a.project, a.issue, a.number from action_leases l \
     join actions a on a.uid = l.action_id \
     where least(l.deadline_at, l.stop_at) <= potts_now() \
     order by least(l.deadline_at, l.stop_at) limit {limit}"
);

prepared!(
    Waking(limit: i64 => BigInt) -> (Text, BigInt, BigInt),
    "select a.project, a.issue, a.number from ((select action_id from action_waits \
     where due_at <= potts_now() order by due_at limit {limit}) union all \
     (select action_id from ready_actions where expires_at <= potts_now() \
     order by expires_at limit {limit})) as d join actions a on a.uid = d.action_id \
     limit {limit}"
);

prepared!(
    Gates(limit: i64 => BigInt) -> (Text, BigInt, BigInt, BigInt, Nullable<BigInt>),
    "select a.project, a.issue, a.number, d.on_issue, d.on_number from dependencies d \
     join actions a on a.uid = d.action_id left join actions o on o.uid = d.on_uid \
     left join issues i on i.uid = d.on_uid where not d.met and a.ended_state is null \
     and d.on_issue <> a.issue and case d.on_kind when 'ISSUE' then i.closed_at is not null \
     else o.ended_state is not null and (not d.unsatisfiable or case d.satisfy \
     when 'SUCCESS_OR_SKIP' then o.ended_state in ('SUCCEEDED', 'SKIPPED') \
     when 'SUCCESS' then o.ended_state = 'SUCCEEDED' \
     when 'FAILURE' then o.ended_state = 'FAILED' else true end) end \
     order by a.project, a.issue, a.number limit {limit}"
);

prepared!(
    Held(limit: i64 => BigInt) -> (Text, Text, BigInt, BigInt),
    "select l.actor, a.project, a.issue, a.number from action_leases l \
     join actors w on w.name = l.actor and (w.state <> 'ACTIVE' or w.deleted_at is not null) \
     join actions a on a.uid = l.action_id order by l.actor limit {limit}"
);

/// Actions whose leases are over.
pub(in crate::store) async fn expired_leases(
    conn: &mut AsyncPgConnection,
    limit: i64,
) -> Result<Vec<ActionName>> {
    let rows: Vec<_> = Expired { limit, _of: PhantomData }.load(conn).await?;
    Ok(rows.into_iter().map(name).collect())
}

/// Actions that have waited until now.
pub(in crate::store) async fn waking(
    conn: &mut AsyncPgConnection,
    limit: i64,
) -> Result<Vec<ActionName>> {
    let rows: Vec<_> = Waking { limit, _of: PhantomData }.load(conn).await?;
    Ok(rows.into_iter().map(name).collect())
}

/// Gates on what lies in other issues and is done.
pub(in crate::store) async fn open_gates(
    conn: &mut AsyncPgConnection,
    limit: i64,
) -> Result<Vec<OpenGate>> {
    let rows: Vec<(String, i64, i64, i64, Option<i64>)> =
        Gates { limit, _of: PhantomData }.load(conn).await?;
    let gate = |(project, issue, number, on_issue, on_number)| {
        let action = name((project, issue, number));
        let issue = IssueName { project: action.issue.project.clone(), number: on_issue };
        let on = match on_number {
            Some(number) => DependsOn::Action(ActionName { issue, number }),
            None => DependsOn::Issue(issue),
        };
        OpenGate { action, on }
    };
    Ok(rows.into_iter().map(gate).collect())
}

/// Actions that are held by those who may not act any more.
pub(in crate::store) async fn held_by_disabled(
    conn: &mut AsyncPgConnection,
    limit: i64,
) -> Result<Vec<(ActorName, ActionName)>> {
    let rows: Vec<(String, String, i64, i64)> = Held { limit, _of: PhantomData }.load(conn).await?;
    let held = |(actor, project, issue, number): (String, _, _, _)| {
        (ActorName::stored(&actor), name((project, issue, number)))
    };
    Ok(rows.into_iter().map(held).collect())
}
