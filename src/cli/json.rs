//! The JSON mapping of protobuf (ProtoJSON), by the descriptors of the contract.
//!
//! Messages are mapped from their bytes, so what came over the wire is shown, whatever types this
//! program was built with. The order of members is that of the contract, and of keys in maps the
//! alphabet's: the same message is the same text.

use std::io::{self, Write};
use std::sync::LazyLock;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use prost_reflect::{DescriptorPool, DynamicMessage, Kind, MapKey, ReflectMessage as _, Value};
use serde::ser::{Error as _, Serialize, SerializeMap as _, Serializer};
use serde_json::Map;

use super::failure::Failure;
use crate::proto::DESCRIPTORS;
use crate::proto::well_known::to_struct;

/// What the contract holds.
pub static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(DESCRIPTORS).expect("the build made these descriptors")
});

/// Whole numbers beyond this are not exact as JSON numbers; they are left as they come.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Writes a message as one line. `name` is its full name in the contract.
pub fn write_line(out: &mut dyn Write, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let unreadable = |problem: String| {
        Failure::Answer(format!("the service sent a {name} that cannot be read: {problem}"))
    };
    let descriptor =
        POOL.get_message_by_name(name).ok_or_else(|| unreadable("no such message".into()))?;
    let message =
        DynamicMessage::decode(descriptor, bytes).map_err(|error| unreadable(error.to_string()))?;
    // The line is made whole first: half a line would be worse than none.
    let mut line = Vec::with_capacity(bytes.len() * 2);
    let mut serializer = serde_json::Serializer::with_formatter(&mut line, WholeNumbers);
    Mapped(&message).serialize(&mut serializer).map_err(|error| unreadable(error.to_string()))?;
    line.push(b'\n');
    Ok(out.write_all(&line)?)
}

/// Parameters as people write them: a JSON object.
pub fn parse_struct(text: &str) -> Result<prost_types::Struct, String> {
    let fields: Map<String, serde_json::Value> =
        serde_json::from_str(text).map_err(|error| format!("must be a JSON object: {error}"))?;
    fields.values().try_for_each(check_exact)?;
    Ok(to_struct(&fields).unwrap_or_default())
}

/// Refuses whole numbers that would come to the service as other ones.
fn check_exact(value: &serde_json::Value) -> Result<(), String> {
    use serde_json::Value as Json;
    match value {
        Json::Null | Json::Bool(_) | Json::String(_) => Ok(()),
        Json::Number(number) => {
            let is_exact = |number: i64| number.unsigned_abs() <= 1 << 53;
            if number.is_f64() || number.as_i64().is_some_and(is_exact) {
                return Ok(());
            }
            Err(format!("{number} is beyond 2^53: write it as a string"))
        }
        Json::Array(values) => values.iter().try_for_each(check_exact),
        Json::Object(fields) => fields.values().try_for_each(check_exact),
    }
}

/// A value of a struct as JSON, for people.
pub fn from_value(value: &prost_types::Value) -> serde_json::Value {
    use prost_types::value::Kind;
    match &value.kind {
        None | Some(Kind::NullValue(_)) => serde_json::Value::Null,
        Some(Kind::BoolValue(value)) => (*value).into(),
        Some(Kind::NumberValue(value)) => {
            whole(*value).map_or_else(|| (*value).into(), serde_json::Value::from)
        }
        Some(Kind::StringValue(value)) => value.as_str().into(),
        Some(Kind::ListValue(list)) => list.values.iter().map(from_value).collect(),
        Some(Kind::StructValue(fields)) => from_struct(fields),
    }
}

/// A struct as JSON, for people.
pub fn from_struct(fields: &prost_types::Struct) -> serde_json::Value {
    fields.fields.iter().map(|(key, value)| (key.clone(), from_value(value))).collect()
}

fn whole(value: f64) -> Option<i64> {
    // Its text is that of the whole number, whatever the size of the integer type.
    (value.fract() == 0.0 && value.abs() <= EXACT_MAX)
        .then(|| format!("{value:.0}").parse().ok())
        .flatten()
}

/// Writes 3 where serde_json writes 3.0: structs know no other numbers than doubles.
struct WholeNumbers;

