//! Requests about actors, groups, credentials and members to commands.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::mask;
use crate::domain::error::{Error, Result, invalid, limit_reached, required};
use crate::domain::name::{
    ActorName, CredentialName, GroupName, Id, MemberName, Principal, ProjectId,
};
use crate::domain::people::{
    ActorKind, CreateActor, CreateCredential, CreateGroup, CreateMember, Day, DeleteActor,
    DeleteGroup, DeleteMember, DisableActor, EnableActor, GROUP_MEMBERS_MAX, GroupKind, HOURS_MAX,
    Hours, RevokeCredential, Role, UpdateActor, UpdateGroup, UpdateMember, check_credential_name,
    check_hours,
};
use crate::proto::{self, well_known};
use crate::transport::decode::etag;
use crate::transport::token::Hash;

fn unknown_value(field: &str, number: i32) -> Error {
    invalid(field, format!("{number} is no value of it"))
}

pub(super) fn actor_kind(sent: i32) -> Result<ActorKind> {
    match proto::ActorKind::try_from(sent) {
        Ok(proto::ActorKind::Unspecified | proto::ActorKind::Person) => Ok(ActorKind::Person),
        Ok(proto::ActorKind::Machine) => Ok(ActorKind::Machine),
        Ok(proto::ActorKind::System) => Ok(ActorKind::System),
        Err(_) => Err(unknown_value("actor.kind", sent)),
    }
}

pub(super) fn working_hours(sent: &[proto::WorkingHours]) -> Result<Vec<Hours>> {
    // One more shows that there are too many; the others say no more.
    let read = sent.iter().take(HOURS_MAX + 1).enumerate().map(|(n, hours)| {
        let field = format!("actor.working_hours[{n}]");
        let proto::WorkingHours { day, start, end } = hours;
        Hours::parse(&field, self::day(&field, *day)?, start, end)
    });
    check_hours("actor.working_hours", read.collect::<Result<_>>()?)
}

fn day(field: &str, sent: i32) -> Result<Day> {
    use proto::DayOfWeek as Sent;
    match Sent::try_from(sent) {
        Ok(Sent::Monday) => Ok(Day::Monday),
        Ok(Sent::Tuesday) => Ok(Day::Tuesday),
        Ok(Sent::Wednesday) => Ok(Day::Wednesday),
        Ok(Sent::Thursday) => Ok(Day::Thursday),
        Ok(Sent::Friday) => Ok(Day::Friday),
        Ok(Sent::Saturday) => Ok(Day::Saturday),
        Ok(Sent::Sunday) => Ok(Day::Sunday),
        Ok(Sent::Unspecified) => Err(required(format!("{field}.day"))),
        Err(_) => Err(unknown_value(&format!("{field}.day"), sent)),
    }
}

pub(super) fn group_kind(sent: i32) -> Result<GroupKind> {
    match proto::GroupKind::try_from(sent) {
        Ok(proto::GroupKind::Unspecified | proto::GroupKind::Team) => Ok(GroupKind::Team),
        Ok(proto::GroupKind::Department) => Ok(GroupKind::Department),
        Ok(proto::GroupKind::Skillset) => Ok(GroupKind::Skillset),
        Ok(proto::GroupKind::Duty) => Ok(GroupKind::Duty),
        Err(_) => Err(unknown_value("group.kind", sent)),
    }
}

pub(super) fn group_members(sent: &[String]) -> Result<BTreeSet<Principal>> {
    // Refused before each of them is looked up.
    if sent.len() > GROUP_MEMBERS_MAX {
        return Err(limit_reached(format!("a group has at most {GROUP_MEMBERS_MAX} members")));
    }
    let read = |(n, name): (usize, &String)| Principal::parse(&format!("group.members[{n}]"), name);
    sent.iter().enumerate().map(read).collect()
}

fn role(sent: i32) -> Result<Role> {
    match proto::Role::try_from(sent) {
        Ok(proto::Role::Viewer) => Ok(Role::Viewer),
        Ok(proto::Role::Reporter) => Ok(Role::Reporter),
        Ok(proto::Role::Worker) => Ok(Role::Worker),
        Ok(proto::Role::Manager) => Ok(Role::Manager),
        Ok(proto::Role::Admin) => Ok(Role::Admin),
        Ok(proto::Role::Unspecified) => Err(required("member.role")),
        Err(_) => Err(unknown_value("member.role", sent)),
    }
}

impl TryFrom<proto::CreateActorRequest> for CreateActor {
    type Error = Error;

    fn try_from(request: proto::CreateActorRequest) -> Result<CreateActor> {
        let proto::CreateActorRequest { actor_id, actor, request_id: _, validate_only: _ } =
            request;
        let name = ActorName::of(&Id::parse("actor_id", &actor_id)?);
        let actor = actor.ok_or_else(|| required("actor"))?;
        Ok(CreateActor { name, edits: mask::actor_edits(&actor, None)? })
    }
}

impl TryFrom<proto::UpdateActorRequest> for UpdateActor {
    type Error = Error;

    fn try_from(request: proto::UpdateActorRequest) -> Result<UpdateActor> {
        let proto::UpdateActorRequest { actor, update_mask, request_id: _, validate_only: _ } =
            request;
        let actor = actor.ok_or_else(|| required("actor"))?;
        let name = ActorName::parse("actor.name", &actor.name)?;
        let edits = mask::actor_edits(&actor, update_mask)?;
        Ok(UpdateActor { name, etag: etag(actor.etag), edits })
    }
}

