//! Commands on projects, people and types: on such that no caller needs.

use std::collections::BTreeMap;

use potts::proto::*;

use super::commands::Command;
use super::draw::{Draw, Maker};
use super::town::{deploy, guarded, issue_type};

/// What makes them, and how often.
pub const MAKERS: &[(usize, Maker)] = &[
    (2, create_project),
    (2, update_project),
    (2, delete_project),
    (4, create_member),
    (3, update_member),
    (3, delete_member),
    (2, create_actor),
    (2, update_actor),
    (3, enable_actor),
    (3, disable_actor),
    (2, create_group),
    (2, update_group),
    (2, delete_group),
    (2, create_action_type),
    (3, update_action_type),
    (2, delete_action_type),
    (2, create_issue_type),
    (2, update_issue_type),
    (2, delete_issue_type),
    (2, create_workflow),
    (3, update_workflow),
    (2, delete_workflow),
];

const PROJECTS: [&str; 6] = ["tmp", "tmq", "tmr", "tms", "abc", "No"];
const ACTORS: [&str; 6] = ["one", "one", "two", "three", "four", "No"];
const GROUPS: [&str; 5] = ["some", "more", "less", "none", "No"];
const TYPES: [&str; 5] = ["own", "other", "older", "newer", "No"];

fn create_project(draw: &mut Draw<'_>) -> Command {
    let project = Some(Project { display_name: draw.title(), ..Default::default() });
    let project_id = draw.rng.pick(&PROJECTS).into();
    CreateProjectRequest { project_id, project, ..Default::default() }.into()
}

fn update_project(draw: &mut Draw<'_>) -> Command {
    let name = format!("projects/{}", draw.rng.pick(&PROJECTS));
    let (etag, display_name) = (draw.etag(&name), draw.title());
    let project = Some(Project { name, etag, display_name, ..Default::default() });
    let update_mask = draw.mask(&[(9, "display_name"), (1, "colour")]);
    UpdateProjectRequest { project, update_mask, ..Default::default() }.into()
}

fn delete_project(draw: &mut Draw<'_>) -> Command {
    let name = format!("projects/{}", draw.rng.pick(&PROJECTS));
    let etag = draw.etag(&name);
    DeleteProjectRequest { name, etag, force: false, ..Default::default() }.into()
}

fn role(draw: &mut Draw<'_>) -> i32 {
    draw.rng.pick(&[Role::Viewer, Role::Worker, Role::Manager, Role::Unspecified]).into()
}

fn create_member(draw: &mut Draw<'_>) -> Command {
    let member = format!("actors/{}", draw.rng.pick(&ACTORS));
    let member = Some(Member { member, role: role(draw), ..Default::default() });
    let parent = "projects/abc".into();
    CreateMemberRequest { parent, member, ..Default::default() }.into()
}

fn member(draw: &mut Draw<'_>) -> String {
    format!("projects/abc/members/{}", draw.rng.pick(&ACTORS))
}

fn update_member(draw: &mut Draw<'_>) -> Command {
    let name = member(draw);
    let etag = draw.etag(&name);
    let member = Some(Member { name, etag, role: role(draw), ..Default::default() });
    UpdateMemberRequest { member, update_mask: None, ..Default::default() }.into()
}

fn delete_member(draw: &mut Draw<'_>) -> Command {
    let name = member(draw);
    let etag = draw.etag(&name);
    DeleteMemberRequest { name, etag, ..Default::default() }.into()
}

fn create_actor(draw: &mut Draw<'_>) -> Command {
    let actor_id = draw.rng.pick(&ACTORS).into();
    let actor = Some(Actor { display_name: draw.title(), ..Default::default() });
    CreateActorRequest { actor_id, actor, ..Default::default() }.into()
}

fn actor(draw: &mut Draw<'_>) -> (String, String) {
    let name = format!("actors/{}", draw.rng.pick(&ACTORS));
    let etag = draw.etag(&name);
    (name, etag)
}

fn update_actor(draw: &mut Draw<'_>) -> Command {
    let (name, etag) = actor(draw);
    let actor = Some(Actor { name, etag, display_name: draw.title(), ..Default::default() });
    let update_mask = draw.mask(&[(6, "display_name"), (1, "time_zone"), (1, "state")]);
    UpdateActorRequest { actor, update_mask, ..Default::default() }.into()
}

fn enable_actor(draw: &mut Draw<'_>) -> Command {
    let (name, etag) = actor(draw);
    EnableActorRequest { name, etag, ..Default::default() }.into()
}

fn disable_actor(draw: &mut Draw<'_>) -> Command {
    let (name, etag) = actor(draw);
    DisableActorRequest { name, etag, ..Default::default() }.into()
}

