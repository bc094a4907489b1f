//! Consumers: named readers of the log whose position the service keeps.
//!
//! Events are shared out over buckets by their keys; a bucket has one member at a time, who reads
//! the log and delivers. What is settled is decided here, under the lock of the bucket, and what a
//! member does between two looks at its buckets is in [`shift`].
//!
//! Every event is pending, then sent, then done, waiting to be tried again, or parked. A bucket
//! knows which are past: done, waiting or parked. Only a reset takes that back.

mod bucket;
mod consume;
mod desk;
mod manage;
mod parked;
mod ranges;
mod replay;
mod retry;
mod settle;
pub mod shift;
mod steer;
#[cfg(test)]
mod tests;
mod token;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::json;
use uuid::Uuid;

pub use bucket::{BUCKETS_MAX, Bucket, BucketKey, Fate, bucket_of};
pub use consume::{
    BucketProgress, Consume, LEASE, Later, LeaveConsumer, MEMBERS_MAX, ProgressConsumer, Silent,
    share, surplus,
};
pub use manage::{
    CONSUMERS_MAX, ConsumerEdit, ConsumerSpec, CreateConsumer, DeleteConsumer, UpdateConsumer,
};
pub use parked::Parked;
pub use ranges::Ranges;
pub use replay::{REPLAY_MAX, ReplayParkedEvents};
pub use retry::{DELAY_MAX, REASON_BYTES_MAX, Retry, SILENT, backoff};
pub use settle::{AckEvents, ExtendEvents, FailEvents, ParkEvents, TOKENS_MAX};
pub use steer::{ExpireConsumer, PauseConsumer, ResetConsumer, ResumeConsumer};
pub use token::{TOKEN_BYTES_MAX, Token};

use super::audience::Audience;
use super::command::At;
use super::counter::{Counted, CounterKey};
use super::error::{Error, Reason, Result, invalid, not_found, refused};
use super::event::{Event, EventType, Seq};
use super::filter::EventFilter;
use super::name::{ActorName, ConsumerName};
use super::value::Fields;
use super::working_set::{Footprint, Noun};

/// Shorter than the network may take, silence says nothing.
pub const ACK_DEADLINE_MIN: Duration = Duration::from_secs(1);
/// Longer, a lost event is as good as forgotten.
pub const ACK_DEADLINE_MAX: Duration = Duration::from_secs(3600);
/// Long enough for a call of another service, short enough that a lost event is soon tried again.
pub const ACK_DEADLINE_DEFAULT: Duration = Duration::from_secs(30);
/// At five minutes each, more would block a key for most of a day.
pub const ATTEMPTS_MAX: i32 = 100;
/// About a quarter of an hour.
pub const ATTEMPTS_DEFAULT: i32 = 10;

/// What events are ordered by. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyedBy {
    /// By their roots.
    Root,
    /// By their projects.
    Project,
}

impl KeyedBy {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            KeyedBy::Root => "ROOT",
            KeyedBy::Project => "PROJECT",
        }
    }

    /// What has that stored name.
    pub fn stored(name: &str) -> Option<KeyedBy> {
        [KeyedBy::Root, KeyedBy::Project].into_iter().find(|keyed_by| keyed_by.as_str() == name)
    }
}

/// Whether it is consumed. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConsumerState {
    /// Its events are delivered.
    Active,
    /// Nothing is delivered.
    Paused,
    /// It was too far behind.
    Expired,
}

impl ConsumerState {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            ConsumerState::Active => "ACTIVE",
            ConsumerState::Paused => "PAUSED",
            ConsumerState::Expired => "EXPIRED",
        }
    }

    /// What has that stored name.
    pub fn stored(name: &str) -> Option<ConsumerState> {
        use ConsumerState::{Active, Expired, Paused};
        [Active, Paused, Expired].into_iter().find(|state| state.as_str() == name)
    }
}

/// A named reader.
#[derive(Clone, PartialEq, Debug)]
pub struct Consumer {
    /// The project, and the id that the caller chose.
    pub name: ConsumerName,
    /// Given by the server.
    pub uid: Uuid,
    /// Counts every change, from 1.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who created it.
    pub creator: ActorName,
    /// What it takes, as its creator said it.
    pub filter: EventFilter,
    /// Over how many buckets its keys are spread.
    pub buckets: i16,
    /// What events are ordered by.
    pub keyed_by: KeyedBy,
    /// How long a member may be silent about an event.
    pub ack_deadline: Duration,
    /// How often an event is tried before it is parked.
    pub attempts_max: i32,
    /// Whether it is consumed.
    pub state: ConsumerState,
    /// What its retries and tokens are of: drawn anew by each reset.
    pub run: Uuid,
}

impl Noun for Consumer {
    type Key = ConsumerName;

