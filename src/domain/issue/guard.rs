//! What a transition asks for, beside the role: the conditions that its workflow sets.

use serde_json::{Value, json};

use super::{Issue, work};
use crate::domain::access;
use crate::domain::command::At;
use crate::domain::error::{Error, Reason, Result, refused};
use crate::domain::name::{ActorName, GroupName, IssueName, ProjectId};
use crate::domain::people::Standing;
use crate::domain::relation::RelationKind;
use crate::domain::value::Fields;
use crate::domain::workflow::{Facts, Transition};

/// Checks all that a transition asks for. `issue` has the parameters already that were sent.
pub(super) fn check(
    at: &At<'_>,
    issue: &Issue,
    sent: &Fields,
    transition: &Transition,
) -> Result<()> {
    check_performer(at, issue, transition)?;
    check_required(issue, transition)?;
    check_condition(at, issue, sent, transition)?;
    check_actions_done(at, issue, transition)?;
    check_unblocked(at, issue, transition)
}

fn check_performer(at: &At<'_>, issue: &Issue, transition: &Transition) -> Result<()> {
    let allowed = &transition.allowed_groups;
    let standing = at.definitions.standing(&at.caller.clone().into());
    let belongs =
        standing.is_some_and(|own| allowed.iter().any(|group| own.groups.contains(group)));
    if allowed.is_empty() || belongs || *at.caller == ActorName::potts() {
        return Ok(());
    }
    let groups: Vec<_> = allowed.iter().map(ToString::to_string).collect();
    let problem = format!("the transition {} is for certain groups", transition.id);
    let subject = issue.name.to_string();
    Err(Error::Forbidden { reason: Reason::NotPerformer, subject, problem }
        .with("groups", groups.join(", ")))
}

fn check_required(issue: &Issue, transition: &Transition) -> Result<()> {
    let missing = |key: &&String| issue.parameters.get(*key).is_none_or(Value::is_null);
    let required = &transition.required_parameters;
    let missing: Vec<&str> = required.iter().filter(missing).map(String::as_str).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let rule = format!("the transition {} needs more parameters", transition.id);
    Err(refused(Reason::FieldsMissing, &issue.name, rule).with("fields", missing.join(", ")))
}

fn check_condition(
    at: &At<'_>,
    issue: &Issue,
    sent: &Fields,
    transition: &Transition,
) -> Result<()> {
    let condition = &transition.condition;
    if condition.is_empty() {
        return Ok(());
    }
    let fields = issue.fields().into_iter().map(|(name, value)| (name.to_owned(), value));
    let names = [("name", issue.name.to_string()), ("key", issue.name.key())];
    let names = names.map(|(field, name)| (field.to_owned(), json!(name)));
    let project = &issue.name.project;
    let facts =
        Facts { issue: &fields.chain(names).collect(), params: sent, actor: &actor(at, project) };
    let problem = match condition.holds(&facts) {
        Ok(true) => return Ok(()),
        Ok(false) => "does not hold".to_owned(),
        Err(problem) => format!("gives nothing: {problem}"),
    };
    let rule = format!("the condition of {} {problem}", transition.id);
    let error = refused(Reason::ConditionFalse, &issue.name, rule);
    Err(error.with("condition", condition.source()))
}

/// What conditions see of who asks.
fn actor(at: &At<'_>, project: &ProjectId) -> Fields {
    let standing = at.definitions.standing(&at.caller.clone().into());
    let role = standing.and_then(|standing| standing.role(project));
    let role = role.map(|role| ("role", json!(role.as_str())));
    let groups = standing.into_iter().flat_map(|standing| &standing.groups);
    let groups: Vec<&str> = groups.map(GroupName::as_str).collect();
    [("name", json!(at.caller.as_str())), ("groups", json!(groups))]
        .into_iter()
        .chain(role)
        .map(|(field, value)| (field.to_owned(), value))
        .collect()
}

/// Refuses while actions have not ended, where the workflow asks for it.
pub(super) fn check_actions_done(
    at: &At<'_>,
    issue: &Issue,
    transition: &Transition,
) -> Result<()> {
    let open = match transition.require_actions_done {
        true => work::open_actions(at, issue),
        false => Vec::new(),
    };
    if open.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = open.iter().map(ToString::to_string).collect();
    let rule = format!("the transition {} waits for its actions", transition.id);
    Err(refused(Reason::ActionsOpen, &issue.name, rule).with("actions", names.join(", ")))
}

fn check_unblocked(at: &At<'_>, issue: &Issue, transition: &Transition) -> Result<()> {
    if !transition.require_unblocked {
        return Ok(());
    }
    let blockers: Vec<&Issue> = blockers(at, &issue.name).collect();
    if blockers.is_empty() {
        return Ok(());
    }
    let standing = at.definitions.standing(&at.caller.clone().into());
    let seen = |blocker: &&&Issue| {
        let reads = |own: &Standing| own.role(&blocker.name.project);
        standing.is_some_and(|own| reads(own).is_some() && access::sees(own, blocker))
    };
    // Who may not see a blocker is told that there is one, and not which.
    let names: Vec<_> = blockers.iter().filter(seen).map(|issue| issue.name.key()).collect();
    let rule = format!("the transition {} waits for what blocks it", transition.id);
    Err(refused(Reason::IssueBlocked, &issue.name, rule).with("blockers", names.join(", ")))
}

/// The open issues that block one.
fn blockers<'a>(at: &At<'a>, name: &IssueName) -> impl Iterator<Item = &'a Issue> {
    let relations = at.rows.relations.values();
    let blocking = relations.filter(|r| r.kind == RelationKind::Blocks && r.target == *name);
    let issues = blocking.filter_map(|relation| at.rows.issues.find(&relation.name.issue));
    issues.map(|issue| &**issue).filter(|issue| !issue.is_closed() && issue.deleted_at.is_none())
}
