//! The calls that are refused: one row each of RPC, reason, what is blamed, and the request.

use std::collections::BTreeMap;
use std::pin::Pin;

use ::potts::proto::subscribe_request::Start;
use ::potts::proto::transition_issue_request::Move;
use ::potts::proto::*;
use prost_types::{FieldMask, Struct, Timestamp, Value, value::Kind};
use tonic::Status;

use crate::support::TestApp;

/// What a call is answered, but for the answer.
pub type Reply<'a> = Pin<Box<dyn Future<Output = Result<(), Status>> + Send + 'a>>;

/// A call that is refused.
pub struct Case {
    /// The method of the client.
    pub rpc: &'static str,
    pub reason: &'static str,
    /// The field, the resource or the subject.
    pub blamed: &'static str,
    pub call: Box<dyn Fn(&TestApp) -> Reply<'_> + Send + Sync>,
}

/// Rows of `rpc reason, blamed, request;` of one service.
macro_rules! cases {
    ($service:ident; $($rpc:ident $reason:ident, $blamed:expr, $request:expr;)*) => {
        vec![$(Case {
            rpc: stringify!($rpc),
            reason: stringify!($reason),
            blamed: $blamed,
            call: Box::new(move |app| Box::pin(async move {
                let request = $request;
                app.$service().$rpc(request).await.map(drop)
            })),
        },)*]
    };
}

/// The fields of a request that are not empty.
macro_rules! ask {
    ($request:ident { $($field:ident: $value:expr),* $(,)? }) => {
        $request { $($field: $value,)* ..Default::default() }
    };
}

pub const USED: &str = "0199a6a4-5c4d-7000-8000-000000000001";

pub fn text(text: &str) -> String {
    text.into()
}

pub fn mask(paths: &[&str]) -> Option<FieldMask> {
    Some(FieldMask { paths: paths.iter().map(|path| text(path)).collect() })
}

fn project(change: impl FnOnce(&mut Project)) -> Option<Project> {
    let mut project = Project { name: text("projects/abc"), ..Default::default() };
    change(&mut project);
    Some(project)
}

/// A sound issue, but for what is changed.
fn issue(change: impl FnOnce(&mut Issue)) -> Option<Issue> {
    let mut issue = Issue { name: text("ABC-1"), title: text("t"), ..Default::default() };
    change(&mut issue);
    Some(issue)
}

fn value(kind: Kind) -> Value {
    Value { kind: Some(kind) }
}

fn parameters(fields: impl IntoIterator<Item = (String, Value)>) -> Option<Struct> {
    Some(Struct { fields: fields.into_iter().collect() })
}

fn of(key: &str, kind: Kind) -> Option<Struct> {
    parameters([(text(key), value(kind))])
}

/// Objects inside each other.
fn deep(levels: usize) -> Option<Struct> {
    let innermost = Struct::default();
    let wrap = |inner, _| Struct { fields: [(text("k"), value(Kind::StructValue(inner)))].into() };
    Some((1..levels).fold(innermost, wrap))
}

fn wide(keys: usize) -> Option<Struct> {
    parameters((0..keys).map(|n| (format!("k{n}"), value(Kind::NumberValue(0.0)))))
}

/// Calls about projects.
pub fn project_cases() -> Vec<Case> {
    let mut cases = create_project_cases();
    cases.extend(kept_project_cases());
    cases
}

fn create_project_cases() -> Vec<Case> {
    cases! { projects;
        create_project FIELD_REQUIRED, "project_id",
            ask!(CreateProjectRequest { project: project(|_| ()) });
        create_project FIELD_REQUIRED, "project",
            ask!(CreateProjectRequest { project_id: text("x") });
        create_project FIELD_INVALID, "project_id",
            ask!(CreateProjectRequest { project_id: text("Abc"), project: project(|_| ()) });
        create_project FIELD_INVALID, "project_id",
            ask!(CreateProjectRequest { project_id: "x".repeat(17), project: project(|_| ()) });
        create_project FIELD_INVALID, "project.display_name",
            ask!(CreateProjectRequest {
                project_id: text("x"),
                project: project(|p| p.display_name = text("a\nb")),
            });
        create_project FIELD_INVALID, "request_id",
            ask!(CreateProjectRequest {
                project_id: text("x"),
                project: project(|_| ()),
                request_id: text("1"),
            });
        create_project FIELD_TOO_LARGE, "project.display_name",
            ask!(CreateProjectRequest {
                project_id: text("x"),
                project: project(|p| p.display_name = "n".repeat(257)),
            });
        create_project RESOURCE_EXISTS, "potts.v1.Project projects/abc",
            ask!(CreateProjectRequest { project_id: text("abc"), project: project(|_| ()) });
        create_project RESOURCE_EXISTS, "potts.v1.Project projects/gone",
            ask!(CreateProjectRequest { project_id: text("gone"), project: project(|_| ()) });
        create_project REQUEST_ID_REUSED, "request_id",
            ask!(CreateProjectRequest {
                project_id: text("x"),
                project: project(|_| ()),
                request_id: text(USED),
            });
    }
}

