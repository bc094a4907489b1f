//! Calls that are sent again: each happens once.

use futures_util::future::join_all;
use potts::proto::{CloseIssueRequest, CreateIssueRequest, Issue, ReopenIssueRequest};
use tonic::Code;

use crate::issues::{create, full, get, with_project};
use crate::support::told;

/// Goal: a retry after a lost answer gets the first names, `changed` and cursor, and the issue as
/// it is by now.
#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_is_sent_again_happens_once() {
    let app = with_project().await;
    let request_id = uuid::Uuid::now_v7().to_string();
    let request = CreateIssueRequest { request_id: request_id.clone(), ..create(full()) };

    let first = app.issues().create_issue(request.clone()).await.unwrap();
    let close = CloseIssueRequest { name: "ABC-1".into(), ..Default::default() };
    let closed = app.issues().close_issue(close).await.unwrap().into_inner().issue;
    let again = app.issues().create_issue(request).await.unwrap();
    let other = CreateIssueRequest { request_id, ..create(Issue { title: "x".into(), ..full() }) };
    let reused = told(app.issues().create_issue(other).await);

    assert!(first.metadata().get("potts-replayed").is_none());
    assert_eq!(again.metadata().get("potts-replayed").unwrap(), "1");
    let (first, again) = (first.into_inner(), again.into_inner());
    assert_eq!((again.changed, again.cursor), (true, first.cursor));
    assert_eq!(again.issue, closed);
    assert_eq!(reused.why(), (Code::InvalidArgument, "REQUEST_ID_REUSED"));
    assert_eq!(app.head().await, 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_changed_nothing_is_remembered_too() {
    let app = with_project().await;
    app.issue("abc", "The light is off").await;
    let request_id = uuid::Uuid::now_v7().to_string();
    let reopen = ReopenIssueRequest { name: "ABC-1".into(), request_id, ..Default::default() };

    let first = app.issues().reopen_issue(reopen.clone()).await.unwrap().into_inner();
    let close = CloseIssueRequest { name: "ABC-1".into(), ..Default::default() };
    app.issues().close_issue(close).await.unwrap();
    let again = app.issues().reopen_issue(reopen).await.unwrap().into_inner();

    assert_eq!((first.changed, again.changed, first.cursor), (false, false, again.cursor));
    assert_eq!(get(&app, "ABC-1").await.status, "closed", "a late retry does not act after all");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_50_equal_calls_at_once_one_happens() {
    let app = with_project().await;
    let request_id = uuid::Uuid::now_v7().to_string();
    let request = CreateIssueRequest { request_id, ..create(full()) };
    let send = async |_| app.issues().create_issue(request.clone()).await.unwrap().into_inner();

    let answers = join_all((0..50).map(send)).await;

    assert!(answers.iter().all(|answer| answer == &answers[0]));
    assert_eq!(answers[0].issue.as_ref().unwrap().key, "ABC-1");
    assert_eq!(app.head().await, 2);
}
