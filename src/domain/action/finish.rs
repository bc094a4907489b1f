//! Finishing: how a holder ends a claim.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use sha2::{Digest as _, Sha256};

use super::attempt::{ActionError, AttemptOutcome};
use super::change::{Changed, said_of_place};
use super::end::ending;
use super::hold::{Held, held, stale};
use super::place::{EndedState, Lease, Stop};
use super::told::data;
use super::{Action, State};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::configuration::{ActionType, OnExhausted};
use crate::domain::error::Result;
use crate::domain::event::EventType;
use crate::domain::issue::Issue;
use crate::domain::name::ActionName;
use crate::domain::value::{Fields, check_fields, check_text};
use crate::domain::working_set::Footprint;

/// The shortest pause after a failure.
const BACKOFF_MIN_MS: i64 = 1_000;
/// The longest one.
const BACKOFF_MAX_MS: i64 = 15 * 60 * 1_000;
/// A reason is a sentence or two.
pub const REASON_BYTES_MAX: usize = 4 * 1024;

/// Says that the work is done.
#[derive(Clone, Debug)]
pub struct CompleteAction {
    /// Which.
    pub name: ActionName,
    /// The number that came with the claim.
    pub fence: i64,
    /// What came of it.
    pub result: Option<Fields>,
}

impl Decide for CompleteAction {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name.issue)
    }

    fn footprint(&self) -> Footprint {
        ending(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let (issue, old, held) = held(at, &self.name, self.fence)?;
        let Held::Now(lease) = held else {
            let so = old.last_outcome == Some(AttemptOutcome::Succeeded);
            return again(old, self.fence, so && old.result == self.result);
        };
        let none = Fields::new();
        let result = self.result.as_ref().unwrap_or(&none);
        check_fields("result", result)?;
        old.kind(at)?.result_schema.check("result", result)?;
        let mut changed = Changed::new(at);
        let mut new = Action { result: self.result.clone(), error: None, ..Action::clone(old) };
        changed.end_attempt(&mut new, lease, AttemptOutcome::Succeeded, None);
        let said = data([("attempt", json!(lease.fence)), ("result", json!(self.result))]);
        changed.end(issue, old, new, EndedState::Succeeded, said)?;
        Ok(changed.decision(&self.name))
    }
}

/// Said once more of the last claim: nothing happens if it ended so, else it is stale.
fn again(action: &Arc<Action>, fence: i64, so: bool) -> Result<Decision> {
    if so { Ok(Decision::unchanged(Arc::clone(action))) } else { Err(stale(action, fence)) }
}

/// Says that the work went wrong.
#[derive(Clone, Debug)]
pub struct FailAction {
    /// Which.
    pub name: ActionName,
    /// The number that came with the claim.
    pub fence: i64,
    /// What went wrong.
    pub error: ActionError,
    /// Whether trying again is of no use.
    pub fatal: bool,
}

impl Decide for FailAction {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name.issue)
    }

    fn footprint(&self) -> Footprint {
        ending(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        self.error.check("error")?;
        let (issue, old, held) = held(at, &self.name, self.fence)?;
        let Held::Now(lease) = held else {
            return again(old, self.fence, old.last_outcome == Some(AttemptOutcome::Failed));
        };
        let mut changed = Changed::new(at);
        let error = Some(self.error.clone());
        let mut new = Action { error: error.clone(), ..Action::clone(old) };
        new.failures += 1;
        changed.end_attempt(&mut new, lease, AttemptOutcome::Failed, error);
        self.failed(&mut changed, at, issue, old, new, lease)?;
        Ok(changed.decision(&self.name))
    }
}

impl FailAction {
    /// What becomes of the action: it is tried again after a pause, unless that is of no use.
    fn failed(
        &self,
        changed: &mut Changed<'_>,
        at: &At<'_>,
        issue: &Issue,
        old: &Action,
        mut new: Action,
        lease: &Lease,
    ) -> Result<()> {
        let kind = old.kind(at)?;
        let said = |retry_at: Option<Timestamp>| {
            let retry_time = retry_at.map(|at| at.to_string());
            data([
                ("attempt", json!(lease.fence)),
                ("error", self.error.to_value()),
                ("retry_time", json!(retry_time)),
            ])
        };
        if let Some(stop) = &lease.stop {
            return changed.end(issue, old, new, stop.end, data([("reason", json!(stop.reason))]));
        }
        if self.fatal || new.failures >= kind.attempts_max {
            return match kind.on_exhausted {
                OnExhausted::Fail => changed.end(issue, old, new, EndedState::Failed, said(None)),
                OnExhausted::Panic => {
                    changed.panic(old, new, EventType::ActionFailed, said(None));
                    Ok(())
                }
            };
        }
        new.backoff_ms = backoff_ms(&new);
        new.retry_at = Some(at.now + SignedDuration::from_millis(new.backoff_ms));
        new.admit(issue, kind, at.now, None);
        let said = said(new.retry_at);
        changed.put(old, new, EventType::ActionFailed, said);
        Ok(())
    }
}

