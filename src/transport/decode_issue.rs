//! Requests about issues to commands: how they begin and move, who works on them, how they stand to
//! each other.

use std::collections::BTreeSet;

use super::decode::etag;
use super::mask;
use crate::domain::error::{Error, Result, invalid, required, too_large};
use crate::domain::issue::{
    ActivateIssue, AssignIssue, CloseIssue, CreateIssue, DeactivateIssue, DeleteIssue, Move,
    ReopenIssue, Start, TransitionIssue, UndeleteIssue, UpdateIssue, check_resolution,
};
use crate::domain::name::{
    ActorName, ConfigurationKind, ConfigurationName, Id, IssueName, Principal, ProjectId,
    RelationName,
};
use crate::domain::relation::{CreateIssueRelation, DeleteIssueRelation, Link, RelationKind};
use crate::domain::value::check_text;
use crate::proto::{self, well_known};

/// What is said with a move is a remark; more is a comment.
const MESSAGE_BYTES_MAX: usize = 4 * 1024;
/// Longer lists are refused before anybody is looked up.
const PEOPLE_MAX: usize = 64;

fn message(sent: String) -> Result<String> {
    check_text("message", &sent, MESSAGE_BYTES_MAX)?;
    Ok(sent)
}

/// How an issue of a project begins.
fn start(project: &ProjectId, issue: &proto::Issue) -> Result<Start> {
    let owner = issue.owner.as_str();
    let owner = (!owner.is_empty()).then(|| ActorName::parse("issue.owner", owner)).transpose()?;
    Ok(Start {
        issue_type: issue_type("issue.issue_type", project, &issue.issue_type)?,
        inactive: issue.active == Some(false),
        owner,
        assignees: people("issue.assignees", &issue.assignees)?,
    })
}

/// The id of a type, said by itself or as its name in the project.
fn issue_type(field: &str, project: &ProjectId, sent: &str) -> Result<Option<Id>> {
    if sent.is_empty() {
        return Ok(None);
    }
    if !sent.contains('/') {
        return Id::parse(field, sent).map(Some);
    }
    let name = ConfigurationName::parse(field, ConfigurationKind::IssueType, sent)?;
    if name.project != *project {
        return Err(invalid(field, format!("must be a type of {project}")));
    }
    Ok(Some(name.id))
}

fn people(field: &str, sent: &[String]) -> Result<BTreeSet<Principal>> {
    if sent.len() > PEOPLE_MAX {
        return Err(too_large(field, format_args!("{PEOPLE_MAX} names")));
    }
    let one = |(n, name): (usize, &String)| Principal::parse(&format!("{field}[{n}]"), name);
    sent.iter().enumerate().map(one).collect()
}

impl TryFrom<proto::CreateIssueRequest> for CreateIssue {
    type Error = Error;

    fn try_from(request: proto::CreateIssueRequest) -> Result<CreateIssue> {
        let proto::CreateIssueRequest { parent, issue, request_id: _, validate_only: _ } = request;
        let project = ProjectId::parse_name("parent", &parent)?;
        let issue = issue.ok_or_else(|| required("issue"))?;
        let start = start(&project, &issue)?;
        Ok(CreateIssue { project, start, edits: mask::edits(issue, None)? })
    }
}

impl TryFrom<proto::UpdateIssueRequest> for UpdateIssue {
    type Error = Error;

    fn try_from(request: proto::UpdateIssueRequest) -> Result<UpdateIssue> {
        let proto::UpdateIssueRequest { issue, update_mask, request_id: _, validate_only: _ } =
            request;
        let issue = issue.ok_or_else(|| required("issue"))?;
        let name = IssueName::parse("issue.name", &issue.name)?;
        let etag = etag(issue.etag.clone());
        Ok(UpdateIssue { name, etag, edits: mask::edits(issue, update_mask)? })
    }
}

impl TryFrom<proto::DeleteIssueRequest> for DeleteIssue {
    type Error = Error;

