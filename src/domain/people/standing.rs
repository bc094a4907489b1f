//! What somebody may do: the one summary of actors, groups and members that rules look at.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::name::{ActorName, GroupName, Principal, ProjectId};

/// What one may do in a project, from the least to the most; each includes those before it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Reads.
    Viewer,
    /// Also creates issues, comments and references.
    Reporter,
    /// Also works: changes issues, claims actions.
    Worker,
    /// Also overrides others.
    Manager,
    /// Also configures.
    Admin,
}

impl Role {
    /// All roles, from the least to the most.
    pub const ALL: &[Role] =
        &[Role::Viewer, Role::Reporter, Role::Worker, Role::Manager, Role::Admin];

    /// The name that is stored: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "VIEWER",
            Role::Reporter => "REPORTER",
            Role::Worker => "WORKER",
            Role::Manager => "MANAGER",
            Role::Admin => "ADMIN",
        }
    }

    /// The role of that stored name.
    pub fn stored(name: &str) -> Option<Role> {
        Role::ALL.iter().copied().find(|role| role.as_str() == name)
    }
}

/// What somebody who exists is and may do, whatever group it comes through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Who.
    pub principal: Principal,
    /// Whether they may act, and be given work. Groups always are.
    pub active: bool,
    /// Whether they are a person: what a person holds they hold until they end it. Root counts as
    /// one: who sends its token tries the service by hand, and no program beats for them.
    pub person: bool,
    /// Whether they administer the installation, and so every project of it.
    pub admin: bool,
    /// The groups that they are in, directly or through other groups.
    pub groups: BTreeSet<GroupName>,
    /// The highest role in each project that they are a member of.
    pub roles: BTreeMap<ProjectId, Role>,
}

impl Standing {
    /// That of the root token. It is the way back in whatever was done to people, so nothing has to
    /// be asked for it; groups that `actors/root` was put into do not count here.
    pub fn root() -> Standing {
        Standing {
            principal: ActorName::root().into(),
            active: true,
            person: true,
            admin: true,
            groups: BTreeSet::new(),
            roles: BTreeMap::new(),
        }
    }

    /// The role in a project: that of an administrator of the installation is ADMIN everywhere.
    pub fn role(&self, project: &ProjectId) -> Option<Role> {
        if self.admin { Some(Role::Admin) } else { self.roles.get(project).copied() }
    }

    /// Whether that is them, or a group that they are in.
    pub fn is(&self, principal: &Principal) -> bool {
        match principal {
            Principal::Actor(_) => self.principal == *principal,
            Principal::Group(group) => self.principal == *principal || self.groups.contains(group),
        }
    }

    /// Whether they are one of these, or in one of these groups.
    pub fn is_any<'a>(&self, principals: impl IntoIterator<Item = &'a Principal>) -> bool {
        principals.into_iter().any(|principal| self.is(principal))
    }
}
