//! What is next for somebody: each bucket is read by a statement of its own, all in one snapshot.
//!
//! Each statement begins with what an index gives, at most so many rows, and finds the rest row by
//! row: the work is bounded by what is looked at, however much lies in the tables.

use std::marker::PhantomData;

use diesel::data_types::{PgInterval, PgTimestamp};
use diesel::pg::Pg;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::sql_types::{
    Array, BigInt, Bool, Integer, Interval, Nullable, SmallInt, Text, Timestamptz,
};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection as _};
use jiff::SignedDuration;
use tokio::time::Instant;

use super::error::Result;
use super::log::{LogState, PageRow};
use super::prepared::prepared;
use super::{Store, begin_snapshot, end_snapshot, stored, time};
use crate::domain::action::{Blocked, State};
use crate::domain::agenda::{Agenda, Item, ItemName, OVERDUE_MAX, Of, Projects, SPAN, look};
use crate::domain::event::Seq;
use crate::domain::name::{ActionName, ActorName, GroupName, IssueName, ProjectId};
use crate::domain::people::{Role, Standing};
use crate::domain::workflow::Category;

/// Whose agenda.
#[derive(Clone, Copy, Debug)]
pub struct AgendaQuery<'a> {
    /// Theirs.
    pub actor: &'a Standing,
    /// Who else reads it; none is nobody else.
    pub reader: Option<&'a Standing>,
    /// What of; none is all projects.
    pub projects: &'a Projects,
    /// How many items a bucket has at most.
    pub size: usize,
}

/// The agenda, and where the log ended when it was read.
pub type AgendaRead = (Agenda, Option<(LogState, Option<PageRow>)>);

