//! Issues that are parts of others.
//!
//! Whoever puts an issue into the tree, or takes one out of it, locks that issue and the parents
//! from which and to which it goes; whoever moves one also locks all that is below it. So what is
//! below a locked issue cannot grow unseen: nothing can be put below one of its locked parts. Two
//! moves that would close a circle each lock what the other one goes to, and so one of them sees
//! what the other did.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{Issue, closed, live};
use crate::domain::access;
use crate::domain::asks::BELOW_MAX;
use crate::domain::command::At;
use crate::domain::error::{Error, Reason, Result, invalid, limit_reached, not_found};
use crate::domain::name::{ActorName, IssueName};
use crate::domain::working_set::Change;

/// How many issues may be above one. Deeper trees are projects.
pub const DEPTH_MAX: i16 = 8;
/// Open parts of one issue. More are a list, and no parts.
pub const OPEN_CHILDREN_MAX: i32 = 1_000;

/// The parent that an issue counts at: that of an open one.
fn counts_at(issue: &Issue) -> Option<IssueName> {
    let counts = !issue.is_closed() && issue.deleted_at.is_none();
    issue.parent_name().filter(|_| counts)
}

/// The parents whose open parts are more or fewer, now that `old` has become `new`. Counts are no
/// change of the parent: its version stays.
pub(super) fn recount(at: &At<'_>, old: Option<&Issue>, new: &Issue) -> Result<Vec<Change>> {
    let (before, after) = (old.and_then(counts_at), counts_at(new));
    if before == after {
        return Ok(Vec::new());
    }
    let counted = |name: IssueName, by: i32| {
        let parent = at.rows.issues.get(&name).ok_or_else(|| not_found(&name))?;
        let open_children = parent.open_children + by;
        if by > 0 && open_children > OPEN_CHILDREN_MAX {
            let problem = format!("{name} has {OPEN_CHILDREN_MAX} open children already");
            return Err(limit_reached(problem));
        }
        Ok(Arc::new(Issue { open_children, ..Issue::clone(parent) }).into())
    };
    let fewer = before.map(|name| counted(name, -1));
    let more = after.map(|name| counted(name, 1));
    fewer.into_iter().chain(more).collect()
}

/// The issue that another one is to be a part of. `field` is where it lies in the call.
fn parent<'a>(at: &At<'a>, field: &str, child: &Issue, name: &IssueName) -> Result<&'a Arc<Issue>> {
    if name.project != child.name.project {
        return Err(invalid(field, "must be an issue of the same project"));
    }
    let parent = live(at, name, None)?;
    if *at.caller != ActorName::potts() {
        let standing = at.definitions.standing(&at.caller.clone().into());
        if !standing.is_some_and(|standing| access::sees(standing, parent)) {
            return Err(not_found(name));
        }
    }
    if parent.is_closed() {
        return Err(closed(name));
    }
    Ok(parent)
}

/// Puts an issue that has nothing below it at its place.
pub(super) fn place(at: &At<'_>, field: &str, new: &mut Issue) -> Result<()> {
    new.depth = 0;
    new.thread = new.name.number;
    if let Some(name) = new.parent_name() {
        let parent = parent(at, field, new, &name)?;
        new.depth = parent.depth + 1;
        new.thread = parent.thread;
    }
    check_depth(new, 0)
}

fn check_depth(issue: &Issue, height: i16) -> Result<()> {
    if issue.depth + height > DEPTH_MAX {
        return Err(limit_reached(format!("issues would lie deeper than {DEPTH_MAX}")));
    }
    Ok(())
}

/// Puts an issue at its place with all that is below it, and answers how that changes.
pub(super) fn replace(at: &At<'_>, field: &str, new: &mut Issue) -> Result<Vec<Change>> {
    let below = below(at, &new.name);
    if let Some(name) = new.parent_name() {
        parent(at, field, new, &name)?;
        if name == new.name || below.contains_key(&name) {
            return Err(cycle(at, field, new, name));
        }
    }
    if below.len() > BELOW_MAX {
        return Err(limit_reached(format!("more than {BELOW_MAX} issues would move at once")));
    }
    place(at, field, new)?;
    check_depth(new, below.values().max().copied().unwrap_or(0))?;
    let moved = |(name, levels): (&IssueName, &i16)| {
        let issue = at.rows.issues.find(name)?;
        let (depth, thread) = (new.depth + levels, new.thread);
        let stays = (issue.depth, issue.thread) == (depth, thread);
        // Place follows from the parents, so it is no change of what is below.
        (!stays).then(|| Arc::new(Issue { depth, thread, ..Issue::clone(issue) }).into())
    };
    Ok(below.iter().filter_map(moved).collect())
}

/// What is below an issue, and how many levels. Of more than [`BELOW_MAX`] issues not all are
/// loaded, and more than that many are found.
fn below(at: &At<'_>, top: &IssueName) -> BTreeMap<IssueName, i16> {
    let mut parts: BTreeMap<i64, Vec<&IssueName>> = BTreeMap::new();
    for issue in at.rows.issues.values().filter(|issue| issue.name.project == top.project) {
        if let Some(parent) = issue.parent {
            parts.entry(parent).or_default().push(&issue.name);
        }
    }
    let mut below = BTreeMap::new();
    let mut level = vec![top];
    let mut levels = 0;
    while !level.is_empty() {
        levels += 1;
        level =
            level.iter().filter_map(|name| parts.get(&name.number)).flatten().copied().collect();
        below.extend(level.iter().map(|&name| (name.clone(), levels)));
    }
    below
}

/// The refusal of a parent that is below its child: the path leads from the child down to it, and
/// back.
fn cycle(at: &At<'_>, field: &str, child: &Issue, parent: IssueName) -> Error {
    let mut path = vec![child.name.key()];
    let mut above = Some(parent);
    while let Some(name) = above.filter(|name| *name != child.name) {
        path.push(name.key());
        above = at.rows.issues.find(&name).and_then(|issue| issue.parent_name());
    }
    path.push(child.name.key());
    path.reverse();
    let problem = "would make it a part of itself".to_owned();
    Error::Invalid { reason: Reason::Cycle, field: field.into(), problem }
        .with("path", path.join(" > "))
}
