//! Who answers for an issue, and who works on it.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::{EventType, Issue, becomes, closed, existing, footprint};
use crate::domain::access::{Subject, role_required};
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Result, invalid, limit_reached};
use crate::domain::etag;
use crate::domain::name::{ActorName, IssueName, Principal, ProjectId};
use crate::domain::people::Role;
use crate::domain::working_set::Footprint;

/// Work of more people is nobody's.
pub const ASSIGNEES_MAX: usize = 20;

/// Checks that somebody can be given work of a project: an actor who is active and a member of it,
/// or any group. `field` is where the name lies in the call.
pub(super) fn check_can_work(
    at: &At<'_>,
    field: &str,
    project: &ProjectId,
    who: &Principal,
) -> Result<()> {
    let standing = at.definitions.standing(who);
    let can = standing.is_some_and(|standing| match who {
        Principal::Actor(_) => standing.active && standing.role(project).is_some(),
        Principal::Group(_) => true,
    });
    if can {
        return Ok(());
    }
    Err(invalid(
        field,
        match who {
            Principal::Actor(_) => format!("{who} is no active member of {project}"),
            Principal::Group(_) => format!("there is no group {who}"),
        },
    ))
}

/// Checks that not too many people work on an issue.
pub(super) fn check_count(issue: &Issue) -> Result<()> {
    if issue.assignees.len() > ASSIGNEES_MAX {
        return Err(limit_reached(format!("an issue has at most {ASSIGNEES_MAX} assignees")));
    }
    Ok(())
}

/// Gives an issue to people, and takes it from others.
#[derive(Clone, Debug)]
pub struct AssignIssue {
    /// Which.
    pub name: IssueName,
    /// Who is to work on it.
    pub add: BTreeSet<Principal>,
    /// Who is not to work on it any more.
    pub remove: BTreeSet<Principal>,
    /// Who is to answer for it; none is as it was.
    pub owner: Option<ActorName>,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl AssignIssue {
    /// Who may: a worker takes it or lets it go; to speak for others takes the owner or a manager.
    fn check_role(&self, at: &At<'_>, issue: &Issue) -> Result<()> {
        let own = Principal::from(at.caller.clone());
        let others = self.add.iter().chain(&self.remove).any(|who| *who != own);
        if !(others || self.owner.is_some())
            || issue.owner == *at.caller
            || *at.caller == ActorName::potts()
        {
            return Ok(());
        }
        let role = at.definitions.standing(&own).and_then(|own| own.role(&self.name.project));
        if role < Some(Role::Manager) {
            return Err(role_required(&self.name, Role::Manager.as_str()));
        }
        Ok(())
    }
}

impl Decide for AssignIssue {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name)
    }

    fn footprint(&self) -> Footprint {
        let owner = self.owner.clone().map(Principal::from);
        let people = self.add.iter().cloned().chain(owner).collect();
        Footprint { people, ..footprint(&self.name) }
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let AssignIssue { name, add, remove, owner, etag } = self;
        let old = existing(at, name)?;
        self.check_role(at, old)?;
        etag::check(etag.as_deref(), old.version, name)?;
        let mut new = Issue::clone(old);
        new.assignees.extend(add.iter().cloned());
        new.assignees.retain(|who| !remove.contains(who));
        new.owner = owner.clone().unwrap_or(new.owner);
        if new == **old {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        if old.is_closed() {
            return Err(closed(name));
        }
        // Who works on it already need not be able to be given it anew.
        for (n, who) in add.iter().enumerate().filter(|(_, who)| !old.assignees.contains(who)) {
            check_can_work(at, &format!("add[{n}]"), &name.project, who)?;
        }
        if new.owner != old.owner {
            check_can_work(at, "owner", &name.project, &new.owner.clone().into())?;
        }
        check_count(&new)?;
        new.version += 1;
        new.updated_at = at.now;
        let mut event = new.event_of_change(EventType::IssueAssigned, old, |_| true);
        let names = |who: &BTreeSet<Principal>, but: &BTreeSet<Principal>| {
            let names: Vec<_> = who.difference(but).map(Principal::as_str).collect();
            json!(names)
        };
        event.data.insert("added".into(), names(&new.assignees, &old.assignees));
        event.data.insert("removed".into(), names(&old.assignees, &new.assignees));
        Ok(becomes(new, vec![event]))
    }
}
