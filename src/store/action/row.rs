//! The rows of the table `actions`: their own columns, whatever place they lie in.

use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{
    Array, BigInt, Integer, Jsonb, Nullable, SmallInt, Text, Timestamptz, Uuid as SqlUuid,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::action::{Action, ActionError, AttemptOutcome, EndedState, Gate, Place};
use crate::domain::name::{ActionName, ActorName, IssueName, Principal};
use crate::domain::value::Fields;
use crate::store::error::Result;
use crate::store::prepared::prepared;
use crate::store::table::assert_written;
use crate::store::{stored, time};

type SqlRow = (SqlOwn, SqlWork);
type SqlOwn = (
    Text,
    BigInt,
    BigInt,
    SqlUuid,
    BigInt,
    Timestamptz,
    Timestamptz,
    Text,
    Text,
    Text,
    Text,
    BigInt,
    Jsonb,
    Nullable<Text>,
    Array<Text>,
    SmallInt,
);
type SqlWork = (
    Text,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    BigInt,
    Nullable<Text>,
    Integer,
    Integer,
    BigInt,
    Nullable<Timestamptz>,
    Nullable<Jsonb>,
    Nullable<Jsonb>,
    Nullable<Jsonb>,
    BigInt,
    Nullable<Timestamptz>,
    Nullable<Text>,
);
/// A row as it is read.
pub(super) type Row = (Own, Work);
type Own = (
    String,
    i64,
    i64,
    Uuid,
    i64,
    PgTimestamp,
    PgTimestamp,
    String,
    String,
    String,
    String,
    i64,
    Value,
    Option<String>,
    Vec<String>,
    i16,
);
type Work = (
    String,
    Option<PgTimestamp>,
    Option<PgTimestamp>,
    Option<PgTimestamp>,
    i64,
    Option<String>,
    i32,
    i32,
    i64,
    Option<PgTimestamp>,
    Option<Value>,
    Option<Value>,
    Option<Value>,
    i64,
    Option<PgTimestamp>,
    Option<String>,
);

macro_rules! columns {
    () => {
        "a.project, a.issue, a.number, a.uid, a.version, a.created_at, a.updated_at, \
         a.creator, a.title, a.description, a.action_type, a.action_type_revision, \
         a.parameters, a.assignee, a.candidates, a.priority, a.unique_key, a.not_before, \
         a.due_at, a.expires_at, a.attempt, a.last_outcome, a.failures, a.losses, \
         a.backoff_ms, a.retry_at, a.result, a.error, a.last_error, a.step, a.ended_at, \
         a.ended_state"
    };
}

prepared!(
    Lock(
        projects: Vec<&'a str> => Array<Text>,
        issues: Vec<i64> => Array<BigInt>,
        numbers: Vec<i64> => Array<BigInt>,
    ) -> SqlRow,
    concat!("select ", columns!(), " from (select * from unnest({projects}, {issues}, {numbers}) \
             as u (project, issue, number) order by project, issue, number) as u \
             cross join lateral (select * from actions a where a.project = u.project \
             and a.issue = u.issue and a.number = u.number for no key update) as a")
);

prepared!(
    LockFree(
        projects: Vec<&'a str> => Array<Text>,
        issues: Vec<i64> => Array<BigInt>,
        numbers: Vec<i64> => Array<BigInt>,
    ) -> SqlRow,
    concat!("select ", columns!(), " from (select * from unnest({projects}, {issues}, {numbers}) \
             as u (project, issue, number) order by project, issue, number) as u \
             cross join lateral (select * from actions a where a.project = u.project \
             and a.issue = u.issue and a.number = u.number for no key update skip locked) as a")
);

prepared!(
    Find(
        projects: Vec<&'a str> => Array<Text>,
        issues: Vec<i64> => Array<BigInt>,
        numbers: Vec<i64> => Array<BigInt>,
    ) -> SqlRow,
    concat!("select ", columns!(), " from (select * from unnest({projects}, {issues}, {numbers}) \
             as u (project, issue, number) order by project, issue, number) as u \
             cross join lateral (select * from actions a where a.project = u.project \
             and a.issue = u.issue and a.number = u.number limit 1) as a")
);

prepared!(
    Insert(
        project: Vec<&'a str> => Array<Text>,
        issue: Vec<i64> => Array<BigInt>,
        number: Vec<i64> => Array<BigInt>,
        uid: Vec<Uuid> => Array<SqlUuid>,
        version: Vec<i64> => Array<BigInt>,
        created_at: Vec<PgTimestamp> => Array<Timestamptz>,
        updated_at: Vec<PgTimestamp> => Array<Timestamptz>,
        creator: Vec<&'a str> => Array<Text>,
        title: Vec<&'a str> => Array<Text>,
        description: Vec<&'a str> => Array<Text>,
        action_type: Vec<&'a str> => Array<Text>,
        action_type_revision: Vec<i64> => Array<BigInt>,
        parameters: Vec<String> => Array<Text>,
        assignee: Vec<Option<&'a str>> => Array<Nullable<Text>>,
        candidates: Vec<String> => Array<Text>,
        priority: Vec<i16> => Array<SmallInt>,
        unique_key: Vec<&'a str> => Array<Text>,
        not_before: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        due_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        expires_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        attempt: Vec<i64> => Array<BigInt>,
        last_outcome: Vec<Option<&'a str>> => Array<Nullable<Text>>,
        failures: Vec<i32> => Array<Integer>,
        losses: Vec<i32> => Array<Integer>,
        backoff_ms: Vec<i64> => Array<BigInt>,
        retry_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        result: Vec<Option<String>> => Array<Nullable<Text>>,
        error: Vec<Option<String>> => Array<Nullable<Text>>,
        last_error: Vec<Option<String>> => Array<Nullable<Text>>,
        step: Vec<i64> => Array<BigInt>,
        ended_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        ended_state: Vec<Option<&'a str>> => Array<Nullable<Text>>,
    ) -> (),
    "insert into actions (project, issue, number, uid, version, created_at, updated_at, creator, \
     title, description, action_type, action_type_revision, parameters, assignee, candidates, \
     priority, unique_key, not_before, due_at, expires_at, attempt, last_outcome, failures, \
     losses, backoff_ms, retry_at, result, error, last_error, step, ended_at, ended_state) select \
     u.project, u.issue, u.number, u.uid, u.version, u.created_at, u.updated_at, u.creator, \
     u.title, u.description, u.action_type, u.action_type_revision, u.parameters::jsonb, \
     u.assignee, u.candidates::text[], u.priority, u.unique_key, u.not_before, u.due_at, \
     u.expires_at, u.attempt, u.last_outcome, u.failures, u.losses, u.backoff_ms, u.retry_at, \
     u.result::jsonb, u.error::jsonb, u.last_error::jsonb, u.step, u.ended_at, u.ended_state from \
     unnest({project}, {issue}, {number}, {uid}, {version}, {created_at}, {updated_at}, \
     {creator}, {title}, {description}, {action_type}, {action_type_revision}, {parameters}, \
     {assignee}, {candidates}, {priority}, {unique_key}, {not_before}, {due_at}, {expires_at}, \
     {attempt}, {last_outcome}, {failures}, {losses}, {backoff_ms}, {retry_at}, {result}, \
     {error}, {last_error}, {step}, {ended_at}, {ended_state}) as u (project, issue, number, uid, \
     version, created_at, updated_at, creator, title, description, action_type, \
     action_type_revision, parameters, assignee, candidates, priority, unique_key, not_before, \
     due_at, expires_at, attempt, last_outcome, failures, losses, backoff_ms, retry_at, result, \
     error, last_error, step, ended_at, ended_state)"
);

prepared!(
    Update(
        project: Vec<&'a str> => Array<Text>,
        issue: Vec<i64> => Array<BigInt>,
        number: Vec<i64> => Array<BigInt>,
        version: Vec<i64> => Array<BigInt>,
        updated_at: Vec<PgTimestamp> => Array<Timestamptz>,
        title: Vec<&'a str> => Array<Text>,
        description: Vec<&'a str> => Array<Text>,
        parameters: Vec<String> => Array<Text>,
        assignee: Vec<Option<&'a str>> => Array<Nullable<Text>>,
        candidates: Vec<String> => Array<Text>,
        priority: Vec<i16> => Array<SmallInt>,
        not_before: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        due_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        expires_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        attempt: Vec<i64> => Array<BigInt>,
        last_outcome: Vec<Option<&'a str>> => Array<Nullable<Text>>,
        failures: Vec<i32> => Array<Integer>,
        losses: Vec<i32> => Array<Integer>,
        backoff_ms: Vec<i64> => Array<BigInt>,
        retry_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        result: Vec<Option<String>> => Array<Nullable<Text>>,
        error: Vec<Option<String>> => Array<Nullable<Text>>,
        last_error: Vec<Option<String>> => Array<Nullable<Text>>,
        step: Vec<i64> => Array<BigInt>,
        ended_at: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        ended_state: Vec<Option<&'a str>> => Array<Nullable<Text>>,
    ) -> (),
    "update actions a set version = u.version, updated_at = u.updated_at, title = u.title, \
     description = u.description, parameters = u.parameters::jsonb, assignee = u.assignee, \
     candidates = u.candidates::text[], priority = u.priority, not_before = u.not_before, due_at \
     = u.due_at, expires_at = u.expires_at, attempt = u.attempt, last_outcome = u.last_outcome, \
     failures = u.failures, losses = u.losses, backoff_ms = u.backoff_ms, retry_at = u.retry_at, \
     result = u.result::jsonb, error = u.error::jsonb, last_error = u.last_error::jsonb, step = \
     u.step, ended_at = u.ended_at, ended_state = u.ended_state from unnest({project}, {issue}, \
     {number}, {version}, {updated_at}, {title}, {description}, {parameters}, {assignee}, \
     {candidates}, {priority}, {not_before}, {due_at}, {expires_at}, {attempt}, {last_outcome}, \
     {failures}, {losses}, {backoff_ms}, {retry_at}, {result}, {error}, {last_error}, {step}, \
     {ended_at}, {ended_state}) as u (project, issue, number, version, updated_at, title, \
     description, parameters, assignee, candidates, priority, not_before, due_at, expires_at, \
     attempt, last_outcome, failures, losses, backoff_ms, retry_at, result, error, last_error, \
     step, ended_at, ended_state) where a.ctid = (select k.ctid from actions k where k.project = \
     u.project and k.issue = u.issue and k.number = u.number)"
);

/// The name and the uid of a row.
pub(super) fn identity(row: &Row) -> (ActionName, Uuid) {
    let (own, _) = row;
    let issue = IssueName { project: stored::project_id(&own.0), number: own.1 };
    (ActionName { issue, number: own.2 }, own.3)
}

/// How the action of a row ended, if it has.
pub(super) fn ended((_, work): &Row) -> Option<EndedState> {
    let known = |state: &str| EndedState::stored(state).expect("the table's constraint knows them");
    work.15.as_deref().map(known)
}

/// The action of a row, with its place and its gates.
#[expect(clippy::too_many_lines, reason = "a column is a line, and has no second place")]
pub(super) fn action((own, work): Row, place: Place, gates: Vec<Gate>) -> Action {
    let (
        project,
        issue,
        number,
        uid,
        version,
        created_at,
        updated_at,
        creator,
        title,
        description,
        action_type,
        action_type_revision,
        parameters,
        assignee,
        candidates,
        priority,
    ) = own;
    let (
        unique_key,
        not_before,
        due_at,
        expires_at,
        attempt,
        last_outcome,
        failures,
        losses,
        backoff_ms,
        retry_at,
        result,
        error,
        last_error,
        step,
        ended_at,
        _,
    ) = work;
    let issue = IssueName { project: stored::project_id(&project), number: issue };
    let outcome = |name: &str| AttemptOutcome::stored(name).expect("the constraint knows them");
    Action {
        name: ActionName { issue, number },
        uid,
        version,
        created_at: time::from_sql(created_at),
        updated_at: time::from_sql(updated_at),
        creator: ActorName::stored(&creator),
        title,
        description,
        action_type,
        action_type_revision,
        parameters: fields(parameters),
        assignee: assignee.as_deref().map(ActorName::stored),
        candidates: candidates.iter().map(|name| Principal::stored(name)).collect(),
        priority,
        unique_key,
        not_before: not_before.map(time::from_sql),
        due_at: due_at.map(time::from_sql),
        expires_at: expires_at.map(time::from_sql),
        attempt,
        last_outcome: last_outcome.as_deref().map(outcome),
        failures,
        losses,
        backoff_ms,
        retry_at: retry_at.map(time::from_sql),
        result: result.map(fields),
        error: error.as_ref().map(ActionError::stored),
        last_error: last_error.as_ref().map(ActionError::stored),
        step,
        ended_at: ended_at.map(time::from_sql),
        place,
        gates,
    }
}

fn fields(value: Value) -> Fields {
    let Value::Object(fields) = value else {
        panic!("only we write open values, and always as an object: {value}")
    };
    fields
}

fn object(fields: &Fields) -> String {
    serde_json::to_string(fields).expect("maps with text as keys always serialise")
}

fn error(error: &ActionError) -> String {
    error.to_value().to_string()
}

fn candidates(action: &Action) -> String {
    stored::names(action.candidates.iter().map(Principal::as_str))
}

/// Which rows of others are taken.
#[derive(Clone, Copy, Debug)]
pub(super) enum Locked {
    /// All: waits for who has them.
    Wait,
    /// Those that nobody else has.
    Skip,
    /// All, and nothing is locked.
    No,
}

/// Reads the rows of these names.
pub(super) async fn read<'a>(
    conn: &mut AsyncPgConnection,
    names: impl Iterator<Item = &'a ActionName> + Clone,
    locked: Locked,
) -> Result<Vec<Row>> {
    let projects = names.clone().map(|name| name.issue.project.as_str()).collect();
    let issues = names.clone().map(|name| name.issue.number).collect();
    let numbers = names.map(|name| name.number).collect();
    Ok(match locked {
        Locked::Wait => Lock { projects, issues, numbers, _of: PhantomData }.load(conn).await?,
        Locked::Skip => LockFree { projects, issues, numbers, _of: PhantomData }.load(conn).await?,
        Locked::No => Find { projects, issues, numbers, _of: PhantomData }.load(conn).await?,
    })
}

