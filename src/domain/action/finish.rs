//! Finishing: how a holder ends a claim.

use super::attempt::ActionError;
use crate::domain::name::ActionName;
use crate::domain::value::Fields;

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
