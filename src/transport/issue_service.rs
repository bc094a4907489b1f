//! `potts.v1.IssueService`.

use std::sync::Arc;

use tonic::{Request, Response};

use super::auth::{Admitted, Caller, admit};
use super::door::{Door, Outcome, Reply, Written, expected, written};
use super::encode;
use super::event_service::Events;
use super::page_token::List;
use super::paging::{Filled, FilteredPage, Sent};
use crate::domain::access;
use crate::domain::command::Verb;
use crate::domain::error::{Error, Reason, Result, not_found};
use crate::domain::issue::{
    ActivateIssue, AssignIssue, CloseIssue, CreateIssue, DeactivateIssue, DeleteIssue, FIELDS,
    Issue, RESTORABLE, ReopenIssue, TransitionIssue, UndeleteIssue, UpdateIssue,
};
use crate::domain::name::{ActorName, IssueName, Principal, ProjectId};
use crate::domain::relation::{CreateIssueRelation, DeleteIssueRelation};
use crate::ledger::Answer;
use crate::proto::{self, issue_service_server::IssueService};
use crate::store::IssueList;

/// Keeps issues.
#[derive(Debug)]
pub(super) struct Issues {
    pub door: Door,
}

impl Issues {
    async fn write(
        &self,
        admitted: &Admitted,
        verb: impl Into<Verb>,
    ) -> Result<Outcome<proto::Issue>> {
        let verb = verb.into();
        let creates = matches!(verb, Verb::CreateIssue(_));
        let Written { answer, changed, cursor } = self.door.write(admitted, verb).await?;
        let (issue, replayed) = match answer {
            Answer::Resource(resource) => {
                let issue: Arc<Issue> = expected("an issue", resource)?;
                match creates {
                    true if admitted.validate_only => (encode::issue_to_be(&issue), false),
                    true | false => (encode::issue(&issue), false),
                }
            }
            Answer::Replayed(name) => {
                let name = IssueName::parse("name", &name)
                    .map_err(|error| Error::Internal(error.into()))?;
                (encode::issue(&self.door.visible_issue(&admitted.caller, &name).await?), true)
            }
        };
        let mut issues = [issue];
        // What is written is written: a look that fails must not say otherwise, so it hides.
        if self.door.hide_above(&admitted.caller, &mut issues).await.is_err() {
            issues.iter_mut().for_each(|issue| {
                issue.parent.clear();
                issue.thread.clear();
            });
        }
        let [issue] = issues;
        Ok(Outcome { resource: Some(issue), changed, cursor, replayed })
    }

    /// An issue that is there.
    pub(super) async fn live(&self, caller: &Caller, name: &IssueName) -> Result<Issue> {
        let issue = self.known(caller, name).await?;
        if issue.deleted_at.is_some() { Err(not_found(name)) } else { Ok(issue) }
    }

    /// The calls about events, which references may stand on.
    pub(super) fn events(&self) -> Events {
        Events { door: self.door.clone() }
    }

    /// Checks that there is such an actor.
    pub(super) async fn actor_exists(&self, caller: &Caller, actor: &ActorName) -> Result<()> {
        let deadline = caller.deadline;
        let who = Principal::from(actor.clone());
        let found = deadline.read(|| Box::pin(self.door.store.standing(&who, deadline.0))).await?;
        found.map(drop).ok_or_else(|| not_found(actor))
    }

    /// An issue that is there, or was deleted and can be brought back, if the caller may see it.
    async fn known(&self, caller: &Caller, name: &IssueName) -> Result<Issue> {
        let deadline = caller.deadline;
        // A project that may not be read hides whatever is in it.
        let hidden = |error: Error| match error.reason() == Reason::ResourceNotFound {
            true => not_found(name),
            false => error,
        };
        self.door.live_project(caller, &name.project).await.map_err(hidden)?;
        let issue = self.door.visible_issue(caller, name).await?;
        if let Some(expires_at) = issue.expires_at()
            && expires_at <= deadline.read(|| Box::pin(self.door.store.now(deadline.0))).await?
        {
            return Err(not_found(name));
        }
        Ok(issue)
    }
}