/// Inserts new rows.
pub(super) async fn insert(conn: &mut AsyncPgConnection, rows: &[&Action]) -> Result<()> {
    let insert = Insert {
        project: rows.iter().map(|row| row.name.issue.project.as_str()).collect(),
        issue: rows.iter().map(|row| row.name.issue.number).collect(),
        number: rows.iter().map(|row| row.name.number).collect(),
        uid: rows.iter().map(|row| row.uid).collect(),
        version: rows.iter().map(|row| row.version).collect(),
        created_at: rows.iter().map(|row| time::to_sql(row.created_at)).collect(),
        updated_at: rows.iter().map(|row| time::to_sql(row.updated_at)).collect(),
        creator: rows.iter().map(|row| row.creator.as_str()).collect(),
        title: rows.iter().map(|row| row.title.as_str()).collect(),
        description: rows.iter().map(|row| row.description.as_str()).collect(),
        action_type: rows.iter().map(|row| row.action_type.as_str()).collect(),
        action_type_revision: rows.iter().map(|row| row.action_type_revision).collect(),
        parameters: rows.iter().map(|row| object(&row.parameters)).collect(),
        assignee: rows.iter().map(|row| row.assignee.as_ref().map(ActorName::as_str)).collect(),
        candidates: rows.iter().map(|row| candidates(row)).collect(),
        priority: rows.iter().map(|row| row.priority).collect(),
        unique_key: rows.iter().map(|row| row.unique_key.as_str()).collect(),
        not_before: rows.iter().map(|row| row.not_before.map(time::to_sql)).collect(),
        due_at: rows.iter().map(|row| row.due_at.map(time::to_sql)).collect(),
        expires_at: rows.iter().map(|row| row.expires_at.map(time::to_sql)).collect(),
        attempt: rows.iter().map(|row| row.attempt).collect(),
        last_outcome: rows.iter().map(|row| row.last_outcome.map(AttemptOutcome::as_str)).collect(),
        failures: rows.iter().map(|row| row.failures).collect(),
        losses: rows.iter().map(|row| row.losses).collect(),
        backoff_ms: rows.iter().map(|row| row.backoff_ms).collect(),
        retry_at: rows.iter().map(|row| row.retry_at.map(time::to_sql)).collect(),
        result: rows.iter().map(|row| row.result.as_ref().map(object)).collect(),
        error: rows.iter().map(|row| row.error.as_ref().map(error)).collect(),
        last_error: rows.iter().map(|row| row.last_error.as_ref().map(error)).collect(),
        step: rows.iter().map(|row| row.step).collect(),
        ended_at: rows.iter().map(|row| row.ended_at.map(time::to_sql)).collect(),
        ended_state: rows.iter().map(|row| row.place.ended().map(EndedState::as_str)).collect(),
        _of: PhantomData,
    };
    insert.execute(conn).await?;
    Ok(())
}