fn group(draw: &mut Draw<'_>) -> Group {
    let members = draw.people();
    Group { kind: GroupKind::Team.into(), display_name: draw.title(), members, ..Group::default() }
}

fn create_group(draw: &mut Draw<'_>) -> Command {
    let (group_id, group) = (draw.rng.pick(&GROUPS).into(), Some(group(draw)));
    CreateGroupRequest { group_id, group, ..Default::default() }.into()
}

fn update_group(draw: &mut Draw<'_>) -> Command {
    let name = format!("groups/{}", draw.rng.pick(&GROUPS));
    let etag = draw.etag(&name);
    let group = Some(Group { name, etag, ..group(draw) });
    let update_mask = draw.mask(&[(3, "members"), (3, "display_name"), (1, "kind")]);
    UpdateGroupRequest { group, update_mask, ..Default::default() }.into()
}

fn delete_group(draw: &mut Draw<'_>) -> Command {
    let name = format!("groups/{}", draw.rng.pick(&GROUPS));
    let etag = draw.etag(&name);
    DeleteGroupRequest { name, etag, ..Default::default() }.into()
}

/// The name of a piece of configuration, and an etag.
fn piece(draw: &mut Draw<'_>, plural: &str) -> (String, String) {
    let name = format!("projects/abc/{plural}/{}", draw.rng.pick(&TYPES));
    let etag = draw.etag(&name);
    (name, etag)
}

fn create_action_type(draw: &mut Draw<'_>) -> Command {
    let (parent, action_type_id) = ("projects/abc".into(), draw.rng.pick(&TYPES).into());
    let action_type = Some(ActionType { name: String::new(), ..deploy(draw.number(5)) });
    CreateActionTypeRequest { parent, action_type_id, action_type, ..Default::default() }.into()
}

fn update_action_type(draw: &mut Draw<'_>) -> Command {
    let action_type = deploy(1 + draw.number(3));
    let etag = draw.etag(&action_type.name);
    let action_type = Some(ActionType { etag, ..action_type });
    let update_mask = draw.mask(&[(5, "attempts_max"), (1, "lease"), (1, "colour")]);
    UpdateActionTypeRequest { action_type, update_mask, ..Default::default() }.into()
}

fn delete_action_type(draw: &mut Draw<'_>) -> Command {
    let (name, etag) = piece(draw, "actionTypes");
    DeleteActionTypeRequest { name, etag, ..Default::default() }.into()
}

fn create_issue_type(draw: &mut Draw<'_>) -> Command {
    let (parent, issue_type_id) = ("projects/abc".into(), draw.rng.pick(&TYPES).into());
    let issue_type = Some(IssueType { name: String::new(), ..issue_type("x", &[]) });
    CreateIssueTypeRequest { parent, issue_type_id, issue_type, ..Default::default() }.into()
}

fn update_issue_type(draw: &mut Draw<'_>) -> Command {
    let shown = draw.rng.pick(&[&[][..], &["groups/qa"], &["groups/none"]]);
    let issue_type = issue_type("guarded", shown);
    let etag = draw.etag(&issue_type.name);
    let issue_type = Some(IssueType { etag, ..issue_type });
    let update_mask = draw.mask(&[(5, "visible_to"), (1, "display_name"), (1, "colour")]);
    UpdateIssueTypeRequest { issue_type, update_mask, ..Default::default() }.into()
}

fn delete_issue_type(draw: &mut Draw<'_>) -> Command {
    let (name, etag) = piece(draw, "issueTypes");
    DeleteIssueTypeRequest { name, etag, ..Default::default() }.into()
}

fn create_workflow(draw: &mut Draw<'_>) -> Command {
    let (parent, workflow_id) = ("projects/abc".into(), draw.rng.pick(&TYPES).into());
    let workflow = Some(Workflow { name: String::new(), ..guarded(draw.rng.chance(50)) });
    CreateWorkflowRequest { parent, workflow_id, workflow, ..Default::default() }.into()
}

fn update_workflow(draw: &mut Draw<'_>) -> Command {
    let workflow = guarded(draw.rng.chance(50));
    let etag = draw.etag(&workflow.name);
    let status_mapping = match draw.rng.chance(60) {
        true => BTreeMap::from([("waiting".to_owned(), "doing".to_owned())]),
        false => BTreeMap::new(),
    };
    let workflow = Some(Workflow { etag, ..workflow });
    UpdateWorkflowRequest { workflow, status_mapping, ..Default::default() }.into()
}

fn delete_workflow(draw: &mut Draw<'_>) -> Command {
    let (name, etag) = piece(draw, "workflows");
    DeleteWorkflowRequest { name, etag, ..Default::default() }.into()
}
