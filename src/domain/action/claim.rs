//! Claiming: taking an action to do it.

use std::collections::BTreeSet;

use crate::domain::name::{ActionName, ProjectId};

/// Takes one action.
#[derive(Clone, Debug)]
pub struct ClaimAction {
    /// Which.
    pub name: ActionName,
}

/// Takes what comes next in the lines that the caller may draw from. Where there is nothing it is
/// refused with QUEUE_EMPTY, which is not remembered: the same call later may find something.
#[derive(Clone, Debug)]
pub struct ClaimNextActions {
    /// Of which project.
    pub project: ProjectId,
    /// The ids of the types to take from; empty is all.
    pub action_types: BTreeSet<String>,
    /// At most so many: 1 to 100.
    pub max: usize,
}
