//! The official vectors of the protobuf format, through the JSON mapping of the command line.

use prost_reflect::DynamicMessage;
use serde_json::Value;

use crate::adapters::formats::samples;
use crate::cli::json::POOL;
use crate::domain::cloud_event::CloudEvent;
use crate::proto::cloudevents;

/// An official vector, through the JSON mapping of our own message and the rules.
fn accepts(json: &Value) -> bool {
    let descriptor = POOL.get_message_by_name("io.cloudevents.v1.CloudEvent").unwrap();
    let Ok(message) = DynamicMessage::deserialize(descriptor, json) else { return false };
    let message: cloudevents::CloudEvent = message.transcode_to().unwrap();
    let Ok(event) = CloudEvent::try_from(message.clone()) else { return false };
    assert_eq!(cloudevents::CloudEvent::from(&event), message);
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
