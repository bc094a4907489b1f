//! What is next, for everybody.

mod plans;
mod sight;

use jiff::{SignedDuration, Timestamp};
use potts::proto::subscribe_request::Start;
use potts::proto::{
    Action, AgendaItem, CreateIssueRequest, GetAgendaRequest, GetAgendaResponse, Issue, Satisfy,
    StartActionRequest, agenda_item,
};

use crate::support::TestApp;
use crate::support::work::{Hand, after, named};

const DAY: i64 = 24 * 60 * 60;

async fn agenda(hand: &Hand) -> GetAgendaResponse {
    let all = GetAgendaRequest::default();
    hand.issues().get_agenda(all).await.unwrap().into_inner()
}

/// Names in short: `1` of an issue of `projects/abc`, `1/3` of an action.
fn names(items: &[AgendaItem]) -> Vec<String> {
    let short = |item: &AgendaItem| {
        let name = item.name.strip_prefix("projects/abc/issues/").unwrap_or(&item.name);
        name.replace("/actions/", "/")
    };
    items.iter().map(short).collect()
}

/// The buckets by the names of what they hold.
fn buckets(agenda: &GetAgendaResponse) -> [Vec<String>; 6] {
    let GetAgendaResponse { now, parallel, next, review, aware, prepare, .. } = agenda;
    [now, parallel, next, review, aware, prepare].map(|items| names(items))
}

fn expected(buckets: [&[&str]; 6]) -> [Vec<String>; 6] {
    buckets.map(|names| names.iter().map(|name| (*name).to_owned()).collect())
}

/// That many seconds from now.
fn ahead(seconds: i64) -> Option<prost_types::Timestamp> {
    let at = Timestamp::now() + SignedDuration::from_secs(seconds);
    Some(prost_types::Timestamp { seconds: at.as_second(), nanos: 0 })
}

fn titled(title: &str) -> Action {
    Action { title: title.into(), ..Default::default() }
}

