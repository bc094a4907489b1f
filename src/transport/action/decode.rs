//! Requests about actions to commands and queries.

use std::collections::BTreeSet;
use std::time::Duration;

use super::mask;
use crate::domain::action::{
    ActionError, AddAction, AssignAction, CancelAction, ClaimAction, CompleteAction, Dependency,
    DependsOn, FailAction, HeartbeatAction, ReleaseAction, RepeatAction, Satisfy, SkipAction,
    StartAction, UpdateAction,
};
use crate::domain::error::{Error, Result, invalid, required, too_large};
use crate::domain::name::{ActionName, ActorName, Id, IssueName, ProjectId};
use crate::domain::value::{check_fields, check_text};
use crate::proto::{self, well_known};
use crate::store::ActionsOf;
use crate::transport::decode::etag;
use crate::transport::mask::time;

/// A reason is a remark; more is a comment.
const REASON_BYTES_MAX: usize = 4 * 1024;
/// More dependencies are a stage of their own.
const DEPENDENCIES_MAX: usize = 100;
/// Who asks for more types asks for all.
const ACTION_TYPES_MAX: usize = 32;
/// More claims at once would wait with whoever has claimed them.
const CLAIMS_MAX: i32 = 100;
/// A longer wait holds a call for a caller who may have gone.
const WAIT_MAX: Duration = Duration::from_secs(60);

fn reason(sent: String) -> Result<String> {
    check_text("reason", &sent, REASON_BYTES_MAX)?;
    Ok(sent)
}

/// The number that came with a claim.
fn fence(sent: i64) -> Result<i64> {
    match sent {
        0 => Err(required("fence")),
        1.. => Ok(sent),
        _ => Err(invalid("fence", "must be the number that came with the claim")),
    }
}

fn actor(field: &str, sent: &str) -> Result<Option<ActorName>> {
    if sent.is_empty() { Ok(None) } else { ActorName::parse(field, sent).map(Some) }
}

/// The id of a type; empty is not said.
fn action_type(field: &str, sent: String) -> Result<String> {
    if !sent.is_empty() {
        Id::parse(field, &sent)?;
    }
    Ok(sent)
}

fn dependency((n, sent): (usize, proto::Dependency)) -> Result<Dependency> {
    use proto::dependency::On;
    let at = |field: &str| format!("action.dependencies[{n}].{field}");
    let proto::Dependency { on, satisfy, state: _ } = sent;
    let on = match on.ok_or_else(|| required(at("on")))? {
        On::Action(name) => DependsOn::Action(ActionName::parse(&at("action"), &name)?),
        On::Issue(name) => DependsOn::Issue(IssueName::parse(&at("issue"), &name)?),
        On::NotBefore(sent) => DependsOn::Time(time(&at("not_before"), sent)?),
    };
    let said = satisfy != i32::from(proto::Satisfy::Unspecified);
    if said && !matches!(on, DependsOn::Action(_)) {
        return Err(invalid(at("satisfy"), "is said of actions alone"));
    }
    let unknown = || invalid(at("satisfy"), format!("{satisfy} is not known"));
    let satisfy = match proto::Satisfy::try_from(satisfy).map_err(|_| unknown())? {
        proto::Satisfy::Unspecified | proto::Satisfy::SuccessOrSkip => Satisfy::SuccessOrSkip,
        proto::Satisfy::Success => Satisfy::Success,
        proto::Satisfy::AnyEnd => Satisfy::AnyEnd,
        proto::Satisfy::Failure => Satisfy::Failure,
    };
    Ok(Dependency { on, satisfy })
}

impl TryFrom<proto::AddActionRequest> for AddAction {
    type Error = Error;

    fn try_from(request: proto::AddActionRequest) -> Result<AddAction> {
        let proto::AddActionRequest { parent, action, request_id: _, validate_only: _ } = request;
        let issue = IssueName::parse("parent", &parent)?;
        let mut action = action.ok_or_else(|| required("action"))?;
        let dependencies = std::mem::take(&mut action.dependencies);
        if dependencies.len() > DEPENDENCIES_MAX {
            let bound = format_args!("{DEPENDENCIES_MAX} dependencies");
            return Err(too_large("action.dependencies", bound));
        }
        Ok(AddAction {
            issue,
            edits: mask::edits(&action, None)?,
            dependencies: dependencies
                .into_iter()
                .enumerate()
                .map(dependency)
                .collect::<Result<_>>()?,
            action_type: action_type("action.action_type", action.action_type)?,
            assignee: actor("action.assignee", &action.assignee)?,
            unique_key: action.unique_key,
        })
    }
}

impl TryFrom<proto::UpdateActionRequest> for UpdateAction {
    type Error = Error;

    fn try_from(request: proto::UpdateActionRequest) -> Result<UpdateAction> {
        let proto::UpdateActionRequest { action, update_mask, request_id: _, validate_only: _ } =
            request;
        let action = action.ok_or_else(|| required("action"))?;
        let name = ActionName::parse("action.name", &action.name)?;
        let edits = mask::edits(&action, update_mask)?;
        Ok(UpdateAction { name, etag: etag(action.etag), edits })
    }
}

