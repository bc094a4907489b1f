//! What happens by time and by what others did: commands of the service itself.
//!
//! Whoever looks after the clock reads what is due without locking it and names it here; each rule
//! looks again, so naming too much or too late changes nothing.

use super::gate::DependsOn;
use crate::domain::name::{ActionName, ActorName};

/// Ends leases whose time is over: lost ones, and those that others wanted to end.
#[derive(Clone, Debug)]
pub struct ExpireLeases {
    /// Of these actions, those that are due.
    pub actions: Vec<ActionName>,
}

/// Takes from an actor who may not act any more what they hold.
#[derive(Clone, Debug)]
pub struct ReleaseHeld {
    /// Who.
    pub actor: ActorName,
    /// Of these actions, those that they hold.
    pub actions: Vec<ActionName>,
}

/// Looks again at actions that wait for a time, and cancels what nobody claimed in time.
#[derive(Clone, Debug)]
pub struct WakeDue {
    /// Of these actions, those that are due.
    pub actions: Vec<ActionName>,
}

/// A gate that may be settled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenGate {
    /// Of which action.
    pub action: ActionName,
    /// On what: an action of another issue that has ended, or an issue that was closed.
    pub on: DependsOn,
}

/// Settles gates on what lies in other issues.
#[derive(Clone, Debug)]
pub struct SettleGates {
    /// Of these gates, those that can be settled.
    pub gates: Vec<OpenGate>,
}
