//! Ending an action without doing it.

use crate::domain::name::ActionName;

/// Leaves an action out: what depends on it goes on.
#[derive(Clone, Debug)]
pub struct SkipAction {
    /// Which.
    pub name: ActionName,
    /// Why; for people.
    pub reason: String,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

/// Cancels an action: what depends on it waits.
#[derive(Clone, Debug)]
pub struct CancelAction {
    /// Which.
    pub name: ActionName,
    /// Why; for people.
    pub reason: String,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}
