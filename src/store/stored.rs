//! Stored values that must be well formed, because only we write them.

use crate::domain::name::ProjectId;

/// The id of a project as it was stored; a constraint of the table holds its form.
pub(super) fn project_id(id: &str) -> ProjectId {
    ProjectId::parse("id", id).expect("the table's constraint holds the form of ids")
}

/// Names as the text of an array, for they hold nothing that needs quotes. An array of arrays would
/// be flattened.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    format!("{{{}}}", names.join(","))
}
