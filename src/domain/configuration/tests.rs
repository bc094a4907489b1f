use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::command::{At, Decide as _, Decision, Resource};
use crate::domain::definition::{DefinitionKey, DefinitionVersion, Definitions};
use crate::domain::error::{Error, Reason, Result};
use crate::domain::name::{ConfigurationKind, Id, ProjectId};
use crate::domain::project::Project;
use crate::domain::workflow::{Category, Status, Transition, Workflow};
use crate::domain::working_set::{Change, Rows, WorkingSet};

fn project() -> ProjectId {
    ProjectId::parse("p", "abc").unwrap()
}

fn name(kind: ConfigurationKind, id: &str) -> ConfigurationName {
    ConfigurationName { project: project(), kind, id: Id::parse("id", id).unwrap() }
}

fn own() -> ConfigurationName {
    name(ConfigurationKind::Workflow, "own")
}

/// A project, and all that is configured in it.
#[derive(Default)]
struct World {
    revisions: Vec<Configuration>,
    version: i64,
}

impl World {
    fn carry_out<'a>(
        &mut self,
        decide: impl FnOnce(&At<'_>) -> Result<Decision> + 'a,
    ) -> Result<Decision> {
        let at = Timestamp::UNIX_EPOCH;
        let project = Project {
            id: project(),
            uid: Uuid::nil(),
            version: 1,
            created_at: at,
            updated_at: at,
            creator: ActorName::root(),
            display_name: "ABC".into(),
            deleted_at: None,
        };
        let configured = Configurations::of(self.revisions.clone());
        let definitions = Definitions {
            projects: [(project.id.clone(), Arc::new(project))].into(),
            configurations: [(self::project(), Arc::new(configured))].into(),
            ..Definitions::default()
        };
        let key = DefinitionKey::configuration(self::project());
        let version = DefinitionVersion { key: key.clone(), version: self.version };
        let rows = WorkingSet {
            definitions: Rows::load(&[key].into(), vec![version]),
            ..WorkingSet::default()
        };
        let caller = ActorName::root();
        let at = At {
            rows: &rows,
            definitions: &definitions,
            now: at,
            caller: &caller,
            seed: Uuid::nil(),
        };
        let decision = decide(&at)?;
        for change in &decision.changes {
            if let Change::Configuration(new) = change {
                self.revisions.push(Configuration::clone(new));
            }
            if let Change::DefinitionVersion(new) = change {
                self.version = new.version;
            }
        }
        Ok(decision)
    }

    fn create(&mut self, name: ConfigurationName, body: Body) -> Result<Decision> {
        self.carry_out(|at| CreateWorkflow(Create { name, body }).decide(at))
    }

    fn rename(&mut self, display_name: &str, etag: Option<String>) -> Result<Decision> {
        let from = Body::Workflow(Workflow { display_name: display_name.into(), ..sound() });
        let (name, fields) = (own(), vec!["display_name"]);
        let update = Update { name, etag, fields, from, status_mapping: BTreeMap::new() };
        self.carry_out(|at| UpdateWorkflow(update).decide(at))
    }

    fn delete(&mut self, name: ConfigurationName) -> Result<Decision> {
        self.carry_out(|at| DeleteWorkflow(Delete { name, etag: None }).decide(at))
    }
}

fn sound() -> Workflow {
    built_in::workflow("simple").unwrap().clone()
}

fn reason(decided: Result<Decision>) -> Reason {
    decided.unwrap_err().reason()
}

