//! Calls about actions that are refused.

use ::potts::proto::dependency::On;
use ::potts::proto::*;
use prost_types::value::Kind;
use prost_types::{Duration, ListValue, Struct, Value};

use super::cases::{Case, USED, mask, text};
use crate::support::TestApp;

/// Waits to be claimed.
const READY: &str = "WORK-1/actions/1";
/// Waits for the one before.
const PENDING: &str = "WORK-1/actions/2";
/// Was completed.
const DONE: &str = "WORK-1/actions/3";
/// Is held by somebody else.
const HELD: &str = "WORK-1/actions/4";
/// Is assigned to somebody else.
const HERS: &str = "WORK-1/actions/5";
/// Was cancelled; the next one has its key.
const KEYED: &str = "WORK-1/actions/6";
/// Is held by the caller, and of a type whose results have a schema.
const OURS: &str = "WORK-1/actions/8";
/// Belongs to an issue that is closed.
const CLOSED: &str = "WORK-2/actions/1";
/// Is not there.
const NONE: &str = "WORK-1/actions/99";
const NOBODY: &str = "potts.v1.Action projects/work/issues/1/actions/99";
const READY_NAME: &str = "projects/work/issues/1/actions/1";
const DONE_NAME: &str = "projects/work/issues/1/actions/3";
const HELD_NAME: &str = "projects/work/issues/1/actions/4";
const CLOSED_ISSUE: &str = "projects/work/issues/2";

/// Actions in every state that a refusal needs.
pub async fn prepare(app: &TestApp) {
    for project in ["work", "empty"] {
        app.project(project).await;
    }
    for title in ["open", "closed", "full"] {
        app.issue("work", title).await;
    }
    let hal = app.hand_in("work", "hal", "PERSON", "WORKER").await;
    let kind = "insert into configurations values ('work', 'actionTypes', 'deploy', 1,
             gen_random_uuid(), potts_now(), potts_now(), 'actors/root',
             '{\"attempts_max\": 5, \"losses_max\": 5, \"on_exhausted\": \"PANIC\",
               \"lease\": \"PT10M\", \"result_schema\": {\"required\": [\"version\"]}}', null);
         update definition_versions set version = version + 1
          where project = 'work' and kind = 'configuration'";
    let sql = app.database.sql().await;
    sql.batch_execute(kind).await.unwrap();
    let root = app.root();
    let add = async |issue: &str, change: fn(&mut Action)| {
        let mut action = Action { title: text("t"), ..Default::default() };
        change(&mut action);
        let request =
            AddActionRequest { parent: text(issue), action: Some(action), ..Default::default() };
        root.actions().add_action(request).await.unwrap();
    };
    add("WORK-1", |_| ()).await;
    add("WORK-1", |a| a.dependencies = vec![on_action(READY)]).await;
    add("WORK-1", |_| ()).await;
    root.do_it(DONE).await;
    add("WORK-1", |_| ()).await;
    hal.claim(HELD).await.unwrap();
    add("WORK-1", |a| a.assignee = text("actors/hal")).await;
    add("WORK-1", |a| a.unique_key = text("k")).await;
    root.cancel(KEYED).await.unwrap();
    add("WORK-1", |a| a.unique_key = text("k")).await;
    add("WORK-1", |a| a.action_type = text("deploy")).await;
    root.claim(OURS).await.unwrap();
    add("WORK-2", |_| ()).await;
    root.do_it(CLOSED).await;
    let close = CloseIssueRequest { name: text("WORK-2"), ..Default::default() };
    app.issues().close_issue(close).await.unwrap();
    add("WORK-3", |_| ()).await;
    let full =
        "update counters set live = 1000, last = 1000 where parent = 'projects/work/issues/3'";
    sql.batch_execute(full).await.unwrap();
}

fn on_action(name: &str) -> Dependency {
    Dependency { on: Some(On::Action(text(name))), ..Default::default() }
}

