//! Which fields of a sent action are meant: see [`crate::transport::mask`] for the rules.

use std::collections::BTreeSet;

use prost_types::FieldMask;

use crate::domain::action::ActionEdit;
use crate::domain::error::{Error, Reason, Result, invalid, too_large};
use crate::domain::name::Principal;
use crate::proto::{self, well_known};
use crate::transport::mask::{key_of, time, unknown_field};

/// More people are a group.
const CANDIDATES_MAX: usize = 20;

/// The fields of an action that callers change.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Title,
    Description,
    Parameters,
    Candidates,
    Priority,
    NotBefore,
    DueTime,
}

const FIELDS: [Field; 7] = [
    Field::Title,
    Field::Description,
    Field::Parameters,
    Field::Candidates,
    Field::Priority,
    Field::NotBefore,
    Field::DueTime,
];

/// What is to change in an action.
pub fn edits(action: &proto::Action, mask: Option<FieldMask>) -> Result<Vec<ActionEdit>> {
    let FieldMask { paths } = mask.unwrap_or_default();
    if paths.is_empty() {
        let present = FIELDS.into_iter().filter(|field| is_present(*field, action));
        return present.map(|field| whole(field, action)).collect();
    }
    if paths.iter().any(|path| path == "*") {
        // The other paths say nothing more, but must still be known.
        let nothing = proto::Action::default();
        paths.iter().try_for_each(|path| edit(path, &nothing).map(drop))?;
        return FIELDS.into_iter().map(|field| whole(field, action)).collect();
    }
    // Each once: a mask that named a large field many times would cost a copy each time.
    let mut seen = BTreeSet::new();
    let meant = paths.iter().filter(|path| seen.insert(path.as_str()));
    let edits: Result<Vec<_>> = meant.map(|path| edit(path, action)).collect();
    Ok(edits?.into_iter().flatten().collect())
}

fn is_present(field: Field, action: &proto::Action) -> bool {
    match field {
        Field::Title => !action.title.is_empty(),
        Field::Description => !action.description.is_empty(),
        Field::Parameters => action.parameters.as_ref().is_some_and(|sent| !sent.fields.is_empty()),
        Field::Candidates => !action.candidates.is_empty(),
        Field::Priority => action.priority != 0,
        Field::NotBefore => action.not_before.is_some(),
        Field::DueTime => action.due_time.is_some(),
    }
}

/// The edit that a whole field means.
fn whole(field: Field, action: &proto::Action) -> Result<ActionEdit> {
    Ok(match field {
        Field::Title => ActionEdit::Title(action.title.clone()),
        Field::Description => ActionEdit::Description(action.description.clone()),
        Field::Parameters => {
            let sent = action.parameters.clone().unwrap_or_default();
            ActionEdit::Parameters(well_known::fields("action.parameters", sent)?)
        }
        Field::Candidates => ActionEdit::Candidates(candidates(&action.candidates)?),
        Field::Priority => {
            let priority = i16::try_from(action.priority);
            let wrong = |_| invalid("action.priority", "must be 0 to 5");
            ActionEdit::Priority(priority.map_err(wrong)?)
        }
        Field::NotBefore => {
            let at = action.not_before.map(|sent| time("action.not_before", sent));
            ActionEdit::NotBefore(at.transpose()?)
        }
        Field::DueTime => {
            let at = action.due_time.map(|sent| time("action.due_time", sent));
            ActionEdit::DueTime(at.transpose()?)
        }
    })
}

fn candidates(sent: &[String]) -> Result<BTreeSet<Principal>> {
    if sent.len() > CANDIDATES_MAX {
        return Err(too_large("action.candidates", format_args!("{CANDIDATES_MAX} names")));
    }
    let one = |(n, name): (usize, &String)| {
        Principal::parse(&format!("action.candidates[{n}]"), name)
    };
    sent.iter().enumerate().map(one).collect()
}

