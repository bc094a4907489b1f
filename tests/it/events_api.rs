//! The log through the contract: what is published is what is read.

use potts::proto::cloudevents::cloud_event::Data;
use potts::proto::cloudevents::cloud_event_attribute_value::Attr;
use potts::proto::cloudevents::{CloudEvent, CloudEventAttributeValue};
use potts::proto::publish_result::Outcome;
use potts::proto::{
    CloseIssueRequest, ErrorReason, Event, EventClass, EventFilter, GetEventRequest,
    ListEventTypesRequest, ListEventsRequest, ListEventsResponse, PublishEventsRequest,
    PublishEventsResponse, PublishedMessage, subscribe_request::Start,
};
use prost::Message as _;
use tonic::Code;

use crate::support::{TestApp, told};

fn message(id: &str) -> CloudEvent {
    CloudEvent {
        id: id.into(),
        source: "/lights".into(),
        spec_version: "1.0".into(),
        r#type: "light.off".into(),
        ..Default::default()
    }
}

fn attribute(name: &str, attr: Attr) -> (String, CloudEventAttributeValue) {
    (name.into(), CloudEventAttributeValue { attr: Some(attr) })
}

async fn publish(app: &TestApp, events: Vec<CloudEvent>) -> PublishEventsResponse {
    let parent = "projects/abc".into();
    let request = PublishEventsRequest { parent, events, validate_only: false };
    app.events().publish_events(request).await.unwrap().into_inner()
}

/// The messages that were taken; each must have been.
fn taken(response: &PublishEventsResponse) -> Vec<PublishedMessage> {
    let one = |outcome: &Option<Outcome>| match outcome {
        Some(Outcome::Message(message)) => message.clone(),
        other => panic!("{other:?}"),
    };
    response.results.iter().map(|result| one(&result.outcome)).collect()
}

async fn list(app: &TestApp, request: ListEventsRequest) -> ListEventsResponse {
    app.events().list_events(request).await.unwrap().into_inner()
}

fn seqs(events: &[Event]) -> Vec<i64> {
    events.iter().map(|event| event.seq).collect()
}

