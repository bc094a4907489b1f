//! Every refusal that the contract documents: its code, its reason, what it blames, and that it
//! leaves nothing behind.

#[macro_use]
mod cases;
mod agenda;
mod configuration;
mod consumers;
mod people;
mod relations;
mod remarks;
mod work;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use potts::proto::{
    CloseIssueRequest, Comment, CreateCommentRequest, CreateGroupRequest, CreateIssueRequest,
    CreateReferenceRequest, DeleteIssueRequest, DeleteProjectRequest, ErrorReason, Group,
    Reference, Role, reference,
};

use crate::support::{TestApp, told};
use cases::{
    Case, USED, create, event_cases, issue_field_cases, issue_verb_cases, project_cases, text,
};
use configuration::{configuration_cases, configure};
use people::{actor_cases, group_cases, member_cases};

/// A project with an open issue, a closed, a deleted and one that moves; and a deleted project.
async fn busy() -> TestApp {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.project("gone").await;
    let gone = DeleteProjectRequest { name: text("projects/gone"), ..Default::default() };
    app.projects().delete_project(gone).await.unwrap();
    let first = CreateIssueRequest { request_id: text(USED), ..create(|i| i.title = text("open")) };
    app.issues().create_issue(first).await.unwrap();
    for title in ["closed", "deleted"] {
        app.issue("abc", title).await;
    }
    let close = CloseIssueRequest { name: text("ABC-2"), ..Default::default() };
    app.issues().close_issue(close).await.unwrap();
    let delete = DeleteIssueRequest { name: text("ABC-3"), ..Default::default() };
    app.issues().delete_issue(delete).await.unwrap();
    configure(&app).await;
    remarks(&app).await;
    people(&app).await;
    relations::prepare(&app).await;
    work::prepare(&app).await;
    consumers::prepare(&app).await;
    app
}

/// A comment and a reference on the open issue, and as many on the closed one as there may be.
async fn remarks(app: &TestApp) {
    let comment = Some(Comment { text: text("said"), ..Default::default() });
    let say = CreateCommentRequest { parent: text("ABC-1"), comment, ..Default::default() };
    app.issues().create_comment(say).await.unwrap();
    let target = Some(reference::Target::Text(text("there")));
    let reference = Some(Reference { target, ..Default::default() });
    let point = CreateReferenceRequest { parent: text("ABC-1"), reference, ..Default::default() };
    app.issues().create_reference(point.clone()).await.unwrap();
    let point = CreateReferenceRequest { parent: text("ABC-2"), ..point };
    let many = (0..200).map(|_| async { app.issues().create_reference(point.clone()).await });
    join_all(many).await.into_iter().for_each(|made| drop(made.unwrap()));
}

/// Ann, who is a member of the project and of a group in a group; and Bob.
async fn people(app: &TestApp) {
    app.actor("ann", "abc", Role::Viewer).await;
    app.stranger("bob").await;
    for (id, member) in [("qa", "actors/ann"), ("all", "groups/qa")] {
        let group = Some(Group { members: vec![text(member)], ..Default::default() });
        let request = CreateGroupRequest { group_id: text(id), group, ..Default::default() };
        app.actors().create_group(request).await.unwrap();
    }
}

