//! Which issues somebody sees, as a condition of statements: the rule of `domain::access`.

use super::query::Statement;
use crate::domain::name::ProjectId;
use crate::domain::reader::Reader;

/// Of the issues `i` of a project that the reader may read, those that they see. Who administers
/// the project sees all of them, and their statements stay as they are.
pub(super) fn issues<Row>(statement: &mut Statement<Row>, project: &ProjectId, reader: &Reader) {
    let Some(limits) = reader.limits() else { return };
    if limits.projects.get(&project.to_string()) == Some(&true) {
        return;
    }
    let names: Vec<String> = limits.principals.iter().cloned().collect();
    statement.sql(" and (i.visible_to is null or i.visible_to && ").texts(names.clone());
    statement.sql(" or i.assignees && ").texts(names.clone());
    // Asked once for all rows: an array that is known before the first of them.
    statement.sql(" or i.number = any((select potts_held(").text(project.as_str());
    statement.sql(", ").texts(names).sql("))::bigint[]))");
}
