//! Requests to commands and queries. What is not well formed is refused here, with its field;
//! whether it may happen is for the rules.

use super::mask;
use crate::domain::error::{Error, Result, invalid, required};
use crate::domain::name::ProjectId;
use crate::domain::project::{CreateProject, DeleteProject, UpdateProject, check_display_name};
use crate::proto;

/// Items of a page that does not say how many.
const PAGE_SIZE_DEFAULT: usize = 50;
/// More items a page would make one call hold up others.
const PAGE_SIZE_MAX: usize = 1000;

/// An etag, if one was sent.
pub(super) fn etag(sent: String) -> Option<String> {
    (!sent.is_empty()).then_some(sent)
}

/// How many items a page has at most.
pub(super) fn page_size(sent: i32) -> Result<usize> {
    match usize::try_from(sent) {
        Ok(0) => Ok(PAGE_SIZE_DEFAULT),
        Ok(size) => Ok(size.min(PAGE_SIZE_MAX)),
        Err(_) => Err(invalid("page_size", "must not be negative")),
    }
}

impl TryFrom<proto::CreateProjectRequest> for CreateProject {
    type Error = Error;

    fn try_from(request: proto::CreateProjectRequest) -> Result<CreateProject> {
        let proto::CreateProjectRequest { project_id, project, request_id: _, validate_only: _ } =
            request;
        let id = ProjectId::parse("project_id", &project_id)?;
        let proto::Project {
            name: _,
            uid: _,
            etag: _,
            create_time: _,
            update_time: _,
            creator: _,
            display_name,
        } = project.ok_or_else(|| required("project"))?;
        check_display_name("project.display_name", &display_name)?;
        Ok(CreateProject { id, display_name })
    }
}

impl TryFrom<proto::UpdateProjectRequest> for UpdateProject {
    type Error = Error;

    fn try_from(request: proto::UpdateProjectRequest) -> Result<UpdateProject> {
        let proto::UpdateProjectRequest { project, update_mask, request_id: _, validate_only: _ } =
            request;
        let project = project.ok_or_else(|| required("project"))?;
        let id = ProjectId::parse_name("project.name", &project.name)?;
        let etag = etag(project.etag.clone());
        let display_name = mask::display_name(project, update_mask)?;
        if let Some(name) = &display_name {
            check_display_name("project.display_name", name)?;
        }
        Ok(UpdateProject { id, etag, display_name })
    }
}

impl TryFrom<proto::DeleteProjectRequest> for DeleteProject {
    type Error = Error;

    fn try_from(request: proto::DeleteProjectRequest) -> Result<DeleteProject> {
        let proto::DeleteProjectRequest { name, force, etag, request_id: _, validate_only: _ } =
            request;
        let id = ProjectId::parse_name("name", &name)?;
        Ok(DeleteProject { id, etag: self::etag(etag), force })
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::domain::error::Reason;

    #[track_caller]
    pub fn refused<T: std::fmt::Debug>(read: Result<T>, reason: Reason, field: &str) {
        let error = read.unwrap_err();
        let Error::Invalid { reason: why, field: blamed, .. } = error else { panic!("{error}") };
        assert_eq!((why, blamed.as_str()), (reason, field));
    }

    #[test]
    fn page_sizes_are_bounded() {
        assert_eq!(page_size(0).unwrap(), 50);
        assert_eq!(page_size(1).unwrap(), 1);
        assert_eq!(page_size(1000).unwrap(), 1000);
        assert_eq!(page_size(1001).unwrap(), 1000);
        assert_eq!(page_size(i32::MAX).unwrap(), 1000);
        refused(page_size(-1), Reason::FieldInvalid, "page_size");
    }

    #[test]
    fn what_must_be_there_is_named() {
        refused(
            UpdateProject::try_from(proto::UpdateProjectRequest::default()),
            Reason::FieldRequired,
            "project",
        );
        refused(
            CreateProject::try_from(proto::CreateProjectRequest::default()),
            Reason::FieldRequired,
            "project_id",
        );
        let create = proto::CreateProjectRequest { project_id: "a".into(), ..Default::default() };
        refused(CreateProject::try_from(create), Reason::FieldRequired, "project");
    }
}
