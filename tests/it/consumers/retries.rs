//! Events that fail, wait, are parked, and are tried again.

use potts::proto::{
    ListParkedEventsRequest, ParkEventsRequest, ParkedEvent, ReplayParkedEventsRequest, Role,
};

use super::*;
use crate::support::eventually;

async fn parked(clients: &Clients) -> Vec<ParkedEvent> {
    let request = ListParkedEventsRequest { parent: NAME.into(), ..Default::default() };
    clients.events().list_parked_events(request).await.unwrap().into_inner().parked_events
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_failing_key_waits() {
    let app = issues(2).await;
    let root = app.as_root();
    create(&app, |_| ()).await;
    for priority in [1, 2] {
        touch(&root, "ABC-1", priority).await;
        touch(&root, "ABC-2", priority).await;
    }
    let mut member = Member::of(&root, NAME, 0).await.unwrap();
    let first = member.take(2).await;
    let (bad, good) = (first[0].clone(), first[1].clone());
    let request = FailEventsRequest {
        name: NAME.into(),
        ack_tokens: tokens(std::slice::from_ref(&bad)),
        reason: "broken".into(),
        delay: Some(prost_types::Duration { seconds: 600, nanos: 0 }),
    };
    root.events().fail_events(request).await.unwrap();
    ack(&root, &[good]).await.unwrap();

    let mut others = Vec::new();
    for _ in 0..2 {
        let one = member.next().await;
        ack(&root, std::slice::from_ref(&one)).await.unwrap();
        others.push(one);
    }
    assert!(others.iter().all(|one| event(one).root == "projects/abc/issues/2"));
    // The later events of the key wait as rows, so the position goes on.
    let look = async || got(&root).await.1;
    let progress = eventually(PATIENCE, look, |p| p.waiting == 3 && p.lag == 0).await;
    assert_eq!(progress.parked, 0);
    app.database.advance_clock(601).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        let one = member.next().await;
        seen.push((event(&one).root, one.attempt, seq(&one)));
        ack(&root, &[one]).await.unwrap();
    }

    assert_eq!(seen.iter().map(|one| one.1).collect::<Vec<_>>(), [2, 1, 1]);
    assert!(seen.is_sorted_by_key(|one| one.2), "{seen:?}");
    assert!(seen.iter().all(|one| one.0 == "projects/abc/issues/1"));
    assert!(member.rest().await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_fails_too_often_is_parked_and_replayed_beside_live_ones() {
    let app = issues(2).await;
    let root = app.as_root();
    create(&app, |consumer| consumer.attempts_max = 3).await;
    let mut member = Member::of(&root, NAME, 0).await.unwrap();
    let first = member.take(2).await;
    ack(&root, &first[1..]).await.unwrap();
    let mut bad = first[0].clone();
    for attempt in 1..=3 {
        assert_eq!((seq(&bad), bad.attempt), (2, attempt));
        fail(&root, std::slice::from_ref(&bad)).await.unwrap();
        if attempt < 3 {
            bad = member.next().await;
        }
    }

    let all = parked(&root).await;
    assert_eq!(all.len(), 1);
    let one = &all[0];
    assert_eq!((one.seq, one.attempts, one.reason.as_str()), (2, 3, "broken"));
    assert_eq!(one.event.as_ref().unwrap().r#type, "issue.created");
    assert_eq!(one.key, "projects/abc/issues/1");
    // The key goes on.
    touch(&root, "ABC-1", 1).await;
    let live = member.next().await;
    assert_eq!(event(&live).r#type, "issue.updated");

    // Replayed while a later event of the key is with the member: that one is settled first.
    let mut replay = ReplayParkedEventsRequest {
        name: NAME.into(),
        filter: types(&["issue.closed"]),
        ..Default::default()
    };
    let none = root.events().replay_parked_events(replay.clone()).await.unwrap().into_inner();
    assert!(!none.changed && !none.more);
    replay.filter = types(&["issue.created"]);
    replay.through_seq = 1;
    assert!(
        !root.events().replay_parked_events(replay.clone()).await.unwrap().into_inner().changed
    );
    replay.through_seq = 2;
    let replayed = root.events().replay_parked_events(replay).await.unwrap().into_inner();
    assert!(replayed.changed && !replayed.more);
    assert!(member.rest().await.is_empty());
    touch(&root, "ABC-2", 1).await;
    let other = member.next().await;
    ack(&root, &[live, other]).await.unwrap();
    let again = member.next().await;

    assert_eq!((seq(&again), again.attempt), (2, 1));
    ack(&root, &[again]).await.unwrap();
    assert!(parked(&root).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_counts_as_failure() {
    let app = issues(1).await;
    let root = app.as_root();
    create(&app, |consumer| consumer.attempts_max = 2).await;
    let mut member = Member::of(&root, NAME, 0).await.unwrap();
    let first = member.next().await;

    app.database.advance_clock(40).await;
    let look = async || got(&root).await.1;
    eventually(PATIENCE, look, |progress| progress.waiting == 1).await;
    app.database.advance_clock(50).await;
    let second = member.next().await;
    app.database.advance_clock(100).await;
    eventually(PATIENCE, look, |progress| progress.parked == 1).await;

    assert_eq!((seq(&first), first.attempt), (2, 1));
    assert_eq!((seq(&second), second.attempt), (2, 2));
    assert_eq!(parked(&root).await[0].reason, "SILENT");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_may_give_an_event_up_and_who_may_not_see_it_is_not_shown_it() {
    let app = issues(2).await;
    let root = app.as_root();
    let manager = app.actor("mia", "abc", Role::Manager).await;
    let group = potts::proto::CreateGroupRequest {
        group_id: "few".into(),
        group: Some(Default::default()),
        ..Default::default()
    };
    app.actors().create_group(group).await.unwrap();
    let hide = "update issues set visible_to = '{groups/few}' where number = 2";
    app.database.sql().await.batch_execute(hide).await.unwrap();
    touch(&root, "ABC-2", 3).await;
    create(&app, |consumer| consumer.filter = types(&["issue.created", "issue.updated"])).await;
    let mut member = Member::of(&root, NAME, 0).await.unwrap();
    let created = member.take(2).await;

    let park = |deliveries: &[Delivery]| ParkEventsRequest {
        name: NAME.into(),
        ack_tokens: tokens(deliveries),
        reason: "no use".into(),
    };
    root.events().park_events(park(&created)).await.unwrap();
    root.events().park_events(park(&created)).await.expect("said again");
    let updated = member.next().await;
    root.events().park_events(park(&[updated])).await.unwrap();

    let (all, some) = (parked(&root).await, parked(&manager).await);
    assert_eq!(all.iter().filter(|one| one.event.is_some()).count(), 3);
    assert_eq!(some.len(), 3);
    assert_eq!(some[2].event, None, "the issue is hidden from her when that happened");
    assert_eq!(some[0].reason, "no use");
}
