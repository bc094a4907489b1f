//! What is next for somebody: each bucket is read by a statement of its own, all in one snapshot.
//!
//! Each statement begins with what an index gives, at most so many rows, and finds the rest row by
//! row: the work is bounded by what is looked at, however much lies in the tables.

mod rows;
mod statements;

use std::marker::PhantomData;

use diesel::sql_types::{Array, Nullable, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};
use tokio::time::Instant;

use self::rows::{action, issue};
use self::statements::{Aware, Next, Now, Parallel, PrepareActions, PrepareIssues, Review};
use super::error::Result;
use super::explained::Explained;
use super::listed;
use super::log::LogEnd;
use super::prepared::prepared;
use super::{Store, stored};
use crate::domain::agenda::{Agenda, Item, Projects};
use crate::domain::event::Seq;
use crate::domain::name::ProjectId;
use crate::domain::people::Standing;

/// Whose agenda.
#[derive(Clone, Copy, Debug)]
pub struct AgendaQuery<'a> {
    /// Theirs.
    pub actor: &'a Standing,
    /// Who else reads it; none is nobody else.
    pub reader: Option<&'a Standing>,
    /// What of; none is all projects.
    pub projects: &'a Projects,
    /// How many items a bucket has at most.
    pub size: usize,
}

/// The agenda, and where the log ended when it was read.
pub type AgendaRead = (Agenda, Option<LogEnd>);

prepared!(
    Live(only: Option<Vec<&'a str>> => Nullable<Array<Text>>) -> Text,
    "select id from projects where deleted_at is null and ({only} is null or id = any({only})) \
     order by id"
);

/// The projects that are there, of those that were asked about.
async fn live(conn: &mut AsyncPgConnection, projects: &Projects) -> Result<Vec<ProjectId>> {
    let only = projects.as_ref().map(|some| some.iter().map(ProjectId::as_str).collect());
    let ids: Vec<String> = Live { only, _of: PhantomData }.load(conn).await?;
    Ok(ids.iter().map(|id| stored::project_id(id)).collect())
}

/// The rows of one statement.
macro_rules! items {
    ($conn:ident, $query:ident, $live:ident, $name:ident, $need:expr, $item:ident) => {{
        let rows: Vec<_> = $name::of($query, &$live, $need).load($conn).await?;
        rows.into_iter().map($item).collect::<Vec<Item>>()
    }};
}

/// What each bucket is made of; it is not arranged yet.
async fn read(conn: &mut AsyncPgConnection, query: &AgendaQuery<'_>) -> Result<Agenda> {
    let live = live(conn, query.projects).await?;
    if live.is_empty() {
        return Ok(Agenda::default());
    }
    // Making the plans anew would take longer than carrying them out. They are made of indexes
    // alone, and again whenever there are new statistics.
    conn.batch_execute("set local plan_cache_mode = auto").await?;
    let [now, parallel, next, review, aware, prepare] = Agenda::needs(query.size);
    let mut agenda = Agenda {
        now: items!(conn, query, live, Now, now, action),
        parallel: items!(conn, query, live, Parallel, parallel, action),
        next: items!(conn, query, live, Next, next, action),
        review: items!(conn, query, live, Review, review, issue),
        aware: items!(conn, query, live, Aware, aware, issue),
        prepare: items!(conn, query, live, PrepareActions, prepare, action),
    };
    agenda.prepare.extend(items!(conn, query, live, PrepareIssues, prepare, issue));
    Ok(agenda)
}

macro_rules! plans {
    ($conn:ident, $query:ident, $live:ident, $($name:ident),* $(,)?) => {
        [$({
            let statement = $name::of($query, &$live, $query.size);
            let statement = Explained { carried_out: false, statement };
            let lines: Vec<String> = statement.load($conn).await?;
            (stringify!($name), lines.join("\n"))
        }),*]
    };
}

async fn plans(
    conn: &mut AsyncPgConnection,
    query: &AgendaQuery<'_>,
) -> Result<Vec<(&'static str, String)>> {
    let live = live(conn, query.projects).await?;
    let plans = plans!(
        conn,
        query,
        live,
        Now,
        Parallel,
        Next,
        Review,
        Aware,
        PrepareActions,
        PrepareIssues,
    );
    Ok(plans.into())
}

impl Store {
    /// What is next for somebody, and the end of the log in the same snapshot.
    pub async fn agenda(
        &self,
        query: &AgendaQuery<'_>,
        known_head: Seq,
        deadline: Instant,
    ) -> Result<AgendaRead> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let found = async {
            let log = listed::begin(conn, Some(known_head)).await?;
            let agenda = read(conn, query).await?;
            let log = listed::end(conn, Some(known_head), log).await?;
            Ok((agenda.arranged(query.size), log))
        };
        let found = found.await;
        reader.give_back(found).await
    }

    /// How the statements of [`Store::agenda`] would be carried out: their names, and PostgreSQL's
    /// plans as text. Tests hold them to indexes.
    pub async fn plans_of_agenda(
        &self,
        query: &AgendaQuery<'_>,
        deadline: Instant,
    ) -> Result<Vec<(&'static str, String)>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let plans = plans(reader.conn(), query).await;
        reader.give_back(plans).await
    }
}