prepared!(
    Live(only: Option<Vec<&'a str>> => Nullable<Array<Text>>) -> Text,
    "select id from projects where deleted_at is null and ({only} is null or id = any({only})) \
     order by id"
);

/// What is told of an action. The state and what goes with it come from where it lies.
macro_rules! action_columns {
    () => {
        "select a.project, a.issue, a.number, a.title, a.priority, a.due_at, a.created_at, \
         n.dependents, i.title, a.action_type, c.state, c.reason, a.assignee, a.not_before, \
         c.claimed_at, c.progress from "
    };
}

/// The actions of what was found as `c`, of issues that go on and are seen.
macro_rules! of_actions {
    () => {
        concat!(
            " as c (action_id, state, reason, claimed_at, progress) \
             cross join lateral (select * from actions a where a.uid = c.action_id limit 1) as a \
             cross join lateral (select * from issues i where i.project = a.project \
             and i.number = a.issue limit 1) as i \
             cross join lateral (select count(*)::int from dependencies d \
             where d.on_kind = 'ACTION' and d.on_uid = a.uid and not d.met) as n (dependents) \
             where ",
            goes_on!(),
            " and ",
            seen!(),
        )
    };
}

macro_rules! issue_columns {
    () => {
        "select i.project, i.number, i.title, i.priority, i.due_at, i.created_at, n.dependents, \
         i.issue_type, i.status, i.category, i.owner, i.updated_at from "
    };
}

/// The end of a question for issues, which were found as `i`.
macro_rules! of_issues {
    () => {
        concat!(
            " as i cross join lateral (select count(*)::int from dependencies d \
             where d.on_kind = 'ISSUE' and d.on_uid = i.uid and not d.met) as n (dependents) \
             order by ",
            urgency!("i"),
            ", i.due_at, n.dependents desc, i.created_at, i.project, i.number limit {limit}"
        )
    };
}

/// As the index has it.
macro_rules! urgency {
    ($of:literal) => {
        concat!("(case when ", $of, ".priority = 0 then 6 else ", $of, ".priority end)")
    };
}

macro_rules! actions_in_order {
    () => {
        concat!(
            " order by ",
            urgency!("a"),
            ", a.due_at, n.dependents desc, a.created_at, a.project, a.issue, a.number \
             limit {limit}"
        )
    };
}

/// Whether work on an issue goes on.
macro_rules! goes_on {
    () => {
        "i.closed_at is null and i.deleted_at is null and i.active"
    };
}

/// Whether the actor and the reader see an issue. Who holds an action of it does.
macro_rules! seen {
    () => {
        "(i.visible_to is null or (i.project = any({administered}) or i.visible_to && {groups} \
         or i.assignees && {principals} or exists (select from action_leases l join actions h \
         on h.uid = l.action_id where l.actor = {actor} and h.project = i.project \
         and h.issue = i.number)) and ({alone} or i.project = any({reader_administered}) \
         or i.visible_to && {reader_groups} or i.assignees && {reader_principals}))"
    };
}

/// The most urgent issues of the project `p` that go on, are seen, and something more.
macro_rules! urgent {
    ($more:literal) => {
        concat!(
            "(select * from issues i where i.project = p.project and ",
            $more,
            " and ",
            goes_on!(),
            " and ",
            seen!(),
            " order by ",
            urgency!("i"),
            ", i.due_at, i.created_at, i.number limit {look})"
        )
    };
}

/// Issues of the actor that go on, are seen, and something more.
macro_rules! owned {
    ($more:literal) => {
        concat!(
            "(select * from issues i where i.owner = {actor} and ",
            goes_on!(),
            " and i.project = any({projects}) and ",
            seen!(),
            " and ",
            $more,
            " limit {look})"
        )
    };
}

/// Waiting actions that are assigned to the actor, and something more.
macro_rules! waiting {
    ($more:literal) => {
        concat!(
            "(select a.uid, case w.reason when 'PANICKED' then 'PANICKED' else 'PENDING' end, \
             w.reason, null::timestamptz, null::smallint from actions a cross join lateral \
             (select * from action_waits w where w.action_id = a.uid limit 1) as w \
             where a.assignee = {actor} and ",
            $more,
            " limit {look})"
        )
    };
}

type SqlAction = (
    Text,
    BigInt,
    BigInt,
    Text,
    SmallInt,
    Nullable<Timestamptz>,
    Timestamptz,
    Integer,
    Text,
    Text,
    Text,
    Nullable<Text>,
    Nullable<Text>,
    Nullable<Timestamptz>,
    Nullable<Timestamptz>,
    Nullable<SmallInt>,
);
type ActionRow = (
    String,
    i64,
    i64,
    String,
    i16,
    Option<PgTimestamp>,
    PgTimestamp,
    i32,
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<PgTimestamp>,
    Option<PgTimestamp>,
    Option<i16>,
);
type SqlIssue = (
    Text,
    BigInt,
    Text,
    SmallInt,
    Nullable<Timestamptz>,
    Timestamptz,
    Integer,
    Text,
    Text,
    Text,
    Text,
    Timestamptz,
);
type IssueRow = (
    String,
    i64,
    String,
    i16,
    Option<PgTimestamp>,
    PgTimestamp,
    i32,
    String,
    String,
    String,
    String,
    PgTimestamp,
);

/// Statements that all ask about the same people and projects.
macro_rules! parts {
    ($($(#[$doc:meta])* $name:ident -> $row:ty { $($text:expr),* $(,)? })*) => {$(
        prepared!(
            $(#[$doc])*
            $name(
                actor: &'a str => Text,
                principals: Vec<&'a str> => Array<Text>,
                groups: Vec<&'a str> => Array<Text>,
                projects: Vec<&'a str> => Array<Text>,
                worked: Vec<&'a str> => Array<Text>,
                administered: Vec<&'a str> => Array<Text>,
                alone: bool => Bool,
                reader_principals: Vec<&'a str> => Array<Text>,
                reader_groups: Vec<&'a str> => Array<Text>,
                reader_administered: Vec<&'a str> => Array<Text>,
                ahead: PgInterval => Interval,
                overdue: PgInterval => Interval,
                look: i64 => BigInt,
                limit: i64 => BigInt,
            ) -> $row,
            concat!($($text),*)
        );

        impl<'a> $name<'a> {
            fn of(query: &AgendaQuery<'a>, live: &'a [ProjectId], need: usize) -> $name<'a> {
                let AgendaQuery { actor, reader, projects: _, size: _ } = *query;
                let other = reader.unwrap_or(actor);
                let all = || live.iter();
                $name {
                    actor: actor.principal.as_str(),
                    principals: principals(actor),
                    groups: groups(actor),
                    projects: all().map(ProjectId::as_str).collect(),
                    worked: with_role(live, actor, Role::Worker),
                    administered: with_role(live, actor, Role::Admin),
                    alone: reader.is_none(),
                    reader_principals: principals(other),
                    reader_groups: groups(other),
                    reader_administered: with_role(live, other, Role::Admin),
                    ahead: interval(SPAN),
                    overdue: interval(OVERDUE_MAX),
                    look: look(live.len()),
                    limit: i64::try_from(need).unwrap_or(i64::MAX),
                    _of: PhantomData,
                }
            }
        }
    )*};
}

fn groups(standing: &Standing) -> Vec<&str> {
    standing.groups.iter().map(GroupName::as_str).collect()
}

fn principals(standing: &Standing) -> Vec<&str> {
    groups(standing).into_iter().chain([standing.principal.as_str()]).collect()
}

/// The projects where somebody has at least that role.
fn with_role<'a>(live: &'a [ProjectId], standing: &Standing, least: Role) -> Vec<&'a str> {
    let has = |project: &&ProjectId| standing.role(project) >= Some(least);
    live.iter().filter(has).map(ProjectId::as_str).collect()
}

