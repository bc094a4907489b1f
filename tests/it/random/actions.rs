//! Commands on actions.

use potts::proto::dependency::On;
use potts::proto::*;

use super::commands::Command;
use super::draw::{Draw, Held, Maker};

/// What makes them, and how often.
pub const MAKERS: &[(usize, Maker)] = &[
    (11, add),
    (5, update),
    (3, assign),
    (6, claim),
    (5, claim_next),
    (5, start),
    (7, complete),
    (5, fail),
    (3, release),
    (3, skip),
    (3, cancel),
    (6, repeat),
];

/// Fields that callers change, keys inside them, and some that they do not.
const PATHS: &[(usize, &str)] = &[
    (3, "title"),
    (2, "description"),
    (4, "priority"),
    (3, "parameters"),
    (4, "parameters.host"),
    (4, "candidates"),
    (4, "not_before"),
    (2, "due_time"),
    (1, "*"),
    (1, "name"),
    (1, "assignee"),
    (1, "unique_key"),
    (1, "state"),
    (1, "colour"),
];

fn fields(draw: &mut Draw<'_>) -> Action {
    Action {
        title: draw.title(),
        description: draw.text(),
        parameters: draw.data(),
        candidates: draw.people(),
        priority: draw.priority(),
        not_before: draw.time(),
        due_time: draw.time(),
        ..Default::default()
    }
}

fn dependency(draw: &mut Draw<'_>, issue: &str) -> Dependency {
    let near = format!("{issue}/actions/{}", 1 + draw.rng.below(5));
    let on = match draw.rng.below(12) {
        0..7 => Some(On::Action(near)),
        7..9 => Some(On::Action(draw.action())),
        9 => Some(On::Issue(draw.issue())),
        10 => draw.time().map(On::NotBefore),
        _ => draw.rng.pick(&[Some(On::Action(near)), None]),
    };
    let satisfy = draw.rng.pick(&[
        Satisfy::Unspecified,
        Satisfy::Success,
        Satisfy::SuccessOrSkip,
        Satisfy::AnyEnd,
        Satisfy::Failure,
    ]);
    let said = matches!(on, Some(On::Action(_))) || draw.rng.chance(10);
    let satisfy = if said { satisfy.into() } else { 0 };
    Dependency { on, satisfy, state: 0 }
}

fn add(draw: &mut Draw<'_>) -> Command {
    let issue = draw.issue();
    let count = draw.rng.weighted(&[(6, 0), (5, 1), (3, 2), (1, 3)]);
    let dependencies = (0..count).map(|_| dependency(draw, &issue)).collect();
    let types = [(8, ""), (4, "deploy"), (2, "inspect"), (1, "none")];
    let keys = [(9, ""), (2, "build"), (2, "ship")];
    let action = Action {
        action_type: draw.rng.weighted(&types).into(),
        dependencies,
        assignee: if draw.rng.chance(15) { draw.person() } else { String::new() },
        unique_key: draw.rng.weighted(&keys).into(),
        ..fields(draw)
    };
    AddActionRequest { parent: issue, action: Some(action), ..Default::default() }.into()
}

fn update(draw: &mut Draw<'_>) -> Command {
    let name = draw.action();
    let etag = draw.etag(&name);
    let action = Some(Action { name, etag, ..fields(draw) });
    UpdateActionRequest { action, update_mask: draw.mask(PATHS), ..Default::default() }.into()
}

fn assign(draw: &mut Draw<'_>) -> Command {
    let name = draw.action();
    let etag = draw.etag(&name);
    let assignee = if draw.rng.chance(60) { draw.person() } else { String::new() };
    AssignActionRequest { name, assignee, etag, ..Default::default() }.into()
}

fn claim(draw: &mut Draw<'_>) -> Command {
    ClaimActionRequest { name: draw.action(), ..Default::default() }.into()
}

fn claim_next(draw: &mut Draw<'_>) -> Command {
    let types = draw.rng.weighted(&[(8, None), (1, Some("deploy")), (1, Some("take-action"))]);
    let request = ClaimNextActionsRequest {
        parent: draw.rng.weighted(&[(30, "projects/abc"), (1, "projects/none")]).into(),
        action_types: types.into_iter().map(Into::into).collect(),
        max: draw.rng.pick(&[1, 1, 1, 1, 1, 2, 2, 3, 3, -1, 101]),
        refuse_empty: draw.rng.chance(30),
        ..Default::default()
    };
    request.into()
}

fn start(draw: &mut Draw<'_>) -> Command {
    let Held { name, fence } = draw.held();
    StartActionRequest { name, fence, ..Default::default() }.into()
}

fn complete(draw: &mut Draw<'_>) -> Command {
    let Held { name, fence } = draw.held();
    let result = draw.data();
    CompleteActionRequest { name, fence, result, ..Default::default() }.into()
}

fn fail(draw: &mut Draw<'_>) -> Command {
    let Held { name, fence } = draw.held();
    let error = ActionError {
        name: draw.rng.weighted(&[(12, "Timeout"), (1, ""), (1, "two\nlines")]).into(),
        message: draw.text(),
        attributes: draw.data(),
    };
    let error = draw.rng.weighted(&[(20, Some(error)), (1, None)]);
    let fatal = draw.rng.chance(25);
    FailActionRequest { name, fence, error, fatal, ..Default::default() }.into()
}

fn release(draw: &mut Draw<'_>) -> Command {
    let Held { name, fence } = draw.held();
    let reason = draw.text();
    ReleaseActionRequest { name, fence, reason, ..Default::default() }.into()
}

/// Why an action is ended early; it must be said.
fn reason(draw: &mut Draw<'_>) -> String {
    draw.rng.weighted(&[(9, "not wanted"), (1, "")]).into()
}

fn skip(draw: &mut Draw<'_>) -> Command {
    let name = draw.action();
    let (etag, reason) = (draw.etag(&name), reason(draw));
    SkipActionRequest { name, etag, reason, ..Default::default() }.into()
}

fn cancel(draw: &mut Draw<'_>) -> Command {
    let name = draw.action();
    let (etag, reason) = (draw.etag(&name), reason(draw));
    CancelActionRequest { name, etag, reason, ..Default::default() }.into()
}

fn repeat(draw: &mut Draw<'_>) -> Command {
    let name = draw.action();
    let (etag, reason, cascade) = (draw.etag(&name), draw.text(), draw.rng.chance(40));
    RepeatActionRequest { name, cascade, reason, etag, ..Default::default() }.into()
}
