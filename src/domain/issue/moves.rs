//! Moving an issue from status to status.

use std::sync::Arc;

use serde_json::json;

use super::{
    EventType, Issue, also, becomes, closed, dedup, footprint_with_parent, guard, kind, live, tree,
    work,
};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Error, Reason, Result, invalid, quoted, refused};
use crate::domain::event::Event;
use crate::domain::name::IssueName;
use crate::domain::relation::{self, Added, Link, RelationKind};
use crate::domain::value::{Fields, check_fields};
use crate::domain::workflow::{Transition, Workflow};
use crate::domain::working_set::Footprint;

/// How an issue ends unless it is said.
const COMPLETED: &str = "completed";
/// How an issue ends that says the same as another.
const DUPLICATE: &str = "duplicate";
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
        let mut found = workflow.between(&issue.status, target);
        match &self.to {
            Move::Along(id) => found.retain(|transition| transition.id == *id),
            Move::To(_) => (),
        }
        match found.as_slice() {
            [] => Err(refused(
                Reason::TransitionForbidden,
                &issue.name,
                format!("no such transition leads from {} to {target}", issue.status),
            )),
            [transition] => Ok(transition),
            several => {
                let ids: Vec<_> = several.iter().map(|transition| &*transition.id).collect();
                let problem = "several transitions lead there: say which";
                Err(invalid("to", problem).with("transitions", ids.join(", ")))
            }
        }
    }

    /// Whether a transition that it may take asks for the end of actions, or brings it.
    fn may_need_actions(&self, workflow: &Workflow) -> bool {
        workflow.transitions.iter().any(|transition| {
            (transition.require_actions_done || workflow.category(&transition.to).closes())
                && match &self.to {
                    Move::Along(id) => transition.id == *id,
                    Move::To(status) => transition.to == *status,
                }
        })
    }

    /// Whether a transition that it may take asks what blocks the issue, whatever its status is by
    /// the time it is decided.
    fn may_ask_blockers(&self, workflow: &Workflow) -> bool {
        workflow.transitions.iter().any(|transition| {
            transition.require_unblocked
                && match &self.to {
                    Move::Along(id) => transition.id == *id,
                    Move::To(status) => transition.to == *status,
                }
        })
    }
}

impl Decide for TransitionIssue {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name)
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = footprint_with_parent(&self.name);
        footprint.asks.blockers_of.insert(self.name.clone());
        footprint
    }

    fn expand(&self, at: &At<'_>) -> Footprint {
        let mut footprint = Footprint::default();
        let workflow = at.rows.issues.find(&self.name).and_then(|old| old.workflow(at).ok());
        if workflow.is_some_and(|workflow| self.may_ask_blockers(workflow)) {
            footprint.asks.blockers_of.insert(self.name.clone());
        }
        if workflow.is_none_or(|workflow| self.may_need_actions(workflow)) {
            footprint.add(work::footprint(&self.name));
        }
        footprint
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
        kind::of(at, old)?.parameter_schema.check("parameters", &new.parameters)?;
        guard::check(at, &new, &self.parameters, transition)?;
        let (transition, to) = (&*transition.id, &*transition.to);
        let said = Said { resolution: COMPLETED, message: &self.message, ..Said::default() };
        moved(at, old, new, transition, to, said)
    }
}

