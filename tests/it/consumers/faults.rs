//! Members and servers that stop, are killed, or stand still.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use potts::proto::ListEventsRequest;
use tonic::transport::Endpoint;

use super::*;
use crate::replicas::beside;
use crate::support::app::TOKEN;
use crate::support::{Process, TestDatabase, eventually, told};

/// The clients of a process.
async fn clients(process: &Process) -> Clients {
    Clients(crate::replicas::door(process.grpc_addr).await)
}

/// Whatever of it had to be given up, a member that resumes.
async fn rejoin(clients: &Clients) -> Member {
    let join = async || Member::of(clients, NAME, 8).await;
    eventually(PATIENCE, join, Result::is_ok).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_gives_back_what_its_members_hold() {
    let app = issues(2).await;
    create(&app, |_| ()).await;
    let (other, door) = beside(&app).await;
    let there = Clients(door);
    let mut member = Member::of(&there, NAME, 0).await.unwrap();
    let held = member.take(2).await;
    let mut next = Member::of(&app.as_root(), NAME, 0).await.unwrap();

    let ended = tokio::spawn(async move { told(member.try_next().await) });
    other.stop(PATIENCE).await;
    let began = tokio::time::Instant::now();
    let again = next.take(2).await;

    assert_eq!(seqs(&again), seqs(&held));
    assert!(began.elapsed() < Duration::from_secs(8), "sooner than a lease ends");
    assert_eq!(ended.await.unwrap().reason, "SHUTTING_DOWN");
}

/// Goal: a member whose stream is old makes room for the next one at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_old_gives_back_what_its_member_holds() {
    let app = TestApp::with(&[("POTTS_STREAM_AGE_MAX", "3s")]).await;
    app.project("abc").await;
    for title in ["one", "two"] {
        app.issue("abc", title).await;
    }
    create(&app, |_| ()).await;
    let (_other, there) = beside(&app).await;
    let mut member = Member::of(&app.as_root(), NAME, 0).await.unwrap();
    let held = member.take(2).await;
    let mut next = Member::of(&Clients(there), NAME, 0).await.unwrap();

    let ended = told(member.try_next().await);
    let began = tokio::time::Instant::now();
    let again = next.take(2).await;

    assert_eq!(ended.reason, "SHUTTING_DOWN");
    assert_eq!(seqs(&again), seqs(&held));
    assert!(began.elapsed() < Duration::from_secs(8), "sooner than a lease ends");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_server_is_told_the_other_goes_on_with() {
    let app = issues(2).await;
    create(&app, |_| ()).await;
    touch(&app.as_root(), "ABC-1", 1).await;
    let (_other, door) = beside(&app).await;
    let there = Clients(door);
    let mut member = Member::of(&app.as_root(), NAME, 0).await.unwrap();

    let two = member.take(2).await;
    ack(&there, &two).await.unwrap();
    let third = member.next().await;

    assert_eq!(event(&third).r#type, "issue.updated");
}

/// Goal: a server that stood still for longer than its leases has nothing to say any more.
/// Method: it is stopped as a process is, and the clock of the database goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_stood_still_is_fenced() {
    use rustix::process::Signal;
    let app = issues(3).await;
    let root = app.as_root();
    create(&app, |_| ()).await;
    let data = tempfile::tempdir().unwrap();
    let paused = Process::start(data.path(), &[("POTTS_DATABASE_URL", &app.database.url)]).await;
    let there = clients(&paused).await;
    let mut member = Member::of(&there, NAME, 0).await.unwrap();
    let held = member.take(3).await;
    ack(&root, &held[..1]).await.unwrap();

    paused.signal(Signal::STOP);
    app.database.advance_clock(20).await;
    let mut next = Member::of(&root, NAME, 0).await.unwrap();
    let again = next.take(2).await;
    ack(&root, &again[..1]).await.unwrap();
    let before = got(&root).await.1.done_seq;
    paused.signal(Signal::CONT);

    for void in &held[1..] {
        let refused = told(ack(&there, std::slice::from_ref(void)).await);
        assert_eq!(refused.reason, "FENCE_STALE");
    }
    assert_eq!(seqs(&again), [3, 4]);
    assert!(got(&root).await.1.done_seq >= before, "no way back");
    app.issue("abc", "live").await;
    let live = next.next().await;
    ack(&root, &[again[1].clone(), live]).await.unwrap();
    // The one that stood still has no bucket. The clock has jumped, and it counts seconds: what it
    // sends until it has looked is void.
    for late in member.rest().await {
        let refused = told(ack(&there, std::slice::from_ref(&late)).await);
        assert_eq!(refused.reason, "FENCE_STALE");
    }
    let look = async || got(&root).await.1.lag;
    eventually(PATIENCE, look, |lag| *lag == 0).await;
}

/// Goal: of a key one event at a time is with somebody who may settle it, however long a member
/// stood still; what that one says when it goes on frees no key and moves no place.
/// Method: as above, with keys of which several events wait.
#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_with_two_when_a_member_stood_still() {
    use rustix::process::Signal;
    let app = issues(2).await;
    let root = app.as_root();
    for (name, priority) in [("ABC-1", 1), ("ABC-1", 2), ("ABC-2", 1)] {
        touch(&root, name, priority).await;
    }
    create(&app, |_| ()).await;
    let data = tempfile::tempdir().unwrap();
    let paused = Process::start(data.path(), &[("POTTS_DATABASE_URL", &app.database.url)]).await;
    let there = clients(&paused).await;
    let mut member = Member::of(&there, NAME, 0).await.unwrap();
    let held = member.take(2).await;
    assert_eq!((seqs(&held), member.rest().await.len()), (vec![2, 3], 0));
    let mut places = vec![got(&root).await.1.done_seq];

    paused.signal(Signal::STOP);
    app.database.advance_clock(20).await;
    let mut next = Member::of(&root, NAME, 0).await.unwrap();
    let again = next.take(2).await;
    assert_eq!((seqs(&again), next.rest().await.len()), (vec![2, 3], 0));
    ack(&root, &again[..1]).await.unwrap();
    let fourth = next.next().await;
    places.push(got(&root).await.1.done_seq);
    paused.signal(Signal::CONT);

    // The place of the second key, and what has come of the first one meanwhile, are not its own.
    for void in &held {
        let refused = told(ack(&there, std::slice::from_ref(void)).await);
        assert_eq!(refused.reason, "FENCE_STALE");
        let refused = told(fail(&there, std::slice::from_ref(void)).await);
        assert_eq!(refused.reason, "FENCE_STALE");
    }
    for late in member.rest().await {
        let refused = told(ack(&there, std::slice::from_ref(&late)).await);
        assert_eq!(refused.reason, "FENCE_STALE");
    }
    assert_eq!((seq(&fourth), next.rest().await.len()), (4, 0));
    places.push(got(&root).await.1.done_seq);
    for (settled, comes) in [(fourth, 5), (again[1].clone(), 6)] {
        ack(&root, &[settled]).await.unwrap();
        let one = next.next().await;
        assert_eq!((seq(&one), next.rest().await.len()), (comes, 0));
        ack(&root, &[one]).await.unwrap();
        places.push(got(&root).await.1.done_seq);
    }
    let look = async || got(&root).await.1.lag;
    eventually(PATIENCE, look, |lag| *lag == 0).await;
    assert!(places.is_sorted(), "a place goes forward only: {places:?}");
}

