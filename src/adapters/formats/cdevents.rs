//! CDEvents, read: events of delivery pipelines, as bodies that bring their own context.
//!
//! A CDEvent travels as the data of a CloudEvent, whole. Its versions differ in the name of the
//! member that says the version, and in little else that matters here.

use super::instant;
use super::members::Members;
use crate::domain::cloud_event::{Attribute, CloudEvent, Data, SPEC_VERSION};
use crate::domain::error::{Error, Result, invalid, quoted, required};

/// The versions that are read: 0.3 to 0.6, drafts among them. Each adds to the one before.
const MINORS: std::ops::RangeInclusive<u8> = 3..=6;

/// Whether an object is a CDEvent: it has a context, which names a type of theirs, and a subject.
pub fn recognise(members: &Members<'_>) -> bool {
    let object = |name| members.peek(name).is_some_and(|text| text.starts_with('{'));
    if !object("context") || !object("subject") {
        return false;
    }
    // A context with a name twice is theirs all the same; `read` refuses it and says why.
    let context: Option<serde_json::Value> =
        members.peek("context").and_then(|text| serde_json::from_str(text).ok());
    let kind = context.as_ref().and_then(|context| context.get("type"));
    kind.and_then(|kind| kind.as_str()).is_some_and(|kind| kind.starts_with("dev.cdevents"))
}

/// Wraps a CDEvent: its identity, type, subject and time are those of its context, its data the
/// whole text, unchanged.
pub fn read(text: &str) -> Result<CloudEvent> {
    let members = Members::read("event", text)?;
    let mut context = Members::read("context", members.peek("context").unwrap_or_default())?;
    check_version(&mut context)?;
    let id = required_string("context", &mut context, "id")?;
    let source = required_string("context", &mut context, "source")?;
    let kind = required_string("context", &mut context, "type")?;
    let time = required_string("context", &mut context, "timestamp")?;
    let time = instant::read("context.timestamp", &time)?;
    let mut subject = Members::read("subject", members.peek("subject").unwrap_or_default())?;
    let subject = Attribute::String(required_string("subject", &mut subject, "id")?);
    let media_type = Attribute::String("application/json".into());

    let attributes = [("datacontenttype", media_type), ("subject", subject), ("time", time)];
    let event = CloudEvent {
        id,
        source,
        spec_version: SPEC_VERSION.into(),
        kind,
        attributes: attributes.map(|(name, value)| (name.to_owned(), value)).into(),
        data: Data::Text(text.to_owned()),
    };
    event.check()?;
    Ok(event)
}

/// `context.specversion`, which was `context.version` up to 0.4.
fn check_version(context: &mut Members<'_>) -> Result<()> {
    let (old, new) = (context.take_string("version")?, context.take_string("specversion")?);
    let version = match (old.as_str(), new.as_str()) {
        ("", "") => return Err(required("context.specversion")),
        (version, "") | ("", version) => version,
        (old, new) if old == new => new,
        _ => return Err(invalid("context.version", "must not differ from context.specversion")),
    };
    let mut parts = version.splitn(3, '.');
    let major = parts.next().is_some_and(|major| major == "0");
    let minor = parts.next().and_then(|minor| minor.parse::<u8>().ok());
    if major && minor.is_some_and(|minor| MINORS.contains(&minor)) && parts.next().is_some() {
        return Ok(());
    }
    let versions = "must be a version of CDEvents from 0.3.0 to 0.6.0";
    Err(invalid("context.specversion", format!("{versions}, not {}", quoted(version))))
}

fn required_string(place: &str, members: &mut Members<'_>, name: &str) -> Result<String> {
    let field = format!("{place}.{name}");
    match members.take_string(name) {
        Ok(text) if text.is_empty() => Err(required(field)),
        Ok(text) => Ok(text),
        Err(Error::Invalid { reason, problem, .. }) => {
            Err(Error::Invalid { reason, field, problem })
        }
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples;
    use super::*;

    fn cdevent(context: &str, subject: &str) -> String {
        format!(
            r#"{{"context":{{"id":"1","source":"/s","type":"dev.cdevents.build.queued.0.3.0",
            "timestamp":"2022-11-11T13:52:20.079Z"{context}}},"subject":{subject}}}"#
        )
    }

    /// Reads every sample of a folder; answers how many there are.
    fn read_all(folder: &str) -> Option<usize> {
        let texts = samples::folder(folder)?;
        for (path, text) in &texts {
            let json: serde_json::Value = serde_json::from_str(text).unwrap();
            let event = super::super::read(text.as_bytes(), None).unwrap();
            let [event] = event.as_slice() else { panic!("{path}: not one event") };

            let field = |pointer| json.pointer(pointer).unwrap().as_str().unwrap();
            assert_eq!(event.id, field("/context/id"), "{path}");
            assert_eq!(event.source, field("/context/source"), "{path}");
            assert_eq!(event.kind, field("/context/type"), "{path}");
            assert_eq!(event.subject(), Some(field("/subject/id")), "{path}");
            let time: jiff::Timestamp = field("/context/timestamp").parse().unwrap();
            assert_eq!(event.time(), Some(time), "{path}");
            assert_eq!(event.data, Data::Text(text.clone()), "{path}");
        }
        Some(texts.len())
    }

    #[test]
    fn all_released_events_are_read() {
        let Some(count) = read_all("cdevents/v0.5.1/conformance") else { return };
        assert_eq!(count, 45);
    }

    #[test]
    fn older_and_unreleased_events_are_read() {
        let Some(old) = read_all("cdevents/v0.4.1/conformance") else { return };
        assert_eq!((old, read_all("cdevents/main-0.6.0-draft/conformance")), (3, Some(6)));
    }

    #[test]
    fn versions_are_read_under_either_name() {
        let subject = r#"{"id":"x","content":{}}"#;
        let outcome = |context: &str| read(&cdevent(context, subject)).map(drop);

        for context in [
            r#","version":"0.3.0""#,
            r#","version":"0.4.1""#,
            r#","specversion":"0.5.0""#,
            r#","specversion":"0.6.0-draft""#,
            r#","version":"0.5.0","specversion":"0.5.0""#,
        ] {
            assert!(outcome(context).is_ok(), "{context}: {:?}", outcome(context));
        }
        for context in [
            "",
            r#","version":"0.2.0""#,
            r#","specversion":"1.0""#,
            r#","specversion":"0.5""#,
            r#","specversion":"0.9.0""#,
            r#","specversion":5"#,
            r#","version":"0.4.1","specversion":"0.5.1""#,
        ] {
            assert!(outcome(context).is_err(), "{context}");
        }
    }

    #[test]
    fn a_broken_one_is_recognised_and_refused_by_its_field() {
        let version = r#","specversion":"0.5.1""#;
        for (text, field) in [
            (cdevent(version, r#"{"content":{}}"#), "subject.id"),
            (cdevent(version, r#"{"id":7}"#), "subject.id"),
            (cdevent(r#","specversion":"0.5.1","id":"2""#, r#"{"id":"x"}"#), "context"),
        ] {
            let error = super::super::read(text.as_bytes(), None).unwrap_err().to_string();
            assert!(error.starts_with(field), "{error}");
        }
    }

    #[test]
    fn others_with_a_context_are_not_taken_for_one() {
        for text in [
            r#"{"context":{"type":"dev.cdevents.x"}}"#,
            r#"{"context":"dev.cdevents","subject":{}}"#,
            r#"{"context":{"type":"com.example"},"subject":{"id":"1"}}"#,
        ] {
            assert!(!recognise(&Members::read("x", text).unwrap()), "{text}");
        }
    }
}