    fn key(&self) -> ConsumerName {
        self.name.clone()
    }
}

impl Consumer {
    /// What it takes: of its own project, if its creator named none.
    pub fn takes(&self) -> EventFilter {
        let own = || [self.name.project.to_string()].into();
        let mut filter = self.filter.clone();
        filter.projects.get_or_insert_with(own);
        filter
    }

    /// What callers set, by its names in the contract.
    fn fields(&self) -> Fields {
        let EventFilter { projects, roots, subjects, types, classes } = &self.filter;
        let types = types.as_ref().map(|types| types.iter().map(|t| t.to_text()).collect());
        let types: Option<Vec<String>> = types;
        let classes = classes.as_ref().map(|all| all.iter().map(|c| c.number()).collect());
        let classes: Option<Vec<i16>> = classes;
        let fields = [
            ("ack_deadline_ms", json!(self.ack_deadline.as_millis().min(u128::from(u64::MAX)))),
            ("attempts_max", json!(self.attempts_max)),
            ("buckets", json!(self.buckets)),
            (
                "filter",
                json!({
                    "projects": projects, "roots": roots, "subjects": subjects,
                    "types": types, "classes": classes,
                }),
            ),
            ("keyed_by", json!(self.keyed_by.as_str())),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn event(&self, kind: EventType) -> Event {
        Event {
            version: self.version,
            audience: Audience::everybody(),
            ..Event::beside(kind, Some(self.name.project.clone()), &self.name.to_string())
        }
    }
}

/// The members of a consumer, and until when each counts as living.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Crew {
    /// Whose.
    pub consumer: ConsumerName,
    /// By their ids.
    pub members: BTreeMap<Uuid, Timestamp>,
}

impl Noun for Crew {
    type Key = ConsumerName;

    fn key(&self) -> ConsumerName {
        self.consumer.clone()
    }
}

/// The buckets that a consumer may have: whoever locks these locks all of it.
fn all_buckets(name: &ConsumerName) -> impl Iterator<Item = BucketKey> {
    let name = name.clone();
    (0..BUCKETS_MAX).map(move |number| BucketKey { consumer: name.clone(), number })
}

/// What a command that is about some buckets needs.
fn footprint(name: &ConsumerName, buckets: impl IntoIterator<Item = i16>) -> Footprint {
    let key = |number| BucketKey { consumer: name.clone(), number };
    Footprint {
        buckets: buckets.into_iter().map(key).collect(),
        consumers: [name.clone()].into(),
        uses: [name.project.clone()].into(),
        ..Footprint::default()
    }
}

/// What a command that is about all of a consumer needs.
fn whole_footprint(name: &ConsumerName) -> Footprint {
    Footprint {
        buckets: all_buckets(name).collect(),
        crews: [name.clone()].into(),
        ..footprint(name, [])
    }
}

/// A consumer that is there.
fn known<'a>(at: &At<'a>, name: &ConsumerName) -> Result<&'a Arc<Consumer>> {
    at.definitions.project(&name.project)?;
    at.rows.consumers.get(name).ok_or_else(|| not_found(name))
}

/// A consumer that has not expired.
fn unexpired<'a>(at: &At<'a>, name: &ConsumerName) -> Result<&'a Arc<Consumer>> {
    let consumer = known(at, name)?;
    match consumer.state {
        ConsumerState::Expired => Err(expired(name)),
        ConsumerState::Active | ConsumerState::Paused => Ok(consumer),
    }
}

/// What is told of a consumer that was too far behind.
pub fn expired(name: &ConsumerName) -> Error {
    refused(Reason::ConsumerExpired, name, "was too far behind; reset it")
}

/// The current values of all buckets of a consumer.
fn buckets<'a>(at: &At<'a>, name: &ConsumerName) -> Vec<&'a Arc<Bucket>> {
    all_buckets(name).filter_map(|key| at.rows.buckets.get(&key)).collect()
}

/// A span that must lie within bounds.
fn check_span(field: &str, span: Duration, least: Duration, most: Duration) -> Result<()> {
    match (least..=most).contains(&span) {
        true => Ok(()),
        false => Err(invalid(field, format!("must be {least:?} to {most:?}"))),
    }
}

/// An instant so much later.
fn after(at: Timestamp, span: Duration) -> Timestamp {
    let span = SignedDuration::try_from(span).unwrap_or(SignedDuration::MAX);
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

/// How many there may be, and how many there are: the counter of a project.
fn counter_key(name: &ConsumerName) -> CounterKey {
    CounterKey::of(&name.project, Counted::Consumers)
}

/// What an event says of a place.
fn place(event: &mut Event, seq: Seq) {
    event.data.insert("seq".into(), json!(seq.0));
}