fn kept_project_cases() -> Vec<Case> {
    cases! { projects;
        get_project FIELD_REQUIRED, "name", ask!(GetProjectRequest {});
        get_project FIELD_INVALID, "name", GetProjectRequest { name: text("abc") };
        get_project RESOURCE_NOT_FOUND, "potts.v1.Project projects/none",
            GetProjectRequest { name: text("projects/none") };
        get_project RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone",
            GetProjectRequest { name: text("projects/gone") };

        list_projects FIELD_INVALID, "page_size", ask!(ListProjectsRequest { page_size: -1 });
        list_projects FIELD_INVALID, "order_by",
            ask!(ListProjectsRequest { order_by: text("creator") });
        list_projects FIELD_TOO_LARGE, "filter",
            ask!(ListProjectsRequest { filter: " ".repeat(2049) });
        list_projects FILTER_INVALID, "filter",
            ask!(ListProjectsRequest { filter: text("light") });
        list_projects PAGE_TOKEN_INVALID, "page_token",
            ask!(ListProjectsRequest { page_token: text("x") });

        update_project FIELD_REQUIRED, "project", ask!(UpdateProjectRequest {});
        update_project FIELD_INVALID, "project.name",
            ask!(UpdateProjectRequest { project: project(|p| p.name = text("abc")) });
        update_project FIELD_TOO_LARGE, "project.display_name",
            ask!(UpdateProjectRequest { project: project(|p| p.display_name = "n".repeat(257)) });
        update_project FIELD_UNKNOWN, "update_mask",
            ask!(UpdateProjectRequest {
                project: project(|_| ()),
                update_mask: mask(&["display_name", "colour"]),
            });
        update_project RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone",
            ask!(UpdateProjectRequest { project: project(|p| p.name = text("projects/gone")) });
        update_project ETAG_MISMATCH, "projects/abc",
            ask!(UpdateProjectRequest { project: project(|p| p.etag = text("old")) });
        update_project REQUEST_ID_REUSED, "request_id",
            ask!(UpdateProjectRequest {
                project: project(|p| p.display_name = text("n")),
                request_id: text(USED),
            });

        delete_project FIELD_REQUIRED, "name", ask!(DeleteProjectRequest {});
        delete_project FIELD_INVALID, "name",
            ask!(DeleteProjectRequest { name: text("projects/") });
        delete_project RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone",
            ask!(DeleteProjectRequest { name: text("projects/gone") });
        delete_project IN_USE, "projects/abc",
            ask!(DeleteProjectRequest { name: text("projects/abc") });
        delete_project ETAG_MISMATCH, "projects/abc",
            ask!(DeleteProjectRequest {
                name: text("projects/abc"),
                force: true,
                etag: text("old"),
            });
        delete_project REQUEST_ID_REUSED, "request_id",
            ask!(DeleteProjectRequest {
                name: text("projects/abc"),
                force: true,
                request_id: text(USED),
            });
    }
}

/// An issue that is to be created.
pub fn create(change: impl FnOnce(&mut Issue)) -> CreateIssueRequest {
    ask!(CreateIssueRequest { parent: text("projects/abc"), issue: issue(change) })
}

/// A change of `ABC-1`.
fn update(change: impl FnOnce(&mut Issue)) -> UpdateIssueRequest {
    ask!(UpdateIssueRequest { issue: issue(change) })
}