/// Goal: a member that takes nothing and settles nothing does not hold its buckets for ever.
/// Method: its windows are small and full, so it is alive to its connection and to nobody else.
#[tokio::test(flavor = "multi_thread")]
async fn a_member_that_takes_nothing_is_put_out() {
    let app = issues(0).await;
    for n in 1..=12 {
        let description = "d".repeat(200 << 10);
        let issue = Issue { title: n.to_string(), description, ..Default::default() };
        let request = potts::proto::CreateIssueRequest {
            parent: "projects/abc".into(),
            issue: Some(issue),
            ..Default::default()
        };
        app.issues().create_issue(request).await.unwrap();
    }
    let deadline = Some(prost_types::Duration { seconds: 1, nanos: 0 });
    create(&app, |consumer| (consumer.ack_deadline, consumer.attempts_max) = (deadline, 100)).await;
    let endpoint = Endpoint::from_shared(format!("http://{}", app.server.grpc_addr)).unwrap();
    let endpoint =
        endpoint.initial_stream_window_size(65_535).initial_connection_window_size(65_535);
    let narrow = Clients::of(&endpoint.connect().await.unwrap(), TOKEN);
    let mut stalled = Member::of(&narrow, NAME, 0).await.unwrap();
    let mut next = Member::of(&app.as_root(), NAME, 0).await.unwrap();

    // It comes when the first one is put out, and not before.
    let first = tokio::time::timeout(3 * PATIENCE, next.message()).await.unwrap().unwrap();
    assert!(!first.is_empty());
    let ended = loop {
        if let Err(status) = stalled.message().await {
            break told(Err::<(), _>(status));
        }
    };

    assert_eq!(ended.reason, "FENCE_STALE");
}

