//! Who is sent what, and what happens when that changes.

use super::*;
use crate::domain::audience::Audience;
use crate::domain::error::Reason;
use crate::domain::name::{GroupName, ProjectId};
use crate::domain::people::{Role, Standing};
use crate::stream::hidden;

fn ann() -> ActorName {
    ActorName::stored("actors/ann")
}

/// Who reads what a [`Shape`] tells, as a member of the group that is named here.
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

fn list(name: &str) -> Option<Vec<String>> {
    Some(vec![name.to_owned()])
}

async fn room(log: VecLog, options: Options) -> Room {
    let room = Room::new(log, options).await;
    room.log.set_standing(standing(Some(Role::Viewer)));
    room
}

async fn subscribe(room: &Room, start: Start) -> Subscription {
    room.hub.subscribe(&ann(), Subscribe { start, ..request() }).await.unwrap()
}

/// The events that come until everything up to a place was scanned.
pub(super) async fn events(subscription: &mut Subscription, to: i64) -> Vec<bytes::Bytes> {
    let mut all = Vec::new();
    loop {
        let next = timeout(LONG, subscription.next()).await.expect("something is told");
        let cursor = match next.unwrap().unwrap() {
            Message::Batch { events, cursor, .. } => {
                all.extend(events);
                cursor
            }
            Message::Started { cursor, .. }
            | Message::Checkpoint { cursor, .. }
            | Message::CaughtUp { cursor, .. }
            | Message::FellBehind { cursor, .. } => cursor,
        };
        if cursor.seq >= Seq(to) {
            return all;
        }
    }
}

async fn error(subscription: &mut Subscription) -> Error {
    loop {
        let next = timeout(LONG, subscription.next()).await.expect("something is told");
        if let Err(error) = next.expect("the stream ends with an error") {
            assert!(subscription.next().await.is_none(), "an error is the end");
            return error;
        }
    }
}

/// One event for all, one that goes out of their sight, one that is out of it, one for all.
fn publish_four(room: &Room) -> Vec<bytes::Bytes> {
    room.publish(1);
    let gone = Audience::of(list("groups/qa"), list("groups/dev"));
    room.hub.publish(room.log.append_for(gone));
    room.hub.publish(room.log.append_for(Audience::of(list("groups/dev"), list("groups/dev"))));
    room.publish(1);
    let all = room.log.taken(Seq(0), Seq(4), &all());
    vec![all[0].clone(), hidden(&all[1]), all[3].clone()]
}

#[tokio::test(start_paused = true)]
async fn a_reader_is_sent_what_they_may_see_live_and_from_the_log() {
    for ring in [1, 100] {
        let room = room(log(0), small(ring)).await;
        let mut live = subscribe(&room, Start::Now).await;

        let seen = publish_four(&room);

        assert_eq!(events(&mut live, 4).await, seen, "a ring of {ring}");
        let mut late = subscribe(&room, Start::Beginning).await;
        assert_eq!(events(&mut late, 4).await, seen, "a ring of {ring}");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_disabled_is_sent_nothing_more_even_when_nothing_happens() {
    let room = room(log(10), Options::default()).await;
    let mut idle = subscribe(&room, Start::Now).await;
    events(&mut idle, 10).await;

    let disabled = Standing { active: false, ..standing(Some(Role::Admin)) };
    room.hub.publish(room.log.append_standing(disabled));

    assert_eq!(error(&mut idle).await.reason(), Reason::AccessRevoked);
    let again = room.hub.subscribe(&ann(), request()).await;
    assert_eq!(again.unwrap_err().reason(), Reason::AccessRevoked);
}

#[tokio::test(start_paused = true)]
async fn who_loses_a_project_is_sent_nothing_of_it_from_there_on() {
    let room = room(log(10), Options::default()).await;
    let mut live = subscribe(&room, Start::Now).await;
    events(&mut live, 10).await;

    // One hand-over: what follows the change is in the ring before anybody is looked up.
    let mut frames = room.log.append(1);
    frames.extend(room.log.append_standing(standing(None)));
    frames.extend(room.log.append(3));
    room.hub.publish(frames);
    let before = events(&mut live, 15).await;
    room.hub.publish(room.log.append_standing(standing(Some(Role::Viewer))));
    room.publish(1);
    let after = events(&mut live, 17).await;

    // Nobody knows any more who they were at 11, so they are taken for who they are.
    assert_eq!(before, Vec::<bytes::Bytes>::new());
    assert_eq!(after.last(), room.log.taken(Seq(16), Seq(17), &all()).last());
    assert!(after.len() <= 2);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_for_who_they_were_is_not_sent() {
    let room = room(log(5_000), small(1)).await;
    let mut late = subscribe(&room, Start::Beginning).await;
    assert!(!events(&mut late, 100).await.is_empty());

    room.hub.publish(room.log.append_standing(standing(None)));

    assert_eq!(events(&mut late, 5_001).await, Vec::<bytes::Bytes>::new());
}

#[tokio::test(start_paused = true)]
async fn all_who_read_are_looked_up_together() {
    let room = room(log(10), Options::default()).await;
    let mut all = Vec::new();
    for _ in 0..50 {
        let mut one = subscribe(&room, Start::Now).await;
        events(&mut one, 10).await;
        all.push(one);
    }
    let before = room.log.look_ups();

    room.hub.publish(room.log.append_standing(standing(Some(Role::Worker))));
    for one in &mut all {
        assert_eq!(events(one, 11).await.len(), 1);
    }

    assert_eq!(room.log.look_ups() - before, 1);
}

#[tokio::test(start_paused = true)]
async fn nobody_is_sent_anything_while_nobody_can_be_looked_up() {
    let room = room(log(10), Options::default()).await;
    let mut live = subscribe(&room, Start::Now).await;
    events(&mut live, 10).await;

    room.log.fail(true);
    room.hub.publish(room.log.append_standing(standing(None)));
    room.publish(5);
    let silence = timeout(Duration::from_secs(5), live.next()).await;
    room.log.fail(false);

    assert!(silence.is_err(), "{silence:?}");
    assert_eq!(events(&mut live, 16).await, Vec::<bytes::Bytes>::new());
}
