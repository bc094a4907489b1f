//! Reading actions and attempts without locking them.
//!
//! The row of an action and its place lie in different tables, so they are read in one snapshot.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::sql_types::{BigInt, Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};
use tokio::time::Instant;

use super::{attempt, find};
use crate::domain::action::{Action, Attempt};
use crate::domain::event::Seq;
use crate::domain::name::{ActionName, ActorName, IssueName};
use crate::store::error::Result;
use crate::store::listed::listed_whole;
use crate::store::prepared::prepared;
use crate::store::{Listed, Store};

/// What was tried of an action.
#[derive(Clone, Debug)]
pub struct Attempts {
    /// The action, whose newest attempt may go on.
    pub action: Option<Action>,
    /// Those that have ended, in order.
    pub ended: Vec<Attempt>,
}

prepared!(
    Holds(actor: &'a str => Text, project: &'a str => Text, issue: i64 => BigInt) -> Bool,
    "select exists (select from action_leases l join actions a on a.uid = l.action_id \
     where l.actor = {actor} and a.project = {project} and a.issue = {issue})"
);

/// An action and its attempts that have ended, after a number.
async fn tried(
    conn: &AsyncPgConnection,
    name: &ActionName,
    after: i64,
    limit: i64,
) -> Result<Vec<Attempts>> {
    let action = find(conn, &[name.clone()].into()).await?.pop();
    let ended = attempt::page(conn, name, after, limit).await?;
    Ok(vec![Attempts { action, ended }])
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

    /// An action, and its attempts that have ended, after a number; with `known_head` also the end
    /// of the log in the same snapshot.
    pub async fn attempts(
        &self,
        action: &ActionName,
        after: i64,
        limit: i64,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Attempts>> {
        listed_whole!(self, known_head, deadline, conn => tried(conn, action, after, limit))
    }
}