/// Consumes and acks until it is over, through whatever breaks; answers what was acked, in order.
async fn consume(clients: Clients, over: Arc<AtomicBool>) -> Vec<(String, i64)> {
    let mut acked = Vec::new();
    while !over.load(Ordering::SeqCst) {
        let mut member = rejoin(&clients).await;
        while !over.load(Ordering::SeqCst) {
            let batch = tokio::time::timeout(Duration::from_secs(2), member.message()).await;
            let batch = match batch {
                Ok(Ok(batch)) => batch,
                Ok(Err(_)) => break,
                Err(_) => continue,
            };
            for one in batch {
                // What is refused comes again, to whoever holds it now.
                if ack(&clients, std::slice::from_ref(&one)).await.is_ok() {
                    acked.push((event(&one).root, seq(&one)));
                }
            }
        }
    }
    acked
}

/// Goal: whatever dies, every event that the filter takes is acked at least once, those of a key in
/// order.
/// Method: one of two servers is killed with its members while issues change; members of the other
/// come and go.
#[tokio::test(flavor = "multi_thread")]
async fn killed_members_and_servers_lose_nothing() {
    let app = issues(6).await;
    let root = app.as_root();
    create(&app, |consumer| consumer.buckets = 4).await;
    let over = Arc::new(AtomicBool::new(false));
    let data = tempfile::tempdir().unwrap();
    let url: &TestDatabase = &app.database;
    let mut doomed = Process::start(data.path(), &[("POTTS_DATABASE_URL", &url.url)]).await;
    let mut lost = Member::of(&clients(&doomed).await, NAME, 4).await.unwrap();
    let here = tokio::spawn(consume(root.clone(), Arc::clone(&over)));
    let there = tokio::spawn(consume(root.clone(), Arc::clone(&over)));

    for priority in [1, 2, 3, 4, 5] {
        for n in 1..=6 {
            touch(&root, &format!("ABC-{n}"), priority).await;
        }
        if priority == 2 {
            // Something is with it when it dies.
            let _ = tokio::time::timeout(Duration::from_secs(2), lost.message()).await;
            doomed.kill();
            app.database.advance_clock(20).await;
        }
        if priority == 4 {
            drop(Member::of(&root, NAME, 4).await.unwrap());
        }
    }
    let look = async || got(&root).await.1;
    eventually(Duration::from_secs(60), look, |p| p.lag == 0 && p.waiting == 0).await;
    over.store(true, Ordering::SeqCst);
    let (here, there) = (here.await.unwrap(), there.await.unwrap());

    let list =
        ListEventsRequest { filter: types(&["issue.*"]), page_size: 1_000, ..Default::default() };
    let owed = app.events().list_events(list).await.unwrap().into_inner().events;
    let mut acked: Vec<i64> = here.iter().chain(&there).map(|(_, seq)| *seq).collect();
    acked.sort_unstable();
    acked.dedup();
    assert_eq!(acked, owed.iter().map(|event| event.seq).collect::<Vec<_>>());
    for one in [here, there] {
        let mut last: BTreeMap<String, i64> = BTreeMap::new();
        for (key, seq) in one {
            assert!(last.insert(key, seq).is_none_or(|before| before <= seq));
        }
    }
}
