//! Batches against a database in memory: however commands are cut into batches, the same happens.

mod actions;
mod asks;
mod work;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::oneshot;

use super::*;
use crate::domain::command::{Resource, Verb};
use crate::domain::issue::{
    CloseIssue, CreateIssue, DeleteIssue, IssueEdit, Move, ReopenIssue, TransitionIssue,
    UndeleteIssue, UpdateIssue,
};
use crate::domain::message::ReceiveMessage;
use crate::domain::name::{IssueName, ProjectId};
use crate::domain::people::Standing;
use crate::domain::project::{CreateProject, DeleteProject, UpdateProject};
use crate::domain::working_set::nouns::*;
use crate::domain::working_set::{Changes, Noun, Rows, for_each_noun};
use crate::ledger::command::{Class, Command};
use crate::ledger::queue::Progress;

macro_rules! database {
    ($($early:ident: $first:ident,)* ; $($late:ident: $second:ident,)*) => {
        database! { $($early: $first,)* $($late: $second,)* }
    };
    ($($rows:ident: $noun:ident,)*) => {
        /// Every table, in memory.
        #[derive(Debug, Default, Clone, PartialEq)]
        struct Database { $($rows: BTreeMap<<$noun as Noun>::Key, $noun>,)* }

        impl Database {
            fn load(&self, footprint: &Footprint) -> WorkingSet {
                WorkingSet {
                    $($rows: rows(&self.$rows, &footprint.$rows),)*
                    drawn: self.drawn(footprint),
                    ..WorkingSet::default()
                }
            }

            fn write(&mut self, written: &WorkingSet) {
                $(store(&mut self.$rows, &written.$rows);)*
            }
        }
    };
}

for_each_noun!(database);

fn rows<N: Noun>(
    table: &BTreeMap<N::Key, N>,
    keys: &std::collections::BTreeSet<N::Key>,
) -> Rows<N> {
    Rows::load(keys, keys.iter().filter_map(|key| table.get(key).cloned()).collect())
}

fn store<N: Noun>(table: &mut BTreeMap<N::Key, N>, rows: &Rows<N>) {
    let Changes { new, changed, gone } = rows.changes();
    gone.into_iter().for_each(|noun| drop(table.remove(&noun.key())));
    let written = new.into_iter().chain(changed.into_iter().map(|(_, new)| new));
    table.extend(written.map(|noun| (noun.key(), noun.clone())));
}

impl Database {
    fn definitions(&self) -> Definitions {
        let projects =
            self.projects.iter().map(|(id, p)| (id.clone(), Arc::new(p.clone()))).collect();
        let root = Standing::root();
        let standings = [(root.principal.clone(), Arc::new(root))].into();
        Definitions { projects, standings, ..Definitions::default() }
    }

    /// Carries out one batch and answers what it came to.
    fn carry_out(&mut self, batch: &[Pending]) -> Decided {
        let wanted = footprint(batch, &Replays::new());
        self.carry_out_with(batch, &wanted)
    }

    fn carry_out_with(&mut self, batch: &[Pending], wanted: &Footprint) -> Decided {
        let definitions = self.definitions();
        let wanted = self.lock(batch, wanted.clone(), &definitions);
        let mut world = World {
            rows: self.load(&wanted),
            definitions: &definitions,
            now: Timestamp::UNIX_EPOCH,
            replays: Replays::new(),
        };
        let mut decided = Decided::default();
        // Under a debugger or a busy machine the time may be up: the rest goes into further parts.
        while decided.outcomes.len() < batch.len() {
            let part = decide(&batch[decided.outcomes.len()..], &mut world);
            assert!(!part.outcomes.is_empty(), "at least one is decided");
            decided.outcomes.extend(part.outcomes);
            decided.events.extend(part.events);
            decided.requests.extend(part.requests);
        }
        self.write(&world.rows);
        decided
    }
}

fn pending(id: u128, verb: impl Into<Verb>) -> Pending {
    let call = Call {
        caller: ActorName::root(),
        request_id: Uuid::from_u128(id),
        request_id_given: true,
        fingerprint: [0; 16],
        deadline: Instant::now() + Duration::from_secs(60),
        validate_only: false,
    };
    let command = Command { call, class: Class::Client, bytes: 100, verb: verb.into() };
    Pending { command, progress: Arc::new(Progress::default()), answer: oneshot::channel().0 }
}

fn project() -> ProjectId {
    ProjectId::parse("", "abc").unwrap()
}

fn issue(number: i64) -> IssueName {
    IssueName { project: project(), number }
}

fn create_project() -> CreateProject {
    CreateProject { id: project(), display_name: String::new() }
}

fn create_issue(title: &str) -> CreateIssue {
    let edits = vec![IssueEdit::Title(title.into())];
    CreateIssue { project: project(), start: Default::default(), edits }
}