/// The field that a check blames.
fn blamed(change: impl FnOnce(&mut Workflow)) -> String {
    let mut workflow = sound();
    change(&mut workflow);
    match check("workflow", &Body::Workflow(workflow)) {
        Err(Error::Invalid { field, .. }) => field,
        Err(Error::Exhausted { reason, .. }) => reason.as_str().into(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_a_workflow_says_must_fit_together() {
    assert_eq!(blamed(|w| w.statuses.clear()), "workflow.statuses");
    assert_eq!(blamed(|w| w.statuses[1].id = "open".into()), "workflow.statuses[1].id");
    assert_eq!(blamed(|w| w.statuses[1].id = "In-Progress".into()), "workflow.statuses[1].id");
    assert_eq!(blamed(|w| w.initial_status = "none".into()), "workflow.initial_status");
    assert_eq!(blamed(|w| w.initial_status = "closed".into()), "workflow.initial_status");
    assert_eq!(blamed(|w| w.transitions[0].to = "none".into()), "workflow.transitions[0].to");
    assert_eq!(blamed(|w| w.transitions[0].from.clear()), "workflow.transitions[0].from");
    let unknown = blamed(|w| w.transitions[2].from[1] = "none".into());
    assert_eq!(unknown, "workflow.transitions[2].from[1]");
    let many = |w: &mut Workflow| {
        let status = |n| Status { id: format!("s{n}"), ..w.statuses[0].clone() };
        let more: Vec<Status> = (0..98).map(status).collect();
        w.statuses.extend(more);
    };
    assert_eq!(blamed(many), "LIMIT_REACHED");
    let many = |w: &mut Workflow| {
        let transition = |n| Transition { id: format!("t{n}"), ..w.transitions[0].clone() };
        w.transitions = (0..1_001).map(transition).collect();
    };
    assert_eq!(blamed(many), "LIMIT_REACHED");
}

#[test]
fn what_an_action_type_says_is_bounded() {
    let refused = |change: fn(&mut ActionType)| {
        let mut action_type = built_in::action_type("take-action").unwrap().clone();
        change(&mut action_type);
        check("t", &Body::ActionType(action_type)).unwrap_err().to_string()
    };

    for (change, field) in [
        ((|t| t.attempts_max = 0) as fn(&mut ActionType), "t.attempts_max"),
        (|t| t.losses_max = 101, "t.losses_max"),
        (|t| t.lease = Some(jiff::SignedDuration::from_secs(9)), "t.lease"),
        (|t| t.lease = Some(jiff::SignedDuration::from_secs(601)), "t.lease"),
        (|t| t.expire_after = Some(jiff::SignedDuration::ZERO), "t.expire_after"),
        (|t| t.steps = vec!["a".into(), "a".into()], "t.steps[1]"),
        (|t| t.steps = vec!["A".into()], "t.steps[0]"),
    ] {
        assert!(refused(change).starts_with(field), "{field}");
    }
}

#[test]
fn a_workflow_that_a_type_refers_to_stays() {
    let mut world = World::default();
    world.create(own(), Body::Workflow(sound())).unwrap();
    let task = built_in::issue_type("task").unwrap().clone();
    let body = Body::IssueType(IssueType { workflow: "own".into(), ..task.clone() });
    let of_type = name(ConfigurationKind::IssueType, "mine");
    world.create(of_type.clone(), body).unwrap();
    let body = Body::IssueType(IssueType { workflow: "none".into(), ..task });

    assert_eq!(reason(world.delete(own())), Reason::InUse);
    let other = name(ConfigurationKind::IssueType, "other");
    assert_eq!(reason(world.create(other, body)), Reason::FieldInvalid);
    world.delete(of_type).unwrap();
    world.delete(own()).unwrap();
}

#[test]
fn nobody_is_named_who_does_not_exist() {
    let mut workflow = sound();
    let nobody = crate::domain::name::GroupName::of(&Id::parse("g", "nobody").unwrap());
    workflow.statuses[0].visible_to = vec![nobody];

    let refused = World::default().create(own(), Body::Workflow(workflow)).unwrap_err();

    assert!(refused.to_string().starts_with("workflow.statuses[0].visible_to[0]"), "{refused}");
}

#[test]
fn a_mask_changes_what_it_names_and_nothing_else() {
    let other = Workflow { display_name: "Other".into(), ..Workflow::clone(&sound()) };
    for &kind in ConfigurationKind::ALL {
        assert!(Body::fields(kind).contains(&"display_name"));
    }
    let (old, other) = (Body::Workflow(sound()), Body::Workflow(other));

    assert_eq!(old.with(&["display_name"], &other), other);
    assert_eq!(old.with(&["statuses", "transitions", "initial_status"], &other), old);
    assert_eq!(other.changed(&old), ["display_name"]);
}

#[derive(Clone, Debug)]
enum Step {
    Create,
    Rename(u8, bool),
    Delete,
}

proptest! {
    /// Revisions are dense, say what they said for ever, and there is one event for each.
    #[test]
    fn every_change_is_a_revision_that_never_changes_again(
        steps in prop::collection::vec(
            prop_oneof![
                2 => Just(Step::Create),
                6 => (0..3_u8, any::<bool>()).prop_map(|(n, stale)| Step::Rename(n, stale)),
                1 => Just(Step::Delete),
            ],
            0..20,
        ),
    ) {
        let mut world = World::default();
        let mut seen: Vec<Configuration> = Vec::new();
        for step in steps {
            let newest = world.revisions.last().cloned();
            let is_live = newest.as_ref().is_some_and(|newest| newest.deleted_at.is_none());
            let decided = match step {
                Step::Create => world.create(own(), Body::Workflow(sound())),
                Step::Rename(n, stale) => {
                    let etag = stale.then(|| "v0".to_owned());
                    world.rename(&format!("Name {n}"), etag)
                }
                Step::Delete => world.delete(own()),
            };
            match decided {
                Ok(decision) if decision.changed() => {
                    prop_assert_eq!(decision.events.len(), 1);
                    let new = world.revisions.last().cloned().unwrap();
                    prop_assert_eq!(new.revision, newest.map_or(0, |newest| newest.revision) + 1);
                    prop_assert_eq!(decision.resource, Resource::from(Arc::new(new.clone())));
                    prop_assert_eq!(world.version, new.revision);
                    seen.push(new);
                }
                Ok(decision) => prop_assert!(decision.changes.is_empty()),
                Err(Error::Exists { .. }) => prop_assert!(newest.is_some()),
                Err(Error::NotFound { .. }) => prop_assert!(!is_live),
                Err(Error::Conflict { reason, .. }) => {
                    prop_assert_eq!(reason, Reason::EtagMismatch);
                    prop_assert!(is_live);
                }
                Err(other) => prop_assert!(false, "{other}"),
            }
            prop_assert_eq!(&world.revisions, &seen);
        }
    }

    /// A check either refuses a workflow or every id in it leads somewhere.
    #[test]
    fn what_is_sound_leads_somewhere(
        statuses in prop::collection::vec((0..4_u8, 0..3_usize), 0..4),
        moves in prop::collection::vec((0..4_u8, 0..4_u8, 0..4_u8), 0..4),
        initial in 0..4_u8,
    ) {
        let categories = [Category::Todo, Category::Done, Category::Cancelled];
        let workflow = Workflow {
            display_name: String::new(),
            initial_status: format!("s{initial}"),
            statuses: statuses.iter().map(|&(id, category)| Status {
                id: format!("s{id}"),
                category: categories[category],
                visible_to: Vec::new(),
                predicate: String::new(),
            }).collect(),
            transitions: moves.iter().map(|&(id, from, to)| Transition {
                id: format!("t{id}"),
                from: vec![format!("s{from}")],
                to: format!("s{to}"),
                ..sound().transitions[0].clone()
            }).collect(),
        };

        if check("w", &Body::Workflow(workflow.clone())).is_ok() {
            let ids: BTreeSet<&str> = workflow.statuses.iter().map(|s| s.id.as_str()).collect();
            prop_assert_eq!(ids.len(), workflow.statuses.len());
            prop_assert!(!workflow.category(&workflow.initial_status).closes());
            for transition in &workflow.transitions {
                prop_assert!(ids.contains(transition.to.as_str()));
                prop_assert!(transition.from.iter().all(|from| ids.contains(from.as_str())));
            }
        }
    }
}
