//! Reading actions and attempts without locking them.
//!
//! The row of an action and its place lie in different tables, so they are read in one snapshot.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::sql_types::{Array, BigInt, Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};
use tokio::time::Instant;

use super::asks::name;
use super::{attempt, find};
use crate::domain::action::{Action, Attempt, State};
use crate::domain::event::Seq;
use crate::domain::name::{ActionName, ActorName, GroupName, IssueName, ProjectId};
use crate::domain::people::{Role, Standing};
use crate::store::error::Result;
use crate::store::prepared::prepared;
use crate::store::{Listed, Store, begin_snapshot, end_snapshot};

/// Whose actions to list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ActionsOf {
    /// Those of a project.
    Project(ProjectId),
    /// Those of an issue.
    Issue(IssueName),
}

/// Which actions to list.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ActionFilter {
    /// In one of these states; empty is all.
    pub states: BTreeSet<State>,
    /// Assigned to them; none is all.
    pub assignee: Option<ActorName>,
    /// Of the type of this id; empty is all.
    pub action_type: String,
}

/// The place of an action in the lists of a project.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ActionKey {
    /// The number of its issue.
    pub issue: i64,
    /// Its own.
    pub action: i64,
}

impl ActionKey {
    /// The place of that action.
    pub fn of(name: &ActionName) -> ActionKey {
        ActionKey { issue: name.issue.number, action: name.number }
    }
}

/// A page of actions.
#[derive(Clone, Debug)]
pub struct ActionQuery<'a> {
    /// Whose.
    pub of: ActionsOf,
    /// Which.
    pub filter: ActionFilter,
    /// Who reads: those of issues that they may not see are not there.
    pub reader: &'a Standing,
    /// After this one; none is from the first.
    pub after: Option<ActionKey>,
    /// At most so many.
    pub limit: i64,
}

prepared!(
    Page(
        project: &'a str => Text,
        issue: i64 => BigInt,
        after_issue: i64 => BigInt,
        after_number: i64 => BigInt,
        sees_all: bool => Bool,
        reader: Vec<&'a str> => Array<Text>,
        states: Vec<&'a str> => Array<Text>,
        assignee: &'a str => Text,
        action_type: &'a str => Text,
        limit: i64 => BigInt,
    ) -> (Text, BigInt, BigInt),
    "select a.project, a.issue, a.number from actions a \
     cross join lateral (select * from issues i where i.project = a.project \
     and i.number = a.issue limit 1) as i \
     left join lateral (select * from action_waits w where w.action_id = a.uid limit 1) as w \
     on true \
     left join lateral (select * from action_leases l where l.action_id = a.uid limit 1) as l \
     on true \
     where a.project = {project} and (a.issue, a.number) > ({after_issue}, {after_number}) \
     and ({issue} = 0 or a.issue = {issue}) and i.deleted_at is null \
     and ({sees_all} or i.visible_to is null or i.visible_to && {reader} \
     or i.assignees && {reader} or a.issue in (select k.issue from action_leases h \
     join actions k on k.uid = h.action_id where h.actor = any({reader}) \
     and k.project = {project})) \
     and (cardinality({states}) = 0 or case when a.ended_state is not null then a.ended_state \
     when l.started_at is not null then 'RUNNING' when l.action_id is not null then 'CLAIMED' \
     when w.action_id is null then 'READY' when w.reason = 'PANICKED' then 'PANICKED' \
     else 'PENDING' end = any ({states})) \
     and ({assignee} = '' or a.assignee = {assignee}) \
     and ({action_type} = '' or a.action_type = {action_type}) \
     order by a.issue, a.number limit {limit}"
);

prepared!(
    Holds(actor: &'a str => Text, project: &'a str => Text, issue: i64 => BigInt) -> Bool,
    "select exists (select from action_leases l join actions a on a.uid = l.action_id \
     where l.actor = {actor} and a.project = {project} and a.issue = {issue})"
);

/// The names of a page.
async fn page(
    conn: &mut AsyncPgConnection,
    query: &ActionQuery<'_>,
) -> Result<BTreeSet<ActionName>> {
    let ActionQuery { of, filter, reader, after, limit } = query;
    let ActionFilter { states, assignee, action_type } = filter;
    let (project, issue) = match of {
        ActionsOf::Project(project) => (project, 0),
        ActionsOf::Issue(name) => (&name.project, name.number),
    };
    let after = after.unwrap_or(ActionKey { issue: 0, action: 0 });
    let groups = reader.groups.iter().map(GroupName::as_str);
    let page = Page {
        project: project.as_str(),
        issue,
        after_issue: after.issue,
        after_number: after.action,
        sees_all: reader.role(project) >= Some(Role::Admin),
        reader: groups.chain([reader.principal.as_str()]).collect(),
        states: states.iter().map(|state| state.as_str()).collect(),
        assignee: assignee.as_ref().map_or("", ActorName::as_str),
        action_type,
        limit: *limit,
        _of: PhantomData,
    };
    let rows: Vec<(String, i64, i64)> = page.load(conn).await?;
    Ok(rows.into_iter().map(name).collect())
}

impl Store {
    /// Whether an actor holds an action of an issue.
    pub async fn holds_work(
        &self,
        actor: &ActorName,
        issue: &IssueName,
        deadline: Instant,
    ) -> Result<bool> {
        let (actor, project, issue) = (actor.as_str(), issue.project.as_str(), issue.number);
        let mut reader = self.read.get(Some(deadline)).await?;
        let holds = Holds { actor, project, issue, _of: PhantomData };
        let held = holds.get_result(reader.conn()).await;
        reader.give_back(held.map_err(Into::into)).await
    }

    /// An action, also of an issue that is hidden.
    pub async fn action(&self, name: &ActionName, deadline: Instant) -> Result<Option<Action>> {
        Ok(self.actions_named(&[name.clone()].into(), deadline).await?.pop())
    }

    /// Actions by name, of those that exist, in the order of their names.
    pub async fn actions_named(
        &self,
        names: &BTreeSet<ActionName>,
        deadline: Instant,
    ) -> Result<Vec<Action>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let found = async {
            // One snapshot: an action that moves between two statements would lie nowhere.
            conn.batch_execute("begin isolation level repeatable read read only").await?;
            let found = find(conn, names).await?;
            conn.batch_execute("commit").await?;
            Ok(found)
        };
        let found = found.await;
        reader.give_back(found).await
    }

    /// The attempts at an action that have ended, after a number, in order.
    pub async fn attempts(
        &self,
        action: &ActionName,
        after: i64,
        limit: i64,
        deadline: Instant,
    ) -> Result<Vec<Attempt>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = attempt::page(reader.conn(), action, after, limit).await;
        reader.give_back(found).await
    }

    /// A page of actions by issue and number; with `known_head` also the end of the log in the same
    /// snapshot.
    pub async fn list_actions(
        &self,
        query: ActionQuery<'_>,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Action>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let listed = async {
            // Any head makes the snapshot; that of the first page alone is told.
            let begun = begin_snapshot(conn, known_head.or(Some(Seq(0)))).await?;
            let names = page(conn, &query).await?;
            let rows = find(conn, &names).await?;
            end_snapshot(conn, Some(Seq(0))).await?;
            Ok(Listed { rows, log: begun.filter(|_| known_head.is_some()) })
        };
        let listed = listed.await;
        reader.give_back(listed).await
    }
}
