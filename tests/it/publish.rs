//! The main job on real input: messages of other services, sent by `potts publish`, seen once, in
//! order and unchanged.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use potts::proto::cloudevents::CloudEvent;
use potts::proto::cloudevents::cloud_event::Data;
use potts::proto::{Event, subscribe_request::Start};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::support::TestApp;
use crate::support::programs::{Ran, call, payloads};

/// The files below a folder of the samples, by name; each is what the manifest says.
fn samples(root: &Path, folder: &str) -> Vec<PathBuf> {
    let manifest = std::fs::read_to_string(root.join("MANIFEST.tsv")).unwrap();
    let sums: BTreeMap<&str, &str> = manifest
        .lines()
        .filter_map(|line| {
            let cells: Vec<&str> = line.split('\t').collect();
            Some((*cells.first()?, *cells.get(5)?))
        })
        .collect();
    let mut files: Vec<PathBuf> = std::fs::read_dir(root.join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    files.sort();
    for file in &files {
        let name = format!("{folder}/{}", file.file_name().unwrap().to_str().unwrap());
        let sum: String = Sha256::digest(std::fs::read(file).unwrap())
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(sums.get(name.as_str()), Some(&sum.as_str()), "{name} was changed");
    }
    files
}

/// Copies of messages, each with an id of its own.
fn with_own_ids(files: &[PathBuf], to: &Path) {
    for (n, file) in files.iter().enumerate() {
        let text = std::fs::read_to_string(file).unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        let id = event["context"]["id"].as_str().unwrap();
        let own = text.replacen(&format!("\"{id}\""), &format!("\"own-{n}\""), 1);
        std::fs::write(to.join(file.file_name().unwrap()), own).unwrap();
    }
}

/// Every valid event of the official vectors, a file each.
fn cloud_events(root: &Path, to: &Path) -> usize {
    let file = root.join("cloudevents/conformance-format/json/valid-events.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let tests = vectors["tests"].as_array().unwrap();
    for (n, test) in tests.iter().enumerate() {
        let mut event = test["event"].clone();
        event["id"] = Value::String(format!("ce-{n}"));
        std::fs::write(to.join(format!("{n:03}.json")), event.to_string()).unwrap();
    }
    tests.len()
}

async fn publish(app: &TestApp, words: &[&str]) -> Ran {
    let words = [&["publish", "--project", "abc"], words].concat();
    let ran = call(app.server.grpc_addr, &words, "").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    ran
}

/// How many lines say so, and which names they give.
fn said(ran: &Ran, word: &str) -> (usize, BTreeSet<String>) {
    let lines: Vec<&str> = ran.out.lines().filter(|line| line.starts_with(word)).collect();
    let name = |line: &&str| line.split_whitespace().nth(1).unwrap().to_owned();
    (lines.len(), lines.iter().map(name).collect())
}

fn payload(event: &Event) -> &CloudEvent {
    event.payload.as_ref().unwrap()
}

fn text(event: &Event) -> &str {
    match payload(event).data.as_ref() {
        Some(Data::TextData(text)) => text,
        other => panic!("not text: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_conformance_files_as_they_stand_are_3_messages_and_42_duplicates() {
    let Some(root) = payloads() else { return };
    let files = samples(&root, "cdevents/v0.5.1/conformance");
    let app = TestApp::start().await;
    app.project("abc").await;
    let folder = root.join("cdevents/v0.5.1/conformance");

    let first = publish(&app, &[folder.to_str().unwrap()]).await;
    let again = publish(&app, &[folder.to_str().unwrap()]).await;

    assert_eq!(files.len(), 45);
    let (new, names) = said(&first, "new");
    let (duplicates, answered) = said(&first, "duplicate");
    assert_eq!((new, duplicates), (3, 42), "{first:?}");
    assert_eq!(names, answered, "each duplicate is answered with the name of the first");
    assert_eq!(said(&again, "new").0, 0, "{again:?}");
    assert_eq!(said(&again, "duplicate"), (45, names));
    let mut follower = app.follow().await;
    assert_eq!(follower.types(4).await[1..], ["message.received"; 3]);
}

/// Method: three kinds of real messages; one subscriber that was there before, one that is cut off
/// half-way and resumes from its cursor; everything sent a second time.
#[tokio::test(flavor = "multi_thread")]
async fn real_messages_are_seen_once_in_order_and_unchanged() {
    let Some(root) = payloads() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (own, vectors) = (folder.path().join("own"), folder.path().join("vectors"));
    for made in [&own, &vectors] {
        std::fs::create_dir(made).unwrap();
    }
    let cdevents = samples(&root, "cdevents/v0.5.1/conformance");
    with_own_ids(&cdevents, &own);
    let cloud_events = cloud_events(&root, &vectors);
    let jira = samples(&root, "jira");
    let all = cdevents.len() + cloud_events + jira.len();
    let app = TestApp::start().await;
    app.project("abc").await;
    let mut before = app.follow().await;
    let mut half_way = app.follow().await;
    let (own, vectors) = (own.to_str().unwrap(), vectors.to_str().unwrap());
    let jira_folder = root.join("jira");
    let jira_words = ["--type", "jira", "--source", "/jira", jira_folder.to_str().unwrap()];

    for words in [&[own][..], &[vectors], &jira_words] {
        let ran = publish(&app, words).await;
        assert_eq!(said(&ran, "duplicate").0, 0, "{ran:?}");
    }
    let first_half = half_way.events(1 + all / 2).await;
    // What the cursor covers may be more than what was looked at.
    let cursor = half_way.cursor.clone();
    let rest_of_batch = half_way.rest_of_batch();
    drop(half_way);
    let mut resumed = app.follow_from(Start::After(cursor)).await;
    let rest = all + 1 - first_half.len() - rest_of_batch.len();
    let union = [first_half, rest_of_batch, resumed.events(rest).await].concat();
    let seen = before.events(all + 1).await;

    assert_eq!(union, seen, "one that resumes sees what one that stayed does");
    assert!(seen.windows(2).all(|pair| pair[1].seq == pair[0].seq + 1), "in order, each once");
    let messages = &seen[1..];
    for (event, file) in messages.iter().zip(&cdevents) {
        let sent = std::fs::read_to_string(Path::new(own).join(file.file_name().unwrap())).unwrap();
        assert_eq!(text(event), sent, "{}", file.display());
        let context: Value = serde_json::from_str(&sent).unwrap();
        assert_eq!(payload(event).r#type, context["context"]["type"].as_str().unwrap());
    }
    for (event, file) in messages[cdevents.len() + cloud_events..].iter().zip(&jira) {
        assert_eq!(text(event), std::fs::read_to_string(file).unwrap(), "{}", file.display());
    }

    for words in [&[own][..], &[vectors], &jira_words] {
        let ran = publish(&app, words).await;
        assert_eq!(said(&ran, "new").0, 0, "{ran:?}");
    }
    app.issue("abc", "the next event").await;
    assert_eq!(before.types(1).await, ["issue.created"], "sent again, it adds nothing");
}
