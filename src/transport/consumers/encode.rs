//! Consumers and what is delivered of them, in the words of the contract.

use prost::Message as _;

use crate::domain::consumer::{Consumer, ConsumerState, KeyedBy, Parked};
use crate::domain::error::{Error, Result};
use crate::domain::etag;
use crate::domain::event::{EventPattern, Seq};
use crate::domain::filter::EventFilter;
use crate::domain::reader::{Reader, Seen};
use crate::proto::{self, well_known::to_timestamp};
use crate::store::{ConsumerProgress, ParkedRow};
use crate::stream::{Delivered, hidden};

fn filter(filter: &EventFilter) -> Option<proto::EventFilter> {
    if filter.takes_all() {
        return None;
    }
    let EventFilter { projects, roots, subjects, types, classes } = filter;
    let project = |name: &String| match name.as_str() {
        "" => "projects/-".to_owned(),
        name => name.to_owned(),
    };
    Some(proto::EventFilter {
        projects: projects.iter().flatten().map(project).collect(),
        roots: roots.iter().flatten().cloned().collect(),
        subjects: subjects.iter().flatten().cloned().collect(),
        types: types.iter().flatten().map(EventPattern::to_text).collect(),
        classes: classes.iter().flatten().map(|class| i32::from(class.number())).collect(),
    })
}

/// A consumer.
pub(super) fn consumer(consumer: &Consumer) -> proto::Consumer {
    let state = match consumer.state {
        ConsumerState::Active => proto::ConsumerState::Active,
        ConsumerState::Paused => proto::ConsumerState::Paused,
        ConsumerState::Expired => proto::ConsumerState::Expired,
    };
    let keyed_by = match consumer.keyed_by {
        KeyedBy::Root => proto::KeyedBy::Root,
        KeyedBy::Project => proto::KeyedBy::Project,
    };
    let Consumer {
        name,
        uid,
        version,
        created_at,
        updated_at,
        creator,
        filter,
        buckets,
        keyed_by: _,
        ack_deadline,
        attempts_max,
        state: _,
        run: _,
    } = consumer;
    proto::Consumer {
        name: name.to_string(),
        uid: uid.to_string(),
        etag: etag::of(*version),
        create_time: Some(to_timestamp(*created_at)),
        update_time: Some(to_timestamp(*updated_at)),
        creator: creator.to_string(),
        filter: self::filter(filter),
        buckets: i32::from(*buckets),
        keyed_by: keyed_by.into(),
        ack_deadline: prost_types::Duration::try_from(*ack_deadline).ok(),
        attempts_max: *attempts_max,
        state: state.into(),
    }
}

/// A consumer that was decided and not written: without what the server would have given it.
pub(super) fn consumer_to_be(consumer: &Consumer) -> proto::Consumer {
    proto::Consumer {
        uid: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        ..self::consumer(consumer)
    }
}

/// How far a consumer has come, in a log of that length.
pub(super) fn progress(progress: ConsumerProgress, head: Seq) -> proto::ConsumerProgress {
    let ConsumerProgress { done, waiting, parked, members } = progress;
    proto::ConsumerProgress {
        done_seq: done.0,
        lag: (head.0 - done.0).max(0),
        waiting,
        parked,
        members,
    }
}

/// What is delivered.
pub(super) fn batch(deliveries: Vec<Delivered>) -> proto::ConsumeResponse {
    let delivery = |Delivered { event, token, attempt }: Delivered| proto::Delivery {
        event,
        ack_token: token,
        attempt,
    };
    let deliveries = deliveries.into_iter().map(delivery).collect();
    let batch = proto::consume_response::Message::Batch(proto::DeliveryBatch { deliveries });
    proto::ConsumeResponse { message: Some(batch) }
}

/// A parked event as a reader sees it.
pub(super) fn parked(row: &ParkedRow, reader: &Reader) -> Result<proto::ParkedEvent> {
    let Parked { consumer: _, seq, bucket: _, key, attempts, reason, parked_at } = &row.parked;
    let event = match reader.sees(row.facts(), &row.audience) {
        Seen::No => None,
        Seen::Hidden => Some(proto::Event::decode(hidden(&row.body))),
        Seen::Whole => Some(proto::Event::decode(row.body.as_slice())),
    };
    let event = event.transpose().map_err(|error| {
        Error::Internal(anyhow::Error::from(error).context(format!("event {seq} is not readable")))
    })?;
    Ok(proto::ParkedEvent {
        seq: seq.0,
        event: event.map(|event| proto::Event { seq: seq.0, ..event }),
        key: key.clone(),
        attempts: *attempts,
        reason: reason.clone(),
        park_time: Some(to_timestamp(*parked_at)),
    })
}
