//! Two servers on one database: whoever is called, it is one service.

use std::net::SocketAddr;
use std::time::Duration;

use potts::proto::event_service_client::EventServiceClient;
use potts::proto::project_service_client::ProjectServiceClient;
use potts::proto::{
    CreateProjectRequest, Project, PublishEventsRequest, SubscribeRequest, cloudevents,
    publish_result, subscribe_request, subscribe_response::Message,
};
use potts::server::Server;
use tokio::time::Instant;
use tonic::service::interceptor::InterceptedService;
use tonic::{Code, Status};

use crate::fault_calls::{create, creating, issue, issues_titled, log, reason};
use crate::support::app::{Bearer, Door, Follower, TOKEN, TestApp, channel, config};
use crate::support::{TestDatabase, eventually};

const WITHIN: Duration = Duration::from_secs(20);

/// A door of a server.
pub async fn door(addr: SocketAddr) -> Door {
    InterceptedService::new(channel(addr).await, Bearer::of(TOKEN))
}

/// Another server on the database of `app`, and a door of it.
pub async fn beside(app: &TestApp) -> (Server, Door) {
    let data = tempfile::tempdir().unwrap();
    let server = Server::start(config(&app.database, data.path(), &[])).await.unwrap();
    let door = door(server.grpc_addr).await;
    (server, door)
}

/// Creates a project through a door.
pub async fn project(door: &Door, id: &str) {
    creating_project(door, id).await.unwrap();
}

async fn creating_project(door: &Door, id: &str) -> Result<Project, Status> {
    let request = CreateProjectRequest {
        project_id: id.into(),
        project: Some(Project::default()),
        ..Default::default()
    };
    let created = ProjectServiceClient::new(door.clone()).create_project(request).await?;
    Ok(created.into_inner().project.unwrap())
}

/// Follows the log from its beginning, through a door.
pub async fn follow(door: &Door) -> Follower {
    let start = Some(subscribe_request::Start::FromBeginning(true));
    let request = SubscribeRequest { start, ..Default::default() };
    let stream = EventServiceClient::new(door.clone()).subscribe(request).await.unwrap();
    Follower::new(stream.into_inner())
}