    fn try_from(request: proto::DeleteIssueRequest) -> Result<DeleteIssue> {
        let proto::DeleteIssueRequest { name, etag, request_id: _, validate_only: _ } = request;
        Ok(DeleteIssue { name: IssueName::parse("name", &name)?, etag: self::etag(etag) })
    }
}

impl TryFrom<proto::UndeleteIssueRequest> for UndeleteIssue {
    type Error = Error;

    fn try_from(request: proto::UndeleteIssueRequest) -> Result<UndeleteIssue> {
        let proto::UndeleteIssueRequest { name, etag, request_id: _, validate_only: _ } = request;
        Ok(UndeleteIssue { name: IssueName::parse("name", &name)?, etag: self::etag(etag) })
    }
}

impl TryFrom<proto::TransitionIssueRequest> for TransitionIssue {
    type Error = Error;

    fn try_from(request: proto::TransitionIssueRequest) -> Result<TransitionIssue> {
        use proto::transition_issue_request::Move as Sent;
        let proto::TransitionIssueRequest {
            name,
            r#move,
            parameters,
            message,
            etag,
            request_id: _,
            validate_only: _,
        } = request;
        let name = IssueName::parse("name", &name)?;
        let to = match r#move {
            Some(Sent::Transition(id)) if !id.is_empty() => Move::Along(id),
            Some(Sent::To(id)) if !id.is_empty() => Move::To(id),
            Some(Sent::To(_)) => return Err(required("to")),
            Some(Sent::Transition(_)) | None => return Err(required("transition")),
        };
        let parameters = well_known::fields("parameters", parameters.unwrap_or_default())?;
        let message = self::message(message)?;
        Ok(TransitionIssue { name, to, parameters, message, etag: self::etag(etag) })
    }
}

impl TryFrom<proto::CloseIssueRequest> for CloseIssue {
    type Error = Error;

    fn try_from(request: proto::CloseIssueRequest) -> Result<CloseIssue> {
        let proto::CloseIssueRequest {
            name,
            resolution,
            message,
            etag,
            request_id: _,
            validate_only: _,
            duplicate_of,
        } = request;
        let name = IssueName::parse("name", &name)?;
        check_resolution("resolution", &resolution)?;
        let duplicate_of = (!duplicate_of.is_empty())
            .then(|| IssueName::parse("duplicate_of", &duplicate_of))
            .transpose()?;
        Ok(CloseIssue {
            name,
            resolution,
            duplicate_of,
            message: self::message(message)?,
            etag: self::etag(etag),
        })
    }
}

impl TryFrom<proto::ReopenIssueRequest> for ReopenIssue {
    type Error = Error;

    fn try_from(request: proto::ReopenIssueRequest) -> Result<ReopenIssue> {
        let proto::ReopenIssueRequest { name, message, etag, request_id: _, validate_only: _ } =
            request;
        let name = IssueName::parse("name", &name)?;
        Ok(ReopenIssue { name, message: self::message(message)?, etag: self::etag(etag) })
    }
}

impl TryFrom<proto::AssignIssueRequest> for AssignIssue {
    type Error = Error;

    fn try_from(request: proto::AssignIssueRequest) -> Result<AssignIssue> {
        let proto::AssignIssueRequest {
            name,
            add,
            remove,
            owner,
            etag,
            request_id: _,
            validate_only: _,
        } = request;
        let name = IssueName::parse("name", &name)?;
        let (add, remove) = (people("add", &add)?, people("remove", &remove)?);
        if let Some(both) = add.intersection(&remove).next() {
            return Err(invalid("remove", format!("{both} is in add as well")));
        }
        let owner = (!owner.is_empty()).then(|| ActorName::parse("owner", &owner)).transpose()?;
        Ok(AssignIssue { name, add, remove, owner, etag: self::etag(etag) })
    }
}

impl TryFrom<proto::ActivateIssueRequest> for ActivateIssue {
    type Error = Error;

