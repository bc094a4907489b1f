//! Field masks (AIP-161): which fields of a sent resource are meant.
//!
//! An empty mask means the fields that are not empty, `*` all that a caller may set. What the
//! server sets is ignored, as a caller may send back what it has read.

use std::collections::BTreeSet;

use jiff::Timestamp;
use prost_types::FieldMask;

use crate::domain::error::{Error, Reason, Result, invalid, quoted};
use crate::domain::issue::IssueEdit;
use crate::domain::name::IssueName;
use crate::proto::{self, well_known};

/// The new name of a project, if it is meant.
pub(super) fn display_name(
    project: proto::Project,
    mask: Option<FieldMask>,
) -> Result<Option<String>> {
    let proto::Project {
        name: _,
        uid: _,
        etag: _,
        create_time: _,
        update_time: _,
        creator: _,
        display_name,
    } = project;
    let FieldMask { paths } = mask.unwrap_or_default();
    if paths.is_empty() {
        return Ok((!display_name.is_empty()).then_some(display_name));
    }
    let mut meant = false;
    for path in &paths {
        match path.as_str() {
            "*" | "display_name" => meant = true,
            "name" | "uid" | "etag" | "create_time" | "update_time" | "creator" => (),
            other => return Err(unknown_field(other)),
        }
    }
    Ok(meant.then_some(display_name))
}

/// The fields of a plain resource that a mask means: some of `fields`. What the server sets is
/// ignored; without a mask the fields are meant that are present.
pub(super) fn paths(
    mask: Option<FieldMask>,
    fields: &[&'static str],
    set_by_server: &[&str],
    is_present: impl Fn(&str) -> bool,
) -> Result<BTreeSet<&'static str>> {
    let FieldMask { paths } = mask.unwrap_or_default();
    if paths.is_empty() {
        return Ok(fields.iter().copied().filter(|field| is_present(field)).collect());
    }
    let mut meant = BTreeSet::new();
    for path in &paths {
        if path == "*" {
            meant.extend(fields);
        } else if let Some(field) = fields.iter().find(|field| *field == path) {
            meant.insert(*field);
        } else if !set_by_server.contains(&path.as_str()) {
            return Err(unknown_field(path));
        }
    }
    Ok(meant)
}

/// The fields of an issue that callers set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Title,
    Description,
    Priority,
    Parameters,
    Annotations,
    DueTime,
    Milestone,
    Parent,
    Tags,
    DedupKey,
}

const FIELDS: [Field; 10] = [
    Field::Title,
    Field::Description,
    Field::Priority,
    Field::Parameters,
    Field::Annotations,
    Field::DueTime,
    Field::Milestone,
    Field::Parent,
    Field::Tags,
    Field::DedupKey,
];

/// What is to change in an issue.
pub(super) fn edits(issue: proto::Issue, mask: Option<FieldMask>) -> Result<Vec<IssueEdit>> {
    let FieldMask { paths } = mask.unwrap_or_default();
    if paths.is_empty() {
        let present = FIELDS.into_iter().filter(|field| is_present(*field, &issue));
        return present.map(|field| whole(field, &issue)).collect();
    }
    if paths.iter().any(|path| path == "*") {
        // The other paths say nothing more, but must still be known.
        let nothing = proto::Issue::default();
        paths.iter().try_for_each(|path| edit(path, &nothing).map(drop))?;
        return FIELDS.into_iter().map(|field| whole(field, &issue)).collect();
    }
    // Each once: a mask that named a large field many times would cost a copy each time.
    let mut seen = BTreeSet::new();
    let meant = paths.iter().filter(|path| seen.insert(path.as_str()));
    let edits: Result<Vec<_>> = meant.map(|path| edit(path, &issue)).collect();
    Ok(edits?.into_iter().flatten().collect())
}

