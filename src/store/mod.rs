//! PostgreSQL: rows, statements, the log table, migrations.
//!
//! The only room that names diesel. Rows never leave it; it decides nothing.

mod action;
mod actor;
mod agenda;
mod asks;
mod comment;
mod configuration;
mod connect;
mod consumer;
mod counter;
mod credential;
mod definition;
mod error;
mod facts;
mod group;
mod hint;
mod issue;
mod issue_list;
pub mod lock_order;
mod log;
mod log_page;
mod member;
mod message;
pub mod migrate;
mod partition;
mod people;
mod pool;
mod prepared;
mod project;
mod query;
mod reference;
mod relation;
mod request;
mod standing;
mod stored;
mod sweep;
mod table;
mod time;
mod transact;
mod visible;

use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

pub use action::{ActionFilter, ActionKey, ActionQuery, ActionsOf, Ended, GatePlace};
pub use agenda::{AgendaQuery, AgendaRead};
pub use connect::{Connector, Purpose};
pub use consumer::{BehindMax, ConsumerLook, ConsumerProgress, ParkedRow};
pub use credential::LetIn;
pub use error::{Fault, Result, SqlError};
pub use facts::{Facts, VERSION_MIN, facts};
pub use hint::{Hinter, Listener};
pub use issue_list::IssueList;
pub use log::{Append, LogRow, LogState, NewEvent, NewRequest};
pub use log_page::{PageRow, Stretch};
pub use partition::{AHEAD as PARTITIONS_AHEAD, EVENTS as PARTITION_EVENTS};
pub use request::KnownRequest;
pub use sweep::ROWS_MAX as SWEEP_ROWS_MAX;
pub use table::Table;
pub use transact::{Resolve, Resolved, Session, Tx};

use crate::domain::comment::Comment;
use crate::domain::configuration::Configuration;
use crate::domain::event::Seq;
use crate::domain::issue::Issue;
use crate::domain::name::{
    CommentName, CommentParent, ConfigurationKind, ConfigurationName, IssueName, Principal,
    ProjectId, ReferenceName, ReferenceParent,
};
use crate::domain::people::Standing;
use crate::domain::project::Project;
use crate::domain::reader::View;
use crate::domain::reference::Reference;
use crate::domain::relation::Relation;

/// How many connections each kind of reader may hold.
#[derive(Clone, Copy, Debug)]
pub struct Connections {
    /// For gets and lists.
    pub read: usize,
    /// For pages of the log.
    pub stream: usize,
}

/// One database.
#[derive(Clone, Debug)]
pub struct Store {
    connector: Connector,
    read: pool::Readers,
    stream: pool::Readers,
}

/// A page of a list, and where the log ended when it was read.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The end of the log in the same snapshot, if it was asked for.
    pub log: Option<(LogState, Option<PageRow>)>,
}

impl Store {
    /// Prepares to talk to a database; nothing is connected yet.
    pub fn new(connector: Connector, connections: Connections) -> Store {
        let read = pool::Readers::new(connector.clone(), Purpose::Read, connections.read);
        let stream = pool::Readers::new(connector.clone(), Purpose::Stream, connections.stream);
        Store { connector, read, stream }
    }

    /// The connection of a lane.
    pub fn session(&self) -> Session {
        Session::new(self.connector.clone())
    }

    /// Tells other replicas that the log has grown.
    pub fn hinter(&self, replica: Uuid) -> Hinter {
        Hinter::new(self.connector.clone(), replica)
    }

    /// Hears that the log has grown.
    pub async fn listener(&self) -> Result<Listener> {
        Listener::new(&self.connector).await
    }