/// A sound action, but for what is changed.
fn action(change: impl FnOnce(&mut Action)) -> Option<Action> {
    let mut action = Action { name: text(READY), title: text("t"), ..Default::default() };
    change(&mut action);
    Some(action)
}

fn add(parent: &str, change: impl FnOnce(&mut Action)) -> AddActionRequest {
    ask!(AddActionRequest { parent: text(parent), action: action(change) })
}

fn update(change: impl FnOnce(&mut Action)) -> UpdateActionRequest {
    ask!(UpdateActionRequest { action: action(change) })
}

/// Few bytes as JSON, and many as an event: a number takes eleven there.
fn swelling() -> Option<Struct> {
    let number = Value { kind: Some(Kind::NumberValue(1.0)) };
    let list = Kind::ListValue(ListValue { values: vec![number; 30_000] });
    let version = Value { kind: Some(Kind::StringValue(text("1"))) };
    let list = Value { kind: Some(list) };
    Some(Struct { fields: [(text("list"), list), (text("version"), version)].into() })
}

fn large() -> Option<Struct> {
    let value = Value { kind: Some(Kind::StringValue("x".repeat(65 << 10))) };
    Some(Struct { fields: [(text("k"), value)].into() })
}

fn error(name: &str) -> Option<ActionError> {
    Some(ActionError { name: text(name), ..Default::default() })
}

/// Calls about actions.
pub fn work_cases() -> Vec<Case> {
    let mut cases = add_cases();
    cases.extend(read_cases());
    cases.extend(change_cases());
    cases.extend(claim_cases());
    cases.extend(hold_cases());
    cases.extend(finish_cases());
    cases.extend(end_cases());
    cases
}

fn add_cases() -> Vec<Case> {
    cases! { actions;
        add_action FIELD_REQUIRED, "parent", ask!(AddActionRequest {});
        add_action FIELD_REQUIRED, "action", ask!(AddActionRequest { parent: text("WORK-1") });
        add_action FIELD_REQUIRED, "action.title", add("WORK-1", |a| a.title = text(" "));
        add_action FIELD_REQUIRED, "action.dependencies[0].on",
            add("WORK-1", |a| a.dependencies = vec![Dependency::default()]);
        add_action FIELD_INVALID, "action.action_type",
            add("WORK-1", |a| a.action_type = text("fly"));
        add_action FIELD_INVALID, "action.priority", add("WORK-1", |a| a.priority = 6);
        add_action FIELD_INVALID, "action.dependencies[0].action",
            add("WORK-1", |a| a.dependencies = vec![on_action("x")]);
        add_action FIELD_INVALID, "assignee",
            add("WORK-1", |a| a.assignee = text("actors/nobody"));
        add_action FIELD_TOO_LARGE, "action.title", add("WORK-1", |a| a.title = "t".repeat(513));
        add_action FIELD_TOO_LARGE, "action.dependencies",
            add("WORK-1", |a| a.dependencies = vec![on_action(READY); 101]);
        add_action COMMAND_TOO_LARGE, "request",
            add("WORK-1", |a| a.description = "d".repeat(256 << 10));
        add_action RESOURCE_NOT_FOUND, "potts.v1.Issue projects/work/issues/9",
            add("WORK-9", |_| ());
        add_action RESOURCE_NOT_FOUND, NOBODY,
            add("WORK-1", |a| a.dependencies = vec![on_action(NONE)]);
        add_action ISSUE_CLOSED, CLOSED_ISSUE, add("WORK-2", |_| ());
        add_action LIMIT_REACHED, "", add("WORK-3", |_| ());
        add_action REQUEST_ID_REUSED, "request_id",
            AddActionRequest { request_id: text(USED), ..add("WORK-1", |_| ()) };
    }
}

