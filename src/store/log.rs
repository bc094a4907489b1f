//! The log: the table `events`, its one writer and its readers.

use std::marker::PhantomData;

use bytes::Bytes;
use diesel::data_types::PgTimestamp;
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{
    Array, BigInt, Binary, Bool, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::error::{Fault, Result};
use super::prepared::{prepared, walk};
use super::{partition, time};
use crate::domain::audience::{Audience, Names};
use crate::domain::definition::DefinitionKey;
use crate::domain::event::Seq;

/// An event to append: its encoded body, and what readers filter by.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// A UUIDv7.
    pub event_id: Uuid,
    /// By name; empty is the installation.
    pub project: String,
    /// By name.
    pub root: String,
    /// By name.
    pub subject: String,
    /// Of the subject, afterwards.
    pub version: i64,
    /// The type.
    pub kind: &'static str,
    /// The number of its class.
    pub class: i16,
    /// Whether it is the last of its command.
    pub ends_command: bool,
    /// Who may see it.
    pub audience: Audience,
    /// An encoded `potts.v1.Event` without `seq`.
    pub body: Bytes,
}

/// A call to remember.
#[derive(Clone, Debug)]
pub struct NewRequest {
    /// Who called.
    pub caller: String,
    /// The id of the call.
    pub request_id: Uuid,
    /// What was called.
    pub fingerprint: [u8; 16],
    /// What it was answered.
    pub names: Vec<String>,
    /// Whether it changed anything.
    pub changed: bool,
    /// How many events of this append lie before its end.
    pub events_before: i64,
}

/// Everything that one batch appends.
#[derive(Debug)]
pub struct Append<'a> {
    /// A head that was seen before: the real one may be later.
    pub known_head: Seq,
    /// The time of the batch.
    pub now: Timestamp,
    /// The versions of definitions that decided it.
    pub used: &'a [(DefinitionKey, i64)],
    /// The events, in order.
    pub events: &'a [NewEvent],
    /// The calls.
    pub requests: &'a [NewRequest],
}

/// The end of the log, looked up in the partition of a head that was seen before and the one after
/// it: a look into all partitions takes milliseconds, and is taken under the order lock.
fn head_sql(known_head: Seq) -> String {
    let first = partition::of(known_head);
    let (first, second) = (partition::table(first), partition::table(first + 1));
    format!(
        "select coalesce((select max(seq) from {second}), (select max(seq) from {first}), \
         (select oldest_seq - 1 from log_state)) as seq"
    )
}

const APPEND: &str = "), stale as (
        select count(*) as n from unnest({projects}, {kinds}, {versions})
               as used (project, kind, version)
          left join definition_versions as kept using (project, kind)
         where kept.version is distinct from used.version
    ), remembered as (
        insert into requests (caller, request_id, fingerprint, names, changed, last_seq, created_at)
        select r.caller, r.request_id, r.fingerprint, r.names::text[], r.changed,
               head.seq + r.events_before, {now}
          from head, unnest({callers}, {request_ids}, {fingerprints}, {names}, {changes},
               {events_before}) as r (caller, request_id, fingerprint, names, changed,
               events_before)
    ), appended as (
        insert into events (seq, event_id, project, root, subject, version, type, class,
               ends_command, visible_before, visible_after, recorded_at, body)
        select head.seq + e.n, e.event_id, e.project, e.root, e.subject, e.version, e.type,
               e.class, e.ends_command, e.visible_before::text[], e.visible_after::text[], {now},
               e.body
          from head, unnest({event_ids}, {event_projects}, {roots}, {subjects}, {event_versions},
               {types}, {classes}, {ends}, {visible_before}, {visible_after}, {bodies})
               with ordinality as e (event_id, project, root, subject, version, type, class,
               ends_command, visible_before, visible_after, body, n)
    )
    select head.seq, stale.n from head, stale";

