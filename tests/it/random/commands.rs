//! The changing calls of the contract, all sent in one way and answered in one way.

use std::collections::{BTreeMap, BTreeSet};

use potts::proto::*;
use serde_json::Value;
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::draw::Draw;
use super::json;
use super::known::Known;
use super::rng::Rng;
use crate::support::app::Clients;

/// What an accepted call is answered: what it was about, each with the name of its message.
#[derive(Clone, PartialEq, Debug)]
pub struct Answer {
    pub resources: Vec<(&'static str, Value)>,
    pub changed: bool,
}

/// What a refused call is answered, as a program reads it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    pub code: Code,
    pub reason: String,
    message: String,
    metadata: BTreeMap<String, String>,
    blamed: String,
}

impl Refusal {
    fn of(status: &Status) -> Refusal {
        let details = status.get_error_details();
        let info = details.error_info().unwrap_or_else(|| panic!("no reason: {status:?}"));
        let (request, resource) = (details.bad_request(), details.resource_info());
        let (precondition, quota) = (details.precondition_failure(), details.quota_failure());
        Refusal {
            code: status.code(),
            reason: info.reason.clone(),
            message: status.message().to_owned(),
            metadata: info.metadata.clone().into_iter().collect(),
            blamed: format!("{request:?} {resource:?} {precondition:?} {quota:?}"),
        }
    }
}

/// What became of a call.
pub type Outcome = Result<Answer, Refusal>;

macro_rules! commands {
    ($($clients:ident.$method:ident($request:ident) -> $field:ident: $resource:literal;)*) => {
        /// A changing call.
        #[expect(clippy::enum_variant_names, reason = "they are called as their messages")]
        #[derive(Clone, Debug)]
        pub enum Command { $($request(Box<$request>),)* }

        $(impl From<$request> for Command {
            fn from(request: $request) -> Command {
                Command::$request(Box::new(request))
            }
        })*

        impl Command {
            /// The names of all of them.
            pub const ALL: &[&str] = &[$(stringify!($request),)*];

            /// Its name.
            pub fn name(&self) -> &'static str {
                match self { $(Command::$request(_) => stringify!($request),)* }
            }

            /// The same call, that only asks what it would do.
            pub fn validating(&self) -> Command {
                let mut asking = self.clone();
                match &mut asking {
                    $(Command::$request(request) => request.validate_only = true,)*
                }
                asking
            }

            /// Sends it.
            pub async fn send(&self, clients: &Clients) -> Outcome {
                let answer = match self.clone() {
                    $(Command::$request(request) => {
                        let sent = Box::pin(clients.$clients().$method(*request)).await;
                        sent.map(|response| {
                            let said = response.into_inner();
                            let all = said.$field.iter();
                            let resources = all.map(|one| ($resource, json::of($resource, one)));
                            Answer { resources: resources.collect(), changed: said.changed }
                        })
                    })*
                };
                answer.map_err(|status| Refusal::of(&status))
            }
        }
    };
}

