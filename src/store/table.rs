//! How a noun is stored: what the ledger needs of each table, and nothing else.
//!
//! What is written is handed to [`Writes`], which sends it: no write waits for the answer of
//! another one.

use std::collections::BTreeSet;

use diesel_async::AsyncPgConnection;

use super::error::Result;
use super::writes::Writes;
use crate::domain::working_set::Noun;

/// A noun that has a table.
pub trait Table: Noun {
    /// What the table is called.
    const NAME: &'static str;

    /// Locks the rows of these keys, in their order, and loads them.
    fn lock(
        conn: &AsyncPgConnection,
        keys: &BTreeSet<Self::Key>,
    ) -> impl Future<Output = Result<Vec<Self>>> + Send;

    /// Inserts new rows.
    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]);

    /// Deletes rows that are locked.
    ///
    /// # Panics
    /// If rows of the noun are never deleted.
    fn delete<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        let _ = writes;
        assert!(rows.is_empty(), "rows of {} are never deleted", Self::NAME);
    }

    /// Updates rows that are locked, knowing each as it was loaded and as it is.
    fn replace<'a>(writes: &mut Writes<'a>, rows: &[(&'a Self, &'a Self)]) {
        let new: Vec<&'a Self> = rows.iter().map(|(_, new)| *new).collect();
        Self::update(writes, &new);
    }

    /// Updates rows that are locked.
    fn update<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]);
}
