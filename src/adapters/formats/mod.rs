//! What other systems send, read as CloudEvents: their JSON format, CDEvents, and any other JSON.
//!
//! A form is recognised by what it must have, and what is recognised is read strictly. The bytes
//! that carry the meaning are kept as they were sent.

pub mod cdevents;
pub mod cloudevents_json;
mod instant;
mod members;

use std::fmt::Write as _;

use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use self::members::Members;
use crate::domain::cloud_event::{Attribute, CloudEvent, Data, SPEC_VERSION};
use crate::domain::error::{Result, invalid};

/// What to say of JSON that does not say it itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fallback {
    /// What happened: the type of the event.
    pub kind: String,
    /// Who says so: a URI reference.
    pub source: String,
    /// Which one it is. None derives it from the bytes, so the same bytes are the same event.
    pub id: Option<String>,
}

/// Reads what a file holds: a CloudEvent, a batch of them, a CDEvent, or, with a `fallback`, any
/// other JSON. An empty batch holds no event.
pub fn read(bytes: &[u8], fallback: Option<&Fallback>) -> Result<Vec<CloudEvent>> {
    let text = std::str::from_utf8(bytes)
        .map_err(|error| invalid("input", format!("must be UTF-8: {error}")))?;
    let value: &RawValue = serde_json::from_str(text)
        .map_err(|error| invalid("input", format!("must be JSON: {error}")))?;
    match value.get().as_bytes().first() {
        Some(b'{') => {
            // Other people's JSON may say a name twice; only the forms known here may not.
            match Members::read("event", value.get()) {
                Ok(members) if members.has("specversion") => {
                    cloudevents_json::read(text).map(|event| vec![event])
                }
                Ok(members) if cdevents::recognise(&members) => {
                    cdevents::read(text).map(|event| vec![event])
                }
                Ok(_) => other(text, fallback),
                Err(error) if fallback.is_none() || claims_a_form(text) => Err(error),
                Err(_) => other(text, fallback),
            }
        }
        Some(b'[') if is_batch(text) => cloudevents_json::read_batch(text),
        _ => other(text, fallback),
    }
}

/// Whether an array is a batch of CloudEvents: it is empty, or something in it is one.
fn is_batch(text: &str) -> bool {
    let items: Vec<&RawValue> = serde_json::from_str(text).unwrap_or_default();
    let is_event = |item: &&RawValue| match Members::read("event", item.get()) {
        Ok(members) => members.has("specversion"),
        Err(_) => false,
    };
    items.is_empty() || items.iter().any(is_event)
}

/// Whether an object with a name said twice means to be a CloudEvent or a CDEvent.
fn claims_a_form(text: &str) -> bool {
    let value: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let kind = value.pointer("/context/type").and_then(|kind| kind.as_str());
    value.get("specversion").is_some() || kind.is_some_and(|kind| kind.starts_with("dev.cdevents"))
}

fn other(text: &str, fallback: Option<&Fallback>) -> Result<Vec<CloudEvent>> {
    let Some(Fallback { kind, source, id }) = fallback else {
        let problem = "is neither a CloudEvent nor a CDEvent; to send it as it is, say what \
                       it is and whose with --type and --source";
        return Err(invalid("input", problem));
    };
    let media_type = Attribute::String("application/json".into());
    let event = CloudEvent {
        id: id.clone().unwrap_or_else(|| identity(text.as_bytes())),
        source: source.clone(),
        spec_version: SPEC_VERSION.into(),
        kind: kind.clone(),
        attributes: [("datacontenttype".to_owned(), media_type)].into(),
        data: Data::Text(text.to_owned()),
    };
    event.check()?;
    Ok(vec![event])
}

/// The same bytes give the same identity, and nobody can make other bytes that give it too.
fn identity(bytes: &[u8]) -> String {
    let mut identity = String::from("sha256-");
    for byte in Sha256::digest(bytes) {
        let _never_fails = write!(identity, "{byte:02x}");
    }
    identity
}

/// Where the tests find messages as other systems really send them.
#[cfg(test)]
pub(crate) mod samples {
    use std::path::PathBuf;