/// The bytes of the next so many events.
async fn bytes(follower: &mut Follower, count: usize) -> Vec<Vec<u8>> {
    let mut events = Vec::new();
    while events.len() < count {
        if let Message::Batch(batch) = follower.message().await.unwrap() {
            events.extend(batch.events.iter().map(|bytes| bytes.to_vec()));
        }
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn both_tell_the_same_bytes_in_the_same_order() {
    let app = TestApp::start().await;
    let (_other, other) = beside(&app).await;
    let (mut here, mut there) = (follow(&app.door).await, follow(&other).await);
    app.project("abc").await;
    let calls: Vec<_> = (0..60)
        .map(|n| {
            let door = if n % 2 == 0 { &app.door } else { &other };
            creating(door, &issue("abc", &n.to_string()), WITHIN)
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }

    let told_here = bytes(&mut here, 61).await;
    let told_there = bytes(&mut there, 61).await;

    assert_eq!(told_here, told_there);
    assert_eq!(log(&app.database).await.len(), 61);
}

/// Goal: what one commits the other tells soon, and soon enough when no hint reaches it.
#[tokio::test(flavor = "multi_thread")]
async fn what_one_commits_the_other_tells() {
    let app = TestApp::start().await;
    let (_other, other) = beside(&app).await;
    app.project("abc").await;
    let mut there = follow(&other).await;
    there.event().await;
    let end_listeners = "select pg_terminate_backend(pid) from pg_stat_activity
                         where application_name = 'potts hint' and datname = current_database()";

    for round in 0..3 {
        let began = Instant::now();
        app.issue("abc", "told").await;
        there.event().await;
        let took = began.elapsed();
        // Twice the poll, and some for a machine that is busy.
        assert!(took < Duration::from_secs(2), "round {round}: {took:?}");
        app.database.sql().await.batch_execute(end_listeners).await.unwrap();
    }

    let listens = "select count(*) from pg_stat_activity where application_name = 'potts hint'
                   and datname = current_database() and query like 'listen%'";
    let look = app.database.sql().await;
    let count = async || look.query_one(listens, &[]).await.unwrap().get::<_, i64>(0);
    eventually(WITHIN, count, |listening| *listening == 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_created_by_one_of_two() {
    let app = TestApp::start().await;
    let (_other, other) = beside(&app).await;

    for round in 0..10 {
        let id = format!("p{round}");
        let (here, there) =
            tokio::join!(creating_project(&app.door, &id), creating_project(&other, &id));
        let lost = match (&here, &there) {
            (Ok(_), Err(lost)) | (Err(lost), Ok(_)) => lost,
            both => panic!("{both:?}"),
        };
        assert_eq!((lost.code(), reason(lost).as_str()), (Code::AlreadyExists, "RESOURCE_EXISTS"));
    }

    assert_eq!(log(&app.database).await.len(), 10);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_id_on_both_has_one_effect() {
    let app = TestApp::start().await;
    let (_other, other) = beside(&app).await;
    app.project("abc").await;

    for round in 0..10 {
        let title = format!("once {round}");
        let request = issue("abc", &title);
        let calls: Vec<_> = (0..6)
            .map(|n| creating(if n % 2 == 0 { &app.door } else { &other }, &request, WITHIN))
            .collect();
        let mut names = std::collections::BTreeSet::new();
        for call in calls {
            let created = call.await.unwrap().unwrap();
            assert!(created.changed);
            names.insert((created.issue.unwrap().name, created.cursor));
        }
        assert_eq!(names.len(), 1, "{names:?}");
        assert_eq!(issues_titled(&app.database, &title).await, 1);
    }

    assert_eq!(log(&app.database).await.len(), 11);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_message_on_both_is_new_once() {
    let app = TestApp::start().await;
    let (_other, other) = beside(&app).await;
    app.project("abc").await;

    for round in 0..10 {
        let message = cloudevents::CloudEvent {
            id: format!("message-{round}"),
            source: "/tests".into(),
            spec_version: "1.0".into(),
            r#type: "test".into(),
            ..Default::default()
        };
        let publish = async |door: &Door| {
            let request = PublishEventsRequest {
                parent: "projects/abc".into(),
                events: vec![message.clone()],
                ..Default::default()
            };
            let published = EventServiceClient::new(door.clone()).publish_events(request).await;
            match published.unwrap().into_inner().results.remove(0).outcome.unwrap() {
                publish_result::Outcome::Message(message) => message,
                publish_result::Outcome::Refusal(refusal) => panic!("{refusal:?}"),
            }
        };
        let (here, there) = tokio::join!(publish(&app.door), publish(&other));
        assert_eq!(here.name, there.name);
        assert_ne!(here.duplicate, there.duplicate);
    }

    assert_eq!(log(&app.database).await.len(), 11);
}

/// Goal: replicas may be started together on a database that is new.
#[tokio::test(flavor = "multi_thread")]
async fn servers_start_together_on_an_empty_database() {
    for _ in 0..3 {
        let database = TestDatabase::empty().await;
        let data = tempfile::tempdir().unwrap();
        let start = || Server::start(config(&database, data.path(), &[]));
        let (one, two, three) = tokio::join!(start(), start(), start());
        let servers = [one.unwrap(), two.unwrap(), three.unwrap()];
        let doors = [door(servers[0].grpc_addr).await, door(servers[2].grpc_addr).await];

        project(&doors[0], "abc").await;
        create(&doors[1], &issue("abc", "there"), WITHIN).await.unwrap();

        assert_eq!(log(&database).await.len(), 2);
    }
}