/// Closes an issue.
#[derive(Clone, Debug)]
pub struct CloseIssue {
    /// Which.
    pub name: IssueName,
    /// How it ended; empty means completed.
    pub resolution: String,
    /// The issue that says the same, if it ended so.
    pub duplicate_of: Option<IssueName>,
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
        let mut footprint = footprint_with_parent(&self.name);
        footprint.add(work::footprint(&self.name));
        if let Some(link) = self.link() {
            footprint.add(relation::footprint(&link));
        }
        footprint
    }

    fn expand(&self, _: &At<'_>) -> Footprint {
        self.link().map(|link| relation::expand(&link)).unwrap_or_default()
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let old = live(at, &self.name, self.etag.as_deref())?;
        if old.is_closed() {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        let resolution = match (self.resolution.as_str(), &self.duplicate_of) {
            ("", None) => COMPLETED,
            ("" | DUPLICATE, Some(_)) => DUPLICATE,
            (_, Some(_)) => {
                let problem = format!("goes with the resolution {DUPLICATE} alone");
                return Err(invalid("duplicate_of", problem));
            }
            (resolution, None) => resolution,
        };
        let closing = old.workflow(at)?.closing(&old.status).ok_or_else(|| {
            let rule = format!("no transition closes it from {}", old.status);
            refused(Reason::TransitionForbidden, &self.name, rule)
        })?;
        guard::check_actions_done(at, old, closing)?;
        let related = self.link().map(|link| self.related(at, &link)).transpose()?;
        let target = self.duplicate_of.as_ref().map(ToString::to_string).unwrap_or_default();
        let said = Said { resolution, message: &self.message, duplicate_of: &target };
        let mut decision = moved(at, old, Issue::clone(old), &closing.id, &closing.to, said)?;
        if let Some(Added::New(_, changes, mut event)) = related {
            event.step += 1;
            decision.changes.extend(changes);
            decision.events.push(*event);
        }
        Ok(decision)
    }
}

impl CloseIssue {
    /// The relation that goes with it.
    fn link(&self) -> Option<Link> {
        let (from, kind) = (self.name.clone(), RelationKind::Duplicates);
        self.duplicate_of.clone().map(|to| Link { from, to, kind })
    }

    fn related(&self, at: &At<'_>, link: &Link) -> Result<Added> {
        relation::check_far_end(at, &link.to)?;
        relation::add(at, "duplicate_of", link)
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
        let mut footprint = footprint_with_parent(&self.name);
        footprint.asks.rivals_of.insert(self.name.clone());
        footprint
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let old = live(at, &self.name, self.etag.as_deref())?;
        if !old.is_closed() {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        let new = Issue::clone(old);
        let initial = &old.workflow(at)?.initial_status;
        let said = Said { message: &self.message, ..Said::default() };
        moved(at, old, new, "", initial, said)
    }
}

/// What is said with a move.
#[derive(Clone, Copy, Default)]
struct Said<'a> {
    /// How the issue ends, if the move closes it.
    resolution: &'a str,
    /// The remark.
    message: &'a str,
    /// The name of the issue that says the same.
    duplicate_of: &'a str,
}

/// The move itself: the one place where a status changes. A status event precedes its consequences.
fn moved(
    at: &At<'_>,
    old: &Issue,
    mut new: Issue,
    transition: &str,
    to: &str,
    said: Said<'_>,
) -> Result<Decision> {
    let Said { resolution, message, duplicate_of } = said;
    let workflow = old.workflow(at)?;
    new.status = to.into();
    new.category = workflow.category(to);
    new.visible_to = kind::visible_to(kind::of(at, old)?, workflow, to);
    new.version += 1;
    new.step += 1;
    new.updated_at = at.now;
    let closes = new.category.closes();
    new.closed_at = closes.then_some(at.now);
    new.resolution = if closes { resolution.into() } else { String::new() };
    dedup::check_free(at, &new)?;
    let parents = tree::recount(at, Some(old), &new)?;

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
        let said =
            [("resolution", resolution), ("message", message), ("duplicate_of", duplicate_of)];
        events.push(consequence(EventType::IssueClosed, &said));
    } else if old.is_closed() {
        events.push(consequence(EventType::IssueReopened, &[("message", message)]));
    }
    let decision = also(becomes(new, events), parents);
    Ok(if closes { work::cancelled(at, decision, old, message) } else { decision })
}

fn data(said: &[(&str, &str)]) -> Fields {
    let said = said.iter().filter(|(_, text)| !text.is_empty());
    said.map(|&(name, text)| (name.to_owned(), json!(text))).collect()
}
