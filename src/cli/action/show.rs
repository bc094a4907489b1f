//! How actions look to people.

use std::io::{self, Write};

use crate::cli::json::from_struct;
use crate::cli::names::short;
use crate::cli::render::{self, clipped, plain_lines, table, time};
use crate::proto;
use crate::proto::dependency::On;

/// The head of a list.
pub const HEAD: [&str; 6] = ["ACTION", "STATE", "PRIORITY", "TYPE", "WHO", "TITLE"];
/// The head of a list of attempts.
pub const ATTEMPTS_HEAD: [&str; 6] = ["ATTEMPT", "STATE", "WHO", "CLAIMED", "ENDED", "ERROR"];

/// Longer titles are cut in lists.
const TITLE_CHARS_MAX: usize = 80;

/// What a write came to: the name, the state, the title.
pub fn summary(action: &proto::Action) -> [String; 3] {
    [short(&action.name), state(action), action.title.clone()]
}

/// An action in a list, under [`HEAD`].
pub fn row(action: &proto::Action) -> [String; 6] {
    let priority = if action.priority == 0 { "-".into() } else { action.priority.to_string() };
    let who = [&action.holder, &action.assignee].into_iter().find(|who| !who.is_empty());
    let who = who.map_or_else(|| "-".into(), |who| short(who));
    let title = clipped(&action.title, TITLE_CHARS_MAX);
    [short(&action.name), state(action), priority, action.action_type.clone(), who, title]
}

/// Writes what was claimed, with the fence that is needed to finish it.
pub fn claimed(out: &mut dyn Write, actions: &[proto::Action]) -> io::Result<()> {
    let row = |action: &proto::Action| {
        let title = clipped(&action.title, TITLE_CHARS_MAX);
        let until = time(action.lease_expire_time.as_ref());
        [short(&action.name), action.fence.to_string(), until, title]
    };
    let head = Some(["ACTION", "FENCE", "HELD UNTIL", "TITLE"]);
    table(out, head, &actions.iter().map(row).collect::<Vec<_>>())
}

/// An attempt in a list, under [`ATTEMPTS_HEAD`].
pub fn attempt_row(attempt: &proto::Attempt) -> [String; 6] {
    let number = attempt.name.rsplit('/').next().unwrap_or_default();
    let state = word(attempt.state().as_str_name(), "ATTEMPT_STATE_");
    let error = attempt.error.as_ref().map(error).unwrap_or_default();
    [
        number.to_owned(),
        state,
        short(&attempt.actor),
        time(attempt.claim_time.as_ref()),
        time(attempt.end_time.as_ref()),
        error,
    ]
}

/// Writes all that is known of an action; its description last, as it was written.
pub fn card(out: &mut dyn Write, action: &proto::Action) -> io::Result<()> {
    let number = |number: i64| if number == 0 { String::new() } else { number.to_string() };
    let fields = |fields: &Option<prost_types::Struct>| {
        let fields = fields.as_ref().filter(|fields| !fields.fields.is_empty());
        fields.map(|fields| from_struct(fields).to_string()).unwrap_or_default()
    };
    let progress = match action.progress {
        0 => String::new(),
        percent => format!("{percent} %"),
    };
    let mut rows = vec![
        ("action", short(&action.name)),
        ("title", action.title.clone()),
        ("state", state(action)),
        ("looked at again", time(action.wake_time.as_ref())),
        ("type", action.action_type.clone()),
        ("priority", number(action.priority.into())),
        ("assignee", short(&action.assignee)),
        ("holder", short(&action.holder)),
        ("fence", number(action.fence)),
        ("held until", time(action.lease_expire_time.as_ref())),
        ("step", action.attempt_step.clone()),
        ("progress", progress),
        ("note", action.note.clone()),
        ("attempt", number(action.attempt)),
        ("not before", time(action.not_before.as_ref())),
        ("due", time(action.due_time.as_ref())),
        ("cancelled after", time(action.expire_time.as_ref())),
        ("ended", time(action.end_time.as_ref())),
        ("parameters", fields(&action.parameters)),
        ("result", fields(&action.result)),
        ("error", action.error.as_ref().map(error).unwrap_or_default()),
        ("last error", action.last_error.as_ref().map(error).unwrap_or_default()),
        ("key", action.unique_key.clone()),
    ];
    rows.extend(action.candidates.iter().map(|name| ("candidate", short(name))));
    rows.extend(action.dependencies.iter().map(|on| ("depends on", dependency(on))));
    rows.extend([
        ("creator", short(&action.creator)),
        ("created", time(action.create_time.as_ref())),
        ("updated", time(action.update_time.as_ref())),
        ("name", action.name.clone()),
        ("etag", action.etag.clone()),
        ("uid", action.uid.clone()),
    ]);
    render::card(out, &rows)?;
    if !action.description.is_empty() {
        writeln!(out, "\n{}", plain_lines(action.description.trim_end()))?;
    }
    Ok(())
}

