//! The work that is done for an issue: its actions.

use super::Issue;
use crate::domain::action::{self, ActionAsks};
use crate::domain::command::{At, Decision};
use crate::domain::error::Result;
use crate::domain::name::{ActionName, IssueName};
use crate::domain::working_set::Footprint;

/// What a command on an issue needs that its unfinished actions follow.
pub(super) fn footprint(issue: &IssueName) -> Footprint {
    let unfinished_of = [issue.clone()].into();
    let action_asks = ActionAsks { unfinished_of, ..ActionAsks::default() };
    Footprint { action_asks, ..Footprint::default() }
}

/// The actions of an issue that have not ended. Workflows may demand that there are none, and
/// closing the issue ends them.
pub(super) fn open_actions(at: &At<'_>, issue: &Issue) -> Vec<ActionName> {
    action::unfinished(at, &issue.name).map(|action| action.name.clone()).collect()
}

/// The decision that closes an issue, with the end of its actions.
pub(super) fn cancelled(at: &At<'_>, mut decision: Decision, issue: &Issue, why: &str) -> Decision {
    let (changes, events) = action::cancel_all(at, &issue.name, why);
    decision.changes.extend(changes);
    decision.events.extend(events);
    decision
}

/// The decision that gives an issue this value, with what its actions wait for then.
pub(super) fn readmitted(at: &At<'_>, mut decision: Decision, issue: &Issue) -> Result<Decision> {
    let (changes, events) = action::readmit_all(at, issue)?;
    decision.changes.extend(changes);
    decision.events.extend(events);
    Ok(decision)
}
