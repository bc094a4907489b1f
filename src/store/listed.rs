//! Pages of lists, and where the log ended when they were read.

use std::marker::PhantomData;

use diesel_async::{AsyncPgConnection, RunQueryDsl as _, SimpleAsyncConnection as _};

use super::error::Result;
use super::log::{self, LogEnd};
use super::pipelined::heard;
use super::prepared::prepared;
use crate::domain::event::Seq;

/// A page of a list, and where the log ended when it was read.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The end of the log in the same snapshot, if it was asked for.
    pub log: Option<LogEnd>,
}

prepared!(Commit() -> (), "commit");

/// Reads a page by one statement; with a known head also the end of the log, in the same snapshot.
/// All is sent at once.
macro_rules! listed {
    ($store:expr, $known_head:expr, $deadline:expr, $conn:ident => $rows:expr) => {{
        let mut reader = $store.read.get(Some($deadline)).await?;
        let listed = async {
            let $conn = &*reader.conn();
            let mut known = $known_head;
            loop {
                if known.is_none() {
                    return Ok($crate::store::Listed { rows: $rows.await?, log: None });
                }
                let (log, rows, ()) = tokio::try_join!(
                    biased;
                    $crate::store::listed::begin($conn, known),
                    $crate::store::pipelined::heard($rows),
                    $crate::store::pipelined::heard($crate::store::listed::commit($conn)),
                )?;
                match $crate::store::listed::end_of(known, log) {
                    Ok(()) => return Ok($crate::store::Listed { rows, log }),
                    Err(next) => known = Some(next),
                }
            }
        };
        let listed = listed.await;
        reader.give_back(listed).await
    }};
}

/// Reads a page by several statements, which always share a snapshot; with a known head also the
/// end of the log in it.
macro_rules! listed_whole {
    ($store:expr, $known_head:expr, $deadline:expr, $conn:ident => $rows:expr) => {{
        let mut reader = $store.read.get(Some($deadline)).await?;
        let $conn = reader.conn();
        let listed = async {
            let log = $crate::store::listed::begin($conn, $known_head).await?;
            let rows = $rows.await?;
            let log = $crate::store::listed::end($conn, $known_head, log).await?;
            Ok($crate::store::Listed { rows, log })
        };
        let listed = listed.await;
        reader.give_back(listed).await
    }};
}

pub(super) use {listed, listed_whole};

/// Begins a snapshot for all that follows. With a head that was seen before, looks near it where
/// the log ends.
pub(super) async fn begin(conn: &AsyncPgConnection, known: Option<Seq>) -> Result<Option<LogEnd>> {
    let begun = async {
        let mut conn = conn;
        Ok(conn.batch_execute("begin isolation level repeatable read read only").await?)
    };
    let looked = async {
        match known {
            Some(known) => log::end_near(conn, known).await.map(Some),
            None => Ok(None),
        }
    };
    let ((), log) = tokio::try_join!(biased; heard(begun), heard(looked))?;
    Ok(log)
}

/// Whether the log ends where [`begin`] has found it; otherwise, from where on to look next.
pub(super) fn end_of(known: Option<Seq>, found: Option<LogEnd>) -> std::result::Result<(), Seq> {
    known.zip(found).map_or(Ok(()), |(known, found)| log::is_near(&found, known))
}

/// Ends what [`begin`] began. A prepared statement, so that it can be sent behind others.
pub(super) async fn commit(mut conn: &AsyncPgConnection) -> Result<()> {
    Commit { _of: PhantomData }.execute(&mut conn).await?;
    Ok(())
}

/// Ends what [`begin`] began, and answers where the log ends in it, however far from there.
pub(super) async fn end(
    conn: &AsyncPgConnection,
    known: Option<Seq>,
    near: Option<LogEnd>,
) -> Result<Option<LogEnd>> {
    let log = match end_of(known, near) {
        Ok(()) => near,
        Err(next) => Some(log::end(conn, next).await?),
    };
    commit(conn).await?;
    Ok(log)
}