fn annotations(count: usize, key_bytes: usize, bytes: usize) -> BTreeMap<String, String> {
    (0..count).map(|n| (format!("{n:0key_bytes$}"), "v".repeat(bytes))).collect()
}

/// Calls that set fields of issues.
pub fn issue_field_cases() -> Vec<Case> {
    let mut cases = create_issue_cases();
    cases.extend(update_issue_cases());
    cases
}

fn create_issue_cases() -> Vec<Case> {
    cases! { issues;
        create_issue FIELD_REQUIRED, "parent", ask!(CreateIssueRequest { issue: issue(|_| ()) });
        create_issue FIELD_REQUIRED, "issue",
            ask!(CreateIssueRequest { parent: text("projects/abc") });
        create_issue FIELD_REQUIRED, "issue.title", create(|i| i.title = text(" \t"));
        create_issue FIELD_INVALID, "parent",
            ask!(CreateIssueRequest { parent: text("abc"), issue: issue(|_| ()) });
        create_issue FIELD_INVALID, "issue.title", create(|i| i.title = text("a\nb"));
        create_issue FIELD_INVALID, "issue.description", create(|i| i.description = text("a\0b"));
        create_issue FIELD_INVALID, "issue.priority", create(|i| i.priority = 6);
        create_issue FIELD_INVALID, "issue.priority", create(|i| i.priority = -1);
        create_issue FIELD_INVALID, "issue.priority", create(|i| i.priority = 65_536);
        create_issue FIELD_INVALID, "issue.parameters.a",
            create(|i| i.parameters = of("a", Kind::NumberValue(f64::NAN)));
        create_issue FIELD_INVALID, "issue.due_time",
            create(|i| i.due_time = Some(Timestamp { seconds: 253_402_300_800, nanos: 0 }));
        create_issue FIELD_INVALID, "issue.milestone", create(|i| i.milestone = text("a\nb"));
        create_issue FIELD_INVALID, "issue.annotations",
            create(|i| i.annotations = [(text(""), text(""))].into());
        create_issue FIELD_INVALID, "request_id",
            CreateIssueRequest {
                request_id: text("00000000-0000-0000-0000-000000000000"),
                ..create(|_| ())
            };
        create_issue FIELD_TOO_LARGE, "issue.title", create(|i| i.title = "t".repeat(513));
        create_issue FIELD_TOO_LARGE, "issue.description",
            create(|i| i.description = "d".repeat((256 << 10) + 1));
        create_issue FIELD_TOO_LARGE, "issue.parameters",
            create(|i| i.parameters = of("a", Kind::StringValue("v".repeat(64 << 10))));
        create_issue FIELD_TOO_LARGE, "issue.parameters", create(|i| i.parameters = deep(17));
        create_issue FIELD_TOO_LARGE, "issue.parameters", create(|i| i.parameters = wide(501));
        create_issue FIELD_TOO_LARGE, "issue.annotations",
            create(|i| i.annotations = annotations(65, 1, 1));
        create_issue FIELD_TOO_LARGE, "issue.annotations",
            create(|i| i.annotations = annotations(1, 129, 1));
        create_issue FIELD_TOO_LARGE, "issue.annotations",
            create(|i| i.annotations = annotations(1, 1, 1025));
        create_issue FIELD_TOO_LARGE, "issue.milestone", create(|i| i.milestone = "m".repeat(129));
        create_issue COMMAND_TOO_LARGE, "request",
            create(|i| i.description = "d".repeat(256 << 10));
        create_issue RESOURCE_NOT_FOUND, "potts.v1.Project projects/none",
            ask!(CreateIssueRequest { parent: text("projects/none"), issue: issue(|_| ()) });
        create_issue RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone",
            ask!(CreateIssueRequest { parent: text("projects/gone"), issue: issue(|_| ()) });
        create_issue REQUEST_ID_REUSED, "request_id",
            CreateIssueRequest { request_id: text(USED), ..create(|_| ()) };
    }
}

