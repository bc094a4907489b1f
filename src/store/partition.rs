//! The partitions of the log, and who makes them ahead of need.

use std::marker::PhantomData;

use diesel::sql_types::{BigInt, Bool, Nullable};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};

use super::error::Result;
use super::prepared::prepared;
use super::{lock_order, log};
use crate::domain::event::Seq;

/// Larger ones take longer to drop, smaller ones are more tables to plan for.
pub const EVENTS: i64 = 2_000_000;
/// How many are kept ready behind the one in use. Fewer than two are worth an alarm.
pub const AHEAD: i64 = 4;

/// The partition of an event.
pub(super) fn of(seq: Seq) -> i64 {
    seq.0.max(0) / EVENTS
}

/// The name of a partition.
pub(super) fn table(index: i64) -> String {
    format!("events_{index:08}")
}

prepared!(
    Newest() -> Nullable<BigInt>,
    "select max(index) from event_partitions"
);

prepared!(
    /// Takes an advisory lock of the session, if it is free.
    TryLock(lock: i64 => BigInt) -> Bool,
    "select pg_try_advisory_lock({lock})"
);

/// Makes partitions until [`AHEAD`] are ready. Answers how many are; none if another replica is
/// at it.
pub(super) async fn keep(conn: &mut AsyncPgConnection, known_head: Seq) -> Result<Option<i64>> {
    let lock = TryLock { lock: lock_order::KEEPER_LOCK, _of: PhantomData };
    if !lock.get_result::<bool>(conn).await? {
        return Ok(None);
    }
    let ahead = make(conn, known_head).await;
    let unlock = format!("select pg_advisory_unlock({})", lock_order::KEEPER_LOCK);
    conn.batch_execute(&unlock).await?;
    ahead.map(Some)
}

async fn make(conn: &mut AsyncPgConnection, known_head: Seq) -> Result<i64> {
    // What lies before the beginning may be gone.
    let mut head = known_head.max(Seq(Start { _of: PhantomData }.get_result(conn).await?));
    let newest: Option<i64> = Newest { _of: PhantomData }.get_result(conn).await?;
    let mut newest = newest.unwrap_or(of(head) - 1);
    loop {
        // The head is looked up in its partition and the next: both must be there first.
        newest = attach_until(conn, newest, of(head) + 1).await?;
        let found = log::head_near(conn, head).await?;
        if of(found) <= of(head) {
            break;
        }
        head = found;
    }
    newest = attach_until(conn, newest, of(head) + AHEAD).await?;
    Ok(newest - of(head))
}

async fn attach_until(conn: &mut AsyncPgConnection, newest: i64, wanted: i64) -> Result<i64> {
    for index in newest + 1..=wanted {
        attach(conn, index).await?;
    }
    Ok(newest.max(wanted))
}

prepared!(Start() -> BigInt, "select oldest_seq from log_state");

/// Makes a table and attaches it: unlike `create table … partition of`, this lets readers and
/// writers of the log go on. The check spares the scan, and is dropped once it is not needed.
async fn attach(conn: &mut AsyncPgConnection, index: i64) -> Result<()> {
    let name = table(index);
    let (from, to) = ((index * EVENTS), (index + 1) * EVENTS);
    let statements = format!(
        "begin;
         create table {name} (like events including all);
         alter table {name} add constraint {name}_range
               check (seq is not null and seq >= {from} and seq < {to});
         alter table events attach partition {name} for values from ({from}) to ({to});
         alter table {name} drop constraint {name}_range;
         insert into event_partitions (index, state) values ({index}, 'ATTACHED');
         commit;"
    );
    if let Err(error) = conn.batch_execute(&statements).await {
        conn.batch_execute("rollback").await?;
        return Err(error.into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_hold_two_million_numbers() {
        assert_eq!(table(7), "events_00000007");
        assert_eq!((of(Seq(0)), of(Seq(1)), of(Seq(1_999_999))), (0, 0, 0));
        assert_eq!((of(Seq(2_000_000)), of(Seq(4_000_000))), (1, 2));
    }
}