fn interval(span: SignedDuration) -> PgInterval {
    PgInterval::from_microseconds(i64::try_from(span.as_micros()).unwrap_or(i64::MAX))
}

parts! {
    /// What the actor holds.
    Now -> SqlAction {
        action_columns!(),
        "(select l.action_id, case when l.started_at is null then 'CLAIMED' else 'RUNNING' end, \
         null::text, l.claimed_at, l.progress from action_leases l where l.actor = {actor})",
        of_actions!(),
        " and a.project = any({projects}) \
         order by c.state desc, c.claimed_at, a.project, a.issue, a.number limit {limit}",
    }

    /// What can be claimed from the lines in which the actor is served.
    Parallel -> SqlAction {
        action_columns!(),
        "(select r.action_id, 'READY', null::text, null::timestamptz, null::smallint \
         from lines l cross join lateral (select * from ready_actions r \
         where r.line_id = l.line_id order by r.vkey, r.action_id limit {look}) as r \
         where l.project = any({worked}) \
         and (cardinality(l.performers) = 0 or l.performers && {principals}))",
        of_actions!(),
        actions_in_order!(),
    }

    /// What waits for nothing but what others hold, and the actor could claim then. Held actions
    /// are few, and lead to those that wait for them.
    Next -> SqlAction {
        action_columns!(),
        "(select w.action_id, 'PENDING', w.reason, null::timestamptz, null::smallint \
         from (select distinct d.action_id from action_leases l cross join lateral \
         (select * from dependencies d where d.on_kind = 'ACTION' and d.on_uid = l.action_id \
         and not d.met offset 0) as d) as d cross join lateral (select * from action_waits w \
         where w.action_id = d.action_id and w.reason = 'DEPENDENCIES' limit 1) as w \
         where (select bool_and(o.on_kind = 'ACTION' and (select count(*) from action_leases h \
         where h.action_id = o.on_uid) > 0) from dependencies o \
         where o.action_id = d.action_id and not o.met))",
        of_actions!(),
        " and a.project = any({worked}) and case when a.assignee is not null \
         then a.assignee = {actor} when cardinality(a.candidates) > 0 \
         then a.candidates && {principals} \
         else coalesce((select jsonb_array_length(t.body->'performers') = 0 \
         or jsonb_exists_any(t.body->'performers', {principals}) from configurations t \
         where t.project = a.project and t.kind = 'actionTypes' and t.id = a.action_type \
         and t.revision = a.action_type_revision), true) end",
        actions_in_order!(),
    }

    /// What nobody has looked at, and what there is nothing to do in.
    Review -> SqlIssue {
        issue_columns!(),
        "(select i.* from unnest({worked}) as p (project) cross join lateral (",
        urgent!("i.category = 'TRIAGE'"),
        " union all (select * from ",
        urgent!("i.category <> 'TRIAGE'"),
        " as i where (select count(*) from (select from actions a where a.project = i.project \
         and a.issue = i.number and a.ended_state is null limit 1) as a) = 0)) as i)",
        of_issues!(),
    }

    /// What the actor owns and has changed.
    Aware -> SqlIssue {
        issue_columns!(),
        owned!("i.updated_at > potts_now() - {ahead} order by i.updated_at desc"),
        of_issues!(),
    }

    /// Actions that the actor must be ready for.
    PrepareActions -> SqlAction {
        action_columns!(),
        "(",
        waiting!(
            "a.due_at > potts_now() - {overdue} and a.due_at <= potts_now() + {ahead} \
             order by a.due_at"
        ),
        " union ",
        waiting!(
            "a.not_before > potts_now() and a.not_before <= potts_now() + {ahead} \
             order by a.not_before"
        ),
        ")",
        of_actions!(),
        " and a.project = any({projects})",
        actions_in_order!(),
    }

    /// Issues that the actor must be ready for.
    PrepareIssues -> SqlIssue {
        issue_columns!(),
        owned!("i.due_at <= potts_now() + {ahead} order by i.due_at"),
        of_issues!(),
    }
}

fn action(row: ActionRow) -> Item {
    let (
        project,
        issue,
        number,
        title,
        priority,
        due_at,
        created_at,
        dependents,
        issue_title,
        action_type,
        state,
        reason,
        assignee,
        not_before,
        claimed_at,
        progress,
    ) = row;
    let issue = IssueName { project: stored::project_id(&project), number: issue };
    let blocked = |reason: String| {
        Blocked::stored(&reason).expect("the table's constraint knows the reasons")
    };
    Item {
        name: ItemName::Action(ActionName { issue, number }),
        title,
        priority,
        due_at: due_at.map(time::from_sql),
        created_at: time::from_sql(created_at),
        dependents,
        of: Of::Action {
            issue_title,
            action_type,
            state: State::stored(&state).expect("the statements name states"),
            blocked: reason.map(blocked),
            assignee: assignee.as_deref().map(ActorName::stored),
            not_before: not_before.map(time::from_sql),
            claimed_at: claimed_at.map(time::from_sql),
            progress,
        },
    }
}

