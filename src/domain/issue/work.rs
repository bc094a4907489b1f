//! The work that is done for an issue: its actions.

use super::Issue;
use crate::domain::command::At;
use crate::domain::name::ActionName;

/// The actions of an issue that have not ended. Workflows may demand that there are none, and
/// closing the issue ends them.
pub(super) fn open_actions(_: &At<'_>, _: &Issue) -> Vec<ActionName> {
    Vec::new()
}
