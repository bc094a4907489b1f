//! Hiding an issue, and bringing it back.

use std::sync::Arc;

use super::{
    EventType, Issue, also, becomes, dedup, footprint_with_parent, known, live, tree, work,
};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Reason, Result, refused};
use crate::domain::etag;
use crate::domain::name::IssueName;
use crate::domain::working_set::Footprint;

/// Hides an issue.
#[derive(Clone, Debug)]
pub struct DeleteIssue {
    /// Which.
    pub name: IssueName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for DeleteIssue {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name)
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = footprint_with_parent(&self.name);
        footprint.add(work::footprint(&self.name));
        footprint
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let old = live(at, &self.name, self.etag.as_deref())?;
        if old.open_children > 0 {
            let rule = format!("it has {} open children", old.open_children);
            return Err(refused(Reason::InUse, &self.name, rule));
        }
        let new = Issue {
            version: old.version + 1,
            updated_at: at.now,
            deleted_at: Some(at.now),
            ..Issue::clone(old)
        };
        let parents = tree::recount(at, Some(old), &new)?;
        let event = new.event(EventType::IssueDeleted);
        work::readmitted(at, also(becomes(new.clone(), vec![event]), parents), &new)
    }
}

/// Brings a hidden issue back.
#[derive(Clone, Debug)]
pub struct UndeleteIssue {
    /// Which.
    pub name: IssueName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for UndeleteIssue {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name)
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = footprint_with_parent(&self.name);
        footprint.add(work::footprint(&self.name));
        footprint.asks.rivals_of.insert(self.name.clone());
        footprint
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let old = known(at, &self.name)?;
        etag::check(self.etag.as_deref(), old.version, &self.name)?;
        if old.deleted_at.is_none() {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        let new = Issue {
            version: old.version + 1,
            updated_at: at.now,
            deleted_at: None,
            ..Issue::clone(old)
        };
        dedup::check_free(at, &new)?;
        let parents = tree::recount(at, Some(old), &new)?;
        let event = new.event(EventType::IssueUndeleted);
        work::readmitted(at, also(becomes(new.clone(), vec![event]), parents), &new)
    }
}