impl serde_json::ser::Formatter for WholeNumbers {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> io::Result<()> {
        match whole(value) {
            Some(value) => write!(writer, "{value}"),
            None => serde_json::ser::CompactFormatter.write_f64(writer, value),
        }
    }
}

/// A message in the JSON mapping.
struct Mapped<'a>(&'a DynamicMessage);

impl Serialize for Mapped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let descriptor = self.0.descriptor();
        match descriptor.full_name() {
            "google.protobuf.Any" => serialize_any(self.0, serializer),
            name if name.starts_with("google.protobuf.") => self.0.serialize(serializer),
            _ => {
                let mut members = serializer.serialize_map(None)?;
                for (field, value) in self.0.fields() {
                    let kind = field.kind();
                    members.serialize_entry(field.json_name(), &MappedValue(value, &kind))?;
                }
                members.end()
            }
        }
    }
}

/// Any message may travel in one; what this program does not know is shown as its bytes.
fn serialize_any<S: Serializer>(any: &DynamicMessage, serializer: S) -> Result<S::Ok, S::Error> {
    let raw: prost_types::Any = any.transcode_to().map_err(S::Error::custom)?;
    let name = raw.type_url.rsplit('/').next().unwrap_or_default();
    if any.descriptor().parent_pool().get_message_by_name(name).is_some() {
        return any.serialize(serializer);
    }
    let mut members = serializer.serialize_map(Some(2))?;
    members.serialize_entry("@type", &raw.type_url)?;
    members.serialize_entry("value", &BASE64_STANDARD.encode(&raw.value))?;
    members.end()
}

struct MappedValue<'a>(&'a Value, &'a Kind);

impl Serialize for MappedValue<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let MappedValue(value, kind) = self;
        match value {
            Value::Bool(value) => serializer.serialize_bool(*value),
            Value::I32(value) => serializer.serialize_i32(*value),
            Value::U32(value) => serializer.serialize_u32(*value),
            // JSON numbers are doubles to most readers: 64 bits travel as text.
            Value::I64(value) => serializer.collect_str(value),
            Value::U64(value) => serializer.collect_str(value),
            Value::F32(value) => serialize_double((*value).into(), serializer),
            Value::F64(value) => serialize_double(*value, serializer),
            Value::String(value) => serializer.serialize_str(value),
            Value::Bytes(value) => serializer.serialize_str(&BASE64_STANDARD.encode(value)),
            Value::EnumNumber(number) => {
                let Kind::Enum(names) = kind else { return serializer.serialize_i32(*number) };
                match names.get_value(*number) {
                    Some(value) => serializer.serialize_str(value.name()),
                    None => serializer.serialize_i32(*number),
                }
            }
            Value::Message(message) => Mapped(message).serialize(serializer),
            Value::List(values) => {
                serializer.collect_seq(values.iter().map(|value| MappedValue(value, kind)))
            }
            Value::Map(entries) => {
                let entry = kind.as_message().filter(|entry| entry.is_map_entry());
                let entry = entry.ok_or_else(|| S::Error::custom("a map without a type"))?;
                let value_kind = entry.map_entry_value_field().kind();
                let mut sorted: Vec<(String, &Value)> =
                    entries.iter().map(|(key, value)| (map_key(key), value)).collect();
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                let entries = sorted.iter().map(|(key, v)| (key, MappedValue(v, &value_kind)));
                serializer.collect_map(entries)
            }
        }
    }
}

fn serialize_double<S: Serializer>(value: f64, serializer: S) -> Result<S::Ok, S::Error> {
    match value {
        _ if value.is_finite() => serializer.serialize_f64(value),
        _ if value.is_nan() => serializer.serialize_str("NaN"),
        _ if value > 0.0 => serializer.serialize_str("Infinity"),
        _ => serializer.serialize_str("-Infinity"),
    }
}

