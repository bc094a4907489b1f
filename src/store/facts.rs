//! What a database is like: for `potts doctor`, and for refusing one that is too old.

use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Bool, Integer, Text, Timestamptz};
use diesel_async::RunQueryDsl;
use jiff::Timestamp;

use super::connect::{Connector, Purpose};
use super::error::Result;
use super::prepared::prepared;
use super::time;

/// The oldest major version that has everything that the statements use.
pub const VERSION_MIN: i32 = 15;

prepared!(
    Look() -> (Text, Integer, Bool, Text, BigInt, Timestamptz),
    "select current_setting('server_version'), current_setting('server_version_num')::int / 10000, \
     pg_is_in_recovery() or current_setting('default_transaction_read_only') = 'on', \
     current_setting('fsync') || '/' || current_setting('full_page_writes'), \
     pg_database_size(current_database()), statement_timestamp()"
);

/// What a database is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// As it calls itself: `15.18`.
    pub version: String,
    /// The first part of that.
    pub major: i32,
    /// Whether it refuses to write.
    pub read_only: bool,
    /// Whether a power cut loses nothing that it acknowledged.
    pub durable: bool,
    /// How much it holds.
    pub bytes: i64,
    /// Its clock.
    pub now: Timestamp,
}

/// Looks at a database.
pub async fn facts(connector: &Connector) -> Result<Facts> {
    let mut conn = connector.connect(Purpose::Read).await?;
    let (version, major, read_only, safety, bytes, now): (_, _, _, String, _, PgTimestamp) =
        Look { _of: PhantomData }.get_result(&mut conn).await?;
    let durable = safety == "on/on";
    Ok(Facts { version, major, read_only, durable, bytes, now: time::from_sql(now) })
}
