//! Where a live action lies: its place is its state.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use sha2::{Digest as _, Sha256};

use crate::domain::name::{ActorName, Principal};

/// How long a holder may still end an action that others have cancelled or skipped. Less would cut
/// off who is about to finish; more would keep the others waiting.
pub const STOPPING: SignedDuration = SignedDuration::from_secs(30);

/// The state that callers are told. The names are those of the contract without their prefix.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum State {
    /// Waits for something.
    Pending,
    /// Can be claimed.
    Ready,
    /// Somebody holds it.
    Claimed,
    /// Its holder has started.
    Running,
    /// Failed or was lost too often: somebody must look.
    Panicked,
    /// Done.
    Succeeded,
    /// Given up.
    Failed,
    /// Left out.
    Skipped,
    /// Not wanted any more.
    Cancelled,
}

impl State {
    /// All states.
    pub const ALL: &[State] = &[
        State::Pending,
        State::Ready,
        State::Claimed,
        State::Running,
        State::Panicked,
        State::Succeeded,
        State::Failed,
        State::Skipped,
        State::Cancelled,
    ];

    /// The name in events and lists.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Pending => "PENDING",
            State::Ready => "READY",
            State::Claimed => "CLAIMED",
            State::Running => "RUNNING",
            State::Panicked => "PANICKED",
            State::Succeeded => "SUCCEEDED",
            State::Failed => "FAILED",
            State::Skipped => "SKIPPED",
            State::Cancelled => "CANCELLED",
        }
    }

    /// The state of that name.
    pub fn stored(name: &str) -> Option<State> {
        State::ALL.iter().copied().find(|state| state.as_str() == name)
    }
}

/// Why an action waits. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Blocked {
    /// Its issue is inactive or hidden.
    IssueInactive,
    /// A dependency is not met yet.
    Dependencies,
    /// A dependency can never be met, unless what it is on is repeated.
    Unsatisfiable,
    /// Its parameters do not fit its type.
    Parameters,
    /// It is too early: `not_before`, or the pause after a failure.
    Time,
    /// It failed or was lost too often.
    Panicked,
}

impl Blocked {
    /// All reasons.
    pub const ALL: &[Blocked] = &[
        Blocked::IssueInactive,
        Blocked::Dependencies,
        Blocked::Unsatisfiable,
        Blocked::Parameters,
        Blocked::Time,
        Blocked::Panicked,
    ];

    /// The stored name: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            Blocked::IssueInactive => "ISSUE_INACTIVE",
            Blocked::Dependencies => "DEPENDENCIES",
            Blocked::Unsatisfiable => "UNSATISFIABLE",
            Blocked::Parameters => "PARAMETERS",
            Blocked::Time => "TIME",
            Blocked::Panicked => "PANICKED",
        }
    }

    /// The reason of that stored name.
    pub fn stored(name: &str) -> Option<Blocked> {
        Blocked::ALL.iter().copied().find(|reason| reason.as_str() == name)
    }
}

/// How an action ended. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum EndedState {
    /// Done.
    Succeeded,
    /// Given up.
    Failed,
    /// Left out.
    Skipped,
    /// Not wanted any more.
    Cancelled,
}

impl EndedState {
    /// The state that it is.
    pub fn state(self) -> State {
        match self {
            EndedState::Succeeded => State::Succeeded,
            EndedState::Failed => State::Failed,
            EndedState::Skipped => State::Skipped,
            EndedState::Cancelled => State::Cancelled,
        }
    }

    /// The stored name.
    pub fn as_str(self) -> &'static str {
        self.state().as_str()
    }

    /// What has that stored name.
    pub fn stored(name: &str) -> Option<EndedState> {
        use EndedState::{Cancelled, Failed, Skipped, Succeeded};
        [Succeeded, Failed, Skipped, Cancelled].into_iter().find(|ended| ended.as_str() == name)
    }
}

/// It waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wait {
    /// For what: the first obstacle.
    pub reason: Blocked,
    /// How many of its dependencies are not met.
    pub unmet: i16,
    /// When to look again: because it is time, or because it will have waited too long.
    pub due_at: Option<Timestamp>,
}

