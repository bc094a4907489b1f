//! What an issue is by its type: its workflow, its parameters, who may see it.

use std::collections::BTreeSet;

use super::Issue;
use crate::domain::command::At;
use crate::domain::configuration::IssueType;
use crate::domain::configuration::built_in::ISSUE_TYPE_DEFAULT;
use crate::domain::error::{Error, Result, not_found};
use crate::domain::name::{GroupName, Id, ProjectId};
use crate::domain::workflow::Workflow;

/// A type and its workflow, both of their newest revisions.
pub(super) struct Newest<'a> {
    pub id: String,
    pub revision: i64,
    pub issue_type: &'a IssueType,
    pub workflow_revision: i64,
    pub workflow: &'a Workflow,
}

/// The type that new issues of a project get.
pub(super) fn newest<'a>(at: &At<'a>, project: &ProjectId, id: Option<&Id>) -> Result<Newest<'a>> {
    let id = id.map_or(ISSUE_TYPE_DEFAULT, Id::as_str);
    let found = at.definitions.newest_issue_type(project, id);
    let (revision, issue_type) =
        found.ok_or_else(|| not_found(format!("{project}/issueTypes/{id}")))?;
    let found = at.definitions.newest_workflow(project, &issue_type.workflow);
    let (workflow_revision, workflow) = found.ok_or_else(|| {
        let lost = &issue_type.workflow;
        Error::Internal(anyhow::anyhow!("{project} has lost the workflow {lost} of a type"))
    })?;
    Ok(Newest { id: id.into(), revision, issue_type, workflow_revision, workflow })
}

/// The type of an issue, of the revision that it stays on.
pub(super) fn of<'a>(at: &At<'a>, issue: &Issue) -> Result<&'a IssueType> {
    let (project, revision) = (&issue.name.project, issue.issue_type_revision);
    at.definitions.issue_type(project, &issue.issue_type, revision)
}

/// Who may see an issue of a type in a status; none is all who may read the project.
pub(super) fn visible_to(
    issue_type: &IssueType,
    workflow: &Workflow,
    status: &str,
) -> Option<BTreeSet<GroupName>> {
    let by_status = workflow.status(status).map(|status| &status.visible_to);
    let listed = by_status.filter(|groups| !groups.is_empty()).unwrap_or(&issue_type.visible_to);
    (!listed.is_empty()).then(|| listed.iter().cloned().collect())
}
