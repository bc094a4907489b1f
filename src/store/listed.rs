//! Pages of lists, and where the log ended when they were read.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};

use super::error::Result;
use super::log::{self, LogEnd};
use super::pipelined::heard;
use crate::domain::event::Seq;

/// A page of a list, and where the log ended when it was read.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The end of the log in the same snapshot, if it was asked for.
    pub log: Option<LogEnd>,
}

/// Reads a page by one statement; with a known head also the end of the log, in the same snapshot.
/// All is sent at once, but for the commit: it would overtake a page that is not prepared yet.
macro_rules! listed {
    ($store:expr, $known_head:expr, $deadline:expr, $conn:ident => $rows:expr) => {{
        let mut reader = $store.read.get(Some($deadline)).await?;
        let listed = async {
            let $conn = &*reader.conn();
            if $known_head.is_none() {
                return Ok($crate::store::Listed { rows: $rows.await?, log: None });
            }
            let begun = $crate::store::listed::begin($conn, $known_head);
            let (log, rows) = tokio::try_join!(biased; begun, $crate::store::pipelined::heard($rows))?;
            let log = $crate::store::listed::end($conn, $known_head, log).await?;
            Ok($crate::store::Listed { rows, log })
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

/// Ends what [`begin`] began, and answers where the log ends in it, however far from there.
pub(super) async fn end(
    mut conn: &AsyncPgConnection,
    known: Option<Seq>,
    near: Option<LogEnd>,
) -> Result<Option<LogEnd>> {
    let log = match known.zip(near) {
        Some((known, near)) => Some(match log::is_near(&near, known) {
            Ok(()) => near,
            Err(next) => log::end(conn, next).await?,
        }),
        None => None,
    };
    conn.batch_execute("commit").await?;
    Ok(log)
}