/// Makes each call and compares what it is told; nothing is left behind by any.
async fn are_told(cases: Vec<Case>) {
    let app = busy().await;
    let sql = app.database.sql().await;
    let count = "select (select count(*) from events), (select count(*) from requests),
                        (select sum(version) from issues)::bigint,
                        (select sum(version) from projects)::bigint,
                        (select count(*) from configurations),
                        (select sum(version) from actions)::bigint";
    let left = async || {
        let row = sql.query_one(count, &[]).await.unwrap();
        [0, 1, 2, 3, 4, 5].map(|column| row.get::<_, i64>(column))
    };
    let before = left().await;
    let documented = documented();
    let mut wrong = Vec::new();

    for Case { rpc, reason, blamed, call } in cases {
        let told = told(call(&app).await);
        let code = documented.get(&(camel(rpc), text(reason))).map_or("none", String::as_str);
        let expected =
            (screaming(&format!("{:?}", told.code)), told.reason.as_str(), told.blamed());
        let seen = (expected.0.as_str(), expected.1, expected.2.as_str());
        if seen != (code, reason, blamed) {
            wrong.push(format!("{rpc}: documented {:?}, told {seen:?}", (code, reason, blamed)));
        }
    }

    assert_eq!(left().await, before, "something was left behind");
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_projects_are_refused_as_documented() {
    are_told(project_cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_issues_are_refused_as_documented() {
    are_told(issue_field_cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verbs_of_issues_are_refused_as_documented() {
    are_told(issue_verb_cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_remarks_are_refused_as_documented() {
    are_told(remarks::remark_cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_actors_are_refused_as_documented() {
    are_told(actor_cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_groups_and_credentials_are_refused_as_documented() {
    are_told(group_cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_members_are_refused_as_documented() {
    are_told(member_cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_trees_and_relations_are_refused_as_documented() {
    are_told(relations::relation_cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_actions_are_refused_as_documented() {
    are_told(work::work_cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_for_agendas_are_refused_as_documented() {
    are_told(agenda::agenda_cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_events_are_refused_as_documented() {
    are_told(event_cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_consumers_are_refused_as_documented() {
    are_told(consumers::consumer_cases()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_about_configuration_are_refused_as_documented() {
    are_told(configuration_cases()).await;
}

const SERVICES: &[&str] = &[
    include_str!("../../../proto/potts/v1/project_service.proto"),
    include_str!("../../../proto/potts/v1/issue_service.proto"),
    include_str!("../../../proto/potts/v1/action_service.proto"),
    include_str!("../../../proto/potts/v1/event_service.proto"),
    include_str!("../../../proto/potts/v1/actor_service.proto"),
    include_str!("../../../proto/potts/v1/workflow_service.proto"),
];

/// `CreateIssue` of `create_issue`.
fn camel(rpc: &str) -> String {
    let upper = |word: &str| {
        let (first, rest) = word.split_at(1);
        first.to_uppercase() + rest
    };
    rpc.split('_').map(upper).collect()
}

/// `NOT_FOUND` of `NotFound`.
fn screaming(camel: &str) -> String {
    let snake = |(n, c): (usize, char)| match c.is_uppercase() && n > 0 {
        true => format!("_{c}"),
        false => c.to_uppercase().to_string(),
    };
    camel.char_indices().map(snake).collect()
}

/// The pairs of code and reason that a comment names.
fn pairs(comment: &str) -> Vec<(String, String)> {
    let mut code = None;
    let mut fresh = false;
    let mut pairs = Vec::new();
    for word in comment.split(|c: char| !(c.is_ascii_uppercase() || c == '_')) {
        let is_code = screaming_codes().contains(word) && !(fresh && word == "INTERNAL");
        let reason = ErrorReason::from_str_name(&format!("ERROR_REASON_{word}"));
        if is_code {
            (code, fresh) = (Some(text(word)), true);
        } else if let (Some(code), Some(_)) = (&code, reason) {
            pairs.push((code.clone(), text(word)));
            fresh = false;
        }
    }
    pairs
}

fn screaming_codes() -> BTreeSet<String> {
    (1..=16).map(|code| screaming(&format!("{:?}", tonic::Code::from(code)))).collect()
}

/// The code that each RPC and reason is documented with.
fn documented() -> BTreeMap<(String, String), String> {
    let mut documented = BTreeMap::new();
    for proto in SERVICES {
        let (head, service) = proto.split_once("\nservice ").unwrap();
        let (_, comment) = head.rsplit_once("Every RPC may also answer").unwrap();
        let (of_all, of_writes) =
            comment.split_once("A write may also answer").unwrap_or((comment, ""));
        let (body, _) = service.split_once("\n}\n").unwrap();
        let mut errors = text("");
        for line in body.lines() {
            let line = line.trim();
            if let Some(rpc) = line.strip_prefix("rpc ") {
                let (rpc, _) = rpc.split_once('(').unwrap();
                // What takes no `request_id` says all by itself.
                let reads = [
                    "Get",
                    "List",
                    "Subscribe",
                    "Publish",
                    "Heartbeat",
                    "Consume",
                    "AckEvents",
                    "FailEvents",
                    "ExtendEvents",
                    "ParkEvents",
                ];
                let reads = reads.iter().any(|r| rpc.starts_with(r));
                let also = if reads { "" } else { of_writes };
                let (_, own) = errors.split_once("Errors:").unwrap_or_default();
                for (code, reason) in [own, of_all, also].into_iter().flat_map(pairs) {
                    documented.insert((text(rpc), reason), code);
                }
                errors.clear();
            } else {
                errors.push_str(line);
                errors.push(' ');
            }
        }
    }
    documented
}

/// What asks for actions that have ended.
const MENDED: &str = "a_bug_is_found_by_testers_and_mended_by_developers";
/// What asks for parameters and conditions.
const ASKED: &str = "a_transition_needs_its_parameters_and_its_condition";

/// What has cursors of other logs.
const MISFITS: &str = "a_start_that_does_not_fit_the_log_is_refused";
/// What disables a member.
const DISABLED: &str = "the_stream_of_a_member_who_may_not_work_any_more_ends";

/// What is documented and no row above provokes: for which RPC, why not, and the file and the test
/// that do.
const ELSEWHERE: &[(&str, &str, &str, &str)] = &[
    ("*", "CREDENTIAL_INVALID", "door.rs", "every_rpc_asks_for_the_token"),
    ("*", "ROLE_REQUIRED", "roles.rs", "every_rpc_asks_for_its_role"),
    ("*", "FIELD_TOO_LARGE", "door.rs", "a_message_over_4_mib_is_refused"),
    ("*", "DEADLINE_PASSED", "door.rs", "a_deadline_that_passes_is_told_with_its_reason"),
    ("*", "REQUEST_ID_REUSED", "retries.rs", "a_call_that_is_sent_again_happens_once"),
    ("*", "SCHEMA_VIOLATION", "issue_workflows.rs", "parameters_keep_the_schema_of_the_type"),
    ("TransitionIssue", "ACTIONS_OPEN", "acceptance.rs", MENDED),
    ("CloseIssue", "ACTIONS_OPEN", "acceptance.rs", MENDED),
    ("TransitionIssue", "TRANSITION_FORBIDDEN", "issue_workflows.rs", ASKED),
    ("CloseIssue", "TRANSITION_FORBIDDEN", "issue_workflows.rs", ASKED),
    ("TransitionIssue", "FIELDS_MISSING", "issue_workflows.rs", ASKED),
    ("TransitionIssue", "CONDITION_FALSE", "issue_workflows.rs", ASKED),
    ("TransitionIssue", "ISSUE_BLOCKED", "issue_workflows.rs", "an_open_blocker_holds_an_issue"),
    (
        "TransitionIssue",
        "NOT_PERFORMER",
        "issue_workflows.rs",
        "a_transition_may_be_for_certain_groups",
    ),
    (
        "AssignIssue",
        "ROLE_REQUIRED",
        "issue_trees.rs",
        "a_worker_takes_an_issue_and_gives_none_away",
    ),
    ("CreateIssueRelation", "LIMIT_REACHED", "relations.rs", "an_issue_has_500_relations"),
    ("CloseIssue", "LIMIT_REACHED", "relations.rs", "an_issue_has_500_relations"),
    ("Subscribe", "EPOCH_CHANGED", "subscribe.rs", "a_cursor_of_another_log_is_refused"),
    ("Subscribe", "LOG_DIVERGED", "subscribe.rs", "a_cursor_that_does_not_fit_the_log_is_refused"),
    ("Subscribe", "CURSOR_AHEAD", "subscribe.rs", "a_cursor_that_does_not_fit_the_log_is_refused"),
    ("Subscribe", "CURSOR_EXPIRED", "subscribe.rs", "a_cursor_before_the_oldest_event_is_refused"),
    ("GetEvent", "CURSOR_EXPIRED", "subscribe.rs", "a_cursor_before_the_oldest_event_is_refused"),
    ("ListEvents", "CURSOR_EXPIRED", "horizon", "a_list_that_the_beginning_has_passed_is_refused"),
    ("Subscribe", "ACCESS_REVOKED", "visibility", "the_stream_of_who_is_disabled_ends_at_once"),
    ("PublishEvents", "ROLE_REQUIRED", "visibility", "messages_are_published_by_workers"),
    ("Subscribe", "LIMIT_REACHED", "subscribe.rs", "a_caller_has_a_hundred_subscriptions"),
    ("CreateConsumer", "EPOCH_CHANGED", "consumers", MISFITS),
    ("CreateConsumer", "LOG_DIVERGED", "consumers", MISFITS),
    ("CreateConsumer", "CURSOR_AHEAD", "consumers", MISFITS),
    ("CreateConsumer", "CURSOR_EXPIRED", "consumers", MISFITS),
    ("ResetConsumer", "EPOCH_CHANGED", "consumers", MISFITS),
    ("ResetConsumer", "LOG_DIVERGED", "consumers", MISFITS),
    ("ResetConsumer", "CURSOR_AHEAD", "consumers", MISFITS),
    ("ResetConsumer", "CURSOR_EXPIRED", "consumers", MISFITS),
    ("Consume", "LIMIT_REACHED", "consumers", "a_caller_has_a_hundred_streams_whatever_they_are"),
    ("Consume", "ACCESS_REVOKED", "consumers", DISABLED),
    // Its stream of the log ends as every other one does.
    ("Consume", "EPOCH_CHANGED", "subscribe.rs", "a_cursor_of_another_log_is_refused"),
    ("Consume", "FENCE_STALE", "faults", "a_member_that_takes_nothing_is_put_out"),
    ("AckEvents", "FENCE_STALE", "order", "one_bucket_has_one_member_and_others_stand_by"),
    ("FailEvents", "FENCE_STALE", "order", "one_bucket_has_one_member_and_others_stand_by"),
    ("ExtendEvents", "FENCE_STALE", "order", "one_bucket_has_one_member_and_others_stand_by"),
    ("ParkEvents", "FENCE_STALE", "order", "one_bucket_has_one_member_and_others_stand_by"),
];

/// What needs a database that fails, a full queue or a defect: provoked by the tests of faults.
const FAULTS: &[&str] = &[
    "DATABASE_UNAVAILABLE",
    "SHUTTING_DOWN",
    "OUTCOME_UNKNOWN",
    "CONTENTION",
    "QUEUE_FULL",
    "INTERNAL",
];

#[test]
fn every_documented_refusal_is_provoked() {
    let cases = [
        project_cases(),
        issue_field_cases(),
        issue_verb_cases(),
        remarks::remark_cases(),
        relations::relation_cases(),
        work::work_cases(),
        agenda::agenda_cases(),
        event_cases(),
        actor_cases(),
        group_cases(),
        member_cases(),
        configuration_cases(),
        consumers::consumer_cases(),
    ];
    let provoked: BTreeSet<_> =
        cases.iter().flatten().map(|case| (camel(case.rpc), text(case.reason))).collect();
    let sources = [
        ("acceptance.rs", include_str!("../acceptance.rs")),
        ("consumers", include_str!("../consumers/calls.rs")),
        ("faults", include_str!("../consumers/faults.rs")),
        ("order", include_str!("../consumers/order.rs")),
        ("door.rs", include_str!("../door.rs")),
        ("horizon", include_str!("../horizon/mod.rs")),
        ("issue_trees.rs", include_str!("../issue_trees.rs")),
        ("issue_workflows.rs", include_str!("../issue_workflows.rs")),
        ("relations.rs", include_str!("../relations.rs")),
        ("retries.rs", include_str!("../retries.rs")),
        ("roles.rs", include_str!("../roles.rs")),
        ("subscribe.rs", include_str!("../subscribe.rs")),
        ("visibility", include_str!("../visibility/mod.rs")),
        ("work/lists.rs", include_str!("../work/lists.rs")),
    ];
    for (_, _, file, test) in ELSEWHERE {
        let (_, source) = sources.iter().find(|(name, _)| name == file).unwrap();
        assert!(source.contains(&format!("fn {test}(")), "{file} has no {test}");
    }

    let documented = documented();
    let missing: Vec<_> = documented
        .keys()
        .filter(|(rpc, reason)| {
            let elsewhere =
                ELSEWHERE.iter().any(|(of, what, ..)| (*of == "*" || of == rpc) && what == reason);
            !elsewhere
                && !FAULTS.contains(&reason.as_str())
                && !provoked.contains(&(rpc.clone(), reason.clone()))
        })
        .collect();

    assert!(missing.is_empty(), "{missing:#?}");
    assert!(documented.len() > 150, "only {} were read", documented.len());
    assert_eq!(documented[&(text("CloseIssue"), text("INTERNAL"))], "INTERNAL");
    assert_eq!(documented[&(text("CloseIssue"), text("SHUTTING_DOWN"))], "UNAVAILABLE");
}