/// `project.created`, `issue.created` twice, `issue.transitioned`, `issue.closed`,
/// `message.received`, and `project.created` of another project.
async fn varied() -> TestApp {
    let app = TestApp::start().await;
    app.project("abc").await;
    for title in ["The light is off", "The door is open"] {
        app.issue("abc", title).await;
    }
    let close = CloseIssueRequest { name: "ABC-1".into(), ..Default::default() };
    app.issues().close_issue(close).await.unwrap();
    publish(&app, vec![message("1")]).await;
    app.project("other").await;
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_is_answered_by_its_name_with_the_cursor_after_it() {
    let app = varied().await;
    let all = app.follow().await.events(7).await;

    for event in &all {
        let get = GetEventRequest { name: format!("events/{}", event.seq) };
        let answer = app.events().get_event(get).await.unwrap().into_inner();
        assert_eq!(answer.event.as_ref(), Some(event));
        if event.seq < 7 {
            let rest = app.follow_from(Start::After(answer.cursor)).await.event().await;
            assert_eq!(rest.seq, event.seq + 1);
        }
    }
    assert_eq!(uuid::Uuid::parse_str(&all[0].id).unwrap().get_version_num(), 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_field_of_a_filter_picks_and_together_they_narrow() {
    let app = varied().await;
    let picked = async |filter: EventFilter| {
        let mut both = Vec::new();
        for newest_first in [false, true] {
            let filter = Some(filter.clone());
            let request = ListEventsRequest { filter, newest_first, ..Default::default() };
            both.push(seqs(&list(&app, request).await.events));
        }
        both[1].reverse();
        assert_eq!(both[0], both[1], "{filter:?}");
        both.remove(0)
    };
    let none = EventFilter::default;
    let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();

    assert_eq!(picked(none()).await, [1, 2, 3, 4, 5, 6, 7]);
    let projects = |names| EventFilter { projects: texts(names), ..none() };
    assert_eq!(picked(projects(&["projects/other"])).await, [7]);
    assert_eq!(picked(projects(&["projects/-"])).await, Vec::<i64>::new());
    let roots = |names| EventFilter { roots: texts(names), ..none() };
    assert_eq!(picked(roots(&["abc-1"])).await, [2, 4, 5]);
    assert_eq!(picked(roots(&["ABC-2", "projects/other"])).await, [3, 7]);
    let subjects = |names| EventFilter { subjects: texts(names), ..none() };
    assert_eq!(picked(subjects(&["projects/abc/issues/2"])).await, [3]);
    assert_eq!(picked(subjects(&["projects/abc"])).await, [1, 6]);
    let types = |names| EventFilter { types: texts(names), ..none() };
    assert_eq!(picked(types(&["issue.closed"])).await, [5]);
    assert_eq!(picked(types(&["issue.*", "message.received"])).await, [2, 3, 4, 5, 6]);
    assert_eq!(picked(types(&["*"])).await, [1, 2, 3, 4, 5, 6, 7]);
    let classes = |class: EventClass| EventFilter { classes: vec![class.into()], ..none() };
    assert_eq!(picked(classes(EventClass::Service)).await, [6]);
    assert_eq!(picked(classes(EventClass::System)).await, [1, 7]);
    let both = EventFilter { roots: texts(&["ABC-1"]), ..types(&["issue.created"]) };
    assert_eq!(picked(both).await, [2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_never_list_what_came_after_the_first_one() {
    let app = varied().await;

    for (newest_first, expected) in [(false, [1, 2, 3, 4, 5, 6, 7]), (true, [7, 6, 5, 4, 3, 2, 1])]
    {
        let head = app.head().await;
        let filter = EventFilter { types: vec!["*".into()], ..Default::default() };
        let request = ListEventsRequest {
            filter: Some(filter),
            page_size: 3,
            newest_first,
            ..Default::default()
        };
        let first = list(&app, request.clone()).await;
        app.issue("abc", "The window is open").await;
        let mut listed = seqs(&first.events);
        let mut token = first.next_page_token;
        while !token.is_empty() {
            let page = list(&app, ListEventsRequest { page_token: token, ..request.clone() }).await;
            assert!(page.cursor.is_empty() && page.events.len() <= 3);
            listed.extend(seqs(&page.events));
            token = page.next_page_token;
        }

        listed.retain(|seq| *seq <= 7);
        assert_eq!(listed, expected);
        let after = app.follow_from(Start::After(first.cursor)).await.event().await;
        assert_eq!(after.seq, head + 1, "the cursor is the end that the first page saw");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_types_are_listed_by_name() {
    let app = TestApp::start().await;

    let answer = app.events().list_event_types(ListEventTypesRequest {}).await.unwrap();

    let types = answer.into_inner().types;
    assert!(types.iter().map(|one| &one.r#type).is_sorted());
    assert!(types.iter().all(|one| one.class != 0 && !one.description.is_empty()));
    let closed = types.iter().find(|one| one.r#type == "issue.closed").unwrap();
    assert_eq!(closed.class, i32::from(EventClass::Object));
    assert_eq!(types.len(), potts::domain::event::EventType::ALL.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_stand_alone_and_are_answered_in_order() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let wrong = |change: fn(&mut CloudEvent)| {
        let mut wrong = message("wrong");
        change(&mut wrong);
        wrong
    };
    let large = Data::TextData("x".repeat(256 << 10));
    let rows = [
        (wrong(|m| m.id.clear()), ErrorReason::FieldRequired, "id"),
        (wrong(|m| m.source.clear()), ErrorReason::FieldRequired, "source"),
        (wrong(|m| m.r#type.clear()), ErrorReason::FieldRequired, "type"),
        (wrong(|m| m.spec_version.clear()), ErrorReason::FieldRequired, "spec_version"),
        (wrong(|m| m.spec_version = "0.3".into()), ErrorReason::FieldInvalid, "spec_version"),
        (wrong(|m| m.source = "a b".into()), ErrorReason::FieldInvalid, "source"),
        (wrong(|m| m.id = "a\nb".into()), ErrorReason::FieldInvalid, "id"),
        (wrong(|m| m.id = "i".repeat(1025)), ErrorReason::FieldTooLarge, "id"),
        (
            wrong(|m| m.attributes = [attribute("Up", Attr::CeBoolean(true))].into()),
            ErrorReason::FieldInvalid,
            "attributes.Up",
        ),
        (
            wrong(|m| m.attributes = [attribute("time", Attr::CeString("now".into()))].into()),
            ErrorReason::FieldInvalid,
            "attributes.time",
        ),
        (
            wrong(|m| {
                let many = (0..65).map(|n| attribute(&format!("a{n}"), Attr::CeInteger(n)));
                m.attributes = many.collect();
            }),
            ErrorReason::FieldTooLarge,
            "attributes",
        ),
        (
            CloudEvent { data: Some(large), ..message("large") },
            ErrorReason::CommandTooLarge,
            "request",
        ),
    ];
    let sent =
        rows.iter().enumerate().flat_map(|(n, row)| [message(&format!("{n}")), row.0.clone()]);

    let response = publish(&app, sent.collect()).await;

    assert_eq!(response.results.len(), 2 * rows.len());
    for (pair, (_, reason, field)) in response.results.chunks(2).zip(&rows) {
        let Some(Outcome::Message(accepted)) = &pair[0].outcome else { panic!("{pair:?}") };
        assert!(accepted.name.starts_with("projects/abc/messages/") && !accepted.duplicate);
        let Some(Outcome::Refusal(refusal)) = &pair[1].outcome else { panic!("{pair:?}") };
        let seen = (refusal.code, refusal.reason(), refusal.field.as_str());
        assert_eq!(seen, (3, *reason, *field), "{}", refusal.message);
        assert!(!refusal.message.is_empty());
    }
    let events = app.follow().await.events(1 + rows.len()).await;
    let ids: Vec<_> = events[1..].iter().map(|e| e.payload.clone().unwrap().id).collect();
    assert_eq!(ids, (0..rows.len()).map(|n| n.to_string()).collect::<Vec<_>>());
    app.issue("abc", "next").await;
    let next = app.follow_from(Start::After(response.cursor)).await.event().await;
    assert_eq!(next.r#type, "issue.created", "the cursor is after the last message");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_sent_again_is_answered_with_its_first_name() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.project("other").await;
    let elsewhere = CloudEvent { source: "/doors".into(), ..message("1") };
    let changed = CloudEvent { r#type: "light.on".into(), ..message("1") };

    let first = taken(&publish(&app, vec![message("1"), changed, elsewhere]).await);
    let again = publish(&app, vec![message("2"), message("1")]).await;
    let parent = "projects/other".into();
    let other = PublishEventsRequest { parent, events: vec![message("1")], validate_only: false };
    let other = taken(&app.events().publish_events(other).await.unwrap().into_inner());

    let duplicates: Vec<_> = first.iter().map(|message| message.duplicate).collect();
    assert_eq!(duplicates, [false, true, false]);
    assert_eq!(first[0].name, first[1].name);
    assert_ne!(first[0].name, first[2].name);
    let again = taken(&again);
    assert_eq!((again[0].duplicate, again[1].duplicate), (false, true));
    assert_eq!(again[1].name, first[0].name);
    assert!(!other[0].duplicate, "identities are of a project");
    assert_eq!(app.head().await, 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn validating_messages_writes_nothing() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let known = taken(&publish(&app, vec![message("1")]).await).remove(0);
    let request = PublishEventsRequest {
        parent: "projects/abc".into(),
        events: vec![message("1"), message("2"), CloudEvent::default()],
        validate_only: true,
    };

    let answer = app.events().publish_events(request).await.unwrap().into_inner();

    assert_eq!(app.head().await, 2);
    let outcomes: Vec<_> = answer.results.into_iter().map(|one| one.outcome.unwrap()).collect();
    let [Outcome::Message(one), Outcome::Message(two), Outcome::Refusal(three)] = &outcomes[..]
    else {
        panic!("{outcomes:?}");
    };
    assert_eq!((&one.name, one.duplicate), (&known.name, true));
    assert_eq!((two.name.as_str(), two.duplicate), ("", false));
    assert_eq!(three.reason(), ErrorReason::FieldRequired);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_messages_go_in_one_call_in_order() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let ids: Vec<String> = (0..1000).map(|n| n.to_string()).collect();

    let first = taken(&publish(&app, ids.iter().map(|id| message(id)).collect()).await);
    let again = taken(&publish(&app, ids.iter().map(|id| message(id)).collect()).await);

    assert!(first.iter().all(|one| !one.duplicate) && again.iter().all(|one| one.duplicate));
    assert!(first.iter().zip(&again).all(|(first, again)| first.name == again.name));
    app.project("x").await;
    let page = list(&app, ListEventsRequest { page_size: 5000, ..Default::default() }).await;
    assert_eq!(seqs(&page.events), (1..=1000).collect::<Vec<_>>());
    let logged = page.events[1..].iter().map(|event| event.payload.clone().unwrap().id);
    assert!(logged.eq(ids.into_iter().take(999)));
    let page_token = page.next_page_token;
    let rest = list(&app, ListEventsRequest { page_token, ..Default::default() }).await;
    assert_eq!(seqs(&rest.events), [1001, 1002]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payload_is_the_message_as_it_was_sent() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let json = r#"{ "big": 9007199254740993, "bigger": 18446744073709551616123,  "a":1, "a":2 }"#;
    let any = prost_types::Any { type_url: "x.y/z".into(), value: vec![0, 255, 7] };
    let time = prost_types::Timestamp { seconds: -1, nanos: 999_999_999 };
    let attributes = [
        attribute("time", Attr::CeTimestamp(time)),
        attribute("subject", Attr::CeString("lamp 7 💡".into())),
        attribute("datacontenttype", Attr::CeString("application/json".into())),
        attribute("dataschema", Attr::CeUri("https://example.org/s".into())),
        attribute("flag", Attr::CeBoolean(false)),
        attribute("count", Attr::CeInteger(i32::MIN)),
        attribute("raw", Attr::CeBytes(vec![0, 159, 255])),
        attribute("ref", Attr::CeUriRef("../x?y#z".into())),
    ];
    let sent = vec![
        CloudEvent {
            attributes: attributes.into(),
            data: Some(Data::TextData(json.into())),
            ..message("1")
        },
        CloudEvent { data: Some(Data::BinaryData(vec![0, 159, 255, 10].into())), ..message("2") },
        CloudEvent { data: Some(Data::ProtoData(any)), ..message("3") },
        CloudEvent { data: Some(Data::TextData(String::new())), ..message("4") },
        message("5"),
    ];

    let names = taken(&publish(&app, sent.clone()).await);
    let events = app.follow().await.events(6).await;

    for ((event, sent), name) in events[1..].iter().zip(&sent).zip(&names) {
        assert_eq!(event.payload.as_ref(), Some(sent));
        assert_eq!(event.payload.as_ref().unwrap().encode_to_vec(), sent.encode_to_vec());
        let data = &event.data.as_ref().unwrap().fields;
        assert_eq!(data["message"], prost_types::Value::from(name.name.clone()));
        assert_eq!(data["source"], prost_types::Value::from("/lights".to_owned()));
        assert_eq!((event.subject.as_str(), event.root.as_str()), ("projects/abc", "projects/abc"));
        assert_eq!((event.version, event.class()), (0, EventClass::Service));
    }
    assert_eq!(events[1].event_time, Some(time));
    assert_eq!(events[2].event_time, events[2].record_time);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_published_to_a_project_that_went() {
    let app = varied().await;
    let delete = potts::proto::DeleteProjectRequest {
        name: "projects/abc".into(),
        force: true,
        ..Default::default()
    };
    app.projects().delete_project(delete).await.unwrap();
    let parent = "projects/abc".into();
    let request = PublishEventsRequest { parent, events: vec![message("9")], validate_only: false };

    let refused = told(app.events().publish_events(request).await);

    assert_eq!(refused.why(), (Code::NotFound, "RESOURCE_NOT_FOUND"));
}
