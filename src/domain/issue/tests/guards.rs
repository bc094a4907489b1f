//! What transitions ask for.

use super::*;
use crate::domain::configuration::{Body, Configuration, Configurations, IssueType};
use crate::domain::name::{ConfigurationKind, ConfigurationName, Id, RelationName};
use crate::domain::people::{Role, Standing};
use crate::domain::relation::{Relation, RelationKind};
use crate::domain::schema::Schema;
use crate::domain::workflow::{Condition, Status, Transition};

fn group(id: &str) -> GroupName {
    GroupName::of(&Id::parse("", id).unwrap())
}

fn status(id: &str, category: Category, visible_to: &[&str]) -> Status {
    Status {
        id: id.into(),
        category,
        visible_to: visible_to.iter().map(|id| group(id)).collect(),
        predicate: String::new(),
    }
}

fn plain(id: &str, to: &str) -> Transition {
    Transition {
        id: id.into(),
        from: vec!["new".into()],
        to: to.into(),
        condition: Condition::default(),
        required_parameters: Vec::new(),
        allowed_groups: Vec::new(),
        require_actions_done: false,
        require_unblocked: false,
    }
}

/// Two statuses that are open, one that is for `qa` alone, one that closes, one without a way.
fn workflow(transitions: Vec<Transition>) -> Workflow {
    Workflow {
        display_name: String::new(),
        initial_status: "new".into(),
        statuses: vec![
            status("new", Category::Triage, &[]),
            status("next", Category::Todo, &[]),
            status("secret", Category::Review, &["qa"]),
            status("done", Category::Done, &[]),
            status("lost", Category::Cancelled, &[]),
        ],
        transitions,
    }
}

fn configured(kind: ConfigurationKind, id: &str, body: Body) -> Configuration {
    let project = ProjectId::parse("", "abc").unwrap();
    Configuration {
        name: ConfigurationName { project, kind, id: Id::parse("", id).unwrap() },
        uid: Uuid::nil(),
        revision: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        creator: ActorName::root(),
        deleted_at: None,
        body,
    }
}

/// A world with this workflow, a type of it that only `dev` sees, and Ann, who is in `qa`.
fn world(transitions: Vec<Transition>) -> Definitions {
    let schema = json!({ "properties": { "n": { "type": "integer" }, "who": {} } });
    let issue_type = IssueType {
        display_name: String::new(),
        kind: IssueKind::Custom,
        workflow: "own".into(),
        parameter_schema: Schema::stored(schema.as_object().unwrap().clone()),
        visible_to: vec![group("dev")],
    };
    let all = Configurations::of(vec![
        configured(ConfigurationKind::Workflow, "own", Body::Workflow(workflow(transitions))),
        configured(ConfigurationKind::IssueType, "own", Body::IssueType(issue_type)),
    ]);
    let project = ProjectId::parse("", "abc").unwrap();
    let ann: Principal = ann().into();
    let standing = Standing {
        principal: ann.clone(),
        person: true,
        active: true,
        admin: false,
        groups: [group("qa"), group("dev")].into(),
        roles: [(project.clone(), Role::Worker)].into(),
    };
    Definitions {
        configurations: [(project, Arc::new(all))].into(),
        standings: [(ann, Arc::new(standing))].into(),
        ..definitions()
    }
}

fn ann() -> ActorName {
    ActorName::stored("actors/ann")
}

fn own() -> Issue {
    Issue {
        issue_type: "own".into(),
        issue_type_revision: 1,
        kind: IssueKind::Custom,
        workflow: "own".into(),
        workflow_revision: 1,
        status: "new".into(),
        category: Category::Triage,
        visible_to: Some([group("dev")].into()),
        ..issue("open")
    }
}

/// Moves the issue, with these other rows there.
fn moved(rows: WorkingSet, transitions: Vec<Transition>, verb: &dyn Decide) -> Result<Decision> {
    let (definitions, caller) = (world(transitions), ann());
    let (rows, definitions) = (&rows, &definitions);
    verb.decide(&At { rows, definitions, now: now(), caller: &caller, seed: Uuid::nil() })
}

