//! Readers that read pages, many readers at once, and readers that stand still.

use proptest::prelude::*;
use tokio::time::{Instant, advance, sleep};

use super::*;
use crate::domain::error::Reason;

/// Goal: a rare event behind a million others is found, and the way there is not walked twice.
#[tokio::test(start_paused = true)]
async fn a_million_events_that_are_not_taken_and_then_one() {
    let shape = Shape { rare_every: 1_000_001, ..Shape::default() };
    let room = Room::new(VecLog::new(shape, 1_000_001), Options::default()).await;
    let mut reader = room.subscribe(Start::Beginning, rare()).await.unwrap();

    let mut last_checkpoint = 0;
    let messages = reader.until(1_000_001).await;
    for message in &messages {
        if let Message::Checkpoint { cursor, .. } = message {
            last_checkpoint = cursor.seq.0;
        }
    }

    assert_eq!(delivered(&messages), 1);
    assert!(1_000_001 - last_checkpoint <= 100_000, "{last_checkpoint}");
    let pages = room.hub.stats().page_reads;
    assert!(pages < 25, "{pages} pages");
    let mut resumed = room.subscribe(room.after(last_checkpoint), rare()).await.unwrap();
    assert_eq!(delivered(&resumed.until_caught_up().await), 1);
    // A window begins small again: from its last checkpoint it is found in a few steps.
    assert!(room.hub.stats().page_reads - pages < 10);
}