fn read_cases() -> Vec<Case> {
    cases! { actions;
        get_action FIELD_REQUIRED, "name", ask!(GetActionRequest {});
        get_action FIELD_INVALID, "name", GetActionRequest { name: text("WORK-1") };
        get_action RESOURCE_NOT_FOUND, NOBODY, GetActionRequest { name: text(NONE) };
        get_action RESOURCE_NOT_FOUND, "potts.v1.Action projects/gone/issues/1/actions/1",
            GetActionRequest { name: text("GONE-1/actions/1") };

        list_actions FIELD_REQUIRED, "parent", ask!(ListActionsRequest {});
        list_actions FIELD_INVALID, "parent", ask!(ListActionsRequest { parent: text("work") });
        list_actions FIELD_INVALID, "page_size",
            ask!(ListActionsRequest { parent: text("WORK-1"), page_size: -1 });
        list_actions FIELD_INVALID, "order_by",
            ask!(ListActionsRequest { parent: text("WORK-1"), order_by: text("creator") });
        list_actions FIELD_TOO_LARGE, "filter",
            ask!(ListActionsRequest { parent: text("WORK-1"), filter: " ".repeat(2049) });
        list_actions FILTER_INVALID, "filter",
            ask!(ListActionsRequest { parent: text("WORK-1"), filter: text("light") });
        list_actions PAGE_TOKEN_INVALID, "page_token",
            ask!(ListActionsRequest { parent: text("WORK-1"), page_token: text("x") });
        list_actions RESOURCE_NOT_FOUND, "potts.v1.Issue projects/work/issues/9",
            ask!(ListActionsRequest { parent: text("WORK-9") });
        list_actions RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone",
            ask!(ListActionsRequest { parent: text("projects/gone") });

        list_attempts FIELD_REQUIRED, "parent", ask!(ListAttemptsRequest {});
        list_attempts FIELD_INVALID, "page_size",
            ask!(ListAttemptsRequest { parent: text(READY), page_size: -1 });
        list_attempts PAGE_TOKEN_INVALID, "page_token",
            ask!(ListAttemptsRequest { parent: text(READY), page_token: text("x") });
        list_attempts RESOURCE_NOT_FOUND, NOBODY,
            ask!(ListAttemptsRequest { parent: text(NONE) });
    }
}

fn change_cases() -> Vec<Case> {
    cases! { actions;
        update_action FIELD_REQUIRED, "action", ask!(UpdateActionRequest {});
        update_action FIELD_REQUIRED, "action.name", update(|a| a.name = text(""));
        update_action FIELD_REQUIRED, "action.title",
            UpdateActionRequest {
                update_mask: mask(&["title"]),
                ..update(|a| a.title = text(""))
            };
        update_action FIELD_INVALID, "action.priority", update(|a| a.priority = -1);
        update_action FIELD_TOO_LARGE, "action.parameters", update(|a| a.parameters = large());
        update_action FIELD_TOO_LARGE, "action.candidates",
            update(|a| a.candidates = vec![text("actors/hal"); 21]);
        update_action FIELD_UNKNOWN, "update_mask",
            UpdateActionRequest { update_mask: mask(&["titel"]), ..update(|_| ()) };
        update_action USE_VERB, "update_mask",
            UpdateActionRequest { update_mask: mask(&["assignee"]), ..update(|_| ()) };
        update_action COMMAND_TOO_LARGE, "request",
            update(|a| a.description = "d".repeat(256 << 10));
        update_action RESOURCE_NOT_FOUND, NOBODY, update(|a| a.name = text(NONE));
        update_action ACTION_STATE, DONE_NAME,
            update(|a| { a.name = text(DONE); a.priority = 1; });
        update_action ISSUE_CLOSED, CLOSED_ISSUE,
            update(|a| { a.name = text(CLOSED); a.priority = 1; });
        update_action ETAG_MISMATCH, READY_NAME, update(|a| a.etag = text("old"));
        update_action REQUEST_ID_REUSED, "request_id",
            UpdateActionRequest { request_id: text(USED), ..update(|_| ()) };

        assign_action FIELD_REQUIRED, "name", ask!(AssignActionRequest {});
        assign_action FIELD_INVALID, "assignee",
            ask!(AssignActionRequest { name: text(READY), assignee: text("ann") });
        assign_action RESOURCE_NOT_FOUND, NOBODY, ask!(AssignActionRequest {
            name: text(NONE), assignee: text("actors/hal"),
        });
        assign_action ACTION_STATE, DONE_NAME, ask!(AssignActionRequest {
            name: text(DONE), assignee: text("actors/hal"),
        });
        assign_action ISSUE_CLOSED, CLOSED_ISSUE, ask!(AssignActionRequest {
            name: text(CLOSED), assignee: text("actors/hal"),
        });
        assign_action ETAG_MISMATCH, READY_NAME,
            ask!(AssignActionRequest { name: text(READY), etag: text("old") });
        assign_action REQUEST_ID_REUSED, "request_id",
            ask!(AssignActionRequest { name: text(READY), request_id: text(USED) });
    }
}

