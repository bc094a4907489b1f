//! Projects, actors, groups and members that differ in everything.

use potts::proto::{
    Actor, ActorKind, CreateActorRequest, CreateGroupRequest, CreateProjectRequest,
    DisableActorRequest, Group, GroupKind, Project, Role,
};

use crate::support::TestApp;

/// Some of each.
pub async fn with_people() -> TestApp {
    let app = TestApp::start().await;
    for (id, name) in [("abc", "The house"), ("b1", ""), ("c", "a*"), ("d0", "\u{e4}")] {
        let project = Some(Project { display_name: name.into(), ..Default::default() });
        let request = CreateProjectRequest { project_id: id.into(), project, ..Default::default() };
        app.projects().create_project(request).await.unwrap();
    }
    let kinds = [ActorKind::Person, ActorKind::Machine];
    let roles = [Role::Viewer, Role::Reporter, Role::Worker, Role::Manager, Role::Admin];
    for n in 0..12_usize {
        let actor = Actor {
            kind: kinds[n % 2].into(),
            display_name: ["", "Ann", "ann", "two words", "a*"][n % 5].into(),
            email: if n % 2 == 0 { format!("a{n}@example.com") } else { String::new() },
            time_zone: ["", "", "Europe/Berlin"][n % 3].into(),
            admin: n % 4 == 0,
            ..Default::default()
        };
        let actor_id = format!("a{n}");
        let request = CreateActorRequest { actor_id, actor: Some(actor), ..Default::default() };
        app.actors().create_actor(request).await.unwrap();
        app.member(&format!("actors/a{n}"), "abc", roles[n % 5]).await;
    }
    for n in [3, 7] {
        let request = DisableActorRequest { name: format!("actors/a{n}"), ..Default::default() };
        app.actors().disable_actor(request).await.unwrap();
    }
    let kinds = [GroupKind::Team, GroupKind::Department, GroupKind::Skillset, GroupKind::Duty];
    for n in 0..8_usize {
        let members = (0..n % 3).map(|m| format!("actors/a{m}")).collect();
        let display_name = ["", "QA", "qa"][n % 3].into();
        let kind = kinds[n % 4].into();
        let group = Some(Group { kind, display_name, members, ..Default::default() });
        let group_id = format!("g{n}");
        let request = CreateGroupRequest { group_id, group, ..Default::default() };
        app.actors().create_group(request).await.unwrap();
    }
    app
}