fn is_present(field: Field, issue: &proto::Issue) -> bool {
    match field {
        Field::Title => !issue.title.is_empty(),
        Field::Description => !issue.description.is_empty(),
        Field::Priority => issue.priority != 0,
        Field::Parameters => issue.parameters.as_ref().is_some_and(|sent| !sent.fields.is_empty()),
        Field::Annotations => !issue.annotations.is_empty(),
        Field::DueTime => issue.due_time.is_some(),
        Field::Milestone => !issue.milestone.is_empty(),
        Field::Parent => !issue.parent.is_empty(),
        Field::Tags => !issue.tags.is_empty(),
        Field::DedupKey => !issue.dedup_key.is_empty(),
    }
}

/// The edit that a whole field means.
fn whole(field: Field, issue: &proto::Issue) -> Result<IssueEdit> {
    Ok(match field {
        Field::Title => IssueEdit::Title(issue.title.clone()),
        Field::Description => IssueEdit::Description(issue.description.clone()),
        Field::Priority => IssueEdit::Priority(priority(issue.priority)?),
        Field::Parameters => {
            let sent = issue.parameters.clone().unwrap_or_default();
            IssueEdit::Parameters(well_known::fields("issue.parameters", sent)?)
        }
        Field::Annotations => IssueEdit::Annotations(issue.annotations.clone()),
        Field::DueTime => {
            let at = issue.due_time.map(|sent| time("issue.due_time", sent));
            IssueEdit::DueTime(at.transpose()?)
        }
        Field::Milestone => IssueEdit::Milestone(issue.milestone.clone()),
        Field::Parent => IssueEdit::Parent(parent(&issue.parent)?),
        Field::Tags => IssueEdit::Tags(issue.tags.iter().cloned().collect()),
        Field::DedupKey => IssueEdit::DedupKey(issue.dedup_key.clone()),
    })
}

fn parent(sent: &str) -> Result<Option<IssueName>> {
    (!sent.is_empty()).then(|| IssueName::parse("issue.parent", sent)).transpose()
}

fn priority(sent: i32) -> Result<i16> {
    i16::try_from(sent).map_err(|_| invalid("issue.priority", "must be 0 to 5"))
}

/// The database keeps microseconds: what it would drop is dropped before anything is decided.
pub(super) fn time(field: &str, sent: prost_types::Timestamp) -> Result<Timestamp> {
    let at = well_known::timestamp(field, sent)?;
    Ok(Timestamp::from_microsecond(at.as_microsecond()).unwrap_or(at))
}

/// The edit that a path of a mask means; none for what the server sets.
fn edit(path: &str, issue: &proto::Issue) -> Result<Option<IssueEdit>> {
    let field = match path {
        "*" => return Ok(None),
        "title" => Field::Title,
        "description" => Field::Description,
        "priority" => Field::Priority,
        "parameters" => Field::Parameters,
        "annotations" => Field::Annotations,
        "due_time" => Field::DueTime,
        "milestone" => Field::Milestone,
        "parent" => Field::Parent,
        "tags" => Field::Tags,
        "dedup_key" => Field::DedupKey,
        "name"
        | "uid"
        | "key"
        | "etag"
        | "create_time"
        | "update_time"
        | "creator"
        | "step"
        | "workflow"
        | "expire_time"
        | "issue_type_revision"
        | "kind"
        | "workflow_revision"
        | "thread"
        | "visible_to" => return Ok(None),
        "state" | "status" | "category" | "resolution" | "close_time" | "delete_time"
        | "active" | "owner" | "assignees" => return Err(use_verb(path)),
        "issue_type" => return Err(invalid("update_mask", "issue_type: it never changes")),
        path => return inside(path, issue).map(Some),
    };
    whole(field, issue).map(Some)
}

/// The edit of one key inside an open field.
fn inside(path: &str, issue: &proto::Issue) -> Result<IssueEdit> {
    let unknown = || unknown_field(path);
    let (field, key) = path.split_once('.').ok_or_else(unknown)?;
    let key = key_of(key).ok_or_else(unknown)?;
    match field {
        "parameters" => {
            let sent = issue.parameters.as_ref().and_then(|sent| sent.fields.get(key));
            let field = || format!("issue.parameters.{key}");
            let value = sent.cloned().map(|sent| well_known::value(&field(), sent)).transpose()?;
            Ok(IssueEdit::Parameter(key.into(), value))
        }
        "annotations" => Ok(IssueEdit::Annotation(key.into(), issue.annotations.get(key).cloned())),
        _ => Err(unknown()),
    }
}

