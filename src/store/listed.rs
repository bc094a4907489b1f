//! Pages of lists, and where the log ended when they were read.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};

use super::error::Result;
use super::log::{self, LogState};
use super::log_page::{self, PageRow, Stretch};
use crate::domain::event::Seq;
use crate::domain::reader::View;

/// Where a log ended, and the event there, if there is one.
pub type LogEnd = (LogState, Option<PageRow>);

/// A page of a list, and where the log ended when it was read.
#[derive(Clone, Debug)]
pub struct Listed<T> {
    /// The rows.
    pub rows: Vec<T>,
    /// The end of the log in the same snapshot, if it was asked for.
    pub log: Option<LogEnd>,
}

/// Reads a page by one statement; with a known head also the end of the log, in the same snapshot.
macro_rules! listed {
    ($store:expr, $known_head:expr, $deadline:expr, $conn:ident => $rows:expr) => {{
        let mut reader = $store.read.get(Some($deadline)).await?;
        let $conn = reader.conn();
        let listed = async {
            let log = $crate::store::listed::begin_snapshot($conn, $known_head).await?;
            let rows = $rows.await?;
            $crate::store::listed::end_snapshot($conn, $known_head).await?;
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
            $crate::store::listed::begin($conn).await?;
            let log = match $known_head {
                Some(known) => Some($crate::store::listed::log_end($conn, known).await?),
                None => None,
            };
            let rows = $rows.await?;
            $crate::store::listed::end($conn).await?;
            Ok($crate::store::Listed { rows, log })
        };
        let listed = listed.await;
        reader.give_back(listed).await
    }};
}

pub(super) use {listed, listed_whole};

/// One snapshot for all that follows.
pub(super) async fn begin(conn: &mut AsyncPgConnection) -> Result<()> {
    Ok(conn.batch_execute("begin isolation level repeatable read read only").await?)
}

/// Ends what [`begin`] began.
pub(super) async fn end(conn: &mut AsyncPgConnection) -> Result<()> {
    Ok(conn.batch_execute("commit").await?)
}

/// Where the log ends in this snapshot.
pub(super) async fn log_end(conn: &mut AsyncPgConnection, known: Seq) -> Result<LogEnd> {
    let state = log::state(conn, known).await?;
    let last = log_page::page(conn, Stretch::one(state.head), &View::of_everything()).await?;
    Ok((state, last.into_iter().next()))
}

/// One snapshot for all that follows, if the end of the log is asked for.
pub(super) async fn begin_snapshot(
    conn: &mut AsyncPgConnection,
    known_head: Option<Seq>,
) -> Result<Option<LogEnd>> {
    let Some(known) = known_head else { return Ok(None) };
    begin(conn).await?;
    log_end(conn, known).await.map(Some)
}

/// Ends what [`begin_snapshot`] began.
pub(super) async fn end_snapshot(
    conn: &mut AsyncPgConnection,
    known_head: Option<Seq>,
) -> Result<()> {
    if known_head.is_some() {
        end(conn).await?;
    }
    Ok(())
}
