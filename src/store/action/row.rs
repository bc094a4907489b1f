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
use crate::store::prepared::{prepared, write_rows};
use crate::store::writes::Writes;
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

write_rows!(
    Insert of row: Action {
        project: &'a str => Text = row.name.issue.project.as_str(),
        issue: i64 => BigInt = row.name.issue.number,
        number: i64 => BigInt = row.name.number,
        uid: Uuid => SqlUuid = row.uid,
        version: i64 => BigInt = row.version,
        created_at: PgTimestamp => Timestamptz = time::to_sql(row.created_at),
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        creator: &'a str => Text = row.creator.as_str(),
        title: &'a str => Text = row.title.as_str(),
        description: &'a str => Text = row.description.as_str(),
        action_type: &'a str => Text = row.action_type.as_str(),
        action_type_revision: i64 => BigInt = row.action_type_revision,
        parameters: String => Text = object(&row.parameters),
        assignee: Option<&'a str> => Nullable<Text> = row.assignee.as_ref().map(ActorName::as_str),
        candidates: String => Text = candidates(row),
        priority: i16 => SmallInt = row.priority,
        unique_key: &'a str => Text = row.unique_key.as_str(),
        not_before: Option<PgTimestamp> => Nullable<Timestamptz> = row.not_before.map(time::to_sql),
        due_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.due_at.map(time::to_sql),
        expires_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.expires_at.map(time::to_sql),
        attempt: i64 => BigInt = row.attempt,
        last_outcome: Option<&'a str> => Nullable<Text> = last_outcome(row),
        failures: i32 => Integer = row.failures,
        losses: i32 => Integer = row.losses,
        backoff_ms: i64 => BigInt = row.backoff_ms,
        retry_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.retry_at.map(time::to_sql),
        result: Option<String> => Nullable<Text> = row.result.as_ref().map(object),
        error: Option<String> => Nullable<Text> = row.error.as_ref().map(error),
        last_error: Option<String> => Nullable<Text> = row.last_error.as_ref().map(error),
        step: i64 => BigInt = row.step,
        ended_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.ended_at.map(time::to_sql),
        ended_state: Option<&'a str> => Nullable<Text> = row.place.ended().map(EndedState::as_str),
    },
    "insert into actions ({columns}) select u.project, u.issue, u.number, u.uid, u.version, \
     u.created_at, u.updated_at, u.creator, u.title, u.description, u.action_type, \
     u.action_type_revision, u.parameters::jsonb, u.assignee, u.candidates::text[], u.priority, \
     u.unique_key, u.not_before, u.due_at, u.expires_at, u.attempt, u.last_outcome, u.failures, \
     u.losses, u.backoff_ms, u.retry_at, u.result::jsonb, u.error::jsonb, u.last_error::jsonb, \
     u.step, u.ended_at, u.ended_state from {rows}"
);

// How far it has come: what most changes are about.
write_rows!(
    Update of row: Action {
        project: &'a str => Text = row.name.issue.project.as_str(),
        issue: i64 => BigInt = row.name.issue.number,
        number: i64 => BigInt = row.name.number,
        version: i64 => BigInt = row.version,
        updated_at: PgTimestamp => Timestamptz = time::to_sql(row.updated_at),
        attempt: i64 => BigInt = row.attempt,
        last_outcome: Option<&'a str> => Nullable<Text> = last_outcome(row),
        failures: i32 => Integer = row.failures,
        losses: i32 => Integer = row.losses,
        backoff_ms: i64 => BigInt = row.backoff_ms,
        retry_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.retry_at.map(time::to_sql),
        result: Option<String> => Nullable<Text> = row.result.as_ref().map(object),
        error: Option<String> => Nullable<Text> = row.error.as_ref().map(error),
        last_error: Option<String> => Nullable<Text> = row.last_error.as_ref().map(error),
        step: i64 => BigInt = row.step,
        ended_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.ended_at.map(time::to_sql),
        ended_state: Option<&'a str> => Nullable<Text> = row.place.ended().map(EndedState::as_str),
    },
    "update actions a set version = u.version, updated_at = u.updated_at, attempt = u.attempt, \
     last_outcome = u.last_outcome, failures = u.failures, losses = u.losses, \
     backoff_ms = u.backoff_ms, retry_at = u.retry_at, result = u.result::jsonb, \
     error = u.error::jsonb, last_error = u.last_error::jsonb, step = u.step, \
     ended_at = u.ended_at, ended_state = u.ended_state from {rows} where a.ctid = (select \
     k.ctid from actions k where k.project = u.project and k.issue = u.issue and k.number = \
     u.number)"
);

