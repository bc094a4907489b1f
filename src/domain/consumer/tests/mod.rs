//! What the rules of consumers promise.

mod model;
mod rules;
mod world;

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Consumer, ConsumerState, KeyedBy};
use crate::domain::filter::EventFilter;
use crate::domain::name::{ActorName, ConsumerName};

pub(super) fn name() -> ConsumerName {
    ConsumerName::parse("name", "projects/abc/consumers/x").unwrap()
}

/// A consumer as it is made.
pub(super) fn consumer() -> Consumer {
    Consumer {
        name: name(),
        uid: Uuid::from_u128(1),
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        creator: ActorName::root(),
        filter: EventFilter::default(),
        buckets: 3,
        keyed_by: KeyedBy::Root,
        ack_deadline: Duration::from_secs(30),
        attempts_max: 3,
        state: ConsumerState::Active,
        run: Uuid::from_u128(2),
    }
}