    fn try_from(request: proto::ActivateIssueRequest) -> Result<ActivateIssue> {
        let proto::ActivateIssueRequest { name, etag, request_id: _, validate_only: _ } = request;
        Ok(ActivateIssue { name: IssueName::parse("name", &name)?, etag: self::etag(etag) })
    }
}

impl TryFrom<proto::DeactivateIssueRequest> for DeactivateIssue {
    type Error = Error;

    fn try_from(request: proto::DeactivateIssueRequest) -> Result<DeactivateIssue> {
        let proto::DeactivateIssueRequest { name, etag, request_id: _, validate_only: _ } = request;
        Ok(DeactivateIssue { name: IssueName::parse("name", &name)?, etag: self::etag(etag) })
    }
}

impl TryFrom<proto::CreateIssueRelationRequest> for CreateIssueRelation {
    type Error = Error;

    fn try_from(request: proto::CreateIssueRelationRequest) -> Result<CreateIssueRelation> {
        use proto::CreateIssueRelationRequest as Sent;
        let Sent { parent, relation, request_id: _, validate_only: _ } = request;
        let from = IssueName::parse("parent", &parent)?;
        let proto::IssueRelation {
            name: _,
            uid: _,
            create_time: _,
            creator: _,
            issue: _,
            target,
            kind,
        } = relation.ok_or_else(|| required("relation"))?;
        let to = IssueName::parse("relation.target", &target)?;
        let kind = relation_kind("relation.kind", kind)?;
        Ok(CreateIssueRelation { link: Link { from, to, kind } })
    }
}

fn relation_kind(field: &str, sent: i32) -> Result<RelationKind> {
    match proto::RelationKind::try_from(sent) {
        Ok(proto::RelationKind::Unspecified) => Err(required(field)),
        Ok(proto::RelationKind::Blocks) => Ok(RelationKind::Blocks),
        Ok(proto::RelationKind::Duplicates) => Ok(RelationKind::Duplicates),
        Ok(proto::RelationKind::RelatesTo) => Ok(RelationKind::RelatesTo),
        Ok(proto::RelationKind::Causes) => Ok(RelationKind::Causes),
        Err(_) => Err(invalid(field, format!("{sent} is no kind"))),
    }
}

impl TryFrom<proto::DeleteIssueRelationRequest> for DeleteIssueRelation {
    type Error = Error;

