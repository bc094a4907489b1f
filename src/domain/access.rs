//! Who may do what: one table of the least role that each RPC asks for, and the one check.
//!
//! Hidden equals absent: who may not see a thing is told that it does not exist, whatever the thing
//! and whatever their role would allow.

use std::collections::BTreeSet;

use super::action::Action;
use super::command::At;
use super::error::{Error, Reason, Result, not_found};
use super::issue::Issue;
use super::name::{ActorName, GroupName, IssueName, Principal, ProjectId};
use super::people::{Role, Standing};

/// What a call is about, for the question who may make it.
#[derive(Clone, Copy, Debug)]
pub enum Subject<'a> {
    /// Something of the whole installation.
    Installation,
    /// A project, or something of it that all its readers may see.
    Project(&'a ProjectId),
    /// An issue, or something of it. The issue is of the footprint.
    Issue(&'a IssueName),
}

impl<'a> Subject<'a> {
    /// The project that it is of.
    pub fn project(self) -> Option<&'a ProjectId> {
        match self {
            Subject::Installation => None,
            Subject::Project(project) => Some(project),
            Subject::Issue(issue) => Some(&issue.project),
        }
    }
}

/// The least that a caller must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Least {
    /// Anybody who is let in. The rule itself may ask for more.
    Anybody,
    /// A role in the project.
    Role(Role),
    /// A role in the project; of an issue also its owner.
    RoleOrOwner(Role),
    /// An administrator of the installation.
    Installation,
}