fn claim_cases() -> Vec<Case> {
    cases! { actions;
        claim_action FIELD_REQUIRED, "name", ask!(ClaimActionRequest {});
        claim_action FIELD_INVALID, "name", ask!(ClaimActionRequest { name: text("WORK-1") });
        claim_action RESOURCE_NOT_FOUND, NOBODY, ask!(ClaimActionRequest { name: text(NONE) });
        claim_action NOT_PERFORMER, "projects/work/issues/1/actions/5",
            ask!(ClaimActionRequest { name: text(HERS) });
        claim_action ACTION_STATE, "projects/work/issues/1/actions/2",
            ask!(ClaimActionRequest { name: text(PENDING) });
        claim_action CLAIM_LOST, HELD_NAME, ask!(ClaimActionRequest { name: text(HELD) });
        claim_action REQUEST_ID_REUSED, "request_id",
            ask!(ClaimActionRequest { name: text(READY), request_id: text(USED) });

        claim_next_actions FIELD_REQUIRED, "parent", ask!(ClaimNextActionsRequest {});
        claim_next_actions FIELD_INVALID, "max",
            ask!(ClaimNextActionsRequest { parent: text("projects/work"), max: 101 });
        claim_next_actions FIELD_INVALID, "wait", ask!(ClaimNextActionsRequest {
            parent: text("projects/work"), wait: Some(Duration { seconds: 61, nanos: 0 }),
        });
        claim_next_actions RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone",
            ask!(ClaimNextActionsRequest { parent: text("projects/gone") });
        claim_next_actions QUEUE_EMPTY, "potts.v1.Project projects/empty",
            ask!(ClaimNextActionsRequest { parent: text("projects/empty"), refuse_empty: true });
        claim_next_actions REQUEST_ID_REUSED, "request_id", ask!(ClaimNextActionsRequest {
            parent: text("projects/work"), request_id: text(USED),
        });
    }
}

