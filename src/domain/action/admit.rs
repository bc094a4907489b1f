//! Admission: whether an action can be claimed, and if not, why.

use jiff::Timestamp;

use super::Action;
use super::gate::Gate;
use super::place::{Blocked, Line, Place, Ready, Wait};
use crate::domain::configuration::ActionType;
use crate::domain::issue::Issue;

/// The level of an action whose priority is not set.
const LEVEL_UNSET: i16 = 3;

/// Everything that admission asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Facts {
    /// Whether work on the issue may go on.
    pub works: bool,
    /// How many dependencies are not met.
    pub unmet: i16,
    /// Whether one of them can never be met as things are.
    pub unsatisfiable: bool,
    /// When the next of them opens by itself.
    pub opens_at: Option<Timestamp>,
    /// Whether the parameters fit the type.
    pub fits: bool,
    /// When it may be begun: by what was asked, and after a failure.
    pub begins_at: Option<Timestamp>,
}

/// The answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// It can be claimed.
    Ready,
    /// It waits.
    Wait {
        /// For what: the first obstacle.
        reason: Blocked,
        /// Until when, if time alone may end it.
        until: Option<Timestamp>,
    },
}

/// Whether an action can be claimed: the first obstacle, in the order in which callers are told.
pub fn admit(facts: &Facts, now: Timestamp) -> Admission {
    let wait = |reason, until| Admission::Wait { reason, until };
    if !facts.works {
        wait(Blocked::IssueInactive, None)
    } else if facts.unsatisfiable {
        wait(Blocked::Unsatisfiable, facts.opens_at)
    } else if facts.unmet > 0 {
        wait(Blocked::Dependencies, facts.opens_at)
    } else if !facts.fits {
        wait(Blocked::Parameters, None)
    } else if facts.begins_at.is_some_and(|at| now < at) {
        wait(Blocked::Time, facts.begins_at)
    } else {
        Admission::Ready
    }
}

/// Whether work on an issue may go on.
fn works(issue: &Issue) -> bool {
    issue.active && !issue.is_closed() && issue.deleted_at.is_none()
}

impl Action {
    /// What admission asks for.
    fn facts(&self, issue: &Issue, kind: &ActionType) -> Facts {
        let open = || self.gates.iter().filter(|gate| !gate.met);
        Facts {
            works: works(issue),
            unmet: i16::try_from(open().count()).unwrap_or(i16::MAX),
            unsatisfiable: open().any(|gate| gate.unsatisfiable),
            opens_at: open().filter_map(Gate::opens_at).min(),
            fits: kind.parameter_schema.check("parameters", &self.parameters).is_ok(),
            begins_at: self.not_before.max(self.retry_at),
        }
    }

    /// The line that it stands in.
    fn line(&self, kind: &ActionType) -> Line {
        Line {
            action_type: self.action_type.clone(),
            performers: self.performers(kind),
            level: if self.priority == 0 { LEVEL_UNSET } else { self.priority },
        }
    }

    /// Puts it where it belongs now. `vkey` is the place in the line that it had; none is the end.
    pub(super) fn admit(
        &mut self,
        issue: &Issue,
        kind: &ActionType,
        now: Timestamp,
        vkey: Option<i64>,
    ) {
        for gate in &mut self.gates {
            gate.met |= gate.opens_at().is_some_and(|at| at <= now);
        }
        let facts = self.facts(issue, kind);
        self.place = match admit(&facts, now) {
            Admission::Ready => {
                let vkey = vkey.unwrap_or_else(|| now.as_millisecond());
                let expires_at = self.expires_at;
                Place::Ready(Ready { line: self.line(kind), vkey, ready_ms: vkey, expires_at })
            }
            Admission::Wait { reason, until } => {
                let due_at = [until, self.expires_at].into_iter().flatten().min();
                Place::Waiting(Wait { reason, unmet: facts.unmet, due_at })
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn free() -> Facts {
        Facts {
            works: true,
            unmet: 0,
            unsatisfiable: false,
            opens_at: None,
            fits: true,
            begins_at: None,
        }
    }

    #[test]
    fn the_first_obstacle_is_told() {
        let now = Timestamp::from_second(1_000).unwrap();
        let later = Timestamp::from_second(1_001).ok();
        let mut facts = Facts { begins_at: later, ..free() };
        let mut seen = Vec::new();
        let mut look = |facts: &Facts| match admit(facts, now) {
            Admission::Ready => seen.push(None),
            Admission::Wait { reason, until } => seen.push(Some((reason, until))),
        };

        look(&free());
        look(&facts);
        facts.fits = false;
        look(&facts);
        facts.unmet = 1;
        look(&facts);
        facts.unsatisfiable = true;
        look(&facts);
        facts.works = false;
        look(&facts);

        assert_eq!(
            seen,
            [
                None,
                Some((Blocked::Time, later)),
                Some((Blocked::Parameters, None)),
                Some((Blocked::Dependencies, None)),
                Some((Blocked::Unsatisfiable, None)),
                Some((Blocked::IssueInactive, None)),
            ]
        );
    }

    proptest! {
        /// Nothing is ready before its gates are met and its time has come.
        #[test]
        fn ready_means_that_nothing_stands_in_the_way(
            works: bool, unmet in 0_i16..3, fits: bool, begins in proptest::option::of(0_i64..10),
        ) {
            let now = Timestamp::from_second(5).unwrap();
            let begins_at = begins.map(|s| Timestamp::from_second(s).unwrap());
            let facts = Facts { works, unmet, fits, begins_at, ..free() };

            let ready = admit(&facts, now) == Admission::Ready;

            let early = begins.is_some_and(|s| s > 5);
            prop_assert_eq!(ready, works && unmet == 0 && fits && !early);
        }
    }
}
