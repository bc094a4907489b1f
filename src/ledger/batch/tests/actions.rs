//! Random work on actions: however it is cut into batches, the same happens.

use std::collections::BTreeMap;

use super::*;
use crate::domain::action::{
    Action, ActionAsks, ActionEdit, ActionError, AddAction, CancelAction, ClaimAction,
    ClaimNextActions, CompleteAction, Dependency, DependsOn, Draw, FailAction, HeartbeatAction,
    Place, ReleaseAction, RepeatAction, Satisfy, SkipAction, StartAction, State,
};
use crate::domain::issue::{ActivateIssue, DeactivateIssue};
use crate::domain::name::ActionName;

impl Database {
    /// Adds the actions that are asked for, as the store finds them.
    pub fn find_actions(&self, footprint: &mut Footprint) {
        let asks = footprint.action_asks.clone();
        let ActionAsks { dependents_of, unfinished_of, all_of, holders_of, draws: _ } = &asks;
        let asked = |action: &&Action| {
            let on = |name| {
                action.name.issue == ActionName::clone(name).issue
                    && action.gates.iter().any(|gate| !gate.met && gate.is_on(name))
            };
            let key = (action.name.issue.clone(), action.unique_key.clone());
            let live = action.is_unfinished();
            all_of.contains(&action.name.issue)
                || live && unfinished_of.contains(&action.name.issue)
                || live && holders_of.contains(&key)
                || live && dependents_of.iter().any(on)
        };
        let found = self.actions.values().filter(asked).map(|action| action.name.clone());
        footprint.actions.extend(found.collect::<Vec<_>>());
        let drawn: Vec<ActionName> = self.drawn(footprint).into_values().flatten().collect();
        footprint.actions.extend(drawn);
    }

    /// What can be drawn, as the store draws it, where everybody may do everything.
    pub fn drawn(&self, footprint: &Footprint) -> BTreeMap<Draw, Vec<ActionName>> {
        let draw = |(draw, take): (&Draw, usize)| {
            let place = |action: &Action| match &action.place {
                Place::Ready(ready) => {
                    let rank = ready.ready_ms + i64::from(ready.line.level) * 60_000;
                    Some((rank, action.uid, action.name.clone()))
                }
                Place::Waiting(_) | Place::Leased(_) | Place::Ended(_) => None,
            };
            let mut ready: Vec<_> = self.actions.values().filter_map(place).collect();
            ready.sort();
            let names = ready.into_iter().map(|(_, _, name)| name).take(take);
            (draw.clone(), names.collect())
        };
        footprint.action_asks.takes().map(draw).collect()
    }
}

fn name(number: i64) -> ActionName {
    ActionName { issue: issue(1), number }
}

fn add(on: Vec<i64>, unique_key: &str, priority: i16) -> AddAction {
    let on: std::collections::BTreeSet<i64> = on.into_iter().collect();
    let dependency =
        |on: i64| Dependency { on: DependsOn::Action(name(on)), satisfy: Satisfy::default() };
    AddAction {
        issue: issue(1),
        action_type: String::new(),
        dependencies: on.into_iter().map(dependency).collect(),
        assignee: None,
        unique_key: unique_key.into(),
        edits: vec![ActionEdit::Title("t".into()), ActionEdit::Priority(priority)],
    }
}

fn work() -> impl Strategy<Value = Verb> {
    let named = || (1_i64..7).prop_map(name);
    let held = || (named(), 1_i64..4);
    let text = String::new;
    let error = || ActionError { name: "broken".into(), ..ActionError::default() };
    prop_oneof![
        6 => (proptest::collection::vec(1_i64..5, 0..3), "[a]{0,1}", 0_i16..6)
            .prop_map(|(on, key, priority)| add(on, &key, priority).into()),
        4 => named().prop_map(|name| ClaimAction { name }.into()),
        3 => (1_usize..4).prop_map(|max| {
            let (actor, action_types) = (ActorName::root(), Default::default());
            ClaimNextActions { project: project(), actor, action_types, max }.into()
        }),
        2 => held().prop_map(|(name, fence)| StartAction { name, fence }.into()),
        1 => held().prop_map(|(name, fence)| {
            HeartbeatAction { name, fence, progress: Some(50), note: None }.into()
        }),
        5 => held().prop_map(|(name, fence)| {
            CompleteAction { name, fence, result: None }.into()
        }),
        2 => (held(), any::<bool>()).prop_map(move |((name, fence), fatal)| {
            FailAction { name, fence, error: error(), fatal }.into()
        }),
        2 => held().prop_map(move |(name, fence)| {
            ReleaseAction { name, fence, reason: text() }.into()
        }),
        1 => named().prop_map(move |name| SkipAction { name, reason: text(), etag: None }.into()),
        2 => named().prop_map(move |name| CancelAction { name, reason: text(), etag: None }.into()),
        2 => (named(), any::<bool>()).prop_map(move |(name, cascade)| {
            RepeatAction { name, cascade, reason: text(), etag: None }.into()
        }),
        1 => Just(DeactivateIssue { name: issue(1), etag: None }.into()),
        2 => Just(ActivateIssue { name: issue(1), etag: None }.into()),
        1 => Just(close(issue(1), None).into()),
        1 => Just(ReopenIssue { name: issue(1), message: String::new(), etag: None }.into()),
    ]
}

