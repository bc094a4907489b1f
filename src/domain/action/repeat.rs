//! Doing an action again.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::json;

use super::asks::ActionAsks;
use super::change::Changed;
use super::finish::REASON_BYTES_MAX;
use super::gate::GateOn;
use super::told::data;
use super::{Action, footprint, issue_closed, known, wrong_state};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Reason, Result, refused};
use crate::domain::event::EventType;
use crate::domain::issue::Issue;
use crate::domain::name::ActionName;
use crate::domain::value::check_text;
use crate::domain::working_set::Footprint;

/// Does an action again that has ended.
#[derive(Clone, Debug)]
pub struct RepeatAction {
    /// Which.
    pub name: ActionName,
    /// Also those that have ended and depend on it, directly or not.
    pub cascade: bool,
    /// Why; for people.
    pub reason: String,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for RepeatAction {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name.issue)
    }

    fn footprint(&self) -> Footprint {
        let all_of = [self.name.issue.clone()].into();
        let action_asks = ActionAsks { all_of, ..ActionAsks::default() };
        Footprint { action_asks, ..footprint(&self.name) }
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        check_text("reason", &self.reason, REASON_BYTES_MAX)?;
        let (issue, action) = known(at, &self.name, self.etag.as_deref())?;
        if issue.is_closed() {
            return Err(issue_closed(&issue.name));
        }
        if action.is_unfinished() {
            return Err(wrong_state(action, "only what has ended can be repeated"));
        }
        let mut changed = Changed::new(at);
        let all = changed.of_issue(&issue.name);
        let repeated = self.repeated(&all);
        for old in all.iter().filter(|action| repeated.contains(&action.name)) {
            check_key(old, &all, &repeated)?;
            self.repeat(&mut changed, at, issue, old, &all, &repeated)?;
        }
        for old in all.iter().filter(|action| action.is_unfinished()) {
            unblock(&mut changed, issue, old, &repeated)?;
        }
        Ok(changed.decision(&self.name))
    }
}

impl RepeatAction {
    /// Which actions are repeated: with `cascade` also what has ended behind it.
    fn repeated(&self, all: &[Arc<Action>]) -> BTreeSet<ActionName> {
        let mut repeated = BTreeSet::from([self.name.clone()]);
        // A gate is on an older action, so in the order of numbers one look at each is enough.
        for action in all.iter().filter(|action| self.cascade && !action.is_unfinished()) {
            let behind = |on: &ActionName| repeated.contains(on);
            if action.gates.iter().filter_map(|gate| gate.action()).any(behind) {
                repeated.insert(action.name.clone());
            }
        }
        repeated
    }

    fn repeat(
        &self,
        changed: &mut Changed<'_>,
        at: &At<'_>,
        issue: &Issue,
        old: &Action,
        all: &[Arc<Action>],
        repeated: &BTreeSet<ActionName>,
    ) -> Result<()> {
        let kind = old.kind(at)?;
        let mut new = Action {
            failures: 0,
            losses: 0,
            backoff_ms: 0,
            retry_at: None,
            result: None,
            last_error: old.error.clone().or_else(|| old.last_error.clone()),
            error: None,
            ended_at: None,
            expires_at: kind.expire_after.map(|span| at.now + span),
            ..old.clone()
        };
        for gate in &mut new.gates {
            let GateOn::Action(on, _) = &gate.on else { continue };
            if repeated.contains(on) {
                gate.met = false;
                gate.unsatisfiable = false;
            } else if let Some(ended) = all.iter().find(|a| a.name == *on).map(|a| a.place.ended())
            {
                // It may have ended while nobody waited.
                gate.unsatisfiable = false;
                ended.into_iter().for_each(|ended| gate.settle(ended));
            }
        }
        new.admit(issue, kind, at.now, None);
        let said = data([("attempt", json!(old.attempt + 1)), ("reason", json!(self.reason))]);
        changed.put(old, new, EventType::ActionRepeated, said);
        Ok(())
    }
}

/// Refuses to repeat what would take the key of another one that has not ended.
fn check_key(action: &Action, all: &[Arc<Action>], repeated: &BTreeSet<ActionName>) -> Result<()> {
    let key = &action.unique_key;
    let same = |other: &&Arc<Action>| other.unique_key == *key && other.name != action.name;
    let takes = |other: &&Arc<Action>| other.is_unfinished() || repeated.contains(&other.name);
    match all.iter().filter(same).find(takes) {
        Some(holder) if !key.is_empty() => {
            let rule = "another unfinished action has its unique_key";
            let error = refused(Reason::UniqueKeyTaken, &action.name, rule);
            Err(error.with("holder", &holder.name))
        }
        Some(_) | None => Ok(()),
    }
}

/// What had given up waiting for an action may hope again.
fn unblock(
    changed: &mut Changed<'_>,
    issue: &Issue,
    old: &Action,
    repeated: &BTreeSet<ActionName>,
) -> Result<()> {
    let mut new = old.clone();
    for gate in &mut new.gates {
        let hopes = gate.unsatisfiable && gate.action().is_some_and(|on| repeated.contains(on));
        gate.unsatisfiable &= !hopes;
    }
    if new == *old { Ok(()) } else { changed.readmit(issue, old, new) }
}
