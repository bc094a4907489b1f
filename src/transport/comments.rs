//! Comments: the calls of `potts.v1.IssueService` that are about them.

use std::sync::Arc;

use tonic::{Request, Response};

use super::auth::{Admitted, Caller, admit};
use super::decode::etag;
use super::door::{Outcome, Written, expected, written};
use super::issue_service::Issues;
use super::mask::paths;
use super::page_token::List;
use super::paging::{Filled, Page};
use crate::domain::command::Verb;
use crate::domain::comment::{Comment, CreateComment, DeleteComment, UpdateComment};
use crate::domain::error::{Error, Result, not_found, required};
use crate::domain::name::{CommentName, CommentParent};
use crate::ledger::Answer;
use crate::proto::{self, well_known::to_timestamp};

fn encode(comment: &Comment) -> proto::Comment {
    let Comment { name, uid, version, created_at, updated_at, creator, text, edited_at } = comment;
    proto::Comment {
        name: name.to_string(),
        uid: uid.to_string(),
        etag: crate::domain::etag::of(*version),
        create_time: Some(to_timestamp(*created_at)),
        update_time: Some(to_timestamp(*updated_at)),
        creator: creator.to_string(),
        text: text.clone(),
        edit_time: edited_at.map(to_timestamp),
    }
}

/// A comment that was decided and not written: without what the server would have given it.
fn encode_to_be(comment: &Comment) -> proto::Comment {
    proto::Comment {
        name: String::new(),
        uid: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        ..encode(comment)
    }
}

impl TryFrom<proto::CreateCommentRequest> for CreateComment {
    type Error = Error;

    fn try_from(request: proto::CreateCommentRequest) -> Result<CreateComment> {
        let proto::CreateCommentRequest { parent, comment, request_id: _, validate_only: _ } =
            request;
        let parent = CommentParent::parse("parent", &parent)?;
        let comment = comment.ok_or_else(|| required("comment"))?;
        Ok(CreateComment { parent, text: comment.text })
    }
}

impl TryFrom<proto::UpdateCommentRequest> for UpdateComment {
    type Error = Error;

    fn try_from(request: proto::UpdateCommentRequest) -> Result<UpdateComment> {
        let proto::UpdateCommentRequest { comment, update_mask, request_id: _, validate_only: _ } =
            request;
        let comment = comment.ok_or_else(|| required("comment"))?;
        let name = CommentName::parse("comment.name", &comment.name)?;
        let set = ["name", "uid", "etag", "create_time", "update_time", "creator", "edit_time"];
        let meant = paths(update_mask, &["text"], &set, |_| !comment.text.is_empty())?;
        let text = meant.contains("text").then_some(comment.text);
        Ok(UpdateComment { name, etag: etag(comment.etag), text })
    }
}

impl TryFrom<proto::DeleteCommentRequest> for DeleteComment {
    type Error = Error;

    fn try_from(request: proto::DeleteCommentRequest) -> Result<DeleteComment> {
        let proto::DeleteCommentRequest { name, etag, request_id: _, validate_only: _ } = request;
        let name = CommentName::parse("name", &name)?;
        Ok(DeleteComment { name, etag: super::decode::etag(etag) })
    }
}

impl Issues {
    async fn write_comment(
        &self,
        admitted: &Admitted,
        verb: impl Into<Verb>,
    ) -> Result<Outcome<proto::Comment>> {
        let verb = verb.into();
        let creates = matches!(verb, Verb::CreateComment(_));
        let deletes = matches!(verb, Verb::DeleteComment(_));
        let Written { answer, changed, cursor } = self.door.write(admitted, verb).await?;
        let (comment, replayed) = match answer {
            Answer::Resource(resource) => {
                let comment: Arc<Comment> = expected("a comment", resource)?;
                match creates && admitted.validate_only {
                    true => (encode_to_be(&comment), false),
                    false => (encode(&comment), false),
                }
            }
            Answer::Replayed(name) if deletes => {
                (proto::Comment { name, ..Default::default() }, true)
            }
            Answer::Replayed(name) => {
                let name = CommentName::parse("name", &name)
                    .map_err(|error| Error::Internal(error.into()))?;
                self.door.visible_issue(&admitted.caller, name.parent.issue()).await?;
                (encode(&self.stored_comment(&admitted.caller, &name).await?), true)
            }
        };
        Ok(Outcome { resource: Some(comment), changed, cursor, replayed })
    }

    async fn stored_comment(&self, caller: &Caller, name: &CommentName) -> Result<Comment> {
        let deadline = caller.deadline;
        let found = deadline.read(|| Box::pin(self.door.store.comment(name, deadline.0))).await?;
        found.ok_or_else(|| not_found(name))
    }

    pub(super) async fn comment_created(
        &self,
        request: Request<proto::CreateCommentRequest>,
    ) -> Result<Response<proto::CreateCommentResponse>> {
        written!(self.write_comment(request: CreateComment) -> CreateCommentResponse { comment })
    }

    pub(super) async fn comment_got(
        &self,
        request: Request<proto::GetCommentRequest>,
    ) -> Result<Response<proto::GetCommentResponse>> {
        let caller = admit(&self.door.access, &request).await?;
        let name = CommentName::parse("name", &request.into_inner().name)?;
        self.live(&caller, name.parent.issue()).await?;
        let comment = Some(encode(&self.stored_comment(&caller, &name).await?));
        Ok(Response::new(proto::GetCommentResponse { comment }))
    }

    pub(super) async fn comments_listed(
        &self,
        request: Request<proto::ListCommentsRequest>,
    ) -> Result<Response<proto::ListCommentsResponse>> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ListCommentsRequest { parent, page_size, page_token } = request.into_inner();
        let parent = CommentParent::parse("parent", &parent)?;
        let list = List::of("ListComments", caller.name.as_str()).with(parent.to_string());
        let page = Page::asked(&self.door, list, page_size, &page_token)?;
        self.live(&caller, parent.issue()).await?;
        let (deadline, after) = (caller.deadline, page.after.unwrap_or(0));
        let store = &self.door.store;
        let reading =
            || Box::pin(store.comments(&parent, after, page.limit, page.known_head, deadline.0));
        let listed = deadline.read(reading).await?;
        let Filled { items: comments, next_page_token, cursor } =
            page.filled(listed, |row| row.name.number, |row| encode(&row));
        Ok(Response::new(proto::ListCommentsResponse { comments, next_page_token, cursor }))
    }

    pub(super) async fn comment_updated(
        &self,
        request: Request<proto::UpdateCommentRequest>,
    ) -> Result<Response<proto::UpdateCommentResponse>> {
        written!(self.write_comment(request: UpdateComment) -> UpdateCommentResponse { comment })
    }

    pub(super) async fn comment_deleted(
        &self,
        request: Request<proto::DeleteCommentRequest>,
    ) -> Result<Response<proto::DeleteCommentResponse>> {
        written!(self.write_comment(request: DeleteComment) -> DeleteCommentResponse { comment })
    }
}