// What is to be done, by whom and when: what somebody asks for.
write_rows!(
    UpdateTerms of row: Action {
        project: &'a str => Text = row.name.issue.project.as_str(),
        issue: i64 => BigInt = row.name.issue.number,
        number: i64 => BigInt = row.name.number,
        title: &'a str => Text = row.title.as_str(),
        description: &'a str => Text = row.description.as_str(),
        parameters: String => Text = object(&row.parameters),
        assignee: Option<&'a str> => Nullable<Text> = row.assignee.as_ref().map(ActorName::as_str),
        candidates: String => Text = candidates(row),
        priority: i16 => SmallInt = row.priority,
        not_before: Option<PgTimestamp> => Nullable<Timestamptz> = row.not_before.map(time::to_sql),
        due_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.due_at.map(time::to_sql),
        expires_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.expires_at.map(time::to_sql),
    },
    "update actions a set title = u.title, description = u.description, \
     parameters = u.parameters::jsonb, assignee = u.assignee, \
     candidates = u.candidates::text[], priority = u.priority, not_before = u.not_before, \
     due_at = u.due_at, expires_at = u.expires_at from {rows} where a.ctid = (select \
     k.ctid from actions k where k.project = u.project and k.issue = u.issue and k.number = \
     u.number)"
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

fn last_outcome(action: &Action) -> Option<&'static str> {
    action.last_outcome.map(AttemptOutcome::as_str)
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
    mut conn: &AsyncPgConnection,
    names: impl Iterator<Item = &'a ActionName> + Clone,
    locked: Locked,
) -> Result<Vec<Row>> {
    let projects = names.clone().map(|name| name.issue.project.as_str()).collect();
    let issues = names.clone().map(|name| name.issue.number).collect();
    let numbers = names.map(|name| name.number).collect();
    Ok(match locked {
        Locked::Wait => {
            Lock { projects, issues, numbers, _of: PhantomData }.load(&mut conn).await?
        }
        Locked::Skip => {
            LockFree { projects, issues, numbers, _of: PhantomData }.load(&mut conn).await?
        }
        Locked::No => Find { projects, issues, numbers, _of: PhantomData }.load(&mut conn).await?,
    })
}

/// Inserts new rows.
pub(super) fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Action]) {
    writes.add(Insert::of(rows));
}

/// Updates rows that are locked, knowing each as it was loaded and as it is.
pub(super) fn update<'a>(writes: &mut Writes<'a>, rows: &[(&'a Action, &'a Action)]) {
    let all: Vec<&'a Action> = rows.iter().map(|(_, new)| *new).collect();
    writes.exactly(all.len(), Update::of(&all));
    let differs = rows.iter().filter(|(old, new)| !has_same_terms(old, new));
    let changed: Vec<&'a Action> = differs.map(|(_, new)| *new).collect();
    if !changed.is_empty() {
        writes.exactly(changed.len(), UpdateTerms::of(&changed));
    }
}

fn has_same_terms(one: &Action, other: &Action) -> bool {
    let times = |action: &Action| (action.not_before, action.due_at, action.expires_at);
    one.title == other.title
        && one.description == other.description
        && one.parameters == other.parameters
        && (&one.assignee, &one.candidates) == (&other.assignee, &other.candidates)
        && one.priority == other.priority
        && times(one) == times(other)
}