impl TryFrom<proto::AssignActionRequest> for AssignAction {
    type Error = Error;

    fn try_from(request: proto::AssignActionRequest) -> Result<AssignAction> {
        let proto::AssignActionRequest { name, assignee, etag, request_id: _, validate_only: _ } =
            request;
        let name = ActionName::parse("name", &name)?;
        let assignee = actor("assignee", &assignee)?;
        Ok(AssignAction { name, assignee, etag: self::etag(etag) })
    }
}

impl TryFrom<proto::ClaimActionRequest> for ClaimAction {
    type Error = Error;

    fn try_from(request: proto::ClaimActionRequest) -> Result<ClaimAction> {
        let proto::ClaimActionRequest { name, request_id: _, validate_only: _ } = request;
        Ok(ClaimAction { name: ActionName::parse("name", &name)? })
    }
}

/// What to claim, and what to do where there is nothing.
#[derive(Debug)]
pub struct Next {
    /// Of which project.
    pub project: ProjectId,
    /// The ids of the types; empty is all.
    pub action_types: BTreeSet<String>,
    /// At most so many.
    pub max: usize,
    /// How long to wait for it.
    pub wait: Duration,
    /// Whether the caller wants to be refused.
    pub refuse_empty: bool,
}

impl TryFrom<proto::ClaimNextActionsRequest> for Next {
    type Error = Error;

    fn try_from(request: proto::ClaimNextActionsRequest) -> Result<Next> {
        let proto::ClaimNextActionsRequest {
            parent,
            action_types,
            max,
            wait,
            refuse_empty,
            request_id: _,
            validate_only: _,
        } = request;
        let project = ProjectId::parse_name("parent", &parent)?;
        if action_types.len() > ACTION_TYPES_MAX {
            return Err(too_large("action_types", format_args!("{ACTION_TYPES_MAX} ids")));
        }
        for (n, id) in action_types.iter().enumerate() {
            Id::parse(&format!("action_types[{n}]"), id)?;
        }
        let max = match max {
            0 => Ok(1),
            1..=CLAIMS_MAX => usize::try_from(max).map_err(|_| claims()),
            _ => Err(claims()),
        };
        let wait = wait.map(|sent| well_known::span("wait", sent)).transpose()?.unwrap_or_default();
        if wait > WAIT_MAX {
            return Err(invalid("wait", format!("must be at most {} s", WAIT_MAX.as_secs())));
        }
        let action_types = action_types.into_iter().collect();
        Ok(Next { project, action_types, max: max?, wait, refuse_empty })
    }
}

fn claims() -> Error {
    invalid("max", format!("must be 1 to {CLAIMS_MAX}"))
}

impl TryFrom<proto::StartActionRequest> for StartAction {
    type Error = Error;

    fn try_from(request: proto::StartActionRequest) -> Result<StartAction> {
        let proto::StartActionRequest { name, fence, request_id: _, validate_only: _ } = request;
        let name = ActionName::parse("name", &name)?;
        Ok(StartAction { name, fence: self::fence(fence)? })
    }
}

impl TryFrom<proto::HeartbeatActionRequest> for HeartbeatAction {
    type Error = Error;

    fn try_from(request: proto::HeartbeatActionRequest) -> Result<HeartbeatAction> {
        let proto::HeartbeatActionRequest { name, fence, progress, note } = request;
        let name = ActionName::parse("name", &name)?;
        let fence = self::fence(fence)?;
        let percent = |sent: i32| match i16::try_from(sent) {
            Ok(percent @ 0..=100) => Ok(percent),
            Ok(_) | Err(_) => Err(invalid("progress", "must be 0 to 100")),
        };
        Ok(HeartbeatAction { name, fence, progress: progress.map(percent).transpose()?, note })
    }
}

impl TryFrom<proto::CompleteActionRequest> for CompleteAction {
    type Error = Error;

    fn try_from(request: proto::CompleteActionRequest) -> Result<CompleteAction> {
        let proto::CompleteActionRequest { name, fence, result, request_id: _, validate_only: _ } =
            request;
        let name = ActionName::parse("name", &name)?;
        let fence = self::fence(fence)?;
        let result = result.map(|sent| well_known::fields("result", sent)).transpose()?;
        if let Some(result) = &result {
            check_fields("result", result)?;
        }
        Ok(CompleteAction { name, fence, result })
    }
}

impl TryFrom<proto::FailActionRequest> for FailAction {
    type Error = Error;

    fn try_from(request: proto::FailActionRequest) -> Result<FailAction> {
        let proto::FailActionRequest { name, fence, error, fatal, .. } = request;
        let action = ActionName::parse("name", &name)?;
        let fence = self::fence(fence)?;
        let proto::ActionError { name, message, attributes } =
            error.ok_or_else(|| required("error"))?;
        let attributes = well_known::fields("error.attributes", attributes.unwrap_or_default())?;
        let error = ActionError { name, message, attributes };
        error.check("error")?;
        Ok(FailAction { name: action, fence, error, fatal })
    }
}