/// An issue of `projects/abc` that its creator owns.
async fn own(hand: &Hand, issue: Issue) -> Issue {
    let issue = Some(Issue { title: "mine".into(), ..issue });
    let request = CreateIssueRequest { parent: "projects/abc".into(), issue, ..Default::default() };
    hand.issues().create_issue(request).await.unwrap().into_inner().issue.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn work_is_held_or_can_be_claimed_or_waits_for_what_is_held() {
    let app = TestApp::with_issues(1).await;
    let ann = app.hand("ann", "PERSON", "WORKER").await;
    let ben = app.hand("ben", "PERSON", "WORKER").await;
    let first = app.action(1, "held").await;
    let second = app.action_after(1, &[after(&first.name, Satisfy::Unspecified)]).await;
    app.action_after(1, &[after(&second.name, Satisfy::Unspecified)]).await;
    app.action_of(1, Action { assignee: "actors/ben".into(), ..titled("his") }).await;
    app.action_of(1, Action { candidates: vec!["actors/ben".into()], ..titled("for him") }).await;
    app.action(1, "for everybody").await;
    let on_both = [after(&first.name, Satisfy::Unspecified), after(&named(1, 6), Satisfy::AnyEnd)];
    app.action_after(1, &on_both).await;
    let his = Action { assignee: "actors/ben".into(), ..titled("his, later") };
    let waits = vec![after(&first.name, Satisfy::AnyEnd)];
    app.action_of(1, Action { dependencies: waits, ..his }).await;

    ann.claim(&first.name).await.unwrap();

    let hers = agenda(&ann).await;
    assert_eq!(buckets(&hers), expected([&["1/1"], &["1/6"], &["1/2"], &[], &[], &[]]));
    let his = agenda(&ben).await;
    let to_claim: &[&str] = &["1/6", "1/4", "1/5"];
    assert_eq!(buckets(&his), expected([&[], to_claim, &["1/2", "1/8"], &[], &[], &[]]));
    assert_eq!((hers.actor.as_str(), his.actor.as_str()), ("actors/ann", "actors/ben"));
    assert_eq!([hers.now[0].dependents, hers.parallel[0].dependents], [3, 1]);
    let Some(agenda_item::Kind::Action(held)) = &hers.now[0].kind else { panic!("{hers:?}") };
    assert_eq!(
        (held.issue.as_str(), held.issue_title.as_str()),
        ("projects/abc/issues/1", "The door sticks")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_current_action_is_the_one_that_was_started() {
    let app = TestApp::with_issues(1).await;
    let ann = app.hand("ann", "PERSON", "WORKER").await;
    let mut held = Vec::new();
    for priority in [1, 2, 3] {
        let action = app.action_of(1, Action { priority, ..titled("t") }).await;
        held.push(ann.claim(&action.name).await.unwrap());
    }
    let (name, fence) = (held[2].name.clone(), held[2].fence);

    let start = StartActionRequest { name, fence, ..Default::default() };
    ann.actions().start_action(start).await.unwrap();

    assert_eq!(names(&agenda(&ann).await.now), ["1/3", "1/1", "1/2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_urgent_comes_first_and_buckets_are_bounded() {
    let app = TestApp::with_issues(1).await;
    let ann = app.hand("ann", "PERSON", "WORKER").await;
    let add = async |priority: i32, due: Option<i64>| {
        let due_time = due.and_then(ahead);
        app.action_of(1, Action { priority, due_time, ..titled("t") }).await
    };
    add(0, None).await;
    add(0, None).await;
    let awaited = add(0, None).await;
    add(0, Some(9 * DAY)).await;
    add(2, None).await;
    add(2, Some(2 * DAY)).await;
    add(2, Some(DAY)).await;
    add(1, None).await;
    app.action_after(1, &[after(&awaited.name, Satisfy::AnyEnd)]).await;

    let order = ["1/8", "1/7", "1/6", "1/5", "1/4", "1/3", "1/1", "1/2"];
    assert_eq!(names(&agenda(&ann).await.parallel), order);
    let three = GetAgendaRequest { bucket_size: 3, ..Default::default() };
    let three = ann.issues().get_agenda(three).await.unwrap().into_inner();
    assert_eq!(names(&three.parallel), order[..3]);
}

/// Goal: each issue is listed once, in the first bucket that it fits.
#[tokio::test(flavor = "multi_thread")]
async fn issues_are_to_be_planned_or_have_changed_or_are_due() {
    let app = TestApp::with_issues(1).await;
    let ann = app.hand("ann", "PERSON", "WORKER").await;
    let due_time = ahead(10 * DAY);
    own(&ann, Issue { due_time, ..Default::default() }).await;
    own(&ann, Issue::default()).await;
    own(&ann, Issue { issue_type: "bug".into(), ..Default::default() }).await;
    app.action(1, "somebody else's").await;
    app.action(2, "mine").await;
    app.action(4, "of a bug that nobody has looked at").await;

    let first = agenda(&ann).await;
    app.database.advance_clock(8 * DAY).await;
    let later = agenda(&ann).await;

    let [.., review, aware, prepare] = buckets(&first);
    assert_eq!([review, aware, prepare], [vec!["3", "4"], vec!["2"], vec![]]);
    let [.., review, aware, prepare] = buckets(&later);
    assert_eq!([review, aware, prepare], [vec!["3", "4"], vec![], vec!["2"]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_assigned_and_waits_is_to_be_prepared() {
    let app = TestApp::with_issues(1).await;
    let ann = app.hand("ann", "PERSON", "WORKER").await;
    let held = app.action(1, "held").await;
    let waits = || vec![after(&held.name, Satisfy::AnyEnd), after(&named(1, 2), Satisfy::AnyEnd)];
    let hers = || Action { assignee: "actors/ann".into(), ..titled("hers") };
    for action in [
        titled("in nobody's hands"),
        Action { not_before: ahead(6 * DAY), ..hers() },
        Action { not_before: ahead(8 * DAY), ..hers() },
        Action { due_time: ahead(6 * DAY), dependencies: waits(), ..hers() },
        Action { due_time: ahead(8 * DAY), dependencies: waits(), ..hers() },
        Action { due_time: ahead(-DAY), dependencies: waits(), ..hers() },
        Action { due_time: ahead(DAY), ..hers() },
        Action { not_before: ahead(6 * DAY), ..titled("whose?") },
    ] {
        app.action_of(1, action).await;
    }
    app.root().claim(&held.name).await.unwrap();

    let hers = agenda(&ann).await;

    let soon: &[&str] = &["1/7", "1/5", "1/3"];
    assert_eq!(buckets(&hers), expected([&[], &["1/8", "1/2"], &[], &[], &[], soon]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_cursor_goes_on_from_the_agenda() {
    let app = TestApp::with_issues(1).await;

    let cursor = agenda(&app.root()).await.cursor;
    let mut follower = app.follow_from(Start::After(cursor)).await;
    app.action(1, "new").await;

    assert_eq!(follower.event().await.r#type, "action.added");
}