fn alone() -> WorkingSet {
    WorkingSet {
        issues: Rows::load(&BTreeSet::from([name()]), vec![own()]),
        ..WorkingSet::default()
    }
}

fn to(status: &str, parameters: Value) -> TransitionIssue {
    let parameters = parameters.as_object().unwrap().clone();
    TransitionIssue { parameters, ..transition(Move::To(status.into())) }
}

/// The reason and one value of what is told with it.
fn why(error: Error, key: &str) -> (Reason, String) {
    let (error, details) = error.into_details();
    let value = details.into_iter().find(|(name, _)| *name == key);
    (error.reason(), value.map(|(_, value)| value).unwrap_or_default())
}

#[test]
fn several_ways_to_a_status_must_be_told_apart() {
    let ways = || vec![plain("a", "next"), plain("b", "next")];

    let error = moved(alone(), ways(), &to("next", json!({}))).unwrap_err();
    let along = moved(alone(), ways(), &transition(Move::Along("b".into()))).unwrap();

    assert_eq!(why(error, "transitions"), (Reason::FieldInvalid, "a, b".into()));
    assert_eq!(along.events[0].data["transition"], "b");
    let nowhere = moved(alone(), ways(), &to("done", json!({}))).unwrap_err();
    assert_eq!(nowhere.reason(), Reason::TransitionForbidden);
}

#[test]
fn what_must_be_said_may_be_sent_with_the_move() {
    let way = || {
        let required_parameters = vec!["n".into(), "who".into()];
        vec![Transition { required_parameters, ..plain("a", "next") }]
    };

    let error = moved(alone(), way(), &to("next", json!({ "n": 1 }))).unwrap_err();
    let sent = moved(alone(), way(), &to("next", json!({ "n": 1, "who": "me" })));

    assert_eq!(why(error, "fields"), (Reason::FieldsMissing, "who".into()));
    assert!(sent.is_ok());
}

#[test]
fn a_move_keeps_the_schema_of_the_type() {
    let way = || vec![plain("a", "next")];
    for wrong in [json!({ "n": "one" }), json!({ "m": 1 })] {
        let error = moved(alone(), way(), &to("next", wrong.clone())).unwrap_err();
        assert_eq!(error.reason(), Reason::SchemaViolation, "{wrong}");
    }
}

#[test]
fn a_transition_may_be_for_certain_groups() {
    let way = |id: &str| vec![Transition { allowed_groups: vec![group(id)], ..plain("a", "next") }];

    assert!(moved(alone(), way("qa"), &to("next", json!({}))).is_ok());
    let error = moved(alone(), way("ops"), &to("next", json!({}))).unwrap_err();
    assert_eq!(why(error, "groups"), (Reason::NotPerformer, "groups/ops".into()));
}

#[test]
fn a_condition_lets_through_what_it_holds_for() {
    let way = |text: &str| {
        let condition = Condition::parse("c", text).unwrap();
        vec![Transition { condition, ..plain("a", "next") }]
    };
    let holds = |text: &str| {
        let decided = moved(alone(), way(text), &to("next", json!({ "n": 7 })));
        decided.map(drop).map_err(|error| why(error, "condition"))
    };

    for right in [
        "self.parameters.n == 7",
        "params.n > 6",
        "self.status == 'new' && self.key == 'ABC-1'",
        "actor.name == 'actors/ann' && 'groups/qa' in actor.groups && actor.role == 'WORKER'",
    ] {
        assert_eq!(holds(right), Ok(()), "{right}");
    }
    for wrong in ["self.parameters.n == 8", "self.parameters.m == 7", "self.priority"] {
        if Condition::parse("c", wrong).is_ok() {
            assert_eq!(holds(wrong), Err((Reason::ConditionFalse, wrong.into())));
        }
    }
}

