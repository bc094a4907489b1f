//! Where a reader may start, and how it is refused.

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::*;
use crate::domain::error::Reason;
use crate::stream::Epoch;

fn second(n: i64) -> Timestamp {
    Timestamp::UNIX_EPOCH + SignedDuration::from_secs(n)
}

async fn refusal(room: &Room, start: Start) -> Error {
    room.subscribe(start, all()).await.map(drop).unwrap_err()
}

/// The cursor of `Started`.
async fn starts_at(room: &Room, start: Start) -> i64 {
    let mut reader = room.subscribe(start, all()).await.unwrap();
    let Message::Started { cursor, .. } = reader.message().await else { panic!("Started first") };
    cursor.seq.0
}

#[tokio::test(start_paused = true)]
async fn a_reader_starts_where_it_asked_to() {
    let room = Room::new(log(100), Options::default()).await;
    room.publish(20);

    assert_eq!(starts_at(&room, Start::Beginning).await, 0);
    assert_eq!(starts_at(&room, Start::Now).await, 120);
    for seq in [0, 1, 99, 100, 101, 119, 120] {
        assert_eq!(starts_at(&room, room.after(seq)).await, seq);
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_log_has_one_place() {
    let room = Room::new(log(0), Options::default()).await;

    assert_eq!(room.hub.head(), Position::default());
    for start in [Start::Beginning, Start::Now, room.after(0)] {
        assert_eq!(starts_at(&room, start).await, 0);
    }
    assert_eq!(refusal(&room, room.after(1)).await.reason(), Reason::CursorAhead);
}

#[tokio::test(start_paused = true)]
async fn a_cursor_of_another_log_is_refused() {
    let room = Room::new(log(100), Options::default()).await;
    room.publish(20);
    let other = Epoch::of(Uuid::from_u128(77));

    for seq in [0, 50, 100, 110, 120, 121] {
        let start = Start::After(other, room.log.position(Seq(seq)));
        assert_eq!(refusal(&room, start).await.reason(), Reason::EpochChanged);
    }
}

#[tokio::test(start_paused = true)]
async fn a_cursor_of_another_event_is_refused() {
    let room = Room::new(log(100), Options::default()).await;
    room.publish(20);

    for seq in [1, 50, 100, 101, 120] {
        let position = Position { seq: Seq(seq), check: [9; 8] };
        let error = refusal(&room, Start::After(room.hub.epoch(), position)).await;
        assert_eq!(error.reason(), Reason::LogDiverged, "{seq}");
    }
}

/// The head that counts is that of the table: another replica may have appended since.
#[tokio::test(start_paused = true)]
async fn a_cursor_may_be_ahead_of_this_replica_but_not_of_the_log() {
    let room = Room::new(log(100), Options::default()).await;
    drop(room.log.append(5));

    let mut ahead = room.subscribe(room.after(105), all()).await.unwrap();
    let error = refusal(&room, room.after(106)).await;
    let far = Position { seq: Seq(i64::MAX), check: [9; 8] };
    let far = refusal(&room, Start::After(room.hub.epoch(), far)).await;
    drop(room.log.append(5));
    let messages = ahead.until(110).await;

    assert_eq!(error.reason(), Reason::CursorAhead);
    assert!(matches!(error, Error::OutOfRange { oldest: Seq(1), head: Seq(105), .. }));
    assert_eq!(far.reason(), Reason::CursorAhead);
    assert_eq!(delivered(&messages), 5);
}

#[tokio::test(start_paused = true)]
async fn a_cursor_before_the_oldest_event_is_refused_unless_nothing_lies_between() {
    let room = Room::new(log(100), Options::default()).await;
    room.log.drop_before(50);

    let error = refusal(&room, room.after(48)).await;
    let mut unverified = room.subscribe(room.after(49), all()).await.unwrap();
    let messages = unverified.until(100).await;
    let beginning = starts_at(&room, Start::Beginning).await;

    assert_eq!(error.reason(), Reason::CursorExpired);
    assert!(matches!(error, Error::OutOfRange { oldest: Seq(50), head: Seq(100), .. }));
    assert_eq!(delivered(&messages), 51);
    assert_eq!(beginning, 49);
    assert_eq!(refusal(&room, room.after(0)).await.reason(), Reason::CursorExpired);
}

#[tokio::test(start_paused = true)]
async fn a_time_starts_ten_seconds_early() {
    let room = Room::new(log(100), Options::default()).await;

    assert_eq!(starts_at(&room, Start::Time(second(100))).await, 89);
    assert_eq!(starts_at(&room, Start::Time(second(60))).await, 49);
    // Nothing was dropped: the beginning is soon enough.
    assert_eq!(starts_at(&room, Start::Time(second(5))).await, 0);
    assert_eq!(starts_at(&room, Start::Time(Timestamp::MIN)).await, 0);

    room.log.drop_before(50);

    assert_eq!(starts_at(&room, Start::Time(second(61))).await, 50);
    for early in [second(60), second(49), Timestamp::MIN] {
        let error = refusal(&room, Start::Time(early)).await;
        assert_eq!(error.reason(), Reason::CursorExpired);
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_in_the_future_is_refused() {
    let room = Room::new(log(100), Options::default()).await;

    let error = refusal(&room, Start::Time(second(101))).await;

    let Error::Invalid { reason: Reason::FieldInvalid, field, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!(field, "after_time");
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_read_is_not_the_readers_fault() {
    let room = Room::new(log(100), Options::default()).await;
    room.log.fail(true);

    for start in [Start::Beginning, Start::Time(second(1)), room.after(50)] {
        assert_eq!(refusal(&room, start).await.reason(), Reason::DatabaseUnavailable);
    }
    assert_eq!(starts_at(&room, Start::Now).await, 100);
    assert_eq!(starts_at(&room, room.after(100)).await, 100);
}

#[tokio::test(start_paused = true)]
async fn one_reader_too_many_is_refused_until_another_goes() {
    let options = Options { subscriptions_max: 2, ..Options::default() };
    let room = Room::new(log(1), options).await;

    let first = room.subscribe(Start::Now, all()).await.unwrap();
    let _second = room.subscribe(Start::Now, all()).await.unwrap();
    let error = refusal(&room, Start::Now).await;
    drop(first);

    assert!(matches!(
        error,
        Error::Exhausted { reason: Reason::LimitReached, retry_after: None, .. }
    ));
    assert!(room.subscribe(Start::Now, all()).await.is_ok());
    assert_eq!(room.hub.subscriptions(), 1);
    // A refused start takes no seat.
    assert_eq!(refusal(&room, room.after(9)).await.reason(), Reason::CursorAhead);
    assert_eq!(room.hub.subscriptions(), 1);
}

#[tokio::test(start_paused = true)]
async fn positions_come_from_memory_or_from_the_log() {
    let room = Room::new(log(100), Options::default()).await;
    room.publish(10);
    drop(room.log.append(1));

    for seq in [0, 1, 100, 101, 110, 111] {
        let position = room.hub.position(Seq(seq)).await.unwrap();
        assert_eq!(position, Some(room.log.position(Seq(seq))), "{seq}");
    }
    for seq in [i64::MIN, -1, 112, i64::MAX] {
        assert_eq!(room.hub.position(Seq(seq)).await.unwrap(), None, "{seq}");
    }
}
