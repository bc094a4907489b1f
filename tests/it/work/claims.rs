//! Claims: one winner each, and the same call again.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use potts::proto::{
    ActionState, AssignActionRequest, ClaimNextActionsRequest, CompleteActionRequest,
    StartActionRequest,
};
use tonic::Code;
use uuid::Uuid;

use crate::support::work::{READY, named, place};
use crate::support::{TestApp, told};

#[tokio::test(flavor = "multi_thread")]
async fn fifty_workers_get_every_action_once() {
    let app = TestApp::with_issues(2).await;
    for n in 0..50 {
        app.action(1 + n % 2, "Do it").await;
    }
    let root = app.root();

    let claimed = join_all((0..60).map(async |_| root.next(1).await)).await;

    let names: Vec<String> = claimed.iter().flatten().map(|action| action.name.clone()).collect();
    let different: BTreeSet<&String> = names.iter().collect();
    assert_eq!((names.len(), different.len()), (50, 50));
    assert_eq!(claimed.iter().filter(|claims| claims.is_empty()).count(), 10);
    assert!(claimed.iter().flatten().all(|action| action.fence > 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn of_those_who_claim_by_name_one_wins_and_is_named_to_the_others() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    let hands =
        [app.hand("ann", "PERSON", "WORKER").await, app.hand("ben", "PERSON", "WORKER").await];

    let claims = join_all(hands.iter().map(async |hand| hand.claim(&named(1, 1)).await)).await;

    let winners: Vec<&str> = claims.iter().flatten().map(|a| a.holder.as_str()).collect();
    let [winner] = winners[..] else { panic!("{winners:?}") };
    let lost = claims.iter().find(|claim| claim.is_err()).unwrap().clone();
    let lost = told(lost);
    assert_eq!(lost.why(), (Code::Aborted, "CLAIM_LOST"));
    assert_eq!(lost.metadata("winner"), winner);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_fence_is_for_the_holder_alone() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    let ann = app.hand("ann", "PERSON", "WORKER").await;

    let held = ann.claim(&named(1, 1)).await.unwrap();
    let again = ann.claim(&named(1, 1)).await.unwrap();
    let seen = app.root().get(&named(1, 1)).await;
    let refused = told(app.root().complete(&held).await);

    assert!(held.fence > 0 && again == held);
    assert_eq!((seen.fence, seen.holder.as_str()), (0, "actors/ann"));
    assert_eq!(held.lease_expire_time, None, "people hold for as long as they like");
    assert_eq!(refused.why(), (Code::PermissionDenied, "NOT_PERFORMER"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_urgent_comes_first_and_what_is_assigned_to_others_not_at_all() {
    let app = TestApp::with_issues(1).await;
    let ann = app.hand("ann", "PERSON", "WORKER").await;
    for (title, priority) in [("plain", 0), ("low", 5), ("high", 1), ("ann's", 1)] {
        let action = potts::proto::Action { title: title.into(), priority, ..Default::default() };
        app.action_of(1, action).await;
    }
    let assign = AssignActionRequest {
        name: named(1, 4),
        assignee: "actors/ann".into(),
        ..Default::default()
    };
    let assigned = app.root().actions().assign_action(assign).await.unwrap().into_inner();

    let titles = |claims: Vec<potts::proto::Action>| -> Vec<String> {
        claims.into_iter().map(|action| action.title).collect()
    };
    let first = titles(app.root().next(1).await);
    let rest = titles(app.root().next(10).await);
    let hers = titles(ann.next(10).await);

    assert!(assigned.changed);
    assert_eq!(first, ["high"]);
    assert_eq!(
        rest.iter().collect::<BTreeSet<_>>(),
        ["low".into(), "plain".into()].iter().collect()
    );
    assert_eq!(hers, ["ann's"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn claims_sent_again_answer_what_is_still_held() {
    let app = TestApp::with_issues(1).await;
    for _ in 0..3 {
        app.action(1, "Do it").await;
    }
    let root = app.root();
    let request = ClaimNextActionsRequest {
        parent: "projects/abc".into(),
        max: 2,
        request_id: Uuid::now_v7().to_string(),
        ..Default::default()
    };

    let first = root.actions().claim_next_actions(request.clone()).await.unwrap().into_inner();
    let again = root.actions().claim_next_actions(request.clone()).await.unwrap();
    let replayed = again.metadata().get("potts-replayed").is_some();
    let again = again.into_inner();
    root.complete(&first.actions[0]).await.unwrap();
    let rest = root.actions().claim_next_actions(request.clone()).await.unwrap().into_inner();
    let released = root.release(&first.actions[1]).await.unwrap();
    let anew = root.claim(&released.name).await.unwrap();
    let none = root.actions().claim_next_actions(request).await.unwrap().into_inner();

    assert_eq!(first.actions.len(), 2);
    assert!(first.changed && again.changed && replayed);
    assert_eq!((again.actions, again.cursor), (first.actions.clone(), first.cursor));
    assert_eq!(rest.actions, first.actions[1..]);
    assert!(anew.fence > first.actions[1].fence);
    assert_eq!(none.actions, [], "a later claim is not that one");
    assert_eq!(place(&root.get(&named(1, 3)).await), READY, "nothing more was claimed");
}

#[tokio::test(flavor = "multi_thread")]
async fn finishing_twice_happens_once() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Do it").await;
    let root = app.root();
    let held = root.claim(&named(1, 1)).await.unwrap();
    let start =
        StartActionRequest { name: held.name.clone(), fence: held.fence, ..Default::default() };
    let started = root.actions().start_action(start.clone()).await.unwrap().into_inner();
    let begun = root.actions().start_action(start).await.unwrap().into_inner();
    let result = CompleteActionRequest {
        result: Some(prost_types::Struct {
            fields: [("version".to_owned(), prost_types::Value::from("1.4".to_owned()))].into(),
        }),
        name: held.name.clone(),
        fence: held.fence,
        ..Default::default()
    };

    let first = root.actions().complete_action(result.clone()).await.unwrap().into_inner();
    let again = root.actions().complete_action(result.clone()).await.unwrap().into_inner();
    let otherwise = CompleteActionRequest { result: None, ..result };
    let other = told(root.actions().complete_action(otherwise).await);

    assert_eq!(started.action.unwrap().state(), ActionState::Running);
    assert_eq!((started.changed, begun.changed), (true, false));
    assert_eq!((first.changed, again.changed), (true, false));
    assert_eq!(again.action, first.action);
    assert!(first.action.unwrap().result.is_some());
    assert_eq!(other.why(), (Code::FailedPrecondition, "FENCE_STALE"));
    assert_eq!(other.metadata("sent"), held.fence.to_string());
}
