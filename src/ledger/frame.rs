//! The stored form of an event: an encoded `potts.v1.Event` without `seq`.
//!
//! The one encoder. What it makes is stored, and sent to every reader as it is.

use bytes::Bytes;
use prost::Message as _;

use crate::domain::event::{Event, Recorded};
use crate::proto;
use crate::proto::well_known::{to_struct, to_timestamp};

/// Encodes an event.
pub fn encode(event: &Event, recorded: &Recorded) -> Bytes {
    let Event { kind, project, subject, root, version, step, .. } = event;
    // Who may see it is stored beside it.
    let Event { event_time, before, after, data, payload, audience: _, .. } = event;
    let Recorded { id, actor, at, ends_command } = recorded;
    let message = proto::Event {
        seq: 0,
        id: id.to_string(),
        r#type: kind.as_str().into(),
        class: i32::from(kind.class().number()),
        project: project.as_ref().map(ToString::to_string).unwrap_or_default(),
        subject: subject.clone(),
        root: root.clone(),
        version: *version,
        step: *step,
        actor: actor.to_string(),
        event_time: Some(to_timestamp(event_time.unwrap_or(*at))),
        record_time: Some(to_timestamp(*at)),
        before: to_struct(before),
        after: to_struct(after),
        data: to_struct(data),
        payload: payload.as_ref().map(Into::into),
        ends_command: *ends_command,
        hidden: false,
    };
    message.encode_to_vec().into()
}
