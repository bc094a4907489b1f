//! The rules of people, without a database.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::domain::command::{At, Decide, Decision, Resource};
use crate::domain::definition::Definitions;
use crate::domain::error::{Error, Reason, Result};
use crate::domain::name::{ActorName, GroupName, Principal, ProjectId};
use crate::domain::working_set::{Rows, WorkingSet};

fn actor_name(id: &str) -> ActorName {
    ActorName::stored(&format!("actors/{id}"))
}

fn group_name(id: &str) -> GroupName {
    GroupName::stored(&format!("groups/{id}"))
}

fn standing(who: Principal) -> Arc<Standing> {
    Arc::new(Standing { principal: who, admin: false, ..Standing::root() })
}

/// A rule, decided where there are these actors, these groups, and these people to speak of.
fn decide(
    rule: &dyn Decide,
    actors: Vec<Actor>,
    groups: Vec<Group>,
    people: &[Principal],
) -> Result<Decision> {
    let wanted = rule.footprint();
    let rows = WorkingSet {
        definitions: Rows::load(&wanted.definitions, Vec::new()),
        actors: Rows::load(&wanted.actors, actors),
        groups: Rows::load(&wanted.groups, groups),
        ..WorkingSet::default()
    };
    let standings: BTreeMap<_, _> =
        people.iter().map(|who| (who.clone(), standing(who.clone()))).collect();
    let definitions = Definitions { standings, ..Definitions::default() };
    rule.decide(&At {
        rows: &rows,
        definitions: &definitions,
        now: Timestamp::UNIX_EPOCH,
        caller: &ActorName::root(),
        seed: Uuid::from_u128(1),
    })
}

fn create(id: &str, edits: Vec<ActorEdit>) -> CreateActor {
    CreateActor { name: actor_name(id), edits }
}

fn actor(id: &str) -> Actor {
    let decision = decide(&create(id, Vec::new()), Vec::new(), Vec::new(), &[]).unwrap();
    let Resource::Actor(actor) = decision.resource else { panic!("an actor") };
    Actor::clone(&actor)
}

fn reason<T: std::fmt::Debug>(decided: Result<T>) -> Reason {
    decided.unwrap_err().reason()
}

#[test]
fn what_comes_with_the_service_stays_as_it_is() {
    for id in ["root", "potts"] {
        let (name, etag) = (actor_name(id), None);
        let rules: [Box<dyn Decide>; 3] = [
            Box::new(DisableActor { name: name.clone(), etag: None }),
            Box::new(DeleteActor { name: name.clone(), etag: None }),
            Box::new(UpdateActor { name, etag, edits: vec![ActorEdit::Urn("urn:a:b".into())] }),
        ];
        for rule in &rules {
            let decided = decide(&**rule, vec![actor(id)], Vec::new(), &[]);
            assert_eq!(reason(decided), Reason::BuiltIn);
        }
    }
    let system = create("ann", vec![ActorEdit::Kind(ActorKind::System)]);
    assert_eq!(reason(decide(&system, Vec::new(), Vec::new(), &[])), Reason::BuiltIn);
}

#[test]
fn a_deleted_actor_is_gone_and_its_id_taken() {
    let deleted = Actor { deleted_at: Some(Timestamp::UNIX_EPOCH), ..actor("ann") };
    let (name, etag) = (actor_name("ann"), None);

    let enabled = decide(&EnableActor { name, etag }, vec![deleted.clone()], Vec::new(), &[]);
    let again = decide(&create("ann", Vec::new()), vec![deleted], Vec::new(), &[]);

    assert_eq!(reason(enabled), Reason::ResourceNotFound);
    assert_eq!(reason(again), Reason::ResourceExists);
}

#[test]
fn an_update_tells_what_was_and_what_is() {
    let (name, etag) = (actor_name("ann"), None);
    let edits = vec![ActorEdit::Admin(true), ActorEdit::Email(String::new())];

    let decided = decide(&UpdateActor { name, etag, edits }, vec![actor("ann")], Vec::new(), &[]);

    let decided = decided.unwrap();
    let [event] = decided.events.try_into().unwrap();
    assert_eq!(event.version, 2);
    assert_eq!(serde_json::to_string(&event.before).unwrap(), r#"{"admin":false}"#);
    assert_eq!(serde_json::to_string(&event.after).unwrap(), r#"{"admin":true}"#);
    assert_eq!(serde_json::to_string(&event.data).unwrap(), r#"{"changed":["admin"]}"#);
}

#[test]
fn fields_of_actors_are_what_they_say() {
    let is = |edit: ActorEdit| edit.check().is_ok();
    for zone in ["", "UTC", "Europe/Berlin", "America/Argentina/Buenos_Aires"] {
        assert!(is(ActorEdit::TimeZone(zone.into())), "{zone}");
    }
    for zone in ["Berlin", "Europe/Nowhere", "+02:00", "../etc/passwd", " "] {
        assert!(!is(ActorEdit::TimeZone(zone.into())), "{zone}");
    }
    for email in ["", "a@b", "a.b+c@example.org", "\"a@b\"@c"] {
        assert!(is(ActorEdit::Email(email.into())), "{email}");
    }
    for email in ["a", "@b", "a@", "a b@c", "a@b\n"] {
        assert!(!is(ActorEdit::Email(email.into())), "{email}");
    }
    for urn in ["", "urn:example:press", "URN:isbn:1:2"] {
        assert!(is(ActorEdit::Urn(urn.into())), "{urn}");
    }
    for urn in ["urn", "urn:", "urn:a", "urn:a:", "urn::a", "http://a", "urn:a:b c"] {
        assert!(!is(ActorEdit::Urn(urn.into())), "{urn}");
    }
}

#[test]
fn who_was_in_a_group_may_stay_and_nobody_unknown_comes_in() {
    let (ann, bob) = (Principal::from(actor_name("ann")), Principal::from(actor_name("bob")));
    let members = |members: &[&Principal]| {
        vec![GroupEdit::Members(members.iter().map(|&member| member.clone()).collect())]
    };
    let create = CreateGroup { name: group_name("qa"), edits: members(&[&ann]) };
    let unknown = decide(&create, Vec::new(), Vec::new(), &[]);
    assert!(matches!(unknown, Err(Error::NotFound { resource }) if resource == "actors/ann"));
    let created = decide(&create, Vec::new(), Vec::new(), std::slice::from_ref(&ann)).unwrap();
    let Resource::Group(group) = created.resource else { panic!("a group") };

    // Ann was deleted since: nobody speaks of her any more.
    let both = UpdateGroup { name: group_name("qa"), etag: None, edits: members(&[&ann, &bob]) };
    let people = [bob, group_name("qa").into()];
    let updated = decide(&both, Vec::new(), vec![Group::clone(&group)], &people);

    let Resource::Group(group) = updated.unwrap().resource else { panic!("a group") };
    assert_eq!(group.members.len(), 2);
}

fn role() -> impl Strategy<Value = Role> {
    prop::sample::select(Role::ALL)
}

proptest! {
    /// Roles are ordered: whoever has one may do what all the lower ones may.
    #[test]
    fn an_administrator_is_admin_everywhere(role in role(), admin: bool) {
        let project = ProjectId::parse("p", "abc").unwrap();
        let other = ProjectId::parse("p", "xyz").unwrap();
        let roles = [(project.clone(), role)].into();
        let standing = Standing { admin, roles, ..Standing::root() };

        let (here, there) = (standing.role(&project), standing.role(&other));

        prop_assert_eq!(here, Some(if admin { Role::Admin } else { role }));
        prop_assert_eq!(there, admin.then_some(Role::Admin));
    }
}
