//! Actions that wait for others of their issue.

use potts::proto::{
    Action, ActionState, AddActionRequest, BlockedReason, CloseIssueRequest, DependencyState,
    RepeatActionRequest, Satisfy,
};

use crate::support::TestApp;
use crate::support::work::{READY, after, named, place};

/// Goal: what waited is ready in the very commit that ends what it waited for.
/// Method: both events belong to one command, so nothing lies between them.
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_becomes_ready_link_by_link() {
    let app = TestApp::with_issues(1).await;
    let first = app.action(1, "Mend the hinge").await;
    let second = app.action_after(1, &[after(&first.name, Satisfy::Unspecified)]).await;
    let third = app.action_after(1, &[after("ABC-1/actions/2", Satisfy::Success)]).await;
    let waiting = (ActionState::Pending, BlockedReason::Dependencies);
    assert_eq!([&first, &second, &third].map(place), [READY, waiting, waiting]);
    let root = app.root();
    let mut follower = app.follow().await;
    follower.events(6).await;

    for name in [&first.name, &second.name, &third.name] {
        assert_eq!(place(&root.get(name).await), READY);
        root.do_it(name).await;
    }

    let events = follower.events(8).await;
    let told: Vec<_> = events.iter().map(|e| (e.r#type.as_str(), e.subject.as_str())).collect();
    let (first, second, third) = (named(1, 1), named(1, 2), named(1, 3));
    assert_eq!(
        told,
        [
            ("action.claimed", first.as_str()),
            ("action.completed", &first),
            ("action.readied", &second),
            ("action.claimed", &second),
            ("action.completed", &second),
            ("action.readied", &third),
            ("action.claimed", &third),
            ("action.completed", &third),
        ]
    );
    let ends: Vec<bool> = events.iter().map(|event| event.ends_command).collect();
    assert_eq!(ends, [true, false, true, true, false, true, true, true]);
    assert!(events.iter().all(|event| event.root == "projects/abc/issues/1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_skipped_lets_go_on_and_what_is_cancelled_does_not() {
    let app = TestApp::with_issues(1).await;
    let root = app.root();
    for title in ["skipped", "cancelled"] {
        app.action(1, title).await;
    }
    let on_skipped = app.action_after(1, &[after(&named(1, 1), Satisfy::SuccessOrSkip)]).await;
    let strict = app.action_after(1, &[after(&named(1, 1), Satisfy::Success)]).await;
    let on_cancelled = app.action_after(1, &[after(&named(1, 2), Satisfy::Unspecified)]).await;
    let any = app.action_after(1, &[after(&named(1, 2), Satisfy::AnyEnd)]).await;

    let skipped = root.skip(&named(1, 1)).await.unwrap();
    let cancelled = root.cancel(&named(1, 2)).await.unwrap();

    assert_eq!(skipped.state(), ActionState::Skipped);
    assert_eq!(cancelled.state(), ActionState::Cancelled);
    let stuck = (ActionState::Pending, BlockedReason::Unsatisfiable);
    let mut places = Vec::new();
    for action in [&on_skipped, &strict, &on_cancelled, &any] {
        places.push(place(&root.get(&action.name).await));
    }
    assert_eq!(places, [READY, stuck, stuck, READY]);
    let gates = root.get(&strict.name).await.dependencies;
    assert_eq!(gates[0].state(), DependencyState::Unsatisfiable);
}

#[tokio::test(flavor = "multi_thread")]
async fn repeating_begins_anew_and_gives_hope_to_what_waits() {
    let app = TestApp::with_issues(1).await;
    let root = app.root();
    let first = app.action(1, "Try it").await;
    let waits = app.action_after(1, &[after(&first.name, Satisfy::Success)]).await;
    root.cancel(&first.name).await.unwrap();
    let stuck = root.get(&waits.name).await;

    let repeat = RepeatActionRequest { name: first.name.clone(), ..Default::default() };
    let repeated = root.actions().repeat_action(repeat.clone()).await.unwrap().into_inner();
    let hopes = root.get(&waits.name).await;
    root.do_it(&first.name).await;
    let ready = root.get(&waits.name).await;
    let done = root.do_it(&waits.name).await;
    let alone = root.actions().repeat_action(repeat.clone()).await.unwrap().into_inner();
    let left = root.get(&waits.name).await;
    root.do_it(&first.name).await;
    let cascade = RepeatActionRequest { cascade: true, ..repeat };
    root.actions().repeat_action(cascade).await.unwrap();
    let again = root.get(&waits.name).await;

    assert_eq!(stuck.blocked_reason(), BlockedReason::Unsatisfiable);
    assert!(repeated.changed && alone.changed);
    assert_eq!(place(&repeated.action.unwrap()), READY);
    assert_eq!(hopes.blocked_reason(), BlockedReason::Dependencies);
    assert_eq!(place(&ready), READY);
    assert_eq!(done.state(), ActionState::Succeeded);
    assert_eq!(left.state(), ActionState::Succeeded, "what has run is left alone");
    assert_eq!(place(&again), (ActionState::Pending, BlockedReason::Dependencies));
}

#[tokio::test(flavor = "multi_thread")]
async fn adding_with_the_key_of_a_live_action_answers_that() {
    let app = TestApp::with_issues(1).await;
    let keyed = |title: &str| AddActionRequest {
        parent: "ABC-1".into(),
        action: Some(Action {
            title: title.into(),
            unique_key: "deploy".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let mut actions = app.root().actions();

    let first = actions.add_action(keyed("one")).await.unwrap().into_inner();
    let again = actions.add_action(keyed("two")).await.unwrap().into_inner();
    app.root().do_it(&named(1, 1)).await;
    let next = actions.add_action(keyed("three")).await.unwrap().into_inner();

    assert_eq!((first.changed, again.changed, next.changed), (true, false, true));
    assert_eq!(again.action, first.action);
    assert_eq!(next.action.unwrap().name, named(1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_only_validated_is_not_added() {
    let app = TestApp::with_issues(1).await;
    let head = app.head().await;
    let action = Some(Action { title: "t".into(), ..Default::default() });
    let request = AddActionRequest {
        parent: "ABC-1".into(),
        action,
        validate_only: true,
        ..Default::default()
    };

    let would = app.root().actions().add_action(request).await.unwrap().into_inner();

    let action = would.action.unwrap();
    assert!(would.changed && action.name.is_empty() && action.uid.is_empty());
    assert_eq!((place(&action), action.action_type.as_str()), (READY, "take-action"));
    assert_eq!(app.head().await, head);
}

/// Goal: closing an issue leaves no work behind that somebody might still claim.
#[tokio::test(flavor = "multi_thread")]
async fn closing_an_issue_ends_its_work_if_its_workflow_does() {
    let app = TestApp::with_issues(1).await;
    app.action(1, "Mend it").await;

    let close = CloseIssueRequest { name: "ABC-1".into(), ..Default::default() };
    app.issues().close_issue(close).await.unwrap();

    assert_eq!(app.root().next(1).await, [], "nothing of a closed issue is handed out");
}
