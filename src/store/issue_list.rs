//! Lists of issues.

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;

use super::error::Result;
use super::issue::{self, Row, SqlRow};
use super::query::Stored::{As, Issue as IssueAt, Words};
use super::query::{Columns, Selection, Statement};
use super::visible;
use crate::domain::issue::Issue;
use crate::domain::name::ProjectId;
use crate::domain::reader::Reader;

/// Which issues, from where on. Of a project that is gone there are none.
#[derive(Clone, Copy, Debug)]
pub struct IssueList<'a> {
    /// Where they are kept.
    pub project: &'a ProjectId,
    /// Hidden ones too, if they were hidden later than that.
    pub deleted_after: Option<Timestamp>,
    /// Who asks: of theirs alone.
    pub reader: &'a Reader,
    /// Which of them, in which order.
    pub selection: Selection<'a>,
}

/// Where the fields that lists know are stored.
const COLUMNS: Columns = &[
    ("number", As("i.number")),
    ("title", As("i.title")),
    ("description", As("i.description")),
    ("status", As("i.status")),
    ("category", As("i.category")),
    ("state", Words(&[("OPEN", "i.closed_at is null"), ("CLOSED", "i.closed_at is not null")])),
    ("resolution", As("i.resolution")),
    ("issue_type", As("i.issue_type")),
    ("kind", As("i.kind")),
    ("workflow", As("i.workflow")),
    ("active", As("i.active")),
    ("priority", As("i.priority")),
    ("milestone", As("i.milestone")),
    ("owner", As("i.owner")),
    ("assignees", As("i.assignees")),
    ("creator", As("i.creator")),
    ("parent", IssueAt("i.project", "i.parent")),
    ("thread", IssueAt("i.project", "i.thread")),
    ("tags", As("i.tags")),
    ("dedup_key", As("i.dedup_key")),
    ("parameters", As("i.parameters")),
    ("annotations", As("i.annotations")),
    ("create_time", As("i.created_at")),
    ("update_time", As("i.updated_at")),
    ("due_time", As("i.due_at")),
    ("close_time", As("i.closed_at")),
    ("step", As("i.step")),
];

/// A page.
pub(super) async fn page(
    mut conn: &AsyncPgConnection,
    asked: &IssueList<'_>,
) -> Result<Vec<Issue>> {
    let rows: Vec<Row> = statement(asked).load(&mut conn).await?;
    Ok(rows.into_iter().map(issue::issue).collect())
}

/// How a page would be read.
pub(super) async fn plan(mut conn: &AsyncPgConnection, asked: &IssueList<'_>) -> Result<String> {
    let lines: Vec<String> = statement(asked).explained().load(&mut conn).await?;
    Ok(lines.join("\n"))
}

fn statement(asked: &IssueList<'_>) -> Statement<SqlRow> {
    let IssueList { project, deleted_after, reader, selection } = asked;
    let mut page = Statement::new("select ");
    page.sql(issue::COLUMNS).sql(" from issues i where i.project = ").text(project.as_str());
    page.sql(" and (select potts_is_live(").text(project.as_str()).sql("))");
    match deleted_after {
        None => page.sql(" and i.deleted_at is null"),
        Some(at) => page.sql(" and (i.deleted_at is null or i.deleted_at > ").time(*at).sql(")"),
    };
    visible::issues(&mut page, project, reader);
    page.select(COLUMNS, selection);
    page.done()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::issue::FIELDS;

    #[test]
    fn every_field_is_stored_and_nothing_else() {
        let fields: Vec<_> = FIELDS.all.iter().map(|field| field.name).collect();
        let stored: Vec<_> = COLUMNS.iter().map(|(name, _)| *name).collect();

        assert_eq!(fields, stored);
    }
}
