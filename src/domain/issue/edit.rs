//! Changing what no verb changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    EventType, Issue, also, becomes, closed, dedup, footprint, footprint_with_parent, kind, live,
    tag, tree,
};
use crate::domain::access::Subject;
use crate::domain::asks::{Asks, DedupKey};
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Result, invalid, required, too_large};
use crate::domain::event::Event;
use crate::domain::name::{IssueName, ProjectId};
use crate::domain::value::{Fields, check_fields, check_line, check_text};
use crate::domain::working_set::Footprint;

/// Longer titles do not fit a line of any list.
pub const TITLE_BYTES_MAX: usize = 512;
/// A larger text is a document; an event could not carry it.
pub const DESCRIPTION_BYTES_MAX: usize = 256 * 1024;
/// A milestone is a name.
pub const MILESTONE_BYTES_MAX: usize = 128;
/// The lowest priority.
pub const PRIORITY_MAX: i16 = 5;
/// More notes are data.
pub const ANNOTATIONS_MAX: usize = 64;
/// A key is a name.
pub const ANNOTATION_KEY_BYTES_MAX: usize = 128;
/// A note is short.
pub const ANNOTATION_BYTES_MAX: usize = 1024;

/// A new value of a field, or of one key inside it.
#[derive(Clone, PartialEq, Debug)]
pub enum IssueEdit {
    /// The title.
    Title(String),
    /// The description.
    Description(String),
    /// The priority.
    Priority(i16),
    /// All parameters.
    Parameters(Fields),
    /// One parameter; none removes it.
    Parameter(String, Option<Value>),
    /// All annotations.
    Annotations(BTreeMap<String, String>),
    /// One annotation; none removes it.
    Annotation(String, Option<String>),
    /// When it ought to be done.
    DueTime(Option<Timestamp>),
    /// The plan it belongs to.
    Milestone(String),
    /// The issue that it is a part of.
    Parent(Option<IssueName>),
    /// Words to find it by.
    Tags(BTreeSet<String>),
    /// What tells it from other open issues of the project; empty is nothing.
    DedupKey(String),
}

impl IssueEdit {
    /// Whether a closed issue takes it: words may still be mended, facts may not.
    fn only_describes(&self) -> bool {
        match self {
            IssueEdit::Title(_)
            | IssueEdit::Description(_)
            | IssueEdit::Annotations(_)
            | IssueEdit::Annotation(..) => true,
            IssueEdit::Priority(_)
            | IssueEdit::Parameters(_)
            | IssueEdit::Parameter(..)
            | IssueEdit::DueTime(_)
            | IssueEdit::Milestone(_)
            | IssueEdit::Parent(_)
            | IssueEdit::Tags(_)
            | IssueEdit::DedupKey(_) => false,
        }
    }

    fn sets_parent(&self) -> bool {
        matches!(self, IssueEdit::Parent(_))
    }

    /// The issue that it names as parent.
    pub(super) fn parent(&self) -> Option<&IssueName> {
        match self {
            IssueEdit::Parent(parent) => parent.as_ref(),
            IssueEdit::Title(_)
            | IssueEdit::Description(_)
            | IssueEdit::Annotations(_)
            | IssueEdit::Annotation(..)
            | IssueEdit::Priority(_)
            | IssueEdit::Parameters(_)
            | IssueEdit::Parameter(..)
            | IssueEdit::DueTime(_)
            | IssueEdit::Milestone(_)
            | IssueEdit::Tags(_)
            | IssueEdit::DedupKey(_) => None,
        }
    }

    /// The key that it takes.
    pub(super) fn dedup_key(&self, project: &ProjectId) -> Option<DedupKey> {
        match self {
            IssueEdit::DedupKey(key) => dedup::asked(project, key),
            IssueEdit::Title(_)
            | IssueEdit::Description(_)
            | IssueEdit::Annotations(_)
            | IssueEdit::Annotation(..)
            | IssueEdit::Priority(_)
            | IssueEdit::Parameters(_)
            | IssueEdit::Parameter(..)
            | IssueEdit::DueTime(_)
            | IssueEdit::Milestone(_)
            | IssueEdit::Tags(_)
            | IssueEdit::Parent(_) => None,
        }
    }

    pub(super) fn apply(&self, issue: &mut Issue) {
        match self.clone() {
            IssueEdit::Title(title) => issue.title = title,
            IssueEdit::Description(description) => issue.description = description,
            IssueEdit::Priority(priority) => issue.priority = priority,
            IssueEdit::Parameters(parameters) => issue.parameters = parameters,
            IssueEdit::Parameter(key, Some(value)) => {
                issue.parameters.insert(key, value);
            }
            IssueEdit::Parameter(key, None) => {
                issue.parameters.remove(&key);
            }
            IssueEdit::Annotations(annotations) => issue.annotations = annotations,
            IssueEdit::Annotation(key, Some(value)) => {
                issue.annotations.insert(key, value);
            }
            IssueEdit::Annotation(key, None) => {
                issue.annotations.remove(&key);
            }
            IssueEdit::DueTime(due_at) => issue.due_at = due_at,
            IssueEdit::Milestone(milestone) => issue.milestone = milestone,
            // A name of another project is refused before it is applied.
            IssueEdit::Parent(parent) => issue.parent = parent.map(|name| name.number),
            IssueEdit::Tags(tags) => issue.tags = tags,
            IssueEdit::DedupKey(key) => issue.dedup_key = key,
        }
    }
}

