//! Issues that are parts of others, keys that one open issue holds, and people who work on them.

use futures_util::future::join_all;
use potts::proto::{
    ActivateIssueRequest, AssignIssueRequest, CloseIssueRequest, CreateGroupRequest,
    DeactivateIssueRequest, DeleteIssueRequest, GetIssueRequest, Group, Issue, ListIssuesRequest,
    ReopenIssueRequest, Role, UpdateIssueRequest, subscribe_request,
};
use prost_types::FieldMask;
use tonic::Code;

use crate::issues::{create, get, with_project};
use crate::support::{TestApp, told};

/// An issue that is a part of another; none is of none.
async fn part(app: &TestApp, parent: &str) -> Issue {
    let issue = Issue { title: "t".into(), parent: parent.into(), ..Default::default() };
    app.issues().create_issue(create(issue)).await.unwrap().into_inner().issue.unwrap()
}

fn put(name: &str, parent: &str) -> UpdateIssueRequest {
    let issue = Issue { name: name.into(), parent: parent.into(), ..Default::default() };
    let update_mask = Some(FieldMask { paths: vec!["parent".into()] });
    UpdateIssueRequest { issue: Some(issue), update_mask, ..Default::default() }
}

fn close(name: &str) -> CloseIssueRequest {
    CloseIssueRequest { name: name.into(), ..Default::default() }
}

