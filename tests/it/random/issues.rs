//! Commands on issues.

use potts::proto::transition_issue_request::Move;
use potts::proto::*;

use super::commands::Command;
use super::draw::{Draw, Maker};

/// What makes them, and how often.
pub const MAKERS: &[(usize, Maker)] = &[
    (5, create),
    (7, update),
    (7, transition),
    (2, close),
    (5, reopen),
    (4, assign),
    (3, activate),
    (2, deactivate),
    (1, delete),
    (3, undelete),
];

/// Fields that callers change, keys inside them, and some that they do not.
const PATHS: &[(usize, &str)] = &[
    (4, "title"),
    (3, "description"),
    (6, "priority"),
    (3, "parameters"),
    (2, "parameters.severity"),
    (2, "parameters.host"),
    (2, "annotations"),
    (2, "annotations.team"),
    (3, "due_time"),
    (3, "milestone"),
    (4, "parent"),
    (4, "tags"),
    (4, "dedup_key"),
    (1, "*"),
    (1, "status"),
    (1, "etag"),
    (1, "colour"),
];

fn fields(draw: &mut Draw<'_>) -> Issue {
    let annotations = match draw.rng.below(4) {
        0 => [("team".to_owned(), draw.text())].into(),
        _ => Default::default(),
    };
    let tags = (0..draw.rng.below(3)).map(|_| draw.rng.pick(&["red", "blue", "v1.2"]).into());
    Issue {
        tags: tags.collect(),
        title: draw.title(),
        description: draw.text(),
        priority: draw.priority(),
        parameters: draw.data(),
        annotations,
        due_time: draw.time(),
        milestone: draw.rng.pick(&["", "", "autumn", "winter"]).into(),
        parent: if draw.rng.chance(12) { draw.issue() } else { String::new() },
        dedup_key: draw.rng.weighted(&[(9, ""), (1, "light"), (1, "door"), (1, "roof")]).into(),
        ..Default::default()
    }
}

fn create(draw: &mut Draw<'_>) -> Command {
    let types = [(6, ""), (3, "bug"), (3, "guarded"), (1, "secret"), (1, "ticket"), (1, "none")];
    let issue = Issue {
        issue_type: draw.rng.weighted(&types).into(),
        active: draw.rng.weighted(&[(8, None), (1, Some(true)), (1, Some(false))]),
        owner: if draw.rng.chance(15) { draw.person() } else { String::new() },
        assignees: draw.people(),
        ..fields(draw)
    };
    let parent = draw.rng.weighted(&[(30, "projects/abc"), (1, "projects/none"), (1, "abc")]);
    let (parent, issue) = (parent.into(), Some(issue));
    CreateIssueRequest { parent, issue, ..Default::default() }.into()
}

fn update(draw: &mut Draw<'_>) -> Command {
    let name = draw.issue();
    let etag = draw.etag(&name);
    let issue = Some(Issue { name, etag, ..fields(draw) });
    UpdateIssueRequest { issue, update_mask: draw.mask(PATHS), ..Default::default() }.into()
}

fn transition(draw: &mut Draw<'_>) -> Command {
    let along = ["start", "start", "stop", "close", "confirm", "resolve", "wait", "finish", "drop"];
    let to = ["open", "in_progress", "in_progress", "closed", "doing", "waiting", "done", "lost"];
    let way = match draw.rng.below(20) {
        0 => None,
        1..11 => Some(Move::Transition(draw.rng.pick(&along).into())),
        _ => Some(Move::To(draw.rng.pick(&to).into())),
    };
    let name = draw.issue();
    let etag = draw.etag(&name);
    let (parameters, message) = (draw.data(), draw.text());
    let rest = TransitionIssueRequest::default();
    TransitionIssueRequest { name, r#move: way, parameters, message, etag, ..rest }.into()
}

fn close(draw: &mut Draw<'_>) -> Command {
    let name = draw.issue();
    let etag = draw.etag(&name);
    let resolution = draw.rng.pick(&["", "", "withdrawn", "duplicate", "Not a word"]).into();
    let duplicate_of = if draw.rng.chance(25) { draw.issue() } else { String::new() };
    let message = draw.text();
    let rest = CloseIssueRequest::default();
    CloseIssueRequest { name, resolution, duplicate_of, message, etag, ..rest }.into()
}

fn reopen(draw: &mut Draw<'_>) -> Command {
    let name = draw.issue();
    let (etag, message) = (draw.etag(&name), draw.text());
    ReopenIssueRequest { name, etag, message, ..Default::default() }.into()
}

fn assign(draw: &mut Draw<'_>) -> Command {
    let name = draw.issue();
    let (add, remove, etag) = (draw.people(), draw.people(), draw.etag(&name));
    let owner = if draw.rng.chance(20) { draw.person() } else { String::new() };
    AssignIssueRequest { name, add, remove, owner, etag, ..Default::default() }.into()
}

fn activate(draw: &mut Draw<'_>) -> Command {
    let name = draw.issue();
    let etag = draw.etag(&name);
    ActivateIssueRequest { name, etag, ..Default::default() }.into()
}

fn deactivate(draw: &mut Draw<'_>) -> Command {
    let name = draw.issue();
    let etag = draw.etag(&name);
    DeactivateIssueRequest { name, etag, ..Default::default() }.into()
}

fn delete(draw: &mut Draw<'_>) -> Command {
    let name = draw.issue();
    let etag = draw.etag(&name);
    DeleteIssueRequest { name, etag, ..Default::default() }.into()
}

fn undelete(draw: &mut Draw<'_>) -> Command {
    let name = draw.issue();
    let etag = draw.etag(&name);
    UndeleteIssueRequest { name, etag, ..Default::default() }.into()
}
