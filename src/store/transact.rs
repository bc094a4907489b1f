//! The transaction of a batch, on the one connection of a lane.
//!
//! [`Tx`] is safe to cancel: dropped before it has ended it takes its connection with it, so no
//! lock outlives it. Only a connection whose transaction has ended is used again.

use std::collections::{BTreeMap, BTreeSet};
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};
use jiff::Timestamp;
use uuid::Uuid;

use super::connect::{Connector, Purpose};
use super::error::Result;
use super::log::{self, Append};
use super::log_page::{self, Stretch};
use super::pipelined::heard;
use super::prepared::prepared;
use super::request::{self, KnownRequest};
use super::table::Table;
use super::writes::Writes;
use super::{
    action, asks, configuration, definition, group, issue, lock_order, member, project, standing,
    time,
};
use crate::domain::action::{Action, ActionAsks, Draw};
use crate::domain::asks::{Asks, Found};
use crate::domain::configuration::{Configuration, Usage, UsageOf};
use crate::domain::definition::{DefinitionKey, DefinitionVersion};
use crate::domain::event::Seq;
use crate::domain::issue::Issue;
use crate::domain::name::{ActionName, IssueName, MemberName, Principal, ProjectId};
use crate::domain::people::{Nesting, Standing};
use crate::domain::project::Project;
use crate::domain::reader::View;
use crate::domain::working_set::Rows;

prepared!(Now() -> Timestamptz, "select potts_now()");

prepared!(OrderLock(key: i64 => BigInt) -> (), "select pg_advisory_xact_lock({key})");

prepared!(
    Versions(projects: Vec<&'a str> => Array<Text>, kinds: Vec<&'a str> => Array<Text>)
        -> (Text, Text, BigInt),
    "select d.project, d.kind, d.version from unnest({projects}, {kinds}) as u (project, kind) \
     cross join lateral (select * from definition_versions d \
     where d.project = u.project and d.kind = u.kind limit 1) as d"
);

/// What is looked up before anything is locked.
#[derive(Debug, Default)]
pub struct Resolve<'a> {
    /// Calls that may have been acknowledged before.
    pub calls: Vec<(&'a str, Uuid)>,
    /// Definitions whose versions are needed.
    pub definitions: Vec<DefinitionKey>,
    /// Rows that commands need and cannot name.
    pub asks: Asks,
}

/// What was found.
#[derive(Debug)]
pub struct Resolved {
    /// The time of the batch.
    pub now: Timestamp,
    /// The calls that were acknowledged before.
    pub known: Vec<KnownRequest>,
    /// The versions of the definitions; those that do not exist are not there.
    pub versions: Vec<DefinitionVersion>,
    /// The rows that were asked for, as they were before anything was locked.
    pub found: Found,
}

/// The connection of a lane, made anew whenever the last one broke.
#[derive(Debug)]
pub struct Session {
    connector: Connector,
    conn: Option<Conn>,
}

struct Conn(AsyncPgConnection);

impl std::fmt::Debug for Conn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Conn")
    }
}

impl Session {
    pub(super) fn new(connector: Connector) -> Session {
        Session { connector, conn: None }
    }

    /// Makes a connection if there is none.
    pub async fn connect(&mut self) -> Result<()> {
        if self.conn.is_none() {
            self.conn = Some(Conn(self.connector.connect(Purpose::Lane).await?));
        }
        Ok(())
    }

    /// Opens a transaction, which [`Tx::begin`] begins.
    pub async fn open(&mut self) -> Result<Tx<'_>> {
        self.connect().await?;
        Ok(Tx { session: self, ended: false })
    }

    /// Waits until every commit under way has ended one way or the other, then looks up which of
    /// these calls were acknowledged.
    pub async fn settle(&mut self, calls: &[(&str, Uuid)]) -> Result<Vec<KnownRequest>> {
        let tx = self.open().await?;
        begin(tx.conn()).await?;
        // A backend inside its commit holds the order lock to the end.
        let mut lock = tx.writes();
        lock.add(OrderLock { key: lock_order::ORDER_LOCK, _of: PhantomData });
        lock.send().await?;
        let known = request::find(tx.conn(), calls).await?;
        tx.roll_back().await?;
        Ok(known)
    }
}

async fn begin(mut conn: &AsyncPgConnection) -> Result<()> {
    Ok(conn.batch_execute("begin").await?)
}

async fn now(mut conn: &AsyncPgConnection) -> Result<Timestamp> {
    let now: PgTimestamp = Now { _of: PhantomData }.get_result(&mut conn).await?;
    Ok(time::from_sql(now))
}

async fn versions(
    mut conn: &AsyncPgConnection,
    definitions: &[DefinitionKey],
) -> Result<Vec<DefinitionVersion>> {
    if definitions.is_empty() {
        return Ok(Vec::new());
    }
    let projects = definitions.iter().map(DefinitionKey::project_id).collect();
    let kinds = definitions.iter().map(|key| key.kind.as_str()).collect();
    let rows = Versions { projects, kinds, _of: PhantomData }.load(&mut conn).await?;
    Ok(rows.into_iter().filter_map(definition::version).collect())
}

