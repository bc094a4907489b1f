//! Lists of actions.
//!
//! One statement finds the names of a page, which are read as every action is: a row and its place
//! lie in different tables, and both are read in one snapshot.

use std::collections::BTreeMap;

use diesel::sql_types::{BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::time::Instant;

use super::asks::name;
use super::find;
use crate::domain::action::Action;
use crate::domain::event::Seq;
use crate::domain::name::{ActionName, IssueName, ProjectId};
use crate::domain::reader::Reader;
use crate::store::error::Result;
use crate::store::listed::listed_whole;
use crate::store::query::Stored::{As, Issue, Words};
use crate::store::query::{Columns, Selection, Statement};
use crate::store::{Listed, Store, visible};

/// Whose actions to list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ActionsOf {
    /// Those of a project.
    Project(ProjectId),
    /// Those of an issue.
    Issue(IssueName),
}

impl ActionsOf {
    /// The project that they are in.
    pub fn project(&self) -> &ProjectId {
        match self {
            ActionsOf::Project(project) => project,
            ActionsOf::Issue(issue) => &issue.project,
        }
    }
}

/// Which actions, from where on.
#[derive(Clone, Copy, Debug)]
pub struct ActionList<'a> {
    /// Whose.
    pub of: &'a ActionsOf,
    /// Who asks: those of issues that they do not see are not there.
    pub reader: &'a Reader,
    /// Which of them, in which order.
    pub selection: Selection<'a>,
}

/// Where the fields that lists know are stored. The state is where an action lies, which an index
/// of that place tells.
const STORED: Columns = &[
    ("issue", Issue("a.project", "a.issue")),
    ("number", As("a.number")),
    ("title", As("a.title")),
    ("description", As("a.description")),
    ("state", Words(STATES)),
    ("blocked_reason", Words(REASONS)),
    ("action_type", As("a.action_type")),
    ("assignee", As("a.assignee")),
    ("holder", As("(select l.actor from action_leases l where l.action_id = a.uid)")),
    ("candidates", As("a.candidates")),
    ("creator", As("a.creator")),
    ("priority", As("a.priority")),
    ("unique_key", As("a.unique_key")),
    ("attempt", As("a.attempt")),
    ("step", As("a.step")),
    ("parameters", As("a.parameters")),
    ("create_time", As("a.created_at")),
    ("update_time", As("a.updated_at")),
    ("not_before", As("a.not_before")),
    ("due_time", As("a.due_at")),
    ("expire_time", As("a.expires_at")),
    ("end_time", As("a.ended_at")),
];

macro_rules! waits {
    ($reason:literal) => {
        concat!(
            "exists (select from action_waits w where w.action_id = a.uid and w.reason ",
            $reason,
            ")"
        )
    };
}

macro_rules! ended {
    ($state:literal) => {
        concat!("a.ended_state is not null and a.ended_state = '", $state, "'")
    };
}

const STATES: &[(&str, &str)] = &[
    ("PENDING", waits!("<> 'PANICKED'")),
    ("READY", "exists (select from ready_actions r where r.action_id = a.uid)"),
    (
        "CLAIMED",
        "exists (select from action_leases l where l.action_id = a.uid and l.started_at is null)",
    ),
    (
        "RUNNING",
        "exists (select from action_leases l where l.action_id = a.uid \
         and l.started_at is not null)",
    ),
    ("PANICKED", waits!("= 'PANICKED'")),
    ("SUCCEEDED", ended!("SUCCEEDED")),
    ("FAILED", ended!("FAILED")),
    ("SKIPPED", ended!("SKIPPED")),
    ("CANCELLED", ended!("CANCELLED")),
];

const REASONS: &[(&str, &str)] = &[
    ("", "not exists (select from action_waits w where w.action_id = a.uid)"),
    ("ISSUE_INACTIVE", waits!("= 'ISSUE_INACTIVE'")),
    ("DEPENDENCIES", waits!("= 'DEPENDENCIES'")),
    ("UNSATISFIABLE", waits!("= 'UNSATISFIABLE'")),
    ("PARAMETERS", waits!("= 'PARAMETERS'")),
    ("TIME", waits!("= 'TIME'")),
    ("PANICKED", waits!("= 'PANICKED'")),
];

fn statement(asked: &ActionList<'_>) -> Statement<(Text, BigInt, BigInt)> {
    let ActionList { of, reader, selection } = asked;
    // That `limit` keeps the planner to looking issues up, of which actions have one each.
    let mut page = Statement::new(
        "select a.project, a.issue, a.number from actions a \
         cross join lateral (select * from issues i where i.project = a.project \
         and i.number = a.issue limit 1) as i where a.project = ",
    );
    page.text(of.project().as_str());
    if let ActionsOf::Issue(issue) = of {
        page.sql(" and a.issue = ").integer(issue.number);
    }
    page.sql(" and i.deleted_at is null");
    visible::issues(&mut page, of.project(), reader);
    page.select(STORED, selection);
    page.done()
}

async fn page(mut conn: &AsyncPgConnection, asked: &ActionList<'_>) -> Result<Vec<Action>> {
    let rows: Vec<(String, i64, i64)> = statement(asked).load(&mut conn).await?;
    let names: Vec<ActionName> = rows.into_iter().map(name).collect();
    let found = find(conn, &names.iter().cloned().collect()).await?;
    let mut found: BTreeMap<ActionName, Action> =
        found.into_iter().map(|action| (action.name.clone(), action)).collect();
    Ok(names.iter().filter_map(|name| found.remove(name)).collect())
}

impl Store {
    /// A page of actions; with `known_head` also the end of the log in the same snapshot.
    pub async fn actions(
        &self,
        asked: &ActionList<'_>,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Action>> {
        listed_whole!(self, known_head, deadline, conn => page(conn, asked))
    }

    /// How [`Store::actions`] would find the names: PostgreSQL's plan, as text. Tests hold it to
    /// indexes.
    pub async fn plan_of_actions(
        &self,
        asked: &ActionList<'_>,
        deadline: Instant,
    ) -> Result<String> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let plan = statement(asked).explained().load(reader.conn()).await;
        let lines: Vec<String> = reader.give_back(plan.map_err(Into::into)).await?;
        Ok(lines.join("\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::action::{Blocked, FIELDS, State};

    #[test]
    fn every_field_is_stored_and_nothing_else() {
        let fields: Vec<_> = FIELDS.all.iter().map(|field| field.name).collect();
        let stored: Vec<_> = STORED.iter().map(|(name, _)| *name).collect();

        assert_eq!(fields, stored);
    }

    #[test]
    fn every_word_has_its_condition() {
        let states: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
        let reasons = Blocked::ALL.iter().map(|reason| reason.as_str());

        assert_eq!(STATES.iter().map(|(word, _)| *word).collect::<Vec<_>>(), states);
        let stored: Vec<_> = REASONS.iter().map(|(word, _)| *word).collect();
        assert_eq!(stored, [""].into_iter().chain(reasons).collect::<Vec<_>>());
    }
}