/// Those actions that the same people may claim, and that are equally urgent, stand in one line.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Line {
    /// The id of their type.
    pub action_type: String,
    /// Who may claim them; empty is everybody who may work in the project.
    pub performers: BTreeSet<Principal>,
    /// How urgent: 1, the first, to 5.
    pub level: i16,
}

impl Line {
    /// Drawn from all that tells it from other lines of its project; 128 bits do not collide by
    /// chance.
    pub fn digest(&self) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(self.level.to_be_bytes());
        hash.update(&self.action_type);
        for performer in &self.performers {
            // No name holds a NUL, so it keeps them apart.
            hash.update([0]);
            hash.update(performer.as_str());
        }
        let drawn: [u8; 32] = hash.finalize().into();
        let mut digest = [0; 16];
        digest.iter_mut().zip(drawn).for_each(|(to, from)| *to = from);
        digest
    }
}

/// It can be claimed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ready {
    /// The line it stands in.
    pub line: Line,
    /// Its place in the line: the smallest comes first. What was released keeps its place.
    pub vkey: i64,
    /// Since when it is ready, in milliseconds since 1970.
    pub ready_ms: i64,
    /// When it will have waited too long.
    pub expires_at: Option<Timestamp>,
}

/// Others want it to end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stop {
    /// Until when its holder may still end it.
    pub at: Timestamp,
    /// How it ends then.
    pub end: EndedState,
    /// Why.
    pub reason: String,
}

/// Somebody holds it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lease {
    /// What tells this claim from every other of the action: each claim gets a higher one.
    pub fence: i64,
    /// Who.
    pub actor: ActorName,
    /// Since when.
    pub claimed_at: Timestamp,
    /// When its holder started.
    pub started_at: Option<Timestamp>,
    /// Until when it holds without a sign of life; none is for ever, as for people.
    pub deadline_at: Option<Timestamp>,
    /// That others want it to end.
    pub stop: Option<Stop>,
    /// The step that it is at; empty before it is started, and where the type has no steps.
    pub step: String,
    /// How far it is, in percent.
    pub progress: Option<i16>,
    /// What its holder says of it.
    pub note: String,
    /// Its place in the line, which it takes again if the lease ends and the action does not.
    pub vkey: i64,
}

impl Lease {
    /// When it ends unless its holder does something: not before this instant, and at it.
    pub fn ends_at(&self) -> Option<Timestamp> {
        let stop_at = self.stop.as_ref().map(|stop| stop.at);
        [self.deadline_at, stop_at].into_iter().flatten().min()
    }

    /// Whether it still holds. A lease is good up to, and not including, the instant it ends: at
    /// that very instant the sweep may end it, so never do two believe they hold the action.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.ends_at().is_none_or(|end| now < end)
    }
}

/// Where an action lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Place {
    /// Among those that wait.
    Waiting(Wait),
    /// In a line.
    Ready(Ready),
    /// With its holder.
    Leased(Lease),
    /// Nowhere: it has ended.
    Ended(EndedState),
}

impl Place {
    /// The state that callers are told.
    pub fn state(&self) -> State {
        match self {
            Place::Waiting(Wait { reason: Blocked::Panicked, .. }) => State::Panicked,
            Place::Waiting(_) => State::Pending,
            Place::Ready(_) => State::Ready,
            Place::Leased(Lease { started_at: None, .. }) => State::Claimed,
            Place::Leased(_) => State::Running,
            Place::Ended(ended) => ended.state(),
        }
    }

    /// Why it waits, if it does.
    pub fn blocked(&self) -> Option<Blocked> {
        match self {
            Place::Waiting(wait) => Some(wait.reason),
            Place::Ready(_) | Place::Leased(_) | Place::Ended(_) => None,
        }
    }

    /// The lease, if somebody holds it.
    pub fn lease(&self) -> Option<&Lease> {
        match self {
            Place::Leased(lease) => Some(lease),
            Place::Waiting(_) | Place::Ready(_) | Place::Ended(_) => None,
        }
    }

    /// How it ended, if it has.
    pub fn ended(&self) -> Option<EndedState> {
        match self {
            Place::Ended(ended) => Some(*ended),
            Place::Waiting(_) | Place::Ready(_) | Place::Leased(_) => None,
        }
    }
}
