//! Actors, groups, credentials and members: as the contract says them, and as writes answer them.

mod decode;
mod encode;
mod mask;

use secrecy::{ExposeSecret as _, SecretString};

use super::auth::{Admitted, Caller};
use super::door::{Door, Outcome, Written, unexpected};
use super::token;
use crate::domain::command::{Resource, Verb};
use crate::domain::error::{Error, Result};
use crate::domain::name::{ActorName, CredentialName, GroupName, MemberName};
use crate::domain::people::{Actor, CreateCredential, Credential, Group, Member};
use crate::ledger::Answer;
use crate::proto;

pub(super) use decode::create_credential;
pub(super) use encode::{
    actor as encode_actor, credential as encode_credential, group as encode_group,
    member as encode_member,
};

/// An actor, deleted or not.
pub(super) async fn actor(door: &Door, caller: &Caller, name: &ActorName) -> Result<Option<Actor>> {
    let deadline = caller.deadline;
    deadline.read(|| Box::pin(door.store.actor(name, deadline.0))).await
}

/// A group, deleted or not.
pub(super) async fn group(door: &Door, caller: &Caller, name: &GroupName) -> Result<Option<Group>> {
    let deadline = caller.deadline;
    deadline.read(|| Box::pin(door.store.group(name, deadline.0))).await
}

/// A member of a project.
pub(super) async fn member(
    door: &Door,
    caller: &Caller,
    name: &MemberName,
) -> Result<Option<Member>> {
    let deadline = caller.deadline;
    deadline.read(|| Box::pin(door.store.member(name, deadline.0))).await
}

async fn credential(
    door: &Door,
    caller: &Caller,
    name: &CredentialName,
) -> Result<Option<Credential>> {
    let deadline = caller.deadline;
    deadline.read(|| Box::pin(door.store.credential(name, deadline.0))).await
}

/// Writes of one noun: what they answer, and what they answer when they are sent again.
macro_rules! write {
    ($(#[$doc:meta])* $write:ident, $noun:ident, $Noun:ident, $Name:ident, $called:literal,
     $($create:ident)?) => {
        impl Door {
            $(#[$doc])*
            pub(super) async fn $write(
                &self,
                admitted: &Admitted,
                verb: impl Into<Verb>,
            ) -> Result<Outcome<proto::$Noun>> {
                let verb = verb.into();
                let creates = false $(|| matches!(verb, Verb::$create(_)))?;
                let to_be = creates && admitted.validate_only;
                let Written { answer, changed, cursor } = self.write(admitted, verb).await?;
                let (resource, replayed) = match answer {
                    Answer::Resource(resource) => {
                        let Resource::$Noun(is) = &resource else {
                            return Err(unexpected($called, &resource));
                        };
                        let is = encode::$noun(is);
                        (Some(if to_be { encode::to_be::$noun(is) } else { is }), false)
                    }
                    Answer::Replayed(name) => {
                        let name = $Name::parse("name", &name)
                            .map_err(|error| Error::Internal(error.into()))?;
                        let is = $noun(self, &admitted.caller, &name).await?;
                        (is.as_ref().map(encode::$noun), true)
                    }
                };
                Ok(Outcome { resource, changed, cursor, replayed })
            }
        }
    };
}

write!(
    /// Writes an actor.
    write_actor, actor, Actor, ActorName, "an actor", CreateActor
);
write!(
    /// Writes a group.
    write_group, group, Group, GroupName, "a group", CreateGroup
);
write!(
    /// Writes a member of a project.
    write_member, member, Member, MemberName, "a member", CreateMember
);
write!(
    /// Writes a credential.
    write_credential, credential, Credential, CredentialName, "a credential",
);

impl Door {
    /// Creates a credential, and answers its token if it is the one that is kept the digest of.
    pub(super) async fn issue_credential(
        &self,
        admitted: &Admitted,
        verb: CreateCredential,
        token: &SecretString,
    ) -> Result<(Outcome<proto::Credential>, String)> {
        let Written { answer, changed, cursor } = self.write(admitted, verb).await?;
        let (resource, token, replayed) = match answer {
            Answer::Resource(resource) => {
                let Resource::Credential(is) = &resource else {
                    return Err(unexpected("a credential", &resource));
                };
                // The same call twice at the same time: the token that counts is that of the first.
                let counts = is.token_hash == token::hash(token.expose_secret());
                let told = counts && !admitted.validate_only;
                let shown = encode::credential(is);
                let shown =
                    if admitted.validate_only { encode::to_be::credential(shown) } else { shown };
                (Some(shown), told.then(|| token.expose_secret().to_owned()), false)
            }
            Answer::Replayed(name) => {
                let name = CredentialName::parse("name", &name)
                    .map_err(|error| Error::Internal(error.into()))?;
                let is = credential(self, &admitted.caller, &name).await?;
                (is.as_ref().map(encode::credential), None, true)
            }
        };
        let outcome = Outcome { resource, changed, cursor, replayed };
        Ok((outcome, token.unwrap_or_default()))
    }
}