/// The key that the rest of a path names. One with dots in it stands between backticks (AIP-161,
/// "Map fields"), as a mask reaches no deeper than one level.
pub(super) fn key_of(text: &str) -> Option<&str> {
    let key = match text.strip_prefix('`') {
        Some(rest) => rest.strip_suffix('`')?,
        None if text.contains('.') => return None,
        None => text,
    };
    (!key.is_empty()).then_some(key)
}

pub(super) fn unknown_field(path: &str) -> Error {
    Error::Invalid {
        reason: Reason::FieldUnknown,
        field: "update_mask".into(),
        problem: format!("{} is no field", quoted(path)),
    }
}

fn use_verb(path: &str) -> Error {
    let verbs = match path {
        "delete_time" => "DeleteIssue and UndeleteIssue change it",
        "active" => "ActivateIssue and DeactivateIssue change it",
        "owner" | "assignees" => "AssignIssue changes it",
        _ => "TransitionIssue, CloseIssue and ReopenIssue change it",
    };
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
    use crate::domain::value::Fields;
    use crate::proto::well_known::to_struct;

    fn fields(value: serde_json::Value) -> Fields {
        value.as_object().unwrap().clone()
    }

    fn full() -> proto::Issue {
        proto::Issue {
            name: "ABC-1".into(),
            title: "t".into(),
            description: "d".into(),
            priority: 2,
            parameters: to_struct(&fields(json!({ "severity": 3, "a.b": "x" }))),
            annotations: [("team".to_owned(), "qa".to_owned())].into(),
            due_time: Some(prost_types::Timestamp { seconds: 7, nanos: 1_999 }),
            milestone: "m".into(),
            parent: "ABC-2".into(),
            tags: vec!["b".into(), "a".into(), "b".into()],
            dedup_key: "k".into(),
            status: "closed".into(),
            ..Default::default()
        }
    }

    fn masked(issue: proto::Issue, paths: &[&str]) -> Result<Vec<IssueEdit>> {
        let paths = paths.iter().map(|&path| path.to_owned()).collect();
        edits(issue, Some(FieldMask { paths }))
    }

    fn reason(paths: &[&str]) -> Reason {
        masked(full(), paths).unwrap_err().reason()
    }

    #[test]
    fn without_a_mask_what_is_not_empty_is_meant() {
        let all = edits(full(), None).unwrap();
        assert_eq!(all.len(), 10);
        assert_eq!(all, masked(full(), &[]).unwrap());

        let empty = proto::Issue { parameters: Some(Default::default()), ..Default::default() };
        assert_eq!(edits(empty, None).unwrap(), []);
    }

    #[test]
    fn a_star_replaces_what_is_empty_too() {
        let cleared = masked(proto::Issue::default(), &["*"]).unwrap();

        assert_eq!(
            cleared,
            [
                IssueEdit::Title(String::new()),
                IssueEdit::Description(String::new()),
                IssueEdit::Priority(0),
                IssueEdit::Parameters(Fields::new()),
                IssueEdit::Annotations([].into()),
                IssueEdit::DueTime(None),
                IssueEdit::Milestone(String::new()),
                IssueEdit::Parent(None),
                IssueEdit::Tags([].into()),
                IssueEdit::DedupKey(String::new()),
            ]
        );
        assert_eq!(reason(&["*", "nonsense"]), Reason::FieldUnknown);
    }

    #[test]
    fn a_mask_names_what_is_meant_empty_or_not() {
        assert_eq!(
            masked(proto::Issue::default(), &["title"]).unwrap(),
            [IssueEdit::Title(String::new())]
        );
        let tags = ["a".to_owned(), "b".to_owned()].into();
        assert_eq!(masked(full(), &["tags"]).unwrap(), [IssueEdit::Tags(tags)]);
        let parent = IssueName::parse("", "ABC-2").unwrap();
        assert_eq!(masked(full(), &["parent"]).unwrap(), [IssueEdit::Parent(Some(parent))]);
        assert_eq!(masked(full(), &["milestone"]).unwrap(), [IssueEdit::Milestone("m".into())]);
        assert_eq!(masked(full(), &["uid", "name", "workflow", "step"]).unwrap(), []);
    }

    #[test]
    fn a_mask_reaches_one_level_inside() {
        let parameter = |path| masked(full(), &[path]).unwrap().remove(0);

        let some = |key: &str, value| IssueEdit::Parameter(key.into(), Some(value));
        assert_eq!(parameter("parameters.severity"), some("severity", json!(3)));
        assert_eq!(parameter("parameters.`a.b`"), some("a.b", json!("x")));
        assert_eq!(parameter("parameters.gone"), IssueEdit::Parameter("gone".into(), None));
        assert_eq!(
            parameter("annotations.team"),
            IssueEdit::Annotation("team".into(), Some("qa".into()))
        );
        for path in ["parameters.", "parameters.a.b", "parameters.``", "annotations.`x", "title.x"]
        {
            assert_eq!(reason(&[path]), Reason::FieldUnknown, "{path}");
        }
    }

    #[test]
    fn what_a_verb_changes_asks_for_the_verb() {
        let verbs = ["status", "state", "resolution", "category", "close_time", "delete_time"];
        for path in verbs.into_iter().chain(["active", "owner", "assignees"]) {
            assert_eq!(reason(&["title", path]), Reason::UseVerb, "{path}");
        }
        assert_eq!(reason(&["issue_type"]), Reason::FieldInvalid);
        for path in ["", "titel", "Title", "issue.title"] {
            assert_eq!(reason(&[path]), Reason::FieldUnknown, "{path:?}");
        }
    }

    #[test]
    fn values_that_no_rule_could_hold_are_refused_with_their_field() {
        let refused = |issue| edits(issue, None).unwrap_err().to_string();
        let priority = proto::Issue { priority: 70_000, ..Default::default() };
        let due_time = proto::Issue {
            due_time: Some(prost_types::Timestamp { seconds: 0, nanos: -1 }),
            ..Default::default()
        };

        assert!(refused(priority).starts_with("issue.priority: "));
        assert!(refused(due_time).starts_with("issue.due_time: "));
    }

    #[test]
    fn due_times_are_kept_as_the_database_keeps_them() {
        let edit = masked(full(), &["due_time"]).unwrap().remove(0);

        assert_eq!(edit, IssueEdit::DueTime(Some(Timestamp::new(7, 1_000).unwrap())));
    }

    #[test]
    fn projects_have_one_field_to_change() {
        let name = |display_name: &str, paths: &[&str]| {
            let paths = paths.iter().map(|&path| path.to_owned()).collect();
            let project =
                proto::Project { display_name: display_name.into(), ..Default::default() };
            display_name_of(project, paths)
        };
        fn display_name_of(project: proto::Project, paths: Vec<String>) -> Result<Option<String>> {
            display_name(project, Some(FieldMask { paths }))
        }

        assert_eq!(name("x", &[]).unwrap().as_deref(), Some("x"));
        assert_eq!(name("", &[]).unwrap(), None);
        assert_eq!(name("", &["*"]).unwrap().as_deref(), Some(""));
        assert_eq!(name("x", &["uid", "display_name"]).unwrap().as_deref(), Some("x"));
        assert_eq!(name("x", &["uid"]).unwrap(), None);
        assert_eq!(name("x", &["nonsense"]).unwrap_err().reason(), Reason::FieldUnknown);
    }

    proptest! {
        #[test]
        fn no_mask_panics(path in "[a-z_.`*]{0,20}") {
            let _ = masked(full(), &[&path]);
        }
    }
}
