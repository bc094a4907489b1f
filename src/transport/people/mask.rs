//! Which fields of a sent actor, group or member are meant. See `transport/mask.rs`.

use prost_types::FieldMask;

use super::decode;
use crate::domain::error::{Error, Reason, Result, quoted};
use crate::domain::people::{ActorEdit, GroupEdit};
use crate::proto;

const ACTOR_FIELDS: [&str; 7] =
    ["kind", "display_name", "email", "time_zone", "working_hours", "urn", "admin"];
const GROUP_FIELDS: [&str; 3] = ["kind", "display_name", "members"];
/// What the server sets of everything.
const GIVEN: [&str; 6] = ["name", "uid", "etag", "create_time", "update_time", "creator"];

/// The fields of `all` that a mask names; none if there is no mask.
pub(super) fn named(
    mask: Option<FieldMask>,
    all: &[&'static str],
    refused: impl Fn(&str) -> Option<Error>,
) -> Result<Option<Vec<&'static str>>> {
    let FieldMask { paths } = mask.unwrap_or_default();
    let mut star = false;
    for path in &paths {
        star |= path == "*";
        let known = path == "*" || GIVEN.contains(&path.as_str()) || all.contains(&path.as_str());
        match refused(path) {
            Some(error) => return Err(error),
            None if !known => return Err(unknown_field(path)),
            None => (),
        }
    }
    let meant = |field: &&&str| star || paths.iter().any(|path| path == **field);
    Ok((!paths.is_empty()).then(|| all.iter().filter(meant).copied().collect()))
}

fn unknown_field(path: &str) -> Error {
    Error::Invalid {
        reason: Reason::FieldUnknown,
        field: "update_mask".into(),
        problem: format!("{} is no field", quoted(path)),
    }
}

/// What is to change in an actor.
pub(super) fn actor_edits(actor: &proto::Actor, mask: Option<FieldMask>) -> Result<Vec<ActorEdit>> {
    let verbs = |path: &str| {
        (path == "state").then(|| Error::Invalid {
            reason: Reason::UseVerb,
            field: "update_mask".into(),
            problem: "state: EnableActor and DisableActor change it".into(),
        })
    };
    let named = named(mask, &ACTOR_FIELDS, verbs)?;
    let present = |field: &&str| match *field {
        "kind" => actor.kind != 0,
        "display_name" => !actor.display_name.is_empty(),
        "email" => !actor.email.is_empty(),
        "time_zone" => !actor.time_zone.is_empty(),
        "working_hours" => !actor.working_hours.is_empty(),
        "urn" => !actor.urn.is_empty(),
        _ => actor.admin,
    };
    let fields = named.unwrap_or_else(|| ACTOR_FIELDS.into_iter().filter(present).collect());
    let edit = |field: &str| {
        let edit = match field {
            "kind" => ActorEdit::Kind(decode::actor_kind(actor.kind)?),
            "display_name" => ActorEdit::DisplayName(actor.display_name.clone()),
            "email" => ActorEdit::Email(actor.email.clone()),
            "time_zone" => ActorEdit::TimeZone(actor.time_zone.clone()),
            "working_hours" => {
                ActorEdit::WorkingHours(decode::working_hours(&actor.working_hours)?)
            }
            "urn" => ActorEdit::Urn(actor.urn.clone()),
            _ => ActorEdit::Admin(actor.admin),
        };
        edit.check()?;
        Ok(edit)
    };
    fields.into_iter().map(edit).collect()
}

/// What is to change in a group.
pub(super) fn group_edits(group: &proto::Group, mask: Option<FieldMask>) -> Result<Vec<GroupEdit>> {
    let named = named(mask, &GROUP_FIELDS, |_| None)?;
    let present = |field: &&str| match *field {
        "kind" => group.kind != 0,
        "display_name" => !group.display_name.is_empty(),
        _ => !group.members.is_empty(),
    };
    let fields = named.unwrap_or_else(|| GROUP_FIELDS.into_iter().filter(present).collect());
    let edit = |field: &str| {
        let edit = match field {
            "kind" => GroupEdit::Kind(decode::group_kind(group.kind)?),
            "display_name" => GroupEdit::DisplayName(group.display_name.clone()),
            _ => GroupEdit::Members(decode::group_members(&group.members)?),
        };
        edit.check()?;
        Ok(edit)
    };
    fields.into_iter().map(edit).collect()
}