fn with_an_issue() -> Database {
    let mut database = started();
    database.carry_out(&[pending(2, create_issue("work"))]);
    database
}

/// What holds of all actions after every command.
fn check(database: &Database) {
    for action in database.actions.values() {
        let issue = &database.issues[&action.name.issue];
        match action.state() {
            // Nothing starts before its gates.
            State::Ready | State::Claimed | State::Running => {
                assert!(action.gates.iter().all(|gate| gate.met), "{action:?}");
                let ready = action.state() == State::Ready;
                assert!(!ready || issue.active && !issue.is_closed(), "{action:?}");
            }
            State::Pending => assert!(!issue.is_closed(), "{action:?}"),
            State::Panicked => assert!(action.error.is_some(), "{action:?}"),
            State::Succeeded | State::Failed | State::Skipped | State::Cancelled => {
                assert!(action.ended_at.is_some(), "{action:?}");
            }
        }
        if let Some(lease) = action.place.lease() {
            assert_eq!(lease.fence, action.attempt, "the newest claim holds it");
        }
    }
    let keys = database.actions.values().filter(|a| a.is_unfinished() && !a.unique_key.is_empty());
    let mut keys: Vec<_> = keys.map(|action| (&action.name.issue, &action.unique_key)).collect();
    let all = keys.len();
    keys.dedup();
    assert_eq!(keys.len(), all, "a key has one holder");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// But for draws: what becomes ready within a batch is not there yet to be drawn.
    #[test]
    fn random_cuts_of_work_equal_batches_of_one(
        verbs in proptest::collection::vec((work(), any::<bool>()), 1..50),
    ) {
        let draws = |verb: &Verb| matches!(verb, Verb::ClaimNextActions(_));
        let verbs: Vec<_> = verbs.into_iter().filter(|(verb, _)| !draws(verb)).collect();
        let commands = || verbs.iter().enumerate().map(|(n, (verb, _))| {
            pending(u128::try_from(n).unwrap() + 10, verb.clone())
        });
        let (mut one_by_one, mut batched) = (with_an_issue(), with_an_issue());

        let mut expected = (Vec::new(), Vec::new());
        for command in commands() {
            let decided = one_by_one.carry_out(&[command]);
            expected.0.extend(told(&decided));
            expected.1.extend(decided.events.into_iter().map(|event| event.body));
        }
        let (mut seen, mut batch) = ((Vec::new(), Vec::new()), Vec::new());
        let ends = verbs.iter().map(|(_, cut)| *cut).chain([true]);
        for (command, cut) in commands().map(Some).chain([None]).zip(ends) {
            batch.extend(command);
            if cut {
                let decided = batched.carry_out(&std::mem::take(&mut batch));
                seen.0.extend(told(&decided));
                seen.1.extend(decided.events.into_iter().map(|event| event.body));
            }
        }

        prop_assert_eq!(seen, expected);
        prop_assert_eq!(&batched, &one_by_one);
        check(&batched);
    }

    /// No event without a change, no change without an event but a sign of life; versions count by
    /// one, and so do steps.
    #[test]
    fn work_and_its_events_are_one(verbs in proptest::collection::vec(work(), 1..60)) {
        let mut database = with_an_issue();
        for (n, verb) in verbs.into_iter().enumerate() {
            let before = database.clone();
            let beats = verb.rule().is_sign_of_life();
            let decided = database.carry_out(&[pending(u128::try_from(n).unwrap() + 10, verb)]);

            check(&database);
            prop_assert_eq!(decided.events.is_empty(), before == database || beats);
            prop_assert_eq!(decided.writes(), before != database || !decided.requests.is_empty());
            for (name, action) in &database.actions {
                let old = before.actions.get(name);
                let (version, step) = old.map_or((0, 0), |old| (old.version, old.step));
                prop_assert!((0..=1).contains(&(action.version - version)));
                prop_assert!((0..=1).contains(&(action.step - step)));
            }
        }
    }
}

#[test]
fn two_draws_of_a_batch_get_different_actions() {
    let mut database = with_an_issue();
    let draw = |id, max| {
        let (actor, action_types) = (ActorName::root(), Default::default());
        pending(id, ClaimNextActions { project: project(), actor, action_types, max })
    };
    for id in 10..15 {
        database.carry_out(&[pending(id, add(Vec::new(), "", 0))]);
    }

    let decided = database.carry_out(&[draw(20, 2), draw(21, 2), draw(22, 2), draw(23, 2)]);

    let told = told(&decided);
    let names: Vec<&str> = told[..3].iter().flat_map(|told| told.lines()).collect();
    assert_eq!(names.len(), 5, "{told:?}");
    assert_eq!(told[3], "projects/abc has nothing to claim");
    assert_eq!(decided.events.len(), 5);
}

#[test]
fn the_urgent_are_drawn_first() {
    let mut database = with_an_issue();
    for (id, priority) in [(10, 5), (11, 1), (12, 0)] {
        database.carry_out(&[pending(id, add(Vec::new(), "", priority))]);
    }
    let (actor, action_types) = (ActorName::root(), Default::default());
    let draw = ClaimNextActions { project: project(), actor, action_types, max: 1 };

    let first = database.carry_out(&[pending(20, draw)]);

    assert!(told(&first)[0].starts_with("projects/abc/issues/1/actions/2 "), "{first:?}");
}
