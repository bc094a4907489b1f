//! The statements of agendas. They are put together of parts that they share.

use std::marker::PhantomData;

use diesel::data_types::PgInterval;
use diesel::sql_types::{Array, BigInt, Bool, Interval, Text};
use jiff::SignedDuration;

use super::AgendaQuery;
use super::rows::{SqlAction, SqlIssue};
use crate::domain::agenda::{OVERDUE_MAX, SPAN, look};
use crate::domain::name::{GroupName, ProjectId};
use crate::domain::people::{Role, Standing};
use crate::store::prepared::prepared;

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
                most: i64 => BigInt,
                limit: i64 => BigInt,
            ) -> $row,
            concat!($($text),*)
        );

        impl<'a> $name<'a> {
            /// Asks for so many rows of some projects.
            pub fn of(query: &AgendaQuery<'a>, live: &'a [ProjectId], need: usize) -> $name<'a> {
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
                    most: look(1),
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
         from (select distinct d.action_id from (select d.action_id from (select * from \
         action_leases l where exists (select from actions a where a.uid = l.action_id \
         and a.project = any({worked})) order by l.claimed_at, l.action_id) as l \
         cross join lateral (select * from dependencies d where d.on_kind = 'ACTION' \
         and d.on_uid = l.action_id and not d.met offset 0) as d limit {most}) as d) as d \
         cross join lateral (select * from action_waits w \
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
