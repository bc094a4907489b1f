//! Lists page by page, and the cursor that joins a list to the events after it.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use potts::proto::subscribe_request::Start;
use potts::proto::{
    CreateIssueRequest, DeleteIssueRequest, EventFilter, Issue, ListEventsRequest,
    ListIssuesRequest, ListIssuesResponse, ListProjectsRequest, SubscribeRequest,
};
use tonic::Code;

use crate::support::app::Follower;
use crate::support::{TestApp, told};

fn list(page_size: i32, page_token: &str) -> ListIssuesRequest {
    ListIssuesRequest {
        parent: "projects/abc".into(),
        page_size,
        page_token: page_token.into(),
        ..Default::default()
    }
}

async fn page(app: &TestApp, request: ListIssuesRequest) -> ListIssuesResponse {
    app.issues().list_issues(request).await.unwrap().into_inner()
}

fn numbers(page: &ListIssuesResponse) -> Vec<i64> {
    let number = |issue: &Issue| issue.key.strip_prefix("ABC-").unwrap().parse().unwrap();
    page.issues.iter().map(number).collect()
}

/// A project with so many issues, copied in the database.
async fn with_issues(count: i64) -> TestApp {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.issue("abc", "The light is off").await;
    let copy = "insert into issues select (jsonb_populate_record(i, jsonb_build_object(
                    'number', n, 'uid', gen_random_uuid()))).*
                from issues i, generate_series(2, $1::bigint) n";
    app.database.sql().await.execute(copy, &[&count]).await.unwrap();
    app
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_hold_50_unless_asked_and_1000_at_most() {
    let app = with_issues(1001).await;

    let unasked = page(&app, list(0, "")).await;
    let one = page(&app, list(1, "")).await;
    let clamped = page(&app, list(5000, "")).await;
    let last = page(&app, list(5000, &clamped.next_page_token)).await;

    assert_eq!(numbers(&unasked), (1..=50).collect::<Vec<_>>());
    assert_eq!(numbers(&one), [1]);
    assert_eq!(numbers(&clamped), (1..=1000).collect::<Vec<_>>());
    assert_eq!((numbers(&last), last.next_page_token.as_str()), (vec![1001], ""));
    assert!(!clamped.cursor.is_empty() && last.cursor.is_empty(), "on the first page alone");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_ends_before_it_is_too_large_to_send() {
    let app = with_issues(21).await;
    let widen = "update issues set description = repeat('d', 250000)";
    app.database.sql().await.execute(widen, &[]).await.unwrap();

    let first = page(&app, list(1000, "")).await;
    let second = page(&app, list(1000, &first.next_page_token)).await;

    let listed = [numbers(&first), numbers(&second)];
    assert!(listed.iter().all(|page| page.len() < 16), "{listed:?}");
    assert_eq!(listed.concat(), (1..=21).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_stay_in_order_while_issues_come_and_go() {
    let app = with_issues(6).await;

    let first = page(&app, list(3, "")).await;
    for number in [2, 5] {
        let delete = DeleteIssueRequest { name: format!("ABC-{number}"), ..Default::default() };
        app.issues().delete_issue(delete).await.unwrap();
    }
    let insert = "insert into issues select (jsonb_populate_record(i, jsonb_build_object(
                      'number', 7, 'uid', gen_random_uuid()))).*
                  from issues i where number = 1";
    app.database.sql().await.execute(insert, &[]).await.unwrap();
    let second = page(&app, list(3, &first.next_page_token)).await;

    assert_eq!(numbers(&first), [1, 2, 3]);
    assert_eq!(numbers(&second), [4, 6, 7]);
    assert_eq!(second.next_page_token, "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_token_is_of_the_list_that_it_was_made_for() {
    let app = with_issues(3).await;
    app.project("abd").await;
    let token = page(&app, list(1, "")).await.next_page_token;

    let parent = ListIssuesRequest { parent: "projects/abd".into(), ..list(1, &token) };
    let deleted = ListIssuesRequest { show_deleted: true, ..list(1, &token) };
    let projects = ListProjectsRequest { page_token: token.clone(), ..Default::default() };
    let events = ListEventsRequest { page_token: token.clone(), ..Default::default() };
    let mut changed = token.clone().into_bytes();
    changed[30] ^= 1;
    let changed = list(1, &String::from_utf8(changed).unwrap());
    let refusals = [
        told(app.issues().list_issues(parent).await),
        told(app.issues().list_issues(deleted).await),
        told(app.issues().list_issues(changed).await),
        told(app.projects().list_projects(projects).await),
        told(app.events().list_events(events).await),
    ];

    for refusal in refusals {
        assert_eq!(refusal.why(), (Code::InvalidArgument, "PAGE_TOKEN_INVALID"));
        assert_eq!(refusal.blamed(), "page_token");
    }
    assert_eq!(
        numbers(&page(&app, list(2, &token)).await),
        [2, 3],
        "another size is the same list"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn deleted_issues_are_listed_when_asked_until_they_expire() {
    let app = with_issues(3).await;
    let delete = DeleteIssueRequest { name: "ABC-2".into(), ..Default::default() };
    app.issues().delete_issue(delete).await.unwrap();
    let all = ListIssuesRequest { show_deleted: true, ..list(0, "") };

    let (hidden, shown) = (page(&app, list(0, "")).await, page(&app, all.clone()).await);
    app.database.advance_clock(30 * 24 * 3600 - 60).await;
    let before = page(&app, all.clone()).await;
    app.database.advance_clock(30 * 24 * 3600 + 60).await;
    let after = page(&app, all).await;

    assert_eq!(numbers(&hidden), [1, 3]);
    assert_eq!(numbers(&shown), [1, 2, 3]);
    assert!(shown.issues[1].delete_time.is_some() && shown.issues[1].expire_time.is_some());
    assert_eq!(numbers(&before), [1, 2, 3]);
    assert_eq!(numbers(&after), [1, 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_are_listed_by_id_without_deleted_ones() {
    let app = TestApp::start().await;
    for id in ["d", "b", "a", "c"] {
        app.project(id).await;
    }
    let delete =
        potts::proto::DeleteProjectRequest { name: "projects/b".into(), ..Default::default() };
    app.projects().delete_project(delete).await.unwrap();
    let list = async |page_size, page_token| {
        let request = ListProjectsRequest { page_size, page_token, ..Default::default() };
        app.projects().list_projects(request).await.unwrap().into_inner()
    };

    let first = list(2, String::new()).await;
    let second = list(2, first.next_page_token.clone()).await;

    let names = |page: &potts::proto::ListProjectsResponse| {
        page.projects.iter().map(|project| project.name.clone()).collect::<Vec<_>>()
    };
    assert_eq!(names(&first), ["projects/a", "projects/c"]);
    assert_eq!(names(&second), ["projects/d"]);
    assert_eq!(second.next_page_token, "");
    assert!(!first.cursor.is_empty() && second.cursor.is_empty());
}

/// Goal: whoever lists and then subscribes after the list's cursor sees each issue exactly once,
/// however many are being created meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn list_then_subscribe_misses_nothing_and_repeats_nothing() {
    const WRITERS: usize = 8;
    const EACH: usize = 12;
    let app = TestApp::start().await;
    app.project("abc").await;
    let writer = async |_| {
        for _ in 0..EACH {
            app.issue("abc", "The light is off").await;
        }
    };
    let reader = async |_| loop {
        let listed = page(&app, list(1000, "")).await;
        if listed.issues.len() >= EACH {
            let filter = EventFilter { types: vec!["issue.created".into()], ..Default::default() };
            let request = SubscribeRequest {
                start: Some(Start::After(listed.cursor.clone())),
                filter: Some(filter),
                ..Default::default()
            };
            let stream = app.events().subscribe(request).await.unwrap().into_inner();
            let left = WRITERS * EACH - listed.issues.len();
            let events = Follower::new(stream).events(left).await;
            let names = listed.issues.into_iter().map(|issue| issue.name);
            break names.chain(events.into_iter().map(|event| event.subject)).collect::<Vec<_>>();
        }
    };

    let (_, seen) = tokio::join!(join_all((0..WRITERS).map(writer)), join_all((0..4).map(reader)));

    for names in seen {
        let distinct: BTreeSet<_> = names.iter().collect();
        assert_eq!((names.len(), distinct.len()), (WRITERS * EACH, WRITERS * EACH));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_are_dense_under_concurrent_creates() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let create = async |_| {
        let request = CreateIssueRequest {
            parent: "projects/abc".into(),
            issue: Some(Issue { title: "t".into(), ..Default::default() }),
            ..Default::default()
        };
        app.issues().create_issue(request).await.unwrap();
    };

    join_all((0..64).map(create)).await;

    let all = page(&app, list(1000, "")).await;
    assert_eq!(numbers(&all), (1..=64).collect::<Vec<_>>());
    assert_eq!(app.head().await, 65);
}
