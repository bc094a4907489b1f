//! Actors, groups, credentials and members in the words of the contract.

use crate::domain::etag;
use crate::domain::name::Principal;
use crate::domain::people::{
    Actor, ActorKind, Credential, Day, Group, GroupKind, Hours, Member, Role,
};
use crate::proto;
use crate::proto::well_known::to_timestamp;

/// An actor.
pub(in crate::transport) fn actor(actor: &Actor) -> proto::Actor {
    let Actor {
        name,
        uid,
        version,
        created_at,
        updated_at,
        creator,
        kind,
        display_name,
        email,
        time_zone,
        working_hours,
        urn,
        active,
        admin,
        deleted_at: _,
    } = actor;
    let kind = match kind {
        ActorKind::Person => proto::ActorKind::Person,
        ActorKind::Machine => proto::ActorKind::Machine,
        ActorKind::System => proto::ActorKind::System,
    };
    let state = match active {
        true => proto::ActorState::Active,
        false => proto::ActorState::Disabled,
    };
    proto::Actor {
        name: name.to_string(),
        uid: uid.to_string(),
        etag: etag::of(*version),
        create_time: Some(to_timestamp(*created_at)),
        update_time: Some(to_timestamp(*updated_at)),
        creator: creator.to_string(),
        kind: kind.into(),
        display_name: display_name.clone(),
        email: email.clone(),
        time_zone: time_zone.clone(),
        working_hours: working_hours.iter().map(hours).collect(),
        urn: urn.clone(),
        admin: *admin,
        state: state.into(),
    }
}

fn hours(hours: &Hours) -> proto::WorkingHours {
    let day = match hours.day {
        Day::Monday => proto::DayOfWeek::Monday,
        Day::Tuesday => proto::DayOfWeek::Tuesday,
        Day::Wednesday => proto::DayOfWeek::Wednesday,
        Day::Thursday => proto::DayOfWeek::Thursday,
        Day::Friday => proto::DayOfWeek::Friday,
        Day::Saturday => proto::DayOfWeek::Saturday,
        Day::Sunday => proto::DayOfWeek::Sunday,
    };
    proto::WorkingHours { day: day.into(), start: hours.start_time(), end: hours.end_time() }
}

/// A group.
pub(in crate::transport) fn group(group: &Group) -> proto::Group {
    let Group {
        name,
        uid,
        version,
        created_at,
        updated_at,
        creator,
        kind,
        display_name,
        members,
        deleted_at: _,
    } = group;
    let kind = match kind {
        GroupKind::Team => proto::GroupKind::Team,
        GroupKind::Department => proto::GroupKind::Department,
        GroupKind::Skillset => proto::GroupKind::Skillset,
        GroupKind::Duty => proto::GroupKind::Duty,
    };
    proto::Group {
        name: name.to_string(),
        uid: uid.to_string(),
        etag: etag::of(*version),
        create_time: Some(to_timestamp(*created_at)),
        update_time: Some(to_timestamp(*updated_at)),
        creator: creator.to_string(),
        kind: kind.into(),
        display_name: display_name.clone(),
        members: members.iter().map(Principal::to_string).collect(),
    }
}

/// A credential, without anything of its token.
pub(in crate::transport) fn credential(credential: &Credential) -> proto::Credential {
    let Credential {
        name,
        created_at,
        creator,
        display_name,
        token_hash: _,
        expires_at,
        revoked_at,
    } = credential;
    proto::Credential {
        name: name.to_string(),
        uid: name.uid.to_string(),
        create_time: Some(to_timestamp(*created_at)),
        creator: creator.to_string(),
        display_name: display_name.clone(),
        expire_time: expires_at.map(to_timestamp),
        revoke_time: revoked_at.map(to_timestamp),
    }
}

/// A member of a project.
pub(in crate::transport) fn member(member: &Member) -> proto::Member {
    let Member { name, uid, version, created_at, updated_at, creator, member, role } = member;
    let role = match role {
        Role::Viewer => proto::Role::Viewer,
        Role::Reporter => proto::Role::Reporter,
        Role::Worker => proto::Role::Worker,
        Role::Manager => proto::Role::Manager,
        Role::Admin => proto::Role::Admin,
    };
    proto::Member {
        name: name.to_string(),
        uid: uid.to_string(),
        etag: etag::of(*version),
        create_time: Some(to_timestamp(*created_at)),
        update_time: Some(to_timestamp(*updated_at)),
        creator: creator.to_string(),
        member: member.to_string(),
        role: role.into(),
    }
}

/// What was decided and not written: without what the server would have given it.
pub(super) mod to_be {
    use crate::proto::{Actor, Credential, Group, Member};

    /// Of a credential.
    pub fn credential(is: Credential) -> Credential {
        Credential { name: String::new(), uid: String::new(), create_time: None, ..is }
    }

    macro_rules! to_be {
        ($($noun:ident, $Noun:ident;)*) => {$(
            #[doc = concat!("Of a [`", stringify!($Noun), "`].")]
            pub fn $noun(is: $Noun) -> $Noun {
                let (name, uid, etag) = (String::new(), String::new(), String::new());
                $Noun { name, uid, etag, create_time: None, update_time: None, ..is }
            }
        )*};
    }

    to_be! { actor, Actor; group, Group; member, Member; }
}
