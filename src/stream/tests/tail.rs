//! The tail: order, holes, hints, and logs that go away.

use proptest::prelude::*;
use tokio::time::{Instant, advance, sleep};

use super::*;
use crate::domain::error::Reason;
use crate::stream::Frame;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

/// Cuts frames into hand-overs of those sizes.
fn hand_overs(mut frames: Vec<Frame>, sizes: &[usize]) -> Vec<Vec<Frame>> {
    let mut cut = Vec::new();
    for size in sizes {
        let rest = frames.split_off(frames.len().min(*size));
        cut.push(std::mem::replace(&mut frames, rest));
    }
    cut.push(frames);
    cut
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever order lanes hand over in, twice or never: the ring is dense.
    #[test]
    fn hand_overs_in_any_order_keep_the_ring_dense(
        sizes in prop::collection::vec(1_usize..6, 1..12),
        order in any::<prop::sample::Index>(),
        seed: u64,
        lost in 0_usize..4,
    ) {
        runtime().block_on(async {
            let room = Room::new(log(7), Options::default()).await;
            let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
            let count: usize = sizes.iter().sum();
            let frames = room.log.append(i64::try_from(count).unwrap());
            let mut parts = hand_overs(frames, &sizes);
            let twice = parts[order.index(parts.len())].clone();
            parts.push(twice);
            // A shuffle by the seed.
            parts.sort_by_key(|part| part.first().map(|frame| {
                frame.seq.0.cast_unsigned().wrapping_mul(seed | 1).rotate_left(17)
            }));
            parts.truncate(parts.len().saturating_sub(lost));

            for part in parts {
                room.hub.publish(part);
                let newest = room.hub.stats();
                assert_eq!(usize::try_from(newest.head.0 - 7).unwrap(), newest.ring_events);
            }
            let end = room.log.head();
            let messages = reader.until(end).await;

            assert_eq!(delivered(&messages), count);
            let stats = room.hub.stats();
            assert_eq!((stats.head, stats.ring_events), (Seq(end), count));
            assert_eq!((stats.waiting_bytes, stats.density_violations), (0, 0));
        });
    }
}

#[tokio::test(start_paused = true)]
async fn hand_overs_that_wait_are_bounded() {
    let options = Options { waiting_bytes_max: 5_000, ..Options::default() };
    let room = Room::new(log(0), options).await;
    let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
    let mut frames = room.log.append(100);
    let first = frames.remove(0);

    for frame in frames {
        room.hub.publish(vec![frame]);
        assert!(room.hub.stats().waiting_bytes <= 5_000);
    }
    room.hub.publish(vec![first]);
    let entered = room.hub.head().seq;
    let messages = reader.until(100).await;

    assert!(entered > Seq(1) && entered < Seq(100), "{entered}");
    assert_eq!(delivered(&messages), 100);
}

#[tokio::test(start_paused = true)]
async fn a_hand_over_with_a_hole_is_read_from_the_log() {
    let room = Room::new(log(0), Options::default()).await;
    let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
    let mut frames = room.log.append(5);
    frames.remove(2);

    room.hub.publish(frames);

    assert_eq!(room.hub.head().seq, Seq(0));
    assert_eq!(delivered(&reader.until(5).await), 5);
}

#[tokio::test(start_paused = true)]
async fn a_hole_stops_the_streams_and_alarms() {
    for known_by_hand_over in [false, true] {
        let room = Room::new(log(10), Options::default()).await;
        let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
        reader.until_caught_up().await;
        room.log.lose(12);
        let frames = room.log.append(3);
        if known_by_hand_over {
            room.hub.publish(frames[..1].to_vec());
            room.hub.publish(frames[2..].to_vec());
        }

        let error = reader.error().await;
        sleep(Duration::from_secs(2)).await;

        assert_eq!(error.reason(), Reason::Internal);
        assert!(reader.at.unwrap().seq <= Seq(11));
        assert!(room.hub.head().seq <= Seq(11));
        assert_eq!(room.hub.stats().density_violations, 1);
        let refused = room.subscribe(Start::Now, all()).await.map(drop).unwrap_err();
        assert_eq!(refused.reason(), Reason::Internal);

        // Should it turn out to be there, the streams go on.
        room.log.find(12);
        sleep(Duration::from_secs(1)).await;
        let mut reader = room.subscribe(room.after(10), all()).await.unwrap();
        assert_eq!(delivered(&reader.until(13).await), 3);
    }
}

