//! Leases: how long a claim holds, and what becomes of it when it ends.

use potts::proto::{
    ActionState, AttemptState, BlockedReason, ListAttemptsRequest, ReleaseActionRequest,
};
use tonic::Code;

use crate::support::work::{Hand, READY, named, place};
use crate::support::{TestApp, told};

async fn attempts(hand: &Hand, name: &str) -> Vec<AttemptState> {
    let request = ListAttemptsRequest { parent: name.into(), ..Default::default() };
    let page = hand.actions().list_attempts(request).await.unwrap().into_inner();
    page.attempts.iter().map(|attempt| attempt.state()).collect()
}

/// Goal: a worker that slept through its lease learns so, and somebody else gets the work.
#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_says_nothing_loses_its_claim() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    let press = app.hand("press", "MACHINE", "WORKER").await;
    let held = press.claim(&named(1, 1)).await.unwrap();
    assert!(held.lease_expire_time.is_some());

    app.database.advance_clock(31).await;
    let late = told(press.complete(&held).await);
    let lost = app.action_once(&held.name, |action| action.state() == ActionState::Ready).await;
    let anew = press.claim(&held.name).await.unwrap();
    let stale = told(press.complete(&held).await);
    let done = press.complete(&anew).await.unwrap();

    assert_eq!(late.why(), (Code::FailedPrecondition, "FENCE_STALE"));
    assert_eq!((lost.fence, lost.holder.as_str()), (0, ""));
    assert!(anew.fence > held.fence);
    assert_eq!(stale.why(), (Code::FailedPrecondition, "FENCE_STALE"));
    assert_eq!(stale.metadata("current"), anew.fence.to_string());
    assert_eq!(done.action.unwrap().state(), ActionState::Succeeded);
    let states = attempts(&press, &held.name).await;
    assert_eq!(states, [AttemptState::Lost, AttemptState::Succeeded]);
}

