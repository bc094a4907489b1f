//! The service against the model of what becomes of actions: the same answer to every verb, and the
//! same place of every action.

use futures_util::future::join_all;
use jiff::Timestamp;
use potts::proto::transition_issue_request::Move;
use potts::proto::*;
use prost_types::FieldMask;
use tonic::{Response, Status};
use tonic_types::StatusExt as _;

use super::draw::Held;
use super::machine::{End, Hope, Machine, Satisfy as Takes, State, Verb, Verdict};
use super::rng::{self, Rng};
use crate::support::app::PATIENCE;
use crate::support::work::{Hand, after, named};
use crate::support::{TestApp, eventually};

/// Issues that are worked on at the same time.
const ISSUES: usize = 8;
/// How often much time goes by.
const STRETCHES: u32 = 6;
/// A stretch of time: longer than every lease and every pause after a failure.
const STRETCH_SECONDS: i64 = 3_600;
/// Actions of an issue: few, so that they have to do with each other.
const ACTIONS_MAX: usize = 7;

/// An issue, as the model sees it and as the service does.
struct World<'a> {
    app: &'a TestApp,
    issue: i64,
    rng: Rng,
    machine: Machine,
    /// Who claims: a person, whose claims last, and a machine.
    hands: [(&'a str, Hand); 2],
    /// When the stretch of time began.
    now: Timestamp,
}

impl World<'_> {
    fn draw(&mut self) -> Verb {
        let count = self.machine.actions.len();
        let rng = &mut self.rng;
        if count == 0 || count < ACTIONS_MAX && rng.chance(12) {
            let takes = [Takes::SuccessOrSkip, Takes::Success, Takes::AnyEnd, Takes::Failure];
            let on = (0..count).filter(|_| rng.chance(30)).collect::<Vec<_>>();
            let gates = on.into_iter().map(|on| (on, rng.pick(&takes))).collect();
            return Verb::Add { frail: rng.chance(40), gates };
        }
        let action = rng.below(count);
        let known = &self.machine.actions[action];
        let by = known.holder.filter(|_| rng.chance(90)).unwrap_or_else(|| rng.below(2));
        let fence = (known.attempt + rng.weighted(&[(12, 0), (1, -1), (1, 1)])).max(1);
        let to = rng.pick(&[None, None, Some(0), Some(1)]);
        let (said, fatal, cascade, later) =
            (rng.chance(50), rng.chance(25), rng.chance(50), rng.chance(50));
        rng.weighted(&[
            (9, Verb::Claim { action, by }),
            (4, Verb::Start { action, by, fence }),
            (6, Verb::Complete { action, by, fence, said }),
            (5, Verb::Fail { action, by, fence, fatal }),
            (3, Verb::Release { action, by, fence }),
            (3, Verb::Skip { action }),
            (3, Verb::Cancel { action }),
            (7, Verb::Repeat { action, cascade }),
            (2, Verb::Assign { action, to }),
            (2, Verb::Delay { action, later }),
            (2, Verb::Activate),
            (1, Verb::Deactivate),
            (1, Verb::Close),
            (3, Verb::Reopen),
        ])
    }

    /// Sends so many commands; the answer to each must be that of the model.
    async fn work(&mut self, count: usize) {
        for _ in 0..count {
            let verb = self.draw();
            let before = self.machine.clone();
            let expected = self.machine.decide(&verb);
            let answered = self.send(&verb).await;
            let answered = answered.as_ref().map(|changed| *changed).map_err(String::as_str);
            assert_eq!(answered, expected, "issue {}: {verb:?} {before:#?}", self.issue);
            // Looking costs as much as doing.
            if self.rng.chance(25) {
                let seen = seen(self.app, self.issue).await;
                assert_eq!(seen, self.expected(), "issue {}: {verb:?} {before:#?}", self.issue);
            }
        }
    }

    fn name(&self, action: usize) -> String {
        named(self.issue, i64::try_from(action).unwrap() + 1)
    }

    fn holds(&self, action: usize, by: usize, fence: i64) -> (&Hand, Held) {
        (&self.hands[by].1, Held { name: self.name(action), fence })
    }

    async fn send(&self, verb: &Verb) -> Result<bool, String> {
        match *verb {
            Verb::Add { frail, ref gates } => self.add(frail, gates).await,
            Verb::Claim { action, by } => {
                let request = ClaimActionRequest { name: self.name(action), ..Default::default() };
                let mut actions = self.hands[by].1.actions();
                verdict(actions.claim_action(request).await, |said| said.changed)
            }
            Verb::Start { action, by, fence } => {
                let (hand, Held { name, fence }) = self.holds(action, by, fence);
                let request = StartActionRequest { name, fence, ..Default::default() };
                verdict(hand.actions().start_action(request).await, |said| said.changed)
            }
            Verb::Complete { action, by, fence, said } => {
                let (hand, Held { name, fence }) = self.holds(action, by, fence);
                let version = prost_types::Value::from("1.4".to_owned());
                let fields = [("version".to_owned(), version)].into();
                let result = said.then_some(prost_types::Struct { fields });
                let request = CompleteActionRequest { name, fence, result, ..Default::default() };
                verdict(hand.actions().complete_action(request).await, |said| said.changed)
            }
            Verb::Fail { action, by, fence, fatal } => {
                let (hand, Held { name, fence }) = self.holds(action, by, fence);
                let error = Some(ActionError { name: "Timeout".into(), ..Default::default() });
                let request = FailActionRequest { name, fence, error, fatal, ..Default::default() };
                verdict(hand.actions().fail_action(request).await, |said| said.changed)
            }
            Verb::Release { action, by, fence } => {
                let (hand, Held { name, fence }) = self.holds(action, by, fence);
                let request = ReleaseActionRequest { name, fence, ..Default::default() };
                verdict(hand.actions().release_action(request).await, |said| said.changed)
            }
            Verb::Skip { .. }
            | Verb::Cancel { .. }
            | Verb::Repeat { .. }
            | Verb::Assign { .. }
            | Verb::Delay { .. }
            | Verb::Activate
            | Verb::Deactivate
            | Verb::Close
            | Verb::Reopen => self.manage(verb).await,
        }
    }

    async fn add(&self, frail: bool, gates: &[(usize, Takes)]) -> Result<bool, String> {
        let dependency = |&(on, takes): &(usize, Takes)| {
            let satisfy = match takes {
                Takes::SuccessOrSkip => Satisfy::SuccessOrSkip,
                Takes::Success => Satisfy::Success,
                Takes::AnyEnd => Satisfy::AnyEnd,
                Takes::Failure => Satisfy::Failure,
            };
            after(&self.name(on), satisfy)
        };
        let action = Action {
            title: "Do it".into(),
            action_type: if frail { "frail".into() } else { String::new() },
            dependencies: gates.iter().map(dependency).collect(),
            ..Default::default()
        };
        let parent = format!("projects/abc/issues/{}", self.issue);
        let request = AddActionRequest { parent, action: Some(action), ..Default::default() };
        verdict(self.app.actions().add_action(request).await, |said| said.changed)
    }

    /// What whoever manages the issue does.
    async fn manage(&self, verb: &Verb) -> Result<bool, String> {
        let (mut actions, mut issues) = (self.app.actions(), self.app.issues());
        let issue = format!("projects/abc/issues/{}", self.issue);
        let reason = String::from("it rains");
        match *verb {
            Verb::Skip { action } => {
                let name = self.name(action);
                let request = SkipActionRequest { name, reason, ..Default::default() };
                verdict(actions.skip_action(request).await, |said| said.changed)
            }
            Verb::Cancel { action } => {
                let name = self.name(action);
                let request = CancelActionRequest { name, reason, ..Default::default() };
                verdict(actions.cancel_action(request).await, |said| said.changed)
            }
            Verb::Repeat { action, cascade } => {
                let name = self.name(action);
                let request = RepeatActionRequest { name, cascade, ..Default::default() };
                verdict(actions.repeat_action(request).await, |said| said.changed)
            }
            Verb::Assign { action, to } => {
                let name = self.name(action);
                let assignee = to.map(|to| format!("actors/{}", self.hands[to].0));
                let assignee = assignee.unwrap_or_default();
                let request = AssignActionRequest { name, assignee, ..Default::default() };
                verdict(actions.assign_action(request).await, |said| said.changed)
            }
            Verb::Delay { action, later } => {
                let seconds = self.now.as_second() + STRETCH_SECONDS / 2;
                let not_before = later.then_some(prost_types::Timestamp { seconds, nanos: 0 });
                let action = Action { name: self.name(action), not_before, ..Default::default() };
                let update_mask = Some(FieldMask { paths: vec!["not_before".into()] });
                let action = Some(action);
                let request = UpdateActionRequest { action, update_mask, ..Default::default() };
                verdict(actions.update_action(request).await, |said| said.changed)
            }
            Verb::Activate => {
                let request = ActivateIssueRequest { name: issue, ..Default::default() };
                verdict(issues.activate_issue(request).await, |said| said.changed)
            }
            Verb::Deactivate => {
                let request = DeactivateIssueRequest { name: issue, ..Default::default() };
                verdict(issues.deactivate_issue(request).await, |said| said.changed)
            }
            Verb::Close => {
                // The same by whatever way.
                let way = Some(Move::To("closed".into()));
                let request =
                    TransitionIssueRequest { name: issue, r#move: way, ..Default::default() };
                verdict(issues.transition_issue(request).await, |said| said.changed)
            }
            Verb::Reopen => {
                let request = ReopenIssueRequest { name: issue, ..Default::default() };
                verdict(issues.reopen_issue(request).await, |said| said.changed)
            }
            Verb::Add { .. }
            | Verb::Claim { .. }
            | Verb::Start { .. }
            | Verb::Complete { .. }
            | Verb::Fail { .. }
            | Verb::Release { .. } => unreachable!("holders do that: {verb:?}"),
        }
    }

    /// The actions as the service should show them.
    fn expected(&self) -> Vec<Seen> {
        let name = |person: Option<usize>| {
            person.map(|person| format!("actors/{}", self.hands[person].0)).unwrap_or_default()
        };
        let seen = |action: &super::machine::Action| {
            let (state, blocked) = match action.state {
                State::Pending(reason) => ("PENDING", reason),
                State::Ready => ("READY", ""),
                State::Claimed => ("CLAIMED", ""),
                State::Running => ("RUNNING", ""),
                State::Panicked => ("PANICKED", "PANICKED"),
                State::Ended(End::Succeeded) => ("SUCCEEDED", ""),
                State::Ended(End::Failed) => ("FAILED", ""),
                State::Ended(End::Skipped) => ("SKIPPED", ""),
                State::Ended(End::Cancelled) => ("CANCELLED", ""),
            };
            let hope = |hope: Hope| match hope {
                Hope::Open => DependencyState::Open,
                Hope::Met => DependencyState::Met,
                Hope::Unsatisfiable => DependencyState::Unsatisfiable,
            };
            Seen {
                state: state.into(),
                blocked: blocked.into(),
                attempt: action.attempt,
                holder: name(action.holder),
                assignee: name(action.assignee),
                stops: action.stop.is_some(),
                gates: action.gates.iter().map(|gate| hope(gate.hope)).collect(),
            }
        };
        self.machine.actions.iter().map(seen).collect()
    }

    /// The service has come to see what time has brought about.
    async fn settle(&mut self, now: Timestamp) {
        self.now = now;
        // The person is the first, the machine the second.
        self.machine.pass_time(|holder| holder == 1);
        let (issue, expected) = (self.issue, self.expected());
        let look = async || seen(self.app, issue).await;
        eventually(PATIENCE, look, |seen| *seen == expected).await;
    }
}

/// What became of a call: whether it changed anything, or the reason why not.
fn verdict<T>(
    answer: Result<Response<T>, Status>,
    changed: impl Fn(T) -> bool,
) -> Result<bool, String> {
    match answer {
        Ok(response) => Ok(changed(response.into_inner())),
        Err(status) => {
            let info = status.get_details_error_info();
            Err(info.unwrap_or_else(|| panic!("no reason: {status:?}")).reason)
        }
    }
}

/// An action, as far as the model knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Seen {
    state: String,
    blocked: String,
    attempt: i64,
    holder: String,
    assignee: String,
    stops: bool,
    gates: Vec<DependencyState>,
}

