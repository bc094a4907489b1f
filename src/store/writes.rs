//! What a batch writes: statements that are sent one behind the other, and answered together.
//!
//! Nothing is awaited between them, so all of them cost one round trip; [`super::pipelined`] says
//! why they keep their order.

use std::future::poll_fn;
use std::task::Poll;

use diesel::pg::Pg;
use diesel::query_builder::{QueryFragment, QueryId};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use futures_util::future::{BoxFuture, FutureExt as _};

use super::error::Result;
use super::table::Table;
use crate::domain::working_set::{Changes, Rows};

/// Statements that write, in order.
pub struct Writes<'a> {
    conn: &'a AsyncPgConnection,
    statements: Vec<BoxFuture<'a, Result<()>>>,
}

impl std::fmt::Debug for Writes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Writes({})", self.statements.len())
    }
}

impl<'a> Writes<'a> {
    pub(super) fn new(conn: &'a AsyncPgConnection) -> Writes<'a> {
        Writes { conn, statements: Vec::new() }
    }

    /// Adds what has become of rows: a statement for those that are gone, one for changed ones, one
    /// for new ones.
    pub fn rows<N: Table>(&mut self, rows: &'a Rows<N>) {
        let Changes { new, changed, gone } = rows.changes();
        if !gone.is_empty() {
            N::delete(self, &gone);
        }
        if !changed.is_empty() {
            N::replace(self, &changed);
        }
        if !new.is_empty() {
            N::insert(self, &new);
        }
    }

    /// Adds a statement.
    pub(super) fn add(&mut self, statement: impl QueryFragment<Pg> + QueryId + Send + 'a) {
        self.push(statement, None);
    }

    /// Adds a statement that changes rows that are locked. They cannot go away: any other number of
    /// rows is a defect.
    pub(super) fn exactly(
        &mut self,
        rows: usize,
        statement: impl QueryFragment<Pg> + QueryId + Send + 'a,
    ) {
        self.push(statement, Some(rows));
    }

    fn push(
        &mut self,
        statement: impl QueryFragment<Pg> + QueryId + Send + 'a,
        expected: Option<usize>,
    ) {
        let mut conn = self.conn;
        let executed = async move {
            let written = statement.execute(&mut conn).await?;
            if let Some(rows) = expected {
                assert_eq!(written, rows, "rows locked by the load cannot go away");
            }
            Ok(())
        };
        self.statements.push(executed.boxed());
    }

    /// Sends all of them. Of several errors it answers the first: behind a statement that failed
    /// all others fail, and say nothing of why.
    pub(super) async fn send(self) -> Result<()> {
        let mut statements: Vec<_> = self.statements.into_iter().map(|sent| (sent, None)).collect();
        // Always from the first to the last, so that none is begun before those in front of it.
        poll_fn(|cx| {
            for (statement, outcome) in &mut statements {
                if outcome.is_none()
                    && let Poll::Ready(done) = statement.poll_unpin(cx)
                {
                    *outcome = Some(done);
                }
            }
            let all = statements.iter().all(|(_, outcome)| outcome.is_some());
            if all { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        statements.into_iter().filter_map(|(_, outcome)| outcome).collect()
    }
}
