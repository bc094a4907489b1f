//! What becomes of the actions of an issue when the issue changes.
//!
//! Whoever calls these asks for [`super::ActionAsks::unfinished_of`] the issue.

use std::sync::Arc;

use super::Action;
use super::change::Changed;
use super::end::{ask_to_stop, stopped};
use super::place::{EndedState, STOPPING, Stop};
use crate::domain::command::At;
use crate::domain::error::Result;
use crate::domain::event::Event;
use crate::domain::issue::Issue;
use crate::domain::name::IssueName;
use crate::domain::working_set::Change;

/// The actions of an issue that have not ended.
pub fn unfinished<'a>(at: &At<'a>, issue: &'a IssueName) -> impl Iterator<Item = &'a Arc<Action>> {
    let of_issue = at.rows.actions.values().filter(move |action| action.name.issue == *issue);
    of_issue.filter(|action| action.is_unfinished())
}

/// Cancels the unfinished actions of an issue that is closed. Who holds one may still end it, for a
/// short time. None has to be settled for another: all are cancelled.
pub fn cancel_all(at: &At<'_>, issue: &IssueName, message: &str) -> (Vec<Change>, Vec<Event>) {
    let mut changed = Changed::new(at);
    let reason = if message.is_empty() { "ISSUE_CLOSED" } else { message };
    for old in changed.of_issue(issue) {
        let stop =
            Stop { at: at.now + STOPPING, end: EndedState::Cancelled, reason: reason.into() };
        if let Some(lease) = old.place.lease().filter(|lease| lease.holds(at.now)) {
            if lease.stop.as_ref().map(|stop| stop.end) != Some(stop.end) {
                ask_to_stop(&mut changed, &old, lease, stop);
            }
        } else if old.is_unfinished() {
            let (new, said) = stopped(&mut changed, &old, stop);
            changed.end_alone(&old, new, EndedState::Cancelled, said);
        }
    }
    changed.into_parts()
}

/// Puts the actions of an issue where they belong now that the issue has this value: it was made
/// active or inactive, hidden or brought back.
pub fn readmit_all(at: &At<'_>, issue: &Issue) -> Result<(Vec<Change>, Vec<Event>)> {
    let mut changed = Changed::new(at);
    for old in changed.of_issue(&issue.name) {
        changed.readmit(issue, &old, (*old).clone())?;
    }
    Ok(changed.into_parts())
}
