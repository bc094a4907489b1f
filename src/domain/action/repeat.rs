//! Doing an action again.

use crate::domain::name::ActionName;

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