fn hold_cases() -> Vec<Case> {
    cases! { actions;
        start_action FIELD_REQUIRED, "fence", ask!(StartActionRequest { name: text(HELD) });
        start_action FIELD_INVALID, "fence",
            ask!(StartActionRequest { name: text(HELD), fence: -1 });
        start_action RESOURCE_NOT_FOUND, NOBODY,
            ask!(StartActionRequest { name: text(NONE), fence: 1 });
        start_action NOT_PERFORMER, HELD_NAME,
            ask!(StartActionRequest { name: text(HELD), fence: 1 });
        start_action FENCE_STALE, HELD_NAME,
            ask!(StartActionRequest { name: text(HELD), fence: 9 });
        start_action REQUEST_ID_REUSED, "request_id",
            ask!(StartActionRequest { name: text(HELD), fence: 1, request_id: text(USED) });

        heartbeat_action FIELD_REQUIRED, "name", ask!(HeartbeatActionRequest {});
        heartbeat_action FIELD_INVALID, "progress",
            ask!(HeartbeatActionRequest { name: text(HELD), fence: 1, progress: Some(101) });
        heartbeat_action FIELD_TOO_LARGE, "note", ask!(HeartbeatActionRequest {
            name: text(HELD), fence: 1, note: Some("n".repeat(1025)),
        });
        heartbeat_action RESOURCE_NOT_FOUND, NOBODY,
            ask!(HeartbeatActionRequest { name: text(NONE), fence: 1 });
        heartbeat_action NOT_PERFORMER, HELD_NAME,
            ask!(HeartbeatActionRequest { name: text(HELD), fence: 1 });
        heartbeat_action FENCE_STALE, READY_NAME,
            ask!(HeartbeatActionRequest { name: text(READY), fence: 9 });
    }
}

fn finish_cases() -> Vec<Case> {
    cases! { actions;
        complete_action FIELD_REQUIRED, "fence", ask!(CompleteActionRequest { name: text(OURS) });
        complete_action FIELD_INVALID, "name",
            ask!(CompleteActionRequest { name: text("x"), fence: 1 });
        complete_action FIELD_TOO_LARGE, "result",
            ask!(CompleteActionRequest { name: text(OURS), fence: 1, result: large() });
        complete_action COMMAND_TOO_LARGE, "request",
            ask!(CompleteActionRequest { name: text(OURS), fence: 1, result: swelling() });
        complete_action SCHEMA_VIOLATION, "result.version",
            ask!(CompleteActionRequest { name: text(OURS), fence: 1 });
        complete_action RESOURCE_NOT_FOUND, NOBODY,
            ask!(CompleteActionRequest { name: text(NONE), fence: 1 });
        complete_action NOT_PERFORMER, HELD_NAME,
            ask!(CompleteActionRequest { name: text(HELD), fence: 1 });
        complete_action FENCE_STALE, HELD_NAME,
            ask!(CompleteActionRequest { name: text(HELD), fence: 9 });
        complete_action REQUEST_ID_REUSED, "request_id",
            ask!(CompleteActionRequest { name: text(HELD), fence: 1, request_id: text(USED) });

        fail_action FIELD_REQUIRED, "error", ask!(FailActionRequest { name: text(OURS), fence: 1 });
        fail_action FIELD_REQUIRED, "error.name",
            ask!(FailActionRequest { name: text(OURS), fence: 1, error: error("") });
        fail_action FIELD_INVALID, "error.name",
            ask!(FailActionRequest { name: text(OURS), fence: 1, error: error("a\nb") });
        fail_action FIELD_TOO_LARGE, "error.name",
            ask!(FailActionRequest { name: text(OURS), fence: 1, error: error(&"e".repeat(129)) });
        fail_action COMMAND_TOO_LARGE, "request", ask!(FailActionRequest {
            name: text(OURS),
            fence: 1,
            error: Some(ActionError { attributes: swelling(), ..error("E").unwrap() }),
        });
        fail_action RESOURCE_NOT_FOUND, NOBODY,
            ask!(FailActionRequest { name: text(NONE), fence: 1, error: error("E") });
        fail_action NOT_PERFORMER, HELD_NAME,
            ask!(FailActionRequest { name: text(HELD), fence: 1, error: error("E") });
        fail_action FENCE_STALE, HELD_NAME,
            ask!(FailActionRequest { name: text(HELD), fence: 9, error: error("E") });
        fail_action REQUEST_ID_REUSED, "request_id", ask!(FailActionRequest {
            name: text(HELD), fence: 1, error: error("E"), request_id: text(USED),
        });

        release_action FIELD_REQUIRED, "fence", ask!(ReleaseActionRequest { name: text(OURS) });
        release_action FIELD_INVALID, "fence",
            ask!(ReleaseActionRequest { name: text(OURS), fence: -1 });
        release_action FIELD_TOO_LARGE, "reason", ask!(ReleaseActionRequest {
            name: text(OURS), fence: 1, reason: "r".repeat(4097),
        });
        release_action RESOURCE_NOT_FOUND, NOBODY,
            ask!(ReleaseActionRequest { name: text(NONE), fence: 1 });
        release_action NOT_PERFORMER, HELD_NAME,
            ask!(ReleaseActionRequest { name: text(HELD), fence: 1 });
        release_action FENCE_STALE, HELD_NAME,
            ask!(ReleaseActionRequest { name: text(HELD), fence: 9 });
        release_action REQUEST_ID_REUSED, "request_id",
            ask!(ReleaseActionRequest { name: text(HELD), fence: 1, request_id: text(USED) });
    }
}

