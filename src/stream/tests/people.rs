//! What the hub tells about people.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_change_of_people_is_told_with_its_hand_over_even_ahead_of_the_head() {
    let room = Room::new(log(0), Options::default()).await;
    let mut people = room.hub.people();
    room.publish(1);
    assert!(!people.has_changed().unwrap(), "other events are no news");

    let mut frames = room.log.append(2);
    let mut disabled = frames.pop().unwrap();
    disabled.kind = "actor.disabled".into();
    room.hub.publish(vec![disabled]);

    assert_eq!(*people.borrow_and_update(), Seq(3));
    assert_eq!(room.hub.head().seq, Seq(1), "the event in front of it has not come yet");
    let mut before = frames.pop().unwrap();
    before.kind = "group.updated".into();
    room.hub.publish(vec![before]);
    assert!(!people.has_changed().unwrap(), "it was committed before what was told already");
}

#[tokio::test(start_paused = true)]
async fn another_log_is_one_of_other_people() {
    let room = Room::new(log(5), Options::default()).await;
    let mut people = room.hub.people();

    room.log.change_epoch();
    timeout(LONG, people.changed()).await.unwrap().unwrap();

    assert_eq!(*people.borrow(), Seq(5));
}
