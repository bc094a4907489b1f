//! Nobody sees what is not theirs: hidden equals absent, wherever one may ask.

mod calls;
mod people;
mod statements;

use potts::domain::audience::Audience;
use potts::proto::event_service_client::EventServiceClient;
use potts::proto::issue_service_client::IssueServiceClient;
use potts::proto::subscribe_request::Start;
use potts::proto::workflow_service_client::WorkflowServiceClient;
use potts::proto::{
    CreateIssueRequest, CreateIssueTypeRequest, CreateWorkflowRequest, Event, EventFilter,
    GetEventRequest, GetIssueRequest, Issue, IssueKind, IssueType, ListEventsRequest,
    ListIssuesRequest, PublishEventsRequest, StatusCategory, SubscribeRequest, Transition,
    TransitionIssueRequest, UpdateIssueRequest, Workflow, cloudevents, transition_issue_request,
};
use tonic::Code;

use crate::support::app::{Clients, Door, Follower};
use crate::support::{TestApp, TestDatabase, told};
use calls::{but_for, told_of, told_of_far_end};
use people::{append, change, group, member, person};

/// `projects/abc` with an issue for `groups/dev` alone and one for everybody; `projects/def`.
async fn abc(set: &[(&str, &str)]) -> TestApp {
    let app = TestApp::on(TestDatabase::new().await, set).await;
    for project in ["abc", "def"] {
        app.project(project).await;
        app.issue(project, "Secret").await;
        app.issue(project, "Public").await;
    }
    group(&app, "dev", &["actors/dan"]).await;
    hide(&app, "abc", "'{groups/dev}'").await;
    app
}

