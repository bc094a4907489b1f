//! Hiding an issue, and bringing it back.

use std::sync::Arc;

use super::{EventType, Issue, becomes, footprint, known, live};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::Result;
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
        footprint(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let old = live(at, &self.name, self.etag.as_deref())?;
        let new = Issue {
            version: old.version + 1,
            updated_at: at.now,
            deleted_at: Some(at.now),
            ..Issue::clone(old)
        };
        let event = new.event(EventType::IssueDeleted);
        Ok(becomes(new, vec![event]))
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
        footprint(&self.name)
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
        let event = new.event(EventType::IssueUndeleted);
        Ok(becomes(new, vec![event]))
    }
}
