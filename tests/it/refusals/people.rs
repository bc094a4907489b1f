//! The calls about people that are refused.

use ::potts::proto::*;
use prost_types::Timestamp;

use super::cases::{Case, USED, mask, text};

const ANN: &str = "projects/abc/members/ann";
const NOBODY: &str = "potts.v1.Actor actors/none";
const NO_GROUP: &str = "potts.v1.Group groups/none";
const NO_MEMBER: &str = "potts.v1.Member projects/abc/members/none";
const NO_CREDENTIAL: &str = "actors/ann/credentials/0199a6a4-5c4d-7000-8000-000000000009";
const NO_CREDENTIAL_BLAMED: &str =
    "potts.v1.Credential actors/ann/credentials/0199a6a4-5c4d-7000-8000-000000000009";

fn actor(change: impl FnOnce(&mut Actor)) -> Option<Actor> {
    let mut actor = Actor { name: text("actors/ann"), ..Default::default() };
    change(&mut actor);
    Some(actor)
}

fn group(change: impl FnOnce(&mut Group)) -> Option<Group> {
    let mut group = Group { name: text("groups/qa"), ..Default::default() };
    change(&mut group);
    Some(group)
}

fn member(change: impl FnOnce(&mut Member)) -> Option<Member> {
    let (name, member) = (text("projects/abc/members/ann"), text("actors/bob"));
    let mut member = Member { name, member, role: Role::Worker.into(), ..Default::default() };
    change(&mut member);
    Some(member)
}

fn hours(day: DayOfWeek, start: &str, end: &str) -> WorkingHours {
    WorkingHours { day: day.into(), start: text(start), end: text(end) }
}

fn many(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("actors/a{n}")).collect()
}

/// Calls about actors.
pub fn actor_cases() -> Vec<Case> {
    let mut cases = create_actor_cases();
    cases.extend(kept_actor_cases());
    cases.extend(switch_actor_cases());
    cases
}

/// An actor that is to be created.
fn create(change: impl FnOnce(&mut Actor)) -> CreateActorRequest {
    ask!(CreateActorRequest { actor_id: text("x"), actor: actor(change) })
}

fn create_actor_cases() -> Vec<Case> {
    use DayOfWeek::Monday;
    cases! { actors;
        create_actor FIELD_REQUIRED, "actor_id", ask!(CreateActorRequest { actor: actor(|_| ()) });
        create_actor FIELD_REQUIRED, "actor", ask!(CreateActorRequest { actor_id: text("x") });
        create_actor FIELD_REQUIRED, "actor.working_hours[0].day",
            create(|a| a.working_hours = vec![WorkingHours::default()]);
        create_actor FIELD_INVALID, "actor_id",
            ask!(CreateActorRequest { actor_id: text("X"), actor: actor(|_| ()) });
        create_actor FIELD_INVALID, "actor.kind", create(|a| a.kind = 9);
        create_actor FIELD_INVALID, "actor.email", create(|a| a.email = text("nobody"));
        create_actor FIELD_INVALID, "actor.time_zone", create(|a| a.time_zone = text("Berlin"));
        create_actor FIELD_INVALID, "actor.urn", create(|a| a.urn = text("x"));
        create_actor FIELD_INVALID, "actor.working_hours[0].start",
            create(|a| a.working_hours = vec![hours(Monday, "9", "10:00")]);
        create_actor FIELD_INVALID, "actor.working_hours[1].day",
            create(|a| a.working_hours = vec![
                hours(Monday, "09:00", "10:00"),
                WorkingHours { day: 8, start: text("09:00"), end: text("10:00") },
            ]);
        create_actor FIELD_INVALID, "actor.working_hours[0].end",
            create(|a| a.working_hours = vec![hours(Monday, "10:00", "09:00")]);
        create_actor FIELD_INVALID, "actor.working_hours",
            create(|a| a.working_hours = vec![hours(Monday, "09:00", "10:00"); 2]);
        create_actor FIELD_TOO_LARGE, "actor.working_hours",
            create(|a| a.working_hours = vec![hours(Monday, "09:00", "10:00"); 51]);
        create_actor FIELD_TOO_LARGE, "actor.display_name",
            create(|a| a.display_name = "n".repeat(257));
        create_actor RESOURCE_EXISTS, "potts.v1.Actor actors/ann",
            ask!(CreateActorRequest { actor_id: text("ann"), actor: actor(|_| ()) });
        create_actor BUILT_IN, "actors/x", create(|a| a.set_kind(ActorKind::System));
        create_actor REQUEST_ID_REUSED, "request_id",
            CreateActorRequest { request_id: text(USED), ..create(|_| ()) };
    }
}

