//! What the rules of actions promise, beside what batches of random commands show.

mod gates;

use std::collections::BTreeMap;

use jiff::SignedDuration;
use proptest::prelude::*;

use super::*;
use crate::domain::command::{Decide, Decision, Resource};
use crate::domain::configuration::{IssueKind, built_in};
use crate::domain::definition::Definitions;
use crate::domain::event::EventType;
use crate::domain::name::ProjectId;
use crate::domain::project::Project;
use crate::domain::working_set::{Rows, WorkingSet};

fn issue_name() -> IssueName {
    IssueName::parse("", "ABC-1").unwrap()
}

fn name(number: i64) -> ActionName {
    ActionName { issue: issue_name(), number }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn ready() -> Place {
    let line = Line { action_type: "take-action".into(), performers: BTreeSet::new(), level: 3 };
    Place::Ready(Ready { line, vkey: 5, ready_ms: 5, expires_at: None })
}

fn waiting(reason: Blocked) -> Place {
    Place::Waiting(Wait { reason, unmet: 0, due_at: None })
}

fn lease(actor: ActorName, started: bool) -> Lease {
    Lease {
        fence: 1,
        actor,
        claimed_at: Timestamp::UNIX_EPOCH,
        started_at: started.then_some(Timestamp::UNIX_EPOCH),
        deadline_at: Some(now() + SignedDuration::from_secs(30)),
        stop: None,
        step: String::new(),
        progress: None,
        note: String::new(),
        vkey: 5,
    }
}

/// An action that can be claimed.
pub(super) fn action() -> Action {
    Action {
        name: name(1),
        uid: Uuid::from_u128(1),
        version: 3,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        creator: ActorName::root(),
        title: "title".into(),
        description: String::new(),
        action_type: "take-action".into(),
        action_type_revision: 0,
        parameters: Fields::new(),
        assignee: None,
        candidates: BTreeSet::new(),
        priority: 0,
        unique_key: String::new(),
        not_before: None,
        due_at: None,
        expires_at: None,
        attempt: 0,
        last_outcome: None,
        failures: 0,
        losses: 0,
        backoff_ms: 0,
        retry_at: None,
        result: None,
        error: None,
        last_error: None,
        step: 2,
        ended_at: None,
        place: ready(),
        gates: Vec::new(),
    }
}

fn in_state(state: State) -> Action {
    let ended = |ended, last_outcome| Action {
        attempt: 1,
        last_outcome: Some(last_outcome),
        ended_at: Some(now()),
        place: Place::Ended(ended),
        ..action()
    };
    let leased = |started| Action {
        attempt: 1,
        place: Place::Leased(lease(ActorName::root(), started)),
        ..action()
    };
    match state {
        State::Pending => Action { place: waiting(Blocked::Time), ..action() },
        State::Ready => action(),
        State::Claimed => leased(false),
        State::Running => leased(true),
        State::Panicked => Action { place: waiting(Blocked::Panicked), attempt: 1, ..action() },
        State::Succeeded => ended(EndedState::Succeeded, AttemptOutcome::Succeeded),
        State::Failed => ended(EndedState::Failed, AttemptOutcome::Failed),
        State::Skipped => ended(EndedState::Skipped, AttemptOutcome::Cancelled),
        State::Cancelled => ended(EndedState::Cancelled, AttemptOutcome::Cancelled),
    }
}

fn issue() -> Issue {
    Issue {
        name: issue_name(),
        uid: Uuid::nil(),
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        creator: ActorName::root(),
        title: "title".into(),
        description: String::new(),
        workflow: "simple".into(),
        status: "open".into(),
        resolution: String::new(),
        priority: 0,
        parameters: Fields::new(),
        annotations: BTreeMap::new(),
        due_at: None,
        milestone: String::new(),
        closed_at: None,
        step: 0,
        deleted_at: None,
        issue_type: "task".into(),
        issue_type_revision: 0,
        kind: IssueKind::Task,
        workflow_revision: 0,
        category: built_in::workflow("simple").unwrap().category("open"),
        visible_to: None,
        active: true,
        owner: ActorName::root(),
        assignees: BTreeSet::new(),
        parent: None,
        thread: 1,
        depth: 0,
        open_children: 0,
        tags: BTreeSet::new(),
        dedup_key: String::new(),
    }
}

fn standing(actor: &ActorName, person: bool) -> Standing {
    let principal = actor.clone().into();
    let (groups, roles) = (BTreeSet::new(), BTreeMap::new());
    Standing { principal, active: true, person, admin: true, groups, roles }
}

fn definitions() -> Definitions {
    let id = ProjectId::parse("", "abc").unwrap();
    let project = Project {
        id: id.clone(),
        uid: Uuid::nil(),
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        creator: ActorName::root(),
        display_name: "ABC".into(),
        deleted_at: None,
    };
    let people = [(ActorName::root(), false), (ActorName::stored("actors/ann"), true)];
    let people = people.map(|(actor, person)| standing(&actor, person));
    let people = people.map(|standing| (standing.principal.clone(), Arc::new(standing)));
    Definitions {
        projects: [(id, Arc::new(project))].into(),
        standings: people.into(),
        ..Definitions::default()
    }
}

fn decide_as(
    caller: &ActorName,
    issue: Issue,
    actions: Vec<Action>,
    verb: &impl Decide,
) -> Result<Decision> {
    let names: BTreeSet<_> = actions.iter().map(|action| action.name.clone()).collect();
    let rows = WorkingSet {
        issues: Rows::load(&[issue_name()].into(), vec![issue]),
        actions: Rows::load(&names, actions),
        ..WorkingSet::default()
    };
    let definitions = definitions();
    let at = At { rows: &rows, definitions: &definitions, now: now(), caller, seed: Uuid::nil() };
    verb.decide(&at)
}

fn decide(action: Action, verb: &impl Decide) -> Result<Decision> {
    decide_as(&ActorName::root(), issue(), vec![action], verb)
}

fn of(decision: &Decision) -> &Action {
    let Resource::Action(action) = &decision.resource else { panic!("{:?}", decision.resource) };
    action
}

fn kinds(decision: &Decision) -> Vec<&'static str> {
    decision.events.iter().map(|event| event.kind.as_str()).collect()
}