impl TryFrom<proto::ReleaseActionRequest> for ReleaseAction {
    type Error = Error;

    fn try_from(request: proto::ReleaseActionRequest) -> Result<ReleaseAction> {
        let proto::ReleaseActionRequest { name, fence, reason, request_id: _, validate_only: _ } =
            request;
        let name = ActionName::parse("name", &name)?;
        Ok(ReleaseAction { name, fence: self::fence(fence)?, reason: self::reason(reason)? })
    }
}

impl TryFrom<proto::SkipActionRequest> for SkipAction {
    type Error = Error;

    fn try_from(request: proto::SkipActionRequest) -> Result<SkipAction> {
        let proto::SkipActionRequest { name, reason, etag, request_id: _, validate_only: _ } =
            request;
        let name = ActionName::parse("name", &name)?;
        Ok(SkipAction { name, reason: self::reason(reason)?, etag: self::etag(etag) })
    }
}

impl TryFrom<proto::CancelActionRequest> for CancelAction {
    type Error = Error;

    fn try_from(request: proto::CancelActionRequest) -> Result<CancelAction> {
        let proto::CancelActionRequest { name, reason, etag, request_id: _, validate_only: _ } =
            request;
        let name = ActionName::parse("name", &name)?;
        Ok(CancelAction { name, reason: self::reason(reason)?, etag: self::etag(etag) })
    }
}

impl TryFrom<proto::RepeatActionRequest> for RepeatAction {
    type Error = Error;

    fn try_from(request: proto::RepeatActionRequest) -> Result<RepeatAction> {
        let proto::RepeatActionRequest {
            name,
            cascade,
            reason,
            etag,
            request_id: _,
            validate_only: _,
        } = request;
        let name = ActionName::parse("name", &name)?;
        Ok(RepeatAction { name, cascade, reason: self::reason(reason)?, etag: self::etag(etag) })
    }
}

/// Whose actions to list.
pub fn parent(name: &str) -> Result<ActionsOf> {
    if let Ok(project) = ProjectId::parse_name("parent", name) {
        return Ok(ActionsOf::Project(project));
    }
    IssueName::parse("parent", name).map(ActionsOf::Issue)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next(change: impl FnOnce(&mut proto::ClaimNextActionsRequest)) -> Result<Next> {
        let mut request =
            proto::ClaimNextActionsRequest { parent: "projects/abc".into(), ..Default::default() };
        change(&mut request);
        request.try_into()
    }

    #[test]
    fn claims_are_bounded_and_have_defaults() {
        let plain = next(|_| ()).unwrap();
        assert_eq!((plain.max, plain.wait, plain.refuse_empty), (1, Duration::ZERO, false));
        assert_eq!(next(|r| r.max = 100).unwrap().max, 100);
        for max in [-1, 101, i32::MAX] {
            assert!(next(|r| r.max = max).is_err(), "{max}");
        }
        let wait = |seconds| prost_types::Duration { seconds, nanos: 0 };
        assert_eq!(next(|r| r.wait = Some(wait(60))).unwrap().wait, WAIT_MAX);
        assert!(next(|r| r.wait = Some(wait(61))).is_err());
        assert!(next(|r| r.wait = Some(wait(-1))).is_err());
        assert!(next(|r| r.action_types = vec!["x".into(); 33]).is_err());
        assert!(next(|r| r.action_types = vec!["No Id".into()]).is_err());
    }

    #[test]
    fn dependencies_are_on_one_thing_and_satisfy_is_said_of_actions() {
        use proto::dependency::On;
        let read = |on, satisfy: proto::Satisfy| {
            let satisfy = satisfy.into();
            dependency((2, proto::Dependency { on, satisfy, state: 0 }))
        };
        let unsaid = proto::Satisfy::Unspecified;
        let action = || Some(On::Action("ABC-1/actions/2".into()));
        let issue = || Some(On::Issue("ABC-1".into()));

        assert_eq!(read(action(), unsaid).unwrap().satisfy, Satisfy::SuccessOrSkip);
        assert_eq!(read(action(), proto::Satisfy::Failure).unwrap().satisfy, Satisfy::Failure);
        assert!(read(issue(), unsaid).is_ok());
        let wrong = read(issue(), proto::Satisfy::Success).unwrap_err().to_string();
        assert!(wrong.starts_with("action.dependencies[2].satisfy: "), "{wrong}");
        assert!(read(None, unsaid).is_err());
    }

    #[test]
    fn a_fence_is_a_positive_number() {
        assert_eq!(fence(1).unwrap(), 1);
        assert!(fence(0).is_err() && fence(-1).is_err());
    }

    #[test]
    fn lists_are_of_an_issue_or_a_project() {
        assert!(matches!(parent("projects/abc").unwrap(), ActionsOf::Project(_)));
        assert!(matches!(parent("ABC-1").unwrap(), ActionsOf::Issue(_)));
        assert!(parent("").is_err() && parent("abc").is_err());
    }
}
