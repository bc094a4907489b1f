//! Pages that readers share: read once, seen by each in its own way, and never of another log.

use tokio::time::sleep;

use super::callers::events;
use super::*;
use crate::domain::audience::Audience;
use crate::domain::error::Reason;
use crate::domain::name::{GroupName, ProjectId};
use crate::domain::people::{Role, Standing};
use crate::stream::{Stats, hidden};

/// Takes every second event.
fn halves(events: i64) -> VecLog {
    VecLog::new(Shape { rare_every: 2, ..Shape::default() }, events)
}

fn ann() -> ActorName {
    ActorName::stored("actors/ann")
}

fn standing(role: Option<Role>) -> Standing {
    let project = ProjectId::parse("project", "a").unwrap();
    Standing {
        principal: ann().into(),
        active: true,
        person: true,
        admin: false,
        groups: [GroupName::stored("groups/qa")].into(),
        roles: role.map(|role| (project, role)).into_iter().collect(),
    }
}

async fn warmed(log: VecLog, options: Options) -> Room {
    let room = Room::new(log, options).await;
    room.subscribe(Start::Beginning, all()).await.unwrap().until_caught_up().await;
    room
}

/// Goal: many who come back one after the other cost the database what one does.
#[tokio::test(start_paused = true)]
async fn readers_that_come_back_are_given_what_was_read_for_others() {
    let room = warmed(log(10_000), small(8)).await;
    let read = room.hub.stats().page_reads;

    for n in 0..200 {
        let mut reader = room.subscribe(room.after(n * 40), all()).await.unwrap();
        assert!(delivered(&reader.until(n * 40 + 500).await) >= 500);
    }

    let stats = room.hub.stats();
    assert_eq!(stats.page_reads, read);
    assert!(stats.page_hits >= 200);
}

