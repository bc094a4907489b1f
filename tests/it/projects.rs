//! Projects through the contract.

use potts::proto::{
    CreateProjectRequest, DeleteProjectRequest, GetIssueRequest, GetProjectRequest, Project,
    UpdateProjectRequest, subscribe_request::Start,
};
use prost_types::FieldMask;
use tonic::Code;

use crate::support::{TestApp, told};

fn create(id: &str, display_name: &str) -> CreateProjectRequest {
    let project = Project { display_name: display_name.into(), ..Default::default() };
    CreateProjectRequest { project_id: id.into(), project: Some(project), ..Default::default() }
}

fn rename(display_name: &str, paths: Option<&[&str]>) -> UpdateProjectRequest {
    let (name, display_name) = ("projects/abc".into(), display_name.into());
    let paths = paths.map(|paths| paths.iter().map(|&path| path.to_owned()).collect());
    UpdateProjectRequest {
        project: Some(Project { name, display_name, ..Default::default() }),
        update_mask: paths.map(|paths| FieldMask { paths }),
        ..Default::default()
    }
}

async fn get(app: &TestApp) -> Project {
    let get = GetProjectRequest { name: "projects/abc".into() };
    app.projects().get_project(get).await.unwrap().into_inner().project.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_project_is_read_as_it_was_created() {
    let app = TestApp::start().await;

    let created = app.projects().create_project(create("abc", "Große Lampen 💡")).await.unwrap();
    let created = created.into_inner();

    let project = created.project.unwrap();
    assert!(created.changed);
    assert_eq!(project.name, "projects/abc");
    assert_eq!(project.display_name, "Große Lampen 💡");
    assert_eq!(project.creator, "actors/root");
    assert_eq!(uuid::Uuid::parse_str(&project.uid).unwrap().get_version_num(), 7);
    assert!(!project.etag.is_empty() && project.create_time.is_some());
    assert_eq!(project.create_time, project.update_time);
    assert_eq!(get(&app).await, project);
    let unnamed = app.project("x2").await;
    assert_eq!(unnamed.display_name, "X2");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mask_says_what_changes_and_what_changes_nothing_is_not_told() {
    let app = TestApp::start().await;
    let mut follower = app.follow().await;
    app.projects().create_project(create("abc", "Lamps")).await.unwrap();
    let change = async |request| app.projects().update_project(request).await.unwrap().into_inner();

    let absent = change(rename("Lights", None)).await;
    let empty = change(rename("", None)).await;
    let others = change(rename("X", Some(&["uid", "creator"]))).await;
    let same = change(rename("Lights", Some(&["display_name"]))).await;
    let cleared = change(rename("", Some(&["*"]))).await;

    let changed = [&absent, &empty, &others, &same, &cleared].map(|answer| answer.changed);
    assert_eq!(changed, [true, false, false, false, true]);
    let after = app.follow_from(Start::After(same.cursor.clone())).await.types(1).await;
    assert_eq!(after, ["project.updated"]);
    let project = cleared.project.unwrap();
    assert_eq!(project.display_name, "ABC");
    assert_ne!(project.etag, absent.project.unwrap().etag);
    let events = follower.events(3).await;
    assert_eq!(events[2].r#type, "project.updated");
    let (before, after) = (events[2].before.clone().unwrap(), events[2].after.clone().unwrap());
    assert_eq!(before.fields["display_name"], prost_types::Value::from("Lights".to_owned()));
    assert_eq!(after.fields["display_name"], prost_types::Value::from("ABC".to_owned()));
    assert_eq!((events[2].version, app.head().await), (3, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_project_that_never_had_an_issue_goes_without_force() {
    let app = TestApp::start().await;
    for id in ["abc", "empty"] {
        app.project(id).await;
    }
    let issue = app.issue("abc", "The light is off").await;
    let delete = |id: &str, force| DeleteProjectRequest {
        name: format!("projects/{id}"),
        force,
        ..Default::default()
    };

    let refused = told(app.projects().delete_project(delete("abc", false)).await);
    let empty = app.projects().delete_project(delete("empty", false)).await.unwrap().into_inner();
    let forced = app.projects().delete_project(delete("abc", true)).await.unwrap().into_inner();

    assert_eq!(refused.why(), (Code::FailedPrecondition, "IN_USE"));
    assert!(empty.changed && forced.changed);
    assert_eq!(forced.project.unwrap().display_name, "ABC");
    let get = GetIssueRequest { name: issue.name };
    assert_eq!(told(app.issues().get_issue(get).await).code, Code::NotFound);
    let again = told(app.projects().create_project(create("abc", "")).await);
    assert_eq!(again.why(), (Code::AlreadyExists, "RESOURCE_EXISTS"));
    assert_eq!(app.head().await, 5, "its events stay in the log");
}

#[tokio::test(flavor = "multi_thread")]
async fn validating_a_project_answers_what_would_be_and_writes_nothing() {
    let app = TestApp::start().await;
    let validating = CreateProjectRequest { validate_only: true, ..create("abc", "Lamps") };
    let would_be = app.projects().create_project(validating).await.unwrap().into_inner();
    assert_eq!(app.head().await, 0);
    let is = app.projects().create_project(create("abc", "Lamps")).await.unwrap().into_inner();

    assert!(would_be.changed);
    let (would_be, is) = (would_be.project.unwrap(), is.project.unwrap());
    assert_eq!(
        would_be,
        Project {
            name: String::new(),
            uid: String::new(),
            etag: String::new(),
            create_time: None,
            update_time: None,
            ..is
        }
    );

    let update = UpdateProjectRequest { validate_only: true, ..rename("Lights", None) };
    let updated = app.projects().update_project(update).await.unwrap().into_inner();
    let name = "projects/abc".to_owned();
    let delete = DeleteProjectRequest { name, validate_only: true, ..Default::default() };
    let deleted = app.projects().delete_project(delete).await.unwrap().into_inner();

    assert!(updated.changed && deleted.changed);
    assert_eq!(updated.project.unwrap().display_name, "Lights");
    assert_eq!(get(&app).await.display_name, "Lamps");
    assert_eq!(app.head().await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_etag_lets_one_change_through() {
    let app = TestApp::start().await;
    let etag = app.project("abc").await.etag;
    let with_etag = |display_name: &str, etag: &str| {
        let mut request = rename(display_name, None);
        request.project.as_mut().unwrap().etag = etag.into();
        request
    };

    let first = app.projects().update_project(with_etag("A", &etag)).await.unwrap().into_inner();
    let second = told(app.projects().update_project(with_etag("B", &etag)).await);
    let etag = first.project.unwrap().etag;
    let third = app.projects().update_project(with_etag("C", &etag)).await.unwrap().into_inner();

    assert_eq!(second.why(), (Code::Aborted, "ETAG_MISMATCH"));
    assert_eq!(third.project.unwrap().display_name, "C");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_that_is_sent_again_happens_once_even_after_the_project_went() {
    let app = TestApp::start().await;
    let request =
        CreateProjectRequest { request_id: uuid::Uuid::now_v7().to_string(), ..create("abc", "") };

    let first = app.projects().create_project(request.clone()).await.unwrap();
    let again = app.projects().create_project(request.clone()).await.unwrap();
    let name = "projects/abc".to_owned();
    app.projects()
        .delete_project(DeleteProjectRequest { name, ..Default::default() })
        .await
        .unwrap();
    let late = app.projects().create_project(request).await.unwrap();

    assert!(first.metadata().get("potts-replayed").is_none());
    assert_eq!(again.metadata().get("potts-replayed").unwrap(), "1");
    assert_eq!(late.metadata().get("potts-replayed").unwrap(), "1");
    let (first, again, late) = (first.into_inner(), again.into_inner(), late.into_inner());
    assert_eq!(first, again);
    assert_eq!((late.changed, &late.cursor), (true, &first.cursor));
    assert_eq!(late.project.unwrap().name, "projects/abc");
    assert_eq!(app.head().await, 2);
}