async fn seen(app: &TestApp, issue: i64) -> Vec<Seen> {
    let parent = format!("projects/abc/issues/{issue}");
    let request = ListActionsRequest { parent, ..Default::default() };
    let page = app.actions().list_actions(request).await.unwrap().into_inner();
    let seen = |action: Action| {
        let state = action.state().as_str_name().trim_start_matches("ACTION_STATE_").to_owned();
        let blocked = action.blocked_reason().as_str_name().trim_start_matches("BLOCKED_REASON_");
        let blocked = if blocked == "UNSPECIFIED" { "" } else { blocked };
        Seen {
            state,
            blocked: blocked.into(),
            attempt: action.attempt,
            gates: action.dependencies.iter().map(Dependency::state).collect(),
            stops: action.stop_time.is_some(),
            holder: action.holder,
            assignee: action.assignee,
        }
    };
    page.actions.into_iter().map(seen).collect()
}

/// With an action type that gives up after two failures, and somebody to be disabled.
async fn started() -> TestApp {
    let app = TestApp::with_issues(ISSUES + 1).await;
    let frail = ActionType {
        attempts_max: 2,
        on_exhausted: OnExhausted::Fail.into(),
        ..Default::default()
    };
    let request = CreateActionTypeRequest {
        parent: "projects/abc".into(),
        action_type_id: "frail".into(),
        action_type: Some(frail),
        ..Default::default()
    };
    app.workflows().create_action_type(request).await.unwrap();
    app
}