fn kept_actor_cases() -> Vec<Case> {
    cases! { actors;
        get_actor FIELD_REQUIRED, "name", ask!(GetActorRequest {});
        get_actor FIELD_INVALID, "name", GetActorRequest { name: text("ann") };
        get_actor RESOURCE_NOT_FOUND, NOBODY, GetActorRequest { name: text("actors/none") };

        list_actors FIELD_INVALID, "page_size", ask!(ListActorsRequest { page_size: -1 });
        list_actors FIELD_INVALID, "order_by",
            ask!(ListActorsRequest { order_by: text("creator") });
        list_actors FIELD_TOO_LARGE, "filter",
            ask!(ListActorsRequest { filter: " ".repeat(2049) });
        list_actors FILTER_INVALID, "filter",
            ask!(ListActorsRequest { filter: text("light") });
        list_actors PAGE_TOKEN_INVALID, "page_token",
            ask!(ListActorsRequest { page_token: text("x") });

        update_actor FIELD_REQUIRED, "actor", ask!(UpdateActorRequest {});
        update_actor FIELD_INVALID, "actor.name",
            ask!(UpdateActorRequest { actor: actor(|a| a.name = text("ann")) });
        update_actor FIELD_INVALID, "actor.email",
            ask!(UpdateActorRequest { actor: actor(|a| a.email = text("ann")) });
        update_actor FIELD_UNKNOWN, "update_mask",
            ask!(UpdateActorRequest { actor: actor(|_| ()), update_mask: mask(&["colour"]) });
        update_actor USE_VERB, "update_mask",
            ask!(UpdateActorRequest { actor: actor(|_| ()), update_mask: mask(&["state"]) });
        update_actor RESOURCE_NOT_FOUND, NOBODY,
            ask!(UpdateActorRequest { actor: actor(|a| a.name = text("actors/none")) });
        update_actor BUILT_IN, "actors/root",
            ask!(UpdateActorRequest { actor: actor(|a| {
                a.name = text("actors/root");
                a.display_name = text("Me");
            }) });
        update_actor ETAG_MISMATCH, "actors/ann",
            ask!(UpdateActorRequest { actor: actor(|a| a.etag = text("old")) });
        update_actor REQUEST_ID_REUSED, "request_id",
            ask!(UpdateActorRequest { actor: actor(|_| ()), request_id: text(USED) });
    }
}

/// Calls that name an actor and its etag.
macro_rules! named_cases {
    ($($method:ident $request:ident $name:expr, $wrong:expr, $none:expr, $nobody:expr;)*) => {{
        let mut cases = Vec::new();
        $(cases.extend(cases! { actors;
            $method FIELD_REQUIRED, "name", ask!($request {});
            $method FIELD_INVALID, "name", ask!($request { name: text($wrong) });
            $method RESOURCE_NOT_FOUND, $nobody, ask!($request { name: text($none) });
            $method ETAG_MISMATCH, $name,
                ask!($request { name: text($name), etag: text("old") });
            $method REQUEST_ID_REUSED, "request_id",
                ask!($request { name: text($name), request_id: text(USED) });
        });)*
        cases
    }};
}

