//! A CloudEvent of the domain as the message of the contract.

use crate::domain::cloud_event::{Attribute, CloudEvent, Data};
use crate::proto::cloudevents as proto;

/// Encodes an event as it is.
pub fn encode(event: CloudEvent) -> proto::CloudEvent {
    let CloudEvent { id, source, spec_version, kind, attributes, data } = event;
    let attributes = attributes.into_iter();
    let attributes = attributes.map(|(name, value)| (name, attribute(value))).collect();
    proto::CloudEvent {
        id,
        source,
        spec_version,
        r#type: kind,
        attributes,
        data: encode_data(data),
    }
}

fn attribute(value: Attribute) -> proto::CloudEventAttributeValue {
    use proto::cloud_event_attribute_value::Attr;
    let attr = Some(match value {
        Attribute::Boolean(value) => Attr::CeBoolean(value),
        Attribute::Integer(value) => Attr::CeInteger(value),
        Attribute::String(value) => Attr::CeString(value),
        Attribute::Bytes(value) => Attr::CeBytes(value.into()),
        Attribute::Uri(value) => Attr::CeUri(value),
        Attribute::UriRef(value) => Attr::CeUriRef(value),
        Attribute::Timestamp(seconds, nanos) => {
            Attr::CeTimestamp(prost_types::Timestamp { seconds, nanos })
        }
    });
    proto::CloudEventAttributeValue { attr }
}

fn encode_data(data: Data) -> Option<proto::cloud_event::Data> {
    Some(match data {
        Data::None => return None,
        Data::Binary(bytes) => proto::cloud_event::Data::BinaryData(bytes),
        Data::Text(text) => proto::cloud_event::Data::TextData(text),
        Data::Proto(type_url, value) => {
            let value = value.into();
            proto::cloud_event::Data::ProtoData(prost_types::Any { type_url, value })
        }
    })
}

#[cfg(test)]
mod tests {
    use prost_reflect::DynamicMessage;
    use serde_json::Value;

    use super::*;
    use crate::adapters::formats::samples;
    use crate::cli::json::POOL;

    /// The way back, for the comparison.
    fn decode(event: proto::CloudEvent) -> Option<CloudEvent> {
        use proto::cloud_event_attribute_value::Attr;
        let decoded = |value: proto::CloudEventAttributeValue| {
            Some(match value.attr? {
                Attr::CeBoolean(value) => Attribute::Boolean(value),
                Attr::CeInteger(value) => Attribute::Integer(value),
                Attr::CeString(value) => Attribute::String(value),
                Attr::CeBytes(value) => Attribute::Bytes(value.into()),
                Attr::CeUri(value) => Attribute::Uri(value),
                Attr::CeUriRef(value) => Attribute::UriRef(value),
                Attr::CeTimestamp(at) => Attribute::Timestamp(at.seconds, at.nanos),
            })
        };
        let attributes = event.attributes.into_iter();
        let attributes = attributes.map(|(name, value)| Some((name, decoded(value)?)));
        Some(CloudEvent {
            id: event.id,
            source: event.source,
            spec_version: event.spec_version,
            kind: event.r#type,
            attributes: attributes.collect::<Option<_>>()?,
            data: match event.data {
                None => Data::None,
                Some(proto::cloud_event::Data::BinaryData(bytes)) => Data::Binary(bytes),
                Some(proto::cloud_event::Data::TextData(text)) => Data::Text(text),
                Some(proto::cloud_event::Data::ProtoData(any)) => {
                    Data::Proto(any.type_url, any.value.into())
                }
            },
        })
    }

    /// An official vector, through the JSON mapping of our own message and the rules.
    fn accepts(json: &Value) -> bool {
        let descriptor = POOL.get_message_by_name("io.cloudevents.v1.CloudEvent").unwrap();
        let Ok(message) = DynamicMessage::deserialize(descriptor, json) else { return false };
        let message: proto::CloudEvent = message.transcode_to().unwrap();
        let Some(event) = decode(message.clone()) else { return false };
        assert_eq!(encode(event.clone()), message);
        event.check().is_ok()
    }

    /// How many vectors of a file are taken, which must be all or none.
    fn vectors(file: &str, member: &str, all: bool) -> Option<usize> {
        let text = samples::text(&format!("cloudevents/conformance-format/protobuf/{file}"))?;
        let json: Value = serde_json::from_str(&text).unwrap();
        let tests = json["tests"].as_array().unwrap();
        for test in tests {
            let vector = &test[member];
            let outcome = match vector.get("events") {
                Some(events) => events.as_array().unwrap().iter().all(accepts),
                None if member.ends_with("Batch") => true,
                None => accepts(vector),
            };
            assert_eq!(outcome, all, "{}", test["id"]);
        }
        Some(tests.len())
    }

    #[test]
    fn the_official_protobuf_events_are_told_apart() {
        let Some(valid) = vectors("valid-events.json", "validSingle", true) else { return };
        let invalid = vectors("invalid-events.json", "invalidSingle", false);
        assert_eq!((valid, invalid), (6, Some(20)));
    }

    #[test]
    fn the_official_protobuf_batches_are_told_apart() {
        let Some(valid) = vectors("valid-batches.json", "validBatch", true) else { return };
        let invalid = vectors("invalid-batches.json", "invalidBatch", false);
        assert_eq!((valid, invalid), (5, Some(2)));
    }
}