#[tonic::async_trait]
impl IssueService for Issues {
    async fn create_issue(
        &self,
        request: Request<proto::CreateIssueRequest>,
    ) -> Reply<proto::CreateIssueResponse> {
        written!(self.write(request: CreateIssue) -> CreateIssueResponse { issue })
    }

    async fn get_issue(
        &self,
        request: Request<proto::GetIssueRequest>,
    ) -> Reply<proto::GetIssueResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::GetIssueRequest { name } = request.into_inner();
        let name = IssueName::parse("name", &name)?;
        let mut issues = [encode::issue(&self.known(&caller, &name).await?)];
        self.door.hide_above(&caller, &mut issues).await?;
        let [issue] = issues.map(Some);
        Ok(Response::new(proto::GetIssueResponse { issue }))
    }

    async fn list_issues(
        &self,
        request: Request<proto::ListIssuesRequest>,
    ) -> Reply<proto::ListIssuesResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ListIssuesRequest {
            parent,
            page_size,
            page_token,
            show_deleted,
            filter,
            order_by,
        } = request.into_inner();
        let project = ProjectId::parse_name("parent", &parent)?;
        let list = List::of("ListIssues", caller.name.as_str()).with(project.as_str());
        let list = list.with([u8::from(show_deleted)]);
        let sent =
            Sent { page_size, page_token: &page_token, filter: &filter, order_by: &order_by };
        let page = FilteredPage::asked(&self.door, list, &FIELDS, sent)?;

        let (store, deadline) = (&self.door.store, caller.deadline);
        access::check_read(&caller.standing, "GetProject", &project)?;
        let deleted_after = match show_deleted {
            true => Some(deadline.read(|| Box::pin(store.now(deadline.0))).await? - RESTORABLE),
            false => None,
        };
        let reader = caller.reader();
        let selection = page.selection();
        let asked = IssueList { project: &project, deleted_after, reader: &reader, selection };
        let reading = || Box::pin(store.issues(&asked, page.known_head(), deadline.0));
        let listed = deadline.read(reading).await?;
        if listed.rows.is_empty() {
            // Asked last, because most pages are not empty, and each question takes its time.
            self.door.live_project(&caller, &project).await?;
        }
        let Filled { items: mut issues, next_page_token, cursor } =
            page.filled(listed, encode::issue);
        self.door.hide_above(&caller, &mut issues).await?;
        Ok(Response::new(proto::ListIssuesResponse { issues, next_page_token, cursor }))
    }

    async fn update_issue(
        &self,
        request: Request<proto::UpdateIssueRequest>,
    ) -> Reply<proto::UpdateIssueResponse> {
        written!(self.write(request: UpdateIssue) -> UpdateIssueResponse { issue })
    }

    async fn delete_issue(
        &self,
        request: Request<proto::DeleteIssueRequest>,
    ) -> Reply<proto::DeleteIssueResponse> {
        written!(self.write(request: DeleteIssue) -> DeleteIssueResponse { issue })
    }

    async fn undelete_issue(
        &self,
        request: Request<proto::UndeleteIssueRequest>,
    ) -> Reply<proto::UndeleteIssueResponse> {
        written!(self.write(request: UndeleteIssue) -> UndeleteIssueResponse { issue })
    }

    async fn transition_issue(
        &self,
        request: Request<proto::TransitionIssueRequest>,
    ) -> Reply<proto::TransitionIssueResponse> {
        written!(self.write(request: TransitionIssue) -> TransitionIssueResponse { issue })
    }

    async fn close_issue(
        &self,
        request: Request<proto::CloseIssueRequest>,
    ) -> Reply<proto::CloseIssueResponse> {
        written!(self.write(request: CloseIssue) -> CloseIssueResponse { issue })
    }

    async fn reopen_issue(
        &self,
        request: Request<proto::ReopenIssueRequest>,
    ) -> Reply<proto::ReopenIssueResponse> {
        written!(self.write(request: ReopenIssue) -> ReopenIssueResponse { issue })
    }

    async fn assign_issue(
        &self,
        request: Request<proto::AssignIssueRequest>,
    ) -> Reply<proto::AssignIssueResponse> {
        written!(self.write(request: AssignIssue) -> AssignIssueResponse { issue })
    }

    async fn activate_issue(
        &self,
        request: Request<proto::ActivateIssueRequest>,
    ) -> Reply<proto::ActivateIssueResponse> {
        written!(self.write(request: ActivateIssue) -> ActivateIssueResponse { issue })
    }

    async fn deactivate_issue(
        &self,
        request: Request<proto::DeactivateIssueRequest>,
    ) -> Reply<proto::DeactivateIssueResponse> {
        written!(self.write(request: DeactivateIssue) -> DeactivateIssueResponse { issue })
    }

    async fn create_issue_relation(
        &self,
        request: Request<proto::CreateIssueRelationRequest>,
    ) -> Reply<proto::CreateIssueRelationResponse> {
        written!(self.relate(request: CreateIssueRelation)
            -> CreateIssueRelationResponse { relation })
    }

    async fn delete_issue_relation(
        &self,
        request: Request<proto::DeleteIssueRelationRequest>,
    ) -> Reply<proto::DeleteIssueRelationResponse> {
        written!(self.relate(request: DeleteIssueRelation)
            -> DeleteIssueRelationResponse { relation })
    }

    async fn list_issue_relations(
        &self,
        request: Request<proto::ListIssueRelationsRequest>,
    ) -> Reply<proto::ListIssueRelationsResponse> {
        let caller = admit(&self.door.access, &request).await?;
        Ok(Response::new(self.list_relations(&caller, request.into_inner()).await?))
    }

    async fn get_agenda(
        &self,
        request: Request<proto::GetAgendaRequest>,
    ) -> Reply<proto::GetAgendaResponse> {
        let caller = admit(&self.door.access, &request).await?;
        Ok(Response::new(self.agenda(&caller, request.into_inner()).await?))
    }

    async fn create_comment(
        &self,
        request: Request<proto::CreateCommentRequest>,
    ) -> Reply<proto::CreateCommentResponse> {
        Ok(self.comment_created(request).await?)
    }

    async fn get_comment(
        &self,
        request: Request<proto::GetCommentRequest>,
    ) -> Reply<proto::GetCommentResponse> {
        Ok(self.comment_got(request).await?)
    }

    async fn list_comments(
        &self,
        request: Request<proto::ListCommentsRequest>,
    ) -> Reply<proto::ListCommentsResponse> {
        Ok(self.comments_listed(request).await?)
    }

    async fn update_comment(
        &self,
        request: Request<proto::UpdateCommentRequest>,
    ) -> Reply<proto::UpdateCommentResponse> {
        Ok(self.comment_updated(request).await?)
    }

    async fn delete_comment(
        &self,
        request: Request<proto::DeleteCommentRequest>,
    ) -> Reply<proto::DeleteCommentResponse> {
        Ok(self.comment_deleted(request).await?)
    }

    async fn create_reference(
        &self,
        request: Request<proto::CreateReferenceRequest>,
    ) -> Reply<proto::CreateReferenceResponse> {
        Ok(self.reference_created(request).await?)
    }

    async fn get_reference(
        &self,
        request: Request<proto::GetReferenceRequest>,
    ) -> Reply<proto::GetReferenceResponse> {
        Ok(self.reference_got(request).await?)
    }

    async fn list_references(
        &self,
        request: Request<proto::ListReferencesRequest>,
    ) -> Reply<proto::ListReferencesResponse> {
        Ok(self.references_listed(request).await?)
    }

    async fn update_reference(
        &self,
        request: Request<proto::UpdateReferenceRequest>,
    ) -> Reply<proto::UpdateReferenceResponse> {
        Ok(self.reference_updated(request).await?)
    }

    async fn delete_reference(
        &self,
        request: Request<proto::DeleteReferenceRequest>,
    ) -> Reply<proto::DeleteReferenceResponse> {
        Ok(self.reference_deleted(request).await?)
    }
}