    /// The time, by the clock of the database: also a sign of life.
    pub async fn now(&self, deadline: Instant) -> Result<Timestamp> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let now = log::now(reader.conn()).await;
        reader.give_back(now).await
    }

    /// Whom the token of that digest lets in, disabled or not.
    pub async fn let_in(&self, hash: &[u8; 32], deadline: Instant) -> Result<Option<LetIn>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = credential::let_in(reader.conn(), hash).await;
        reader.give_back(found).await
    }

    /// What somebody may do; none is nobody that there is.
    pub async fn standing(&self, who: &Principal, deadline: Instant) -> Result<Option<Standing>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = standing::find(reader.conn(), &[who]).await;
        Ok(reader.give_back(found).await?.into_iter().next())
    }

    /// A project, deleted or not.
    pub async fn project(&self, id: &ProjectId, deadline: Instant) -> Result<Option<Project>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = project::find(reader.conn(), &[id]).await;
        Ok(reader.give_back(found).await?.into_iter().next())
    }

    /// An issue, hidden or not.
    pub async fn issue(&self, name: &IssueName, deadline: Instant) -> Result<Option<Issue>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = issue::find(reader.conn(), name).await;
        reader.give_back(found).await
    }

    /// All relations of an issue, from either end, oldest first.
    pub async fn relations(&self, name: &IssueName, deadline: Instant) -> Result<Vec<Relation>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = relation::of_issue(reader.conn(), name).await;
        reader.give_back(found).await
    }

    /// The newest revision of a piece of configuration, also of a deleted one; none of what is
    /// built in.
    pub async fn configuration(
        &self,
        name: &ConfigurationName,
        deadline: Instant,
    ) -> Result<Option<Configuration>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = configuration::newest(reader.conn(), name).await;
        reader.give_back(found).await
    }

    /// The configuration of a kind after an id, the newest revisions, without what is deleted or
    /// built in; with `known_head` also the end of the log in the same snapshot.
    pub async fn configurations(
        &self,
        project: &ProjectId,
        kind: ConfigurationKind,
        after: &str,
        limit: i64,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Configuration>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let listed = async {
            let log = begin_snapshot(conn, known_head).await?;
            let rows = configuration::page(conn, project, kind, after, limit).await?;
            end_snapshot(conn, known_head).await?;
            Ok(Listed { rows, log })
        };
        let listed = listed.await;
        reader.give_back(listed).await
    }

    /// Projects after an id, of some or of all; with `known_head` also the end of the log in the
    /// same snapshot.
    pub async fn projects(
        &self,
        among: Option<&[&ProjectId]>,
        after: &str,
        limit: i64,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Project>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let listed = async {
            let log = begin_snapshot(conn, known_head).await?;
            let rows = project::page(conn, among, after, limit).await?;
            end_snapshot(conn, known_head).await?;
            Ok(Listed { rows, log })
        };
        let listed = listed.await;
        reader.give_back(listed).await
    }

    /// Issues of a project; with `known_head` also the end of the log in the same snapshot.
    pub async fn issues(
        &self,
        asked: &IssueList<'_>,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Issue>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let listed = async {
            let log = begin_snapshot(conn, known_head).await?;
            let rows = issue_list::page(conn, asked).await?;
            end_snapshot(conn, known_head).await?;
            Ok(Listed { rows, log })
        };
        let listed = listed.await;
        reader.give_back(listed).await
    }

    /// One comment.
    pub async fn comment(&self, name: &CommentName, deadline: Instant) -> Result<Option<Comment>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = comment::find(reader.conn(), name).await;
        reader.give_back(found).await
    }

    /// Comments on a parent after a number.
    pub async fn comments(
        &self,
        parent: &CommentParent,
        after: i64,
        limit: i64,
        deadline: Instant,
    ) -> Result<Vec<Comment>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let page = comment::page(reader.conn(), parent, after, limit).await;
        reader.give_back(page).await
    }

    /// One reference.
    pub async fn reference(
        &self,
        name: &ReferenceName,
        deadline: Instant,
    ) -> Result<Option<Reference>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = reference::find(reader.conn(), name).await;
        reader.give_back(found).await
    }

    /// References of a parent after a number.
    pub async fn references(
        &self,
        parent: &ReferenceParent,
        after: i64,
        limit: i64,
        deadline: Instant,
    ) -> Result<Vec<Reference>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let page = reference::page(reader.conn(), parent, after, limit).await;
        reader.give_back(page).await
    }

    /// How [`Store::issues`] would be carried out: PostgreSQL's plan, as text. Tests hold it to
    /// indexes.
    pub async fn plan_of_issues(&self, asked: &IssueList<'_>, deadline: Instant) -> Result<String> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let plan = issue_list::plan(reader.conn(), asked).await;
        reader.give_back(plan).await
    }

    /// What the log is now; `known` is a head that was seen before.
    pub async fn log_state(&self, known: Seq) -> Result<LogState> {
        let mut reader = self.stream.get(None).await?;
        let state = log::state(reader.conn(), known).await;
        reader.give_back(state).await
    }

    /// Every event after one place, up to and including another.
    pub async fn tail(&self, after: Seq, to: Seq) -> Result<Vec<LogRow>> {
        let mut reader = self.stream.get(None).await?;
        let rows = log::tail(reader.conn(), after, to).await;
        reader.give_back(rows).await
    }

    /// A page of the log: what is seen of a stretch, oldest first, and the row of its last place.
    pub async fn log_page(&self, stretch: Stretch, view: &View) -> Result<Vec<PageRow>> {
        let mut reader = self.stream.get(None).await?;
        let rows = log_page::page(reader.conn(), stretch, view).await;
        reader.give_back(rows).await
    }

    /// What is seen of a stretch of the log, newest first.
    pub async fn log_newest(&self, stretch: Stretch, view: &View) -> Result<Vec<PageRow>> {
        let mut reader = self.stream.get(None).await?;
        let rows = log_page::newest(reader.conn(), stretch, view).await;
        reader.give_back(rows).await
    }

    /// The standing of these people, of those that exist.
    pub async fn standings(&self, people: &[Principal]) -> Result<Vec<Standing>> {
        let mut reader = self.stream.get(None).await?;
        let people: Vec<&Principal> = people.iter().collect();
        let standings = standing::find(reader.conn(), &people).await;
        reader.give_back(standings).await
    }

    /// The first place whose event was recorded at or after a time.
    pub async fn log_first_at(&self, state: LogState, at: Timestamp) -> Result<Seq> {
        let mut reader = self.stream.get(None).await?;
        let first = log::first_at(reader.conn(), state, at).await;
        reader.give_back(first).await
    }

    /// Makes partitions ahead of need. Answers how many are ready, none if another replica is at
    /// it.
    pub async fn keep_partitions(&self, known_head: Seq) -> Result<Option<i64>> {
        let mut conn = self.connector.connect(Purpose::Keep).await?;
        partition::keep(&mut conn, known_head).await
    }

    /// Forgets what is kept for a time only. Answers how many rows went.
    pub async fn sweep(&self, requests_kept: Duration) -> Result<usize> {
        let mut conn = self.connector.connect(Purpose::Keep).await?;
        sweep::sweep(&mut conn, requests_kept).await
    }
}

/// One snapshot for all that follows, if the end of the log is asked for.
async fn begin_snapshot(
    conn: &mut AsyncPgConnection,
    known_head: Option<Seq>,
) -> Result<Option<(LogState, Option<PageRow>)>> {
    let Some(known) = known_head else { return Ok(None) };
    conn.batch_execute("begin isolation level repeatable read read only").await?;
    let state = log::state(conn, known).await?;
    let last = log_page::page(conn, Stretch::one(state.head), &View::of_everything()).await?;
    Ok(Some((state, last.into_iter().next())))
}

async fn end_snapshot(conn: &mut AsyncPgConnection, known_head: Option<Seq>) -> Result<()> {
    if known_head.is_some() {
        conn.batch_execute("commit").await?;
    }
    Ok(())
}