fn map_key(key: &MapKey) -> String {
    match key {
        MapKey::Bool(key) => key.to_string(),
        MapKey::I32(key) => key.to_string(),
        MapKey::I64(key) => key.to_string(),
        MapKey::U32(key) => key.to_string(),
        MapKey::U64(key) => key.to_string(),
        MapKey::String(key) => key.clone(),
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;
    use crate::proto::{self, cloudevents};

    fn line(name: &str, message: &impl prost::Message) -> String {
        let mut out = Vec::new();
        write_line(&mut out, name, &message.encode_to_vec()).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn an_event_is_one_line_of_proto_json() {
        let parameters = r#"{"b":3,"a":[1.5,null,"x"],"c":{"d":true}}"#;
        let event = proto::Event {
            seq: 9_007_199_254_740_993,
            r#type: "issue.updated".into(),
            class: proto::EventClass::Object.into(),
            record_time: Some(prost_types::Timestamp { seconds: 1, nanos: 500_000_000 }),
            after: Some(parse_struct(parameters).unwrap()),
            ends_command: true,
            ..proto::Event::default()
        };

        assert_eq!(
            line("potts.v1.Event", &event),
            concat!(
                r#"{"seq":"9007199254740993","type":"issue.updated","class":"EVENT_CLASS_OBJECT","#,
                r#""recordTime":"1970-01-01T00:00:01.500Z","#,
                r#""after":{"a":[1.5,null,"x"],"b":3,"c":{"d":true}},"endsCommand":true}"#,
                "\n"
            )
        );
    }

    #[test]
    fn a_payload_is_shown_unchanged_and_always_alike() {
        use cloudevents::cloud_event::Data;
        use cloudevents::cloud_event_attribute_value::Attr;
        let attributes = ["zeta", "alpha", "mid", "beta"].map(|name| {
            let attr = Some(Attr::CeInteger(7));
            (name.to_owned(), cloudevents::CloudEventAttributeValue { attr })
        });
        let payload = cloudevents::CloudEvent {
            id: "1".into(),
            attributes: attributes.into(),
            data: Some(Data::TextData("{ \"a\":1.00,\n\"é\":\"\\u0062\"}".into())),
            ..cloudevents::CloudEvent::default()
        };
        let event = proto::Event { payload: Some(payload), ..proto::Event::default() };

        assert_eq!(
            line("potts.v1.Event", &event),
            concat!(
                r#"{"payload":{"id":"1","attributes":{"alpha":{"ceInteger":7},"#,
                r#""beta":{"ceInteger":7},"mid":{"ceInteger":7},"zeta":{"ceInteger":7}},"#,
                r#""textData":"{ \"a\":1.00,\n\"é\":\"\\u0062\"}"}}"#,
                "\n"
            )
        );
    }

    #[test]
    fn what_is_unknown_is_shown_as_it_came() {
        let any = |type_url: &str, value: Vec<u8>| {
            let any = prost_types::Any { type_url: type_url.into(), value };
            let data = Some(cloudevents::cloud_event::Data::ProtoData(any));
            line(
                "io.cloudevents.v1.CloudEvent",
                &cloudevents::CloudEvent { data, ..Default::default() },
            )
        };
        let known = proto::Project { name: "projects/abc".into(), ..Default::default() };

        assert_eq!(
            any("example.com/a.B", vec![1, 2]),
            "{\"protoData\":{\"@type\":\"example.com/a.B\",\"value\":\"AQI=\"}}\n"
        );
        assert_eq!(
            any("example.com/potts.v1.Project", known.encode_to_vec()),
            "{\"protoData\":{\"@type\":\"example.com/potts.v1.Project\",\
             \"name\":\"projects/abc\"}}\n"
        );
        let event = proto::Event { class: 77, ..Default::default() };
        assert_eq!(line("potts.v1.Event", &event), "{\"class\":77}\n");
        assert!(write_line(&mut Vec::new(), "potts.v1.Event", &[0xff]).is_err());
    }

    #[test]
    fn parameters_are_objects_with_exact_numbers() {
        let text = r#"{"a":9007199254740992,"b":-1.5,"c":[{}]}"#;
        assert_eq!(from_struct(&parse_struct(text).unwrap()).to_string(), text);
        for text in ["", "[]", "7", r#"{"a":9007199254740993}"#, r#"{"a":18446744073709551615}"#] {
            assert!(parse_struct(text).is_err(), "{text}");
        }
    }
}
