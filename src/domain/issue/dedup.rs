//! Keys that tell an open issue from the other open ones of its project.
//!
//! The unique index `issues_dedup_key_unique` holds the same rule: of two that take a key at the
//! same time one begins anew, and then sees the other.

use super::Issue;
use crate::domain::access;
use crate::domain::asks::DedupKey;
use crate::domain::command::At;
use crate::domain::error::{Reason, Result, refused};
use crate::domain::name::ProjectId;
use crate::domain::value::check_line;

/// A longer key is a text.
const BYTES_MAX: usize = 256;

/// Checks the form of a key; empty is none.
pub(super) fn check(field: &str, key: &str) -> Result<()> {
    check_line(field, key, BYTES_MAX)
}

/// The key of a project that is to be looked up; none where no key is said.
pub(super) fn asked(project: &ProjectId, key: &str) -> Option<DedupKey> {
    (!key.is_empty()).then(|| (project.clone(), key.to_owned()))
}

/// Refuses an open issue whose key another open one holds. Whoever may not see the holder is not
/// told who it is.
pub(super) fn check_free(at: &At<'_>, new: &Issue) -> Result<()> {
    if !is_held(new) || new.dedup_key.is_empty() {
        return Ok(());
    }
    let holds = |other: &Issue| {
        other.name != new.name
            && other.name.project == new.name.project
            && other.dedup_key == new.dedup_key
            && is_held(other)
    };
    let Some(holder) = at.rows.issues.values().find(|other| holds(other)) else { return Ok(()) };
    let rule = "another open issue has its dedup_key";
    let error = refused(Reason::DedupKeyTaken, &new.name.project, rule);
    let standing = at.definitions.standing(&at.caller.clone().into());
    if standing.is_some_and(|standing| access::sees(standing, holder)) {
        return Err(error.with("holder", &holder.name));
    }
    Err(error)
}

fn is_held(issue: &Issue) -> bool {
    !issue.is_closed() && issue.deleted_at.is_none()
}
