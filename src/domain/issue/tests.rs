//! What the rules of issues promise, beside what batches of random commands show.

mod guards;
mod people;
mod trees;

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::command::{Decide, Resource};
use crate::domain::configuration::{IssueKind, built_in};
use crate::domain::definition::Definitions;
use crate::domain::name::ProjectId;
use crate::domain::project::Project;
use crate::domain::query::{Found, Kind, Lookup as _};
use crate::domain::working_set::{Rows, WorkingSet};

fn name() -> IssueName {
    IssueName::parse("", "ABC-1").unwrap()
}

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn issue(status: &str) -> Issue {
    let closed = status == "closed";
    Issue {
        name: name(),
        uid: Uuid::nil(),
        version: 3,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        creator: ActorName::root(),
        title: "title".into(),
        description: String::new(),
        workflow: "simple".into(),
        status: status.into(),
        resolution: if closed { "completed".into() } else { String::new() },
        priority: 0,
        parameters: Fields::new(),
        annotations: BTreeMap::new(),
        due_at: None,
        milestone: String::new(),
        closed_at: closed.then_some(Timestamp::UNIX_EPOCH),
        step: 2,
        deleted_at: None,
        issue_type: "task".into(),
        issue_type_revision: 0,
        kind: IssueKind::Task,
        workflow_revision: 0,
        category: built_in::workflow("simple").unwrap().category(status),
        visible_to: None,
        active: true,
        owner: ActorName::root(),
        assignees: BTreeSet::new(),
        parent: None,
        thread: 1,
        depth: 0,
        open_children: 0,
        tags: BTreeSet::new(),
        dedup_key: String::new(),
    }
}

fn definitions() -> Definitions {
    let id = ProjectId::parse("", "abc").unwrap();
    let project = Project {
        id: id.clone(),
        uid: Uuid::nil(),
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        creator: ActorName::root(),
        display_name: "ABC".into(),
        deleted_at: None,
    };
    Definitions { projects: [(id, Arc::new(project))].into(), ..Definitions::default() }
}

fn decide(issue: Issue, verb: &impl Decide) -> Result<Decision> {
    let rows = WorkingSet {
        issues: Rows::load(&BTreeSet::from([name()]), vec![issue]),
        ..WorkingSet::default()
    };
    let (definitions, caller) = (definitions(), ActorName::root());
    let at = At {
        rows: &rows,
        definitions: &definitions,
        now: now(),
        caller: &caller,
        seed: Uuid::nil(),
    };
    verb.decide(&at)
}

fn becomes(decision: &Decision) -> &Issue {
    let Resource::Issue(issue) = &decision.resource else { panic!("{:?}", decision.resource) };
    issue
}

fn types(decision: &Decision) -> Vec<&str> {
    decision.events.iter().map(|event| event.kind.as_str()).collect()
}

fn transition(to: Move) -> TransitionIssue {
    TransitionIssue { name: name(), to, parameters: Fields::new(), message: "m".into(), etag: None }
}

fn close(resolution: &str) -> CloseIssue {
    CloseIssue {
        name: name(),
        resolution: resolution.into(),
        duplicate_of: None,
        message: String::new(),
        etag: None,
    }
}

/// Every state, every way to move: what happens, and what is refused for which reason.
#[test]
fn the_state_machine_is_as_it_is_written() {
    let reopen = ReopenIssue { name: name(), message: String::new(), etag: None };
    let along = |id: &str| transition(Move::Along(id.into()));
    let to = |id: &str| transition(Move::To(id.into()));
    let told = |status: &str, verb: &dyn Decide| {
        let rows = WorkingSet {
            issues: Rows::load(&BTreeSet::from([name()]), vec![issue(status)]),
            ..WorkingSet::default()
        };
        let (definitions, caller) = (definitions(), ActorName::root());
        let (rows, definitions) = (&rows, &definitions);
        let at = At { rows, definitions, now: now(), caller: &caller, seed: Uuid::nil() };
        match verb.decide(&at) {
            Ok(decision) => format!("{} {:?}", becomes(&decision).status, types(&decision)),
            Err(error) => error.reason().as_str().to_owned(),
        }
    };
    let moved = r#"["issue.transitioned"]"#;
    let ended = r#"["issue.transitioned", "issue.closed"]"#;
    let reopened = r#"["issue.transitioned", "issue.reopened"]"#;
    let rows: Vec<(&str, Box<dyn Decide>, String)> = vec![
        ("open", Box::new(along("start")), format!("in_progress {moved}")),
        ("open", Box::new(along("stop")), "open []".into()),
        ("open", Box::new(along("close")), format!("closed {ended}")),
        ("in_progress", Box::new(along("start")), "in_progress []".into()),
        ("in_progress", Box::new(along("stop")), format!("open {moved}")),
        ("in_progress", Box::new(along("close")), format!("closed {ended}")),
        ("closed", Box::new(along("start")), "ISSUE_CLOSED".into()),
        ("closed", Box::new(along("stop")), "ISSUE_CLOSED".into()),
        ("closed", Box::new(along("close")), "closed []".into()),
        ("open", Box::new(along("fly")), "STATUS_UNKNOWN".into()),
        ("open", Box::new(to("in_progress")), format!("in_progress {moved}")),
        ("open", Box::new(to("open")), "open []".into()),
        ("open", Box::new(to("closed")), format!("closed {ended}")),
        ("open", Box::new(to("nowhere")), "STATUS_UNKNOWN".into()),
        ("open", Box::new(close("")), format!("closed {ended}")),
        ("in_progress", Box::new(close("withdrawn")), format!("closed {ended}")),
        ("closed", Box::new(close("withdrawn")), "closed []".into()),
        ("closed", Box::new(reopen.clone()), format!("open {reopened}")),
        ("open", Box::new(reopen.clone()), "open []".into()),
        ("in_progress", Box::new(reopen), "in_progress []".into()),
    ];
    for (status, verb, expected) in rows {
        assert_eq!(told(status, &*verb), expected, "from {status}");
    }
}

