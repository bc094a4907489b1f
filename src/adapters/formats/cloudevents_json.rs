//! The JSON format of CloudEvents 1.0.2 (sections 2 to 4 of its specification), read strictly.
//!
//! What is not said exactly as the specification asks is refused: a reader that guesses stores
//! guesses for ever. Data is kept as the text that was sent.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::value::RawValue;

use super::instant;
use super::members::{Members, string};
use crate::domain::cloud_event::{Attribute, CloudEvent, Data};
use crate::domain::error::{Error, Result, invalid, quoted};

/// Reads one event: an object.
pub fn read(text: &str) -> Result<CloudEvent> {
    let mut members = Members::read("event", text)?;
    let id = members.take_string("id")?;
    let source = members.take_string("source")?;
    let spec_version = members.take_string("specversion")?;
    let kind = members.take_string("type")?;

    let mut attributes = BTreeMap::new();
    let media_type = members.take("datacontenttype");
    let media_type = media_type.map(|value| string("datacontenttype", value)).transpose()?;
    let data = data(media_type.as_deref(), members.take("data"), members.take("data_base64"))?;
    let media_type = media_type.map(Attribute::String);
    attributes.extend(media_type.map(|value| ("datacontenttype".to_owned(), value)));
    for (name, value) in members.rest() {
        let value = attribute(&name, value)?;
        attributes.insert(name, value);
    }

    let event = CloudEvent { id, source, spec_version, kind, attributes, data };
    event.check()?;
    Ok(event)
}

/// Reads a batch: an array of events, each of which stands alone. It may be empty.
pub fn read_batch(text: &str) -> Result<Vec<CloudEvent>> {
    let events: Vec<&RawValue> = serde_json::from_str(text)
        .map_err(|error| invalid("events", format!("must be an array: {error}")))?;
    let numbered = events.into_iter().enumerate();
    numbered.map(|(index, event)| read(event.get()).map_err(|error| at(index, error))).collect()
}

/// Says which event of a batch is to blame.
fn at(index: usize, mut error: Error) -> Error {
    if let Error::Invalid { field, .. } = &mut error {
        *field = format!("events[{index}].{field}");
    }
    error
}

fn attribute(name: &str, value: &RawValue) -> Result<Attribute> {
    let text = value.get();
    match name {
        "time" => return instant::read(name, &string(name, value)?),
        "dataschema" => return string(name, value).map(Attribute::Uri),
        "subject" => return string(name, value).map(Attribute::String),
        _ => (),
    }
    match text.as_bytes().first() {
        Some(b'"') => string(name, value).map(Attribute::String),
        Some(b't') => Ok(Attribute::Boolean(true)),
        Some(b'f') => Ok(Attribute::Boolean(false)),
        // The text itself is asked: `1.0` and `1e3` are no integers to the specification.
        _ => text.parse().map(Attribute::Integer).map_err(|_| {
            let kinds = "must be a string, a whole number of 32 bits or a boolean";
            invalid(name, format!("{kinds}, not {}", quoted(text)))
        }),
    }
}

fn data(
    media_type: Option<&str>,
    plain: Option<&RawValue>,
    base64: Option<&RawValue>,
) -> Result<Data> {
    match (plain, base64) {
        (None, None) => Ok(Data::None),
        (Some(_), Some(_)) => Err(invalid("data", "must not come together with data_base64")),
        (None, Some(encoded)) => BASE64_STANDARD
            .decode(string("data_base64", encoded)?)
            .map(|bytes| Data::Binary(bytes.into()))
            .map_err(|error| invalid("data_base64", format!("must be base64: {error}"))),
        (Some(value), None) if media_type.is_none_or(is_json) => Ok(Data::Text(value.get().into())),
        (Some(value), None) => string("data", value).map(Data::Text).map_err(|_| {
            let media_type = quoted(media_type.unwrap_or_default());
            invalid("data", format!("must be a string, as datacontenttype is {media_type}"))
        }),
    }
}

