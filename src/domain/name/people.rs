//! Names of who works: actors, groups, members of projects, credentials.

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

use super::{Id, ProjectId, malformed};
use crate::domain::error::Result;

/// The name of an actor: `actors/{id}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ActorName(Arc<str>);

impl ActorName {
    /// The actor that the root token stands for.
    pub fn root() -> ActorName {
        ActorName("actors/root".into())
    }

    /// The actor that the service itself is: what happens by time and by rule is its doing.
    pub fn potts() -> ActorName {
        ActorName("actors/potts".into())
    }

    /// The actor of that id.
    pub fn of(id: &Id) -> ActorName {
        ActorName(format!("actors/{id}").into())
    }

    /// Takes `actors/ann`.
    pub fn parse(field: &str, name: &str) -> Result<ActorName> {
        let id = name.strip_prefix("actors/").and_then(Id::read);
        id.map(|id| ActorName::of(&id)).ok_or_else(|| malformed(field, name, "actors/ann"))
    }

    /// A name as it was stored.
    pub fn stored(name: &str) -> ActorName {
        ActorName(name.into())
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id alone: `ann`.
    pub fn id(&self) -> &str {
        self.0.strip_prefix("actors/").unwrap_or(&self.0)
    }
}

impl fmt::Display for ActorName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a group: `groups/{id}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GroupName(Arc<str>);

impl GroupName {
    /// The group of that id.
    pub fn of(id: &Id) -> GroupName {
        GroupName(format!("groups/{id}").into())
    }

    /// Takes `groups/qa`.
    pub fn parse(field: &str, name: &str) -> Result<GroupName> {
        let id = name.strip_prefix("groups/").and_then(Id::read);
        id.map(|id| GroupName::of(&id)).ok_or_else(|| malformed(field, name, "groups/qa"))
    }

    /// A name as it was stored.
    pub fn stored(name: &str) -> GroupName {
        GroupName(name.into())
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id alone: `qa`.
    pub fn id(&self) -> &str {
        self.0.strip_prefix("groups/").unwrap_or(&self.0)
    }
}

impl fmt::Display for GroupName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Who can be given work or a role: an actor or a group.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Principal {
    /// A person or a machine.
    Actor(ActorName),
    /// All who belong to it, directly or through other groups.
    Group(GroupName),
}

impl Principal {
    /// Takes `actors/ann` or `groups/qa`.
    pub fn parse(field: &str, name: &str) -> Result<Principal> {
        let read = match name.starts_with("groups/") {
            true => GroupName::parse(field, name).map(Principal::Group),
            false => ActorName::parse(field, name).map(Principal::Actor),
        };
        read.map_err(|_| malformed(field, name, "actors/ann or groups/qa"))
    }

    /// A name as it was stored.
    pub fn stored(name: &str) -> Principal {
        match name.starts_with("groups/") {
            true => Principal::Group(GroupName::stored(name)),
            false => Principal::Actor(ActorName::stored(name)),
        }
    }

    /// The whole name.
    pub fn as_str(&self) -> &str {
        match self {
            Principal::Actor(name) => name.as_str(),
            Principal::Group(name) => name.as_str(),
        }
    }
}

impl From<ActorName> for Principal {
    fn from(name: ActorName) -> Principal {
        Principal::Actor(name)
    }
}

impl From<GroupName> for Principal {
    fn from(name: GroupName) -> Principal {
        Principal::Group(name)
    }
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The name of a member of a project: `projects/abc/members/ann`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MemberName {
    /// Of which project.
    pub project: ProjectId,
    /// Chosen by the caller, else that of the actor or group.
    pub id: Id,
}

impl MemberName {
    /// Takes `projects/abc/members/ann`.
    pub fn parse(field: &str, name: &str) -> Result<MemberName> {
        let read = || {
            let (project, id) = name.strip_prefix("projects/")?.split_once("/members/")?;
            Some(MemberName { project: ProjectId::parse(field, project).ok()?, id: Id::read(id)? })
        };
        read().ok_or_else(|| malformed(field, name, "projects/abc/members/ann"))
    }
}

impl fmt::Display for MemberName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/members/{}", self.project, self.id)
    }
}

/// The name of a credential: `actors/ann/credentials/{uid}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CredentialName {
    /// Whose.
    pub actor: ActorName,
    /// Given by the server.
    pub uid: Uuid,
}

impl CredentialName {
    /// Takes `actors/ann/credentials/0199a6a4-5c4d-7000-8000-000000000001`.
    pub fn parse(field: &str, name: &str) -> Result<CredentialName> {
        let read = || {
            let (actor, uid) = name.split_once("/credentials/")?;
            let actor = ActorName::parse(field, actor).ok()?;
            Some(CredentialName { actor, uid: Uuid::try_parse(uid).ok()? })
        };
        let form = "actors/ann/credentials/0199a6a4-5c4d-7000-8000-000000000001";
        read().ok_or_else(|| malformed(field, name, form))
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/credentials/{}", self.actor, self.uid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_they_are_printed() {
        let principal = |name: &str| Principal::parse("p", name).map(|read| read.to_string()).ok();
        for name in ["actors/ann", "groups/qa"] {
            assert_eq!(principal(name).as_deref(), Some(name));
        }
        for wrong in ["", "ann", "actors/", "actors/Ann", "groups/a/b", "users/ann", "groups/"] {
            assert_eq!(principal(wrong), None, "{wrong:?}");
        }
        let name = "projects/abc/members/ann";
        assert_eq!(MemberName::parse("m", name).unwrap().to_string(), name);
        let name = "actors/ann/credentials/0199a6a4-5c4d-7000-8000-000000000001";
        assert_eq!(CredentialName::parse("c", name).unwrap().to_string(), name);
    }
}
