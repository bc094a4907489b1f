//! Comments and references through the contract.

use potts::proto::reference::Target;
use potts::proto::{
    Comment, CreateCommentRequest, CreateReferenceRequest, DeleteCommentRequest,
    DeleteReferenceRequest, GetCommentRequest, GetIssueRequest, ListCommentsRequest,
    ListReferencesRequest, Reference, ReferenceRole, UpdateCommentRequest, UpdateReferenceRequest,
};
use tonic::Code;

use crate::support::TestApp;

fn say(parent: &str, text: &str) -> CreateCommentRequest {
    let comment = Some(Comment { text: text.into(), ..Default::default() });
    CreateCommentRequest { parent: parent.into(), comment, ..Default::default() }
}

fn point(parent: &str, uri: &str) -> CreateReferenceRequest {
    let target = Some(Target::Uri(uri.into()));
    let reference = Some(Reference { target, ..Default::default() });
    CreateReferenceRequest { parent: parent.into(), reference, ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_is_told_and_changes_no_issue() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let issue = app.issue("abc", "The light is off").await;
    let mut issues = app.issues();

    let said = issues.create_comment(say("ABC-1", "Since Monday")).await.unwrap().into_inner();
    let comment = said.comment.unwrap();
    // What the server set is sent back with it, as a caller who has read it does.
    let edited = Comment { text: "Since Tuesday".into(), ..comment.clone() };
    let update = UpdateCommentRequest { comment: Some(edited), ..Default::default() };
    let edited = issues.update_comment(update).await.unwrap().into_inner();
    let delete = DeleteCommentRequest { name: comment.name.clone(), ..Default::default() };
    issues.delete_comment(delete).await.unwrap();

    assert_eq!(comment.name, "projects/abc/issues/1/comments/1");
    assert!(said.changed && edited.changed);
    assert!(edited.comment.unwrap().edit_time.is_some());
    let got = issues.get_comment(GetCommentRequest { name: comment.name }).await.unwrap_err();
    assert_eq!(got.code(), Code::NotFound);
    let same = issues.get_issue(GetIssueRequest { name: issue.name.clone() }).await.unwrap();
    assert_eq!(same.into_inner().issue.unwrap().etag, issue.etag);
    let mut follower = app.follow().await;
    let events = follower.events(5).await;
    let told: Vec<_> =
        events.iter().skip(2).map(|e| (e.r#type.as_str(), e.subject.as_str())).collect();
    let subject = "projects/abc/issues/1";
    assert_eq!(
        told,
        [("comment.created", subject), ("comment.updated", subject), ("comment.deleted", subject)]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn comments_are_listed_by_number_page_by_page() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.issue("abc", "The light is off").await;
    for n in 1..=5 {
        app.issues().create_comment(say("ABC-1", &format!("no. {n}"))).await.unwrap();
    }
    let delete = DeleteCommentRequest { name: "ABC-1/comments/5".into(), ..Default::default() };
    app.issues().delete_comment(delete).await.unwrap();
    let next = app.issues().create_comment(say("ABC-1", "no. 6")).await.unwrap().into_inner();

    let mut said = Vec::new();
    let mut ask =
        ListCommentsRequest { parent: "ABC-1".into(), page_size: 2, ..Default::default() };
    loop {
        let page = app.issues().list_comments(ask.clone()).await.unwrap().into_inner();
        said.extend(page.comments.into_iter().map(|comment| comment.text));
        ask.page_token = page.next_page_token;
        if ask.page_token.is_empty() {
            break;
        }
    }

    assert_eq!(next.comment.unwrap().name, "projects/abc/issues/1/comments/6", "never used again");
    assert_eq!(said, ["no. 1", "no. 2", "no. 3", "no. 4", "no. 6"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_actors_and_events_carry_references() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.issue("abc", "The light is off").await;

    for parent in ["ABC-1", "actors/root", "events/2", "events/1"] {
        let made = app.issues().create_reference(point(parent, "https://example.com/a")).await;
        let made = made.unwrap().into_inner().reference.unwrap();
        let list = ListReferencesRequest { parent: parent.into(), ..Default::default() };
        let listed = app.issues().list_references(list).await.unwrap().into_inner();
        assert_eq!(listed.references, std::slice::from_ref(&made), "{parent}");
        let role = ReferenceRole::Evidence.into();
        let changed = Reference { name: made.name.clone(), role, ..Default::default() };
        let update = UpdateReferenceRequest { reference: Some(changed), ..Default::default() };
        let updated = app.issues().update_reference(update).await.unwrap().into_inner();
        let updated = updated.reference.unwrap();
        assert_eq!((updated.role(), &updated.target), (ReferenceRole::Evidence, &made.target));
        let delete = DeleteReferenceRequest { name: made.name, ..Default::default() };
        assert!(app.issues().delete_reference(delete).await.unwrap().into_inner().changed);
    }

    let mut follower = app.follow().await;
    let events = follower.events(14).await;
    let told: Vec<_> = events.iter().skip(2).step_by(3).map(|e| e.subject.as_str()).collect();
    assert_eq!(told, ["projects/abc/issues/1", "actors/root", "events/2", "events/1"]);
    assert_eq!(events.get(8).unwrap().root, "projects/abc/issues/1", "an event's issue");
}