commands! {
    issues.create_issue(CreateIssueRequest) -> issue: "Issue";
    issues.update_issue(UpdateIssueRequest) -> issue: "Issue";
    issues.delete_issue(DeleteIssueRequest) -> issue: "Issue";
    issues.undelete_issue(UndeleteIssueRequest) -> issue: "Issue";
    issues.transition_issue(TransitionIssueRequest) -> issue: "Issue";
    issues.close_issue(CloseIssueRequest) -> issue: "Issue";
    issues.reopen_issue(ReopenIssueRequest) -> issue: "Issue";
    issues.assign_issue(AssignIssueRequest) -> issue: "Issue";
    issues.activate_issue(ActivateIssueRequest) -> issue: "Issue";
    issues.deactivate_issue(DeactivateIssueRequest) -> issue: "Issue";
    issues.create_issue_relation(CreateIssueRelationRequest) -> relation: "IssueRelation";
    issues.delete_issue_relation(DeleteIssueRelationRequest) -> relation: "IssueRelation";
    issues.create_comment(CreateCommentRequest) -> comment: "Comment";
    issues.update_comment(UpdateCommentRequest) -> comment: "Comment";
    issues.delete_comment(DeleteCommentRequest) -> comment: "Comment";
    issues.create_reference(CreateReferenceRequest) -> reference: "Reference";
    issues.update_reference(UpdateReferenceRequest) -> reference: "Reference";
    issues.delete_reference(DeleteReferenceRequest) -> reference: "Reference";
    actions.add_action(AddActionRequest) -> action: "Action";
    actions.update_action(UpdateActionRequest) -> action: "Action";
    actions.assign_action(AssignActionRequest) -> action: "Action";
    actions.claim_action(ClaimActionRequest) -> action: "Action";
    actions.claim_next_actions(ClaimNextActionsRequest) -> actions: "Action";
    actions.start_action(StartActionRequest) -> action: "Action";
    actions.complete_action(CompleteActionRequest) -> action: "Action";
    actions.fail_action(FailActionRequest) -> action: "Action";
    actions.release_action(ReleaseActionRequest) -> action: "Action";
    actions.skip_action(SkipActionRequest) -> action: "Action";
    actions.cancel_action(CancelActionRequest) -> action: "Action";
    actions.repeat_action(RepeatActionRequest) -> action: "Action";
    projects.create_project(CreateProjectRequest) -> project: "Project";
    projects.update_project(UpdateProjectRequest) -> project: "Project";
    projects.delete_project(DeleteProjectRequest) -> project: "Project";
    projects.create_member(CreateMemberRequest) -> member: "Member";
    projects.update_member(UpdateMemberRequest) -> member: "Member";
    projects.delete_member(DeleteMemberRequest) -> member: "Member";
    actors.create_actor(CreateActorRequest) -> actor: "Actor";
    actors.update_actor(UpdateActorRequest) -> actor: "Actor";
    actors.enable_actor(EnableActorRequest) -> actor: "Actor";
    actors.disable_actor(DisableActorRequest) -> actor: "Actor";
    actors.create_group(CreateGroupRequest) -> group: "Group";
    actors.update_group(UpdateGroupRequest) -> group: "Group";
    actors.delete_group(DeleteGroupRequest) -> group: "Group";
    workflows.create_action_type(CreateActionTypeRequest) -> action_type: "ActionType";
    workflows.update_action_type(UpdateActionTypeRequest) -> action_type: "ActionType";
    workflows.delete_action_type(DeleteActionTypeRequest) -> action_type: "ActionType";
    workflows.create_issue_type(CreateIssueTypeRequest) -> issue_type: "IssueType";
    workflows.update_issue_type(UpdateIssueTypeRequest) -> issue_type: "IssueType";
    workflows.delete_issue_type(DeleteIssueTypeRequest) -> issue_type: "IssueType";
    workflows.create_workflow(CreateWorkflowRequest) -> workflow: "Workflow";
    workflows.update_workflow(UpdateWorkflowRequest) -> workflow: "Workflow";
    workflows.delete_workflow(DeleteWorkflowRequest) -> workflow: "Workflow";
}

/// Changing calls that are not drawn: they would shut callers out, or have no command to compare;
/// consumers have a model of their own.
const NOT_DRAWN: [&str; 11] = [
    "CreateConsumerRequest",
    "CreateCredentialRequest",
    "DeleteActorRequest",
    "DeleteConsumerRequest",
    "PauseConsumerRequest",
    "PublishEventsRequest",
    "ReplayParkedEventsRequest",
    "ResetConsumerRequest",
    "ResumeConsumerRequest",
    "RevokeCredentialRequest",
    "UpdateConsumerRequest",
];

#[test]
fn every_changing_call_of_the_contract_is_drawn() {
    let changing: BTreeSet<String> = json::requests_with("validate_only").collect();
    let known: BTreeSet<String> =
        Command::ALL.iter().chain(&NOT_DRAWN).map(|&n| n.into()).collect();
    assert_eq!(changing, known);

    let (mut rng, known) = (Rng::new(1, 0), Known::default());
    let mut drawn = BTreeSet::new();
    for _ in 0..20_000 {
        let mut draw = Draw { rng: &mut rng, known: &known, held: &[] };
        drawn.insert(draw.command().name());
    }
    assert_eq!(drawn, Command::ALL.iter().copied().collect());
}
