//! CloudEvents between their protobuf format and the domain. Nothing is judged here:
//! [`CloudEvent::check`] does.

use crate::domain::cloud_event::{Attribute, CloudEvent, Data};
use crate::domain::error::{Error, Result, invalid};
use crate::proto::cloudevents::{self, cloud_event, cloud_event_attribute_value::Attr};

impl TryFrom<cloudevents::CloudEvent> for CloudEvent {
    type Error = Error;

    /// Refuses an attribute without a value, which has no form in the domain.
    fn try_from(sent: cloudevents::CloudEvent) -> Result<CloudEvent> {
        let cloudevents::CloudEvent { id, source, spec_version, r#type, attributes, data } = sent;
        let one = |(name, sent): (String, _)| {
            let value = attribute(&name, sent)?;
            Ok((name, value))
        };
        Ok(CloudEvent {
            id,
            source,
            spec_version,
            kind: r#type,
            attributes: attributes.into_iter().map(one).collect::<Result<_>>()?,
            data: match data {
                None => Data::None,
                Some(cloud_event::Data::BinaryData(bytes)) => Data::Binary(bytes),
                Some(cloud_event::Data::TextData(text)) => Data::Text(text),
                Some(cloud_event::Data::ProtoData(any)) => {
                    let prost_types::Any { type_url, value } = any;
                    Data::Proto(type_url, value.into())
                }
            },
        })
    }
}

fn attribute(name: &str, sent: cloudevents::CloudEventAttributeValue) -> Result<Attribute> {
    let cloudevents::CloudEventAttributeValue { attr } = sent;
    Ok(match attr {
        None => return Err(invalid(format!("attributes.{name}"), "must have a value")),
        Some(Attr::CeBoolean(flag)) => Attribute::Boolean(flag),
        Some(Attr::CeInteger(number)) => Attribute::Integer(number),
        Some(Attr::CeString(text)) => Attribute::String(text),
        Some(Attr::CeBytes(bytes)) => Attribute::Bytes(bytes.into()),
        Some(Attr::CeUri(uri)) => Attribute::Uri(uri),
        Some(Attr::CeUriRef(uri)) => Attribute::UriRef(uri),
        Some(Attr::CeTimestamp(prost_types::Timestamp { seconds, nanos })) => {
            Attribute::Timestamp(seconds, nanos)
        }
    })
}

impl From<&CloudEvent> for cloudevents::CloudEvent {
    fn from(event: &CloudEvent) -> cloudevents::CloudEvent {
        let CloudEvent { id, source, spec_version, kind, attributes, data } = event;
        let one = |(name, value): (&String, _)| (name.clone(), to_attribute(value));
        cloudevents::CloudEvent {
            id: id.clone(),
            source: source.clone(),
            spec_version: spec_version.clone(),
            r#type: kind.clone(),
            attributes: attributes.iter().map(one).collect(),
            data: match data {
                Data::None => None,
                Data::Binary(bytes) => Some(cloud_event::Data::BinaryData(bytes.clone())),
                Data::Text(text) => Some(cloud_event::Data::TextData(text.clone())),
                Data::Proto(type_url, value) => {
                    let (type_url, value) = (type_url.clone(), value.to_vec());
                    Some(cloud_event::Data::ProtoData(prost_types::Any { type_url, value }))
                }
            },
        }
    }
}

fn to_attribute(value: &Attribute) -> cloudevents::CloudEventAttributeValue {
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
    use bytes::Bytes;
    use proptest::prelude::*;
    use prost::Message as _;

    use super::*;

    fn attribute_value() -> impl Strategy<Value = Attribute> {
        prop_oneof![
            any::<bool>().prop_map(Attribute::Boolean),
            any::<i32>().prop_map(Attribute::Integer),
            ".{0,9}".prop_map(Attribute::String),
            any::<Vec<u8>>().prop_map(|bytes| Attribute::Bytes(bytes.into())),
            ".{0,9}".prop_map(Attribute::Uri),
            ".{0,9}".prop_map(Attribute::UriRef),
            any::<(i64, i32)>().prop_map(|(s, n)| Attribute::Timestamp(s, n)),
        ]
    }

    fn data() -> impl Strategy<Value = Data> {
        prop_oneof![
            Just(Data::None),
            any::<Vec<u8>>().prop_map(|bytes| Data::Binary(bytes.into())),
            ".{0,9}".prop_map(Data::Text),
            (".{0,9}", any::<Vec<u8>>()).prop_map(|(url, bytes)| Data::Proto(url, bytes.into())),
        ]
    }

    proptest! {
        #[test]
        fn events_read_back(
            id in ".{0,9}",
            source in ".{0,9}",
            attributes in prop::collection::btree_map("[a-z]{1,5}", attribute_value(), 0..5),
            data in data(),
        ) {
            let event = CloudEvent {
                id,
                source,
                spec_version: "1.0".into(),
                kind: "a.b".into(),
                attributes,
                data,
            };

            let bytes = cloudevents::CloudEvent::from(&event).encode_to_vec();
            let sent = cloudevents::CloudEvent::decode(Bytes::from(bytes)).unwrap();

            prop_assert_eq!(CloudEvent::try_from(sent).unwrap(), event);
        }

        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            if let Ok(sent) = cloudevents::CloudEvent::decode(Bytes::from(bytes)) {
                let _ = CloudEvent::try_from(sent).and_then(|event| event.check());
            }
        }
    }

    #[test]
    fn an_attribute_without_a_value_is_named() {
        let none = cloudevents::CloudEventAttributeValue { attr: None };
        let sent = cloudevents::CloudEvent {
            attributes: [("time".to_owned(), none)].into(),
            ..Default::default()
        };

        let error = CloudEvent::try_from(sent).unwrap_err();

        assert_eq!(error.to_string(), "attributes.time: must have a value");
    }
}