/// Much time goes by, and the service is given a cause to look.
async fn pass_time(app: &TestApp, now: Timestamp, stretch: u32) {
    app.database.stop_clock(now).await;
    let id = format!("spare{stretch}");
    app.stranger(&id).await;
    let name = format!("actors/{id}");
    app.actors().disable_actor(DisableActorRequest { name, ..Default::default() }).await.unwrap();
    app.action(i64::try_from(ISSUES).unwrap() + 1, "Nobody does this").await;
}

/// Goal: the states of the contract are what happens, whatever is asked in whatever order.
#[tokio::test(flavor = "multi_thread")]
async fn actions_become_what_the_model_says() {
    let (seed, size) = (rng::seed(), rng::size(1_440));
    let app = started().await;
    let people = [
        ("ben", app.hand("ben", "PERSON", "WORKER").await),
        ("cat", app.hand("cat", "MACHINE", "WORKER").await),
    ];
    let mut now = Timestamp::now();
    app.database.stop_clock(now).await;
    let world = |n: usize| World {
        app: &app,
        issue: i64::try_from(n).unwrap() + 1,
        rng: Rng::new(seed, n),
        machine: Machine::new(),
        hands: people.clone(),
        now,
    };
    let mut worlds: Vec<World<'_>> = (0..ISSUES).map(world).collect();

    let count = size / ISSUES / usize::try_from(STRETCHES).unwrap();
    for stretch in 0..STRETCHES {
        join_all(worlds.iter_mut().map(|world| world.work(count))).await;
        now += jiff::SignedDuration::from_secs(STRETCH_SECONDS);
        pass_time(&app, now, stretch).await;
        join_all(worlds.iter_mut().map(|world| world.settle(now))).await;
    }
}

