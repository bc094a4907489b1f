//! `potts.v1.IssueService`.

use prost::Message as _;
use tonic::{Request, Response};

use super::auth::{Admitted, Caller, admit, admit_write};
use super::decode::page_size;
use super::door::{Door, Reply, Written, end_cursor, fit, respond, unexpected};
use super::encode;
use super::page_token::{List, number_key, number_of};
use crate::domain::command::{Resource, Verb};
use crate::domain::error::{Error, Reason, Result, not_found};
use crate::domain::issue::{
    CloseIssue, CreateIssue, DeleteIssue, Issue, RESTORABLE, ReopenIssue, TransitionIssue,
    UndeleteIssue, UpdateIssue,
};
use crate::domain::name::{IssueName, ProjectId};
use crate::ledger::Answer;
use crate::proto::{self, issue_service_server::IssueService};
use crate::store::Listed;

/// Keeps issues.
#[derive(Debug)]
pub(super) struct Issues {
    pub door: Door,
}

/// What every write of an issue answers.
struct Outcome {
    issue: Option<proto::Issue>,
    changed: bool,
    cursor: String,
    replayed: bool,
}

impl Issues {
    async fn write(&self, admitted: &Admitted, verb: impl Into<Verb>) -> Result<Outcome> {
        let verb = verb.into();
        let creates = matches!(verb, Verb::CreateIssue(_));
        let Written { answer, changed, cursor } = self.door.write(admitted, verb).await?;
        let (issue, replayed) = match answer {
            Answer::Resource(resource) => {
                let Resource::Issue(issue) = &resource else {
                    return Err(unexpected("an issue", &resource));
                };
                match creates {
                    true if admitted.validate_only => (encode::issue_to_be(issue), false),
                    true | false => (encode::issue(issue), false),
                }
            }
            Answer::Replayed(name) => {
                let name = IssueName::parse("name", &name)
                    .map_err(|error| Error::Internal(error.into()))?;
                (encode::issue(&self.door.visible_issue(&admitted.caller, &name).await?), true)
            }
        };
        Ok(Outcome { issue: Some(issue), changed, cursor, replayed })
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
            && expires_at <= deadline.read(Box::pin(self.door.store.now(deadline.0))).await?
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
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = CreateIssue::try_from(message)?;
        let Outcome { issue, changed, cursor, replayed } = self.write(&admitted, verb).await?;
        Ok(respond(proto::CreateIssueResponse { issue, changed, cursor }, replayed))
    }

    async fn get_issue(
        &self,
        request: Request<proto::GetIssueRequest>,
    ) -> Reply<proto::GetIssueResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::GetIssueRequest { name } = request.into_inner();
        let name = IssueName::parse("name", &name)?;
        let issue = Some(encode::issue(&self.known(&caller, &name).await?));
        Ok(Response::new(proto::GetIssueResponse { issue }))
    }

    async fn list_issues(
        &self,
        request: Request<proto::ListIssuesRequest>,
    ) -> Reply<proto::ListIssuesResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ListIssuesRequest { parent, page_size: size, page_token, show_deleted } =
            request.into_inner();
        let project = ProjectId::parse_name("parent", &parent)?;
        let size = page_size(size)?;
        let list = List::of("ListIssues", caller.name.as_str()).with(project.as_str());
        let list = list.with([u8::from(show_deleted)]);
        let after = list.key(&page_token)?.map(|key| number_of(&key)).transpose()?;

        let (store, deadline) = (&self.door.store, caller.deadline);
        self.door.live_project(&caller, &project).await?;
        let deleted_after = match show_deleted {
            true => Some(deadline.read(Box::pin(store.now(deadline.0))).await? - RESTORABLE),
            false => None,
        };
        let known_head = after.is_none().then(|| self.door.hub.head().seq);
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let after = after.unwrap_or(0);
        let reading = store.issues(&project, after, deleted_after, limit, known_head, deadline.0);
        let Listed { rows, log } = deadline.read(Box::pin(reading)).await?;

        let rows = rows.iter().map(|row| (row.name.number, encode::issue(row))).collect();
        let (rows, more) = fit(rows, size, |(_, issue)| issue.encoded_len());
        let last = rows.last().map(|(number, _)| *number).filter(|_| more);
        let next_page_token =
            last.map(|number| list.token(&number_key(number))).unwrap_or_default();
        let issues = rows.into_iter().map(|(_, issue)| issue).collect();
        let cursor = log.map(end_cursor).unwrap_or_default();
        Ok(Response::new(proto::ListIssuesResponse { issues, next_page_token, cursor }))
    }

    async fn update_issue(
        &self,
        request: Request<proto::UpdateIssueRequest>,
    ) -> Reply<proto::UpdateIssueResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = UpdateIssue::try_from(message)?;
        let Outcome { issue, changed, cursor, replayed } = self.write(&admitted, verb).await?;
        Ok(respond(proto::UpdateIssueResponse { issue, changed, cursor }, replayed))
    }

    async fn delete_issue(
        &self,
        request: Request<proto::DeleteIssueRequest>,
    ) -> Reply<proto::DeleteIssueResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = DeleteIssue::try_from(message)?;
        let Outcome { issue, changed, cursor, replayed } = self.write(&admitted, verb).await?;
        Ok(respond(proto::DeleteIssueResponse { issue, changed, cursor }, replayed))
    }

    async fn undelete_issue(
        &self,
        request: Request<proto::UndeleteIssueRequest>,
    ) -> Reply<proto::UndeleteIssueResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = UndeleteIssue::try_from(message)?;
        let Outcome { issue, changed, cursor, replayed } = self.write(&admitted, verb).await?;
        Ok(respond(proto::UndeleteIssueResponse { issue, changed, cursor }, replayed))
    }

    async fn transition_issue(
        &self,
        request: Request<proto::TransitionIssueRequest>,
    ) -> Reply<proto::TransitionIssueResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = TransitionIssue::try_from(message)?;
        let Outcome { issue, changed, cursor, replayed } = self.write(&admitted, verb).await?;
        Ok(respond(proto::TransitionIssueResponse { issue, changed, cursor }, replayed))
    }

    async fn close_issue(
        &self,
        request: Request<proto::CloseIssueRequest>,
    ) -> Reply<proto::CloseIssueResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = CloseIssue::try_from(message)?;
        let Outcome { issue, changed, cursor, replayed } = self.write(&admitted, verb).await?;
        Ok(respond(proto::CloseIssueResponse { issue, changed, cursor }, replayed))
    }

    async fn reopen_issue(
        &self,
        request: Request<proto::ReopenIssueRequest>,
    ) -> Reply<proto::ReopenIssueResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = ReopenIssue::try_from(message)?;
        let Outcome { issue, changed, cursor, replayed } = self.write(&admitted, verb).await?;
        Ok(respond(proto::ReopenIssueResponse { issue, changed, cursor }, replayed))
    }
}
