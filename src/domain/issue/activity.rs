//! Letting work on an issue go on, and holding it.

use std::sync::Arc;

use super::{EventType, Issue, becomes, closed, footprint, live, work};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::Result;
use crate::domain::name::IssueName;
use crate::domain::working_set::Footprint;

/// Lets work on an issue go on.
#[derive(Clone, Debug)]
pub struct ActivateIssue {
    /// Which.
    pub name: IssueName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

/// Holds work on an issue.
#[derive(Clone, Debug)]
pub struct DeactivateIssue {
    /// Which.
    pub name: IssueName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for ActivateIssue {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name)
    }

    fn footprint(&self) -> Footprint {
        needed(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let old = live(at, &self.name, self.etag.as_deref())?;
        let new = Issue { active: true, ..Issue::clone(old) };
        turned(at, old, new, EventType::IssueActivated)
    }
}

impl Decide for DeactivateIssue {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name)
    }

    fn footprint(&self) -> Footprint {
        needed(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let old = live(at, &self.name, self.etag.as_deref())?;
        let new = Issue { active: false, ..Issue::clone(old) };
        turned(at, old, new, EventType::IssueDeactivated)
    }
}

/// The issue, and the actions that can be claimed with it and not without.
fn needed(name: &IssueName) -> Footprint {
    let mut needed = footprint(name);
    needed.add(work::footprint(name));
    needed
}

fn turned(at: &At<'_>, old: &Arc<Issue>, mut new: Issue, kind: EventType) -> Result<Decision> {
    if new.active == old.active {
        return Ok(Decision::unchanged(Arc::clone(old)));
    }
    if old.is_closed() {
        return Err(closed(&old.name));
    }
    new.version += 1;
    new.updated_at = at.now;
    let event = new.event_of_change(kind, old, |_| true);
    work::readmitted(at, becomes(new.clone(), vec![event]), &new)
}
