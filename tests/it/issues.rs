//! Issues through the contract: what changes, what is told, what is refused.

use futures_util::future::join_all;
use potts::proto::{
    CloseIssueRequest, CreateIssueRequest, DeleteIssueRequest, GetIssueRequest, Issue, IssueKind,
    IssueState, ReopenIssueRequest, StatusCategory, TransitionIssueRequest, UndeleteIssueRequest,
    UpdateIssueRequest, subscribe_request, transition_issue_request,
};
use prost_types::value::Kind;
use prost_types::{FieldMask, ListValue, Struct, Timestamp, Value};
use tonic::Code;

use crate::support::{TestApp, told};

#[tokio::test(flavor = "multi_thread")]
async fn every_change_is_an_event_in_order() {
    let app = TestApp::start().await;
    let mut follower = app.follow().await;
    app.project("abc").await;
    let issue = app.issue("abc", "The light is off").await;
    let start = TransitionIssueRequest {
        name: "ABC-1".into(),
        r#move: Some(transition_issue_request::Move::To("in_progress".into())),
        ..Default::default()
    };
    app.issues().transition_issue(start).await.unwrap();
    let close = CloseIssueRequest { name: issue.name.clone(), ..Default::default() };
    let closed = app.issues().close_issue(close).await.unwrap().into_inner();
    let reopen = ReopenIssueRequest { name: issue.name.clone(), ..Default::default() };
    app.issues().reopen_issue(reopen).await.unwrap();

    let events = follower.events(7).await;

    let types: Vec<_> = events.iter().map(|event| event.r#type.as_str()).collect();
    assert_eq!(
        types,
        [
            "project.created",
            "issue.created",
            "issue.transitioned",
            "issue.transitioned",
            "issue.closed",
            "issue.transitioned",
            "issue.reopened"
        ]
    );
    let seqs: Vec<_> = events.iter().map(|event| event.seq).collect();
    assert_eq!(seqs, [1, 2, 3, 4, 5, 6, 7]);
    assert!(closed.changed);
    assert_eq!(closed.issue.unwrap().resolution, "completed");
}

fn number(number: f64) -> Value {
    Value { kind: Some(Kind::NumberValue(number)) }
}

fn word(word: &str) -> Value {
    Value::from(word.to_owned())
}

fn object(fields: &[(&str, Value)]) -> Option<Struct> {
    let fields = fields.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect();
    Some(Struct { fields })
}

fn notes(notes: &[(&str, &str)]) -> std::collections::BTreeMap<String, String> {
    notes.iter().map(|&(key, note)| (key.to_owned(), note.to_owned())).collect()
}

/// An issue with every field that callers set.
pub fn full() -> Issue {
    let mixed = [number(1.5), Value::from(true), Value { kind: Some(Kind::NullValue(0)) }];
    let list = ListValue { values: mixed.into() };
    Issue {
        title: "Das Licht im Süden ist aus 💡".into(),
        description: "Zeile 1\r\n\tZeile 2 \u{202e}rtl\u{202c}\n".into(),
        priority: 5,
        parameters: object(&[
            ("severity", number(3.0)),
            ("größe", word("Ä")),
            ("largest", number(9_007_199_254_740_991.0)),
            ("list", Value { kind: Some(Kind::ListValue(list)) }),
            ("nested.key", Value { kind: Some(Kind::StructValue(Struct::default())) }),
        ]),
        annotations: notes(&[("team", "süd"), ("a.b/c", ""), ("text", "two\nlines")]),
        due_time: Some(Timestamp { seconds: -1, nanos: 123_456_789 }),
        milestone: "v2 – später".into(),
        tags: vec!["0.9".into(), "süd".replace('ü', "u")],
        ..Default::default()
    }
}

pub fn create(issue: Issue) -> CreateIssueRequest {
    CreateIssueRequest { parent: "projects/abc".into(), issue: Some(issue), ..Default::default() }
}

fn update(issue: Issue, paths: &[&str]) -> UpdateIssueRequest {
    let paths = paths.iter().map(|&path| path.to_owned()).collect();
    let issue = Some(Issue { name: "ABC-1".into(), ..issue });
    UpdateIssueRequest { issue, update_mask: Some(FieldMask { paths }), ..Default::default() }
}

pub async fn get(app: &TestApp, name: &str) -> Issue {
    let request = GetIssueRequest { name: name.into() };
    app.issues().get_issue(request).await.unwrap().into_inner().issue.unwrap()
}

pub async fn with_project() -> TestApp {
    let app = TestApp::start().await;
    app.project("abc").await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_is_read_as_it_was_created() {
    let app = with_project().await;
    let sent = full();

    let answer = app.issues().create_issue(create(sent.clone())).await.unwrap().into_inner();
    let created = answer.issue.unwrap();

    let read = get(&app, "ABC-1").await;
    assert_eq!(read, created);
    assert_eq!(uuid::Uuid::parse_str(&created.uid).unwrap().get_version_num(), 7);
    assert_eq!(created.create_time, created.update_time);
    assert!(created.create_time.is_some() && !created.etag.is_empty());
    let expected = Issue {
        name: "projects/abc/issues/1".into(),
        key: "ABC-1".into(),
        uid: created.uid.clone(),
        etag: created.etag.clone(),
        create_time: created.create_time,
        update_time: created.update_time,
        creator: "actors/root".into(),
        state: IssueState::Open.into(),
        status: "open".into(),
        category: StatusCategory::Todo.into(),
        workflow: "simple".into(),
        issue_type: "task".into(),
        kind: IssueKind::Task.into(),
        active: Some(true),
        owner: "actors/root".into(),
        thread: "projects/abc/issues/1".into(),
        // PostgreSQL keeps microseconds; what is finer is dropped toward 1970.
        due_time: Some(Timestamp { seconds: -1, nanos: 123_457_000 }),
        ..sent
    };
    assert_eq!(created, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_event_of_a_create_tells_the_fields() {
    let app = with_project().await;
    let mut follower = app.follow().await;
    app.issues().create_issue(create(full())).await.unwrap();

    let event = follower.events(2).await.remove(1);

    let (issue, after) = (get(&app, "ABC-1").await, event.after.unwrap().fields);
    assert_eq!(after["title"], word(&issue.title));
    assert_eq!(after["parameters"].kind, Some(Kind::StructValue(issue.parameters.unwrap())));
    assert_eq!(after["due_time"], word("1969-12-31T23:59:59.123457Z"));
    assert_eq!((event.subject.as_str(), event.root.as_str()), (&*issue.name, &*issue.name));
    assert_eq!((event.project.as_str(), event.actor.as_str()), ("projects/abc", "actors/root"));
    assert_eq!((event.version, event.step, event.ends_command), (1, 0, true));
    assert_eq!((event.record_time, event.event_time), (issue.create_time, issue.create_time));
    assert!(event.before.is_none() && event.data.is_none() && event.payload.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_says_which_fields_change() {
    let app = with_project().await;
    app.issues().create_issue(create(full())).await.unwrap();
    let before = get(&app, "ABC-1").await;
    let change = async |request| {
        app.issues().update_issue(request).await.unwrap().into_inner().issue.unwrap()
    };
    let same_but = |issue: &Issue, changed: &Issue| {
        let (etag, update_time) = (changed.etag.clone(), changed.update_time);
        Issue { etag, update_time, ..issue.clone() }
    };

    let absent = UpdateIssueRequest {
        issue: Some(Issue { name: "ABC-1".into(), milestone: "v3".into(), ..Default::default() }),
        ..Default::default()
    };
    let one = change(absent).await;
    assert_eq!(one, Issue { milestone: "v3".into(), ..same_but(&before, &one) });

    let parameters = object(&[("severity", number(1.0)), ("x", word("y"))]);
    let annotations = notes(&[("team", "nord")]);
    let inside = Issue { parameters, annotations, ..Default::default() };
    let paths =
        ["parameters.severity", "parameters.`nested.key`", "annotations.team", "annotations.text"];
    let two = change(update(inside, &paths)).await;
    let mut expected = same_but(&one, &two);
    let fields = &mut expected.parameters.as_mut().unwrap().fields;
    fields.insert("severity".into(), number(1.0));
    fields.remove("nested.key");
    expected.annotations = notes(&[("team", "nord"), ("a.b/c", "")]);
    assert_eq!(two, expected);

    let three = change(update(Issue::default(), &["due_time", "parameters", "priority"])).await;
    let cleared = Issue { due_time: None, parameters: None, priority: 0, ..same_but(&two, &three) };
    assert_eq!(three, cleared);

    let four = change(update(Issue { title: "t".into(), ..Default::default() }, &["*"])).await;
    let replaced = Issue {
        title: "t".into(),
        description: String::new(),
        annotations: notes(&[]),
        milestone: String::new(),
        tags: Vec::new(),
        ..same_but(&three, &four)
    };
    assert_eq!(four, replaced);
    assert_eq!(get(&app, "ABC-1").await, four);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_tells_facts_and_words_apart() {
    let app = with_project().await;
    app.issue("abc", "The light is off").await;
    let mut follower = app.follow_from(subscribe_request::Start::FromNow(true)).await;
    let both = Issue { title: "On".into(), priority: 2, ..Default::default() };

    app.issues().update_issue(update(both, &["title", "priority"])).await.unwrap();

    let events = follower.events(2).await;
    let told: Vec<_> = events.iter().map(|e| (e.r#type.as_str(), e.ends_command)).collect();
    assert_eq!(told, [("issue.updated", false), ("issue.described", true)]);
    assert_eq!(
        (events[0].before.clone(), events[0].after.clone()),
        (object(&[("priority", number(0.0))]), object(&[("priority", number(2.0))]))
    );
    assert_eq!(
        (events[1].before.clone(), events[1].after.clone()),
        (object(&[("title", word("The light is off"))]), object(&[("title", word("On"))]))
    );
    assert_eq!(events.iter().map(|e| e.version).collect::<Vec<_>>(), [2, 2]);
}

/// Goal: 50 callers who all read the same version do not overwrite each other.
#[tokio::test(flavor = "multi_thread")]
async fn of_50_callers_with_one_etag_one_wins() {
    let app = with_project().await;
    let etag = app.issue("abc", "The light is off").await.etag;
    let try_it = async |n: usize| {
        let issue = Issue { title: format!("{n}"), etag: etag.clone(), ..Default::default() };
        app.issues().update_issue(update(issue, &["title"])).await
    };

    let answers = join_all((0..50).map(try_it)).await;

    let (won, lost): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
    assert_eq!(won.len(), 1);
    for refused in lost {
        assert_eq!(told(refused).why(), (Code::Aborted, "ETAG_MISMATCH"));
    }
    let winner = won.into_iter().next().unwrap().unwrap().into_inner().issue.unwrap();
    assert_eq!(get(&app, "ABC-1").await, winner);
    assert_eq!(app.head().await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_so_already_changes_nothing_and_tells_nothing() {
    let app = with_project().await;
    let issue = app.issue("abc", "The light is off").await;
    let close = |resolution: &str| CloseIssueRequest {
        name: "abc-1".into(),
        resolution: resolution.into(),
        ..Default::default()
    };
    let reopen = || ReopenIssueRequest { name: "ABC-1".into(), ..Default::default() };
    let undelete = UndeleteIssueRequest { name: "ABC-1".into(), ..Default::default() };
    let to = |status: &str| TransitionIssueRequest {
        name: "ABC-1".into(),
        r#move: Some(transition_issue_request::Move::To(status.into())),
        ..Default::default()
    };
    let same = update(Issue { title: issue.title.clone(), ..Default::default() }, &["title"]);

    let open = [
        app.issues().reopen_issue(reopen()).await.unwrap().into_inner().changed,
        app.issues().undelete_issue(undelete).await.unwrap().into_inner().changed,
        app.issues().transition_issue(to("open")).await.unwrap().into_inner().changed,
    ];
    let updated = app.issues().update_issue(same).await.unwrap().into_inner();
    let mut after = app.follow_from(subscribe_request::Start::After(updated.cursor)).await;
    let first = app.issues().close_issue(close("withdrawn")).await.unwrap().into_inner();
    let second = app.issues().close_issue(close("duplicate")).await.unwrap().into_inner();
    let third = app.issues().transition_issue(to("closed")).await.unwrap().into_inner();

    assert_eq!(open, [false; 3]);
    assert!(!updated.changed && first.changed && !second.changed && !third.changed);
    assert_eq!(updated.issue, Some(issue));
    assert_eq!(second.issue, first.issue);
    assert_eq!(first.issue.unwrap().resolution, "withdrawn");
    assert_eq!(after.types(2).await, ["issue.transitioned", "issue.closed"]);
    assert_eq!((app.head().await, first.cursor), (4, second.cursor));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_issue_takes_words_and_no_facts() {
    let app = with_project().await;
    app.issue("abc", "The light is off").await;
    let close = CloseIssueRequest { name: "ABC-1".into(), ..Default::default() };
    app.issues().close_issue(close).await.unwrap();
    let change = async |path: &str| {
        let issue = Issue {
            title: "T".into(),
            description: "D".into(),
            priority: 1,
            annotations: notes(&[("a", "b")]),
            milestone: "m".into(),
            ..Default::default()
        };
        app.issues().update_issue(update(issue, &[path])).await
    };
    for path in ["title", "description", "annotations"] {
        assert!(change(path).await.unwrap().into_inner().changed, "{path}");
    }
    for path in ["priority", "milestone"] {
        assert_eq!(told(change(path).await).why(), (Code::FailedPrecondition, "ISSUE_CLOSED"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transition_takes_parameters_and_words_along() {
    let app = with_project().await;
    app.issues().create_issue(create(full())).await.unwrap();
    let null = Value { kind: Some(Kind::NullValue(0)) };
    let mut follower = app.follow_from(subscribe_request::Start::FromNow(true)).await;
    let start = TransitionIssueRequest {
        name: "ABC-1".into(),
        r#move: Some(transition_issue_request::Move::Transition("start".into())),
        parameters: object(&[("severity", number(1.0)), ("list", null)]),
        message: "Ich gehe hin".into(),
        ..Default::default()
    };

    let moved = app.issues().transition_issue(start).await.unwrap().into_inner().issue.unwrap();
    let event = follower.event().await;

    assert_eq!((moved.status.as_str(), moved.step), ("in_progress", 1));
    assert_eq!(moved.category, i32::from(StatusCategory::InProgress));
    let parameters = moved.parameters.unwrap().fields;
    assert_eq!(parameters["severity"], number(1.0));
    assert!(!parameters.contains_key("list") && parameters.contains_key("größe"));
    let data = object(&[
        ("transition", word("start")),
        ("from", word("open")),
        ("to", word("in_progress")),
        ("from_category", word("TODO")),
        ("to_category", word("IN_PROGRESS")),
        ("message", word("Ich gehe hin")),
    ]);
    assert_eq!((event.data, event.step, event.version), (data, 1, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_issue_comes_back_for_30_days() {
    let app = with_project().await;
    let created = app.issue("abc", "The light is off").await;
    app.issue("abc", "The door is open").await;
    let delete = |name: &str| DeleteIssueRequest { name: name.into(), ..Default::default() };
    let undelete = |name: &str| UndeleteIssueRequest { name: name.into(), ..Default::default() };
    let mut issues = app.issues();

    let deleted = issues.delete_issue(delete("ABC-1")).await.unwrap().into_inner();
    issues.delete_issue(delete("ABC-2")).await.unwrap();
    let hidden = get(&app, "ABC-1").await;
    app.database.advance_clock(30 * 24 * 3600 - 60).await;
    let back = issues.undelete_issue(undelete("ABC-1")).await.unwrap().into_inner();
    app.database.advance_clock(30 * 24 * 3600 + 60).await;
    let late = told(issues.undelete_issue(undelete("ABC-2")).await);
    let gone = told(issues.get_issue(GetIssueRequest { name: "ABC-2".into() }).await);

    assert_eq!(deleted.issue.as_ref(), Some(&hidden));
    let span = hidden.expire_time.unwrap().seconds - hidden.delete_time.unwrap().seconds;
    assert_eq!(span, 30 * 24 * 3600);
    let back = back.issue.unwrap();
    let (etag, update_time) = (back.etag.clone(), back.update_time);
    assert_eq!(back, Issue { etag, update_time, ..created });
    for refusal in [late, gone] {
        assert_eq!(refusal.blamed(), "potts.v1.Issue projects/abc/issues/2");
    }
    let third = app.issue("abc", "The window is open").await;
    assert_eq!(third.key, "ABC-3", "numbers are never reused");
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_say_the_same_as_names_in_any_case() {
    let app = with_project().await;
    let issue = app.issue("abc", "The light is off").await;

    for name in ["ABC-1", "abc-1", "aBc-1", "projects/abc/issues/1"] {
        assert_eq!(get(&app, name).await, issue, "{name}");
    }
}

/// What differs between an issue that would be and the one that is: what only a write gives.
fn without_given(issue: Option<Issue>) -> Issue {
    Issue {
        name: String::new(),
        uid: String::new(),
        key: String::new(),
        etag: String::new(),
        create_time: None,
        update_time: None,
        close_time: None,
        delete_time: None,
        expire_time: None,
        thread: String::new(),
        ..issue.unwrap()
    }
}

/// Makes the same call validating and for good: the answers are the same, the first writes nothing.
macro_rules! validates {
    ($app:ident, $rpc:ident, $request:expr) => {{
        let head = $app.head().await;
        let mut request = $request;
        request.validate_only = true;
        request.request_id = uuid::Uuid::now_v7().to_string();
        let would_be = $app.issues().$rpc(request.clone()).await.unwrap().into_inner();
        assert_eq!($app.head().await, head, stringify!($rpc));
        request.validate_only = false;
        let is = $app.issues().$rpc(request).await.unwrap().into_inner();
        assert!(would_be.changed && is.changed && $app.head().await > head, stringify!($rpc));
        assert_eq!(without_given(would_be.issue), without_given(is.issue), stringify!($rpc));
        assert!(!would_be.cursor.is_empty());
    }};
}

#[tokio::test(flavor = "multi_thread")]
async fn validating_answers_what_would_be_and_writes_nothing() {
    let app = with_project().await;
    let name = || "ABC-1".to_owned();
    let start = Some(transition_issue_request::Move::Transition("start".into()));

    validates!(app, create_issue, create(full()));
    validates!(
        app,
        update_issue,
        update(Issue { priority: 1, ..Default::default() }, &["priority"])
    );
    validates!(
        app,
        transition_issue,
        TransitionIssueRequest { name: name(), r#move: start.clone(), ..Default::default() }
    );
    validates!(app, close_issue, CloseIssueRequest { name: name(), ..Default::default() });
    validates!(app, reopen_issue, ReopenIssueRequest { name: name(), ..Default::default() });
    validates!(app, delete_issue, DeleteIssueRequest { name: name(), ..Default::default() });
    validates!(app, undelete_issue, UndeleteIssueRequest { name: name(), ..Default::default() });
}