fn claim() -> ClaimAction {
    ClaimAction { name: name(1) }
}

fn complete(fence: i64) -> CompleteAction {
    CompleteAction { name: name(1), fence, result: None }
}

fn fail(fatal: bool) -> FailAction {
    let error = ActionError { name: "broken".into(), ..ActionError::default() };
    FailAction { name: name(1), fence: 1, error, fatal }
}

fn release() -> ReleaseAction {
    ReleaseAction { name: name(1), fence: 1, reason: String::new() }
}

fn cancel() -> CancelAction {
    CancelAction { name: name(1), reason: "why".into(), etag: None }
}

/// What a verb makes of an action in each state: the state and the events, or why not.
fn table(verb: &impl Decide) -> Vec<String> {
    let row = |&state: &State| match decide(in_state(state), verb) {
        Ok(decision) => {
            let (after, events) = (of(&decision).state().as_str(), kinds(&decision).join(" "));
            format!("{}: {after} {events}", state.as_str())
        }
        Err(error) => format!("{}: {}", state.as_str(), error.reason().as_str()),
    };
    State::ALL.iter().map(row).collect()
}

/// The rows of a table in the order of states.
fn expected(rows: [&str; 9]) -> Vec<String> {
    State::ALL.iter().zip(rows).map(|(state, row)| format!("{}: {row}", state.as_str())).collect()
}

const WRONG: &str = "ACTION_STATE";
const STALE: &str = "FENCE_STALE";

/// What holders alone may say: stale wherever nobody holds it.
fn held(claimed: &'static str, running: &'static str) -> Vec<String> {
    expected([STALE, STALE, claimed, running, STALE, STALE, STALE, STALE, STALE])
}

/// Goal: every verb of a holder in every state does what the table of states says, and no more.
#[test]
fn every_verb_of_a_holder_in_every_state() {
    let start = StartAction { name: name(1), fence: 1 };
    assert_eq!(table(&start), held("RUNNING action.started", "RUNNING "));
    let beat = HeartbeatAction { name: name(1), fence: 1, progress: Some(5), note: None };
    assert_eq!(table(&beat), held("CLAIMED ", "RUNNING "));
    let done = "SUCCEEDED action.completed";
    let again = "SUCCEEDED ";
    assert_eq!(
        table(&complete(1)),
        expected([STALE, STALE, done, done, STALE, again, STALE, STALE, STALE])
    );
    let (failed, again) = ("PENDING action.failed", "FAILED ");
    assert_eq!(
        table(&fail(false)),
        expected([STALE, STALE, failed, failed, STALE, STALE, again, STALE, STALE])
    );
    let panicked = "PANICKED action.failed action.panicked";
    assert_eq!(
        table(&fail(true)),
        expected([STALE, STALE, panicked, panicked, STALE, STALE, again, STALE, STALE])
    );
    let released = "READY action.released";
    assert_eq!(table(&release()), held(released, released));
}

/// Goal: so does every verb of others.
#[test]
fn every_verb_of_others_in_every_state() {
    let (claimed, running) = ("CLAIMED ", "RUNNING ");
    let taken = "CLAIMED action.claimed";
    assert_eq!(
        table(&claim()),
        expected([WRONG, taken, claimed, running, WRONG, WRONG, WRONG, WRONG, WRONG])
    );
    let (claimed, running) = ("CLAIMED action.updated", "RUNNING action.updated");
    let (gone, so) = ("CANCELLED action.cancelled", "CANCELLED ");
    assert_eq!(
        table(&cancel()),
        expected([gone, gone, claimed, running, gone, WRONG, WRONG, WRONG, so])
    );
    let skip = SkipAction { name: name(1), reason: "why".into(), etag: None };
    let (left, so) = ("SKIPPED action.skipped", "SKIPPED ");
    assert_eq!(
        table(&skip),
        expected([left, left, claimed, running, left, WRONG, WRONG, so, WRONG])
    );
    let repeat = RepeatAction { name: name(1), cascade: false, reason: String::new(), etag: None };
    let again = "READY action.repeated";
    assert_eq!(
        table(&repeat),
        expected([WRONG, WRONG, WRONG, WRONG, WRONG, again, again, again, again])
    );
}