    /// The folder of the samples. None, said aloud, where there is none.
    fn root() -> Option<PathBuf> {
        let beside =
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared").join("payloads");
        let root = std::env::var_os("POTTS_PAYLOADS").map_or_else(beside, PathBuf::from);
        if root.is_dir() {
            return Some(root);
        }
        let must = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        assert!(!must, "no sample payloads at {}", root.display());
        // Written past the capture of the test runner: what was passed over must be seen.
        std::io::Write::write_all(&mut std::io::stdout(), b"\nskipped: no sample payloads\n")
            .unwrap();
        None
    }

    /// One sample.
    pub fn text(path: &str) -> Option<String> {
        Some(std::fs::read_to_string(root()?.join(path)).unwrap())
    }

    /// The JSON files right in a folder, by name.
    pub fn folder(path: &str) -> Option<Vec<(String, String)>> {
        let entries = std::fs::read_dir(root()?.join(path)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        let mut paths: Vec<PathBuf> = paths.filter(|path| path.is_file()).collect();
        paths.sort();
        let read =
            |path: PathBuf| (path.display().to_string(), std::fs::read_to_string(&path).unwrap());
        Some(paths.into_iter().map(read).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fallback() -> Fallback {
        Fallback { kind: "issue.moved".into(), source: "/jira".into(), id: None }
    }

    const EVENT: &str = r#"{"specversion":"1.0","id":"1","source":"/s","type":"t"}"#;

    #[test]
    fn each_form_is_recognised() {
        let count = |text: &str| read(text.as_bytes(), Some(&fallback())).unwrap().len();

        assert_eq!(read(EVENT.as_bytes(), None).unwrap().len(), 1);
        assert_eq!(read(format!("\n[{EVENT},\t{EVENT}]").as_bytes(), None).unwrap().len(), 2);
        assert_eq!(read(b"[]", None).unwrap().len(), 0);
        assert_eq!(count("[1, {}]"), 1);
        assert_eq!(count("7"), 1);
    }

    #[test]
    fn what_claims_a_form_and_breaks_it_is_refused_and_not_taken_for_other_json() {
        let twice = EVENT.replace("\"id\":\"1\"", "\"id\":\"1\",\"id\":\"2\"");
        for text in [format!("[{EVENT}, 7]"), twice] {
            assert!(read(text.as_bytes(), Some(&fallback())).is_err(), "{text}");
        }
    }

    #[test]
    fn other_json_is_kept_byte_for_byte_under_an_identity_of_its_own() {
        let text = " {\"a\": 1.00,\n\"a\":2}\n";
        let [first] = read(text.as_bytes(), Some(&fallback())).unwrap().try_into().unwrap();
        let [again] = read(text.as_bytes(), Some(&fallback())).unwrap().try_into().unwrap();
        let [other] = read(b"{}", Some(&fallback())).unwrap().try_into().unwrap();

        assert_eq!(first.data, Data::Text(text.into()));
        assert_eq!((first.kind.as_str(), first.source.as_str()), ("issue.moved", "/jira"));
        assert_eq!(first, again);
        assert_ne!(first.id, other.id);
        assert_eq!(
            other.id,
            "sha256-44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
        );
        let named = Fallback { id: Some("7".into()), ..fallback() };
        let [named] = read(text.as_bytes(), Some(&named)).unwrap().try_into().unwrap();
        assert_eq!(named.id, "7");
    }

    #[test]
    fn without_a_word_about_it_other_json_is_refused_with_a_way_out() {
        let error = read(b"{\"a\":1}", None).unwrap_err().to_string();
        assert!(error.contains("--type") && error.contains("--source"), "{error}");
    }

    #[test]
    fn what_is_no_json_is_refused() {
        for bytes in [&b""[..], b"{", b"hello", b"{} {}", b"\xff", b"\xef\xbb\xbf{}"] {
            assert!(read(bytes, Some(&fallback())).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn real_bodies_of_trackers_are_read_unchanged() {
        let Some(bodies) = samples::folder("jira") else { return };
        assert!(!bodies.is_empty());
        for (path, text) in bodies {
            let events = read(text.as_bytes(), Some(&fallback())).unwrap();
            assert_eq!(events.len(), 1, "{path}");
            assert_eq!(events[0].data, Data::Text(text), "{path}");
        }
    }
}
