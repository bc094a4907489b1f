//! Who works: actors, the groups that they belong to, what they may do in projects, and the
//! credentials by which they are known.
//!
//! All of it together is one definition of the installation: whoever changes any of it holds the
//! lock of its version, so what was looked up under that version is as it is.

mod actor;
mod change;
mod credential;
mod group;
mod hours;
mod listing;
mod member;
mod nesting;
mod standing;
#[cfg(test)]
mod tests;

pub use actor::{
    Actor, ActorEdit, ActorKind, CreateActor, DeleteActor, DisableActor, EnableActor, UpdateActor,
};
pub use credential::{
    CreateCredential, Credential, RevokeCredential, TOKEN_HASH_BYTES, check_credential_name,
};
pub use group::{
    CreateGroup, DeleteGroup, Group, GroupEdit, GroupKind, MEMBERS_MAX as GROUP_MEMBERS_MAX,
    UpdateGroup,
};
pub use hours::{Day, HOURS_MAX, Hours, check_hours};
pub use listing::{ACTOR_FIELDS, GROUP_FIELDS, MEMBER_FIELDS};
pub use member::{CreateMember, DeleteMember, Member, UpdateMember};
pub use nesting::Nesting;
pub use standing::{Role, Standing};