/// Goal: who tries the service by hand, with its first token, does not lose the work to a timer.
#[tokio::test(flavor = "multi_thread")]
async fn root_holds_what_it_claims_as_people_do() {
    let app = TestApp::with_issues(2).await;
    for issue in [1, 2] {
        app.action(issue, "Do it").await;
    }
    let (root, press) = (app.root(), app.hand("press", "MACHINE", "WORKER").await);
    let named_one = root.claim(&named(1, 1)).await.unwrap();
    let lost = press.claim(&named(2, 1)).await.unwrap();

    app.database.advance_clock(31).await;
    app.action_once(&lost.name, |action| action.state() == ActionState::Ready).await;
    let drawn = root.next(1).await.remove(0);
    let done = root.complete(&named_one).await.unwrap();

    assert_eq!((named_one.lease_expire_time, drawn.lease_expire_time), (None, None));
    assert_eq!(drawn.name, lost.name, "the lease of the machine has ended");
    assert_eq!(done.action.unwrap().state(), ActionState::Succeeded);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_of_life_keeps_the_claim_and_leaves_no_event() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    let press = app.hand("press", "MACHINE", "WORKER").await;
    let held = press.claim(&named(1, 1)).await.unwrap();
    let head = app.head().await;
    let before = held.lease_expire_time.unwrap().seconds;

    app.database.advance_clock(20).await;
    let until = press.beat(&held, 40).await.unwrap();
    app.database.advance_clock(40).await;
    let seen = press.get(&held.name).await;
    let unheard = app.head().await == head;
    let done = press.complete(&held).await;

    assert!((15..=25).contains(&(until - before)), "{before} {until}");
    assert_eq!((seen.progress, seen.note.as_str(), seen.etag), (40, "on it", held.etag.clone()));
    assert!(unheard && done.unwrap().changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_lost_five_times_is_poison() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    let press = app.hand("press", "MACHINE", "WORKER").await;

    for lost in 1..=5 {
        press.claim(&named(1, 1)).await.unwrap();
        app.database.advance_clock(31 * lost).await;
        app.action_once(&named(1, 1), |action| action.holder.is_empty()).await;
    }

    let action = press.get(&named(1, 1)).await;
    assert_eq!(action.state(), ActionState::Panicked);
    assert_eq!(press.next(1).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_keeps_its_place_and_counts_no_failure() {
    let app = TestApp::with_issues(1).await;
    for _ in 0..2 {
        app.action(1, "Do it").await;
    }
    let root = app.root();
    let held = root.next(1).await.remove(0);
    let release = ReleaseActionRequest {
        name: held.name.clone(),
        fence: held.fence,
        reason: "somebody else is better at it".into(),
        ..Default::default()
    };

    let first = root.actions().release_action(release.clone()).await.unwrap().into_inner();
    let again = root.actions().release_action(release).await.unwrap().into_inner();
    let next = root.next(1).await.remove(0);

    assert_eq!((first.changed, again.changed), (true, false));
    assert_eq!(place(&first.action.unwrap()), READY);
    assert_eq!(next.name, held.name);
    let states = attempts(&root, &held.name).await;
    assert_eq!(states, [AttemptState::Released, AttemptState::Open]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_is_tried_again_after_a_pause_by_itself() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    let root = app.root();
    let held = root.claim(&named(1, 1)).await.unwrap();

    let failed = root.fail(&held, false).await.unwrap();
    let ready = app.action_once(&held.name, |action| action.state() == ActionState::Ready).await;

    assert_eq!(place(&failed), (ActionState::Pending, BlockedReason::Time));
    assert_eq!(failed.error.unwrap().name, "Timeout");
    let pause = failed.wake_time.unwrap().seconds - failed.update_time.unwrap().seconds;
    assert!((1..=4).contains(&pause), "{pause}");
    assert_eq!(ready.attempt, held.attempt);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fatal_failure_waits_for_somebody_to_look() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    let root = app.root();
    let held = root.claim(&named(1, 1)).await.unwrap();

    let panicked = root.fail(&held, true).await.unwrap();
    let skipped = root.skip(&held.name).await.unwrap();

    assert_eq!(place(&panicked), (ActionState::Panicked, BlockedReason::Panicked));
    assert_eq!(skipped.state(), ActionState::Skipped);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_holder_may_finish_what_was_cancelled_for_a_while() {
    let app = TestApp::with_issues(1).await;
    for _ in 0..2 {
        app.action(1, "Do it").await;
    }
    let (root, ann) = (app.root(), app.hand("ann", "PERSON", "WORKER").await);
    let quick = ann.claim(&named(1, 1)).await.unwrap();
    let slow = ann.claim(&named(1, 2)).await.unwrap();

    let asked = root.cancel(&quick.name).await.unwrap();
    let again = root.cancel(&quick.name).await.unwrap();
    let done = ann.complete(&quick).await.unwrap().action.unwrap();
    root.cancel(&slow.name).await.unwrap();
    app.database.advance_clock(31).await;
    let late = told(ann.complete(&slow).await);
    let cut = app.action_once(&slow.name, |a| a.state() == ActionState::Cancelled).await;

    assert_eq!((asked.state(), asked.stop_time.is_some()), (ActionState::Claimed, true));
    assert_eq!(again, asked);
    assert_eq!(done.state(), ActionState::Succeeded);
    assert_eq!(late.why(), (Code::FailedPrecondition, "FENCE_STALE"));
    assert_eq!(cut.holder, "");
    assert_eq!(attempts(&root, &slow.name).await, [AttemptState::Cancelled]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_holds_nothing_any_more() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    let ann = app.hand("ann", "PERSON", "WORKER").await;
    let held = ann.claim(&named(1, 1)).await.unwrap();
    let disable = "update actors set state = 'DISABLED' where name = 'actors/ann';
         update definition_versions set version = version + 1 where kind = 'people'";
    app.database.sql().await.batch_execute(disable).await.unwrap();

    let ready = app.action_once(&held.name, |action| action.state() == ActionState::Ready).await;

    assert_eq!(ready.holder, "");
    assert_eq!(attempts(&app.root(), &held.name).await, [AttemptState::Released]);
}
