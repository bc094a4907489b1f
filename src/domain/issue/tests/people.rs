//! Who may give issues to whom, and when work goes on.

use super::*;
use crate::domain::name::Id;
use crate::domain::people::{Role, Standing};

fn actor(id: &str) -> ActorName {
    ActorName::of(&Id::parse("", id).unwrap())
}

fn who(name: &str) -> Principal {
    Principal::parse("", name).unwrap()
}

fn set(names: &[&str]) -> BTreeSet<Principal> {
    names.iter().map(|name| who(name)).collect()
}

/// Ann works, Bob reports, Max manages; Zoe is disabled, Eve has no role; there is one group.
fn people() -> Definitions {
    let abc = ProjectId::parse("", "abc").unwrap();
    let standing = |name: &str, active, role: Option<Role>| {
        let principal = who(name);
        let roles = role.map(|role| (abc.clone(), role)).into_iter().collect();
        let standing = Standing {
            principal: principal.clone(),
            person: true,
            active,
            admin: false,
            groups: BTreeSet::new(),
            roles,
        };
        (principal, Arc::new(standing))
    };
    let standings = [
        standing("actors/ann", true, Some(Role::Worker)),
        standing("actors/bob", true, Some(Role::Reporter)),
        standing("actors/max", true, Some(Role::Manager)),
        standing("actors/zoe", false, Some(Role::Worker)),
        standing("actors/eve", true, None),
        standing("groups/qa", true, None),
    ];
    Definitions { standings: standings.into(), ..definitions() }
}

fn decide_by(caller: &str, issue: Issue, verb: &impl Decide) -> Result<Decision> {
    let rows = WorkingSet {
        issues: Rows::load(&BTreeSet::from([name()]), vec![issue]),
        ..WorkingSet::default()
    };
    let (definitions, caller) = (people(), actor(caller));
    let (rows, definitions) = (&rows, &definitions);
    verb.decide(&At { rows, definitions, now: now(), caller: &caller, seed: Uuid::nil() })
}

fn owned_by_bob() -> Issue {
    Issue { owner: actor("bob"), assignees: set(&["actors/zoe"]), ..issue("open") }
}

fn assign(add: &[&str], remove: &[&str], owner: Option<&str>) -> AssignIssue {
    AssignIssue {
        name: name(),
        add: set(add),
        remove: set(remove),
        owner: owner.map(actor),
        etag: None,
    }
}

#[test]
fn a_worker_speaks_for_itself_and_the_owner_for_everybody() {
    let told = |caller: &str, verb: &AssignIssue| match decide_by(caller, owned_by_bob(), verb) {
        Ok(decision) => types(&decision).join(" "),
        Err(error) => error.reason().as_str().to_owned(),
    };
    let oneself = assign(&["actors/ann"], &[], None);
    let another = assign(&["actors/max"], &[], None);
    let away = assign(&[], &["actors/zoe"], None);
    let owner = assign(&[], &[], Some("ann"));

    for (caller, verb, expected) in [
        ("ann", &oneself, "issue.assigned"),
        ("ann", &another, "ROLE_REQUIRED"),
        ("ann", &away, "ROLE_REQUIRED"),
        ("ann", &owner, "ROLE_REQUIRED"),
        ("bob", &another, "issue.assigned"),
        ("bob", &away, "issue.assigned"),
        ("bob", &owner, "issue.assigned"),
        ("max", &another, "issue.assigned"),
        ("max", &owner, "issue.assigned"),
    ] {
        assert_eq!(told(caller, verb), expected, "{caller}: {verb:?}");
    }
}

