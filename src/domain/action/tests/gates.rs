//! What depends on what: gates that open, gates that give up, and issues that hold work back.

use super::*;

fn gate_on(number: i64, satisfy: Satisfy) -> Gate {
    let on = GateOn::Action(name(number), Uuid::from_u128(1));
    Gate { on, satisfy, met: false, unsatisfiable: false }
}

fn behind(number: i64, on: i64) -> Action {
    Action {
        name: name(number),
        place: waiting(Blocked::Dependencies),
        gates: vec![gate_on(on, Satisfy::SuccessOrSkip)],
        ..action()
    }
}

#[test]
fn what_an_end_readies_is_told_with_it() {
    let actions = vec![in_state(State::Running), behind(2, 1), behind(3, 2)];

    let done = decide_as(&ActorName::root(), issue(), actions.clone(), &complete(1)).unwrap();
    let cancelled = in_state(State::Ready);
    let actions = vec![cancelled, behind(2, 1)];
    let blocked = decide_as(&ActorName::root(), issue(), actions, &cancel()).unwrap();

    assert_eq!(kinds(&done), ["action.completed", "action.readied"]);
    assert_eq!(done.events[1].subject, name(2).to_string());
    assert!(done.events.iter().all(|event| event.root == issue_name().to_string()));
    assert_eq!(kinds(&blocked), ["action.cancelled", "action.blocked"]);
    assert_eq!(blocked.events[1].data["reason"], "UNSATISFIABLE");
}

#[test]
fn a_repeat_lets_those_hope_that_had_given_up() {
    let mut hopeless = behind(2, 1);
    hopeless.gates[0].unsatisfiable = true;
    hopeless.place = waiting(Blocked::Unsatisfiable);
    let repeat = RepeatAction { name: name(1), cascade: false, reason: String::new(), etag: None };
    let actions = vec![in_state(State::Failed), hopeless];

    let repeated = decide_as(&ActorName::root(), issue(), actions, &repeat).unwrap();

    assert_eq!(kinds(&repeated), ["action.repeated", "action.blocked"]);
    assert_eq!(repeated.events[1].data["reason"], "DEPENDENCIES");
}

#[test]
fn a_cascade_repeats_what_ended_behind_it() {
    let done = |number, on| {
        let mut done = Action { name: name(number), ..in_state(State::Succeeded) };
        done.gates = vec![Gate { met: true, ..gate_on(on, Satisfy::Success) }];
        done
    };
    let actions = vec![in_state(State::Succeeded), done(2, 1), done(3, 2)];
    let repeat = |cascade| {
        let repeat = RepeatAction { name: name(1), cascade, reason: String::new(), etag: None };
        decide_as(&ActorName::root(), issue(), actions.clone(), &repeat).unwrap()
    };

    assert_eq!(kinds(&repeat(false)), ["action.repeated"]);
    assert_eq!(kinds(&repeat(true)), ["action.repeated"; 3]);
}

#[test]
fn a_key_that_another_has_taken_is_not_taken_back() {
    let keyed = |action: Action| Action { unique_key: "k".into(), ..action };
    let repeat = RepeatAction { name: name(1), cascade: false, reason: String::new(), etag: None };
    let other = keyed(Action { name: name(2), ..action() });
    let actions = vec![keyed(in_state(State::Failed)), other];

    let refused = decide_as(&ActorName::root(), issue(), actions, &repeat).unwrap_err();

    assert_eq!(refused.reason(), Reason::UniqueKeyTaken);
}

#[test]
fn an_inactive_issue_holds_back_what_was_ready() {
    let rows = |issue: &Issue, action: Action| WorkingSet {
        issues: Rows::load(&[issue_name()].into(), vec![issue.clone()]),
        actions: Rows::load(&[name(1)].into(), vec![action]),
        ..WorkingSet::default()
    };
    let told = |issue: &Issue, action: Action| {
        let (rows, definitions, caller) = (rows(issue, action), definitions(), ActorName::root());
        let (rows, definitions, seed) = (&rows, &definitions, Uuid::nil());
        let at = At { rows, definitions, now: now(), caller: &caller, seed };
        let (_, events) = readmit_all(&at, issue).unwrap();
        events.iter().map(|event| event.kind).collect::<Vec<_>>()
    };
    let held = Issue { active: false, ..issue() };
    let waits = Action { place: waiting(Blocked::IssueInactive), ..action() };

    assert_eq!(told(&held, action()), [EventType::ActionBlocked]);
    assert_eq!(told(&held, in_state(State::Running)), []);
    assert_eq!(told(&held, in_state(State::Panicked)), []);
    assert_eq!(told(&issue(), waits), [EventType::ActionReadied]);
}

proptest! {
    /// A gate that is settled is met or cannot be met, and stays met.
    #[test]
    fn a_settled_gate_is_decided(
        satisfy in 0_usize..4,
        ends in proptest::collection::vec(0_usize..4, 1..4),
    ) {
        use EndedState::{Cancelled, Failed, Skipped, Succeeded};
        let mut gate = gate_on(1, Satisfy::ALL[satisfy]);
        let mut was_met = false;
        for end in ends {
            gate.settle([Succeeded, Failed, Skipped, Cancelled][end]);
            prop_assert_ne!(gate.met, gate.unsatisfiable);
            prop_assert!(gate.met || !was_met);
            was_met = gate.met;
        }
    }
}
