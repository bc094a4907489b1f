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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::audience::Audience;
    use crate::domain::cloud_event::CloudEvent;
    use crate::domain::event::{EventType, Seq};
    use crate::domain::name::{ActorName, ProjectId};
    use crate::domain::value::Fields;
    use crate::stream::{facts, hidden, with_seq};

    /// The stream takes an encoded event apart by the numbers of its fields: these are they.
    #[test]
    fn an_event_is_taken_apart_and_hidden_without_what_has_become() {
        let fields = |value: &str| Fields::from_iter([("status".to_owned(), json!(value))]);
        let event = Event {
            kind: EventType::IssueTransitioned,
            project: Some(ProjectId::parse("project", "abc").unwrap()),
            subject: "projects/abc/issues/1/actions/2".into(),
            root: "projects/abc/issues/1".into(),
            version: 300,
            step: 2,
            event_time: None,
            before: fields("open"),
            after: fields("secret"),
            data: fields("secret"),
            payload: Some(CloudEvent { id: "secret".into(), ..CloudEvent::default() }),
            audience: Audience::everybody(),
        };
        let recorded = Recorded {
            id: uuid::Uuid::max(),
            actor: ActorName::root(),
            at: jiff::Timestamp::UNIX_EPOCH,
            ends_command: true,
        };
        let bytes = with_seq(Seq(7), &encode(&event, &recorded));
        let whole = proto::Event::decode(&bytes[..]).unwrap();

        let seen = proto::Event::decode(hidden(&bytes)).unwrap();

        let read = facts(&bytes).unwrap();
        assert_eq!((read.kind, read.class), (event.kind.as_str(), event.kind.class().number()));
        assert_eq!((read.project, read.root), ("projects/abc", event.root.as_str()));
        assert_eq!(read.subject, event.subject);
        assert!(whole.after.is_some() && whole.data.is_some() && whole.payload.is_some());
        let left = proto::Event { after: None, data: None, payload: None, hidden: true, ..whole };
        assert_eq!(seen, left);
        assert_eq!(left.before.unwrap().fields.len(), 1);
        assert!(proto::Event::decode(hidden(&bytes[..20])).unwrap().hidden, "cut off");
    }
}