/// The model is no mirror: what it says of a short story is written down here.
#[test]
fn the_model_knows_a_story_by_heart() {
    let mut machine = Machine::new();
    let mut said = |verb: Verb| -> Verdict { machine.decide(&verb) };
    let claim = |by| Verb::Claim { action: 0, by };
    let complete = |fence| Verb::Complete { action: 0, by: 0, fence, said: false };

    let gates = vec![(0, Takes::Success)];
    assert_eq!(said(Verb::Add { frail: true, gates: vec![] }), Ok(true));
    assert_eq!(said(Verb::Add { frail: true, gates }), Ok(true));
    assert_eq!(said(Verb::Claim { action: 1, by: 0 }), Err("ACTION_STATE"));
    assert_eq!(
        (said(claim(0)), said(claim(0)), said(claim(1))),
        (Ok(true), Ok(false), Err("CLAIM_LOST"))
    );
    assert_eq!(said(complete(2)), Err("FENCE_STALE"));
    assert_eq!((said(complete(1)), said(complete(1))), (Ok(true), Ok(false)));
    assert_eq!(said(Verb::Skip { action: 0 }), Err("ACTION_STATE"));
    assert_eq!(said(Verb::Claim { action: 1, by: 1 }), Ok(true));
    assert_eq!((said(Verb::Close), said(Verb::Close)), (Ok(true), Ok(false)));
    assert_eq!(said(Verb::Repeat { action: 0, cascade: true }), Err("ISSUE_CLOSED"));
    let fail = Verb::Fail { action: 1, by: 1, fence: 1, fatal: false };
    assert_eq!((said(fail.clone()), said(fail)), (Ok(true), Ok(false)));
    assert_eq!(machine.actions[1].state, State::Ended(End::Cancelled));
}