#[test]
fn work_is_given_to_active_members_and_to_groups() {
    let given = |name: &str| {
        decide_by("max", owned_by_bob(), &assign(&[name], &[], None)).map_err(|e| e.reason())
    };

    for right in ["actors/ann", "actors/bob", "groups/qa"] {
        assert!(given(right).is_ok(), "{right}");
    }
    for wrong in ["actors/eve", "actors/nobody", "groups/none"] {
        assert_eq!(given(wrong).unwrap_err(), Reason::FieldInvalid, "{wrong}");
    }
    let owner = |id: &str| decide_by("max", owned_by_bob(), &assign(&[], &[], Some(id)));
    assert!(owner("ann").is_ok() && owner("zoe").is_err() && owner("eve").is_err());
    // Whoever has it already keeps it, disabled or not.
    assert!(types(&given("actors/zoe").unwrap()).is_empty());
}

#[test]
fn an_assignment_tells_who_came_and_who_went() {
    let verb = assign(&["actors/ann", "groups/qa"], &["actors/zoe", "actors/max"], Some("max"));

    let decision = decide_by("max", owned_by_bob(), &verb).unwrap();

    let (issue, event) = (becomes(&decision), &decision.events[0]);
    assert_eq!(issue.assignees, set(&["actors/ann", "groups/qa"]));
    assert_eq!(event.data["added"], json!(["actors/ann", "groups/qa"]));
    assert_eq!(event.data["removed"], json!(["actors/zoe"]));
    assert_eq!(
        (&event.before["owner"], &event.after["owner"]),
        (&json!("actors/bob"), &json!("actors/max"))
    );
    assert_eq!((issue.version, event.version), (4, 4));
    let again = decide_by("max", issue.clone(), &verb).unwrap();
    assert!(types(&again).is_empty());
}

#[test]
fn at_most_20_work_on_an_issue() {
    let groups: BTreeSet<_> = (0..20).map(|n| who(&format!("groups/g{n}"))).collect();
    let full = Issue { assignees: groups, ..issue("open") };

    let over = decide_by("max", full.clone(), &assign(&["groups/qa"], &[], None)).unwrap_err();
    let swap = decide_by("max", full, &assign(&["groups/qa"], &["groups/g1"], None));

    assert_eq!(over.reason(), Reason::LimitReached);
    assert!(swap.is_ok());
}

/// The rows of the table that are about people and activity, in each state.
#[test]
fn states_allow_what_is_written() {
    let told = |issue: Issue, verb: &dyn Decide| {
        let rows = WorkingSet {
            issues: Rows::load(&BTreeSet::from([name()]), vec![issue]),
            ..WorkingSet::default()
        };
        let (definitions, caller) = (people(), actor("max"));
        let (rows, definitions) = (&rows, &definitions);
        let at = At { rows, definitions, now: now(), caller: &caller, seed: Uuid::nil() };
        match verb.decide(&at) {
            Ok(decision) => format!("{:?}", types(&decision)),
            Err(error) => error.reason().as_str().to_owned(),
        }
    };
    let (on, off) =
        (ActivateIssue { name: name(), etag: None }, DeactivateIssue { name: name(), etag: None });
    let ann = assign(&["actors/ann"], &[], None);
    let nobody = assign(&[], &[], None);
    let inactive = |status| Issue { active: false, ..issue(status) };
    let rows: Vec<(Issue, &dyn Decide, &str)> = vec![
        (issue("open"), &on, "[]"),
        (issue("open"), &off, r#"["issue.deactivated"]"#),
        (inactive("open"), &on, r#"["issue.activated"]"#),
        (inactive("open"), &off, "[]"),
        (issue("closed"), &on, "[]"),
        (issue("closed"), &off, "ISSUE_CLOSED"),
        (inactive("closed"), &on, "ISSUE_CLOSED"),
        (inactive("closed"), &off, "[]"),
        (issue("open"), &ann, r#"["issue.assigned"]"#),
        (issue("closed"), &ann, "ISSUE_CLOSED"),
        (issue("closed"), &nobody, "[]"),
    ];
    for (issue, verb, expected) in rows {
        let (status, active) = (issue.status.clone(), issue.active);
        assert_eq!(told(issue, verb), expected, "{status}, active {active}");
    }
}
