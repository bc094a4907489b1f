//! What configuration must be, whatever there is besides it.

use std::collections::BTreeSet;

use jiff::SignedDuration;

use super::{ActionType, Body, IssueType};
use crate::domain::error::{Error, Reason, Result, invalid, limit_reached, quoted, required};
use crate::domain::project::DISPLAY_NAME_BYTES_MAX;
use crate::domain::value::check_line;
use crate::domain::workflow::{Transition, Workflow};

/// More are no workflow that people keep in their heads.
pub const STATUSES_MAX: usize = 100;
/// As many as lead from ten statuses to each other, ten times over.
pub const TRANSITIONS_MAX: usize = 1_000;
/// Groups, performers or parameters that one list names.
pub const NAMES_MAX: usize = 100;
/// Steps of an action.
pub const STEPS_MAX: usize = 100;
/// An id of a status, a transition or a step.
const ID_CHARS_MAX: usize = 63;
/// The key of a parameter.
const KEY_BYTES_MAX: usize = 128;
/// Shorter leases are lost to a pause of the network.
pub const LEASE_MIN: SignedDuration = SignedDuration::from_secs(10);
/// Longer ones keep others waiting for a machine that is gone.
pub const LEASE_MAX: SignedDuration = SignedDuration::from_secs(600);
/// More tries are no plan.
pub const TRIES_MAX: i32 = 100;
/// What waits longer than ten years is no action.
pub const EXPIRE_MAX: SignedDuration = SignedDuration::from_hours(24 * 3_653);

/// Checks what a body says by itself. `field` is where it lies in the call.
pub fn check(field: &str, body: &Body) -> Result<()> {
    match body {
        Body::Workflow(workflow) => check_workflow(field, workflow),
        Body::IssueType(issue_type) => check_issue_type(field, issue_type),
        Body::ActionType(action_type) => check_action_type(field, action_type),
    }
}

/// Checks an id of a status, a transition or a step: `[a-z][a-z0-9_]{0,62}`.
pub fn check_id(field: &str, id: &str) -> Result<()> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let well_formed = id.starts_with(|c: char| c.is_ascii_lowercase())
        && id.chars().all(inner)
        && id.len() <= ID_CHARS_MAX;
    match well_formed {
        true => Ok(()),
        false if id.is_empty() => Err(required(field)),
        false => {
            let form = "is not an id of the form [a-z][a-z0-9_]{0,62}";
            Err(invalid(field, format!("{} {form}", quoted(id))))
        }
    }
}

fn check_ids<'a>(field: &str, ids: impl Iterator<Item = (String, &'a str)>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for (at, id) in ids {
        check_id(&at, id)?;
        if !seen.insert(id) {
            return Err(invalid(at, format!("{} is there twice in {field}", quoted(id))));
        }
    }
    Ok(())
}

fn check_count(field: &str, count: usize, most: usize) -> Result<()> {
    if count > most {
        return Err(limit_reached(format!("{field}: there may be at most {most}, not {count}")));
    }
    Ok(())
}

fn check_workflow(field: &str, workflow: &Workflow) -> Result<()> {
    let Workflow { display_name, initial_status, statuses, transitions } = workflow;
    check_line(&format!("{field}.display_name"), display_name, DISPLAY_NAME_BYTES_MAX)?;
    let at = format!("{field}.statuses");
    if statuses.is_empty() {
        return Err(required(at));
    }
    check_count(&at, statuses.len(), STATUSES_MAX)?;
    let ids = statuses.iter().enumerate();
    check_ids(&at, ids.map(|(n, status)| (format!("{at}[{n}].id"), &*status.id)))?;
    for (n, status) in statuses.iter().enumerate() {
        let at = format!("{at}[{n}]");
        check_count(&format!("{at}.visible_to"), status.visible_to.len(), NAMES_MAX)?;
        check_line(&format!("{at}.predicate"), &status.predicate, ID_CHARS_MAX)?;
    }
    let at = format!("{field}.initial_status");
    if initial_status.is_empty() {
        return Err(required(at));
    }
    let initial = workflow.status(initial_status);
    let initial = initial.ok_or_else(|| unknown_status(&at, initial_status))?;
    if initial.category.closes() {
        return Err(invalid(at, "must not close: nothing would ever be open"));
    }
    let at = format!("{field}.transitions");
    check_count(&at, transitions.len(), TRANSITIONS_MAX)?;
    let ids = transitions.iter().enumerate();
    check_ids(&at, ids.map(|(n, transition)| (format!("{at}[{n}].id"), &*transition.id)))?;
    let mut each = transitions.iter().enumerate();
    each.try_for_each(|(n, t)| check_transition(&format!("{at}[{n}]"), workflow, t))
}

