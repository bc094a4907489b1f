//! Changing what no verb changes, and saying who does it.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::change::{Changed, place_again, said_of_place};
use super::told::data;
use super::{Action, footprint, issue_closed, known, wrong_state};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Result, invalid, required, too_large};
use crate::domain::event::EventType;
use crate::domain::issue::Issue;
use crate::domain::name::{ActionName, ActorName, Principal, ProjectId};
use crate::domain::value::{Fields, check_fields, check_line, check_text};
use crate::domain::working_set::Footprint;

/// Longer titles do not fit a line of any list.
pub const TITLE_BYTES_MAX: usize = 512;
/// A larger text is a document; an event could not carry it.
pub const DESCRIPTION_BYTES_MAX: usize = 256 * 1024;
/// The lowest priority.
pub const PRIORITY_MAX: i16 = 5;
/// More of them are a group.
pub const CANDIDATES_MAX: usize = 20;

/// A new value of a field, or of one key inside it.
#[derive(Clone, PartialEq, Debug)]
pub enum ActionEdit {
    /// The title.
    Title(String),
    /// The description.
    Description(String),
    /// All parameters.
    Parameters(Fields),
    /// One parameter; none removes it.
    Parameter(String, Option<Value>),
    /// Who may do it where nobody is assigned, instead of those whom the type names.
    Candidates(BTreeSet<Principal>),
    /// The priority.
    Priority(i16),
    /// When it may be begun.
    NotBefore(Option<Timestamp>),
    /// When it ought to be done.
    DueTime(Option<Timestamp>),
}

impl ActionEdit {
    /// Whether it mends words alone, which may be done whatever has become of the work.
    fn only_describes(&self) -> bool {
        match self {
            ActionEdit::Title(_) | ActionEdit::Description(_) => true,
            ActionEdit::Parameters(_)
            | ActionEdit::Parameter(..)
            | ActionEdit::Candidates(_)
            | ActionEdit::Priority(_)
            | ActionEdit::NotBefore(_)
            | ActionEdit::DueTime(_) => false,
        }
    }

    pub(super) fn apply(&self, action: &mut Action) {
        match self.clone() {
            ActionEdit::Title(title) => action.title = title,
            ActionEdit::Description(description) => action.description = description,
            ActionEdit::Parameters(parameters) => action.parameters = parameters,
            ActionEdit::Parameter(key, Some(value)) => {
                action.parameters.insert(key, value);
            }
            ActionEdit::Parameter(key, None) => {
                action.parameters.remove(&key);
            }
            ActionEdit::Candidates(candidates) => action.candidates = candidates,
            ActionEdit::Priority(priority) => action.priority = priority,
            ActionEdit::NotBefore(at) => action.not_before = at,
            ActionEdit::DueTime(at) => action.due_at = at,
        }
    }

    /// Whom it names.
    pub(super) fn people(&self) -> impl Iterator<Item = Principal> {
        let candidates = match self {
            ActionEdit::Candidates(candidates) => candidates.iter().cloned().collect(),
            ActionEdit::Title(_)
            | ActionEdit::Description(_)
            | ActionEdit::Parameters(_)
            | ActionEdit::Parameter(..)
            | ActionEdit::Priority(_)
            | ActionEdit::NotBefore(_)
            | ActionEdit::DueTime(_) => Vec::new(),
        };
        candidates.into_iter()
    }
}

/// Checks the fields of an action that callers set.
pub(super) fn check(at: &At<'_>, action: &Action) -> Result<()> {
    if action.title.trim().is_empty() {
        return Err(required("action.title"));
    }
    check_line("action.title", &action.title, TITLE_BYTES_MAX)?;
    check_text("action.description", &action.description, DESCRIPTION_BYTES_MAX)?;
    if !(0..=PRIORITY_MAX).contains(&action.priority) {
        return Err(invalid("action.priority", format!("must be 0 to {PRIORITY_MAX}")));
    }
    check_fields("action.parameters", &action.parameters)?;
    if action.candidates.len() > CANDIDATES_MAX {
        return Err(too_large("action.candidates", format_args!("{CANDIDATES_MAX} names")));
    }
    check_people(at, action)
}