#[tokio::test(start_paused = true)]
async fn readers_that_come_at_once_wait_for_the_same_pages() {
    let room = Room::new(log(10_000), small(8)).await;
    let one = warmed(log(10_000), small(8)).await.hub.stats().page_reads;
    let mut readers = JoinSet::new();
    for _ in 0..50 {
        let mut reader = room.subscribe(Start::Beginning, all()).await.unwrap();
        readers.spawn(async move { delivered(&reader.until_caught_up().await) });
    }

    while let Some(delivered) = readers.join_next().await {
        assert_eq!(delivered.unwrap(), 10_000);
    }

    assert_eq!(room.hub.stats().page_reads, one);
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_takes_much_is_applied_to_what_others_read() {
    let room = warmed(halves(20_000), small(8)).await;
    let before = room.hub.stats();

    let mut reader = room.subscribe(Start::Beginning, rare()).await.unwrap();
    let messages = reader.until_caught_up().await;

    let after = room.hub.stats();
    assert_eq!(delivered(&messages), 10_000);
    assert_eq!(after.page_reads - before.page_reads, 1, "the first page");
    assert!(after.page_hits > before.page_hits);
    assert!(wholes(&messages).iter().all(|whole| *whole));
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_takes_little_has_the_database_filter() {
    let room = warmed(log(20_000), small(8)).await;
    let before = room.hub.stats();

    let mut reader = room.subscribe(Start::Beginning, rare()).await.unwrap();
    reader.until_caught_up().await;

    assert_eq!(room.hub.stats().page_hits, before.page_hits);
    assert!(room.hub.stats().page_reads > before.page_reads);
}

/// Goal: what is shared is not thereby shown.
#[tokio::test(start_paused = true)]
async fn everybody_sees_of_a_shared_page_what_they_may_see() {
    let list = |name: &str| Some(vec![name.to_owned()]);
    let log = log(3_000);
    drop(log.append_for(Audience::of(list("groups/qa"), list("groups/dev"))));
    drop(log.append_for(Audience::of(list("groups/dev"), list("groups/dev"))));
    drop(log.append(1_000));
    log.set_standing(standing(Some(Role::Viewer)));
    let room = warmed(log, small(1)).await;
    let before = room.hub.stats();

    let mut subscription = room.hub.subscribe(&ann(), request()).await.unwrap();
    let seen = events(&mut subscription, 4_002).await;

    let mut expected = room.log.taken(Seq(0), Seq(4_002), &all());
    expected[3_000] = hidden(&expected[3_000]);
    expected.remove(3_001);
    assert!(seen == expected);
    assert_eq!(room.hub.stats().page_reads, before.page_reads, "she took what others had read");
}

#[tokio::test(start_paused = true)]
async fn who_asks_for_everything_and_sees_little_does_not_go_on_with_shared_pages() {
    let log = log(20_000);
    log.set_standing(standing(None));
    let room = warmed(log, small(8)).await;
    let before = room.hub.stats();

    let mut subscription = room.hub.subscribe(&ann(), request()).await.unwrap();
    let seen = events(&mut subscription, 20_000).await;

    assert_eq!(seen, Vec::<bytes::Bytes>::new());
    assert_eq!(room.hub.stats().page_hits - before.page_hits, 1);
    assert!(room.hub.stats().page_reads > before.page_reads);
}

#[tokio::test(start_paused = true)]
async fn a_page_that_cannot_be_read_is_read_again_for_all_who_wait() {
    let room = Room::new(log(1_000), small(8)).await;
    let mut readers = Vec::new();
    for _ in 0..5 {
        let mut reader = room.subscribe(Start::Beginning, all()).await.unwrap();
        reader.message().await;
        readers.push(reader);
    }
    room.log.fail(true);
    for reader in &mut readers {
        assert_eq!(reader.poll_once().await, None);
    }
    sleep(Duration::from_secs(1)).await;
    assert_eq!(room.hub.stats().page_cache_bytes, 0);

    room.log.fail(false);
    for reader in &mut readers {
        assert_eq!(delivered(&reader.until(1_000).await), 1_000);
    }
}

/// Goal: what is kept of what was dropped is no way around the beginning of the log.
#[tokio::test(start_paused = true)]
async fn a_reader_before_the_beginning_is_told_so_though_its_page_is_kept() {
    let room = warmed(log(10_000), small(8)).await;
    let mut reader = room.subscribe(Start::Beginning, all()).await.unwrap();
    reader.message().await;
    reader.message().await;
    let kept = room.hub.stats();

    room.log.drop_before(9_000);
    sleep(Duration::from_secs(60)).await;

    let error = reader.error().await;
    assert_eq!(error.reason(), Reason::CursorExpired);
    assert!(matches!(error, Error::OutOfRange { oldest: Seq(9_000), head: Seq(10_000), .. }));
    assert_eq!(room.hub.stats().page_reads, kept.page_reads, "it was there");
    // Whoever begins with the beginning is served from what is kept behind it.
    let mut reader = room.subscribe(Start::Beginning, all()).await.unwrap();
    assert_eq!(delivered(&reader.until_caught_up().await), 1_001);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_another_log_is_kept() {
    let room = warmed(log(10_000), small(8)).await;
    assert!(room.hub.stats().page_cache_bytes > 1 << 20);

    room.log.change_epoch();
    room.log.change_events();
    sleep(Duration::from_secs(20)).await;

    assert_eq!(room.hub.stats().page_cache_bytes, 0);
    let mut reader = room.subscribe(Start::Beginning, all()).await.unwrap();
    // Checked against the log of now, cursor by cursor.
    assert_eq!(delivered(&reader.until_caught_up().await), 10_000);
}

/// Goal: readers that stand still, each with a page in its hands, do not undo that bound.
#[tokio::test(start_paused = true)]
async fn pages_that_stalled_readers_hold_fit_into_memory() {
    let options = Options { page_bytes_max: 1 << 20, page_cache_bytes_max: 1 << 20, ..small(8) };
    let room = Room::new(log(100_000), options).await;
    let mut stalled = Vec::new();
    for n in 0..100 {
        let mut reader = room.subscribe(room.after(n * 1_000), all()).await.unwrap();
        reader.message().await;
        reader.message().await;
        sleep(Duration::from_millis(5)).await;
        stalled.push(reader);
    }

    let Stats { page_bytes, page_cache_bytes, .. } = room.hub.stats();

    assert!(page_bytes < 4 << 20 && page_cache_bytes <= 1 << 20, "{page_bytes}");
    stalled.pop().unwrap().until(100_000).await;
    drop(stalled);
    assert_eq!(room.hub.stats().page_bytes, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_kept_has_a_bound() {
    let options = Options { page_cache_bytes_max: 1 << 20, ..small(8) };
    let shape = Shape { bytes: 1_000, ..Shape::default() };
    let room = Room::new(VecLog::new(shape, 10_000), options).await;
    let mut reader = room.subscribe(Start::Beginning, all()).await.unwrap();

    let mut most = 0;
    while reader.at.is_none_or(|at| at.seq < Seq(10_000)) {
        reader.message().await;
        most = most.max(room.hub.stats().page_cache_bytes);
    }

    assert!((1 << 19..=1 << 20).contains(&most), "{most}");
    drop(reader);
    assert_eq!(room.hub.stats().page_bytes, 0);
}
