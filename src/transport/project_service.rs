//! `potts.v1.ProjectService`.

use std::sync::Arc;

use tonic::{Request, Response};

use super::auth::{Admitted, admit};
use super::door::{Door, Outcome, Reply, Written, expected, written};
use super::encode;
use super::page_token::List;
use super::paging::{Filled, FilteredPage, Sent};
use super::people;
use crate::domain::command::Verb;
use crate::domain::error::{Error, Reason, Result, not_found};
use crate::domain::name::{MemberName, ProjectId};
use crate::domain::people::{CreateMember, DeleteMember, MEMBER_FIELDS, Standing, UpdateMember};
use crate::domain::project::{CreateProject, DeleteProject, FIELDS, Project, UpdateProject};
use crate::ledger::Answer;
use crate::proto::{self, project_service_server::ProjectService};

/// Keeps projects.
#[derive(Debug)]
pub(super) struct Projects {
    pub door: Door,
}

impl Projects {
    async fn write(
        &self,
        admitted: &Admitted,
        verb: impl Into<Verb>,
    ) -> Result<Outcome<proto::Project>> {
        let verb = verb.into();
        let creates = matches!(verb, Verb::CreateProject(_));
        let Written { answer, changed, cursor } = self.door.write(admitted, verb).await?;
        let (project, replayed) = match answer {
            Answer::Resource(resource) => {
                let project: Arc<Project> = expected("a project", resource)?;
                match creates {
                    true if admitted.validate_only => (encode::project_to_be(&project), false),
                    true | false => (encode::project(&project), false),
                }
            }
            Answer::Replayed(name) => {
                let id = ProjectId::parse_name("name", &name)
                    .map_err(|error| Error::Internal(error.into()))?;
                let project = self.door.project(&admitted.caller, &id).await?;
                (encode::project(&project.ok_or_else(|| not_found(&id))?), true)
            }
        };
        Ok(Outcome { resource: Some(project), changed, cursor, replayed })
    }
}

/// The projects that somebody may read; none: all.
fn readable(standing: &Standing) -> Option<Vec<&ProjectId>> {
    (!standing.admin).then(|| standing.roles.keys().collect())
}

#[tonic::async_trait]
impl ProjectService for Projects {
    async fn create_project(
        &self,
        request: Request<proto::CreateProjectRequest>,
    ) -> Reply<proto::CreateProjectResponse> {
        written!(self.write(request: CreateProject) -> CreateProjectResponse { project })
    }

    async fn get_project(
        &self,
        request: Request<proto::GetProjectRequest>,
    ) -> Reply<proto::GetProjectResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::GetProjectRequest { name } = request.into_inner();
        let id = ProjectId::parse_name("name", &name)?;
        let project = self.door.reader(&caller, "GetProject", &id).await?;
        let project = Some(encode::project(&project));
        Ok(Response::new(proto::GetProjectResponse { project }))
    }

    async fn list_projects(
        &self,
        request: Request<proto::ListProjectsRequest>,
    ) -> Reply<proto::ListProjectsResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ListProjectsRequest { page_size, page_token, filter, order_by } =
            request.into_inner();
        let list = List::of("ListProjects", caller.name.as_str());
        let sent =
            Sent { page_size, page_token: &page_token, filter: &filter, order_by: &order_by };
        let page = FilteredPage::asked(&self.door, list, &FIELDS, sent)?;

        let (deadline, selection) = (caller.deadline, page.selection());
        let among = readable(&caller.standing);
        let (among, known_head) = (among.as_deref(), page.known_head());
        let reading =
            || Box::pin(self.door.store.projects(among, &selection, known_head, deadline.0));
        let listed = deadline.read(reading).await?;
        let Filled { items: projects, next_page_token, cursor } =
            page.filled(listed, encode::project);
        Ok(Response::new(proto::ListProjectsResponse { projects, next_page_token, cursor }))
    }

    async fn update_project(
        &self,
        request: Request<proto::UpdateProjectRequest>,
    ) -> Reply<proto::UpdateProjectResponse> {
        written!(self.write(request: UpdateProject) -> UpdateProjectResponse { project })
    }

    async fn delete_project(
        &self,
        request: Request<proto::DeleteProjectRequest>,
    ) -> Reply<proto::DeleteProjectResponse> {
        written!(self.write(request: DeleteProject) -> DeleteProjectResponse { project })
    }

    async fn create_member(
        &self,
        request: Request<proto::CreateMemberRequest>,
    ) -> Reply<proto::CreateMemberResponse> {
        written!(self.door.write_member(request: CreateMember) -> CreateMemberResponse { member })
    }

    async fn get_member(
        &self,
        request: Request<proto::GetMemberRequest>,
    ) -> Reply<proto::GetMemberResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::GetMemberRequest { name } = request.into_inner();
        let name = MemberName::parse("name", &name)?;
        // A project that may not be read hides who is in it.
        let hidden = |error: Error| match error.reason() == Reason::ResourceNotFound {
            true => not_found(&name),
            false => error,
        };
        let read = self.door.reader(&caller, "GetMember", &name.project).await;
        read.map_err(hidden)?;
        let member = people::member(&self.door, &caller, &name).await?;
        let member = Some(people::encode_member(&member.ok_or_else(|| not_found(&name))?));
        Ok(Response::new(proto::GetMemberResponse { member }))
    }

    async fn list_members(
        &self,
        request: Request<proto::ListMembersRequest>,
    ) -> Reply<proto::ListMembersResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ListMembersRequest { parent, page_size, page_token, filter, order_by } =
            request.into_inner();
        let project = ProjectId::parse_name("parent", &parent)?;
        let list = List::of("ListMembers", caller.name.as_str()).with(project.as_str());
        let sent =
            Sent { page_size, page_token: &page_token, filter: &filter, order_by: &order_by };
        let page = FilteredPage::asked(&self.door, list, &MEMBER_FIELDS, sent)?;
        self.door.reader(&caller, "ListMembers", &project).await?;
        let (deadline, selection) = (caller.deadline, page.selection());
        let known_head = page.known_head();
        let reading =
            || Box::pin(self.door.store.members(&project, &selection, known_head, deadline.0));
        let listed = deadline.read(reading).await?;
        let Filled { items: members, next_page_token, cursor } =
            page.filled(listed, people::encode_member);
        Ok(Response::new(proto::ListMembersResponse { members, next_page_token, cursor }))
    }

    async fn update_member(
        &self,
        request: Request<proto::UpdateMemberRequest>,
    ) -> Reply<proto::UpdateMemberResponse> {
        written!(self.door.write_member(request: UpdateMember) -> UpdateMemberResponse { member })
    }

    async fn delete_member(
        &self,
        request: Request<proto::DeleteMemberRequest>,
    ) -> Reply<proto::DeleteMemberResponse> {
        written!(self.door.write_member(request: DeleteMember) -> DeleteMemberResponse { member })
    }
}
