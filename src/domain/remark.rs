//! What comments and references have in common: they stand beside a thing and do not change it.

use std::sync::Arc;

use super::command::At;
use super::error::{Result, not_found};
use super::event::{Event, EventType};
use super::issue::Issue;
use super::name::{ActionName, IssueName};

/// An issue that is there.
pub(super) fn live_issue<'a>(at: &At<'a>, name: &IssueName) -> Result<&'a Arc<Issue>> {
    at.definitions.project(&name.project)?;
    let issue = at.rows.issues.get(name).filter(|issue| issue.deleted_at.is_none());
    issue.ok_or_else(|| not_found(name))
}

/// Checks that an action is there.
pub(super) fn has_action(at: &At<'_>, name: &ActionName) -> Result<()> {
    at.rows.actions.get(name).map(drop).ok_or_else(|| not_found(name))
}

/// An event beside an issue: who may see the issue may see it. The issue itself has not changed, so
/// it says no version.
pub(super) fn event_of_issue(at: &At<'_>, issue: &IssueName, kind: EventType) -> Result<Event> {
    let mut event = live_issue(at, issue)?.event(kind);
    event.version = 0;
    Ok(event)
}
