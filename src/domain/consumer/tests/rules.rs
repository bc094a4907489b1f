//! Rules by themselves.

use std::collections::BTreeSet;

use super::name;
use super::world::World;
use crate::domain::consumer::{
    AckEvents, ExpireConsumer, ExtendEvents, FailEvents, LeaveConsumer, ParkEvents, PauseConsumer,
    ResetConsumer, ResumeConsumer, Token, share, surplus,
};
use crate::domain::error::Reason;
use crate::domain::event::{EventType, Seq};

fn ack(tokens: Vec<Token>) -> AckEvents {
    AckEvents { name: name(), tokens }
}

fn fail(token: &Token) -> FailEvents {
    let tokens = vec![token.clone()];
    FailEvents { name: name(), tokens, reason: "broken".into(), delay: None }
}

/// A world with one bucket and one member, who was sent what was published.
fn delivered(keys: &[&str]) -> (World, Vec<Token>) {
    let mut world = World::new(1);
    for key in keys {
        world.publish(key, 1);
    }
    world.join(1);
    world.read(0, keys.len());
    let tokens = (0..keys.len()).flat_map(|_| world.send(0)).map(|(_, token)| token).collect();
    (world, tokens)
}

#[test]
fn shares_are_even_and_leave_no_bucket_alone() {
    for buckets in 1..=64_usize {
        for members in 1..=70 {
            let share = share(buckets, members);
            assert!(share * members >= buckets && (share - 1) * members < buckets);
        }
    }
    assert_eq!(surplus(&[1, 4, 9].into(), 2), BTreeSet::from([9]));
    assert!(surplus(&[1].into(), 2).is_empty());
}

#[test]
fn an_event_is_settled_once_and_said_as_often_as_one_likes() {
    let (mut world, tokens) = delivered(&["a", "b"]);

    world.carry_out(ack(vec![tokens[1].clone()])).unwrap();
    assert_eq!(world.bucket(0).done, Seq(0), "the first one is still open");
    world.carry_out(ack(vec![tokens[0].clone()])).unwrap();
    assert_eq!(world.bucket(0).done, Seq(2));
    let before = world.bucket(0).clone();
    world.carry_out(ack(tokens)).unwrap();

    assert_eq!(*world.bucket(0), before);
}

#[test]
fn tokens_of_an_older_claim_are_void() {
    let (mut world, tokens) = delivered(&["a"]);
    let member = world.members[0].id;
    world.carry_out(LeaveConsumer { name: name(), member }).unwrap();

    // Nobody else has the bucket yet: late, and still true.
    world.carry_out(fail(&tokens[0])).unwrap();
    world.join(2);
    let refused = world.carry_out(ack(tokens)).unwrap_err();

    assert_eq!(refused.reason(), Reason::FenceStale);
    assert_eq!(refused.into_details().1["tokens"], "0");
}

#[test]
fn what_was_never_sent_cannot_be_settled() {
    let (mut world, tokens) = delivered(&["a"]);
    let mut consumer = world.consumer().clone();
    consumer.run = uuid::Uuid::from_u128(99);
    let fence = tokens[0].fence;
    let forged = Token::new(&consumer, (0, fence), (Seq(1), Seq(1)), 1, "a");
    let ahead = Token::new(world.consumer(), (0, fence + 1), (Seq(1), Seq(1)), 1, "a");
    let elsewhere = Token::new(world.consumer(), (7, fence), (Seq(1), Seq(1)), 1, "a");

    for token in [forged, ahead, elsewhere] {
        let refused = world.carry_out(ack(vec![tokens[0].clone(), token])).unwrap_err();
        assert_eq!(refused.reason(), Reason::NotDelivered);
        assert_eq!(world.bucket(0).done, Seq(0), "none of them, or all");
    }
}

