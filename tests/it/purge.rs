//! What was deleted is taken away for good after its time, with all that belongs to it.

use potts::proto::{
    Action, CloseIssueRequest, Comment, CreateCommentRequest, CreateIssueRelationRequest,
    CreateIssueRequest, CreateReferenceRequest, DeleteIssueRequest, Issue, IssueRelation,
    ListEventsRequest, Reference, RelationKind, Satisfy, UndeleteIssueRequest, reference,
};
use potts::store::{Connections, Connector, Store};
use tonic::Code;

use crate::support::app::PATIENCE;
use crate::support::work::{after, named};
use crate::support::{TestApp, TestDatabase, eventually, told};

const DAYS_30: i64 = 30 * 24 * 3600;

/// Rows that name the issue `projects/abc/issues/{number}`, or belong to one of its actions, by
/// table.
async fn left(app: &TestApp, number: i64) -> Vec<(String, i64)> {
    let count = "with work as (select uid from actions where project = 'abc' and issue = $1)
        select 'issues', count(*) from issues where project = 'abc' and number = $1
        union all select 'actions', count(*) from work
        union all select 'keys', count(*) from action_keys where project = 'abc' and issue = $1
        union all select 'relations', count(*) from relations
               where (project = 'abc' and issue = $1) or (to_project = 'abc' and to_issue = $1)
        union all select 'comments', count(*) from comments
               where parent || '/' like 'projects/abc/issues/' || $1::text || '/%'
        union all select 'references', count(*) from object_references
               where parent || '/' like 'projects/abc/issues/' || $1::text || '/%'
        union all select 'counters', count(*) from counters
               where parent || '/' like 'projects/abc/issues/' || $1::text || '/%'";
    let rows = app.database.sql().await.query(count, &[&number]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

/// Rows of work whose action is no more.
async fn orphans(database: &TestDatabase) -> i64 {
    let count = "select count(*) from (select action_id from action_waits
        union all select action_id from ready_actions union all select action_id from action_leases
        union all select action_id from attempts union all select action_id from dependencies) as w
        where not exists (select from actions a where a.uid = w.action_id)";
    database.sql().await.query_one(count, &[]).await.unwrap().get(0)
}

/// The issues that there are rows of.
async fn numbers(app: &TestApp) -> Vec<i64> {
    let all = "select coalesce(array_agg(number order by number), '{}') from issues";
    app.database.sql().await.query_one(all, &[]).await.unwrap().get(0)
}

fn store(app: &TestApp) -> Store {
    let connections = Connections { read: 1, stream: 1 };
    Store::new(Connector::new(&app.database.url).unwrap(), connections)
}

/// Comments on these, and a reference of each.
async fn remark(app: &TestApp, parents: &[&str]) {
    for parent in parents {
        let comment = Some(Comment { text: "said".into(), ..Default::default() });
        let parent = (*parent).to_owned();
        let say = CreateCommentRequest { parent: parent.clone(), comment, ..Default::default() };
        app.issues().create_comment(say).await.unwrap();
        let target = Some(reference::Target::Text("there".into()));
        let reference = Some(Reference { target, ..Default::default() });
        let point = CreateReferenceRequest { parent, reference, ..Default::default() };
        app.issues().create_reference(point).await.unwrap();
    }
}

async fn relate(app: &TestApp, parent: &str, target: &str) {
    let kind = RelationKind::Causes.into();
    let relation = Some(IssueRelation { target: target.into(), kind, ..Default::default() });
    let request =
        CreateIssueRelationRequest { parent: parent.into(), relation, ..Default::default() };
    app.issues().create_issue_relation(request).await.unwrap();
}

async fn delete(app: &TestApp, name: &str) {
    let request = DeleteIssueRequest { name: name.into(), ..Default::default() };
    app.issues().delete_issue(request).await.unwrap();
}

/// An issue with work in every place, remarks, relations in both directions, and a key.
async fn full(app: &TestApp) {
    let issue = Some(Issue { title: "t".into(), dedup_key: "k".into(), ..Default::default() });
    let request = CreateIssueRequest { parent: "projects/abc".into(), issue, ..Default::default() };
    app.issues().create_issue(request).await.unwrap();
    let unique = Action { title: "t".into(), unique_key: "k".into(), ..Default::default() };
    app.action_of(1, unique).await;
    for _ in 0..2 {
        app.action(1, "t").await;
    }
    app.action_after(1, &[after(&named(1, 1), Satisfy::Success)]).await;
    app.root().do_it(&named(1, 2)).await;
    app.root().claim(&named(1, 3)).await.unwrap();
    remark(app, &["ABC-1", "ABC-1/actions/2"]).await;
    app.issue("abc", "stays").await;
    relate(app, "ABC-1", "ABC-2").await;
    relate(app, "ABC-2", "ABC-1").await;
    remark(app, &["ABC-2"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_goes_for_good_with_all_that_belongs_to_it() {
    let app = TestApp::start().await;
    app.project("abc").await;
    full(&app).await;
    let (before, stays) = (left(&app, 1).await, left(&app, 2).await);
    delete(&app, "ABC-1").await;
    let head = app.head().await;

    app.database.advance_clock(DAYS_30 - 60).await;
    store(&app).purge().await.unwrap();
    let kept = left(&app, 1).await;
    app.database.advance_clock(DAYS_30 + 60).await;
    // The service does so too: together they take it away once.
    let purge = async || {
        store(&app).purge().await.unwrap();
        left(&app, 1).await
    };
    eventually(PATIENCE, purge, |left| left.iter().all(|(_, count)| *count == 0)).await;

    assert!(before.iter().all(|(_, count)| *count > 0), "everywhere is something: {before:?}");
    assert_eq!(kept, before, "it can be brought back still");
    assert_eq!(orphans(&app.database).await, 0);
    let of_two = left(&app, 2).await;
    let gone = |table: &str| if table == "relations" { 2 } else { 0 };
    let expected: Vec<_> =
        stays.into_iter().map(|(table, count)| (table.clone(), count - gone(&table))).collect();
    assert_eq!(of_two, expected, "others stay as they were");
    let live = "select live from counters where parent = 'projects/abc/issues/2'
                and noun = 'relations'";
    let live: i64 = app.database.sql().await.query_one(live, &[]).await.unwrap().get(0);
    assert_eq!(live, 0, "what led there counts no more");
    assert_eq!(app.head().await, head, "nothing is told");
    let list = ListEventsRequest::default();
    let events = app.events().list_events(list).await.unwrap().into_inner().events;
    assert!(events.iter().any(|event| event.r#type == "issue.deleted"), "the log keeps it");
    assert_eq!(app.issue("abc", "next").await.name, "projects/abc/issues/3", "no number twice");
    let back = UndeleteIssueRequest { name: "ABC-1".into(), ..Default::default() };
    assert_eq!(told(app.issues().undelete_issue(back).await).code, Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_with_parts_stays_hidden_until_they_are_gone() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.issue("abc", "whole").await;
    let part = Issue { title: "part".into(), parent: "ABC-1".into(), ..Default::default() };
    let (parent, issue) = ("projects/abc".into(), Some(part));
    let request = CreateIssueRequest { parent, issue, ..Default::default() };
    app.issues().create_issue(request).await.unwrap();
    let close = CloseIssueRequest { name: "ABC-2".into(), ..Default::default() };
    app.issues().close_issue(close).await.unwrap();
    delete(&app, "ABC-1").await;
    app.database.advance_clock(3600).await;
    delete(&app, "ABC-2").await;

    app.database.advance_clock(DAYS_30 + 1800).await;
    let early = store(&app).purge().await.unwrap();
    let kept = numbers(&app).await;
    app.database.advance_clock(DAYS_30 + 7200).await;

    assert_eq!((early, kept), (0, vec![1, 2]));
    let purge = async || {
        store(&app).purge().await.unwrap();
        numbers(&app).await
    };
    eventually(PATIENCE, purge, Vec::is_empty).await;
}

/// Goal: what is taken away holds up nobody who writes, and waits for nobody; in the end the
/// service does it by itself.
#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_has_locked_is_passed_over() {
    let app = TestApp::start().await;
    app.project("abc").await;
    for title in ["locked", "free"] {
        app.issue("abc", title).await;
    }
    for name in ["ABC-1", "ABC-2"] {
        delete(&app, name).await;
    }
    let mut sql = app.database.sql().await;
    let holding = sql.transaction().await.unwrap();
    let lock = "select from issues where number = 1 for no key update";
    holding.execute(lock, &[]).await.unwrap();

    app.database.advance_clock(DAYS_30 + 60).await;
    let purge = async || {
        store(&app).purge().await.unwrap();
        numbers(&app).await
    };
    let locked = eventually(PATIENCE, purge, |left| left.len() < 2).await;
    holding.rollback().await.unwrap();

    assert_eq!(locked, [1]);
    eventually(PATIENCE, async || numbers(&app).await, Vec::is_empty).await;
}