/// The text depends on the partition, so the plan is kept by text and not by type.
struct AppendStatement<'a> {
    head: String,
    now: PgTimestamp,
    projects: Vec<&'a str>,
    kinds: Vec<&'a str>,
    versions: Vec<i64>,
    callers: Vec<&'a str>,
    request_ids: Vec<Uuid>,
    fingerprints: Vec<&'a [u8]>,
    names: Vec<String>,
    changes: Vec<bool>,
    events_before: Vec<i64>,
    event_ids: Vec<Uuid>,
    event_projects: Vec<&'a str>,
    roots: Vec<&'a str>,
    subjects: Vec<&'a str>,
    event_versions: Vec<i64>,
    types: Vec<&'a str>,
    classes: Vec<i16>,
    ends: Vec<bool>,
    visible_before: Vec<Option<String>>,
    visible_after: Vec<Option<String>>,
    bodies: Vec<&'a [u8]>,
}

/// Names as the text of an array, for an array of arrays would be flattened. They hold nothing that
/// needs quotes.
fn array(names: &[String]) -> String {
    format!("{{{}}}", names.join(","))
}

impl<'a> AppendStatement<'a> {
    fn new(append: &'a Append<'a>) -> AppendStatement<'a> {
        let Append { known_head, now, used, events, requests } = append;
        AppendStatement {
            head: head_sql(*known_head),
            now: time::to_sql(*now),
            projects: used.iter().map(|(key, _)| key.project_id()).collect(),
            kinds: used.iter().map(|(key, _)| key.kind.as_str()).collect(),
            versions: used.iter().map(|(_, version)| *version).collect(),
            callers: requests.iter().map(|r| r.caller.as_str()).collect(),
            request_ids: requests.iter().map(|r| r.request_id).collect(),
            fingerprints: requests.iter().map(|r| r.fingerprint.as_slice()).collect(),
            names: requests.iter().map(|r| array(&r.names)).collect(),
            changes: requests.iter().map(|r| r.changed).collect(),
            events_before: requests.iter().map(|r| r.events_before).collect(),
            event_ids: events.iter().map(|e| e.event_id).collect(),
            event_projects: events.iter().map(|e| e.project.as_str()).collect(),
            roots: events.iter().map(|e| e.root.as_str()).collect(),
            subjects: events.iter().map(|e| e.subject.as_str()).collect(),
            event_versions: events.iter().map(|e| e.version).collect(),
            types: events.iter().map(|e| e.kind).collect(),
            classes: events.iter().map(|e| e.class).collect(),
            ends: events.iter().map(|e| e.ends_command).collect(),
            visible_before: events.iter().map(|e| e.audience.before().map(array)).collect(),
            visible_after: events.iter().map(|e| e.audience.after().map(array)).collect(),
            bodies: events.iter().map(|e| e.body.as_ref()).collect(),
        }
    }
}

impl QueryId for AppendStatement<'_> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for AppendStatement<'_> {
    type SqlType = (BigInt, BigInt);
}

impl QueryFragment<Pg> for AppendStatement<'_> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql("with head as (");
        out.push_sql(&self.head);
        walk(APPEND, out, |name, out| match name {
            "now" => out.push_bind_param::<Timestamptz, _>(&self.now),
            "projects" => out.push_bind_param::<Array<Text>, _>(&self.projects),
            "kinds" => out.push_bind_param::<Array<Text>, _>(&self.kinds),
            "versions" => out.push_bind_param::<Array<BigInt>, _>(&self.versions),
            "callers" => out.push_bind_param::<Array<Text>, _>(&self.callers),
            "request_ids" => out.push_bind_param::<Array<SqlUuid>, _>(&self.request_ids),
            "fingerprints" => out.push_bind_param::<Array<Binary>, _>(&self.fingerprints),
            "names" => out.push_bind_param::<Array<Text>, _>(&self.names),
            "changes" => out.push_bind_param::<Array<Bool>, _>(&self.changes),
            "events_before" => out.push_bind_param::<Array<BigInt>, _>(&self.events_before),
            "event_ids" => out.push_bind_param::<Array<SqlUuid>, _>(&self.event_ids),
            "event_projects" => out.push_bind_param::<Array<Text>, _>(&self.event_projects),
            "roots" => out.push_bind_param::<Array<Text>, _>(&self.roots),
            "subjects" => out.push_bind_param::<Array<Text>, _>(&self.subjects),
            "event_versions" => out.push_bind_param::<Array<BigInt>, _>(&self.event_versions),
            "types" => out.push_bind_param::<Array<Text>, _>(&self.types),
            "classes" => out.push_bind_param::<Array<SmallInt>, _>(&self.classes),
            "ends" => out.push_bind_param::<Array<Bool>, _>(&self.ends),
            "visible_before" => {
                out.push_bind_param::<Array<Nullable<Text>>, _>(&self.visible_before)
            }
            "visible_after" => out.push_bind_param::<Array<Nullable<Text>>, _>(&self.visible_after),
            "bodies" => out.push_bind_param::<Array<Binary>, _>(&self.bodies),
            other => panic!("the append has no parameter {other}"),
        })
    }
}