/// Checks that those who are newly named are there and can be given work.
fn check_people(at: &At<'_>, action: &Action) -> Result<()> {
    let known = at.rows.actions.find(&action.name);
    let project = &action.name.issue.project;
    let new = |who: &&Principal| known.is_none_or(|old| !old.candidates.contains(*who));
    for who in action.candidates.iter().filter(new) {
        check_worker(at, "action.candidates", who, project)?;
    }
    match &action.assignee {
        Some(actor) if known.is_none_or(|old| old.assignee.as_ref() != Some(actor)) => {
            check_worker(at, "assignee", &actor.clone().into(), project)
        }
        Some(_) | None => Ok(()),
    }
}

/// Checks that somebody can be given work in a project.
fn check_worker(at: &At<'_>, field: &str, who: &Principal, project: &ProjectId) -> Result<()> {
    let standing = at.definitions.standing(who).filter(|standing| standing.active);
    let works = standing.is_some_and(|standing| match who {
        Principal::Actor(_) => standing.role(project).is_some(),
        Principal::Group(_) => true,
    });
    if works {
        Ok(())
    } else {
        Err(invalid(field, format!("{who} is nobody who can be given work in {project}")))
    }
}

/// Changes fields of an action.
#[derive(Clone, Debug)]
pub struct UpdateAction {
    /// Which.
    pub name: ActionName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// What is to change.
    pub edits: Vec<ActionEdit>,
}

impl Decide for UpdateAction {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name.issue)
    }

    fn footprint(&self) -> Footprint {
        let people = self.edits.iter().flat_map(ActionEdit::people).collect();
        Footprint { people, ..footprint(&self.name) }
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let (issue, old) = known(at, &self.name, self.etag.as_deref())?;
        let mut new = Action::clone(old);
        self.edits.iter().for_each(|edit| edit.apply(&mut new));
        if new == **old {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        if !self.edits.iter().all(ActionEdit::only_describes) {
            check_open(issue, old)?;
        }
        check(at, &new)?;
        let told = new.event_of_change(EventType::ActionUpdated, old, Fields::new());
        let fields: Vec<_> = told.after.keys().cloned().collect();
        let said = data([("changed", json!(fields))]);
        moved(at, issue, old, new, EventType::ActionUpdated, said)
    }
}

/// Refused on what has ended, and on what belongs to an issue that has.
fn check_open(issue: &Issue, action: &Action) -> Result<()> {
    if issue.is_closed() {
        return Err(issue_closed(&issue.name));
    }
    if !action.is_unfinished() {
        return Err(wrong_state(action, "only its words can be changed"));
    }
    Ok(())
}

/// Gives an action new fields, and puts it where it belongs with them.
fn moved(
    at: &At<'_>,
    issue: &Issue,
    old: &Action,
    mut new: Action,
    kind: EventType,
    said: Fields,
) -> Result<Decision> {
    let placed = place_again(at, issue, &mut new)?;
    let elsewhere = placed.filter(|_| new.place.blocked() != old.place.blocked());
    let of_place = said_of_place(&new);
    let mut changed = Changed::new(at);
    changed.put(old, new, kind, said);
    if let Some(kind) = elsewhere {
        changed.tell(&old.name, kind, of_place);
    }
    Ok(changed.decision(&old.name))
}

/// Says who alone may do an action.
#[derive(Clone, Debug)]
pub struct AssignAction {
    /// Which.
    pub name: ActionName,
    /// Who; none is whoever may.
    pub assignee: Option<ActorName>,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for AssignAction {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name.issue)
    }

    fn footprint(&self) -> Footprint {
        let people = self.assignee.iter().cloned().map(Principal::from).collect();
        Footprint { people, ..footprint(&self.name) }
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let (issue, old) = known(at, &self.name, self.etag.as_deref())?;
        if old.assignee == self.assignee {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        check_open(issue, old)?;
        let new = Action { assignee: self.assignee.clone(), ..Action::clone(old) };
        check_people(at, &new)?;
        moved(at, issue, old, new, EventType::ActionAssigned, Fields::new())
    }
}
