//! Moving an issue from status to status.

use std::sync::Arc;

use serde_json::json;

use super::{EventType, Issue, becomes, closed, footprint, live};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Error, Reason, Result, invalid, quoted};
use crate::domain::event::Event;
use crate::domain::name::IssueName;
use crate::domain::value::{Fields, check_fields};
use crate::domain::workflow::{Transition, Workflow};
use crate::domain::working_set::Footprint;

/// How an issue ends unless it is said.
const COMPLETED: &str = "completed";
/// A resolution is a word.
const RESOLUTION_CHARS_MAX: usize = 63;

/// Checks how an issue ended: `[a-z][a-z0-9_-]{0,62}`; empty means completed.
pub fn check_resolution(field: &str, resolution: &str) -> Result<()> {
    let well_formed = resolution.is_empty()
        || resolution.starts_with(|c: char| c.is_ascii_lowercase())
            && resolution.len() <= RESOLUTION_CHARS_MAX
            && resolution
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-'));
    if !well_formed {
        let problem = format!("{} is not of the form [a-z][a-z0-9_-]{{0,62}}", quoted(resolution));
        return Err(invalid(field, problem));
    }
    Ok(())
}

/// Where to go.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Move {
    /// Along the transition of that id.
    Along(String),
    /// To the status of that id.
    To(String),
}

/// Moves an issue along a transition of its workflow.
#[derive(Clone, Debug)]
pub struct TransitionIssue {
    /// Which.
    pub name: IssueName,
    /// Where to.
    pub to: Move,
    /// Merged into the parameters first; null removes a key.
    pub parameters: Fields,
    /// What to say with it.
    pub message: String,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl TransitionIssue {
    /// The status it leads to; refused where the workflow does not know the words.
    fn target<'a>(&self, workflow: &'a Workflow) -> Result<&'a str> {
        let (field, id, target) = match &self.to {
            Move::Along(id) => ("transition", id, workflow.transition(id).map(|t| &t.to)),
            Move::To(id) => ("to", id, workflow.status(id).map(|s| &s.id)),
        };
        target.map(String::as_str).ok_or_else(|| Error::Invalid {
            reason: Reason::StatusUnknown,
            field: field.into(),
            problem: format!("the workflow has no {}", quoted(id)),
        })
    }

    fn transition<'a>(
        &self,
        workflow: &'a Workflow,
        issue: &Issue,
        target: &str,
    ) -> Result<&'a Transition> {
        let found = workflow.between(&issue.status, target).into_iter().find(|t| match &self.to {
            Move::Along(id) => t.id == *id,
            Move::To(_) => true,
        });
        found.ok_or_else(|| Error::Refused {
            reason: Reason::TransitionForbidden,
            subject: issue.name.to_string(),
            rule: format!("no such transition leads from {} to {target}", issue.status),
        })
    }
}

impl Decide for TransitionIssue {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name)
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let old = live(at, &self.name, self.etag.as_deref())?;
        let workflow = old.workflow(at)?;
        let target = self.target(workflow)?;
        if old.status == target {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        if old.is_closed() {
            return Err(closed(&self.name));
        }
        let transition = self.transition(workflow, old, target)?;
        let mut new = Issue::clone(old);
        for (key, value) in &self.parameters {
            if value.is_null() {
                new.parameters.remove(key);
            } else {
                new.parameters.insert(key.clone(), value.clone());
            }
        }
        check_fields("parameters", &new.parameters)?;
        moved(at, old, new, &transition.id, &transition.to, COMPLETED, &self.message)
    }
}

/// Closes an issue.
#[derive(Clone, Debug)]
pub struct CloseIssue {
    /// Which.
    pub name: IssueName,
    /// How it ended; empty means completed.
    pub resolution: String,
    /// What to say with it.
    pub message: String,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for CloseIssue {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name)
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let old = live(at, &self.name, self.etag.as_deref())?;
        if old.is_closed() {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        let resolution = match self.resolution.as_str() {
            "" => COMPLETED,
            resolution => resolution,
        };
        let closing = old.workflow(at)?.closing(&old.status).ok_or_else(|| Error::Refused {
            reason: Reason::TransitionForbidden,
            subject: self.name.to_string(),
            rule: format!("no transition closes it from {}", old.status),
        })?;
        let new = Issue::clone(old);
        moved(at, old, new, &closing.id, &closing.to, resolution, &self.message)
    }
}

/// Opens a closed issue again.
#[derive(Clone, Debug)]
pub struct ReopenIssue {
    /// Which.
    pub name: IssueName,
    /// What to say with it.
    pub message: String,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for ReopenIssue {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name)
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let old = live(at, &self.name, self.etag.as_deref())?;
        if !old.is_closed() {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        let new = Issue::clone(old);
        let initial = &old.workflow(at)?.initial_status;
        moved(at, old, new, "", initial, "", &self.message)
    }
}

/// The move itself: the one place where a status changes. A status event precedes its consequences.
fn moved(
    at: &At<'_>,
    old: &Issue,
    mut new: Issue,
    transition: &str,
    to: &str,
    resolution: &str,
    message: &str,
) -> Result<Decision> {
    new.status = to.into();
    new.category = old.workflow(at)?.category(to);
    new.version += 1;
    new.step += 1;
    new.updated_at = at.now;
    let closes = new.category.closes();
    new.closed_at = closes.then_some(at.now);
    new.resolution = if closes { resolution.into() } else { String::new() };

    let mut transitioned =
        new.event_of_change(EventType::IssueTransitioned, old, |field| field != "resolution");
    transitioned.data = data(&[
        ("transition", transition),
        ("from", &old.status),
        ("to", to),
        ("from_category", old.category.as_str()),
        ("to_category", new.category.as_str()),
        ("message", message),
    ]);
    let mut events = vec![transitioned];
    let consequence = |kind, said: &[(&str, &str)]| -> Event {
        let mut event = new.event_of_change(kind, old, |field| field == "resolution");
        event.data = data(said);
        event
    };
    if closes {
        let said = [("resolution", resolution), ("message", message)];
        events.push(consequence(EventType::IssueClosed, &said));
    } else if old.is_closed() {
        events.push(consequence(EventType::IssueReopened, &[("message", message)]));
    }
    Ok(becomes(new, events))
}

fn data(said: &[(&str, &str)]) -> Fields {
    let said = said.iter().filter(|(_, text)| !text.is_empty());
    said.map(|&(name, text)| (name.to_owned(), json!(text))).collect()
}
