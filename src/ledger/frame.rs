//! The stored form of an event: an encoded `potts.v1.Event` without `seq`.
//!
//! The one encoder. What it makes is stored, and sent to every reader as it is.

use bytes::Bytes;
use jiff::Timestamp;
use prost::Message as _;
use serde_json::Value;

use crate::domain::cloud_event::{Attribute, CloudEvent, Data};
use crate::domain::event::{Event, Recorded};
use crate::domain::value::Fields;
use crate::proto;
use crate::proto::cloudevents;

/// Encodes an event.
pub fn encode(event: &Event, recorded: &Recorded) -> Bytes {
    let Event { kind, project, subject, root, version, step, .. } = event;
    let Event { event_time, before, after, data, payload, .. } = event;
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
        event_time: Some(timestamp(event_time.unwrap_or(*at))),
        record_time: Some(timestamp(*at)),
        before: fields(before),
        after: fields(after),
        data: fields(data),
        payload: payload.as_ref().map(cloud_event),
        ends_command: *ends_command,
    };
    message.encode_to_vec().into()
}

/// jiff counts nanoseconds toward zero, protobuf forward: before 1970 a second is borrowed.
fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = (at.as_second(), at.subsec_nanosecond());
    match nanos {
        0.. => prost_types::Timestamp { seconds, nanos },
        _ => prost_types::Timestamp { seconds: seconds - 1, nanos: nanos + 1_000_000_000 },
    }
}

/// An absent struct says the same as an empty one, in fewer bytes.
fn fields(fields: &Fields) -> Option<prost_types::Struct> {
    (!fields.is_empty()).then(|| object(fields))
}

fn object(fields: &Fields) -> prost_types::Struct {
    let fields = fields.iter().map(|(key, field)| (key.clone(), value(field))).collect();
    prost_types::Struct { fields }
}

fn value(from: &Value) -> prost_types::Value {
    use prost_types::value::Kind;
    let kind = match from {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or(0.0)),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => {
            let values = items.iter().map(value).collect();
            Kind::ListValue(prost_types::ListValue { values })
        }
        Value::Object(fields) => Kind::StructValue(object(fields)),
    };
    prost_types::Value { kind: Some(kind) }
}

fn cloud_event(event: &CloudEvent) -> cloudevents::CloudEvent {
    let CloudEvent { id, source, spec_version, kind, attributes, data } = event;
    let attributes =
        attributes.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    cloudevents::CloudEvent {
        id: id.clone(),
        source: source.clone(),
        spec_version: spec_version.clone(),
        r#type: kind.clone(),
        attributes,
        data: self::data(data),
    }
}

fn data(data: &Data) -> Option<cloudevents::cloud_event::Data> {
    use cloudevents::cloud_event::Data as Sent;
    match data {
        Data::None => None,
        Data::Binary(bytes) => Some(Sent::BinaryData(bytes.clone())),
        Data::Text(text) => Some(Sent::TextData(text.clone())),
        Data::Proto(type_url, value) => {
            let (type_url, value) = (type_url.clone(), value.to_vec());
            Some(Sent::ProtoData(prost_types::Any { type_url, value }))
        }
    }
}

fn attribute(value: &Attribute) -> cloudevents::CloudEventAttributeValue {
    use cloudevents::cloud_event_attribute_value::Attr;
    let attr = match value {
        Attribute::Boolean(flag) => Attr::CeBoolean(*flag),
        Attribute::Integer(number) => Attr::CeInteger(*number),
        Attribute::String(text) => Attr::CeString(text.clone()),
        Attribute::Bytes(bytes) => Attr::CeBytes(bytes.to_vec()),
        Attribute::Uri(uri) => Attr::CeUri(uri.clone()),
        Attribute::UriRef(uri) => Attr::CeUriRef(uri.clone()),
        Attribute::Timestamp(seconds, nanos) => {
            Attr::CeTimestamp(prost_types::Timestamp { seconds: *seconds, nanos: *nanos })
        }
    };
    cloudevents::CloudEventAttributeValue { attr: Some(attr) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_before_1970_count_forward() {
        let at = Timestamp::new(-1, -500_000_000).unwrap();

        let sent = timestamp(at);

        assert_eq!((sent.seconds, sent.nanos), (-2, 500_000_000));
    }
}