/// Requests that name an actor and its etag.
macro_rules! of_actor {
    ($($request:ident => $verb:ident;)*) => {$(
        impl TryFrom<proto::$request> for $verb {
            type Error = Error;

            fn try_from(request: proto::$request) -> Result<$verb> {
                let proto::$request { name, etag, request_id: _, validate_only: _ } = request;
                let name = ActorName::parse("name", &name)?;
                Ok($verb { name, etag: self::etag(etag) })
            }
        }
    )*};
}

of_actor! {
    DeleteActorRequest => DeleteActor;
    EnableActorRequest => EnableActor;
    DisableActorRequest => DisableActor;
}

impl TryFrom<proto::CreateGroupRequest> for CreateGroup {
    type Error = Error;

    fn try_from(request: proto::CreateGroupRequest) -> Result<CreateGroup> {
        let proto::CreateGroupRequest { group_id, group, request_id: _, validate_only: _ } =
            request;
        let name = GroupName::of(&Id::parse("group_id", &group_id)?);
        let group = group.ok_or_else(|| required("group"))?;
        Ok(CreateGroup { name, edits: mask::group_edits(&group, None)? })
    }
}

impl TryFrom<proto::UpdateGroupRequest> for UpdateGroup {
    type Error = Error;

    fn try_from(request: proto::UpdateGroupRequest) -> Result<UpdateGroup> {
        let proto::UpdateGroupRequest { group, update_mask, request_id: _, validate_only: _ } =
            request;
        let group = group.ok_or_else(|| required("group"))?;
        let name = GroupName::parse("group.name", &group.name)?;
        let edits = mask::group_edits(&group, update_mask)?;
        Ok(UpdateGroup { name, etag: etag(group.etag), edits })
    }
}

impl TryFrom<proto::DeleteGroupRequest> for DeleteGroup {
    type Error = Error;

    fn try_from(request: proto::DeleteGroupRequest) -> Result<DeleteGroup> {
        let proto::DeleteGroupRequest { name, etag, request_id: _, validate_only: _ } = request;
        Ok(DeleteGroup { name: GroupName::parse("name", &name)?, etag: self::etag(etag) })
    }
}

/// The command that makes a credential of a token with that digest.
pub(in crate::transport) fn create_credential(
    request: proto::CreateCredentialRequest,
    token_hash: Hash,
) -> Result<CreateCredential> {
    let proto::CreateCredentialRequest { parent, credential, request_id: _, validate_only: _ } =
        request;
    let actor = ActorName::parse("parent", &parent)?;
    let proto::Credential {
        name: _,
        uid: _,
        create_time: _,
        creator: _,
        display_name,
        expire_time,
        revoke_time: _,
    } = credential.unwrap_or_default();
    check_credential_name("credential.display_name", &display_name)?;
    let expires_at = expire_time.map(self::expire_time).transpose()?;
    Ok(CreateCredential { actor, display_name, expires_at, token_hash })
}

/// The database keeps microseconds: what it would drop is dropped before anything is decided.
fn expire_time(sent: prost_types::Timestamp) -> Result<Timestamp> {
    let at = well_known::timestamp("credential.expire_time", sent)?;
    Ok(Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at))
}

impl TryFrom<proto::RevokeCredentialRequest> for RevokeCredential {
    type Error = Error;

    fn try_from(request: proto::RevokeCredentialRequest) -> Result<RevokeCredential> {
        let proto::RevokeCredentialRequest { name, request_id: _, validate_only: _ } = request;
        Ok(RevokeCredential { name: CredentialName::parse("name", &name)? })
    }
}

impl TryFrom<proto::CreateMemberRequest> for CreateMember {
    type Error = Error;

    fn try_from(request: proto::CreateMemberRequest) -> Result<CreateMember> {
        let proto::CreateMemberRequest {
            parent,
            member_id,
            member,
            request_id: _,
            validate_only: _,
        } = request;
        let project = ProjectId::parse_name("parent", &parent)?;
        let sent = member.ok_or_else(|| required("member"))?;
        let member = Principal::parse("member.member", &sent.member)?;
        let id = match (member_id.as_str(), &member) {
            ("", Principal::Actor(actor)) => actor.id(),
            ("", Principal::Group(group)) => group.id(),
            (given, _) => given,
        };
        let id = Id::parse("member_id", id)?;
        Ok(CreateMember { name: MemberName { project, id }, member, role: role(sent.role)? })
    }
}

impl TryFrom<proto::UpdateMemberRequest> for UpdateMember {
    type Error = Error;

    fn try_from(request: proto::UpdateMemberRequest) -> Result<UpdateMember> {
        let proto::UpdateMemberRequest { member, update_mask, request_id: _, validate_only: _ } =
            request;
        let member = member.ok_or_else(|| required("member"))?;
        let name = MemberName::parse("member.name", &member.name)?;
        let named = mask::named(update_mask, &["role", "member"], |_| None)?;
        let meant = match named {
            Some(named) => named.contains(&"role"),
            None => member.role != 0,
        };
        let role = meant.then(|| role(member.role)).transpose()?;
        Ok(UpdateMember { name, etag: etag(member.etag), role })
    }
}

impl TryFrom<proto::DeleteMemberRequest> for DeleteMember {
    type Error = Error;

    fn try_from(request: proto::DeleteMemberRequest) -> Result<DeleteMember> {
        let proto::DeleteMemberRequest { name, etag, request_id: _, validate_only: _ } = request;
        Ok(DeleteMember { name: MemberName::parse("name", &name)?, etag: self::etag(etag) })
    }
}
