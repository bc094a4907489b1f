//! How a noun is stored: what the ledger needs of each table, and nothing else.

use std::collections::BTreeSet;

use diesel_async::AsyncPgConnection;

use super::error::Result;
use crate::domain::working_set::Noun;

/// A noun that has a table.
pub trait Table: Noun {
    /// What the table is called.
    const NAME: &'static str;

    /// Locks the rows of these keys, in their order, and loads them.
    fn lock(
        conn: &mut AsyncPgConnection,
        keys: &BTreeSet<Self::Key>,
    ) -> impl Future<Output = Result<Vec<Self>>> + Send;

    /// Inserts new rows, in one statement.
    fn insert(
        conn: &mut AsyncPgConnection,
        rows: &[&Self],
    ) -> impl Future<Output = Result<()>> + Send;

    /// Deletes rows that are locked, in one statement.
    ///
    /// # Panics
    /// If rows of the noun are never deleted.
    fn delete(
        conn: &mut AsyncPgConnection,
        rows: &[&Self],
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = conn;
        assert!(rows.is_empty(), "rows of {} are never deleted", Self::NAME);
        async { Ok(()) }
    }

    /// Updates rows that are locked, knowing each as it was loaded and as it is.
    fn replace(
        conn: &mut AsyncPgConnection,
        rows: &[(&Self, &Self)],
    ) -> impl Future<Output = Result<()>> + Send {
        let new: Vec<&Self> = rows.iter().map(|(_, new)| *new).collect();
        async move { Self::update(conn, &new).await }
    }

    /// Updates rows that are locked, in one statement.
    fn update(
        conn: &mut AsyncPgConnection,
        rows: &[&Self],
    ) -> impl Future<Output = Result<()>> + Send;
}

/// Rows that are locked cannot go away: anything else is a defect.
pub(super) fn assert_written(written: usize, rows: usize) {
    assert_eq!(written, rows, "rows locked by the load cannot go away");
}