/// The least that each RPC asks for. `domain` sections 2.3 and 2.4 of the design are its source; a
/// test makes every call with every role.
pub const TABLE: &[(&str, Least)] = &[
    ("CreateProject", Least::Installation),
    ("GetProject", Least::Role(Role::Viewer)),
    ("ListProjects", Least::Anybody),
    ("UpdateProject", Least::Role(Role::Admin)),
    ("DeleteProject", Least::Role(Role::Admin)),
    ("CreateIssue", Least::Role(Role::Reporter)),
    ("GetIssue", Least::Role(Role::Viewer)),
    ("ListIssues", Least::Role(Role::Viewer)),
    ("UpdateIssue", Least::Role(Role::Worker)),
    ("DeleteIssue", Least::Role(Role::Admin)),
    ("UndeleteIssue", Least::Role(Role::Admin)),
    ("TransitionIssue", Least::Role(Role::Worker)),
    ("CloseIssue", Least::RoleOrOwner(Role::Manager)),
    ("ReopenIssue", Least::RoleOrOwner(Role::Manager)),
    ("AssignIssue", Least::RoleOrOwner(Role::Worker)),
    ("ActivateIssue", Least::Role(Role::Worker)),
    ("DeactivateIssue", Least::Role(Role::Worker)),
    ("CreateIssueRelation", Least::Role(Role::Worker)),
    ("DeleteIssueRelation", Least::Role(Role::Worker)),
    ("ListIssueRelations", Least::Role(Role::Viewer)),
    ("GetAgenda", Least::Anybody),
    ("CreateComment", Least::Role(Role::Reporter)),
    ("GetComment", Least::Role(Role::Viewer)),
    ("ListComments", Least::Role(Role::Viewer)),
    ("UpdateComment", Least::Role(Role::Reporter)),
    ("DeleteComment", Least::Role(Role::Reporter)),
    ("CreateReference", Least::Role(Role::Reporter)),
    ("GetReference", Least::Role(Role::Viewer)),
    ("ListReferences", Least::Role(Role::Viewer)),
    ("UpdateReference", Least::Role(Role::Reporter)),
    ("DeleteReference", Least::Role(Role::Reporter)),
    ("GetAction", Least::Role(Role::Viewer)),
    ("ListActions", Least::Role(Role::Viewer)),
    ("ListAttempts", Least::Role(Role::Viewer)),
    ("AddAction", Least::RoleOrOwner(Role::Manager)),
    ("UpdateAction", Least::RoleOrOwner(Role::Manager)),
    ("AssignAction", Least::RoleOrOwner(Role::Manager)),
    ("ClaimAction", Least::Role(Role::Worker)),
    ("ClaimNextActions", Least::Role(Role::Worker)),
    ("StartAction", Least::Role(Role::Worker)),
    ("HeartbeatAction", Least::Role(Role::Worker)),
    ("CompleteAction", Least::Role(Role::Worker)),
    ("FailAction", Least::Role(Role::Worker)),
    ("ReleaseAction", Least::Role(Role::Worker)),
    ("SkipAction", Least::RoleOrOwner(Role::Manager)),
    ("RepeatAction", Least::RoleOrOwner(Role::Manager)),
    ("CancelAction", Least::RoleOrOwner(Role::Manager)),
    ("GetEvent", Least::Anybody),
    ("ListEvents", Least::Anybody),
    ("ListEventTypes", Least::Anybody),
    ("Subscribe", Least::Anybody),
    ("PublishEvents", Least::Role(Role::Worker)),
    ("CreateConsumer", Least::Role(Role::Manager)),
    ("GetConsumer", Least::Role(Role::Manager)),
    ("ListConsumers", Least::Role(Role::Manager)),
    ("UpdateConsumer", Least::Role(Role::Manager)),
    ("DeleteConsumer", Least::Role(Role::Manager)),
    ("Consume", Least::Role(Role::Worker)),
    ("AckEvents", Least::Role(Role::Worker)),
    ("FailEvents", Least::Role(Role::Worker)),
    ("ExtendEvents", Least::Role(Role::Worker)),
    ("ParkEvents", Least::Role(Role::Worker)),
    ("ListParkedEvents", Least::Role(Role::Manager)),
    ("ReplayParkedEvents", Least::Role(Role::Manager)),
    ("ResetConsumer", Least::Role(Role::Manager)),
    ("PauseConsumer", Least::Role(Role::Manager)),
    ("ResumeConsumer", Least::Role(Role::Manager)),
    ("ReceiveMessage", Least::Role(Role::Worker)),
    ("CreateWorkflow", Least::Role(Role::Admin)),
    ("GetWorkflow", Least::Role(Role::Viewer)),
    ("ListWorkflows", Least::Role(Role::Viewer)),
    ("UpdateWorkflow", Least::Role(Role::Admin)),
    ("DeleteWorkflow", Least::Role(Role::Admin)),
    ("CreateIssueType", Least::Role(Role::Admin)),
    ("GetIssueType", Least::Role(Role::Viewer)),
    ("ListIssueTypes", Least::Role(Role::Viewer)),
    ("UpdateIssueType", Least::Role(Role::Admin)),
    ("DeleteIssueType", Least::Role(Role::Admin)),
    ("CreateActionType", Least::Role(Role::Admin)),
    ("GetActionType", Least::Role(Role::Viewer)),
    ("ListActionTypes", Least::Role(Role::Viewer)),
    ("UpdateActionType", Least::Role(Role::Admin)),
    ("DeleteActionType", Least::Role(Role::Admin)),
    ("CreateActor", Least::Installation),
    ("GetActor", Least::Anybody),
    ("ListActors", Least::Anybody),
    ("UpdateActor", Least::Installation),
    ("DeleteActor", Least::Installation),
    ("EnableActor", Least::Installation),
    ("DisableActor", Least::Installation),
    ("CreateGroup", Least::Installation),
    ("GetGroup", Least::Anybody),
    ("ListGroups", Least::Anybody),
    ("UpdateGroup", Least::Installation),
    ("DeleteGroup", Least::Installation),
    ("CreateCredential", Least::Installation),
    ("ListCredentials", Least::Installation),
    ("RevokeCredential", Least::Installation),
    ("CreateMember", Least::Role(Role::Admin)),
    ("GetMember", Least::Role(Role::Viewer)),
    ("ListMembers", Least::Role(Role::Viewer)),
    ("UpdateMember", Least::Role(Role::Admin)),
    ("DeleteMember", Least::Role(Role::Admin)),
];

/// What the service does by itself. No RPC asks for these, and nobody else may.
pub const INTERNAL: &[&str] = &[
    "ExpireLeases",
    "ReleaseHeld",
    "WakeDue",
    "SettleGates",
    "LeaveConsumer",
    "ProgressConsumer",
    "ExpireConsumer",
];

/// What whoever is asked for [`Least::Installation`] must be.
const ADMINISTRATOR: &str = "an administrator of the installation";

/// The least that an RPC asks for.
pub fn least(rpc: &str) -> Least {
    let found = TABLE.iter().find(|(name, _)| *name == rpc);
    found.expect("a test compares the table with the contract").1
}

/// Refuses a caller whose role is not enough.
pub fn role_required(subject: impl std::fmt::Display, required: &str) -> Error {
    Error::Forbidden {
        reason: Reason::RoleRequired,
        subject: subject.to_string(),
        problem: format!("the caller must be {required}"),
    }
    .with("required", required)
}

