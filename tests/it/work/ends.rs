//! What ends without its holder: work that nobody claims in time, and work of who may not act.

use std::time::Duration;

use potts::proto::{
    Action, ActionState, ActionType, CreateActionTypeRequest, DisableActorRequest,
    EnableActorRequest,
};
use tokio::time::Instant;

use crate::support::TestApp;
use crate::support::work::named;

/// Goal: what its type gives a minute to be claimed is cancelled then, and what was claimed in time
/// is not.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_claims_in_time_is_cancelled() {
    let app = TestApp::with_issues(1).await;
    let expire_after = Some(prost_types::Duration { seconds: 60, nanos: 0 });
    let request = CreateActionTypeRequest {
        parent: "projects/abc".into(),
        action_type_id: "brief".into(),
        action_type: Some(ActionType { expire_after, ..Default::default() }),
        ..Default::default()
    };
    app.workflows().create_action_type(request).await.unwrap();
    let brief =
        || Action { title: "Look".into(), action_type: "brief".into(), ..Default::default() };
    for _ in 0..2 {
        app.action_of(1, brief()).await;
    }
    let mut follower = app.follow().await;
    let held = app.root().claim(&named(1, 1)).await.unwrap();

    app.database.advance_clock(61).await;
    // Whatever happens has the clock look again, which else sleeps for the minute.
    app.action(1, "Other").await;
    let late =
        app.action_once(&named(1, 2), |action| action.state() == ActionState::Cancelled).await;
    let done = app.root().complete(&held).await.unwrap();
    let other = app.root().get(&named(1, 3)).await;

    assert_eq!((late.attempt, late.holder.as_str()), (0, ""));
    assert_eq!(done.action.unwrap().state(), ActionState::Succeeded);
    assert_eq!(other.state(), ActionState::Ready, "its type gives it all the time");
    let told = loop {
        let event = follower.event().await;
        if event.r#type == "action.cancelled" {
            break event;
        }
    };
    assert_eq!((told.subject.as_str(), told.actor.as_str()), (&*named(1, 2), "actors/potts"));
    let reason = &told.data.unwrap().fields["reason"];
    assert_eq!(reason, &prost_types::Value::from("EXPIRED".to_owned()));
}

/// Goal: the event that somebody is disabled frees what they hold, and nobody has to look for it.
/// Method: between two looks lie 4 seconds at least, so five rounds by looks alone take over 16.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_disabled_loses_what_they_hold_by_the_event() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    let ann = app.hand("ann", "PERSON", "WORKER").await;
    let name = || "actors/ann".to_owned();
    let began = Instant::now();

    for _ in 0..5 {
        let held = ann.claim(&named(1, 1)).await.unwrap();
        let disable = DisableActorRequest { name: name(), ..Default::default() };
        app.actors().disable_actor(disable).await.unwrap();
        app.action_once(&held.name, |action| action.state() == ActionState::Ready).await;
        let enable = EnableActorRequest { name: name(), ..Default::default() };
        app.actors().enable_actor(enable).await.unwrap();
    }

    let took = began.elapsed();
    assert!(took < Duration::from_secs(16), "{took:?}");
}
