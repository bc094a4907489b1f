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
mod epoch;
mod error;
mod explained;
mod facts;
mod group;
mod hint;
mod horizon;
mod issue;
mod issue_list;
mod listed;
pub mod lock_order;
mod log;
mod log_page;
mod member;
mod message;
pub mod migrate;
mod partition;
mod people;
mod pipelined;
mod pool;
mod prepared;
mod project;
mod purge;
mod query;
mod reference;
mod relation;
mod request;
mod sight;
mod standing;
mod stored;
mod sweep;
mod table;
mod time;
mod transact;
mod visible;
mod writes;

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

pub use action::{ActionList, ActionsOf, Attempts, Ended, GatePlace};
pub use agenda::{AgendaQuery, AgendaRead};
pub use connect::{Connector, Purpose};
pub use consumer::{
    BehindMax, ConsumerBehind, ConsumerLook, ConsumerProgress, ConsumersBehind, ParkedRow,
};
pub use credential::LetIn;
pub use error::{Fault, Result, SqlError};
pub use facts::{Facts, VERSION_MIN, facts};
pub use hint::{Hinter, Listener};
pub use horizon::{Archive, EndedPartition, GRACE as HORIZON_GRACE, Horizon, PartitionState};
pub use issue_list::IssueList;
pub use listed::Listed;
use listed::listed;
pub use log::{Append, LogEnd, LogRow, LogState, NewEvent, NewRequest};
pub use log_page::{PageRow, RawRow, Stretch};
pub use partition::{AHEAD as PARTITIONS_AHEAD, EVENTS as PARTITION_EVENTS};
pub use purge::ISSUES_MAX as PURGE_ISSUES_MAX;
pub use query::Selection;
pub use request::KnownRequest;
pub use sight::Sight;
pub use sweep::ROWS_MAX as SWEEP_ROWS_MAX;
pub use table::Table;
pub use transact::{Resolve, Resolved, Session, Tx};
pub use writes::Writes;

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

    /// All relations of an issue, from either end, oldest first; with `known_head` also the end of
    /// the log in the same snapshot.
    pub async fn relations(
        &self,
        name: &IssueName,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Relation>> {
        listed!(self, known_head, deadline, conn => relation::of_issue(conn, name))
    }

    /// A revision of a piece of configuration, also of a deleted one, the newest if none is named;
    /// none of what is built in.
    pub async fn configuration(
        &self,
        name: &ConfigurationName,
        revision: Option<i64>,
        deadline: Instant,
    ) -> Result<Option<Configuration>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = match revision {
            None => configuration::newest(reader.conn(), name).await,
            Some(revision) => configuration::revision(reader.conn(), name, revision).await,
        };
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
        listed!(self, known_head, deadline, conn =>
            configuration::page(conn, project, kind, after, limit))
    }

    /// Projects, of some or of all; with `known_head` also the end of the log in the same snapshot.
    pub async fn projects(
        &self,
        among: Option<&[&ProjectId]>,
        selection: &Selection<'_>,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Project>> {
        listed!(self, known_head, deadline, conn => project::page(conn, among, selection))
    }

    /// Issues of a project; with `known_head` also the end of the log in the same snapshot.
    pub async fn issues(
        &self,
        asked: &IssueList<'_>,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Issue>> {
        listed!(self, known_head, deadline, conn => issue_list::page(conn, asked))
    }

    /// One comment.
    pub async fn comment(&self, name: &CommentName, deadline: Instant) -> Result<Option<Comment>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = comment::find(reader.conn(), name).await;
        reader.give_back(found).await
    }

    /// Comments on a parent after a number; with `known_head` also the end of the log in the same
    /// snapshot.
    pub async fn comments(
        &self,
        parent: &CommentParent,
        after: i64,
        limit: i64,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Comment>> {
        listed!(self, known_head, deadline, conn => comment::page(conn, parent, after, limit))
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

    /// References of a parent after a number; with `known_head` also the end of the log in the same
    /// snapshot.
    pub async fn references(
        &self,
        parent: &ReferenceParent,
        after: i64,
        limit: i64,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Reference>> {
        listed!(self, known_head, deadline, conn => reference::page(conn, parent, after, limit))
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
        let end = log::end(reader.conn(), known).await;
        Ok(reader.give_back(end).await?.state)
    }

    /// Every event after one place, up to and including another; and before them the event of the
    /// place itself, without its body, if the log has it.
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

    /// Every event after one place, up to and including another, as it is stored.
    pub async fn log_raw(&self, after: Seq, to: Seq) -> Result<Vec<RawRow>> {
        let mut reader = self.stream.get(None).await?;
        let rows = log_page::raw(reader.conn(), after, to).await;
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

    /// The hand that moves the beginning of the log; none if another replica has it.
    pub async fn horizon(&self) -> Result<Option<Horizon>> {
        Horizon::take(self.connector.connect(Purpose::Keep).await?).await
    }

    /// How many events there are after one place, up to and including another: looks at each.
    pub async fn count_events(&self, after: Seq, to: Seq) -> Result<i64> {
        let conn = self.connector.connect(Purpose::Keep).await?;
        log::count(&conn, after, to).await
    }

    /// The archives that were made, by the numbers of their partitions.
    pub async fn archives(&self) -> Result<Vec<(i64, Archive)>> {
        let mut conn = self.connector.connect(Purpose::Keep).await?;
        horizon::archives(&mut conn).await
    }

    /// Draws a new epoch: every cursor of before is refused from now on. Answers it.
    pub async fn new_epoch(&self) -> Result<Uuid> {
        let mut conn = self.connector.connect(Purpose::Keep).await?;
        epoch::renew(&mut conn).await
    }

    /// Draws a new epoch if the log of this one has lost an event, whose id ended so. Answers
    /// whether it has.
    pub async fn new_epoch_if_lost(&self, epoch: Uuid, seq: Seq, id_tail: [u8; 8]) -> Result<bool> {
        let mut conn = self.connector.connect(Purpose::Keep).await?;
        epoch::renew_if_lost(&mut conn, epoch, seq, id_tail).await
    }

    /// Forgets what is kept for a time only. Answers how many rows went.
    pub async fn sweep(&self, requests_kept: Duration) -> Result<usize> {
        let mut conn = self.connector.connect(Purpose::Keep).await?;
        sweep::sweep(&mut conn, requests_kept).await
    }

    /// Takes away for good issues that were deleted too long ago to be brought back. Answers how
    /// many went; [`PURGE_ISSUES_MAX`] means that there may be more.
    pub async fn purge(&self) -> Result<usize> {
        let mut conn = self.connector.connect(Purpose::Keep).await?;
        purge::purge(&mut conn).await
    }
}