/// The state, and why it waits if it does.
fn state(action: &proto::Action) -> String {
    let state = word(action.state().as_str_name(), "ACTION_STATE_");
    let reason = action.blocked_reason();
    match reason {
        proto::BlockedReason::Unspecified | proto::BlockedReason::Panicked => state,
        proto::BlockedReason::IssueInactive
        | proto::BlockedReason::Dependencies
        | proto::BlockedReason::Unsatisfiable
        | proto::BlockedReason::Parameters
        | proto::BlockedReason::Time => {
            format!("{state} ({})", word(reason.as_str_name(), "BLOCKED_REASON_"))
        }
    }
}

/// A value of an enum as people say it.
pub fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).replace('_', " ").to_lowercase()
}

fn error(error: &proto::ActionError) -> String {
    match error.message.as_str() {
        "" => error.name.clone(),
        message => format!("{}: {message}", error.name),
    }
}

fn dependency(on: &proto::Dependency) -> String {
    let what = match &on.on {
        Some(On::Action(name) | On::Issue(name)) => short(name),
        Some(On::NotBefore(at)) => time(Some(at)),
        None => "something".into(),
    };
    let state = word(on.state().as_str_name(), "DEPENDENCY_STATE_");
    match on.satisfy() {
        proto::Satisfy::Unspecified => format!("{what} ({state})"),
        satisfy @ (proto::Satisfy::SuccessOrSkip
        | proto::Satisfy::Success
        | proto::Satisfy::AnyEnd
        | proto::Satisfy::Failure) => {
            format!("{what}, {} ({state})", word(satisfy.as_str_name(), "SATISFY_"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn action() -> proto::Action {
        proto::Action {
            name: "projects/abc/issues/12/actions/3".into(),
            title: "Mend it\u{1b}".into(),
            state: proto::ActionState::Pending.into(),
            blocked_reason: proto::BlockedReason::Dependencies.into(),
            action_type: "take-action".into(),
            holder: "actors/ann".into(),
            fence: 2,
            dependencies: vec![proto::Dependency {
                on: Some(On::Action("projects/abc/issues/12/actions/1".into())),
                satisfy: proto::Satisfy::AnyEnd.into(),
                state: proto::DependencyState::Open.into(),
            }],
            ..proto::Action::default()
        }
    }

    fn written(write: impl Fn(&mut Vec<u8>) -> io::Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_list_has_a_row_an_action() {
        assert_eq!(
            written(|out| table(out, Some(HEAD), &[row(&action())])),
            "ACTION            STATE                   PRIORITY  TYPE         WHO  TITLE\n\
             ABC-12/actions/3  pending (dependencies)  -         take-action  ann  Mend it\\u{1b}\n"
        );
        assert_eq!(
            written(|out| claimed(out, &[action()])),
            "ACTION            FENCE  HELD UNTIL  TITLE\n\
             ABC-12/actions/3  2      -           Mend it\\u{1b}\n"
        );
    }

    #[test]
    fn a_card_tells_what_is_known() {
        assert_eq!(
            written(|out| card(out, &action())),
            "action      ABC-12/actions/3\ntitle       Mend it\\u{1b}\n\
             state       pending (dependencies)\ntype        take-action\nholder      ann\n\
             fence       2\ndepends on  ABC-12/actions/1, any end (open)\n\
             name        projects/abc/issues/12/actions/3\n"
        );
    }
}
