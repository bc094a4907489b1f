//! The table `attempts`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::action::{ActionError, Attempt, AttemptOutcome};
use crate::domain::name::{ActionName, ActorName, AttemptName};
use crate::store::error::Result;
use crate::store::prepared::{prepared, write_rows};
use crate::store::table::Table;
use crate::store::time;
use crate::store::writes::Writes;

type SqlRow = (
    SqlUuid,
    BigInt,
    Text,
    Timestamptz,
    Nullable<Timestamptz>,
    Timestamptz,
    Text,
    Text,
    Nullable<Jsonb>,
    Nullable<Jsonb>,
);
type Row = (
    Uuid,
    i64,
    String,
    PgTimestamp,
    Option<PgTimestamp>,
    PgTimestamp,
    String,
    String,
    Option<Value>,
    Option<Value>,
);

prepared!(
    Page(
        project: &'a str => Text,
        issue: i64 => BigInt,
        number: i64 => BigInt,
        after: i64 => BigInt,
        limit: i64 => BigInt,
    ) -> SqlRow,
    "select t.action_id, t.number, t.actor, t.claimed_at, t.started_at, t.ended_at, t.step, \
     t.outcome, t.error, t.result from (select * from actions a where a.project = {project} \
     and a.issue = {issue} and a.number = {number}) as a cross join lateral \
     (select * from attempts t where t.action_id = a.uid and t.number > {after} \
     order by t.number limit {limit}) as t"
);

write_rows!(
    Insert of row: Attempt {
        action_id: Uuid => SqlUuid = row.action_uid,
        number: i64 => BigInt = row.name.number,
        actor: &'a str => Text = row.actor.as_str(),
        claimed_at: PgTimestamp => Timestamptz = time::to_sql(row.claimed_at),
        started_at: Option<PgTimestamp> => Nullable<Timestamptz> = row.started_at.map(time::to_sql),
        ended_at: PgTimestamp => Timestamptz = time::to_sql(row.ended_at),
        step: &'a str => Text = row.step.as_str(),
        outcome: &'a str => Text = row.outcome.as_str(),
        error: Option<String> => Nullable<Text> = error(row),
        result: Option<String> => Nullable<Text> = result(row),
    },
    "insert into attempts ({columns}) select u.action_id, u.number, u.actor, u.claimed_at, \
     u.started_at, u.ended_at, u.step, u.outcome, u.error::jsonb, u.result::jsonb from {rows}"
);

fn error(attempt: &Attempt) -> Option<String> {
    attempt.error.as_ref().map(|error| error.to_value().to_string())
}

fn result(attempt: &Attempt) -> Option<String> {
    attempt.result.clone().map(|result| Value::Object(result).to_string())
}

/// The attempts at an action that have ended, after a number, in order.
pub(in crate::store) async fn page(
    mut conn: &AsyncPgConnection,
    action: &ActionName,
    after: i64,
    limit: i64,
) -> Result<Vec<Attempt>> {
    let (project, issue) = (action.issue.project.as_str(), action.issue.number);
    let page = Page { project, issue, number: action.number, after, limit, _of: PhantomData };
    let rows: Vec<Row> = page.load(&mut conn).await?;
    let attempt = |row: Row| {
        let (action_uid, number, actor, claimed_at, started_at, ended_at, step, outcome, e, r) =
            row;
        Attempt {
            name: AttemptName { action: action.clone(), number },
            action_uid,
            actor: ActorName::stored(&actor),
            claimed_at: time::from_sql(claimed_at),
            started_at: started_at.map(time::from_sql),
            ended_at: time::from_sql(ended_at),
            step,
            outcome: AttemptOutcome::stored(&outcome).expect("the constraint knows them"),
            error: e.as_ref().map(ActionError::stored),
            result: r.as_ref().and_then(Value::as_object).cloned(),
        }
    };
    Ok(rows.into_iter().map(attempt).collect())
}

impl Table for Attempt {
    const NAME: &str = "attempts";

    async fn lock(_: &AsyncPgConnection, keys: &BTreeSet<(ActionName, i64)>) -> Result<Vec<Self>> {
        assert!(keys.is_empty(), "no rule looks at what was tried before");
        Ok(Vec::new())
    }

    fn insert<'a>(writes: &mut Writes<'a>, rows: &[&'a Self]) {
        writes.add(Insert::of(rows));
    }

    fn update<'a>(_: &mut Writes<'a>, rows: &[&'a Self]) {
        assert!(rows.is_empty(), "what was tried never changes");
    }
}