/// An open transaction.
#[derive(Debug)]
pub struct Tx<'a> {
    session: &'a mut Session,
    ended: bool,
}

impl Drop for Tx<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.session.conn = None;
        }
    }
}

impl Tx<'_> {
    fn conn(&self) -> &AsyncPgConnection {
        &self.session.conn.as_ref().expect("a transaction has a connection").0
    }

    /// Begins, and looks up what is needed before anything is locked. All is sent at once, and
    /// whatever is asked next may be sent behind it.
    pub async fn begin(&self, resolve: &Resolve<'_>) -> Result<Resolved> {
        let conn = self.conn();
        let ((), now, known, versions, found) = tokio::try_join!(
            biased;
            heard(begin(conn)),
            heard(now(conn)),
            heard(request::find(conn, &resolve.calls)),
            heard(versions(conn, &resolve.definitions)),
            asks::find(conn, &resolve.asks),
        )?;
        Ok(Resolved { now, known, versions, found })
    }

    /// Looks up what cannot be named: not locked.
    pub async fn find(&self, asks: &Asks) -> Result<Found> {
        asks::find(self.conn(), asks).await
    }

    /// Locks and loads the rows of these keys. May be sent together with others, and behind
    /// [`Tx::begin`].
    pub async fn lock<N: Table>(&self, keys: &BTreeSet<N::Key>) -> Result<Rows<N>> {
        if keys.is_empty() {
            return Ok(Rows::default());
        }
        Ok(Rows::load(keys, heard(N::lock(self.conn(), keys)).await?))
    }

    /// What is to be written, which [`Tx::append`] sends.
    pub fn writes(&self) -> Writes<'_> {
        Writes::new(self.conn())
    }

    /// The id of an event, if the log still has it.
    pub async fn event_id(&self, seq: Seq) -> Result<Option<Uuid>> {
        let stretch = Stretch::one(seq);
        let rows = log_page::page(self.conn(), stretch, &View::of_everything()).await?;
        Ok(rows.into_iter().next().map(|row| row.event_id))
    }

    /// The projects of these ids, as definitions: not locked.
    pub async fn projects(&self, ids: &[&ProjectId]) -> Result<Vec<Project>> {
        project::find(self.conn(), ids).await
    }

    /// All configuration of a project, with all revisions: not locked.
    pub async fn configurations(&self, project: &ProjectId) -> Result<Vec<Configuration>> {
        configuration::all(self.conn(), project).await
    }

    /// Which open issues use a piece of configuration: not locked.
    pub async fn usage(&self, of: &UsageOf) -> Result<Usage> {
        configuration::usage(self.conn(), of).await
    }

    /// The names of actions that are asked for: not locked, but their issues are.
    pub async fn find_actions(&self, asks: &ActionAsks) -> Result<BTreeSet<ActionName>> {
        action::find_asked(self.conn(), asks).await
    }

    /// Up to `take` ready actions that somebody may claim, locked, the first ones first. What
    /// others have locked is passed over.
    pub async fn draw_actions(
        &self,
        draw: &Draw,
        standing: &Standing,
        take: usize,
    ) -> Result<Vec<Action>> {
        action::draw(self.conn(), draw, standing, take).await
    }

    /// The standing of these people, of those that exist: not locked.
    pub async fn standings(&self, people: &[&Principal]) -> Result<Vec<Standing>> {
        standing::find(self.conn(), people).await
    }

    /// Which groups are in which: not locked.
    pub async fn nesting(&self) -> Result<Nesting> {
        group::nesting(self.conn()).await
    }

    /// As what members these people are known in these projects, by themselves: not locked.
    pub async fn memberships(
        &self,
        projects: &[&ProjectId],
        people: &BTreeSet<Principal>,
    ) -> Result<BTreeMap<(ProjectId, Principal), MemberName>> {
        member::known(self.conn(), projects, people).await
    }

    /// Those of these issues that not everybody may see who may read their project: not locked.
    pub async fn restricted_issues(&self, names: &BTreeSet<IssueName>) -> Result<Vec<Issue>> {
        issue::restricted(self.conn(), names).await
    }

    /// Writes, takes the order lock, appends to the log, and answers the head before it.
    ///
    /// All is sent at once, which saves round trips under the lock. The append is a statement of
    /// its own, because under READ COMMITTED only one that begins after the lock is held sees what
    /// its last holder appended.
    pub async fn append(&self, mut writes: Writes<'_>, append: &Append<'_>) -> Result<Seq> {
        writes.add(OrderLock { key: lock_order::ORDER_LOCK, _of: PhantomData });
        let append = log::append(self.conn(), append);
        let ((), head) = tokio::try_join!(biased; writes.send(), heard(append))?;
        Ok(head)
    }

    /// Commits. A failure means that nobody knows whether it did.
    pub async fn commit(mut self) -> Result<()> {
        let mut conn = self.conn();
        conn.batch_execute("commit").await?;
        self.ended = true;
        Ok(())
    }

    /// Gives everything up.
    pub async fn roll_back(mut self) -> Result<()> {
        let mut conn = self.conn();
        conn.batch_execute("rollback").await?;
        self.ended = true;
        Ok(())
    }
}
