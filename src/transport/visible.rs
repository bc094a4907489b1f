//! What a caller may see, for calls that read: hidden equals absent, in text and details too.
//!
//! Writes are asked the same by the ledger, with the rows locked.

use std::sync::Arc;

use super::auth::Caller;
use super::door::Door;
use crate::domain::access;
use crate::domain::error::{Result, not_found};
use crate::domain::filter::EventFilter;
use crate::domain::issue::Issue;
use crate::domain::name::IssueName;
use crate::domain::reader::{Reader, View};

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
        let issue = deadline.read(Box::pin(self.store.issue(name, deadline.0))).await?;
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
        let holds = self.store.holds_work(&caller.name, &issue.name, deadline.0);
        deadline.read(Box::pin(holds)).await
    }
}
