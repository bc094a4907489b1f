//! Gates: what an action depends on.

use jiff::Timestamp;
use uuid::Uuid;

use super::place::EndedState;
use crate::domain::name::{ActionName, IssueName};

/// What a gate is on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GateOn {
    /// The end of another action of the project.
    Action(ActionName, Uuid),
    /// An issue of the project being closed.
    Issue(IssueName, Uuid),
    /// A point in time.
    Time(Timestamp),
}

/// Which end of an action meets a gate on it. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub enum Satisfy {
    /// Done, or left out.
    #[default]
    SuccessOrSkip,
    /// Done.
    Success,
    /// Whatever end.
    AnyEnd,
    /// Given up.
    Failure,
}

impl Satisfy {
    /// All of them.
    pub const ALL: &[Satisfy] =
        &[Satisfy::SuccessOrSkip, Satisfy::Success, Satisfy::AnyEnd, Satisfy::Failure];

    /// The stored name: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            Satisfy::SuccessOrSkip => "SUCCESS_OR_SKIP",
            Satisfy::Success => "SUCCESS",
            Satisfy::AnyEnd => "ANY_END",
            Satisfy::Failure => "FAILURE",
        }
    }

    /// What has that stored name.
    pub fn stored(name: &str) -> Option<Satisfy> {
        Satisfy::ALL.iter().copied().find(|satisfy| satisfy.as_str() == name)
    }

    /// Whether that end meets it.
    pub fn takes(self, ended: EndedState) -> bool {
        use EndedState::{Cancelled, Failed, Skipped, Succeeded};
        match (self, ended) {
            (Satisfy::AnyEnd, _)
            | (Satisfy::SuccessOrSkip, Succeeded | Skipped)
            | (Satisfy::Success, Succeeded)
            | (Satisfy::Failure, Failed) => true,
            (Satisfy::SuccessOrSkip, Failed | Cancelled)
            | (Satisfy::Success, Failed | Skipped | Cancelled)
            | (Satisfy::Failure, Succeeded | Skipped | Cancelled) => false,
        }
    }
}

/// A dependency, as it stands. Once met it stays so, whatever becomes of what it was on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Gate {
    /// On what.
    pub on: GateOn,
    /// Which end meets it; said of actions alone.
    pub satisfy: Satisfy,
    /// Whether it is met.
    pub met: bool,
    /// Whether what it is on has ended in another way.
    pub unsatisfiable: bool,
}

impl Gate {
    /// What becomes of it when the action that it is on has ended so.
    pub fn settle(&mut self, ended: EndedState) {
        if !self.met {
            self.met = self.satisfy.takes(ended);
            self.unsatisfiable = !self.met;
        }
    }

    /// The action that it is on, if it is on one.
    pub fn action(&self) -> Option<&ActionName> {
        match &self.on {
            GateOn::Action(on, _) => Some(on),
            GateOn::Issue(..) | GateOn::Time(_) => None,
        }
    }

    /// Whether it is on that action.
    pub fn is_on(&self, name: &ActionName) -> bool {
        self.action() == Some(name)
    }

    /// Whether it is on that.
    pub fn is_of(&self, what: &DependsOn) -> bool {
        match (&self.on, what) {
            (GateOn::Action(on, _), DependsOn::Action(name)) => on == name,
            (GateOn::Issue(on, _), DependsOn::Issue(name)) => on == name,
            (GateOn::Time(on), DependsOn::Time(at)) => on == at,
            (GateOn::Action(..) | GateOn::Issue(..) | GateOn::Time(_), _) => false,
        }
    }

    /// When it opens by itself.
    pub fn opens_at(&self) -> Option<Timestamp> {
        match self.on {
            GateOn::Time(at) if !self.met => Some(at),
            GateOn::Time(_) | GateOn::Action(..) | GateOn::Issue(..) => None,
        }
    }
}

/// A dependency as a caller asks for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dependency {
    /// On what.
    pub on: DependsOn,
    /// Which end meets it; said of actions alone.
    pub satisfy: Satisfy,
}

/// What a caller makes an action depend on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DependsOn {
    /// The end of another action of the project.
    Action(ActionName),
    /// An issue of the project being closed.
    Issue(IssueName),
    /// A point in time.
    Time(Timestamp),
}