fn update_issue_cases() -> Vec<Case> {
    cases! { issues;
        update_issue FIELD_REQUIRED, "issue", ask!(UpdateIssueRequest {});
        update_issue FIELD_REQUIRED, "issue.name", update(|i| i.name.clear());
        update_issue FIELD_REQUIRED, "issue.title",
            UpdateIssueRequest { update_mask: mask(&["title"]), ..update(|i| i.title.clear()) };
        update_issue FIELD_INVALID, "issue.name", update(|i| i.name = text("ABC"));
        update_issue FIELD_INVALID, "issue.priority", update(|i| i.priority = 6);
        update_issue FIELD_TOO_LARGE, "issue.title", update(|i| i.title = "t".repeat(513));
        update_issue FIELD_UNKNOWN, "update_mask",
            UpdateIssueRequest { update_mask: mask(&["titel"]), ..update(|_| ()) };
        update_issue FIELD_UNKNOWN, "update_mask",
            UpdateIssueRequest { update_mask: mask(&["parameters.a.b"]), ..update(|_| ()) };
        update_issue USE_VERB, "update_mask",
            UpdateIssueRequest { update_mask: mask(&["status"]), ..update(|_| ()) };
        update_issue COMMAND_TOO_LARGE, "request",
            update(|i| i.description = "d".repeat(256 << 10));
        update_issue RESOURCE_NOT_FOUND, NOBODY, update(|i| i.name = text("abc-9"));
        update_issue RESOURCE_NOT_FOUND, "potts.v1.Issue projects/abc/issues/3",
            update(|i| i.name = text("ABC-3"));
        update_issue RESOURCE_NOT_FOUND, "potts.v1.Issue projects/gone/issues/1",
            update(|i| i.name = text("GONE-1"));
        update_issue ISSUE_CLOSED, "projects/abc/issues/2",
            update(|i| { i.name = text("ABC-2"); i.priority = 1; });
        update_issue ETAG_MISMATCH, "projects/abc/issues/1", update(|i| i.etag = text("old"));
        update_issue REQUEST_ID_REUSED, "request_id",
            UpdateIssueRequest { request_id: text(USED), ..update(|_| ()) };
    }
}

/// An issue that there is not, and one that is deleted.
const NOBODY: &str = "potts.v1.Issue projects/abc/issues/9";
const HIDDEN: &str = "potts.v1.Issue projects/abc/issues/3";

/// Calls that read, move, hide and bring back issues.
pub fn issue_verb_cases() -> Vec<Case> {
    let mut cases = read_issue_cases();
    cases.extend(move_issue_cases());
    cases
}

fn read_issue_cases() -> Vec<Case> {
    cases! { issues;
        get_issue FIELD_REQUIRED, "name", ask!(GetIssueRequest {});
        get_issue FIELD_INVALID, "name", GetIssueRequest { name: text("ABC-01") };
        get_issue RESOURCE_NOT_FOUND, NOBODY, GetIssueRequest { name: text("ABC-9") };
        get_issue RESOURCE_NOT_FOUND, "potts.v1.Issue projects/gone/issues/1",
            GetIssueRequest { name: text("GONE-1") };

        list_issues FIELD_REQUIRED, "parent", ask!(ListIssuesRequest {});
        list_issues FIELD_INVALID, "parent", ask!(ListIssuesRequest { parent: text("abc") });
        list_issues FIELD_INVALID, "page_size",
            ask!(ListIssuesRequest { parent: text("projects/abc"), page_size: -1 });
        list_issues FIELD_INVALID, "order_by",
            ask!(ListIssuesRequest { parent: text("projects/abc"), order_by: text("tags") });
        list_issues FIELD_TOO_LARGE, "filter",
            ask!(ListIssuesRequest { parent: text("projects/abc"), filter: " ".repeat(2049) });
        list_issues FILTER_INVALID, "filter",
            ask!(ListIssuesRequest { parent: text("projects/abc"), filter: text("light") });
        list_issues PAGE_TOKEN_INVALID, "page_token",
            ask!(ListIssuesRequest { parent: text("projects/abc"), page_token: text("x") });
        list_issues RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone",
            ask!(ListIssuesRequest { parent: text("projects/gone") });

        delete_issue FIELD_REQUIRED, "name", ask!(DeleteIssueRequest {});
        delete_issue FIELD_INVALID, "name", ask!(DeleteIssueRequest { name: text("x") });
        delete_issue RESOURCE_NOT_FOUND, NOBODY, ask!(DeleteIssueRequest { name: text("ABC-9") });
        delete_issue ETAG_MISMATCH, "projects/abc/issues/1",
            ask!(DeleteIssueRequest { name: text("ABC-1"), etag: text("old") });
        delete_issue REQUEST_ID_REUSED, "request_id",
            ask!(DeleteIssueRequest { name: text("ABC-1"), request_id: text(USED) });

        undelete_issue FIELD_REQUIRED, "name", ask!(UndeleteIssueRequest {});
        undelete_issue FIELD_INVALID, "name", ask!(UndeleteIssueRequest { name: text("x") });
        undelete_issue RESOURCE_NOT_FOUND, NOBODY,
            ask!(UndeleteIssueRequest { name: text("ABC-9") });
        undelete_issue ETAG_MISMATCH, "projects/abc/issues/3",
            ask!(UndeleteIssueRequest { name: text("ABC-3"), etag: text("old") });
        undelete_issue REQUEST_ID_REUSED, "request_id",
            ask!(UndeleteIssueRequest { name: text("ABC-3"), request_id: text(USED) });
    }
}