fn switch_actor_cases() -> Vec<Case> {
    let mut cases = named_cases! {
        delete_actor DeleteActorRequest "actors/ann", "groups/qa", "actors/none", NOBODY;
        enable_actor EnableActorRequest "actors/ann", "groups/qa", "actors/none", NOBODY;
        disable_actor DisableActorRequest "actors/ann", "groups/qa", "actors/none", NOBODY;
        delete_group DeleteGroupRequest "groups/qa", "actors/ann", "groups/none", NO_GROUP;
    };
    cases.extend(cases! { actors;
        delete_actor BUILT_IN, "actors/root",
            ask!(DeleteActorRequest { name: text("actors/root") });
        disable_actor BUILT_IN, "actors/potts",
            ask!(DisableActorRequest { name: text("actors/potts") });
        delete_group IN_USE, "groups/qa", ask!(DeleteGroupRequest { name: text("groups/qa") });
    });
    cases
}

/// Calls about groups and credentials.
pub fn group_cases() -> Vec<Case> {
    let mut cases = kept_group_cases();
    cases.extend(credential_cases());
    cases
}

fn new_group(change: fn(&mut Group)) -> CreateGroupRequest {
    ask!(CreateGroupRequest { group_id: text("x"), group: group(change) })
}

fn change_group(change: fn(&mut Group)) -> UpdateGroupRequest {
    ask!(UpdateGroupRequest { group: group(change) })
}

fn new_credential(change: fn(&mut Credential)) -> CreateCredentialRequest {
    let mut credential = Credential::default();
    change(&mut credential);
    ask!(CreateCredentialRequest { parent: text("actors/ann"), credential: Some(credential) })
}

fn new_member(change: fn(&mut Member)) -> CreateMemberRequest {
    ask!(CreateMemberRequest { parent: text("projects/abc"), member: member(change) })
}

fn change_member(change: fn(&mut Member)) -> UpdateMemberRequest {
    ask!(UpdateMemberRequest { member: member(change) })
}

fn kept_group_cases() -> Vec<Case> {
    cases! { actors;
        create_group FIELD_REQUIRED, "group_id",
            ask!(CreateGroupRequest { group: group(|_| ()) });
        create_group FIELD_REQUIRED, "group", ask!(CreateGroupRequest { group_id: text("x") });
        create_group FIELD_INVALID, "group.kind", new_group(|g| g.kind = 9);
        create_group FIELD_INVALID, "group.members[0]",
            new_group(|g| g.members = vec![text("ann")]);
        create_group CYCLE, "group.members", new_group(|g| g.members = vec![text("groups/x")]);
        create_group RESOURCE_NOT_FOUND, NOBODY,
            new_group(|g| g.members = vec![text("actors/none")]);
        create_group RESOURCE_EXISTS, "potts.v1.Group groups/qa",
            ask!(CreateGroupRequest { group_id: text("qa"), group: group(|_| ()) });
        create_group LIMIT_REACHED, "", new_group(|g| g.members = many(1_001));
        create_group REQUEST_ID_REUSED, "request_id",
            CreateGroupRequest { request_id: text(USED), ..new_group(|_| ()) };

        get_group FIELD_REQUIRED, "name", ask!(GetGroupRequest {});
        get_group FIELD_INVALID, "name", GetGroupRequest { name: text("qa") };
        get_group RESOURCE_NOT_FOUND, NO_GROUP, GetGroupRequest { name: text("groups/none") };

        list_groups FIELD_INVALID, "page_size", ask!(ListGroupsRequest { page_size: -1 });
        list_groups FIELD_INVALID, "order_by",
            ask!(ListGroupsRequest { order_by: text("creator") });
        list_groups FIELD_TOO_LARGE, "filter",
            ask!(ListGroupsRequest { filter: " ".repeat(2049) });
        list_groups FILTER_INVALID, "filter",
            ask!(ListGroupsRequest { filter: text("light") });
        list_groups PAGE_TOKEN_INVALID, "page_token",
            ask!(ListGroupsRequest { page_token: text("x") });

        update_group FIELD_REQUIRED, "group", ask!(UpdateGroupRequest {});
        update_group FIELD_INVALID, "group.name", change_group(|g| g.name = text("qa"));
        update_group FIELD_INVALID, "group.members[1]",
            change_group(|g| g.members = vec![text("actors/ann"), text("x")]);
        update_group FIELD_TOO_LARGE, "group.display_name",
            change_group(|g| g.display_name = "n".repeat(257));
        update_group FIELD_UNKNOWN, "update_mask",
            UpdateGroupRequest { update_mask: mask(&["size"]), ..change_group(|_| ()) };
        update_group CYCLE, "group.members", change_group(|g| g.members = vec![text("groups/all")]);
        update_group RESOURCE_NOT_FOUND, NO_GROUP, change_group(|g| g.name = text("groups/none"));
        update_group RESOURCE_NOT_FOUND, NO_GROUP,
            change_group(|g| g.members = vec![text("groups/none")]);
        update_group ETAG_MISMATCH, "groups/qa", change_group(|g| g.etag = text("old"));
        update_group LIMIT_REACHED, "", change_group(|g| g.members = many(1_001));
        update_group REQUEST_ID_REUSED, "request_id",
            UpdateGroupRequest { request_id: text(USED), ..change_group(|_| ()) };
    }
}

