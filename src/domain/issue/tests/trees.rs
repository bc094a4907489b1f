//! Issues that are parts of others, and keys.

use super::*;
use crate::domain::asks::BELOW_MAX;
use crate::domain::counter::{Counter, CounterKey};
use crate::domain::people::Standing;

fn numbered(number: i64) -> IssueName {
    IssueName { number, ..name() }
}

/// A line of open issues, each a part of the one before it.
fn line(count: i64) -> Vec<Issue> {
    (1..=count)
        .map(|number| Issue {
            name: numbered(number),
            parent: (number > 1).then_some(number - 1),
            thread: 1,
            depth: i16::try_from(number - 1).unwrap(),
            open_children: i32::from(number < count),
            ..issue("open")
        })
        .collect()
}

/// An issue that is by itself.
fn single(number: i64) -> Issue {
    Issue { name: numbered(number), thread: number, ..issue("open") }
}

fn among(issues: Vec<Issue>, verb: &dyn Decide) -> Result<Decision> {
    let keys: BTreeSet<_> = issues.iter().map(|issue| issue.name.clone()).collect();
    let counter = Counter::after(CounterKey::issues(&name().project), None);
    let counter = Counter { last: 10_000, live: 10_000, ..counter };
    let rows = WorkingSet {
        counters: Rows::load(&[counter.key.clone()].into(), vec![counter]),
        issues: Rows::load(&keys, issues),
        ..WorkingSet::default()
    };
    let root = Standing {
        principal: ActorName::root().into(),
        person: true,
        active: true,
        admin: true,
        groups: BTreeSet::new(),
        roles: BTreeMap::new(),
    };
    let standings = [(root.principal.clone(), Arc::new(root))].into();
    let definitions = Definitions { standings, ..definitions() };
    let (rows, definitions, caller) = (&rows, &definitions, &ActorName::root());
    verb.decide(&At { rows, definitions, now: now(), caller, seed: Uuid::nil() })
}

fn put(number: i64, parent: Option<i64>) -> UpdateIssue {
    let edits = vec![IssueEdit::Parent(parent.map(numbered))];
    UpdateIssue { name: numbered(number), etag: None, edits }
}

fn create(edits: Vec<IssueEdit>) -> CreateIssue {
    let title = IssueEdit::Title("t".into());
    let edits = std::iter::once(title).chain(edits).collect();
    CreateIssue { project: name().project, start: Start::default(), edits }
}

/// The changed issues: number, depth, thread, open children.
fn places(decision: &Decision) -> BTreeSet<(i64, i16, i64, i32)> {
    let place = |change: &Change| {
        let Change::Issue(it) = change else { return None };
        Some((it.name.number, it.depth, it.thread, it.open_children))
    };
    decision.changes.iter().filter_map(place).collect()
}

fn reason(decided: Result<Decision>) -> Reason {
    decided.unwrap_err().reason()
}

#[test]
fn what_moves_takes_its_parts_along() {
    let issues = [line(3), vec![single(9)]].concat();

    let moved = among(issues.clone(), &put(2, Some(9))).unwrap();
    let freed = among(issues, &put(2, None)).unwrap();

    assert_eq!(places(&moved), [(1, 0, 1, 0), (2, 1, 9, 1), (3, 2, 9, 0), (9, 0, 9, 1)].into());
    assert_eq!(places(&freed), [(1, 0, 1, 0), (2, 0, 2, 1), (3, 1, 2, 0)].into());
    assert_eq!(types(&moved), ["issue.updated"]);
    assert_eq!(moved.events[0].after["parent"], "projects/abc/issues/9");
}

#[test]
fn nothing_is_a_part_of_itself() {
    let told = |number, parent| {
        let (error, details) =
            among(line(3), &put(number, Some(parent))).unwrap_err().into_details();
        (error.reason(), details["path"].clone())
    };

    assert_eq!(told(1, 3), (Reason::Cycle, "ABC-1 > ABC-2 > ABC-3 > ABC-1".into()));
    assert_eq!(told(2, 2), (Reason::Cycle, "ABC-2 > ABC-2".into()));
}