#[tokio::test(start_paused = true)]
async fn dense_and_sparse_filters_read_all_that_they_take() {
    for rare_every in [1, 2, 3, 7, 50, 999, 5_000] {
        let shape = Shape { rare_every, command: 3, ..Shape::default() };
        let room = Room::new(VecLog::new(shape, 20_000), small(100)).await;
        let mut reader = room.subscribe(Start::Beginning, rare()).await.unwrap();

        let messages = reader.until_caught_up().await;

        assert_eq!(delivered(&messages), usize::try_from(20_000 / rare_every).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn pages_of_large_events_stay_small() {
    let shape = Shape { bytes: 64 << 10, ..Shape::default() };
    let room = Room::new(VecLog::new(shape, 2_000), small(10)).await;
    let mut reader = room.subscribe(Start::Beginning, all()).await.unwrap();
    reader.until(600).await;

    let mut most = 0;
    while reader.at.unwrap().seq < Seq(2_000) {
        reader.message().await;
        most = most.max(room.hub.stats().page_bytes);
    }

    assert!(most <= 3 << 20, "{most}");
    drop(reader);
    assert_eq!(room.hub.stats().page_bytes, 0);
}

/// Goal: readers whose transports have stopped polling keep neither turns nor connections.
#[tokio::test(start_paused = true)]
async fn readers_that_stand_still_hold_up_nobody() {
    let options = Options { catch_up_pages_max: 2, ..small(8) };
    let room = Room::new(log(10_000), options).await;
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let mut reader = room.subscribe(Start::Beginning, rare()).await.unwrap();
        reader.message().await;
        // Its page is asked for, and nobody comes for it.
        assert_eq!(reader.poll_once().await, None);
        stalled.push(reader);
    }

    let before = Instant::now();
    let mut reader = room.subscribe(Start::Beginning, all()).await.unwrap();
    let messages = reader.until_caught_up().await;

    assert_eq!(delivered(&messages), 10_000);
    assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
    assert!(room.log.pages_most() <= 2);
    for mut reader in stalled {
        assert_eq!(delivered(&reader.until(10_000).await), 1_000);
    }
    assert_eq!(room.hub.stats().page_bytes, 0);
}

/// Goal: pages that nobody takes have a bound: beyond it they are small, and none is in advance.
#[tokio::test(start_paused = true)]
async fn many_stalled_readers_fit_into_memory() {
    let options = Options { page_bytes_max: 1 << 20, ..small(8) };
    let shape = Shape { rare_every: 3, ..Shape::default() };
    let room = Room::new(VecLog::new(shape, 10_000), options).await;
    let mut stalled = Vec::new();
    for _ in 0..100 {
        let mut reader = room.subscribe(Start::Beginning, rare()).await.unwrap();
        while reader.poll_once().await.is_some() {}
        sleep(Duration::from_millis(5)).await;
        assert!(reader.poll_once().await.is_some());
        sleep(Duration::from_millis(5)).await;
        stalled.push(reader);
    }

    let bytes = room.hub.stats().page_bytes;

    assert!(bytes < 4 << 20, "{bytes}");
    let mut reader = stalled.pop().unwrap();
    reader.until(10_000).await;
}

#[tokio::test(start_paused = true)]
async fn a_beginning_that_moves_past_a_reader_ends_it() {
    let room = Room::new(log(10_000), small(8)).await;
    let mut reader = room.subscribe(Start::Beginning, all()).await.unwrap();
    let mut filtering = room.subscribe(Start::Beginning, rare()).await.unwrap();
    for reader in [&mut reader, &mut filtering] {
        reader.message().await;
        reader.message().await;
    }
    room.log.drop_before(9_000);
    sleep(Duration::from_secs(60)).await;

    for reader in [&mut reader, &mut filtering] {
        let error = reader.error().await;
        assert_eq!(error.reason(), Reason::CursorExpired);
        assert!(matches!(error, Error::OutOfRange { oldest: Seq(9_000), head: Seq(10_000), .. }));
    }
    assert_eq!(room.hub.stats().density_violations, 0);
}

#[tokio::test(start_paused = true)]
async fn a_hole_in_old_pages_is_never_passed() {
    let room = Room::new(log(1_000), small(8)).await;
    room.log.lose(700);
    let mut reader = room.subscribe(Start::Beginning, all()).await.unwrap();

    let error = reader.error().await;

    assert_eq!(error.reason(), Reason::Internal);
    assert!(reader.at.unwrap().seq < Seq(700));
    assert_eq!(room.hub.stats().density_violations, 1);
}

/// What happens, in a random order.
#[derive(Clone, Debug)]
enum Act {
    /// Appends, and hands over.
    Publish(i64),
    /// Another replica appends.
    Append(i64),
    Hint,
    /// A reader polls so often, and drops each wait.
    Poll(usize, usize),
    /// A reader reads a message.
    Read(usize),
    Pass(u64),
    Fail(bool),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        4 => (1_i64..30).prop_map(Act::Publish),
        2 => (1_i64..30).prop_map(Act::Append),
        1 => Just(Act::Hint),
        4 => (0_usize..3, 1_usize..10).prop_map(|(reader, times)| Act::Poll(reader, times)),
        4 => (0_usize..3).prop_map(Act::Read),
        4 => (0_u64..2_000).prop_map(Act::Pass),
        1 => any::<bool>().prop_map(Act::Fail),
    ]
}

async fn play(acts: Vec<Act>, ring: usize, command: i64, batch: usize) {
    let shape = Shape { rare_every: 7, command, ..Shape::default() };
    let room = Room::new(VecLog::new(shape, 50), small(ring)).await;
    let mut readers = Vec::new();
    for (start, filter) in
        [(Start::Beginning, all()), (Start::Now, rare()), (room.after(10), rare())]
    {
        let request = Subscribe {
            start,
            filter,
            batch_events_max: batch,
            checkpoint_interval: Duration::from_secs(1),
            ..request()
        };
        readers.push(room.reader(request).await.unwrap());
    }
    for act in acts {
        match act {
            Act::Publish(events) => room.publish(events),
            Act::Append(events) => drop(room.log.append(events)),
            Act::Hint => room.hub.hint(),
            Act::Poll(reader, times) => {
                for _ in 0..times {
                    readers[reader].poll_once().await;
                    tokio::task::yield_now().await;
                }
            }
            Act::Read(reader) => {
                let message = timeout(Duration::from_millis(50), readers[reader].message()).await;
                drop(message);
            }
            Act::Pass(micros) => advance(Duration::from_micros(micros)).await,
            Act::Fail(failing) => room.log.fail(failing),
        }
    }
    room.log.fail(false);
    let head = room.log.head();
    for mut reader in readers {
        // A reader that filters says by a checkpoint that it is there.
        reader.until(head).await;
        let resumed = Start::After(reader.subscription.epoch(), reader.at.unwrap());
        assert!(room.subscribe(resumed, all()).await.is_ok());
    }
    assert_eq!(room.hub.stats().density_violations, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_reader_is_told_exactly_the_log(
        acts in prop::collection::vec(act(), 1..80),
        ring in 1_usize..60,
        command in 1_i64..5,
        batch in 1_usize..20,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(play(acts, ring, command, batch));
    }
}