fn credential_cases() -> Vec<Case> {
    cases! { actors;
        create_credential FIELD_REQUIRED, "parent", ask!(CreateCredentialRequest {});
        create_credential FIELD_INVALID, "parent",
            ask!(CreateCredentialRequest { parent: text("ann") });
        create_credential FIELD_INVALID, "credential.display_name",
            new_credential(|c| c.display_name = text("a\nb"));
        create_credential FIELD_INVALID, "credential.expire_time",
            new_credential(|c| c.expire_time = Some(Timestamp { seconds: 1, nanos: 0 }));
        create_credential RESOURCE_NOT_FOUND, NOBODY,
            ask!(CreateCredentialRequest { parent: text("actors/none") });
        create_credential BUILT_IN, "actors/potts",
            ask!(CreateCredentialRequest { parent: text("actors/potts") });
        create_credential REQUEST_ID_REUSED, "request_id",
            CreateCredentialRequest { request_id: text(USED), ..new_credential(|_| ()) };

        list_credentials FIELD_REQUIRED, "parent", ask!(ListCredentialsRequest {});
        list_credentials FIELD_INVALID, "parent",
            ask!(ListCredentialsRequest { parent: text("groups/qa") });
        list_credentials FIELD_INVALID, "page_size",
            ask!(ListCredentialsRequest { parent: text("actors/ann"), page_size: -1 });
        list_credentials PAGE_TOKEN_INVALID, "page_token",
            ask!(ListCredentialsRequest { parent: text("actors/ann"), page_token: text("x") });
        list_credentials RESOURCE_NOT_FOUND, NOBODY,
            ask!(ListCredentialsRequest { parent: text("actors/none") });

        revoke_credential FIELD_REQUIRED, "name", ask!(RevokeCredentialRequest {});
        revoke_credential FIELD_INVALID, "name",
            ask!(RevokeCredentialRequest { name: text("actors/ann") });
        revoke_credential RESOURCE_NOT_FOUND, NO_CREDENTIAL_BLAMED,
            ask!(RevokeCredentialRequest { name: text(NO_CREDENTIAL) });
        revoke_credential REQUEST_ID_REUSED, "request_id",
            ask!(RevokeCredentialRequest { name: text(NO_CREDENTIAL), request_id: text(USED) });
    }
}

