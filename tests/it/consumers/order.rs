//! Members that compete, and the order of what they are sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::support::eventually;

/// What a member was sent, in order: of which root, which event.
type Received = Vec<(String, i64)>;

/// Consumes until it is over, and acks all. Of a key nothing may come before the last one was
/// settled.
async fn work(clients: Clients, mut member: Member, over: Arc<AtomicBool>) -> Received {
    let mut received = Vec::new();
    loop {
        let batch = member.rest().await;
        if batch.is_empty() {
            match over.load(Ordering::SeqCst) {
                true => return received,
                false => continue,
            }
        }
        let keys: BTreeSet<String> = batch.iter().map(|one| event(one).root).collect();
        assert_eq!(keys.len(), batch.len(), "two of a key at once");
        received.extend(batch.iter().map(|one| (event(one).root, seq(one))));
        ack(&clients, &batch).await.unwrap();
    }
}

/// The events of the log that the consumer takes, in order.
async fn owed(app: &TestApp) -> Vec<i64> {
    let list = potts::proto::ListEventsRequest {
        filter: types(&["issue.*"]),
        page_size: 1_000,
        ..Default::default()
    };
    let page = app.events().list_events(list).await.unwrap().into_inner();
    page.events.iter().map(|event| event.seq).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn members_share_the_keys_and_each_key_keeps_its_order() {
    let app = issues(8).await;
    let root = app.as_root();
    create(&app, |consumer| consumer.buckets = 6).await;
    for priority in [1, 2, 3, 4] {
        for n in 1..=8 {
            touch(&root, &format!("ABC-{n}"), priority).await;
        }
    }

    let mut members = Vec::new();
    for _ in 0..3 {
        members.push(Member::of(&root, NAME, 0).await.unwrap());
    }
    let over = Arc::new(AtomicBool::new(false));
    let sql = app.database.sql().await;
    let shares = "select count(*) from consumer_buckets where member is not null group by member";
    let look = async || {
        let rows = sql.query(shares, &[]).await.unwrap();
        rows.iter().map(|row| row.get::<_, i64>(0)).collect::<Vec<_>>()
    };
    let begin = |member| tokio::spawn(work(root.clone(), member, Arc::clone(&over)));
    let works: Vec<_> = members.into_iter().map(begin).collect();
    let shares = eventually(PATIENCE, look, |shares| *shares == [2, 2, 2]).await;
    for priority in [5, 1] {
        for n in 1..=8 {
            touch(&root, &format!("ABC-{n}"), priority).await;
        }
    }
    let progress = async || got(&root).await.1;
    eventually(PATIENCE, progress, |p| p.lag == 0 && p.waiting == 0).await;
    over.store(true, Ordering::SeqCst);
    let mut received = Vec::new();
    for work in works {
        received.push(work.await.unwrap());
    }

    assert_eq!(shares, [2, 2, 2]);
    let mut by_seq: Vec<i64> = received.iter().flatten().map(|(_, seq)| *seq).collect();
    // Nobody was lost, so nothing came twice.
    by_seq.sort_unstable();
    assert_eq!(by_seq, owed(&app).await);
    for one in &received {
        let mut last: BTreeMap<&str, i64> = BTreeMap::new();
        for (key, seq) in one {
            assert!(last.insert(key, *seq).is_none_or(|before| before < *seq), "{key}: {one:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_with_a_member_than_it_asked_for() {
    let app = issues(6).await;
    let root = app.as_root();
    create(&app, |_| ()).await;
    let mut member = Member::of(&root, NAME, 2).await.unwrap();

    let two = member.rest().await;
    ack(&root, &two[..1]).await.unwrap();
    let third = member.rest().await;

    assert_eq!((seqs(&two), seqs(&third)), (vec![2, 3], vec![4]));
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bucket_has_one_member_and_others_stand_by() {
    let app = issues(2).await;
    let root = app.as_root();
    create(&app, |_| ()).await;
    let mut first = Member::of(&root, NAME, 0).await.unwrap();
    let held = first.take(2).await;
    let mut second = Member::of(&root, NAME, 0).await.unwrap();

    assert!(second.rest().await.is_empty());
    drop(first);
    let again = second.take(2).await;

    assert_eq!(seqs(&held), seqs(&again));
    assert_eq!(crate::support::told(ack(&root, &held).await).reason, "FENCE_STALE");
    ack(&root, &again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn by_project_all_of_it_is_one_key() {
    let app = issues(3).await;
    let root = app.as_root();
    create(&app, |consumer| {
        consumer.keyed_by = potts::proto::KeyedBy::Project.into();
        consumer.buckets = 3;
    })
    .await;
    let mut member = Member::of(&root, NAME, 0).await.unwrap();

    for expected in [2, 3, 4] {
        let one = member.rest().await;
        assert_eq!(seqs(&one), [expected]);
        ack(&root, &one).await.unwrap();
    }
}
