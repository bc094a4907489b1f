//! People through the contract: who they are, how they are let in, and what they may do.

use std::time::Duration;

use potts::proto::{
    Actor, ActorKind, ActorState, CreateActorRequest, CreateCredentialRequest,
    CreateCredentialResponse, CreateGroupRequest, CreateMemberRequest, Credential, DayOfWeek,
    DeleteActorRequest, DeleteGroupRequest, DeleteMemberRequest, DisableActorRequest,
    EnableActorRequest, GetActorRequest, GetGroupRequest, GetMemberRequest, GetProjectRequest,
    Group, GroupKind, ListActorsRequest, ListCredentialsRequest, ListCredentialsResponse,
    ListGroupsRequest, ListMembersRequest, ListProjectsRequest, Member, RevokeCredentialRequest,
    Role, UpdateActorRequest, UpdateGroupRequest, UpdateMemberRequest, WorkingHours,
};
use prost_types::{FieldMask, Timestamp};
use tonic::Code;
use uuid::Uuid;

use crate::support::app::{Clients, PATIENCE};
use crate::support::{TestApp, eventually, told};

/// Whether somebody is let in.
async fn enters(clients: &Clients) -> bool {
    match clients.projects().list_projects(ListProjectsRequest::default()).await {
        Ok(_) => true,
        Err(status) => {
            assert_eq!(told(Err::<(), _>(status)).why().1, "CREDENTIAL_INVALID");
            false
        }
    }
}

async fn reads(clients: &Clients, project: &str) -> bool {
    let get = GetProjectRequest { name: format!("projects/{project}") };
    clients.projects().get_project(get).await.is_ok()
}

fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|&path| path.to_owned()).collect() })
}

async fn disable(app: &TestApp, id: &str) -> bool {
    let request = DisableActorRequest { name: format!("actors/{id}"), ..Default::default() };
    app.actors().disable_actor(request).await.unwrap().into_inner().changed
}

async fn enable(app: &TestApp, id: &str) -> bool {
    let request = EnableActorRequest { name: format!("actors/{id}"), ..Default::default() };
    app.actors().enable_actor(request).await.unwrap().into_inner().changed
}

async fn credential(app: &TestApp, id: &str) -> CreateCredentialResponse {
    let request = CreateCredentialRequest { parent: format!("actors/{id}"), ..Default::default() };
    app.actors().create_credential(request).await.unwrap().into_inner()
}

async fn group(app: &TestApp, id: &str, members: &[&str]) -> Group {
    let members = members.iter().map(|&member| member.to_owned()).collect();
    let request = CreateGroupRequest {
        group_id: id.into(),
        group: Some(Group { members, ..Default::default() }),
        ..Default::default()
    };
    app.actors().create_group(request).await.unwrap().into_inner().group.unwrap()
}

