//! What is said of issues by verbs of their own: how they begin, who works on them, how they stand
//! to each other.

use std::collections::BTreeSet;

use super::decode::etag;
use crate::domain::error::{Error, Result, invalid, required, too_large};
use crate::domain::issue::{ActivateIssue, AssignIssue, DeactivateIssue, Start};
use crate::domain::name::{
    ActorName, ConfigurationKind, ConfigurationName, Id, IssueName, Principal, ProjectId,
    RelationName,
};
use crate::domain::relation::{CreateIssueRelation, DeleteIssueRelation, Link, RelationKind};
use crate::proto;

/// Longer lists are refused before anybody is looked up.
const PEOPLE_MAX: usize = 64;

/// How an issue of a project begins.
pub(super) fn start(project: &ProjectId, issue: &proto::Issue) -> Result<Start> {
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
    use super::*;
    use crate::domain::error::Reason;

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
}
