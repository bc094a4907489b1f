//! What is to be done about actions by themselves: what is due, what is held too long, what waits
//! for something that has happened.
//!
//! Nothing is locked: whoever acts on an answer looks again.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;
use std::time::Duration;

use diesel::sql_types::{Array, BigInt, Nullable, SmallInt, Text, Uuid as SqlUuid};
use diesel_async::RunQueryDsl;
use tokio::time::Instant;
use uuid::Uuid;

use super::asks::name;
use crate::domain::action::{DependsOn, OpenGate};
use crate::domain::name::{ActionName, ActorName, IssueName};
use crate::store::Store;
use crate::store::error::Result;
use crate::store::prepared::prepared;

prepared!(
    Due(limit: i64 => BigInt) -> (Text, BigInt, BigInt, BigInt),
    "select a.project, a.issue, a.number, \
     (extract(epoch from d.due_at - potts_now()) * 1000000)::bigint from \
     ((select action_id, due_at from action_waits where due_at is not null \
     order by due_at limit {limit}) union all \
     (select action_id, expires_at from ready_actions where expires_at is not null \
     order by expires_at limit {limit})) as d (action_id, due_at) \
     cross join lateral (select * from actions a where a.uid = d.action_id limit 1) as a \
     order by d.due_at limit {limit}"
);

prepared!(
    Expired(limit: i64 => BigInt) -> (Text, BigInt, BigInt),
    "select a.project, a.issue, a.number from action_leases l \
     cross join lateral (select * from actions a where a.uid = l.action_id limit 1) as a \
     where least(l.deadline_at, l.stop_at) <= potts_now() \
     order by least(l.deadline_at, l.stop_at) limit {limit}"
);

prepared!(
    Revoked(limit: i64 => BigInt) -> (Text, Text, BigInt, BigInt),
    "select l.actor, a.project, a.issue, a.number from action_leases l \
     cross join lateral (select * from actions a where a.uid = l.action_id limit 1) as a \
     left join lateral (select * from actors w where w.name = l.actor \
     and w.deleted_at is null limit 1) as w on true \
     where w.name is null or w.state <> 'ACTIVE' order by l.claimed_at limit {limit}"
);

/// The gates that can be settled, of those that are named `d`, and the end of the question.
macro_rules! settled {
    () => {
        "cross join lateral (select * from actions a where a.uid = d.action_id limit 1) as a \
         left join lateral (select * from actions t where d.on_kind = 'ACTION' \
         and t.uid = d.on_uid limit 1) as t on true \
         left join lateral (select * from issues i where d.on_kind = 'ISSUE' \
         and i.uid = d.on_uid limit 1) as i on true \
         where not d.met and a.ended_state is null \
         and (d.action_id, d.ordinal) > ({after_action}, {after_ordinal}) \
         and (i.closed_at is not null or t.ended_state is not null and (not d.unsatisfiable \
         or case d.satisfy when 'ANY_END' then true when 'FAILURE' then t.ended_state = 'FAILED' \
         when 'SUCCESS' then t.ended_state = 'SUCCEEDED' \
         else t.ended_state in ('SUCCEEDED', 'SKIPPED') end)) \
         order by d.action_id, d.ordinal limit {limit}"
    };
}

macro_rules! gate {
    () => {
        "select d.action_id, d.ordinal, a.project, a.issue, a.number, d.on_issue, d.on_number "
    };
}

type SqlGate = (SqlUuid, SmallInt, Text, BigInt, BigInt, Nullable<BigInt>, Nullable<BigInt>);

prepared!(
    Settled(
        after_action: Uuid => SqlUuid,
        after_ordinal: i16 => SmallInt,
        limit: i64 => BigInt,
    ) -> SqlGate,
    concat!(gate!(), "from dependencies d ", settled!())
);

prepared!(
    SettledBy(
        action_projects: Vec<&'a str> => Array<Text>,
        action_issues: Vec<i64> => Array<BigInt>,
        action_numbers: Vec<i64> => Array<BigInt>,
        issue_projects: Vec<&'a str> => Array<Text>,
        issue_numbers: Vec<i64> => Array<BigInt>,
        after_action: Uuid => SqlUuid,
        after_ordinal: i16 => SmallInt,
        limit: i64 => BigInt,
    ) -> SqlGate,
    concat!(
        gate!(),
        "from (select 'ACTION' as kind, k.uid from \
         unnest({action_projects}, {action_issues}, {action_numbers}) \
         as u (project, issue, number) cross join lateral (select * from actions k \
         where k.project = u.project and k.issue = u.issue and k.number = u.number limit 1) as k \
         union all select 'ISSUE', k.uid from unnest({issue_projects}, {issue_numbers}) \
         as u (project, number) cross join lateral (select * from issues k \
         where k.project = u.project and k.number = u.number limit 1) as k) as e \
         cross join lateral (select * from dependencies d where d.on_kind = e.kind \
         and d.on_uid = e.uid and not d.met offset 0) as d ",
        settled!()
    )
);

