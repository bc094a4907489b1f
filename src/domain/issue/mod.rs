//! Issues: what holds the state of a matter.

mod activity;
mod create;
mod dedup;
mod edit;
mod guard;
mod hide;
mod kind;
mod listing;
mod moves;
mod people;
mod remap;
mod tag;
mod tree;
mod work;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use uuid::Uuid;

pub use activity::{ActivateIssue, DeactivateIssue};
pub use create::{CreateIssue, Start};
pub use edit::{IssueEdit, UpdateIssue};
pub use hide::{DeleteIssue, UndeleteIssue};
pub use listing::FIELDS;
pub use moves::{CloseIssue, Move, ReopenIssue, TransitionIssue, check_resolution};
pub use people::AssignIssue;

use super::asks::Asks;
use super::audience::Audience;
use super::command::{At, Decision};
use super::configuration::IssueKind;
use super::error::{Error, Reason, Result, not_found};
use super::etag;
use super::event::{Event, EventType};
use super::name::{ActorName, GroupName, IssueName, Principal};
use super::value::Fields;
use super::workflow::{Category, Workflow};
use super::working_set::{Change, Footprint, Noun};

/// How long a deleted issue can be brought back.
pub const RESTORABLE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Something that needs effort.
#[derive(Clone, PartialEq, Debug)]
pub struct Issue {
    /// Where it is kept, and its number there.
    pub name: IssueName,
    /// Given by the server.
    pub uid: Uuid,
    /// Counts every change, from 1.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who created it.
    pub creator: ActorName,
    /// One line.
    pub title: String,
    /// Text.
    pub description: String,
    /// The id of its type.
    pub issue_type: String,
    /// The revision of the type that it stays on; 0 is a built-in one.
    pub issue_type_revision: i64,
    /// What it is about: that of its type.
    pub kind: IssueKind,
    /// The id of its workflow: that of its type.
    pub workflow: String,
    /// The revision of the workflow that it stays on; 0 is a built-in one.
    pub workflow_revision: i64,
    /// A status of that workflow.
    pub status: String,
    /// What that status means.
    pub category: Category,
    /// Who may see it; none is all who may read the project. Goes with type and status.
    pub visible_to: Option<BTreeSet<GroupName>>,
    /// Whether work on it may go on.
    pub active: bool,
    /// Who answers for it.
    pub owner: ActorName,
    /// Who works on it.
    pub assignees: BTreeSet<Principal>,
    /// The number of the issue that it is a part of.
    pub parent: Option<i64>,
    /// The number of the topmost issue above it, itself if it has no parent.
    pub thread: i64,
    /// How many issues are above it.
    pub depth: i16,
    /// How many open issues are parts of it.
    pub open_children: i32,
    /// Words to find it by.
    pub tags: BTreeSet<String>,
    /// What tells it from other open issues of the project, if that is said.
    pub dedup_key: String,
    /// How it ended; empty while open.
    pub resolution: String,
    /// 1, the highest, to 5; 0 is not set.
    pub priority: i16,
    /// Data of the matter.
    pub parameters: Fields,
    /// Notes for tools.
    pub annotations: BTreeMap<String, String>,
    /// When it ought to be done.
    pub due_at: Option<Timestamp>,
    /// The plan it belongs to.
    pub milestone: String,
    /// When it was closed; none while open.
    pub closed_at: Option<Timestamp>,
    /// How often its status has changed.
    pub step: i64,
    /// When it was hidden.
    pub deleted_at: Option<Timestamp>,
}

impl Noun for Issue {
    type Key = IssueName;

    fn key(&self) -> IssueName {
        self.name.clone()
    }
}

