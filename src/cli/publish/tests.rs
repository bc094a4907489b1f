use std::collections::HashMap;
use std::path::Path;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::cli::canned::{Canned, run};
use crate::cli::failure::Exit;
use crate::proto::publish_result::Outcome;
use crate::proto::{
    ErrorReason, PublishEventsResponse, PublishRefusal, PublishResult, PublishedMessage,
};

fn new(id: usize) -> PublishResult {
    let name = format!("projects/abc/messages/{id}");
    PublishResult { outcome: Some(Outcome::Message(PublishedMessage { name, duplicate: false })) }
}

fn duplicate(id: usize) -> PublishResult {
    let name = format!("projects/abc/messages/{id}");
    PublishResult { outcome: Some(Outcome::Message(PublishedMessage { name, duplicate: true })) }
}

fn refused(reason: ErrorReason) -> PublishResult {
    let (reason, field) = (reason.into(), "attributes.time".into());
    let refusal = PublishRefusal { code: 3, reason, field, message: "must be sooner".into() };
    PublishResult { outcome: Some(Outcome::Refusal(refusal)) }
}

fn answer(results: Vec<PublishResult>) -> Result<PublishEventsResponse, Status> {
    Ok(PublishEventsResponse { results, cursor: "c".into() })
}

/// A file with so many events, each with so many bytes of data.
fn events(folder: &Path, name: &str, count: usize, bytes: usize) -> String {
    let event = |id| {
        let data = "x".repeat(bytes);
        format!(r#"{{"specversion":"1.0","id":"{id}","source":"/s","type":"t","data":"{data}"}}"#)
    };
    let path = folder.join(name);
    let events: Vec<String> = (0..count).map(event).collect();
    std::fs::write(&path, format!("[{}]", events.join(","))).unwrap();
    path.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn each_message_has_its_line_and_the_end_its_summary() {
    let folder = tempfile::tempdir().unwrap();
    let file = events(folder.path(), "a.json", 2, 1);
    std::fs::write(folder.path().join("b.json"), r#"{"a": 1}"#).unwrap();
    let results = vec![new(0), duplicate(1), refused(ErrorReason::FieldInvalid)];
    let canned = Canned::publishing([answer(results)]);
    let folder = folder.path().to_str().unwrap();

    let line = ["publish", "--project", "ABC", "--type", "t", "--source", "/x", folder];
    let ended = run(&canned, &line).await;

    let failure = ended.outcome.unwrap_err();
    assert_eq!(failure.exit(), Exit::Refused);
    assert_eq!(failure.message(), "3 messages: 1 new, 1 duplicate, 1 refused");
    assert_eq!(
        ended.out,
        format!(
            "new        projects/abc/messages/0  {file}[0]\n\
             duplicate  projects/abc/messages/1  {file}[1]\n\
             refused    -  {folder}/b.json: attributes.time: must be sooner (FIELD_INVALID)\n"
        )
    );
    let asked = canned.published().remove(0);
    assert_eq!((asked.parent.as_str(), asked.events.len()), ("projects/abc", 3));
    assert_eq!((asked.events[2].r#type.as_str(), asked.events[2].source.as_str()), ("t", "/x"));
}

#[tokio::test]
async fn batches_are_bounded_in_number_and_in_bytes() {
    let folder = tempfile::tempdir().unwrap();
    let many = events(folder.path(), "many.json", 250, 1);
    let large = events(folder.path(), "large.json", 5, 900_000);
    let huge = events(folder.path(), "huge.json", 1, 3 << 20);
    let sizes = [100, 100, 52, 2, 1];
    let canned = Canned::publishing(sizes.map(|size| answer((0..size).map(new).collect())));

    let ended = run(&canned, &["publish", "--project", "abc", &many, &large, &huge]).await;

    let asked: Vec<usize> = canned.published().iter().map(|asked| asked.events.len()).collect();
    assert_eq!(asked, sizes);
    assert_eq!(
        ended.outcome.unwrap_err().message(),
        "256 messages: 255 new, 0 duplicate, 1 refused"
    );
    assert_eq!(ended.out.lines().count(), 256);
    assert!(ended.out.contains("huge.json: is over 2 MiB"), "{}", ended.out);
    assert!(ended.err.contains("potts: 100 messages sent, 0 of 3 inputs read"), "{}", ended.err);
}

#[tokio::test]
async fn what_passes_is_sent_again_and_only_that() {
    let folder = tempfile::tempdir().unwrap();
    let file = events(folder.path(), "a.json", 3, 1);
    let details = ErrorDetails::with_error_info("QUEUE_FULL", "potts", HashMap::new());
    let full = Status::with_error_details(Code::ResourceExhausted, "too much", details);
    let canned = Canned::publishing([
        Err(Status::unavailable("no database")),
        Err(full),
        answer(vec![new(0), refused(ErrorReason::QueueFull), refused(ErrorReason::FieldInvalid)]),
        answer(vec![new(1)]),
    ]);

    let ended = run(&canned, &["publish", "--project", "abc", &file]).await;

    let asked = canned.published();
    let ids = |call: usize| asked[call].events.iter().map(|event| &*event.id).collect::<Vec<_>>();
    assert_eq!(asked.len(), 4);
    assert_eq!((ids(0), ids(2), ids(3)), (vec!["0", "1", "2"], vec!["0", "1", "2"], vec!["1"]));
    let message = ended.outcome.unwrap_err().message();
    assert_eq!(message, "3 messages: 2 new, 0 duplicate, 1 refused");
}

#[tokio::test]
async fn what_lasts_is_told_and_not_sent_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = events(folder.path(), "a.json", 1, 1);
    let canned = Canned::publishing([Err(Status::not_found("projects/abc does not exist"))]);

    let ended = run(&canned, &["publish", "--project", "abc", &file]).await;

    assert_eq!(ended.outcome.unwrap_err().exit(), Exit::Refused);
    assert_eq!(canned.published().len(), 1);
    assert_eq!(ended.err, "potts: 0 messages: 0 new, 0 duplicate, 0 refused\n");
}

#[tokio::test]
async fn what_cannot_be_read_is_told_and_the_rest_is_sent() {
    let folder = tempfile::tempdir().unwrap();
    let good = events(folder.path(), "a.json", 1, 1);
    let bad = folder.path().join("b.json");
    std::fs::write(&bad, "{}").unwrap();
    let bad = bad.to_str().unwrap();
    let canned = Canned::publishing([answer(vec![new(0)])]);

    let ended = run(&canned, &["publish", "--project", "abc", bad, "nowhere.json", &good]).await;

    assert_eq!(ended.outcome.unwrap_err().exit(), Exit::Usage);
    assert!(ended.out.starts_with("new "), "{}", ended.out);
    assert!(ended.err.contains("b.json: input: is neither a CloudEvent nor a CDEvent"));
    assert!(ended.err.contains("nowhere.json: "), "{}", ended.err);
}

#[tokio::test]
async fn one_id_is_for_one_message() {
    let canned = Canned::publishing([]);
    let line = ["publish", "--project", "a", "--type", "t", "--source", "s", "--id", "1", "x", "y"];

    assert_eq!(run(&canned, &line).await.outcome.unwrap_err().exit(), Exit::Usage);
}
