//! Stored values that must be well formed, because only we write them.

use crate::domain::name::ProjectId;

/// The id of a project as it was stored; a constraint of the table holds its form.
pub(super) fn project_id(id: &str) -> ProjectId {
    ProjectId::parse("id", id).expect("the table's constraint holds the form of ids")
}
