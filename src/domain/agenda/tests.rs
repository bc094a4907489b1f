use proptest::prelude::*;

use super::*;
use crate::domain::error::Reason;
use crate::domain::name::Principal;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn issue(number: i64) -> Item {
    let project = ProjectId::parse("id", "abc").unwrap();
    Item {
        name: ItemName::Issue(IssueName { project, number }),
        title: format!("issue {number}"),
        priority: 0,
        due_at: None,
        created_at: at(0),
        dependents: 0,
        of: Of::Issue {
            issue_type: "task".into(),
            status: "open".into(),
            category: Category::Todo,
            owner: ActorName::root(),
            updated_at: at(0),
        },
    }
}

fn held(number: i64, state: State, second: i64) -> Item {
    let ItemName::Issue(issue_name) = issue(1).name else { panic!("it is an issue") };
    let of = Of::Action {
        issue_title: String::new(),
        action_type: "take-action".into(),
        state,
        blocked: None,
        assignee: None,
        not_before: None,
        claimed_at: Some(at(second)),
        progress: None,
    };
    let name = ItemName::Action(ActionName { issue: issue_name, number });
    Item { name, of, priority: 1, ..issue(1) }
}

fn numbers(bucket: &[Item]) -> Vec<i64> {
    let number = |item: &Item| match &item.name {
        ItemName::Action(name) => name.number,
        ItemName::Issue(name) => name.number,
    };
    bucket.iter().map(number).collect()
}

fn standing(roles: &[(&str, Role)]) -> Standing {
    let role = |(id, role): &(&str, Role)| (ProjectId::parse("id", id).unwrap(), *role);
    Standing {
        principal: Principal::stored("actors/ann"),
        admin: false,
        roles: roles.iter().map(role).collect(),
        ..Standing::root()
    }
}

fn project(id: &str) -> ProjectId {
    ProjectId::parse("id", id).unwrap()
}

#[test]
fn each_word_of_the_order_decides_when_those_before_are_equal() {
    let items = vec![
        issue(9),
        issue(8),
        Item { created_at: at(-1), ..issue(7) },
        Item { dependents: 1, ..issue(6) },
        Item { dependents: 2, ..issue(5) },
        Item { due_at: Some(at(9)), ..issue(4) },
        Item { due_at: Some(at(8)), ..issue(3) },
        Item { priority: 5, ..issue(2) },
        Item { priority: 1, ..issue(1) },
    ];

    let agenda = Agenda { review: items, ..Agenda::default() }.arranged(20);

    assert_eq!(numbers(&agenda.review), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn what_has_begun_is_the_current_action() {
    let now = vec![
        held(1, State::Claimed, 1),
        held(2, State::Running, 3),
        Item { priority: 5, ..held(3, State::Running, 2) },
    ];

    let agenda = Agenda { now, ..Agenda::default() }.arranged(20);

    assert_eq!(numbers(&agenda.now), [3, 2, 1]);
}

#[test]
fn an_item_is_in_the_first_bucket_that_has_room_for_it() {
    let three = || vec![issue(1), issue(2), issue(3)];
    let agenda = Agenda { review: three(), aware: three(), prepare: three(), ..Agenda::default() };

    let agenda = agenda.arranged(1);

    let buckets = [&agenda.review, &agenda.aware, &agenda.prepare];
    assert_eq!(buckets.map(|bucket| numbers(bucket)), [vec![1], vec![2], vec![3]]);
}

proptest! {
    /// Nothing is listed twice, no bucket is over its size, and with rows enough none is left
    /// emptier than it must be.
    #[test]
    fn buckets_are_full_of_things_that_are_listed_once(
        review in proptest::collection::btree_set(0_i64..30, 0..20),
        aware in proptest::collection::btree_set(0_i64..30, 0..20),
        prepare in proptest::collection::btree_set(0_i64..30, 0..20),
        size in 1_usize..6,
    ) {
        let needs = Agenda::needs(size);
        let some = |numbers: &BTreeSet<i64>, need: usize| -> Vec<Item> {
            numbers.iter().take(need).map(|number| issue(*number)).collect()
        };
        let all = Agenda {
            review: some(&review, review.len()),
            aware: some(&aware, aware.len()),
            prepare: some(&prepare, prepare.len()),
            ..Agenda::default()
        };
        let few = Agenda {
            review: some(&review, needs[3]),
            aware: some(&aware, needs[4]),
            prepare: some(&prepare, needs[5]),
            ..Agenda::default()
        };

        let agenda = few.arranged(size);

        let listed = [&agenda.review, &agenda.aware, &agenda.prepare];
        prop_assert!(listed.iter().all(|bucket| bucket.len() <= size));
        let names: Vec<i64> = listed.iter().flat_map(|bucket| numbers(bucket)).collect();
        prop_assert_eq!(names.len(), names.iter().collect::<BTreeSet<_>>().len());
        prop_assert_eq!(agenda, all.arranged(size));
    }
}

#[test]
fn ones_own_agenda_is_of_where_one_has_a_role() {
    let ann = standing(&[("abc", Role::Viewer), ("abd", Role::Worker)]);
    let of = |asked: Option<&str>| projects_of(&ann, None, asked.map(project).as_ref());

    assert_eq!(of(None).unwrap(), Some([project("abc"), project("abd")].into()));
    assert_eq!(of(Some("abd")).unwrap(), Some([project("abd")].into()));
    assert_eq!(of(Some("abe")).unwrap_err().reason(), Reason::ResourceNotFound);
    assert_eq!(projects_of(&Standing::root(), None, None).unwrap(), None);
}

#[test]
fn anothers_agenda_is_of_where_one_is_manager() {
    let ann = standing(&[("abc", Role::Manager), ("abd", Role::Worker), ("abe", Role::Admin)]);
    let ben = standing(&[("abc", Role::Worker), ("abd", Role::Worker)]);
    let of = |caller: &Standing, actor: &Standing, asked: Option<&str>| {
        projects_of(caller, Some(actor), asked.map(project).as_ref())
    };
    let refused = |caller, actor, asked| of(caller, actor, asked).unwrap_err().reason();

    assert_eq!(of(&ann, &ben, None).unwrap(), Some([project("abc")].into()));
    assert_eq!(of(&ann, &ben, Some("abc")).unwrap(), Some([project("abc")].into()));
    assert_eq!(of(&ann, &ben, Some("abe")).unwrap(), Some(BTreeSet::new()));
    let managed = Some([project("abc"), project("abe")].into());
    assert_eq!(of(&ann, &Standing::root(), None).unwrap(), managed);
    assert_eq!(of(&Standing::root(), &ben, None).unwrap(), all_of(&ben));
    assert_eq!(refused(&ann, &ben, Some("abd")), Reason::RoleRequired);
    assert_eq!(refused(&ann, &ben, Some("abf")), Reason::ResourceNotFound);
    assert_eq!(refused(&ben, &ann, None), Reason::RoleRequired);
    assert_eq!(refused(&standing(&[]), &ann, None), Reason::RoleRequired);
}

#[test]
fn less_is_looked_at_where_there_are_many_projects() {
    assert_eq!([0, 1, 2, 10, 1_000].map(look), [500, 500, 250, 100, 100]);
}