fn move_issue_cases() -> Vec<Case> {
    const TOO_LONG: usize = (4 << 10) + 1;
    let start = || Some(Move::Transition(text("start")));
    cases! { issues;
        transition_issue FIELD_REQUIRED, "transition",
            ask!(TransitionIssueRequest { name: text("ABC-1") });
        transition_issue FIELD_REQUIRED, "to",
            ask!(TransitionIssueRequest { name: text("ABC-1"), r#move: Some(Move::To(text(""))) });
        transition_issue FIELD_INVALID, "name",
            ask!(TransitionIssueRequest { name: text("x"), r#move: start() });
        transition_issue FIELD_TOO_LARGE, "message",
            ask!(TransitionIssueRequest {
                name: text("ABC-1"),
                r#move: start(),
                message: "m".repeat(TOO_LONG),
            });
        transition_issue FIELD_TOO_LARGE, "parameters",
            ask!(TransitionIssueRequest {
                name: text("ABC-1"),
                r#move: start(),
                parameters: wide(501),
            });
        transition_issue STATUS_UNKNOWN, "transition",
            ask!(TransitionIssueRequest {
                name: text("ABC-1"),
                r#move: Some(Move::Transition(text("fly"))),
            });
        transition_issue STATUS_UNKNOWN, "to",
            ask!(TransitionIssueRequest {
                name: text("ABC-1"),
                r#move: Some(Move::To(text("flying"))),
            });
        transition_issue RESOURCE_NOT_FOUND, HIDDEN,
            ask!(TransitionIssueRequest { name: text("ABC-3"), r#move: start() });
        transition_issue ISSUE_CLOSED, "projects/abc/issues/2",
            ask!(TransitionIssueRequest { name: text("ABC-2"), r#move: start() });
        transition_issue ETAG_MISMATCH, "projects/abc/issues/1",
            ask!(TransitionIssueRequest {
                name: text("ABC-1"),
                r#move: start(),
                etag: text("old"),
            });
        transition_issue REQUEST_ID_REUSED, "request_id",
            ask!(TransitionIssueRequest {
                name: text("ABC-1"),
                r#move: start(),
                request_id: text(USED),
            });

        close_issue FIELD_REQUIRED, "name", ask!(CloseIssueRequest {});
        close_issue FIELD_INVALID, "name", ask!(CloseIssueRequest { name: text("x") });
        close_issue FIELD_INVALID, "resolution",
            ask!(CloseIssueRequest { name: text("ABC-1"), resolution: text("Done") });
        close_issue FIELD_TOO_LARGE, "message",
            ask!(CloseIssueRequest { name: text("ABC-1"), message: "m".repeat(TOO_LONG) });
        close_issue RESOURCE_NOT_FOUND, HIDDEN, ask!(CloseIssueRequest { name: text("ABC-3") });
        close_issue ETAG_MISMATCH, "projects/abc/issues/1",
            ask!(CloseIssueRequest { name: text("ABC-1"), etag: text("old") });
        close_issue REQUEST_ID_REUSED, "request_id",
            ask!(CloseIssueRequest { name: text("ABC-1"), request_id: text(USED) });

        reopen_issue FIELD_REQUIRED, "name", ask!(ReopenIssueRequest {});
        reopen_issue FIELD_INVALID, "name", ask!(ReopenIssueRequest { name: text("x") });
        reopen_issue FIELD_TOO_LARGE, "message",
            ask!(ReopenIssueRequest { name: text("ABC-2"), message: "m".repeat(TOO_LONG) });
        reopen_issue RESOURCE_NOT_FOUND, HIDDEN, ask!(ReopenIssueRequest { name: text("ABC-3") });
        reopen_issue ETAG_MISMATCH, "projects/abc/issues/2",
            ask!(ReopenIssueRequest { name: text("ABC-2"), etag: text("old") });
        reopen_issue REQUEST_ID_REUSED, "request_id",
            ask!(ReopenIssueRequest { name: text("ABC-2"), request_id: text(USED) });
    }
}

/// Calls about the log.
pub fn event_cases() -> Vec<Case> {
    let filter = |change: fn(&mut EventFilter)| {
        let mut filter = EventFilter::default();
        change(&mut filter);
        Some(filter)
    };
    let publish = |parent: &str, count: usize| PublishEventsRequest {
        parent: text(parent),
        events: vec![cloudevents::CloudEvent::default(); count],
        validate_only: false,
    };
    cases! { events;
        subscribe FIELD_INVALID, "batch_events_max",
            ask!(SubscribeRequest { batch_events_max: 1001 });
        subscribe FIELD_INVALID, "batch_bytes_max",
            ask!(SubscribeRequest { batch_bytes_max: 4095 });
        subscribe FIELD_INVALID, "checkpoint_interval",
            ask!(SubscribeRequest {
                checkpoint_interval: Some(prost_types::Duration { seconds: 61, nanos: 0 }),
            });
        subscribe FIELD_INVALID, "from_beginning",
            ask!(SubscribeRequest { start: Some(Start::FromBeginning(false)) });
        subscribe FIELD_INVALID, "after_time",
            ask!(SubscribeRequest {
                start: Some(Start::AfterTime(Timestamp { seconds: 9_999_999_999, nanos: 0 })),
            });
        subscribe FIELD_INVALID, "filter.projects[1]",
            ask!(SubscribeRequest {
                filter: filter(|f| f.projects = vec![text("projects/-"), text("abc")]),
            });
        subscribe FIELD_INVALID, "filter.subjects[0]",
            ask!(SubscribeRequest { filter: filter(|f| f.subjects = vec![text("")]) });
        subscribe FIELD_INVALID, "filter.classes[0]",
            ask!(SubscribeRequest { filter: filter(|f| f.classes = vec![0]) });
        subscribe EVENT_TYPE_UNKNOWN, "filter.types[1]",
            ask!(SubscribeRequest {
                filter: filter(|f| f.types = vec![text("*"), text("issue.clos*")]),
            });
        subscribe CURSOR_MALFORMED, "after",
            ask!(SubscribeRequest { start: Some(Start::After(text("x"))) });

        publish_events FIELD_REQUIRED, "parent", publish("", 1);
        publish_events FIELD_REQUIRED, "events", publish("projects/abc", 0);
        publish_events FIELD_INVALID, "parent", publish("abc", 1);
        publish_events FIELD_TOO_LARGE, "events", publish("projects/abc", 1001);
        publish_events RESOURCE_NOT_FOUND, "potts.v1.Project projects/gone",
            publish("projects/gone", 1);

        get_event FIELD_REQUIRED, "name", ask!(GetEventRequest {});
        get_event FIELD_INVALID, "name", GetEventRequest { name: text("events/01") };
        get_event RESOURCE_NOT_FOUND, "potts.v1.Event events/9999",
            GetEventRequest { name: text("events/9999") };

        list_events FIELD_INVALID, "page_size", ask!(ListEventsRequest { page_size: -1 });
        list_events FIELD_INVALID, "filter.projects[0]",
            ask!(ListEventsRequest { filter: filter(|f| f.projects = vec![text("x")]) });
        list_events EVENT_TYPE_UNKNOWN, "filter.types[0]",
            ask!(ListEventsRequest { filter: filter(|f| f.types = vec![text("issue.flew")]) });
        list_events PAGE_TOKEN_INVALID, "page_token",
            ask!(ListEventsRequest { page_token: text("x") });
    }
}