impl Issue {
    /// Its workflow, of the revision that it stays on.
    pub fn workflow<'a>(&self, at: &At<'a>) -> Result<&'a Workflow> {
        at.definitions.workflow(&self.name.project, &self.workflow, self.workflow_revision)
    }

    /// The issue that it is a part of.
    pub fn parent_name(&self) -> Option<IssueName> {
        let project = self.name.project.clone();
        self.parent.map(|number| IssueName { project, number })
    }

    /// Whether it has ended.
    pub fn is_closed(&self) -> bool {
        self.closed_at.is_some()
    }

    /// Until when it can be brought back, if it is hidden.
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.deleted_at.map(|at| at + RESTORABLE)
    }

    /// The fields that events tell the changes of, by their names in the contract.
    fn fields(&self) -> [(&'static str, Value); 18] {
        [
            ("title", json!(self.title)),
            ("description", json!(self.description)),
            ("status", json!(self.status)),
            ("resolution", json!(self.resolution)),
            ("priority", json!(self.priority)),
            ("parameters", Value::Object(self.parameters.clone())),
            ("annotations", json!(self.annotations)),
            ("due_time", self.due_at.map_or(Value::Null, |at| json!(at.to_string()))),
            ("milestone", json!(self.milestone)),
            ("workflow", json!(self.workflow)),
            ("issue_type", json!(self.issue_type)),
            ("active", json!(self.active)),
            ("owner", json!(self.owner.as_str())),
            ("assignees", json!(self.assignees.iter().map(Principal::as_str).collect::<Vec<_>>())),
            ("parent", self.parent_name().map_or(Value::Null, |name| json!(name.to_string()))),
            ("tags", json!(self.tags)),
            ("dedup_key", json!(self.dedup_key)),
            ("category", json!(self.category.as_str())),
        ]
    }

    /// An event of it that did not change who may see it.
    pub fn event(&self, kind: EventType) -> Event {
        let name = self.name.to_string();
        Event {
            kind,
            project: Some(self.name.project.clone()),
            subject: name.clone(),
            root: name,
            version: self.version,
            step: self.step,
            event_time: None,
            before: Fields::new(),
            after: Fields::new(),
            data: Fields::new(),
            payload: None,
            audience: Audience::of_issue(self),
        }
    }

    /// An event that tells the change of the fields that `told` picks.
    fn event_of_change(&self, kind: EventType, old: &Issue, told: impl Fn(&str) -> bool) -> Event {
        let mut event = self.event(kind);
        event.audience = Audience::of_change(old, self);
        for ((name, was), (_, is)) in old.fields().into_iter().zip(self.fields()) {
            if was != is && told(name) {
                event.before.insert(name.into(), was);
                event.after.insert(name.into(), is);
            }
        }
        event
    }
}

/// What a command on one issue needs.
fn footprint(name: &IssueName) -> Footprint {
    Footprint {
        issues: [name.clone()].into(),
        uses: [name.project.clone()].into(),
        ..Footprint::default()
    }
}

/// What a command on one issue needs that may open it, close it or put it elsewhere: its parent
/// counts the open ones.
fn footprint_with_parent(name: &IssueName) -> Footprint {
    let asks = Asks { parents_of: [name.clone()].into(), ..Asks::default() };
    Footprint { asks, ..footprint(name) }
}

/// An issue that is there, of the version that the caller saw.
pub(super) fn live<'a>(
    at: &At<'a>,
    name: &IssueName,
    etag: Option<&str>,
) -> Result<&'a Arc<Issue>> {
    let issue = existing(at, name)?;
    etag::check(etag, issue.version, name)?;
    Ok(issue)
}

/// An issue that is there, of whatever version.
fn existing<'a>(at: &At<'a>, name: &IssueName) -> Result<&'a Arc<Issue>> {
    let issue = known(at, name)?;
    if issue.deleted_at.is_some() {
        return Err(not_found(name));
    }
    Ok(issue)
}

/// An issue that is there, or hidden and can be brought back.
fn known<'a>(at: &At<'a>, name: &IssueName) -> Result<&'a Arc<Issue>> {
    at.definitions.project(&name.project)?;
    let issue = at.rows.issues.get(name);
    let issue = issue.filter(|issue| issue.expires_at().is_none_or(|end| at.now < end));
    issue.ok_or_else(|| not_found(name))
}

fn closed(name: &IssueName) -> Error {
    Error::Refused {
        reason: Reason::IssueClosed,
        subject: name.to_string(),
        rule: "it is closed; reopen it first".into(),
    }
}

/// The decision that puts a new value of an issue in place of the old one.
fn becomes(new: Issue, events: Vec<Event>) -> Decision {
    let new = Arc::new(new);
    Decision {
        changes: vec![Arc::clone(&new).into()],
        gone: Vec::new(),
        events,
        resource: new.into(),
    }
}

/// A decision, and what else it changes: the counts of parents, the places of parts.
fn also(mut decision: Decision, changes: Vec<Change>) -> Decision {
    decision.changes.extend(changes);
    decision
}

#[cfg(test)]
mod tests;
