//! Every call that names an issue, and what it is told.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use potts::proto::issue_service_client::IssueServiceClient;
use potts::proto::{
    ActivateIssueRequest, AssignIssueRequest, CloseIssueRequest, Comment, CreateCommentRequest,
    CreateIssueRelationRequest, CreateIssueRequest, CreateReferenceRequest, DeactivateIssueRequest,
    DeleteCommentRequest, DeleteIssueRelationRequest, DeleteIssueRequest, DeleteReferenceRequest,
    GetCommentRequest, GetIssueRequest, GetReferenceRequest, Issue, IssueRelation,
    ListCommentsRequest, ListIssueRelationsRequest, ListReferencesRequest, Reference, RelationKind,
    ReopenIssueRequest, TransitionIssueRequest, UndeleteIssueRequest, UpdateCommentRequest,
    UpdateIssueRequest, UpdateReferenceRequest, reference, transition_issue_request,
};
use tonic::{Code, Response, Status};
use tonic_types::StatusExt as _;

use crate::support::app::Door;

/// Code, message, details.
pub type Told = (Code, String, String);

/// What a refused caller is told, but for the name. Metadata have no order.
pub fn but_for<T: Debug>(name: &str, answer: Result<Response<T>, Status>) -> Told {
    let status = answer.expect_err("a refusal");
    let mut details = status.get_error_details();
    let info = details.error_info().cloned().expect("a reason");
    let metadata: BTreeMap<_, _> = info.metadata.into_iter().collect();
    details.set_error_info(info.reason, info.domain, HashMap::<String, String>::new());
    let details = format!("{metadata:?} {details:?}").replace(name, "NAME");
    (status.code(), status.message().replace(name, "NAME"), details)
}