/// Appends, under the order lock, and answers the head before it.
pub(super) async fn append(mut conn: &AsyncPgConnection, append: &Append<'_>) -> Result<Seq> {
    let statement = AppendStatement::new(append);
    let (head, stale): (i64, i64) = statement.get_result(&mut conn).await?;
    if stale > 0 {
        return Err(Fault::Stale("definitions have changed".into()));
    }
    Ok(Seq(head))
}

/// The end of the log.
struct HeadStatement(String);

impl QueryId for HeadStatement {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl Query for HeadStatement {
    type SqlType = BigInt;
}

impl QueryFragment<Pg> for HeadStatement {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.push_sql(&self.0);
        Ok(())
    }
}

/// The end of the log, if it is in the partition of `known` or the next one.
pub(super) async fn head_near(mut conn: &AsyncPgConnection, known: Seq) -> Result<Seq> {
    Ok(Seq(HeadStatement(head_sql(known)).get_result(&mut conn).await?))
}

prepared!(
    /// The end of the log among these places. Bounds on both sides leave the planner few
    /// partitions; one that is not there holds nothing.
    End(from: i64 => BigInt, to: i64 => BigInt)
        -> (SqlUuid, BigInt, Nullable<BigInt>, Nullable<SqlUuid>),
    "select s.epoch, s.oldest_seq, newest.seq, newest.event_id from log_state s \
     left join lateral (select seq, event_id from events \
     where seq >= {from} and seq < {to} order by seq desc limit 1) as newest on true"
);

/// What the log is, as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogState {
    /// Drawn anew when the log is replaced.
    pub epoch: Uuid,
    /// The oldest event that it still has, or will have.
    pub oldest: Seq,
    /// The newest event.
    pub head: Seq,
}

/// Where the log ends.
#[derive(Clone, Copy, Debug)]
pub struct LogEnd {
    /// What the log is.
    pub state: LogState,
    /// The newest event, if the log has any.
    pub event_id: Option<Uuid>,
}

/// Where the log ends, if that is in the partition of `known` or in the next one; then
/// [`is_near`] says so.
pub(super) async fn end_near(mut conn: &AsyncPgConnection, known: Seq) -> Result<LogEnd> {
    let from = partition::of(known) * partition::EVENTS;
    let end = End { from, to: from + 2 * partition::EVENTS, _of: PhantomData };
    let (epoch, oldest, head, event_id): (Uuid, i64, Option<i64>, Option<Uuid>) =
        end.get_result(&mut conn).await?;
    let head = Seq(head.unwrap_or(oldest - 1));
    Ok(LogEnd { state: LogState { epoch, oldest: Seq(oldest), head }, event_id })
}

/// Whether the log ends where [`end_near`] has found it from `known`; otherwise, from where on to
/// look next.
pub(super) fn is_near(found: &LogEnd, known: Seq) -> std::result::Result<(), Seq> {
    let LogEnd { state: LogState { oldest, head, .. }, event_id } = *found;
    match event_id {
        // Nothing is left where the log was known to end, or has ever been.
        None if partition::of(known) != partition::of(oldest) => Err(oldest),
        // Further partitions matter only if the second of the two is in use.
        Some(_) if partition::of(head) > partition::of(known) => Err(head),
        None | Some(_) => Ok(()),
    }
}