/// Whether a media type declares JSON (section 3.1): its subtype is `json` or ends in `+json`.
fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or(media_type).trim();
    let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
    let suffix = subtype.rsplit_once('+').map_or(subtype, |(_, suffix)| suffix);
    suffix.eq_ignore_ascii_case("json")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::super::samples;
    use super::*;

    /// A minimal event with more members.
    fn with(members: &str) -> String {
        format!(r#"{{"specversion":"1.0","id":"1","source":"/s","type":"t"{members}}}"#)
    }

    #[derive(Deserialize)]
    struct Vectors<'a> {
        #[serde(borrow)]
        tests: Vec<Vector<'a>>,
    }

    #[derive(Deserialize)]
    struct Vector<'a> {
        id: String,
        #[serde(borrow, alias = "batch")]
        event: &'a RawValue,
    }

    /// How many vectors of an official file `accepts` takes, which must be all or none.
    fn vectors(file: &str, all: bool, accepts: impl Fn(&str) -> Result<()>) -> Option<usize> {
        let text = samples::text(&format!("cloudevents/conformance-format/json/{file}"))?;
        let vectors: Vectors<'_> = serde_json::from_str(&text).unwrap();
        for vector in &vectors.tests {
            let outcome = accepts(vector.event.get());
            assert_eq!(outcome.is_ok(), all, "{}: {outcome:?}", vector.id);
        }
        Some(vectors.tests.len())
    }

    #[test]
    fn the_official_events_are_told_apart() {
        let single = |text: &str| read(text).map(drop);
        let Some(valid) = vectors("valid-events.json", true, single) else { return };

        assert_eq!((valid, vectors("invalid-events.json", false, single)), (10, Some(25)));
    }

    #[test]
    fn the_official_batches_are_told_apart() {
        let batch = |text: &str| read_batch(text).map(drop);
        let Some(valid) = vectors("valid-batches.json", true, batch) else { return };

        assert_eq!((valid, vectors("invalid-batches.json", false, batch)), (5, Some(3)));
    }

    #[test]
    fn attributes_have_the_types_of_the_specification() {
        let event = read(&with(
            r#","subject":"s","time":"1970-01-01T00:00:01Z","dataschema":"urn:x:y",
            "exta":"b","extb":-7,"extc":false,"extd":null,"datacontenttype":"text/plain""#,
        ))
        .unwrap();

        let expected = [
            ("datacontenttype", Attribute::String("text/plain".into())),
            ("dataschema", Attribute::Uri("urn:x:y".into())),
            ("exta", Attribute::String("b".into())),
            ("extb", Attribute::Integer(-7)),
            ("extc", Attribute::Boolean(false)),
            ("subject", Attribute::String("s".into())),
            ("time", Attribute::Timestamp(1, 0)),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        assert_eq!(event.attributes, expected.into());
        assert_eq!(event.data, Data::None);
    }

    #[test]
    fn data_is_kept_byte_for_byte() {
        let data = |members: &str| read(&with(members)).unwrap().data;
        let text = |text: &str| Data::Text(text.into());

        assert_eq!(data(r#","data": {"b":1.00,  "a":[1e3]} "#), text(r#"{"b":1.00,  "a":[1e3]}"#));
        assert_eq!(data(r#","data":"a\u0062""#), text(r#""a\u0062""#));
        let kind = r#","datacontenttype":"text/plain","data":"a\u0062\n""#;
        assert_eq!(data(kind), text("ab\n"));
        let kind = r#","datacontenttype":"application/x+JSON; charset=utf-8","data":"a""#;
        assert_eq!(data(kind), text(r#""a""#));
        assert_eq!(data(r#","data_base64":"TWE=""#), Data::Binary("Ma".into()));
        assert_eq!(data(r#","data":null,"data_base64":null"#), Data::None);
        assert_eq!(data(r#","data":0"#), text("0"));
    }

    #[test]
    fn what_is_ambiguous_is_refused() {
        for members in [
            r#","data":1,"data":1"#,
            r#","id":"1""#,
            r#","data":"","data_base64":"""#,
            r#","data_base64":"TWE""#,
            r#","data_base64":7"#,
            r#","datacontenttype":"text/plain","data":{}"#,
            r#","datacontenttype":7"#,
            r#","ext":1.0"#,
            r#","ext":2147483648"#,
            r#","ext":{}"#,
            r#","ext":[]"#,
            r#","ext":"\ud800""#,
            r#","ext":"\u0007""#,
            r#","time":1"#,
            r#","dataschema":"relative""#,
        ] {
            assert!(read(&with(members)).is_err(), "{members}");
        }
    }

    #[test]
    fn a_refusal_in_a_batch_names_the_event() {
        let error = read_batch(&format!("[{}, {}]", with(""), with(r#","subject":"""#)));

        let error = error.unwrap_err().to_string();
        assert!(error.starts_with("events[1].attributes.subject: "), "{error}");
    }
}