fn close(name: IssueName, duplicate_of: Option<IssueName>) -> CloseIssue {
    let text = String::new;
    CloseIssue { name, resolution: text(), duplicate_of, message: text(), etag: None }
}

fn started() -> Database {
    let mut database = Database::default();
    database.carry_out(&[pending(1, create_project())]);
    database
}

/// What a caller and a reader see of an outcome.
fn told(decided: &Decided) -> Vec<String> {
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Done { answer: Answer::Resource(resource), changed, .. } => {
            // The versions that the commands of these tests are about.
            let version = if let Resource::Issue(issue) = resource {
                issue.version
            } else if let Resource::Project(project) = resource {
                project.version
            } else {
                0
            };
            format!("{} {changed} v{version}", resource.name())
        }
        Outcome::Done { answer: Answer::Replayed(name), .. } => format!("again {name}"),
        Outcome::Refused(error) => error.to_string(),
    };
    decided.outcomes.iter().map(outcome).collect()
}

fn verbs() -> impl Strategy<Value = Verb> {
    let name = || (1_i64..6).prop_map(issue);
    let etag = || prop_oneof![4 => Just(None), 1 => Just(Some("v2".to_owned()))];
    let message = String::new;
    prop_oneof![
        4 => "[a-z ]{0,4}".prop_map(|title| create_issue(&title).into()),
        1 => Just(create_project().into()),
        1 => "[a-b]{0,1}".prop_map(|name| {
            UpdateProject { id: project(), etag: None, display_name: Some(name) }.into()
        }),
        1 => (any::<bool>(), 0..9).prop_map(|(force, n)| {
            // Deleting it every time would leave little to do.
            DeleteProject { id: project(), etag: None, force: force && n == 0 }.into()
        }),
        4 => (name(), etag(), 0_i16..7).prop_map(|(name, etag, priority)| {
            let edits = vec![IssueEdit::Priority(priority)];
            UpdateIssue { name, etag, edits }.into()
        }),
        2 => (name(), etag()).prop_map(|(name, etag)| DeleteIssue { name, etag }.into()),
        2 => name().prop_map(|name| UndeleteIssue { name, etag: None }.into()),
        4 => (name(), prop_oneof!["start", "stop", "close", "fly"]).prop_map(move |(name, id)| {
            let (to, parameters) = (Move::Along(id), serde_json::Map::new());
            TransitionIssue { name, to, parameters, message: message(), etag: None }.into()
        }),
        3 => name().prop_map(|name| {
            close(name, None).into()
        }),
        3 => work::verbs(),
        3 => name().prop_map(move |name| {
            ReopenIssue { name, message: message(), etag: None }.into()
        }),
        3 => "[a-c]".prop_map(|id| {
            let message = crate::domain::cloud_event::CloudEvent { id, ..Default::default() };
            ReceiveMessage { project: project(), message }.into()
        }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Cuts are where the queue cuts: anywhere, and after a command that changes a definition.
    #[test]
    fn random_cuts_equal_batches_of_one(
        verbs in proptest::collection::vec((verbs(), any::<bool>()), 1..40),
    ) {
        let commands = || verbs.iter().enumerate().map(|(n, (verb, _))| {
            pending(u128::try_from(n).unwrap() + 10, verb.clone())
        });
        let (mut one_by_one, mut batched) = (started(), started());

        let mut expected = (Vec::new(), Vec::new());
        for command in commands() {
            let decided = one_by_one.carry_out(&[command]);
            expected.0.extend(told(&decided));
            expected.1.extend(decided.events.into_iter().map(|event| (event.event_id, event.body)));
        }
        let mut seen = (Vec::new(), Vec::new());
        let mut batch = Vec::new();
        for (command, (verb, cut)) in commands().zip(&verbs) {
            batch.push(command);
            if *cut || verb.rule().changes_definition() {
                let decided = batched.carry_out(&std::mem::take(&mut batch));
                seen.0.extend(told(&decided));
                seen.1.extend(decided.events.into_iter().map(|event| (event.event_id, event.body)));
            }
        }
        let decided = batched.carry_out(&batch);
        seen.0.extend(told(&decided));
        seen.1.extend(decided.events.into_iter().map(|event| (event.event_id, event.body)));

        prop_assert_eq!(seen, expected);
        prop_assert_eq!(batched, one_by_one);
    }

    /// No event without a change, no change without an event; versions and steps count by one.
    #[test]
    fn a_change_and_its_events_are_one(verbs in proptest::collection::vec(verbs(), 1..40)) {
        let mut database = started();
        for (n, verb) in verbs.into_iter().enumerate() {
            let before = database.clone();
            let decided = database.carry_out(&[pending(u128::try_from(n).unwrap() + 10, verb)]);

            prop_assert_eq!(decided.events.is_empty(), before == database);
            let ends: Vec<bool> = decided.events.iter().map(|event| event.ends_command).collect();
            let count = ends.iter().filter(|ends| **ends).count();
            prop_assert_eq!(count, usize::from(!ends.is_empty()));
            prop_assert_eq!(ends.last().copied().unwrap_or(true), true);
            for (name, issue) in &database.issues {
                let old = before.issues.get(name);
                let (version, step) = old.map_or((0, 0), |old| (old.version, old.step));
                prop_assert!((0..=1).contains(&(issue.version - version)));
                prop_assert!((0..=1).contains(&(issue.step - step)));
                prop_assert_eq!(issue.is_closed(), issue.category.closes());
            }
            work::check_trees(&database);
            work::check_relations(&database);
            work::check_keys(&database);
            let numbers: Vec<i64> = database.issues.keys().map(|name| name.number).collect();
            let dense: Vec<i64> = (1..=i64::try_from(numbers.len()).unwrap()).collect();
            prop_assert_eq!(numbers, dense);
        }
    }
}

#[test]
fn a_refusal_a_panic_or_an_oversize_changes_nobody_elses_outcome() {
    let large = IssueEdit::Description("x".repeat(250 * 1024));
    let notes = (0..60).map(|n| (format!("k{n}"), "v".repeat(1_000))).collect();
    let oversize = CreateIssue {
        project: project(),
        start: Default::default(),
        edits: vec![IssueEdit::Title("t".into()), large, IssueEdit::Annotations(notes)],
    };
    let batch = [
        pending(10, create_issue("first")),
        pending(
            11,
            CloseIssue {
                name: issue(77),
                resolution: String::new(),
                duplicate_of: None,
                message: String::new(),
                etag: None,
            },
        ),
        pending(12, create_issue(" ")),
        pending(13, oversize),
        pending(14, create_issue("last")),
    ];
    let mut database = started();
    let mut wanted = footprint(&batch, &Replays::new());
    // A rule that reads what it did not ask for panics.
    assert!(wanted.issues.remove(&issue(77)));

    let decided = database.carry_out_with(&batch, &wanted);

    assert_eq!(
        told(&decided),
        [
            "projects/abc/issues/1 true v1",
            "internal error",
            "issue.title: must be set",
            "request: its issue.created would be too large: at most 262144 bytes an event",
            "projects/abc/issues/2 true v1",
        ]
    );
    assert_eq!(database.issues.len(), 2);
    assert_eq!(decided.requests.len(), 2, "refusals are not remembered");
}

#[test]
fn the_same_call_twice_in_a_batch_happens_once() {
    let mut database = started();
    let mut other = pending(10, create_issue("other"));
    other.command.call.fingerprint = [1; 16];
    let batch = [pending(10, create_issue("one")), pending(10, create_issue("one")), other];

    let decided = database.carry_out(&batch);

    let first = "projects/abc/issues/1 true v1";
    let reused = format!("request_id: {} was another request", Uuid::from_u128(10));
    assert_eq!(told(&decided), [first, first, reused.as_str()]);
    assert_eq!((database.issues.len(), decided.events.len(), decided.requests.len()), (1, 1, 1));
}

#[test]
fn a_refused_call_is_decided_anew_when_it_comes_again() {
    let mut database = started();
    let close = |id| pending(id, close(issue(1), None));
    let batch = [close(10), pending(11, create_issue("one")), close(10)];

    let decided = database.carry_out(&batch);

    assert_eq!(
        told(&decided),
        [
            "projects/abc/issues/1 does not exist",
            "projects/abc/issues/1 true v1",
            "projects/abc/issues/1 true v2",
        ]
    );
}

#[test]
fn a_validation_writes_nothing() {
    let mut database = started();
    let before = database.clone();
    let mut call = pending(10, create_issue("one"));
    call.command.call.validate_only = true;

    let decided = database.carry_out(&[call]);

    assert_eq!(told(&decided), ["projects/abc/issues/1 true v1"]);
    assert_eq!(database, before);
    assert!(!decided.writes());
}

#[test]
fn a_call_that_changes_nothing_is_remembered_only_under_an_id_of_its_caller() {
    let mut database = started();
    database.carry_out(&[pending(10, create_issue("one"))]);
    let reopen =
        |id| pending(id, ReopenIssue { name: issue(1), message: String::new(), etag: None });
    let mut anonymous = reopen(11);
    anonymous.command.call.request_id_given = false;

    assert_eq!(database.carry_out(&[anonymous]).requests.len(), 0);
    assert_eq!(database.carry_out(&[reopen(12)]).requests.len(), 1);
}