/// Calls about members of projects.
pub fn member_cases() -> Vec<Case> {
    cases! { projects;
        create_member FIELD_REQUIRED, "parent",
            ask!(CreateMemberRequest { member: member(|_| ()) });
        create_member FIELD_REQUIRED, "member",
            ask!(CreateMemberRequest { parent: text("projects/abc") });
        create_member FIELD_REQUIRED, "member.member", new_member(|m| m.member.clear());
        create_member FIELD_REQUIRED, "member.role", new_member(|m| m.role = 0);
        create_member FIELD_INVALID, "member.role", new_member(|m| m.role = 9);
        create_member FIELD_INVALID, "member_id",
            CreateMemberRequest { member_id: text("X"), ..new_member(|_| ()) };
        create_member RESOURCE_NOT_FOUND, NOBODY, new_member(|m| m.member = text("actors/none"));
        create_member RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone",
            CreateMemberRequest { parent: text("projects/gone"), ..new_member(|_| ()) };
        create_member RESOURCE_EXISTS, "potts.v1.Member projects/abc/members/ann",
            new_member(|m| m.member = text("actors/ann"));
        create_member RESOURCE_EXISTS, "potts.v1.Member projects/abc/members/ann",
            CreateMemberRequest { member_id: text("ann"), ..new_member(|_| ()) };
        create_member REQUEST_ID_REUSED, "request_id",
            CreateMemberRequest { request_id: text(USED), ..new_member(|_| ()) };

        get_member FIELD_REQUIRED, "name", ask!(GetMemberRequest {});
        get_member FIELD_INVALID, "name", GetMemberRequest { name: text("actors/ann") };
        get_member RESOURCE_NOT_FOUND, NO_MEMBER,
            GetMemberRequest { name: text("projects/abc/members/none") };
        get_member RESOURCE_NOT_FOUND, "potts.v1.Member projects/gone/members/ann",
            GetMemberRequest { name: text("projects/gone/members/ann") };

        list_members FIELD_REQUIRED, "parent", ask!(ListMembersRequest {});
        list_members FIELD_INVALID, "page_size",
            ask!(ListMembersRequest { parent: text("projects/abc"), page_size: -1 });
        list_members FIELD_INVALID, "order_by",
            ask!(ListMembersRequest { parent: text("projects/abc"), order_by: text("creator") });
        list_members FIELD_TOO_LARGE, "filter",
            ask!(ListMembersRequest { parent: text("projects/abc"), filter: " ".repeat(2049) });
        list_members FILTER_INVALID, "filter",
            ask!(ListMembersRequest { parent: text("projects/abc"), filter: text("light") });
        list_members PAGE_TOKEN_INVALID, "page_token",
            ask!(ListMembersRequest { parent: text("projects/abc"), page_token: text("x") });
        list_members RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone",
            ask!(ListMembersRequest { parent: text("projects/gone") });

        update_member FIELD_REQUIRED, "member", ask!(UpdateMemberRequest {});
        update_member FIELD_REQUIRED, "member.role",
            UpdateMemberRequest { update_mask: mask(&["role"]), ..change_member(|m| m.role = 0) };
        update_member FIELD_INVALID, "member.name", change_member(|m| m.name = text("ann"));
        update_member FIELD_UNKNOWN, "update_mask",
            UpdateMemberRequest { update_mask: mask(&["rank"]), ..change_member(|_| ()) };
        update_member RESOURCE_NOT_FOUND, NO_MEMBER,
            change_member(|m| m.name = text("projects/abc/members/none"));
        update_member ETAG_MISMATCH, "projects/abc/members/ann",
            change_member(|m| m.etag = text("old"));
        update_member REQUEST_ID_REUSED, "request_id",
            UpdateMemberRequest { request_id: text(USED), ..change_member(|_| ()) };

        delete_member FIELD_REQUIRED, "name", ask!(DeleteMemberRequest {});
        delete_member FIELD_INVALID, "name", ask!(DeleteMemberRequest { name: text("x") });
        delete_member RESOURCE_NOT_FOUND, NO_MEMBER,
            ask!(DeleteMemberRequest { name: text("projects/abc/members/none") });
        delete_member ETAG_MISMATCH, "projects/abc/members/ann",
            ask!(DeleteMemberRequest { name: text(ANN), etag: text("old") });
        delete_member REQUEST_ID_REUSED, "request_id",
            ask!(DeleteMemberRequest { name: text(ANN), request_id: text(USED) });
    }
}