fn keyed(title: &str, key: &str) -> Issue {
    Issue { title: title.into(), dedup_key: key.into(), ..Default::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_moves_takes_its_parts_along() {
    let app = with_project().await;
    for parent in ["", "ABC-1", "abc-2", ""] {
        part(&app, parent).await;
    }
    let before = get(&app, "ABC-3").await;
    let mut follower = app.follow_from(subscribe_request::Start::FromNow(true)).await;

    let moved = app.issues().update_issue(put("ABC-2", "ABC-4")).await.unwrap().into_inner();
    let again = app.issues().update_issue(put("ABC-2", "ABC-4")).await.unwrap().into_inner();

    let event = follower.event().await;
    assert_eq!((event.r#type.as_str(), event.ends_command), ("issue.updated", true));
    assert!(moved.changed && !again.changed);
    assert_eq!(moved.issue.unwrap().parent, "projects/abc/issues/4");
    let below = get(&app, "ABC-3").await;
    assert_eq!(
        (below.parent.as_str(), below.thread.as_str()),
        ("projects/abc/issues/2", "projects/abc/issues/4")
    );
    assert_eq!(before.thread, "projects/abc/issues/1");
    assert_eq!((below.etag, below.update_time), (before.etag, before.update_time));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_is_refused_with_its_path() {
    let app = with_project().await;
    for parent in ["", "ABC-1", "ABC-2"] {
        part(&app, parent).await;
    }

    let refused = told(app.issues().update_issue(put("ABC-1", "ABC-3")).await);

    assert_eq!(refused.why(), (Code::InvalidArgument, "CYCLE"));
    assert_eq!(refused.metadata("path"), "ABC-1 > ABC-2 > ABC-3 > ABC-1");
}

/// Goal: moves that together would close a circle never both happen.
/// Method: many pairs of issues, each put below the other at the same time.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_moves_that_close_a_circle_one_happens() {
    let app = with_project().await;
    for _ in 0..20 {
        part(&app, "").await;
    }
    let below = async |a: usize, b: usize| {
        let request = put(&format!("ABC-{a}"), &format!("ABC-{b}"));
        app.issues().update_issue(request).await
    };
    let pairs = (1..=19).step_by(2).map(|n| async move { (n, n + 1) });

    let moves = join_all(pairs.map(|pair| async {
        let (a, b) = pair.await;
        tokio::join!(below(a, b), below(b, a))
    }));

    for (one, other) in moves.await {
        let (happened, refused): (Vec<_>, Vec<_>) =
            [one, other].into_iter().partition(Result::is_ok);
        assert_eq!(happened.len(), 1);
        for refusal in refused {
            assert_eq!(told(refusal).reason, "CYCLE");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_is_eight_levels_deep() {
    let app = with_project().await;
    part(&app, "").await;
    for above in 1..=8 {
        part(&app, &format!("ABC-{above}")).await;
    }
    let deepest = Issue { title: "t".into(), parent: "ABC-9".into(), ..Default::default() };

    let refused = told(app.issues().create_issue(create(deepest)).await);

    assert_eq!(refused.why(), (Code::ResourceExhausted, "LIMIT_REACHED"));
    assert_eq!(get(&app, "ABC-9").await.thread, "projects/abc/issues/1");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_with_open_children_is_not_deleted() {
    let app = with_project().await;
    part(&app, "").await;
    part(&app, "ABC-1").await;
    let delete = || DeleteIssueRequest { name: "ABC-1".into(), ..Default::default() };

    let refused = told(app.issues().delete_issue(delete()).await);
    app.issues().close_issue(close("ABC-2")).await.unwrap();
    let deleted = app.issues().delete_issue(delete()).await;

    assert_eq!(refused.why(), (Code::FailedPrecondition, "IN_USE"));
    assert!(deleted.is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn counts_stay_right_however_many_change_them() {
    let app = with_project().await;
    for n in 0..21 {
        part(&app, if n == 0 { "" } else { "ABC-1" }).await;
    }

    let closed = join_all((2..=21).map(|n| {
        let mut issues = app.issues();
        async move { issues.close_issue(close(&format!("ABC-{n}"))).await }
    }));
    assert!(closed.await.iter().all(Result::is_ok));
    let reopen = ReopenIssueRequest { name: "ABC-5".into(), ..Default::default() };
    app.issues().reopen_issue(reopen).await.unwrap();

    let sql = app.database.sql().await;
    let row = sql.query_one("select open_children from issues where number = 1", &[]);
    assert_eq!(row.await.unwrap().get::<_, i32>(0), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_who_take_a_key_one_gets_it() {
    let app = with_project().await;

    let answers = join_all((0..20).map(|n| {
        let mut issues = app.issues();
        async move { issues.create_issue(create(keyed(&format!("{n}"), "disk"))).await }
    }));

    let (made, refused): (Vec<_>, Vec<_>) = answers.await.into_iter().partition(Result::is_ok);
    assert_eq!(made.len(), 1);
    for refusal in refused {
        let refusal = told(refusal);
        assert_eq!(refusal.why(), (Code::FailedPrecondition, "DEDUP_KEY_TAKEN"));
        assert_eq!(refusal.metadata("holder"), "projects/abc/issues/1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_free_once_its_issue_is_closed_and_must_be_to_reopen_it() {
    let app = with_project().await;
    app.issues().create_issue(create(keyed("one", "disk"))).await.unwrap();
    app.issues().close_issue(close("ABC-1")).await.unwrap();
    let second = app.issues().create_issue(create(keyed("two", "disk"))).await;
    let reopen = || ReopenIssueRequest { name: "ABC-1".into(), ..Default::default() };

    let refused = told(app.issues().reopen_issue(reopen()).await);
    app.issues().close_issue(close("ABC-2")).await.unwrap();
    let reopened = app.issues().reopen_issue(reopen()).await.unwrap().into_inner();

    assert!(second.is_ok());
    assert_eq!(refused.reason, "DEDUP_KEY_TAKEN");
    assert_eq!(refused.metadata("holder"), "projects/abc/issues/2");
    assert_eq!(reopened.issue.unwrap().dedup_key, "disk");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_given_work_and_told_of() {
    let app = with_project().await;
    app.actor("ann", "abc", Role::Worker).await;
    app.stranger("eve").await;
    let group = Some(Group::default());
    let group = CreateGroupRequest { group_id: "qa".into(), group, ..Default::default() };
    app.actors().create_group(group).await.unwrap();
    let issue = Issue {
        title: "t".into(),
        assignees: vec!["groups/qa".into(), "actors/ann".into()],
        owner: "actors/ann".into(),
        active: Some(false),
        ..Default::default()
    };
    let created = app.issues().create_issue(create(issue)).await.unwrap().into_inner();
    let created = created.issue.unwrap();
    let mut follower = app.follow_from(subscribe_request::Start::FromNow(true)).await;
    let assign = |add: &str| AssignIssueRequest {
        name: "ABC-1".into(),
        add: vec![add.into()],
        remove: vec!["groups/qa".into()],
        ..Default::default()
    };

    let refused = told(app.issues().assign_issue(assign("actors/eve")).await);
    let assigned = app.issues().assign_issue(assign("actors/root")).await.unwrap().into_inner();
    let on = ActivateIssueRequest { name: "ABC-1".into(), ..Default::default() };
    let active = app.issues().activate_issue(on.clone()).await.unwrap().into_inner();
    let again = app.issues().activate_issue(on).await.unwrap().into_inner();
    let off = DeactivateIssueRequest { name: "ABC-1".into(), ..Default::default() };
    app.issues().deactivate_issue(off).await.unwrap();

    assert_eq!(created.assignees, ["actors/ann", "groups/qa"]);
    assert_eq!((created.owner.as_str(), created.active), ("actors/ann", Some(false)));
    assert_eq!((refused.reason.as_str(), refused.blamed().as_str()), ("FIELD_INVALID", "add[0]"));
    assert_eq!(assigned.issue.unwrap().assignees, ["actors/ann", "actors/root"]);
    assert!(active.changed && !again.changed);
    assert_eq!(active.issue.unwrap().active, Some(true));
    let types = follower.types(3).await;
    assert_eq!(types, ["issue.assigned", "issue.activated", "issue.deactivated"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_takes_an_issue_and_gives_none_away() {
    let app = with_project().await;
    let ann = app.actor("ann", "abc", Role::Worker).await;
    let bob = app.actor("bob", "abc", Role::Reporter).await;
    part(&app, "").await;
    let assign = |name: &str, who: &str| AssignIssueRequest {
        name: name.into(),
        add: vec![who.into()],
        ..Default::default()
    };
    let issue = Issue { title: "of bob".into(), ..Default::default() };
    bob.issues().create_issue(create(issue)).await.unwrap();

    let own = ann.issues().assign_issue(assign("ABC-1", "actors/ann")).await;
    let other = told(ann.issues().assign_issue(assign("ABC-1", "actors/bob")).await);
    let owner = bob.issues().assign_issue(assign("ABC-2", "actors/ann")).await;
    let reporter = told(bob.issues().assign_issue(assign("ABC-1", "actors/bob")).await);

    assert!(own.is_ok() && owner.is_ok());
    assert_eq!(other.why(), (Code::PermissionDenied, "ROLE_REQUIRED"));
    assert_eq!(other.metadata("required"), "MANAGER");
    assert_eq!(reporter.why(), (Code::PermissionDenied, "ROLE_REQUIRED"));
    assert_eq!(reporter.metadata("required"), "WORKER");
}

/// Goal: whoever may not see what lies above an issue is not told its name either.
#[tokio::test(flavor = "multi_thread")]
async fn the_names_of_hidden_issues_above_are_not_answered() {
    let app = with_project().await;
    for parent in ["", "ABC-1", "ABC-2"] {
        part(&app, parent).await;
    }
    let hide = "update issues set visible_to = '{groups/none}' where number = 1";
    app.database.sql().await.batch_execute(hide).await.unwrap();
    let ann = app.actor("ann", "abc", Role::Worker).await;
    let above = |issue: &Issue| (issue.parent.clone(), issue.thread.clone());
    let get = async |name: &str| {
        let request = GetIssueRequest { name: name.into() };
        above(&ann.issues().get_issue(request).await.unwrap().into_inner().issue.unwrap())
    };
    let list = ListIssuesRequest { parent: "projects/abc".into(), ..Default::default() };

    let got = [get("ABC-2").await, get("ABC-3").await];
    let listed = ann.issues().list_issues(list.clone()).await.unwrap().into_inner().issues;
    let issue = Issue { name: "ABC-3".into(), title: "new".into(), ..Default::default() };
    let update = UpdateIssueRequest { issue: Some(issue), ..Default::default() };
    let written = ann.issues().update_issue(update).await.unwrap().into_inner().issue.unwrap();
    let seen = app.issues().list_issues(list).await.unwrap().into_inner().issues;
    let give = "update issues set assignees = '{actors/ann}' where number = 1";
    app.database.sql().await.batch_execute(give).await.unwrap();
    let assigned = get("ABC-3").await;

    let (one, two) = ("projects/abc/issues/1".to_owned(), "projects/abc/issues/2".to_owned());
    let none = String::new;
    assert_eq!(got, [(none(), none()), (two.clone(), none())]);
    assert_eq!(listed.iter().map(above).collect::<Vec<_>>(), got);
    assert_eq!(above(&written), (two.clone(), none()));
    assert_eq!(above(&seen[1]), (one.clone(), one.clone()), "who administers sees all");
    assert_eq!(assigned, (two, one));
}