#[test]
fn an_event_is_parked_after_its_last_attempt_and_its_key_goes_on() {
    let (mut world, tokens) = delivered(&["a", "a"]);
    assert_eq!(tokens.len(), 1, "one of a key at a time");

    let mut token = tokens[0].clone();
    for attempt in 1..=3 {
        assert_eq!(token.attempt, attempt);
        world.carry_out(fail(&token)).unwrap();
        // Said again, it counts once.
        world.carry_out(fail(&token)).unwrap();
        world.look(0);
        if attempt < 3 {
            assert!(world.send(0).is_empty(), "the key waits");
            assert_eq!(world.waiting().next().unwrap().attempts, attempt);
            world.pass(10);
            token = world.send(0).remove(0).1;
        }
    }

    assert_eq!(world.waiting().count(), 0);
    let parked = world.tables.parked.values().next().unwrap();
    assert_eq!((parked.seq, parked.attempts, parked.reason.as_str()), (Seq(1), 3, "broken"));
    assert_eq!(world.send(0)[0].0.seq, Seq(2));
}

#[test]
fn more_time_is_given_to_who_asks() {
    let (mut world, tokens) = delivered(&["a"]);
    let extension = Some(std::time::Duration::from_secs(100));
    let extend = ExtendEvents { name: name(), tokens: tokens.clone(), extension };

    world.carry_out(extend).unwrap();
    world.look(0);
    world.pass(99);
    world.beat(0);
    world.tell(0);
    assert_eq!(world.waiting().count(), 0);
    world.pass(2);
    world.tell(0);

    let waits = world.waiting().next().unwrap();
    assert_eq!((waits.attempts, waits.reason.as_str()), (1, "SILENT"));
    world.carry_out(ack(tokens)).unwrap();
    assert_eq!(world.waiting().count(), 0, "late, but true");
}

#[test]
fn a_late_word_on_a_parked_event_counts() {
    let (mut world, tokens) = delivered(&["a"]);
    let park = ParkEvents { name: name(), tokens: tokens.clone(), reason: "no use".into() };

    world.carry_out(park.clone()).unwrap();
    world.carry_out(park).unwrap();
    assert_eq!(world.tables.parked.len(), 1);
    world.carry_out(ack(tokens)).unwrap();

    assert!(world.tables.parked.is_empty());
}

#[test]
fn pausing_and_resuming_say_so_once() {
    let mut world = World::new(2);
    let (pause, resume) =
        (PauseConsumer { name: name(), etag: None }, ResumeConsumer { name: name(), etag: None });

    let said = |world: &mut World, verb: crate::domain::command::Verb| {
        let events = world.carry_out(verb).unwrap().events;
        events.into_iter().map(|event| event.kind).collect::<Vec<_>>()
    };
    assert_eq!(said(&mut world, pause.clone().into()), [EventType::ConsumerPaused]);
    assert_eq!(said(&mut world, pause.into()), []);
    assert_eq!(said(&mut world, resume.clone().into()), [EventType::ConsumerResumed]);
    assert_eq!(said(&mut world, resume.into()), []);
}

#[test]
fn a_consumer_expires_only_if_it_is_still_behind_and_a_reset_revives_it() {
    let (mut world, tokens) = delivered(&["a", "b"]);
    let run = world.consumer().run;
    let expire = |done| ExpireConsumer { name: name(), run, done: Seq(done) };

    world.carry_out(ack(vec![tokens[0].clone()])).unwrap();
    assert!(world.carry_out(expire(0)).unwrap().events.is_empty(), "it has come on since");
    let expired = world.carry_out(expire(1)).unwrap();
    assert_eq!(expired.events[0].kind, EventType::ConsumerExpired);
    assert!(world.carry_out(expire(1)).unwrap().events.is_empty());
    let refused = world.carry_out(ack(tokens)).unwrap_err();
    assert_eq!(refused.reason(), Reason::ConsumerExpired);
    let refused = world.carry_out(PauseConsumer { name: name(), etag: None }).unwrap_err();
    assert_eq!(refused.reason(), Reason::ConsumerExpired);

    let reset = ResetConsumer { name: name(), etag: None, start: Seq(2) };
    world.carry_out(reset).unwrap();
    world.publish("a", 1);
    world.beat(0);
    world.read(0, 9);
    assert_eq!(world.send(0)[0].0.seq, Seq(3));
}
