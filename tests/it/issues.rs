//! Issues through the contract: what changes, what is told, what is refused.

use potts::proto::{
    CloseIssueRequest, ReopenIssueRequest, TransitionIssueRequest, transition_issue_request,
};

use crate::support::TestApp;

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
