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
