//! The table `attempts`.

use std::collections::BTreeSet;
use std::marker::PhantomData;

use diesel::data_types::PgTimestamp;
use diesel::sql_types::{Array, BigInt, Jsonb, Nullable, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::action::{ActionError, Attempt, AttemptOutcome};
use crate::domain::name::{ActionName, ActorName, AttemptName};
use crate::store::error::Result;
use crate::store::prepared::prepared;
use crate::store::table::Table;
use crate::store::time;

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

prepared!(
    Insert(
        action_ids: Vec<Uuid> => Array<SqlUuid>,
        numbers: Vec<i64> => Array<BigInt>,
        actors: Vec<&'a str> => Array<Text>,
        claimed_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        started_ats: Vec<Option<PgTimestamp>> => Array<Nullable<Timestamptz>>,
        ended_ats: Vec<PgTimestamp> => Array<Timestamptz>,
        steps: Vec<&'a str> => Array<Text>,
        outcomes: Vec<&'a str> => Array<Text>,
        errors: Vec<Option<String>> => Array<Nullable<Text>>,
        results: Vec<Option<String>> => Array<Nullable<Text>>,
    ) -> (),
    "insert into attempts (action_id, number, actor, claimed_at, started_at, ended_at, step, \
     outcome, error, result) select u.action_id, u.number, u.actor, u.claimed_at, u.started_at, \
     u.ended_at, u.step, u.outcome, u.error::jsonb, u.result::jsonb \
     from unnest({action_ids}, {numbers}, {actors}, {claimed_ats}, {started_ats}, {ended_ats}, \
     {steps}, {outcomes}, {errors}, {results}) as u (action_id, number, actor, claimed_at, \
     started_at, ended_at, step, outcome, error, result)"
);

/// The attempts at an action that have ended, after a number, in order.
pub(in crate::store) async fn page(
    conn: &mut AsyncPgConnection,
    action: &ActionName,
    after: i64,
    limit: i64,
) -> Result<Vec<Attempt>> {
    let (project, issue) = (action.issue.project.as_str(), action.issue.number);
    let page = Page { project, issue, number: action.number, after, limit, _of: PhantomData };
    let rows: Vec<Row> = page.load(conn).await?;
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

    async fn lock(
        _: &mut AsyncPgConnection,
        keys: &BTreeSet<(ActionName, i64)>,
    ) -> Result<Vec<Self>> {
        assert!(keys.is_empty(), "no rule looks at what was tried before");
        Ok(Vec::new())
    }

    async fn insert(conn: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        let json = |value: Value| value.to_string();
        let insert = Insert {
            action_ids: rows.iter().map(|row| row.action_uid).collect(),
            numbers: rows.iter().map(|row| row.name.number).collect(),
            actors: rows.iter().map(|row| row.actor.as_str()).collect(),
            claimed_ats: rows.iter().map(|row| time::to_sql(row.claimed_at)).collect(),
            started_ats: rows.iter().map(|row| row.started_at.map(time::to_sql)).collect(),
            ended_ats: rows.iter().map(|row| time::to_sql(row.ended_at)).collect(),
            steps: rows.iter().map(|row| row.step.as_str()).collect(),
            outcomes: rows.iter().map(|row| row.outcome.as_str()).collect(),
            errors: rows.iter().map(|row| row.error.as_ref().map(|e| json(e.to_value()))).collect(),
            results: rows.iter().map(|r| r.result.clone().map(Value::Object).map(json)).collect(),
            _of: PhantomData,
        };
        insert.execute(conn).await?;
        Ok(())
    }

    async fn update(_: &mut AsyncPgConnection, rows: &[&Self]) -> Result<()> {
        assert!(rows.is_empty(), "what was tried never changes");
        Ok(())
    }
}