/// What every call that names an issue is told, by the name of the call.
pub async fn told_of(door: &Door, name: &str) -> Vec<(&'static str, Told)> {
    let mut issues = IssueServiceClient::new(door.clone());
    let name_of = || name.to_owned();
    let edited = Some(Issue { name: name_of(), title: "x".into(), ..Default::default() });
    let update = UpdateIssueRequest { issue: edited, ..Default::default() };
    let to = Some(transition_issue_request::Move::To("in_progress".into()));
    let transition = TransitionIssueRequest { name: name_of(), r#move: to, ..Default::default() };
    let close = CloseIssueRequest { name: name_of(), ..Default::default() };
    let wrong = CloseIssueRequest { etag: "W/\"7\"".into(), ..close.clone() };
    let delete = DeleteIssueRequest { name: name_of(), ..Default::default() };
    let undelete = UndeleteIssueRequest { name: name_of(), ..Default::default() };
    let reopen = ReopenIssueRequest { name: name_of(), ..Default::default() };
    let dry = ReopenIssueRequest { validate_only: true, ..reopen.clone() };
    let assign = AssignIssueRequest {
        name: name_of(),
        add: vec!["actors/root".into()],
        ..Default::default()
    };
    let activate = ActivateIssueRequest { name: name_of(), ..Default::default() };
    let deactivate = DeactivateIssueRequest { name: name_of(), ..Default::default() };
    let mut told = vec![
        ("get", but_for(name, issues.get_issue(GetIssueRequest { name: name_of() }).await)),
        ("update", but_for(name, issues.update_issue(update).await)),
        ("transition", but_for(name, issues.transition_issue(transition).await)),
        ("close", but_for(name, issues.close_issue(close).await)),
        ("close with a wrong etag", but_for(name, issues.close_issue(wrong).await)),
        ("delete", but_for(name, issues.delete_issue(delete).await)),
        ("undelete", but_for(name, issues.undelete_issue(undelete).await)),
        ("reopen", but_for(name, issues.reopen_issue(reopen).await)),
        ("reopen, dry", but_for(name, issues.reopen_issue(dry).await)),
        ("assign", but_for(name, issues.assign_issue(assign).await)),
        ("activate", but_for(name, issues.activate_issue(activate).await)),
        ("deactivate", but_for(name, issues.deactivate_issue(deactivate).await)),
    ];
    told.extend(told_of_what_belongs_to(door, name).await);
    told
}

/// What every call is told that names a comment, a reference or a relation of an issue.
async fn told_of_what_belongs_to(door: &Door, name: &str) -> Vec<(&'static str, Told)> {
    let mut issues = IssueServiceClient::new(door.clone());
    let parent = || name.to_owned();
    let comment = || format!("{name}/comments/1");
    let reference = || format!("{name}/references/1");
    let text = Comment { name: comment(), text: "x".into(), ..Default::default() };
    let add = CreateCommentRequest {
        parent: parent(),
        comment: Some(text.clone()),
        ..Default::default()
    };
    let edit = UpdateCommentRequest { comment: Some(text), ..Default::default() };
    let remove = DeleteCommentRequest { name: comment(), ..Default::default() };
    let list = ListCommentsRequest { parent: parent(), ..Default::default() };
    let uri = Some(reference::Target::Uri("https://example.org".into()));
    let link = Reference { name: reference(), target: uri, ..Default::default() };
    let refer = CreateReferenceRequest {
        parent: parent(),
        reference: Some(link.clone()),
        ..Default::default()
    };
    let change = UpdateReferenceRequest { reference: Some(link), ..Default::default() };
    let drop = DeleteReferenceRequest { name: reference(), ..Default::default() };
    let listed = ListReferencesRequest { parent: parent(), ..Default::default() };
    let target = "projects/abc/issues/2".to_owned();
    let relation =
        IssueRelation { target, kind: RelationKind::Blocks.into(), ..Default::default() };
    let relate = CreateIssueRelationRequest {
        parent: parent(),
        relation: Some(relation),
        ..Default::default()
    };
    let part =
        DeleteIssueRelationRequest { name: format!("{name}/relations/1"), ..Default::default() };
    let related = ListIssueRelationsRequest { parent: parent(), ..Default::default() };
    let get_comment = GetCommentRequest { name: comment() };
    let get_reference = GetReferenceRequest { name: reference() };
    vec![
        ("add a comment", but_for(name, issues.create_comment(add).await)),
        ("get a comment", but_for(name, issues.get_comment(get_comment).await)),
        ("edit a comment", but_for(name, issues.update_comment(edit).await)),
        ("delete a comment", but_for(name, issues.delete_comment(remove).await)),
        ("list comments", but_for(name, issues.list_comments(list).await)),
        ("add a reference", but_for(name, issues.create_reference(refer).await)),
        ("get a reference", but_for(name, issues.get_reference(get_reference).await)),
        ("edit a reference", but_for(name, issues.update_reference(change).await)),
        ("delete a reference", but_for(name, issues.delete_reference(drop).await)),
        ("list references", but_for(name, issues.list_references(listed).await)),
        ("relate", but_for(name, issues.create_issue_relation(relate).await)),
        ("part", but_for(name, issues.delete_issue_relation(part).await)),
        ("list relations", but_for(name, issues.list_issue_relations(related).await)),
    ]
}

/// What calls are told that name an issue beside another one: as its parent, as a far end.
pub async fn told_of_far_end(door: &Door, name: &str) -> Vec<(&'static str, Told)> {
    let mut issues = IssueServiceClient::new(door.clone());
    let below = Issue { title: "x".into(), parent: name.into(), ..Default::default() };
    let create = CreateIssueRequest {
        parent: "projects/abc".into(),
        issue: Some(below),
        ..Default::default()
    };
    let relation = IssueRelation {
        target: name.into(),
        kind: RelationKind::Blocks.into(),
        ..Default::default()
    };
    let relate = CreateIssueRelationRequest {
        parent: "projects/abc/issues/2".into(),
        relation: Some(relation),
        ..Default::default()
    };
    vec![
        ("create below", but_for(name, issues.create_issue(create).await)),
        ("relate to", but_for(name, issues.create_issue_relation(relate).await)),
    ]
}
