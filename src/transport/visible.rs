//! What a caller may see, for calls that read: hidden equals absent, in text and details too.
//!
//! Writes are asked the same by the ledger, with the rows locked.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::auth::Caller;
use super::door::Door;
use crate::domain::access;
use crate::domain::error::{Result, not_found};
use crate::domain::filter::EventFilter;
use crate::domain::issue::Issue;
use crate::domain::name::IssueName;
use crate::domain::people::Role;
use crate::domain::reader::{Reader, View};
use crate::proto;
use crate::store::Sight;

impl Caller {
    /// What they are shown of the log when they ask for that.
    pub fn view(&self, filter: EventFilter) -> View {
        View { filter, reader: Arc::new(self.reader()) }
    }

    /// What they may read.
    pub fn reader(&self) -> Reader {
        Reader::of(&self.standing)
    }
}

impl Door {
    /// An issue, deleted or not, if the caller may see it.
    pub async fn visible_issue(&self, caller: &Caller, name: &IssueName) -> Result<Issue> {
        if caller.standing.role(&name.project).is_none() {
            return Err(not_found(name));
        }
        let deadline = caller.deadline;
        let issue = deadline.read(|| Box::pin(self.store.issue(name, deadline.0))).await?;
        match issue {
            Some(issue) if self.sees(caller, &issue).await? => Ok(issue),
            Some(_) | None => Err(not_found(name)),
        }
    }

    /// Whether a caller who may read its project sees an issue. Who holds an action of it does,
    /// whatever became of the issue since it was claimed.
    pub async fn sees(&self, caller: &Caller, issue: &Issue) -> Result<bool> {
        if access::sees(&caller.standing, issue) {
            return Ok(true);
        }
        let deadline = caller.deadline;
        let holds = || Box::pin(self.store.holds_work(&caller.name, &issue.name, deadline.0));
        deadline.read(holds).await
    }

    /// Those of these issues that the caller sees, deleted or not.
    pub async fn seen(&self, caller: &Caller, names: BTreeSet<IssueName>) -> Result<Vec<Sight>> {
        let readable = |name: &IssueName| caller.standing.role(&name.project).is_some();
        let names: BTreeSet<IssueName> = names.into_iter().filter(readable).collect();
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = caller.deadline;
        let reading = || Box::pin(self.store.sights(&names, &caller.name, deadline.0));
        let mut sights = deadline.read(reading).await?;
        sights.retain(|sight| {
            let Sight { name, visible_to, assignees, is_there: _, is_held } = sight;
            let visible_to = visible_to.as_ref();
            *is_held || access::sees_by(&caller.standing, &name.project, visible_to, assignees)
        });
        Ok(sights)
    }

    /// Takes the names of what lies above issues out of their messages where the caller may not see
    /// it: a name that is hidden says as much as one that is absent.
    ///
    /// The filter of a list still finds issues by a parent that is hidden, and events tell of the
    /// parent that an issue was given to whoever sees that issue: they are written once, for all.
    pub async fn hide_above(&self, caller: &Caller, issues: &mut [proto::Issue]) -> Result<()> {
        let lying = issues.iter().flat_map(|issue| above(issue).into_iter().flatten());
        // Who administers the project sees all of it.
        let names: BTreeSet<IssueName> =
            lying.filter(|name| caller.standing.role(&name.project) < Some(Role::Admin)).collect();
        if names.is_empty() {
            return Ok(());
        }
        let seen = self.seen(caller, names.clone()).await?;
        let seen: BTreeSet<IssueName> = seen.into_iter().map(|sight| sight.name).collect();
        let is_hidden =
            |name: &Option<IssueName>| name.as_ref().is_some_and(|name| !seen.contains(name));
        for issue in issues {
            let [parent, thread] = above(issue).map(|name| {
                // What was not asked about is not hidden.
                is_hidden(&name.filter(|name| names.contains(name)))
            });
            if parent {
                issue.parent.clear();
            }
            if thread {
                issue.thread.clear();
            }
        }
        Ok(())
    }
}

/// The parent of an issue, and the issue at the top, if that is another one.
fn above(issue: &proto::Issue) -> [Option<IssueName>; 2] {
    [&issue.parent, &issue.thread]
        .map(|name| IssueName::parse("", name).ok().filter(|_| *name != issue.name))
}