#[test]
fn trees_are_bounded_in_depth_and_breadth() {
    assert!(among([line(8), vec![single(20)]].concat(), &put(20, Some(8))).is_ok());
    let deep = || [line(9), vec![single(20)]].concat();
    assert_eq!(reason(among(deep(), &put(20, Some(9)))), Reason::LimitReached);
    let parent = IssueEdit::Parent(Some(numbered(9)));
    assert_eq!(reason(among(line(9), &create(vec![parent]))), Reason::LimitReached);
    // What is below counts as well.
    let tall = [line(5), vec![single(20), Issue { parent: Some(20), ..single(21) }]].concat();
    assert!(among(tall.clone(), &put(1, Some(20))).is_ok());
    assert!(among(tall, &put(1, Some(21))).is_ok());
    let taller = [line(8), vec![single(20), Issue { parent: Some(20), depth: 1, ..single(21) }]];
    assert_eq!(reason(among(taller.concat(), &put(1, Some(21)))), Reason::LimitReached);

    let full = |more| Issue { open_children: 999 + more, ..single(30) };
    assert!(among(vec![full(0), single(31)], &put(31, Some(30))).is_ok());
    assert_eq!(reason(among(vec![full(1), single(31)], &put(31, Some(30)))), Reason::LimitReached);
}

#[test]
fn too_many_do_not_move_at_once() {
    let parts = |count: usize| {
        let part = |n: usize| Issue {
            parent: Some(1),
            depth: 1,
            thread: 1,
            ..single(i64::try_from(n).unwrap() + 100)
        };
        let top = Issue { open_children: 1, ..single(1) };
        let issues = [top, single(2)].into_iter();
        issues.chain((0..count).map(part)).collect::<Vec<_>>()
    };

    assert!(among(parts(BELOW_MAX), &put(1, Some(2))).is_ok());
    assert_eq!(reason(among(parts(BELOW_MAX + 1), &put(1, Some(2)))), Reason::LimitReached);
}

#[test]
fn a_parent_is_open_there_and_of_the_same_project() {
    let closed = Issue { name: numbered(2), ..issue("closed") };
    let hidden = Issue { deleted_at: Some(now()), ..single(3) };
    let issues = || vec![single(1), closed.clone(), hidden.clone()];
    let elsewhere = IssueName::parse("", "XYZ-1").unwrap();
    let elsewhere = IssueEdit::Parent(Some(elsewhere));

    assert_eq!(reason(among(issues(), &put(1, Some(2)))), Reason::IssueClosed);
    assert_eq!(reason(among(issues(), &put(1, Some(3)))), Reason::ResourceNotFound);
    assert_eq!(reason(among(issues(), &create(vec![elsewhere]))), Reason::FieldInvalid);
}

#[test]
fn an_issue_with_open_children_stays() {
    let delete = |number| DeleteIssue { name: numbered(number), etag: None };

    assert_eq!(reason(among(line(2), &delete(1))), Reason::InUse);
    let deleted = among(line(2), &delete(2)).unwrap();
    assert_eq!(places(&deleted), [(1, 0, 1, 0), (2, 1, 1, 0)].into());
}

#[test]
fn counts_follow_what_opens_and_closes() {
    let close = CloseIssue { name: numbered(2), ..close("") };
    let closed = among(line(2), &close).unwrap();
    assert_eq!(places(&closed), [(1, 0, 1, 0), (2, 1, 1, 0)].into());

    let mut issues = line(2);
    issues[0].open_children = 0;
    issues[1] = becomes(&closed).clone();
    let reopen = ReopenIssue { name: numbered(2), message: String::new(), etag: None };
    let reopened = among(issues, &reopen).unwrap();
    assert_eq!(places(&reopened), [(1, 0, 1, 1), (2, 1, 1, 0)].into());
    let told = closed.events.iter().chain(&reopened.events);
    assert!(told.into_iter().all(|event| event.subject == "projects/abc/issues/2"));
}

#[test]
fn one_open_issue_has_a_key() {
    let key = || IssueEdit::DedupKey("disk".into());
    let holder = Issue { dedup_key: "disk".into(), ..single(1) };
    let closed = Issue { dedup_key: "disk".into(), name: numbered(2), ..issue("closed") };
    let hidden = Issue { dedup_key: "disk".into(), deleted_at: Some(now()), ..single(3) };
    let all = || vec![holder.clone(), closed.clone(), hidden.clone(), single(4)];
    let free = || vec![closed.clone(), hidden.clone(), single(4)];
    let update = UpdateIssue { name: numbered(4), etag: None, edits: vec![key()] };
    let reopen = ReopenIssue { name: numbered(2), message: String::new(), etag: None };
    let undelete = UndeleteIssue { name: numbered(3), etag: None };
    let verbs: [&dyn Decide; 4] = [&create(vec![key()]), &update, &reopen, &undelete];

    for verb in verbs {
        let (error, details) = among(all(), verb).unwrap_err().into_details();
        assert_eq!(error.reason(), Reason::DedupKeyTaken);
        assert_eq!(details["holder"], "projects/abc/issues/1");
        assert!(among(free(), verb).is_ok());
    }
}