#[test]
fn an_open_blocker_holds_and_a_closed_one_does_not() {
    let way = || vec![Transition { require_unblocked: true, ..plain("a", "next") }];
    let blocker = IssueName { number: 2, ..name() };
    let relation = Relation {
        name: RelationName { issue: blocker.clone(), number: 1 },
        uid: Uuid::nil(),
        created_at: now(),
        creator: ann(),
        target: name(),
        kind: RelationKind::Blocks,
    };
    let rows = |kind, closed_at, deleted_at| {
        let relation = Relation { kind, ..relation.clone() };
        let other = Issue { name: blocker.clone(), closed_at, deleted_at, ..own() };
        WorkingSet {
            issues: Rows::load(&[name(), blocker.clone()].into(), vec![own(), other]),
            relations: Rows::load(&[relation.name.clone()].into(), vec![relation]),
            ..WorkingSet::default()
        }
    };
    let go = |rows| moved(rows, way(), &to("next", json!({})));

    let error = go(rows(RelationKind::Blocks, None, None)).unwrap_err();
    assert_eq!(why(error, "blockers"), (Reason::IssueBlocked, "ABC-2".into()));
    assert!(go(rows(RelationKind::Causes, None, None)).is_ok());
    assert!(go(rows(RelationKind::Blocks, Some(now()), None)).is_ok());
    assert!(go(rows(RelationKind::Blocks, None, Some(now()))).is_ok());
    let free = moved(
        rows(RelationKind::Blocks, None, None),
        vec![plain("a", "next")],
        &to("next", json!({})),
    );
    assert!(free.is_ok(), "nobody asked");
}

#[test]
fn who_sees_an_issue_goes_with_its_status() {
    let ways = || vec![plain("hide", "secret"), plain("show", "next")];
    let seen = |decision: &Decision| becomes(decision).visible_to.clone();

    let hidden = moved(alone(), ways(), &to("secret", json!({}))).unwrap();
    let shown = moved(alone(), ways(), &to("next", json!({}))).unwrap();

    assert_eq!(seen(&hidden), Some([group("qa")].into()));
    assert_eq!(seen(&shown), Some([group("dev")].into()));
}

#[test]
fn an_issue_gets_its_type_as_it_is_now() {
    let create = CreateIssue {
        project: ProjectId::parse("", "abc").unwrap(),
        start: Start { issue_type: Some(Id::parse("", "own").unwrap()), ..Start::default() },
        edits: vec![IssueEdit::Title("t".into())],
    };
    let key = crate::domain::counter::CounterKey::issues(&create.project);
    let counter = crate::domain::counter::Counter::after(key.clone(), None);
    let rows = || WorkingSet {
        counters: Rows::load(&[key.clone()].into(), vec![counter.clone()]),
        ..WorkingSet::default()
    };

    let decision = moved(rows(), vec![plain("a", "next")], &create).unwrap();
    let issue = becomes(&decision);
    assert_eq!((issue.issue_type.as_str(), issue.issue_type_revision), ("own", 1));
    assert_eq!((issue.workflow.as_str(), issue.workflow_revision), ("own", 1));
    assert_eq!((issue.status.as_str(), issue.category), ("new", Category::Triage));
    assert_eq!(
        (issue.kind, issue.visible_to.clone()),
        (IssueKind::Custom, Some([group("dev")].into()))
    );

    let unknown = Start { issue_type: Some(Id::parse("", "none").unwrap()), ..Start::default() };
    let unknown = CreateIssue { start: unknown, ..create.clone() };
    let error = moved(rows(), Vec::new(), &unknown).unwrap_err();
    assert_eq!(error.to_string(), "projects/abc/issueTypes/none does not exist");
    let parameters = json!({ "n": "one" }).as_object().unwrap().clone();
    let edits = vec![IssueEdit::Title("t".into()), IssueEdit::Parameters(parameters)];
    let error = moved(rows(), Vec::new(), &CreateIssue { edits, ..create }).unwrap_err();
    assert_eq!(error.reason(), Reason::SchemaViolation);
}

#[test]
fn closing_as_a_duplicate_says_of_what() {
    let other = IssueName { number: 2, ..name() };
    let close = |resolution: &str| CloseIssue {
        resolution: resolution.into(),
        duplicate_of: Some(other.clone()),
        ..close("")
    };
    let wrong = moved(alone(), vec![plain("a", "done")], &close("completed")).unwrap_err();

    assert_eq!(wrong.reason(), Reason::FieldInvalid);
    let nowhere = moved(alone(), vec![plain("a", "next")], &super::close("")).unwrap_err();
    assert_eq!(nowhere.reason(), Reason::TransitionForbidden);
}