/// Goal: a hand-over tells of events that the log does not have at all.
#[tokio::test(start_paused = true)]
async fn a_log_without_what_was_handed_over_has_a_hole() {
    let room = Room::new(log(10), Options::default()).await;
    let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
    let frames = room.log.append(3);
    room.log.lose_after(10);

    room.hub.publish(frames[1..].to_vec());

    assert_eq!(reader.error().await.reason(), Reason::Internal);
    assert_eq!(room.hub.stats().density_violations, 1);
}

#[tokio::test(start_paused = true)]
async fn without_any_hint_everything_arrives_by_the_next_poll() {
    let room = Room::new(log(0), Options::default()).await;
    let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
    reader.until_caught_up().await;

    for round in 1..=20 {
        drop(room.log.append(10));
        let before = Instant::now();
        let messages = reader.until(round * 10).await;
        assert_eq!(delivered(&messages), 10);
        assert!(before.elapsed() <= Duration::from_millis(125), "{:?}", before.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_hints_cost_one_read_a_millisecond() {
    let room = Room::new(log(0), Options::default()).await;
    room.log.take_time(Duration::ZERO);
    let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
    reader.until_caught_up().await;

    let hint = async {
        for n in 0..10_000_u32 {
            if n % 10 == 0 {
                drop(room.log.append(1));
            }
            room.hub.hint();
            if n % 100 == 0 {
                advance(Duration::from_micros(300)).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
    };
    let mut messages = Vec::new();
    let read = async { messages = reader.until(1_000).await };
    tokio::join!(hint, read);

    assert_eq!(delivered(&messages), 1_000);
    let reads = room.log.tail_reads();
    assert!(reads.len() > 10, "{} reads", reads.len());
    let gaps = reads.windows(2).map(|pair| pair[1] - pair[0]);
    assert!(gaps.min().unwrap() >= Duration::from_millis(1));
}

#[tokio::test(start_paused = true)]
async fn a_long_way_is_read_in_steps() {
    let room = Room::new(log(0), Options::default()).await;
    let mut reader = room.subscribe(Start::Now, rare()).await.unwrap();
    drop(room.log.append(70_000));

    let messages = reader.until(70_000).await;

    assert_eq!(delivered(&messages), 7_000);
}

#[tokio::test(start_paused = true)]
async fn a_log_that_fails_is_read_again_when_it_is_back() {
    let room = Room::new(log(1_000), small(8)).await;
    let mut live = room.subscribe(Start::Now, all()).await.unwrap();
    let mut behind = room.subscribe(Start::Beginning, all()).await.unwrap();
    live.until_caught_up().await;
    room.log.fail(true);
    drop(room.log.append(5));
    let outage = async {
        sleep(Duration::from_secs(30)).await;
        room.log.fail(false);
    };

    let (lived, caught_up, ()) = tokio::join!(live.until(1_005), behind.until(1_005), outage);

    assert_eq!((delivered(&lived), delivered(&caught_up)), (5, 1_005));
    // Failed reads do not become more for being hinted.
    assert!(room.log.tail_reads().len() < 400, "{}", room.log.tail_reads().len());
    assert_eq!(room.hub.stats().lost_tails, 0);
}

/// Goal: however a log goes away, its readers hear of it and the hub follows the new one.
#[tokio::test(start_paused = true)]
async fn a_lost_tail_ends_all_streams() {
    type Loss = fn(&VecLog);
    let losses: [(&str, Loss); 4] = [
        ("another epoch", |log| log.change_epoch()),
        ("a lower head", |log| log.lose_after(90)),
        ("another event at the head", |log| log.change_events()),
        ("the head is before the beginning", |log| {
            log.drop_before(500);
            drop(log.append(600));
        }),
    ];
    for (name, lose) in losses {
        let room = Room::new(log(100), Options::default()).await;
        let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
        reader.until_caught_up().await;
        lose(&room.log);
        let head = room.log.head();

        let error = reader.error().await;

        assert_eq!(error.reason(), Reason::EpochChanged, "{name}");
        assert_eq!(room.hub.head(), room.log.position(Seq(head)), "{name}");
        let stats = room.hub.stats();
        assert_eq!((stats.lost_tails, stats.ring_events, stats.live), (1, 0, 0), "{name}");
        assert_eq!(stats.density_violations, 0, "{name}");
        let mut anew = room.subscribe(Start::Now, all()).await.unwrap();
        room.publish(3);
        assert_eq!(delivered(&anew.until(head + 3).await), 3, "{name}");
    }
}

/// Goal: cursors of what was lost stay refused, also when other events have come to their places.
#[tokio::test(start_paused = true)]
async fn a_lost_tail_is_another_log_for_every_cursor() {
    let room = Room::new(log(100), Options::default()).await;
    let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
    reader.until_caught_up().await;
    let (lost, kept) = (room.after(100), room.after(80));
    let before = room.hub.epoch();

    room.log.lose_after(90);
    assert_eq!(reader.error().await.reason(), Reason::EpochChanged);
    drop(room.log.append(50));

    assert_ne!(room.hub.epoch(), before);
    for start in [lost, kept] {
        let refused = room.subscribe(start, all()).await.map(drop).unwrap_err();
        assert_eq!(refused.reason(), Reason::EpochChanged);
    }
}

/// Goal: a log that has lost its tail and grown beyond it looks as if it only went on.
#[tokio::test(start_paused = true)]
async fn a_log_that_grew_anew_beyond_the_head_is_not_taken_for_the_same() {
    for handed_over in [false, true] {
        // The ring is empty: nothing in memory knows what was at the places that changed.
        let room = Room::new(log(100), Options::default()).await;
        let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
        reader.until_caught_up().await;
        let before = Instant::now();

        room.log.lose_after(90);
        room.log.change_events();
        let frames = room.log.append(20);
        if handed_over {
            room.hub.publish(frames);
        }

        assert_eq!(reader.error().await.reason(), Reason::EpochChanged, "{handed_over}");
        assert_eq!(reader.at.unwrap().seq, Seq(100), "{handed_over}");
        assert!(before.elapsed() < Duration::from_secs(1), "{:?}", before.elapsed());
        assert_eq!(room.hub.head(), room.log.position(Seq(110)));
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_makes_the_hub_look_at_once() {
    let room = Room::new(log(100), Options::default()).await;
    let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
    reader.until_caught_up().await;
    let before = Instant::now();
    room.log.fail(true);
    sleep(Duration::from_millis(300)).await;

    room.log.change_epoch();
    room.log.fail(false);
    let error = reader.error().await;

    assert_eq!(error.reason(), Reason::EpochChanged);
    assert!(before.elapsed() < Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn another_event_at_a_known_place_makes_the_hub_look() {
    let room = Room::new(log(100), Options::default()).await;
    room.publish(10);
    let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
    reader.until_caught_up().await;
    let before = Instant::now();

    room.log.change_events();
    room.log.lose_after(104);
    room.publish(1);

    assert_eq!(reader.error().await.reason(), Reason::EpochChanged);
    assert!(before.elapsed() < Duration::from_secs(1));
    assert_eq!(room.hub.head(), room.log.position(Seq(105)));
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_every_stream_after_a_last_checkpoint() {
    let room = Room::new(log(100), small(8)).await;
    let mut live = room.subscribe(Start::Now, rare()).await.unwrap();
    let mut behind = room.subscribe(Start::Beginning, all()).await.unwrap();
    let mut fresh = room.subscribe(Start::Now, all()).await.unwrap();
    live.until_caught_up().await;
    behind.message().await;
    assert_eq!(behind.poll_once().await, None);
    room.publish(5);
    assert_eq!(live.poll_once().await, None);
    room.log.fail(true);

    room.hub.stop();

    let last = live.poll_once().await;
    assert_eq!(last.as_ref().map(|last| kinds(std::slice::from_ref(last))[0]), Some("checkpoint"));
    assert_eq!(live.at.unwrap().seq, Seq(105));
    for reader in [&mut live, &mut behind, &mut fresh] {
        assert_eq!(reader.error().await.reason(), Reason::ShuttingDown);
    }
    let refused = room.subscribe(Start::Now, all()).await.map(drop).unwrap_err();
    assert_eq!(refused.reason(), Reason::ShuttingDown);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_run_is_the_end_of_the_streams() {
    let room = Room::new(log(1), Options::default()).await;
    let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
    let stopping = CancellationToken::new();
    stopping.cancel();

    room.hub.run(stopping).await;

    assert_eq!(reader.error().await.reason(), Reason::ShuttingDown);
}

/// Goal: a run that dies in the middle of everything and is started again loses nothing.
#[tokio::test(start_paused = true)]
async fn a_run_can_be_started_again() {
    let mut room = Room::new(log(3_000), small(8)).await;
    room.log.take_time(Duration::from_millis(50));
    let mut live = room.subscribe(Start::Now, all()).await.unwrap();
    let mut behind = room.subscribe(Start::Beginning, all()).await.unwrap();
    live.until_caught_up().await;
    behind.message().await;
    assert_eq!(behind.poll_once().await, None);
    sleep(Duration::from_millis(10)).await;

    room.running.shutdown().await;
    room.publish(5);
    drop(room.log.append(5));
    room.run();

    assert_eq!(delivered(&live.until(3_010).await), 10);
    assert_eq!(delivered(&behind.until(3_010).await), 3_010);
}