/// Sets who may see the first issue of a project.
async fn hide(app: &TestApp, project: &str, visible_to: &str) {
    let sql = format!(
        "update issues set visible_to = {visible_to} where project = '{project}' and number = 1"
    );
    app.database.sql().await.batch_execute(&sql).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hidden_issue_is_answered_as_an_absent_one() {
    let app = abc(&[]).await;
    // Of every role that does not see everything, and of nobody.
    for role in [None, Some("VIEWER"), Some("REPORTER"), Some("WORKER"), Some("MANAGER")] {
        let id = role.map_or("stranger".into(), str::to_lowercase);
        let door = person(&app, &id, role).await;

        let hidden = told_of(&door, "projects/abc/issues/1").await;
        let absent = told_of(&door, "projects/abc/issues/9").await;

        assert_eq!(hidden, absent, "{role:?}");
        assert!(hidden.iter().all(|(_, (code, ..))| *code == Code::NotFound), "{hidden:?}");
        let hidden = told_of_far_end(&door, "projects/abc/issues/1").await;
        assert_eq!(hidden, told_of_far_end(&door, "projects/abc/issues/9").await, "{role:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_that_one_may_not_read_is_answered_as_an_absent_one() {
    let app = abc(&[]).await;
    let door = person(&app, "ann", Some("ADMIN")).await;
    let of_project = async |name: &str| {
        let parent = || name.to_owned();
        let mut issues = IssueServiceClient::new(door.clone());
        let mut events = EventServiceClient::new(door.clone());
        let issue = Some(Issue { title: "x".into(), ..Default::default() });
        let create = CreateIssueRequest { parent: parent(), issue, ..Default::default() };
        let list = ListIssuesRequest { parent: parent(), ..Default::default() };
        let message = cloudevents::CloudEvent {
            id: "1".into(),
            source: "/x".into(),
            spec_version: "1.0".into(),
            r#type: "x".into(),
            ..Default::default()
        };
        let publish =
            PublishEventsRequest { parent: parent(), events: vec![message], ..Default::default() };
        [
            but_for(name, issues.create_issue(create).await),
            but_for(name, issues.list_issues(list).await),
            but_for(name, events.publish_events(publish).await),
        ]
    };

    assert_eq!(
        told_of(&door, "projects/def/issues/1").await,
        told_of(&door, "projects/dex/issues/1").await
    );
    let told = of_project("projects/def").await;
    assert_eq!(told, of_project("projects/dex").await);
    assert!(told.iter().all(|(code, ..)| *code == Code::NotFound), "{told:?}");
}

/// Whether somebody is shown the hidden issue: by itself, in the list, in the log.
async fn is_shown(door: &Door) -> [bool; 4] {
    let mut issues = IssueServiceClient::new(door.clone());
    let name = "projects/abc/issues/1";
    let get = issues.get_issue(GetIssueRequest { name: name.into() }).await.is_ok();
    let list = ListIssuesRequest { parent: "projects/abc".into(), ..Default::default() };
    let list = issues.list_issues(list).await.unwrap().into_inner().issues;
    let logged = logged(door).await.iter().any(|event| event.root == name);
    let followed = followed(door).await.iter().any(|event| event.root == name);
    [get, list.iter().any(|issue| issue.name == name), logged, followed]
}

/// All events of the log, listed a page of two at a time, newest first.
async fn logged(door: &Door) -> Vec<Event> {
    let mut client = EventServiceClient::new(door.clone());
    let mut events = Vec::new();
    let mut page_token = String::new();
    loop {
        let request = ListEventsRequest {
            page_size: 2,
            newest_first: true,
            page_token,
            ..Default::default()
        };
        let page = client.list_events(request).await.unwrap().into_inner();
        events.extend(page.events);
        page_token = page.next_page_token;
        if page_token.is_empty() {
            return events;
        }
    }
}

/// All events of the log, by a subscription that ends.
async fn followed(door: &Door) -> Vec<Event> {
    let request = SubscribeRequest {
        start: Some(Start::FromBeginning(true)),
        stop_when_caught_up: true,
        ..Default::default()
    };
    let mut client = EventServiceClient::new(door.clone());
    let mut stream = client.subscribe(request).await.unwrap().into_inner();
    let mut events = Vec::new();
    while let Some(message) = stream.message().await.unwrap() {
        use potts::proto::subscribe_response::Message;
        if let Some(Message::Batch(batch)) = message.message {
            events.extend(batch.decoded().unwrap());
        }
    }
    events
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_is_shown_to_those_of_its_list_to_assignees_and_to_administrators() {
    let app = abc(&[]).await;
    group(&app, "inner", &["actors/ivy"]).await;
    let nested = "insert into group_members values ('groups/dev', 'groups/inner')";
    app.database.sql().await.batch_execute(nested).await.unwrap();
    member(&app, "groups/dev", "VIEWER").await;
    // What is said of the issue from here on is told to those who may see it.
    let assign =
        "update issues set assignees = '{actors/amy}' where project = 'abc' and number = 1";
    app.database.sql().await.batch_execute(assign).await.unwrap();
    let edited = UpdateIssueRequest {
        issue: Some(Issue { name: "ABC-1".into(), priority: 1, ..Default::default() }),
        ..Default::default()
    };
    app.issues().update_issue(edited).await.unwrap();
    // Before there was a list everybody could see what happened.
    let created = "update log_state set oldest_seq = 7";
    app.database.sql().await.batch_execute(created).await.unwrap();

    for (id, role, expected) in [
        ("dan", None, true),
        ("ivy", None, true),
        ("amy", Some("VIEWER"), true),
        ("eve", Some("ADMIN"), true),
        ("mia", Some("MANAGER"), false),
        ("vic", Some("VIEWER"), false),
    ] {
        let door = person(&app, id, role).await;
        assert_eq!(is_shown(&door).await, [expected; 4], "{id}");
    }
    assert_eq!(is_shown(&app.door).await, [true; 4]);
}

fn told_seqs(events: &[Event]) -> Vec<(i64, bool)> {
    events.iter().map(|event| (event.seq, event.hidden)).collect()
}

/// A type of issues whose status `sealed` is for `groups/dev` alone.
async fn sealable(app: &TestApp) {
    let mut client = WorkflowServiceClient::new(app.door.clone());
    let status = |id: &str, category: StatusCategory, visible_to: &[&str]| potts::proto::Status {
        id: id.into(),
        category: category.into(),
        visible_to: visible_to.iter().map(|name| (*name).to_owned()).collect(),
        ..Default::default()
    };
    let transition = |from: &str, to: &str| Transition {
        id: format!("{from}_{to}"),
        from: vec![from.into()],
        to: to.into(),
        ..Default::default()
    };
    let workflow = Workflow {
        initial_status: "open".into(),
        statuses: vec![
            status("open", StatusCategory::Todo, &[]),
            status("sealed", StatusCategory::InProgress, &["groups/dev"]),
            status("done", StatusCategory::Done, &[]),
        ],
        transitions: vec![transition("open", "sealed"), transition("sealed", "done")],
        ..Default::default()
    };
    let create = CreateWorkflowRequest {
        parent: "projects/abc".into(),
        workflow_id: "sealable".into(),
        workflow: Some(workflow),
        ..Default::default()
    };
    client.create_workflow(create).await.unwrap();
    let issue_type = IssueType {
        kind: IssueKind::Bug.into(),
        workflow: "sealable".into(),
        ..Default::default()
    };
    let create = CreateIssueTypeRequest {
        parent: "projects/abc".into(),
        issue_type_id: "sealable".into(),
        issue_type: Some(issue_type),
        ..Default::default()
    };
    client.create_issue_type(create).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_for_some_alone_takes_the_issue_out_of_sight_and_back() {
    let app = abc(&[]).await;
    sealable(&app).await;
    let door = person(&app, "ann", Some("VIEWER")).await;
    let create = CreateIssueRequest {
        parent: "projects/abc".into(),
        issue: Some(Issue {
            title: "Found".into(),
            issue_type: "sealable".into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let name = app.issues().create_issue(create).await.unwrap().into_inner().issue.unwrap().name;
    let start = SubscribeRequest { start: Some(Start::FromNow(true)), ..Default::default() };
    let mut client = EventServiceClient::new(door.clone());
    let mut live = Follower::new(client.subscribe(start).await.unwrap().into_inner());
    let to = async |status: &str| {
        let to = Some(transition_issue_request::Move::To(status.into()));
        let request =
            TransitionIssueRequest { name: name.clone(), r#move: to, ..Default::default() };
        app.issues().transition_issue(request).await.unwrap();
    };
    let shown = async || {
        let get = GetIssueRequest { name: name.clone() };
        IssueServiceClient::new(door.clone()).get_issue(get).await.is_ok()
    };

    assert!(shown().await);
    to("sealed").await;
    let sealed = shown().await;
    let edit = UpdateIssueRequest {
        issue: Some(Issue { name: name.clone(), priority: 1, ..Default::default() }),
        ..Default::default()
    };
    app.issues().update_issue(edit).await.unwrap();
    to("done").await;

    assert!(!sealed && shown().await);
    let seen = live.events(3).await;
    let told: Vec<_> = seen.iter().map(|event| (event.r#type.as_str(), event.hidden)).collect();
    let done = [("issue.transitioned", false), ("issue.closed", false)];
    assert_eq!(told, [("issue.transitioned", true), done[0], done[1]]);
    assert_eq!(seen[0].subject, name);
    assert!(seen[0].before.is_some() && seen[0].after.is_none() && seen[0].data.is_none());
    assert_eq!(seen[1].seq, seen[0].seq + 2, "what happened out of sight is not told");
}

/// Goal: the move that takes an issue out of sight is told as such, what follows is not told, live
/// and from the log alike.
#[tokio::test(flavor = "multi_thread")]
async fn what_goes_out_of_sight_is_told_once_and_without_what_it_became() {
    let app = abc(&[]).await;
    let door = person(&app, "ann", Some("VIEWER")).await;
    for _ in 0..6 {
        app.issue("def", "The light is off").await;
    }
    let start = SubscribeRequest { start: Some(Start::FromNow(true)), ..Default::default() };
    let mut client = EventServiceClient::new(door.clone());
    let mut live = Follower::new(client.subscribe(start).await.unwrap().into_inner());
    let list = |group: &str| Some(vec![group.to_owned()]);
    let issue = "projects/abc/issues/1";

    let gone = Audience::of(None, list("groups/dev"));
    append(&app, "projects/abc", issue, "issue.transitioned", gone).await;
    let away = Audience::of(list("groups/dev"), list("groups/dev"));
    append(&app, "projects/abc", issue, "issue.updated", away).await;
    let back = Audience::of(list("groups/dev"), None);
    append(&app, "projects/abc", issue, "issue.transitioned", back).await;
    app.issue("abc", "The door is open").await;

    let seen = live.events(3).await;
    assert_eq!(told_seqs(&seen), [(13, true), (15, false), (16, false)]);
    assert!(seen[0].after.is_none() && seen[0].data.is_none() && seen[0].before.is_some());
    assert!(seen[1].after.is_some() && seen[1].data.is_some());
    let mut listed = logged(&door).await;
    listed.reverse();
    assert_eq!(listed, followed(&door).await);
    assert_eq!(listed[listed.len() - 3..], seen);
    assert!(!listed.iter().any(|event| event.project == "projects/def"));
    // From the log of a server that remembers nothing.
    let restarted = TestApp::on(app.stop().await, &[]).await;
    let Clients(door) = Clients::of(&restarted.channel, &format!("potts_{:x<43}", "ann"));
    assert_eq!(followed(&door).await, listed);
    let mut client = EventServiceClient::new(door);
    let mut get = async |seq: i64| {
        let name = format!("events/{seq}");
        let answer = client.get_event(GetEventRequest { name: name.clone() }).await;
        answer
            .map(|event| event.into_inner().event.unwrap())
            .map_err(|status| but_for::<()>(&name, Err(status)))
    };
    assert_eq!(get(13).await.unwrap(), seen[0]);
    assert_eq!(get(15).await.unwrap(), seen[1]);
    let hidden = get(14).await.unwrap_err();
    assert_eq!(hidden, get(88).await.unwrap_err());
    assert_eq!(hidden, get(12).await.unwrap_err(), "of a project that is not theirs");
    assert_eq!(hidden.0, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_on_what_one_may_not_see_takes_nothing() {
    let app = abc(&[]).await;
    let door = person(&app, "ann", Some("VIEWER")).await;
    let mut client = EventServiceClient::new(door);

    for project in ["projects/def", "projects/dex"] {
        let filter = EventFilter { projects: vec![project.into()], ..Default::default() };
        let request = ListEventsRequest { filter: Some(filter), ..Default::default() };
        let page = client.list_events(request).await.unwrap().into_inner();
        assert_eq!((page.events.len(), page.next_page_token.as_str()), (0, ""), "{project}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stream_of_who_is_disabled_ends_at_once() {
    let app = abc(&[]).await;
    let door = person(&app, "ann", Some("VIEWER")).await;
    let start = SubscribeRequest { start: Some(Start::FromNow(true)), ..Default::default() };
    let mut client = EventServiceClient::new(door);
    let mut idle = Follower::new(client.subscribe(start.clone()).await.unwrap().into_inner());

    let disable = "update actors set state = 'DISABLED' where name = 'actors/ann'";
    change(&app, disable, "actor.disabled").await;
    let ended = loop {
        if let Err(status) = idle.message().await {
            break told(Err::<(), _>(status));
        }
    };

    assert_eq!(ended.why(), (Code::PermissionDenied, "ACCESS_REVOKED"));
    assert_eq!(ended.blamed(), "actors/ann");
    let again = told(client.subscribe(start).await);
    assert_eq!(again.why(), (Code::Unauthenticated, "CREDENTIAL_INVALID"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_loses_a_project_is_told_nothing_more_of_it() {
    let app = abc(&[]).await;
    let door = person(&app, "ann", Some("VIEWER")).await;
    let start = SubscribeRequest { start: Some(Start::FromNow(true)), ..Default::default() };
    let mut client = EventServiceClient::new(door);
    let mut live = Follower::new(client.subscribe(start).await.unwrap().into_inner());
    app.issue("abc", "Seen").await;
    assert_eq!(live.event().await.seq, 7);

    // What happens to people is for everybody who is let in, so each of these shows that what lies
    // before it has passed.
    change(&app, "delete from members where id = 'ann'", "member.deleted").await;
    assert_eq!(live.event().await.r#type, "member.deleted");
    app.issue("abc", "Not seen").await;
    change(&app, "update actors set display_name = 'Ann'", "actor.updated").await;
    assert_eq!(live.event().await.r#type, "actor.updated");
    change(&app, "update actors set admin = true where name = 'actors/ann'", "actor.updated").await;
    assert_eq!(live.event().await.r#type, "actor.updated");
    let again = app.issue("abc", "Seen again").await;

    let seen = live.event().await;
    assert_eq!((seen.r#type.as_str(), &seen.subject), ("issue.created", &again.name));
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_published_by_workers() {
    let app = abc(&[]).await;
    let door = person(&app, "ann", Some("REPORTER")).await;
    let message = cloudevents::CloudEvent {
        id: "1".into(),
        source: "/x".into(),
        spec_version: "1.0".into(),
        r#type: "x".into(),
        ..Default::default()
    };
    let publish = PublishEventsRequest {
        parent: "projects/abc".into(),
        events: vec![message],
        ..Default::default()
    };

    let refused = told(EventServiceClient::new(door).publish_events(publish.clone()).await);
    let worker = person(&app, "wim", Some("WORKER")).await;
    let published = EventServiceClient::new(worker).publish_events(publish).await;

    assert_eq!(refused.why(), (Code::PermissionDenied, "ROLE_REQUIRED"));
    assert_eq!(refused.metadata("required"), "WORKER");
    assert!(!published.unwrap().into_inner().cursor.is_empty());
}