fn check_transition(field: &str, workflow: &Workflow, transition: &Transition) -> Result<()> {
    if transition.from.is_empty() {
        return Err(required(format!("{field}.from")));
    }
    for (n, from) in transition.from.iter().enumerate() {
        if workflow.status(from).is_none() {
            return Err(unknown_status(&format!("{field}.from[{n}]"), from));
        }
    }
    if workflow.status(&transition.to).is_none() {
        return Err(unknown_status(&format!("{field}.to"), &transition.to));
    }
    let at = format!("{field}.required_parameters");
    check_count(&at, transition.required_parameters.len(), NAMES_MAX)?;
    for (n, key) in transition.required_parameters.iter().enumerate() {
        let at = format!("{at}[{n}]");
        if key.is_empty() {
            return Err(required(at));
        }
        check_line(&at, key, KEY_BYTES_MAX)?;
    }
    check_count(&format!("{field}.allowed_groups"), transition.allowed_groups.len(), NAMES_MAX)
}

/// A status that the workflow does not have.
pub(super) fn unknown_status(field: &str, id: &str) -> Error {
    Error::Invalid {
        reason: Reason::StatusUnknown,
        field: field.into(),
        problem: format!("the workflow has no status {}", quoted(id)),
    }
}

fn check_issue_type(field: &str, issue_type: &IssueType) -> Result<()> {
    let IssueType { display_name, kind: _, workflow, parameter_schema: _, visible_to } = issue_type;
    check_line(&format!("{field}.display_name"), display_name, DISPLAY_NAME_BYTES_MAX)?;
    if workflow.is_empty() {
        return Err(required(format!("{field}.workflow")));
    }
    check_count(&format!("{field}.visible_to"), visible_to.len(), NAMES_MAX)
}

fn check_action_type(field: &str, action_type: &ActionType) -> Result<()> {
    let at = |name: &str| format!("{field}.{name}");
    let ActionType {
        display_name,
        performers,
        parameter_schema: _,
        result_schema: _,
        steps,
        lease,
        attempts_max,
        losses_max,
        on_exhausted: _,
        expire_after,
    } = action_type;
    check_line(&at("display_name"), display_name, DISPLAY_NAME_BYTES_MAX)?;
    check_count(&at("performers"), performers.len(), NAMES_MAX)?;
    check_count(&at("steps"), steps.len(), STEPS_MAX)?;
    let ids = steps.iter().enumerate().map(|(n, id)| (format!("{field}.steps[{n}]"), &**id));
    check_ids(&at("steps"), ids)?;
    if lease.is_some_and(|lease| !(LEASE_MIN..=LEASE_MAX).contains(&lease)) {
        return Err(invalid(at("lease"), "must be 10 s to 10 min"));
    }
    for (name, tries) in [("attempts_max", attempts_max), ("losses_max", losses_max)] {
        if !(1..=TRIES_MAX).contains(tries) {
            return Err(invalid(at(name), format!("must be 1 to {TRIES_MAX}")));
        }
    }
    let in_time = |after: &SignedDuration| *after > SignedDuration::ZERO && *after <= EXPIRE_MAX;
    if expire_after.as_ref().is_some_and(|after| !in_time(after)) {
        return Err(invalid(at("expire_after"), "must be more than nothing, at most ten years"));
    }
    Ok(())
}