/// Checks that somebody may make a call that reads something of a project.
pub fn check_read(standing: &Standing, rpc: &str, project: &ProjectId) -> Result<()> {
    let role = check_reader(standing, project)?;
    match least(rpc) {
        Least::Role(least) | Least::RoleOrOwner(least) if role < least => {
            Err(role_required(project, least.as_str()))
        }
        Least::Installation if !standing.admin => Err(role_required(project, ADMINISTRATOR)),
        Least::Role(_) | Least::RoleOrOwner(_) | Least::Installation | Least::Anybody => Ok(()),
    }
}

/// Checks that somebody may make a call that reads what only administrators of the installation
/// may.
pub fn check_administrator(standing: &Standing) -> Result<()> {
    match standing.admin {
        true => Ok(()),
        false => Err(role_required("the installation", ADMINISTRATOR)),
    }
}

/// Whether somebody may read a project.
pub fn check_reader(standing: &Standing, project: &ProjectId) -> Result<Role> {
    standing.role(project).ok_or_else(|| not_found(project))
}

/// Whether somebody may see an issue of a project that they may read.
pub fn sees(standing: &Standing, issue: &Issue) -> bool {
    let Issue { name, visible_to, assignees, .. } = issue;
    sees_by(standing, &name.project, visible_to.as_ref(), assignees)
}

/// As [`sees`], by nothing of the issue but what decides it.
pub fn sees_by(
    standing: &Standing,
    project: &ProjectId,
    visible_to: Option<&BTreeSet<GroupName>>,
    assignees: &BTreeSet<Principal>,
) -> bool {
    let Some(groups) = visible_to else { return true };
    standing.role(project) >= Some(Role::Admin)
        || groups.iter().any(|group| standing.groups.contains(group))
        || standing.is_any(assignees)
}

/// Whether the caller holds one of the actions of an issue that the command is about: who was given
/// work may finish it, whatever became of its issue meanwhile.
fn holds(at: &At<'_>, issue: &IssueName) -> bool {
    let holder = |action: &Action| action.place.lease().map(|lease| lease.actor.clone());
    let mut actions = at.rows.actions.values().filter(|action| action.name.issue == *issue);
    actions.any(|action| holder(action).as_ref() == Some(at.caller))
}

/// Checks that a caller may make a call: first that they may see what it is about, then their role.
/// Answers their standing.
pub fn check<'a>(at: &At<'a>, rpc: &str, subject: Subject<'_>) -> Result<Option<&'a Standing>> {
    // What the service does by itself was allowed to whoever made it do so.
    if *at.caller == ActorName::potts() {
        return Ok(None);
    }
    if INTERNAL.contains(&rpc) {
        return Err(role_required("the installation", "the service itself"));
    }
    let principal = Principal::from(at.caller.clone());
    let standing = at.definitions.standing(&principal).filter(|standing| standing.active);
    let standing = standing.ok_or_else(|| Error::Unauthenticated {
        problem: "the caller is disabled, or does not exist any more".into(),
    })?;
    let (name, role, owner) = match subject {
        Subject::Installation => ("the installation".to_owned(), None, None),
        Subject::Project(project) => {
            (project.to_string(), Some(check_reader(standing, project)?), None)
        }
        Subject::Issue(name) => {
            let role = standing.role(&name.project).ok_or_else(|| not_found(name))?;
            let issue = at.rows.issues.get(name).ok_or_else(|| not_found(name))?;
            if !sees(standing, issue) && !holds(at, name) {
                return Err(not_found(name));
            }
            (name.to_string(), Some(role), Some(&issue.owner))
        }
    };
    let owns = owner.is_some_and(|owner| owner == at.caller);
    match least(rpc) {
        Least::Anybody => Ok(Some(standing)),
        // What is of the installation and asks for a role of a project has a rule of its own.
        Least::Role(_) | Least::RoleOrOwner(_) if matches!(subject, Subject::Installation) => {
            Ok(Some(standing))
        }
        Least::Installation if standing.admin => Ok(Some(standing)),
        Least::Installation => Err(role_required(name, ADMINISTRATOR)),
        Least::RoleOrOwner(_) if owns => Ok(Some(standing)),
        Least::Role(least) | Least::RoleOrOwner(least) if role >= Some(least) => Ok(Some(standing)),
        Least::Role(least) | Least::RoleOrOwner(least) => Err(role_required(name, least.as_str())),
    }
}
