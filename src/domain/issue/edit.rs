//! Creating an issue, and changing what no verb changes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{EventType, Issue, becomes, closed, footprint, live};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::configuration::IssueKind;
use crate::domain::counter::{Counter, CounterKey};
use crate::domain::error::{Result, invalid, not_found, required, too_large};
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
            | IssueEdit::Milestone(_) => false,
        }
    }

    fn apply(&self, issue: &mut Issue) {
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
        }
    }
}

/// The fields whose changes leave `issue.described`, a SYSTEM event.
fn is_description(field: &str) -> bool {
    matches!(field, "title" | "description" | "annotations")
}

/// Checks the fields of an issue that callers set. `field` is where the issue lies in the call.
fn check(field: &str, issue: &Issue) -> Result<()> {
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

/// Creates an issue.
#[derive(Clone, Debug)]
pub struct CreateIssue {
    /// Where.
    pub project: ProjectId,
    /// What callers set.
    pub edits: Vec<IssueEdit>,
}

impl Decide for CreateIssue {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.project)
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            counters: [CounterKey::issues(&self.project)].into(),
            uses: [self.project.clone()].into(),
            ..Footprint::default()
        }
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let CreateIssue { project, edits } = self;
        at.definitions.project(project)?;
        let key = CounterKey::issues(project);
        let counter = at.rows.counters.get(&key).ok_or_else(|| not_found(project))?;
        let counter = Counter::after(key, Some(counter));
        let number = counter.last;
        let simple = at.definitions.workflow(project, "simple", 0)?;
        let mut issue = Issue {
            name: IssueName { project: project.clone(), number },
            uid: at.uid(0),
            version: 1,
            created_at: at.now,
            updated_at: at.now,
            creator: at.caller.clone(),
            title: String::new(),
            description: String::new(),
            issue_type: "task".into(),
            issue_type_revision: 0,
            kind: IssueKind::Task,
            workflow: "simple".into(),
            workflow_revision: 0,
            status: simple.initial_status.clone(),
            category: simple.category(&simple.initial_status),
            visible_to: None,
            active: true,
            owner: at.caller.clone(),
            assignees: BTreeSet::new(),
            parent: None,
            thread: number,
            depth: 0,
            open_children: 0,
            tags: BTreeSet::new(),
            dedup_key: String::new(),
            resolution: String::new(),
            priority: 0,
            parameters: Fields::new(),
            annotations: BTreeMap::new(),
            due_at: None,
            milestone: String::new(),
            closed_at: None,
            step: 0,
            deleted_at: None,
        };
        edits.iter().for_each(|edit| edit.apply(&mut issue));
        check("issue", &issue)?;

        let mut event = issue.event(EventType::IssueCreated);
        event.after = issue
            .fields()
            .into_iter()
            .filter(|(_, value)| !is_empty(value))
            .map(|(name, value)| (name.into(), value))
            .collect();
        let mut decision = becomes(issue, vec![event]);
        decision.changes.push(Arc::new(counter).into());
        Ok(decision)
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) => false,
    }
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
        footprint(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let UpdateIssue { name, etag, edits } = self;
        let old = live(at, name, etag.as_deref())?;
        let mut new = Issue::clone(old);
        edits.iter().for_each(|edit| edit.apply(&mut new));
        if new == **old {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        if old.is_closed() && !edits.iter().all(IssueEdit::only_describes) {
            return Err(closed(name));
        }
        check("issue", &new)?;
        new.version += 1;
        new.updated_at = at.now;

        let updated = new.event_of_change(EventType::IssueUpdated, old, |f| !is_description(f));
        let described = new.event_of_change(EventType::IssueDescribed, old, is_description);
        let events = [updated, described]
            .into_iter()
            .filter(|event| !event.after.is_empty())
            .map(|mut event| {
                let changed: Vec<_> = event.after.keys().cloned().collect();
                event.data.insert("changed".into(), json!(changed));
                event
            })
            .collect();
        Ok(becomes(new, events))
    }
}