/// Where the log ends; `known` is a head that was seen before.
pub(super) async fn end(conn: &AsyncPgConnection, mut known: Seq) -> Result<LogEnd> {
    loop {
        let found = end_near(conn, known).await?;
        match is_near(&found, known) {
            Ok(()) => return Ok(found),
            Err(next) => known = next,
        }
    }
}

/// An event as the log holds it.
#[derive(Clone, Debug)]
pub struct LogRow {
    /// Its place.
    pub seq: Seq,
    /// Its id.
    pub event_id: Uuid,
    /// Whether it is the last of its command.
    pub ends_command: bool,
    /// By name; empty is the installation.
    pub project: String,
    /// By name.
    pub root: String,
    /// By name.
    pub subject: String,
    /// The type.
    pub kind: String,
    /// The number of its class.
    pub class: i16,
    /// Who may see it.
    pub audience: Audience,
    /// An encoded `potts.v1.Event` without `seq`.
    pub body: Vec<u8>,
}

type SqlNames = Nullable<Array<Text>>;
type SqlRow = (BigInt, SqlUuid, Bool, Text, Text, Text, Text, SmallInt, SqlNames, SqlNames, Binary);
type Row = (i64, Uuid, bool, String, String, String, String, i16, Names, Names, Vec<u8>);

fn log_row(row: Row) -> LogRow {
    let (seq, event_id, ends_command, project, root, subject, kind, class, before, after, body) =
        row;
    let (seq, audience) = (Seq(seq), Audience::of(before, after));
    LogRow { seq, event_id, ends_command, project, root, subject, kind, class, audience, body }
}

prepared!(
    Tail(after: i64 => BigInt, to: i64 => BigInt) -> SqlRow,
    "select seq, event_id, ends_command, project, root, subject, type, class, visible_before, \
     visible_after, case when seq > {after} then body else ''::bytea end \
     from events where seq >= {after} and seq <= {to} order by seq"
);

/// Every event after one place, up to and including another; and before them the event of the place
/// itself, without its body, if the log has it.
pub(super) async fn tail(mut conn: &AsyncPgConnection, after: Seq, to: Seq) -> Result<Vec<LogRow>> {
    let tail = Tail { after: after.0, to: to.0, _of: PhantomData };
    let rows: Vec<Row> = tail.load(&mut conn).await?;
    Ok(rows.into_iter().map(log_row).collect())
}

prepared!(
    Count(after: i64 => BigInt, to: i64 => BigInt) -> BigInt,
    "select count(*) from events where seq > {after} and seq <= {to}"
);

/// How many events there are after one place, up to and including another.
pub(super) async fn count(mut conn: &AsyncPgConnection, after: Seq, to: Seq) -> Result<i64> {
    Ok(Count { after: after.0, to: to.0, _of: PhantomData }.get_result(&mut conn).await?)
}

prepared!(
    RecordedAt(seq: i64 => BigInt) -> Timestamptz,
    "select recorded_at from events where seq = {seq}"
);

/// The first place whose event was recorded at or after a time, found by bisection: times follow
/// the order of the log but for the length of a batch.
pub(super) async fn first_at(
    mut conn: &AsyncPgConnection,
    state: LogState,
    at: Timestamp,
) -> Result<Seq> {
    let (mut low, mut high) = (state.oldest, state.head.next());
    while low < high {
        let middle = Seq(low.0 + (high.0 - low.0) / 2);
        let found: PgTimestamp =
            RecordedAt { seq: middle.0, _of: PhantomData }.get_result(&mut conn).await?;
        if time::from_sql(found) < at {
            low = middle.next();
        } else {
            high = middle;
        }
    }
    Ok(low)
}

prepared!(Now() -> Timestamptz, "select potts_now()");

/// The time, by the clock of the database.
pub(super) async fn now(mut conn: &AsyncPgConnection) -> Result<Timestamp> {
    let now: PgTimestamp = Now { _of: PhantomData }.get_result(&mut conn).await?;
    Ok(time::from_sql(now))
}