/// The fields whose changes leave `issue.described`, a SYSTEM event.
fn is_description(field: &str) -> bool {
    matches!(field, "title" | "description" | "annotations")
}

/// Checks what edits name, before they are applied. `field` is where the issue lies in the call.
pub(super) fn check_edits(field: &str, project: &ProjectId, edits: &[IssueEdit]) -> Result<()> {
    let mut parents = edits.iter().filter_map(IssueEdit::parent);
    if parents.any(|parent| parent.project != *project) {
        return Err(invalid(format!("{field}.parent"), "must be an issue of the same project"));
    }
    Ok(())
}

/// Checks the fields of an issue that callers set. `field` is where the issue lies in the call.
pub(super) fn check(field: &str, issue: &Issue) -> Result<()> {
    let at = |name: &str| format!("{field}.{name}");
    if issue.title.trim().is_empty() {
        return Err(required(at("title")));
    }
    check_line(&at("title"), &issue.title, TITLE_BYTES_MAX)?;
    check_text(&at("description"), &issue.description, DESCRIPTION_BYTES_MAX)?;
    if !(0..=PRIORITY_MAX).contains(&issue.priority) {
        return Err(invalid(at("priority"), format!("must be 0 to {PRIORITY_MAX}")));
    }
    check_fields(&at("parameters"), &issue.parameters)?;
    check_line(&at("milestone"), &issue.milestone, MILESTONE_BYTES_MAX)?;
    dedup::check(&at("dedup_key"), &issue.dedup_key)?;
    tag::check(&at("tags"), &issue.tags)?;
    check_annotations(&at("annotations"), &issue.annotations)
}

fn check_annotations(field: &str, annotations: &BTreeMap<String, String>) -> Result<()> {
    if annotations.len() > ANNOTATIONS_MAX {
        return Err(too_large(field, format_args!("{ANNOTATIONS_MAX} annotations")));
    }
    for (key, value) in annotations {
        if key.is_empty() {
            return Err(invalid(field, "must not have an empty key"));
        }
        check_line(field, key, ANNOTATION_KEY_BYTES_MAX)?;
        check_text(field, value, ANNOTATION_BYTES_MAX)?;
    }
    Ok(())
}

/// Changes fields of an issue.
#[derive(Clone, Debug)]
pub struct UpdateIssue {
    /// Which.
    pub name: IssueName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// What is to change.
    pub edits: Vec<IssueEdit>,
}

impl Decide for UpdateIssue {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name)
    }

    fn footprint(&self) -> Footprint {
        let UpdateIssue { name, edits, .. } = self;
        let moves = edits.iter().any(IssueEdit::sets_parent);
        let mut footprint = match moves {
            true => footprint_with_parent(name),
            false => footprint(name),
        };
        footprint.issues.extend(edits.iter().filter_map(IssueEdit::parent).cloned());
        let keys = edits.iter().filter_map(|edit| edit.dedup_key(&name.project));
        footprint.asks.holders_of.extend(keys);
        footprint.asks.below.extend(moves.then(|| name.clone()));
        footprint
    }

    fn expand(&self, _: &At<'_>) -> Footprint {
        // Asked again under the lock of the issue: from now on what is below it stays.
        let moves = self.edits.iter().any(IssueEdit::sets_parent);
        let below = moves.then(|| self.name.clone()).into_iter().collect();
        Footprint { asks: Asks { below, ..Asks::default() }, ..Footprint::default() }
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let UpdateIssue { name, etag, edits } = self;
        let old = live(at, name, etag.as_deref())?;
        check_edits("issue", &name.project, edits)?;
        let mut new = Issue::clone(old);
        edits.iter().for_each(|edit| edit.apply(&mut new));
        if new == **old {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        if old.is_closed() && !edits.iter().all(IssueEdit::only_describes) {
            return Err(closed(name));
        }
        check("issue", &new)?;
        if new.parameters != old.parameters {
            let schema = &kind::of(at, old)?.parameter_schema;
            schema.check("issue.parameters", &new.parameters)?;
        }
        if new.dedup_key != old.dedup_key {
            dedup::check_free(at, &new)?;
        }
        let mut others = Vec::new();
        if new.parent != old.parent {
            others = tree::replace(at, "issue.parent", &mut new)?;
            others.extend(tree::recount(at, Some(old), &new)?);
        }
        new.version += 1;
        new.updated_at = at.now;
        let events = told(old, &new);
        Ok(also(becomes(new, events), others))
    }
}

/// What an update tells: facts and words apart.
fn told(old: &Issue, new: &Issue) -> Vec<Event> {
    let updated = new.event_of_change(EventType::IssueUpdated, old, |f| !is_description(f));
    let described = new.event_of_change(EventType::IssueDescribed, old, is_description);
    [updated, described]
        .into_iter()
        .filter(|event| !event.after.is_empty())
        .map(|mut event| {
            let changed: Vec<_> = event.after.keys().cloned().collect();
            event.data.insert("changed".into(), json!(changed));
            event
        })
        .collect()
}