    fn try_from(request: proto::DeleteIssueRelationRequest) -> Result<DeleteIssueRelation> {
        let proto::DeleteIssueRelationRequest { name, request_id: _, validate_only: _ } = request;
        Ok(DeleteIssueRelation { name: RelationName::parse("name", &name)? })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;
    use crate::domain::error::Reason;
    use crate::transport::decode::tests::refused;

    fn abc() -> ProjectId {
        ProjectId::parse("p", "abc").unwrap()
    }

    #[test]
    fn a_type_is_said_by_id_or_by_name() {
        let read = |sent: &str| issue_type("t", &abc(), sent).map(|id| id.map(|id| id.to_string()));

        assert_eq!(read("").unwrap(), None);
        assert_eq!(read("bug").unwrap().as_deref(), Some("bug"));
        assert_eq!(read("projects/abc/issueTypes/bug").unwrap().as_deref(), Some("bug"));
        for wrong in ["projects/xyz/issueTypes/bug", "projects/abc/workflows/bug", "Bug", "a/b"] {
            assert_eq!(read(wrong).unwrap_err().reason(), Reason::FieldInvalid, "{wrong}");
        }
    }

    #[test]
    fn an_issue_begins_active_unless_it_is_said() {
        let start = |active| {
            let issue = proto::Issue { active, ..Default::default() };
            start(&abc(), &issue).unwrap().inactive
        };

        assert_eq!([None, Some(true), Some(false)].map(start), [false, false, true]);
    }

    #[test]
    fn nobody_comes_and_goes_at_once() {
        let request = |add: &[&str], remove: &[&str]| {
            let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
            let (add, remove) = (names(add), names(remove));
            let request = proto::AssignIssueRequest {
                name: "ABC-1".into(),
                add,
                remove,
                ..Default::default()
            };
            AssignIssue::try_from(request)
        };

        let twice = request(&["actors/ann", "actors/ann"], &["groups/qa"]).unwrap();
        assert_eq!((twice.add.len(), twice.remove.len()), (1, 1));
        let both = request(&["actors/ann"], &["actors/ann"]).unwrap_err();
        assert_eq!(both.reason(), Reason::FieldInvalid);
        let long = request(&["actors/ann"; 65], &[]).unwrap_err();
        assert_eq!(long.reason(), Reason::FieldTooLarge);
    }

    #[test]
    fn kinds_are_those_of_the_contract() {
        for &kind in RelationKind::ALL {
            let name = format!("RELATION_KIND_{}", kind.as_str());
            let sent = proto::RelationKind::from_str_name(&name).unwrap();
            assert_eq!(relation_kind("k", sent.into()).unwrap(), kind);
        }
        assert_eq!(relation_kind("k", 0).unwrap_err().reason(), Reason::FieldRequired);
        assert_eq!(relation_kind("k", 99).unwrap_err().reason(), Reason::FieldInvalid);
    }

    fn transition(to: Option<proto::transition_issue_request::Move>) -> Result<TransitionIssue> {
        let request = proto::TransitionIssueRequest {
            name: "ABC-1".into(),
            r#move: to,
            message: "m".repeat(4096),
            ..Default::default()
        };
        request.try_into()
    }

    #[test]
    fn a_move_must_be_said() {
        use proto::transition_issue_request::Move as Sent;

        assert_eq!(transition(Some(Sent::To("a".into()))).unwrap().to, Move::To("a".into()));
        let along = transition(Some(Sent::Transition("a".into()))).unwrap().to;
        assert_eq!(along, Move::Along("a".into()));
        refused(transition(None), Reason::FieldRequired, "transition");
        let empty = transition(Some(Sent::To(String::new())));
        refused(empty, Reason::FieldRequired, "to");
    }

    #[test]
    fn remarks_and_resolutions_are_bounded() {
        let close = |change: fn(&mut proto::CloseIssueRequest)| {
            let mut request =
                proto::CloseIssueRequest { name: "ABC-1".into(), ..Default::default() };
            change(&mut request);
            CloseIssue::try_from(request)
        };

        assert!(close(|r| r.message = "m".repeat(4096)).is_ok());
        refused(close(|r| r.message = "m".repeat(4097)), Reason::FieldTooLarge, "message");
        refused(close(|r| r.message = "\0".into()), Reason::FieldInvalid, "message");
        refused(close(|r| r.resolution = "X".into()), Reason::FieldInvalid, "resolution");
        refused(close(|r| r.name.clear()), Reason::FieldRequired, "name");
    }

    #[test]
    fn what_must_be_there_is_named() {
        let create =
            proto::CreateIssueRequest { parent: "projects/a".into(), ..Default::default() };
        refused(CreateIssue::try_from(create), Reason::FieldRequired, "issue");
        refused(
            UpdateIssue::try_from(proto::UpdateIssueRequest::default()),
            Reason::FieldRequired,
            "issue",
        );
        let update = proto::UpdateIssueRequest {
            issue: Some(proto::Issue::default()),
            ..Default::default()
        };
        refused(UpdateIssue::try_from(update), Reason::FieldRequired, "issue.name");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            if let Ok(sent) = proto::CreateIssueRequest::decode(&*bytes) {
                let _ = CreateIssue::try_from(sent);
            }
            if let Ok(sent) = proto::UpdateIssueRequest::decode(&*bytes) {
                let _ = UpdateIssue::try_from(sent);
            }
            if let Ok(sent) = proto::TransitionIssueRequest::decode(&*bytes) {
                let _ = TransitionIssue::try_from(sent);
            }
        }
    }
}