fn end_cases() -> Vec<Case> {
    cases! { actions;
        skip_action FIELD_REQUIRED, "name", ask!(SkipActionRequest {});
        skip_action FIELD_INVALID, "name", ask!(SkipActionRequest { name: text("x") });
        skip_action FIELD_TOO_LARGE, "reason",
            ask!(SkipActionRequest { name: text(READY), reason: "r".repeat(4097) });
        skip_action RESOURCE_NOT_FOUND, NOBODY, ask!(SkipActionRequest { name: text(NONE) });
        skip_action ACTION_STATE, DONE_NAME, ask!(SkipActionRequest { name: text(DONE) });
        skip_action ETAG_MISMATCH, READY_NAME,
            ask!(SkipActionRequest { name: text(READY), etag: text("old") });
        skip_action REQUEST_ID_REUSED, "request_id",
            ask!(SkipActionRequest { name: text(READY), request_id: text(USED) });

        cancel_action FIELD_REQUIRED, "name", ask!(CancelActionRequest {});
        cancel_action FIELD_INVALID, "name", ask!(CancelActionRequest { name: text("x") });
        cancel_action FIELD_TOO_LARGE, "reason",
            ask!(CancelActionRequest { name: text(READY), reason: "r".repeat(4097) });
        cancel_action RESOURCE_NOT_FOUND, NOBODY, ask!(CancelActionRequest { name: text(NONE) });
        cancel_action ACTION_STATE, DONE_NAME, ask!(CancelActionRequest { name: text(DONE) });
        cancel_action ETAG_MISMATCH, READY_NAME,
            ask!(CancelActionRequest { name: text(READY), etag: text("old") });
        cancel_action REQUEST_ID_REUSED, "request_id",
            ask!(CancelActionRequest { name: text(READY), request_id: text(USED) });

        repeat_action FIELD_REQUIRED, "name", ask!(RepeatActionRequest {});
        repeat_action FIELD_INVALID, "name", ask!(RepeatActionRequest { name: text("x") });
        repeat_action FIELD_TOO_LARGE, "reason",
            ask!(RepeatActionRequest { name: text(DONE), reason: "r".repeat(4097) });
        repeat_action RESOURCE_NOT_FOUND, NOBODY, ask!(RepeatActionRequest { name: text(NONE) });
        repeat_action ACTION_STATE, READY_NAME, ask!(RepeatActionRequest { name: text(READY) });
        repeat_action ISSUE_CLOSED, CLOSED_ISSUE,
            ask!(RepeatActionRequest { name: text(CLOSED) });
        repeat_action UNIQUE_KEY_TAKEN, "projects/work/issues/1/actions/6",
            ask!(RepeatActionRequest { name: text(KEYED) });
        repeat_action ETAG_MISMATCH, DONE_NAME,
            ask!(RepeatActionRequest { name: text(DONE), etag: text("old") });
        repeat_action REQUEST_ID_REUSED, "request_id",
            ask!(RepeatActionRequest { name: text(DONE), request_id: text(USED) });
    }
}