fn issue(row: IssueRow) -> Item {
    let (
        project,
        number,
        title,
        priority,
        due_at,
        created_at,
        dependents,
        issue_type,
        status,
        category,
        owner,
        updated_at,
    ) = row;
    Item {
        name: ItemName::Issue(IssueName { project: stored::project_id(&project), number }),
        title,
        priority,
        due_at: due_at.map(time::from_sql),
        created_at: time::from_sql(created_at),
        dependents,
        of: Of::Issue {
            issue_type,
            status,
            category: Category::stored(&category).expect("the table's constraint knows them"),
            owner: ActorName::stored(&owner),
            updated_at: time::from_sql(updated_at),
        },
    }
}

/// The projects that are there, of those that were asked about.
async fn live(conn: &mut AsyncPgConnection, projects: &Projects) -> Result<Vec<ProjectId>> {
    let only = projects.as_ref().map(|some| some.iter().map(ProjectId::as_str).collect());
    let ids: Vec<String> = Live { only, _of: PhantomData }.load(conn).await?;
    Ok(ids.iter().map(|id| stored::project_id(id)).collect())
}

/// The rows of one statement.
macro_rules! items {
    ($conn:ident, $query:ident, $live:ident, $name:ident, $need:expr, $item:ident) => {{
        let rows: Vec<_> = $name::of($query, &$live, $need).load($conn).await?;
        rows.into_iter().map($item).collect::<Vec<Item>>()
    }};
}

/// What each bucket is made of; it is not arranged yet.
async fn read(conn: &mut AsyncPgConnection, query: &AgendaQuery<'_>) -> Result<Agenda> {
    let live = live(conn, query.projects).await?;
    if live.is_empty() {
        return Ok(Agenda::default());
    }
    // Making the plans anew would take longer than carrying them out. They are made of indexes
    // alone, and again whenever there are new statistics.
    conn.batch_execute("set local plan_cache_mode = auto").await?;
    let [now, parallel, next, review, aware, prepare] = Agenda::needs(query.size);
    let mut agenda = Agenda {
        now: items!(conn, query, live, Now, now, action),
        parallel: items!(conn, query, live, Parallel, parallel, action),
        next: items!(conn, query, live, Next, next, action),
        review: items!(conn, query, live, Review, review, issue),
        aware: items!(conn, query, live, Aware, aware, issue),
        prepare: items!(conn, query, live, PrepareActions, prepare, action),
    };
    agenda.prepare.extend(items!(conn, query, live, PrepareIssues, prepare, issue));
    Ok(agenda)
}

/// Asks how a statement would be carried out.
struct Explained<T>(T);

impl<T> QueryId for Explained<T> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<T> Query for Explained<T> {
    type SqlType = Text;
}

impl<T: QueryFragment<Pg>> QueryFragment<Pg> for Explained<T> {
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        out.unsafe_to_cache_prepared();
        out.push_sql("explain ");
        self.0.walk_ast(out)
    }
}

macro_rules! plans {
    ($conn:ident, $query:ident, $live:ident, $($name:ident),* $(,)?) => {
        [$({
            let statement = Explained($name::of($query, &$live, $query.size));
            let lines: Vec<String> = statement.load($conn).await?;
            (stringify!($name), lines.join("\n"))
        }),*]
    };
}

async fn plans(
    conn: &mut AsyncPgConnection,
    query: &AgendaQuery<'_>,
) -> Result<Vec<(&'static str, String)>> {
    let live = live(conn, query.projects).await?;
    let plans = plans!(
        conn,
        query,
        live,
        Now,
        Parallel,
        Next,
        Review,
        Aware,
        PrepareActions,
        PrepareIssues,
    );
    Ok(plans.into())
}

impl Store {
    /// What is next for somebody, and the end of the log in the same snapshot.
    pub async fn agenda(
        &self,
        query: &AgendaQuery<'_>,
        known_head: Seq,
        deadline: Instant,
    ) -> Result<AgendaRead> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let found = async {
            let log = begin_snapshot(conn, Some(known_head)).await?;
            let agenda = read(conn, query).await?;
            end_snapshot(conn, Some(known_head)).await?;
            Ok((agenda.arranged(query.size), log))
        };
        let found = found.await;
        reader.give_back(found).await
    }

    /// How the statements of [`Store::agenda`] would be carried out: their names, and PostgreSQL's
    /// plans as text. Tests hold them to indexes.
    pub async fn plans_of_agenda(
        &self,
        query: &AgendaQuery<'_>,
        deadline: Instant,
    ) -> Result<Vec<(&'static str, String)>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let plans = plans(reader.conn(), query).await;
        reader.give_back(plans).await
    }
}