/// What has ended.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ended {
    /// Actions that have.
    pub actions: BTreeSet<ActionName>,
    /// Issues that were closed.
    pub issues: BTreeSet<IssueName>,
}

/// A place among all gates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct GatePlace {
    action: Uuid,
    ordinal: i16,
}

impl GatePlace {
    pub(super) const FIRST: GatePlace = GatePlace { action: Uuid::nil(), ordinal: -1 };
}

type GateRow = (Uuid, i16, String, i64, i64, Option<i64>, Option<i64>);

/// A gate, and its place. One on neither an action nor an issue is on a time: that is the clock's.
fn gate(row: GateRow) -> (GatePlace, Option<OpenGate>) {
    let (action, ordinal, project, issue, number, on_issue, on_number) = row;
    let place = GatePlace { action, ordinal };
    let action = name((project, issue, number));
    let on_issue =
        on_issue.map(|number| IssueName { project: action.issue.project.clone(), number });
    let on = match (on_issue, on_number) {
        (Some(issue), Some(number)) => Some(DependsOn::Action(ActionName { issue, number })),
        (Some(issue), None) => Some(DependsOn::Issue(issue)),
        (None, _) => None,
    };
    (place, on.map(|on| OpenGate { action, on }))
}

/// The question about gates on what has ended.
pub(super) fn settled_by(ended: &Ended, after: GatePlace, limit: i64) -> SettledBy<'_> {
    let Ended { actions, issues } = ended;
    SettledBy {
        action_projects: actions.iter().map(|name| name.issue.project.as_str()).collect(),
        action_issues: actions.iter().map(|name| name.issue.number).collect(),
        action_numbers: actions.iter().map(|name| name.number).collect(),
        issue_projects: issues.iter().map(|name| name.project.as_str()).collect(),
        issue_numbers: issues.iter().map(|name| name.number).collect(),
        after_action: after.action,
        after_ordinal: after.ordinal,
        limit,
        _of: PhantomData,
    }
}

impl Store {
    /// Actions that wait for a time that has come, or were not claimed in time; at most so many.
    /// And how long it is until the next one, if one is known.
    pub async fn due_actions(
        &self,
        limit: i64,
        deadline: Instant,
    ) -> Result<(Vec<ActionName>, Option<Duration>)> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let due = Due { limit, _of: PhantomData };
        let found = due.load::<(String, i64, i64, i64)>(reader.conn()).await;
        let found = reader.give_back(found.map_err(Into::into)).await?;
        let left = |micros: i64| u64::try_from(micros).ok().map(Duration::from_micros);
        let next = found.iter().find(|row| row.3 > 0).and_then(|row| left(row.3));
        let due = found.into_iter().filter(|row| row.3 <= 0);
        let due = due.map(|(project, issue, number, _)| name((project, issue, number)));
        Ok((due.collect(), next))
    }

    /// Actions whose claim has ended by time; at most so many.
    pub async fn expired_leases(&self, limit: i64, deadline: Instant) -> Result<Vec<ActionName>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let expired = Expired { limit, _of: PhantomData };
        let found = expired.load::<(String, i64, i64)>(reader.conn()).await;
        let found = reader.give_back(found.map_err(Into::into)).await?;
        Ok(found.into_iter().map(name).collect())
    }

    /// Actions that are held by those who may not act any more, by holder; at most so many.
    pub async fn held_by_disabled(
        &self,
        limit: i64,
        deadline: Instant,
    ) -> Result<BTreeMap<ActorName, Vec<ActionName>>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let revoked = Revoked { limit, _of: PhantomData };
        let found = revoked.load::<(String, String, i64, i64)>(reader.conn()).await;
        let found = reader.give_back(found.map_err(Into::into)).await?;
        let mut by_holder: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (actor, project, issue, number) in found {
            let held = by_holder.entry(ActorName::stored(&actor)).or_default();
            held.push(name((project, issue, number)));
        }
        Ok(by_holder)
    }

    /// Gates on things that have ended, after a place; with `ended` those on these things alone. At
    /// most so many, and the place of the last.
    pub async fn settled_gates(
        &self,
        ended: Option<&Ended>,
        after: Option<GatePlace>,
        limit: i64,
        deadline: Instant,
    ) -> Result<(Vec<OpenGate>, Option<GatePlace>)> {
        let GatePlace { action: after_action, ordinal: after_ordinal } =
            after.unwrap_or(GatePlace::FIRST);
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let found = match ended {
            None => {
                let settled = Settled { after_action, after_ordinal, limit, _of: PhantomData };
                settled.load::<GateRow>(conn).await
            }
            Some(ended) => {
                let after = GatePlace { action: after_action, ordinal: after_ordinal };
                let settled = settled_by(ended, after, limit);
                settled.load::<GateRow>(conn).await
            }
        };
        let found = reader.give_back(found.map_err(Into::into)).await?;
        let (places, gates): (Vec<_>, Vec<_>) = found.into_iter().map(gate).unzip();
        Ok((gates.into_iter().flatten().collect(), places.last().copied()))
    }
}