/// The edit that a path of a mask means; none for what the server sets.
fn edit(path: &str, action: &proto::Action) -> Result<Option<ActionEdit>> {
    let field = match path {
        "*" => return Ok(None),
        "title" => Field::Title,
        "description" => Field::Description,
        "parameters" => Field::Parameters,
        "candidates" => Field::Candidates,
        "priority" => Field::Priority,
        "not_before" => Field::NotBefore,
        "due_time" => Field::DueTime,
        "name" | "uid" | "etag" | "create_time" | "update_time" | "creator" | "blocked_reason"
        | "wake_time" | "attempt" | "fence" | "lease_expire_time" | "last_error"
        | "expire_time" | "end_time" | "step" | "stop_time" => return Ok(None),
        "assignee" => return Err(use_verb(path, "AssignAction changes it")),
        "action_type" | "dependencies" | "unique_key" => {
            return Err(use_verb(path, "AddAction alone sets it"));
        }
        "state" | "attempt_step" | "holder" | "progress" | "note" | "result" | "error" => {
            return Err(use_verb(path, "the verbs of work change it"));
        }
        path => return inside(path, action).map(Some),
    };
    whole(field, action).map(Some)
}

/// The edit of one key inside the parameters.
fn inside(path: &str, action: &proto::Action) -> Result<ActionEdit> {
    let unknown = || unknown_field(path);
    let key = path.strip_prefix("parameters.").and_then(key_of).ok_or_else(unknown)?;
    let sent = action.parameters.as_ref().and_then(|sent| sent.fields.get(key));
    let field = format!("action.parameters.{key}");
    let value = sent.cloned().map(|sent| well_known::value(&field, sent)).transpose()?;
    Ok(ActionEdit::Parameter(key.into(), value))
}

fn use_verb(path: &str, verbs: &str) -> Error {
    Error::Invalid {
        reason: Reason::UseVerb,
        field: "update_mask".into(),
        problem: format!("{path}: {verbs}"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::proto::well_known::to_struct;

    fn full() -> proto::Action {
        proto::Action {
            name: "ABC-1/actions/1".into(),
            title: "t".into(),
            description: "d".into(),
            parameters: to_struct(json!({ "host": "a1" }).as_object().unwrap()),
            candidates: vec!["groups/qa".into()],
            priority: 2,
            not_before: Some(prost_types::Timestamp { seconds: 7, nanos: 0 }),
            due_time: Some(prost_types::Timestamp { seconds: 8, nanos: 0 }),
            assignee: "actors/ann".into(),
            ..Default::default()
        }
    }

    fn masked(action: &proto::Action, paths: &[&str]) -> Result<Vec<ActionEdit>> {
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        edits(action, Some(FieldMask { paths }))
    }

    #[test]
    fn a_mask_takes_what_it_names_and_nothing_else() {
        assert_eq!(edits(&full(), None).unwrap().len(), FIELDS.len());
        assert_eq!(edits(&proto::Action::default(), None).unwrap(), []);
        assert_eq!(masked(&full(), &["title"]).unwrap(), [ActionEdit::Title("t".into())]);
        assert_eq!(
            masked(&full(), &["parameters.host", "parameters.gone", "etag", "fence"]).unwrap(),
            [
                ActionEdit::Parameter("host".into(), Some(json!("a1"))),
                ActionEdit::Parameter("gone".into(), None),
            ]
        );
        let cleared = masked(&proto::Action::default(), &["*"]).unwrap();
        assert_eq!(cleared.len(), FIELDS.len());
        assert!(cleared.contains(&ActionEdit::NotBefore(None)));
    }

    #[test]
    fn what_verbs_change_asks_for_them_and_what_there_is_not_is_refused() {
        let reason = |path| masked(&full(), &[path]).unwrap_err().reason();

        for path in ["assignee", "state", "result", "unique_key", "dependencies"] {
            assert_eq!(reason(path), Reason::UseVerb, "{path}");
        }
        for path in ["", "titel", "parameters.", "parameters.a.b", "action.title", "title.x"] {
            assert_eq!(reason(path), Reason::FieldUnknown, "{path}");
        }
    }

    #[test]
    fn values_that_no_rule_could_hold_are_refused_with_their_field() {
        let refused = |change: fn(&mut proto::Action)| {
            let mut action = proto::Action::default();
            change(&mut action);
            edits(&action, None).unwrap_err().to_string()
        };

        assert!(refused(|a| a.priority = 70_000).starts_with("action.priority: "));
        assert!(refused(|a| a.candidates = vec!["ann".into()]).contains("action.candidates[0]"));
        let many = |a: &mut proto::Action| a.candidates = vec!["actors/ann".into(); 21];
        assert!(refused(many).starts_with("action.candidates: "));
    }

    proptest! {
        #[test]
        fn no_mask_panics(path in "[a-z_.`*]{0,20}") {
            let _ = masked(&full(), &[&path]);
        }
    }
}
