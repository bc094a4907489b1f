//! Forgetting what is kept for a time only.

use std::marker::PhantomData;

use diesel::sql_types::BigInt;
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::consumer;
use super::error::Result;
use super::prepared::prepared;

/// How much goes at a time: more would hold locks for longer than a batch takes.
pub const ROWS_MAX: i64 = 5_000;

prepared!(
    Requests(seconds: i64 => BigInt, limit: i64 => BigInt) -> (),
    "delete from requests where (caller, request_id) in (select caller, request_id from requests \
     where created_at < potts_now() - make_interval(secs => {seconds}) limit {limit})"
);

prepared!(
    Messages(limit: i64 => BigInt) -> (),
    "delete from inbound_keys where (project, key) in (select project, key from inbound_keys \
     where expires_at < potts_now() limit {limit})"
);

/// Forgets calls older than `requests_kept`, messages whose time is over, and what consumers need
/// no more. Answers how many rows went; [`ROWS_MAX`] or more means that there may be more.
pub(super) async fn sweep(
    conn: &mut AsyncPgConnection,
    requests_kept: std::time::Duration,
) -> Result<usize> {
    let seconds = i64::try_from(requests_kept.as_secs()).unwrap_or(i64::MAX);
    let requests = Requests { seconds, limit: ROWS_MAX, _of: PhantomData };
    let messages = Messages { limit: ROWS_MAX, _of: PhantomData };
    let swept = requests.execute(conn).await? + messages.execute(conn).await?;
    let waiting = consumer::sweep_retries(conn, ROWS_MAX).await?;
    Ok(swept + waiting + consumer::sweep_parked(conn, ROWS_MAX).await?)
}