/// Updates rows that are locked.
pub(super) async fn update(conn: &mut AsyncPgConnection, rows: &[&Action]) -> Result<()> {
    let update = Update {
        project: rows.iter().map(|row| row.name.issue.project.as_str()).collect(),
        issue: rows.iter().map(|row| row.name.issue.number).collect(),
        number: rows.iter().map(|row| row.name.number).collect(),
        version: rows.iter().map(|row| row.version).collect(),
        updated_at: rows.iter().map(|row| time::to_sql(row.updated_at)).collect(),
        title: rows.iter().map(|row| row.title.as_str()).collect(),
        description: rows.iter().map(|row| row.description.as_str()).collect(),
        parameters: rows.iter().map(|row| object(&row.parameters)).collect(),
        assignee: rows.iter().map(|row| row.assignee.as_ref().map(ActorName::as_str)).collect(),
        candidates: rows.iter().map(|row| candidates(row)).collect(),
        priority: rows.iter().map(|row| row.priority).collect(),
        not_before: rows.iter().map(|row| row.not_before.map(time::to_sql)).collect(),
        due_at: rows.iter().map(|row| row.due_at.map(time::to_sql)).collect(),
        expires_at: rows.iter().map(|row| row.expires_at.map(time::to_sql)).collect(),
        attempt: rows.iter().map(|row| row.attempt).collect(),
        last_outcome: rows.iter().map(|row| row.last_outcome.map(AttemptOutcome::as_str)).collect(),
        failures: rows.iter().map(|row| row.failures).collect(),
        losses: rows.iter().map(|row| row.losses).collect(),
        backoff_ms: rows.iter().map(|row| row.backoff_ms).collect(),
        retry_at: rows.iter().map(|row| row.retry_at.map(time::to_sql)).collect(),
        result: rows.iter().map(|row| row.result.as_ref().map(object)).collect(),
        error: rows.iter().map(|row| row.error.as_ref().map(error)).collect(),
        last_error: rows.iter().map(|row| row.last_error.as_ref().map(error)).collect(),
        step: rows.iter().map(|row| row.step).collect(),
        ended_at: rows.iter().map(|row| row.ended_at.map(time::to_sql)).collect(),
        ended_state: rows.iter().map(|row| row.place.ended().map(EndedState::as_str)).collect(),
        _of: PhantomData,
    };
    assert_written(update.execute(conn).await?, rows.len());
    Ok(())
}
