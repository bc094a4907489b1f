//! Live readers, the ring's end, checkpoints.

use super::*;

#[tokio::test(start_paused = true)]
async fn readers_attach_at_the_rings_start_and_end_and_one_off() {
    let room = Room::new(log(0), small(8)).await;
    room.publish(20);

    for seq in 10..=20 {
        let pages = || room.hub.stats().page_hits + room.hub.stats().page_misses;
        let before = pages();
        let mut reader = room.subscribe(room.after(seq), all()).await.unwrap();

        let messages = reader.until_caught_up().await;

        assert_eq!(delivered(&messages), usize::try_from(20 - seq).unwrap());
        // The ring holds 13 to 20.
        assert_eq!(pages() > before, seq < 12, "{seq}");
        let expected: &[_] = match seq {
            20 => &["started", "caught up"],
            _ => &["started", "batch", "caught up"],
        };
        assert_eq!(kinds(&messages), expected, "{seq}");
    }
}

#[tokio::test(start_paused = true)]
async fn live_events_come_at_once() {
    let room = Room::new(log(10), Options::default()).await;
    let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
    reader.until_caught_up().await;

    for seq in 11..=20 {
        assert_eq!(reader.poll_once().await, None);
        room.publish(1);
        let told = reader.poll_once().await;
        let Some(Message::Batch { cursor, .. }) = told else { panic!("{told:?}") };
        assert_eq!(cursor.seq, Seq(seq));
    }
    assert_eq!(room.hub.stats().live, 1);
    assert_eq!(room.hub.stats().page_reads, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_the_ring_has_passed_falls_behind_and_returns() {
    let room = Room::new(log(0), small(8)).await;
    let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
    reader.until_caught_up().await;

    for fall in 1..=2 {
        room.publish(20);
        let messages = reader.until_caught_up().await;

        assert_eq!(kinds(&messages), ["fell behind", "batch", "caught up"]);
        assert_eq!(delivered(&messages), 20);
        let stats = room.hub.stats();
        assert_eq!((stats.falls, stats.live, stats.catch_up), (fall, 1, 0));
    }
}

/// Goal: the ring runs away from a reader while it reads pages, twice, and it loses nothing.
#[tokio::test(start_paused = true)]
async fn the_ring_may_overflow_while_a_reader_catches_up() {
    let room = Room::new(log(1_000), small(8)).await;
    let mut reader = room.subscribe(Start::Beginning, all()).await.unwrap();
    assert_eq!(kinds(&[reader.message().await]), ["started"]);
    // The first page is asked for, up to the head of now.
    assert_eq!(reader.poll_once().await, None);

    room.publish(100);
    let mut messages = reader.until(1_000).await;
    room.publish(100);
    messages.extend(reader.until_caught_up().await);

    assert_eq!(delivered(&messages), 1_200);
    assert_eq!(room.hub.stats().falls, 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_falls_often_keeps_its_distance() {
    let room = Room::new(log(0), small(8)).await;
    let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
    reader.until_caught_up().await;
    for _ in 0..2 {
        room.publish(9);
        reader.until_caught_up().await;
    }

    room.publish(9);
    assert_eq!(kinds(&[reader.message().await]), ["fell behind"]);
    // The page ends where the ring goes on, but more than half of the ring lies ahead.
    assert_eq!(reader.poll_once().await, None);
    room.publish(5);
    reader.until(27).await;
    assert_eq!(reader.poll_once().await, None);
    assert_eq!(room.hub.stats().live, 0);
    let messages = reader.until_caught_up().await;

    assert_eq!(delivered(&messages), 5);
    assert_eq!(room.hub.stats().live, 1);
    // Ten seconds without a fall, and it is as trusted as any other.
    tokio::time::advance(Duration::from_secs(11)).await;
    room.publish(9);
    assert_eq!(kinds(&[reader.message().await]), ["fell behind"]);
    assert_eq!(reader.poll_once().await, None);
    room.publish(5);
    reader.until(41).await;
    assert!(reader.poll_once().await.is_some());
    assert_eq!(room.hub.stats().live, 1);
}

#[tokio::test(start_paused = true)]
async fn stopping_when_caught_up_sends_all_that_there_was() {
    let room = Room::new(log(10), Options::default()).await;
    room.publish(200);
    // Another replica appends, and this one has not heard of it.
    drop(room.log.append(7));
    let request = Subscribe { stop_when_caught_up: true, ..request() };
    let mut reader = room.reader(request).await.unwrap();

    let messages = reader.until_caught_up().await;

    assert_eq!(delivered(&messages), 217);
    assert!(reader.next().await.is_none() && reader.next().await.is_none());
    assert_eq!((room.hub.stats().live, room.hub.subscriptions()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn an_idle_log_repeats_no_checkpoint() {
    for events in [0, 5] {
        let room = Room::new(log(events), Options::default()).await;
        let mut reader = room.subscribe(Start::Now, rare()).await.unwrap();
        reader.until_caught_up().await;

        let silent = timeout(Duration::from_secs(60), reader.subscription.next()).await;
        assert!(silent.is_err(), "{silent:?}");

        // What the filter does not take is reported after the interval, once.
        let before = tokio::time::Instant::now();
        room.publish(2);
        let told = reader.message().await;
        assert_eq!(kinds(std::slice::from_ref(&told)), ["checkpoint"]);
        assert!(before.elapsed() <= Duration::from_secs(10));
        let silent = timeout(Duration::from_secs(60), reader.subscription.next()).await;
        assert!(silent.is_err(), "{silent:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_checkpoint_comes_for_every_thousand_events_that_are_not_taken() {
    let shape = Shape { rare_every: 1_000_000, ..Shape::default() };
    let room = Room::new(VecLog::new(shape, 0), Options::default()).await;
    let mut reader = room.subscribe(Start::Now, rare()).await.unwrap();
    reader.until_caught_up().await;

    room.publish(10_500);
    let messages = reader.until(10_000).await;

    assert_eq!(kinds(&messages), ["checkpoint"]);
    assert!((9..=10).contains(&messages.len()), "{}", messages.len());
    assert_eq!(reader.poll_once().await, None);
}

/// Goal: the timer of a checkpoint that is due, while events wait, passes none of them.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_timer_passes_nothing_that_is_undelivered() {
    for ring in [4, 1_000] {
        let room = Room::new(log(0), small(ring)).await;
        let mut reader = room.subscribe(Start::Now, rare()).await.unwrap();
        reader.until_caught_up().await;
        room.publish(5);
        assert_eq!(reader.poll_once().await.is_some(), ring == 4);

        tokio::time::advance(Duration::from_secs(20)).await;
        room.publish(20);
        tokio::time::advance(Duration::from_secs(20)).await;
        let messages = reader.until(25).await;

        assert_eq!(delivered(&messages), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_large_command_is_whole_once() {
    let shape = Shape { command: 1_000, bytes: 4 << 10, ..Shape::default() };
    for ring in [10, 65_536] {
        let room = Room::new(VecLog::new(shape, 0), small(ring)).await;
        let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
        reader.until_caught_up().await;

        room.publish(1_000);
        let messages = reader.until(1_000).await;

        let wholes = wholes(&messages);
        assert_eq!(wholes.iter().filter(|whole| **whole).count(), 1);
        assert_eq!((wholes.last(), delivered(&messages)), (Some(&true), 1_000));
    }
}

/// Goal: what is said of a batch is said of its last event, and not of where the scan has stopped.
#[tokio::test(start_paused = true)]
async fn a_call_is_whole_when_all_of_it_was_scanned_though_later_ones_were_not() {
    // Calls of two events, and each that is taken is the second one.
    let shape = Shape { rare_every: 2, command: 2, ..Shape::default() };
    for ring in [1, 65_536] {
        let room = Room::new(VecLog::new(shape, 0), small(ring)).await;
        let mut reader = room.subscribe(Start::Now, rare()).await.unwrap();
        reader.until_caught_up().await;

        room.publish(3);
        let messages = reader.until(3).await;

        assert_eq!(wholes(&messages), [true], "a ring of {ring}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_is_whole_when_its_rest_was_scanned_and_not_taken() {
    // Calls of three events; those at 4, 8 and 12 are taken.
    let shape = Shape { rare_every: 4, command: 3, ..Shape::default() };
    let room = Room::new(VecLog::new(shape, 0), Options::default()).await;
    let mut reader = room.subscribe(Start::Now, rare()).await.unwrap();
    reader.until_caught_up().await;

    room.publish(5);
    let split = reader.until(5).await;
    room.publish(1);
    let rest = reader.until(6).await;
    room.publish(4);
    let whole = reader.until(10).await;
    room.publish(2);
    let last = reader.until(12).await;

    assert_eq!(wholes(&split), [false], "the call of 4 goes on to 6");
    assert_eq!(kinds(&rest), ["checkpoint"], "which is how the reader learns that it is over");
    assert_eq!((wholes(&whole), wholes(&last)), (vec![true], vec![true]));
}

#[tokio::test(start_paused = true)]
async fn an_event_larger_than_a_batch_goes_alone() {
    let shape = Shape { bytes: 200 << 10, ..Shape::default() };
    for ring in [2, 65_536] {
        for filter in [all(), rare()] {
            let room = Room::new(VecLog::new(shape, 0), small(ring)).await;
            let request = Subscribe { batch_bytes_max: 4 << 10, filter, ..request() };
            let mut reader = room.reader(request).await.unwrap();
            reader.until_caught_up().await;

            room.publish(6);
            let messages = reader.until(6).await;

            assert_eq!(delivered(&messages), 6);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_ring_keeps_its_bounds() {
    let shape = Shape { bytes: 256 << 10, ..Shape::default() };
    let options = Options { ring_bytes_max: 4 << 20, ..small(1_000) };
    let room = Room::new(VecLog::new(shape, 0), options).await;
    for _ in 0..40 {
        room.publish(1);
        assert!(room.hub.stats().ring_bytes <= 4 << 20);
    }
    assert_eq!(room.hub.stats().ring_events, 15);

    let room = Room::new(log(0), small(1_000)).await;
    room.publish(5_000);
    assert_eq!(room.hub.stats().ring_events, 1_000);
}

#[tokio::test(start_paused = true)]
async fn many_live_readers_are_woken_in_groups() {
    let options = Options { wakes_grouped_above: 2, ..Options::default() };
    let room = Room::new(log(0), options).await;
    let mut readers = Vec::new();
    for _ in 0..3 {
        let mut reader = room.subscribe(Start::Now, all()).await.unwrap();
        reader.until_caught_up().await;
        readers.push(reader);
    }
    tokio::time::sleep(Duration::from_millis(20)).await;

    let mut messages = Vec::new();
    let reader = &mut readers[0];
    let publish = async {
        for _ in 0..50 {
            room.publish(1);
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let read = async { messages = reader.until(50).await };
    tokio::join!(publish, read);

    assert_eq!(delivered(&messages), 50);
    assert!((8..=14).contains(&messages.len()), "{} wakes", messages.len());
    for reader in &mut readers[1..] {
        assert_eq!(delivered(&reader.until(50).await), 50);
    }
}
