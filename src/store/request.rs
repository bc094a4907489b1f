//! The table `requests`: calls that were acknowledged.

use std::marker::PhantomData;

use diesel::sql_types::{Array, BigInt, Binary, Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::error::Result;
use super::prepared::prepared;
use crate::domain::event::Seq;

/// A call that was acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownRequest {
    /// Who called.
    pub caller: String,
    /// The id of the call.
    pub request_id: Uuid,
    /// What was called.
    pub fingerprint: Vec<u8>,
    /// What it was answered.
    pub names: Vec<String>,
    /// Whether it changed anything.
    pub changed: bool,
    /// Where the log ended after it.
    pub last_seq: Seq,
}

prepared!(
    Find(callers: Vec<&'a str> => Array<Text>, ids: Vec<Uuid> => Array<SqlUuid>)
        -> (Text, SqlUuid, Binary, Array<Text>, Bool, BigInt),
    "select r.caller, r.request_id, r.fingerprint, r.names, r.changed, r.last_seq \
     from unnest({callers}, {ids}) as u (caller, request_id) cross join lateral \
     (select * from requests r where r.caller = u.caller and r.request_id = u.request_id \
     limit 1) as r"
);

type Row = (String, Uuid, Vec<u8>, Vec<String>, bool, i64);

/// Those of these calls that were acknowledged.
pub(super) async fn find(
    mut conn: &AsyncPgConnection,
    calls: &[(&str, Uuid)],
) -> Result<Vec<KnownRequest>> {
    let (callers, ids) = calls.iter().copied().unzip();
    let find = Find { callers, ids, _of: PhantomData };
    let rows: Vec<Row> = find.load(&mut conn).await?;
    let known = |(caller, request_id, fingerprint, names, changed, last_seq)| {
        let last_seq = Seq(last_seq);
        KnownRequest { caller, request_id, fingerprint, names, changed, last_seq }
    };
    Ok(rows.into_iter().map(known).collect())
}