#[test]
fn closing_says_how_and_reopening_forgets_it() {
    let closed = decide(issue("open"), &close("duplicate")).unwrap();
    let closed = becomes(&closed).clone();
    let reopen = ReopenIssue { name: name(), message: String::new(), etag: None };
    let reopened = decide(closed.clone(), &reopen).unwrap();

    assert_eq!((closed.resolution.as_str(), closed.closed_at), ("duplicate", Some(now())));
    assert_eq!((closed.version, closed.step), (4, 3));
    let issue = becomes(&reopened);
    assert_eq!((issue.resolution.as_str(), issue.closed_at, issue.step), ("", None, 4));
    assert_eq!(reopened.events[1].before["resolution"], "duplicate");
}

#[test]
fn a_transition_merges_parameters_and_null_removes() {
    let mut old = issue("open");
    old.parameters = json!({ "a": 1, "b": 2 }).as_object().unwrap().clone();
    let mut verb = transition(Move::To("in_progress".into()));
    verb.parameters = json!({ "a": null, "c": 3 }).as_object().unwrap().clone();

    let decision = decide(old, &verb).unwrap();

    assert_eq!(Value::Object(becomes(&decision).parameters.clone()), json!({ "b": 2, "c": 3 }));
    assert_eq!(decision.events[0].data["transition"], "start");
    assert_eq!(decision.events[0].data["message"], "m");
}

#[test]
fn facts_and_words_leave_different_events() {
    let edit = |edits| UpdateIssue { name: name(), etag: None, edits };
    let both = edit(vec![IssueEdit::Priority(2), IssueEdit::Title("new".into())]);

    let decision = decide(issue("open"), &both).unwrap();

    assert_eq!(types(&decision), ["issue.updated", "issue.described"]);
    assert_eq!(decision.events[0].data["changed"], json!(["priority"]));
    assert_eq!(decision.events[1].after["title"], "new");
    let closed = decide(issue("closed"), &edit(vec![IssueEdit::Priority(2)])).unwrap_err();
    assert_eq!(closed.reason(), Reason::IssueClosed);
    assert!(decide(issue("closed"), &edit(vec![IssueEdit::Title("new".into())])).is_ok());
}

#[test]
fn a_hidden_issue_is_absent_but_for_30_days_to_undelete() {
    let hidden = |ago: SignedDuration| Issue { deleted_at: Some(now() - ago), ..issue("open") };
    let undelete = UndeleteIssue { name: name(), etag: None };
    let day = SignedDuration::from_hours(24);

    assert_eq!(decide(hidden(day), &close("")).unwrap_err().reason(), Reason::ResourceNotFound);
    assert_eq!(types(&decide(hidden(day), &undelete).unwrap()), ["issue.undeleted"]);
    assert!(decide(hidden(RESTORABLE), &undelete).is_err());
    assert!(types(&decide(issue("open"), &undelete).unwrap()).is_empty());
}

#[test]
fn resolutions_are_words() {
    for right in ["", "completed", "wont-do", "a_1"] {
        assert!(check_resolution("resolution", right).is_ok(), "{right:?}");
    }
    for wrong in ["Done", "1a", "a b", "ä", &"a".repeat(64)] {
        assert!(check_resolution("resolution", wrong).is_err(), "{wrong:?}");
    }
}

proptest! {
    /// Whatever is updated: the events tell exactly the difference, and nothing else.
    #[test]
    fn events_tell_the_difference(
        title in "[a-c]{0,2}", priority in 0_i16..8, milestone in "[ab]{0,2}", key in "[a-b]",
    ) {
        let edits = vec![
            IssueEdit::Title(title),
            IssueEdit::Priority(priority),
            IssueEdit::Milestone(milestone),
            IssueEdit::Parameter(key.clone(), (key == "a").then(|| json!(1))),
        ];
        let old = issue("open");

        let update = UpdateIssue { name: name(), etag: None, edits };
        if let Ok(decision) = decide(old.clone(), &update) {
            let new = becomes(&decision);
            let told: BTreeMap<_, _> =
                decision.events.iter().flat_map(|event| event.after.clone()).collect();
            let differs: BTreeMap<_, _> = old
                .fields()
                .into_iter()
                .zip(new.fields())
                .filter(|(was, is)| was != is)
                .map(|(_, (field, is))| (field.to_owned(), is))
                .collect();
            prop_assert_eq!(told, differs);
            prop_assert_eq!(decision.changes.is_empty(), decision.events.is_empty());
        }
    }
}

/// Goal: no field of lists is forgotten where it is looked up, and each holds what it says.
#[test]
fn every_field_of_lists_is_found() {
    let issue = Issue { parent: Some(2), due_at: Some(now()), ..issue("closed") };

    for field in FIELDS.all {
        let found = issue.found(field.name);

        let fits = match field.kind {
            Kind::Text | Kind::Prose => matches!(found, Found::Text(_)),
            Kind::Integer => matches!(found, Found::Integer(_)),
            Kind::Boolean => matches!(found, Found::Boolean(_)),
            Kind::Time => matches!(found, Found::Time(_)),
            Kind::TextList => matches!(found, Found::Texts(_)),
            Kind::Object => matches!(found, Found::Object(_)),
            Kind::Issue => matches!(found, Found::Issue(_)),
            Kind::Enum(words) => words.iter().any(|word| found == Found::text(word)),
        };
        assert!(fits, "{}: {found:?}", field.name);
    }
}