#[test]
fn who_was_slower_is_told_who_won() {
    let ann = ActorName::stored("actors/ann");
    let held = Action { attempt: 1, place: Place::Leased(lease(ann, false)), ..action() };

    let (error, said) = decide(held, &claim()).unwrap_err().into_details();

    assert_eq!(error.reason(), Reason::ClaimLost);
    assert_eq!(said["winner"], "actors/ann");
}

#[test]
fn only_whom_it_is_assigned_to_claims_it() {
    let ann = ActorName::stored("actors/ann");
    let assigned = Action { assignee: Some(ann.clone()), ..action() };

    let refused = decide(assigned.clone(), &claim()).unwrap_err();
    let claimed = decide_as(&ann, issue(), vec![assigned], &claim()).unwrap();

    assert_eq!(refused.reason(), Reason::NotPerformer);
    let lease = of(&claimed).place.lease().unwrap();
    assert_eq!((&lease.actor, lease.deadline_at), (&ann, None), "people hold without end");
}

#[test]
fn a_stale_fence_says_what_is_current() {
    let held = in_state(State::Running);

    let (error, said) = decide(held, &complete(7)).unwrap_err().into_details();

    assert_eq!(error.reason(), Reason::FenceStale);
    assert_eq!((&*said["sent"], &*said["current"], &*said["state"]), ("7", "1", "RUNNING"));
}

#[test]
fn another_than_the_holder_does_not_finish() {
    let ann = ActorName::stored("actors/ann");

    let refused = decide_as(&ann, issue(), vec![in_state(State::Running)], &complete(1));

    assert_eq!(refused.unwrap_err().reason(), Reason::NotPerformer);
}

#[test]
fn the_last_failure_allowed_panics() {
    let failing = Action { failures: 4, ..in_state(State::Running) };
    let first = decide(in_state(State::Running), &fail(false)).unwrap();

    let last = decide(failing, &fail(false)).unwrap();

    assert_eq!(of(&first).state(), State::Pending);
    assert!(of(&first).retry_at > Some(now()));
    assert_eq!(kinds(&last), ["action.failed", "action.panicked"]);
}

fn expire() -> ExpireLeases {
    ExpireLeases { actions: vec![name(1)] }
}

fn held_until(left_ms: i64) -> Action {
    let deadline_at = Some(now() + SignedDuration::from_millis(left_ms));
    let lease = Lease { deadline_at, ..lease(ActorName::root(), true) };
    Action { attempt: 1, place: Place::Leased(lease), ..action() }
}

#[test]
fn a_loss_counts_no_failure_and_the_fifth_panics() {
    let lost = decide(held_until(0), &expire()).unwrap();
    let poison = decide(Action { losses: 4, ..held_until(0) }, &expire()).unwrap();

    assert_eq!(kinds(&lost), ["action.released"]);
    assert_eq!(kinds(&poison), ["action.released", "action.panicked"]);
}

/// Goal: what is cancelled while somebody holds it may be ended by them for thirty seconds.
#[test]
fn a_holder_may_finish_what_was_cancelled_until_the_cut() {
    let asked = of(&decide(in_state(State::Running), &cancel()).unwrap()).clone();
    let stop = asked.place.lease().unwrap().stop.clone().unwrap();
    let cut = |at: Timestamp| {
        let mut action = asked.clone();
        let Place::Leased(lease) = &mut action.place else { panic!("{action:?}") };
        lease.stop = Some(Stop { at, ..stop.clone() });
        action
    };

    let finished = decide(asked.clone(), &complete(1)).unwrap();
    let late = decide(cut(now()), &complete(1)).unwrap_err();
    let ended = decide(cut(now()), &expire()).unwrap();
    let given_back = decide(asked, &release()).unwrap();

    assert_eq!(stop.at, now() + SignedDuration::from_secs(30));
    assert_eq!(of(&finished).state(), State::Succeeded);
    assert_eq!(late.reason(), Reason::FenceStale);
    assert_eq!(kinds(&ended), ["action.cancelled"]);
    assert_eq!(of(&given_back).state(), State::Cancelled);
}

proptest! {
    /// At every instant a claimed action belongs to its holder or to nobody, never to both.
    #[test]
    fn a_lease_has_one_owner(left_ms in -5_000_i64..5_000) {
        let holder_may_finish = decide(held_until(left_ms), &complete(1)).is_ok();
        let lease_may_end = decide(held_until(left_ms), &expire()).unwrap().changed();

        prop_assert_ne!(holder_may_finish, lease_may_end);
    }
}