/// The pause after a failure: spread between the shortest and three times the last one, so that
/// what failed together is not tried together. Drawn from the attempt, because rules draw nothing
/// at random.
fn backoff_ms(action: &Action) -> i64 {
    let mut hash = Sha256::new();
    hash.update(action.uid);
    hash.update(action.attempt.to_be_bytes());
    let [a, b, c, d, ..] = <[u8; 32]>::from(hash.finalize());
    let drawn = i64::from(u32::from_be_bytes([a, b, c, d]));
    let most = (3 * action.backoff_ms.max(BACKOFF_MIN_MS)).min(BACKOFF_MAX_MS);
    BACKOFF_MIN_MS + drawn % (most - BACKOFF_MIN_MS + 1)
}

/// Gives the work back.
#[derive(Clone, Debug)]
pub struct ReleaseAction {
    /// Which.
    pub name: ActionName,
    /// The number that came with the claim.
    pub fence: i64,
    /// Why; for people.
    pub reason: String,
}

impl Decide for ReleaseAction {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name.issue)
    }

    fn footprint(&self) -> Footprint {
        ending(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        check_text("reason", &self.reason, REASON_BYTES_MAX)?;
        let (issue, old, held) = held(at, &self.name, self.fence)?;
        let Held::Now(lease) = held else {
            return again(old, self.fence, old.last_outcome == Some(AttemptOutcome::Released));
        };
        let mut changed = Changed::new(at);
        let outcome = AttemptOutcome::Released;
        given_back(&mut changed, at, issue, old, lease, outcome, &self.reason)?;
        Ok(changed.decision(&self.name))
    }
}

/// Takes an action from its holder: it goes back to its place in the line, or ends if others wanted
/// that.
pub(super) fn given_back(
    changed: &mut Changed<'_>,
    at: &At<'_>,
    issue: &Issue,
    old: &Action,
    lease: &Lease,
    outcome: AttemptOutcome,
    reason: &str,
) -> Result<()> {
    let mut new = old.clone();
    changed.end_attempt(&mut new, lease, outcome, None);
    if let Some(Stop { end, reason, .. }) = &lease.stop {
        return changed.end(issue, old, new, *end, data([("reason", json!(reason))]));
    }
    let kind = old.kind(at)?;
    let said = data([("attempt", json!(lease.fence)), ("reason", json!(reason))]);
    if outcome == AttemptOutcome::Lost {
        new.losses += 1;
        if new.losses >= kind.losses_max {
            changed.panic(old, new, EventType::ActionReleased, said);
            return Ok(());
        }
    }
    new.admit(issue, kind, at.now, Some(lease.vkey));
    let (waits, of_place) = (new.state() == State::Pending, said_of_place(&new));
    changed.put(old, new, EventType::ActionReleased, said);
    if waits {
        changed.tell(&old.name, EventType::ActionBlocked, of_place);
    }
    Ok(())
}

impl ActionType {
    /// How long the claim of a machine holds without a sign of life.
    pub(super) fn lease_span(&self) -> SignedDuration {
        self.lease.unwrap_or(crate::domain::configuration::LEASE_DEFAULT)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::action::tests::action;

    proptest! {
        /// Pauses grow at most threefold, and never leave their bounds.
        #[test]
        fn pauses_stay_within_bounds(attempt in 1_i64..1_000, before in 0_i64..2_000_000) {
            let failed = Action { attempt, backoff_ms: before, ..action() };

            let pause = backoff_ms(&failed);

            prop_assert!((BACKOFF_MIN_MS..=BACKOFF_MAX_MS).contains(&pause));
            prop_assert!(pause <= 3 * before.max(BACKOFF_MIN_MS));
        }
    }
}