fn regroup(id: &str, members: &[&str]) -> UpdateGroupRequest {
    let members = members.iter().map(|&member| member.to_owned()).collect();
    UpdateGroupRequest {
        group: Some(Group { name: format!("groups/{id}"), members, ..Default::default() }),
        update_mask: mask(&["members"]),
        ..Default::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_actor_is_read_as_it_was_created() {
    let app = TestApp::start().await;
    let mut follower = app.follow().await;
    let hours = |day: DayOfWeek, start: &str, end: &str| WorkingHours {
        day: day.into(),
        start: start.into(),
        end: end.into(),
    };
    let sent = Actor {
        kind: ActorKind::Machine.into(),
        display_name: "Große Presse 💡".into(),
        email: "press@example.org".into(),
        time_zone: "Europe/Berlin".into(),
        working_hours: vec![
            hours(DayOfWeek::Tuesday, "09:00", "17:30"),
            hours(DayOfWeek::Monday, "00:00", "24:00"),
        ],
        urn: "urn:example:press".into(),
        ..Default::default()
    };

    let request = CreateActorRequest {
        actor_id: "press".into(),
        actor: Some(sent.clone()),
        ..Default::default()
    };
    let created = app.actors().create_actor(request).await.unwrap().into_inner();
    let get = GetActorRequest { name: "actors/press".into() };
    let read = app.actors().get_actor(get).await.unwrap().into_inner().actor.unwrap();

    assert!(created.changed);
    assert_eq!(created.actor.as_ref(), Some(&read));
    assert_eq!((read.name.as_str(), read.creator.as_str()), ("actors/press", "actors/root"));
    assert_eq!(read.state(), ActorState::Active);
    assert!(!read.admin && !read.etag.is_empty());
    let [second, first] = sent.working_hours.try_into().unwrap();
    assert_eq!(read.working_hours, [first, second]);
    let (name, zone) = (&read.display_name, &read.time_zone);
    assert_eq!((name.as_str(), zone.as_str()), ("Große Presse 💡", "Europe/Berlin"));
    let event = follower.event().await;
    assert_eq!((event.r#type.as_str(), event.subject.as_str()), ("actor.created", "actors/press"));
    assert_eq!((event.project.as_str(), event.version), ("", 1));
    assert_eq!(event.after.unwrap().fields["kind"], prost_types::Value::from("MACHINE".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_says_what_changes_of_an_actor() {
    let app = TestApp::start().await;
    app.stranger("ann").await;
    let change = async |actor: Actor, paths: &[&str]| {
        let actor = Some(Actor { name: "actors/ann".into(), ..actor });
        let update_mask = (!paths.is_empty()).then(|| mask(paths).unwrap());
        let request = UpdateActorRequest { actor, update_mask, ..Default::default() };
        app.actors().update_actor(request).await.unwrap().into_inner()
    };
    let named = Actor { display_name: "Ann".into(), admin: true, ..Default::default() };

    let present = change(named.clone(), &[]).await;
    let same = change(named, &["display_name"]).await;
    let cleared = change(Actor::default(), &["*"]).await;

    let changed = [&present, &same, &cleared].map(|answer| answer.changed);
    assert_eq!(changed, [true, false, true]);
    assert!(present.actor.unwrap().admin);
    let cleared = cleared.actor.unwrap();
    assert_eq!((cleared.display_name.as_str(), cleared.admin), ("ann", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_lets_in_until_it_is_revoked() {
    let app = TestApp::start().await;
    let ann = app.stranger("ann").await;
    let more = credential(&app, "ann").await;
    let other = Clients::of(&app.channel, &more.token);
    assert!(enters(&ann).await && enters(&other).await);
    let name = more.credential.unwrap().name;
    let revoke = || RevokeCredentialRequest { name: name.clone(), ..Default::default() };

    let revoked = app.actors().revoke_credential(revoke()).await.unwrap().into_inner();

    assert!(!enters(&other).await, "at once");
    assert!(enters(&ann).await);
    assert!(revoked.changed && revoked.credential.unwrap().revoke_time.is_some());
    let again = app.actors().revoke_credential(revoke()).await.unwrap().into_inner();
    assert!(!again.changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_actor_is_cut_off_at_once_and_may_come_back() {
    let app = TestApp::start().await;
    let ann = app.stranger("ann").await;
    assert!(enters(&ann).await);

    let changed = [disable(&app, "ann").await, disable(&app, "ann").await];
    assert!(!enters(&ann).await);
    assert_eq!(changed, [true, false]);

    assert!(enable(&app, "ann").await && !enable(&app, "ann").await);
    assert!(enters(&ann).await);

    let delete = DeleteActorRequest { name: "actors/ann".into(), ..Default::default() };
    app.actors().delete_actor(delete).await.unwrap();
    assert!(!enters(&ann).await);
    let get = GetActorRequest { name: "actors/ann".into() };
    assert_eq!(told(app.actors().get_actor(get).await).code, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_ends_by_the_clock_of_the_database() {
    let app = TestApp::start().await;
    app.stranger("ann").await;
    let sql = app.database.sql().await;
    let now: std::time::SystemTime = sql.query_one("select potts_now()", &[]).await.unwrap().get(0);
    let at = now + Duration::from_secs(3600);
    let expire_time = Some(Timestamp::from(at));
    let request = CreateCredentialRequest {
        parent: "actors/ann".into(),
        credential: Some(Credential { expire_time, ..Default::default() }),
        ..Default::default()
    };
    let token = app.actors().create_credential(request).await.unwrap().into_inner().token;
    let ann = Clients::of(&app.channel, &token);
    assert!(enters(&ann).await);

    app.database.advance_clock(59 * 60).await;
    assert!(enters(&ann).await);
    app.database.advance_clock(61 * 60).await;

    eventually(PATIENCE, async || enters(&ann).await, |enters| !enters).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_told_once_and_kept_nowhere() {
    let app = TestApp::start().await;
    app.stranger("ann").await;
    let request = || CreateCredentialRequest {
        parent: "actors/ann".into(),
        credential: Some(Credential { display_name: "laptop".into(), ..Default::default() }),
        request_id: Uuid::from_u128(7).to_string(),
        ..Default::default()
    };

    let first = app.actors().create_credential(request()).await.unwrap().into_inner();
    let again = app.actors().create_credential(request()).await.unwrap().into_inner();
    let validated =
        CreateCredentialRequest { request_id: String::new(), validate_only: true, ..request() };
    let validated = app.actors().create_credential(validated).await.unwrap().into_inner();

    assert!(first.token.starts_with("potts_") && first.token.len() == 49);
    assert_eq!((again.token.as_str(), validated.token.as_str()), ("", ""));
    assert_eq!(first.credential, again.credential);
    let sql = app.database.sql().await;
    let tables = "select table_name::text from information_schema.tables
                   where table_schema = 'public' and table_type = 'BASE TABLE'";
    let mut looked_at = 0;
    for row in sql.query(tables, &[]).await.unwrap() {
        let table: String = row.get(0);
        let rows = sql.query(&format!("select t::text from \"{table}\" t"), &[]).await.unwrap();
        looked_at += rows.len();
        for row in rows {
            let text: String = row.get(0);
            let hex: String = first.token.bytes().map(|byte| format!("{byte:02x}")).collect();
            assert!(!text.contains(&first.token) && !text.contains(&hex), "{table}: {text}");
        }
    }
    assert!(looked_at > 5, "the tables are not empty");
}

#[tokio::test(flavor = "multi_thread")]
async fn credentials_are_listed_for_administrators_without_their_tokens() {
    let app = TestApp::start().await;
    let ann = app.stranger("ann").await;
    app.stranger("bob").await;
    let made = [credential(&app, "ann").await, credential(&app, "ann").await];
    let revoked = made[0].credential.clone().unwrap().name;
    let revoke = RevokeCredentialRequest { name: revoked.clone(), ..Default::default() };
    app.actors().revoke_credential(revoke).await.unwrap();
    let list = async |token: &str| {
        let (parent, page_token) = ("actors/ann".into(), token.into());
        let request = ListCredentialsRequest { parent, page_size: 2, page_token };
        app.actors().list_credentials(request).await.unwrap().into_inner()
    };

    let first: ListCredentialsResponse = list("").await;
    let second = list(&first.next_page_token).await;
    let own = ListCredentialsRequest { parent: "actors/ann".into(), ..Default::default() };
    let refused = told(ann.actors().list_credentials(own).await);

    assert_eq!((first.credentials.len(), second.credentials.len()), (2, 1));
    assert!(!first.cursor.is_empty() && second.cursor.is_empty());
    assert_eq!(second.next_page_token, "");
    let all = [first.credentials, second.credentials].concat();
    assert!(all.iter().map(|credential| &credential.uid).is_sorted(), "oldest first: {all:?}");
    let gone = all.iter().filter(|credential| credential.revoke_time.is_some());
    assert_eq!(gone.map(|credential| &credential.name).collect::<Vec<_>>(), [&revoked]);
    assert!(all.contains(&made[1].credential.clone().unwrap()), "{all:?}");
    assert_eq!(refused.why(), (Code::PermissionDenied, "ROLE_REQUIRED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_highest_role_counts_whatever_group_it_comes_through() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let ann = app.actor("ann", "abc", Role::Viewer).await;
    let issue = async || {
        let request = potts::proto::CreateIssueRequest {
            parent: "projects/abc".into(),
            issue: Some(potts::proto::Issue { title: "t".into(), ..Default::default() }),
            ..Default::default()
        };
        ann.issues().create_issue(request).await.is_ok()
    };
    assert!(!issue().await);

    group(&app, "inner", &["actors/ann"]).await;
    group(&app, "outer", &["groups/inner"]).await;
    let outer = app.member("groups/outer", "abc", Role::Reporter).await;
    assert!(issue().await, "as a member of a member of a member");

    let lower = UpdateMemberRequest {
        member: Some(Member { role: Role::Viewer.into(), ..outer }),
        update_mask: mask(&["role"]),
        ..Default::default()
    };
    app.projects().update_member(lower).await.unwrap();
    assert!(!issue().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_has_no_role_in_a_project_does_not_see_it() {
    let app = TestApp::start().await;
    for id in ["abc", "xyz"] {
        app.project(id).await;
    }
    let ann = app.actor("ann", "abc", Role::Viewer).await;
    let listed = async |clients: &Clients| {
        let list = ListProjectsRequest::default();
        let page = clients.projects().list_projects(list).await.unwrap().into_inner();
        page.projects.into_iter().map(|project| project.name).collect::<Vec<_>>()
    };

    assert!(reads(&ann, "abc").await && !reads(&ann, "xyz").await);
    assert_eq!(listed(&ann).await, ["projects/abc"]);
    assert_eq!(listed(&app.as_root()).await, ["projects/abc", "projects/xyz"]);

    let delete =
        DeleteMemberRequest { name: "projects/abc/members/ann".into(), ..Default::default() };
    app.projects().delete_member(delete).await.unwrap();

    assert!(!reads(&ann, "abc").await);
    assert_eq!(listed(&ann).await, Vec::<String>::new());
    let administrator = app.administrator("eve").await;
    assert!(reads(&administrator, "xyz").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_never_hold_themselves_and_are_five_deep_at_most() {
    let app = TestApp::start().await;
    group(&app, "g5", &[]).await;
    for n in (1..5).rev() {
        group(&app, &format!("g{n}"), &[&format!("groups/g{}", n + 1)]).await;
    }

    let circle = told(app.actors().update_group(regroup("g5", &["groups/g3"])).await);
    let request = CreateGroupRequest {
        group_id: "g0".into(),
        group: Some(Group { members: vec!["groups/g1".into()], ..Default::default() }),
        ..Default::default()
    };
    let tower = told(app.actors().create_group(request).await);

    assert_eq!(circle.why(), (Code::InvalidArgument, "CYCLE"));
    assert_eq!(circle.metadata("path"), "groups/g5 > groups/g3 > groups/g4 > groups/g5");
    assert_eq!(tower.why(), (Code::ResourceExhausted, "LIMIT_REACHED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_is_deleted_only_where_nothing_has_it() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.stranger("ann").await;
    group(&app, "qa", &["actors/ann"]).await;
    group(&app, "all", &["groups/qa"]).await;
    app.member("groups/all", "abc", Role::Viewer).await;
    let delete = async |id: &str| {
        let request = DeleteGroupRequest { name: format!("groups/{id}"), ..Default::default() };
        app.actors().delete_group(request).await
    };

    assert_eq!(told(delete("qa").await).why(), (Code::FailedPrecondition, "IN_USE"));
    assert_eq!(told(delete("all").await).why(), (Code::FailedPrecondition, "IN_USE"));
    let member =
        DeleteMemberRequest { name: "projects/abc/members/all".into(), ..Default::default() };
    app.projects().delete_member(member).await.unwrap();
    delete("all").await.unwrap();
    let gone = delete("qa").await.unwrap().into_inner().group.unwrap();

    assert_eq!(gone.members, ["actors/ann"], "as it was last");
    let get = GetGroupRequest { name: "groups/qa".into() };
    assert_eq!(told(app.actors().get_group(get).await).code, Code::NotFound);
    let request = CreateGroupRequest {
        group_id: "qa".into(),
        group: Some(Group::default()),
        ..Default::default()
    };
    let again = told(app.actors().create_group(request).await);
    assert_eq!(again.why(), (Code::AlreadyExists, "RESOURCE_EXISTS"));
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_group_come_and_go() {
    let app = TestApp::start().await;
    for id in ["ann", "bob"] {
        app.stranger(id).await;
    }
    let made = group(&app, "qa", &["actors/ann"]).await;
    assert_eq!((made.kind(), made.display_name.as_str()), (GroupKind::Team, "qa"));

    let both = regroup("qa", &["actors/bob", "actors/ann", "actors/bob"]);
    let both = app.actors().update_group(both).await.unwrap().into_inner();
    let one = app.actors().update_group(regroup("qa", &["actors/bob"])).await.unwrap();
    let same = app.actors().update_group(regroup("qa", &["actors/bob"])).await.unwrap();

    assert_eq!(both.group.unwrap().members, ["actors/ann", "actors/bob"]);
    assert!(one.into_inner().changed && !same.into_inner().changed);
    let get = GetGroupRequest { name: "groups/qa".into() };
    let read = app.actors().get_group(get).await.unwrap().into_inner().group.unwrap();
    assert_eq!(read.members, ["actors/bob"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_of_people_are_cut_into_pages() {
    let app = TestApp::start().await;
    app.project("abc").await;
    for id in ["ann", "bob"] {
        app.actor(id, "abc", Role::Viewer).await;
        group(&app, id, &[]).await;
    }

    let (mut actors, mut token) = (Vec::new(), String::new());
    loop {
        let list = ListActorsRequest { page_size: 3, page_token: token, ..Default::default() };
        let page = app.actors().list_actors(list).await.unwrap().into_inner();
        assert_eq!(actors.is_empty(), !page.cursor.is_empty(), "the first page has the cursor");
        actors.extend(page.actors.into_iter().map(|actor| actor.name));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    let list = ListGroupsRequest { page_size: 1, ..Default::default() };
    let groups = app.actors().list_groups(list).await.unwrap().into_inner();
    let list = ListMembersRequest { parent: "projects/abc".into(), ..Default::default() };
    let members = app.projects().list_members(list).await.unwrap().into_inner();

    assert_eq!(actors, ["actors/ann", "actors/bob", "actors/potts", "actors/root"]);
    assert_eq!(groups.groups[0].name, "groups/ann");
    assert!(!groups.next_page_token.is_empty());
    let members: Vec<_> = members.members.into_iter().map(|member| member.member).collect();
    assert_eq!(members, ["actors/ann", "actors/bob"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_is_a_member_of_a_project_once() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.actor("ann", "abc", Role::Viewer).await;
    let request = CreateMemberRequest {
        parent: "projects/abc".into(),
        member_id: "other".into(),
        member: Some(Member {
            member: "actors/ann".into(),
            role: Role::Admin.into(),
            ..Default::default()
        }),
        ..Default::default()
    };

    let twice = told(app.projects().create_member(request).await);

    assert_eq!(twice.why(), (Code::AlreadyExists, "RESOURCE_EXISTS"));
    assert_eq!(twice.blamed(), "potts.v1.Member projects/abc/members/ann");
    let get = GetMemberRequest { name: "projects/abc/members/ann".into() };
    let member = app.projects().get_member(get).await.unwrap().into_inner().member.unwrap();
    assert_eq!(member.role(), Role::Viewer);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_allowed_here_is_forbidden_on_other_replicas_soon_after() {
    let app = TestApp::start().await;
    let ann = app.stranger("ann").await;
    let data = tempfile::tempdir().unwrap();
    let config = crate::support::app::config(&app.database, data.path(), &[]);
    let other = potts::server::Server::start(config).await.unwrap();
    let channel = crate::support::app::channel(other.grpc_addr).await;
    let token = app.token("ann").await;
    let there = Clients::of(&channel, &token);
    assert!(enters(&ann).await && enters(&there).await);

    disable(&app, "ann").await;

    assert!(!enters(&ann).await, "here at once");
    eventually(PATIENCE, async || enters(&there).await, |enters| !enters).await;
    other.stop(PATIENCE).await;
}
