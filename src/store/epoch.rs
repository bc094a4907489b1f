//! The epoch: which log this is. A new one makes every cursor of before be refused.

use std::marker::PhantomData;

use diesel::OptionalExtension as _;
use diesel::sql_types::{BigInt, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};
use uuid::Uuid;

use super::error::Result;
use super::lock_order;
use super::prepared::prepared;
use crate::domain::event::Seq;

prepared!(Current() -> SqlUuid, "select epoch from log_state");

prepared!(
    EventId(seq: i64 => BigInt) -> SqlUuid,
    "select event_id from events where seq = {seq}"
);

prepared!(
    Renew() -> SqlUuid,
    "update log_state set epoch = gen_random_uuid() returning epoch"
);

/// Begins a transaction that nobody appends beside.
async fn begin(conn: &mut AsyncPgConnection) -> Result<()> {
    // Under the lock the next statement sees every append.
    let begin = format!("begin; select pg_advisory_xact_lock({})", lock_order::ORDER_LOCK);
    Ok(conn.batch_execute(&begin).await?)
}

/// Draws a new epoch, whatever the log holds.
pub(super) async fn renew(conn: &mut AsyncPgConnection) -> Result<Uuid> {
    begin(conn).await?;
    let epoch = Renew { _of: PhantomData }.get_result(conn).await?;
    conn.batch_execute("commit").await?;
    Ok(epoch)
}

/// Draws a new epoch if the log does not have an event that it had: one whose id ends so. Of many
/// that have seen it, the first one draws. Answers whether the event is lost.
///
/// A copy of the database that lags behind cannot write, so it fails here and loses nothing.
pub(super) async fn renew_if_lost(
    conn: &mut AsyncPgConnection,
    epoch: Uuid,
    seq: Seq,
    id_tail: [u8; 8],
) -> Result<bool> {
    begin(conn).await?;
    let id = EventId { seq: seq.0, _of: PhantomData };
    let id: Option<Uuid> = id.get_result(conn).await.optional()?;
    let is_lost = id.is_none_or(|id| !id.as_bytes().ends_with(&id_tail));
    let current: Uuid = Current { _of: PhantomData }.get_result(conn).await?;
    if is_lost && current == epoch {
        Renew { _of: PhantomData }.get_result::<Uuid>(conn).await?;
    }
    conn.batch_execute("commit").await?;
    Ok(is_lost || current != epoch)
}
