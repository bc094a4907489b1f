//! How issues look to people.

use std::io::{self, Write};

use crate::cli::json::from_struct;
use crate::cli::names::short;
use crate::cli::render::{self, clipped, plain_lines, time};
use crate::proto;

/// The head of a list.
pub const HEAD: [&str; 5] = ["KEY", "STATUS", "PRIORITY", "UPDATED", "TITLE"];

/// Longer titles are cut in lists.
const TITLE_CHARS_MAX: usize = 80;

/// What a write came to: the key, the status, the title.
pub fn summary(issue: &proto::Issue) -> [String; 3] {
    [issue.key.clone(), status(issue), issue.title.clone()]
}

/// An issue in a list, under [`HEAD`].
pub fn row(issue: &proto::Issue) -> [String; 5] {
    let priority = if issue.priority == 0 { "-".into() } else { issue.priority.to_string() };
    let updated = time(issue.update_time.as_ref());
    let title = clipped(&issue.title, TITLE_CHARS_MAX);
    [issue.key.clone(), status(issue), priority, updated, title]
}

/// Writes all that is known of an issue; its description last, as it was written.
pub fn card(out: &mut dyn Write, issue: &proto::Issue) -> io::Result<()> {
    let priority = if issue.priority == 0 { String::new() } else { issue.priority.to_string() };
    let parameters = issue.parameters.as_ref().filter(|fields| !fields.fields.is_empty());
    let mut rows = vec![
        ("key", issue.key.clone()),
        ("title", issue.title.clone()),
        ("status", status(issue)),
        ("resolution", issue.resolution.clone()),
        ("type", issue.issue_type.clone()),
        ("inactive", if issue.active == Some(false) { "yes".into() } else { String::new() }),
        ("parent", short(&issue.parent)),
        ("tags", issue.tags.join(", ")),
        ("dedup key", issue.dedup_key.clone()),
        ("priority", priority),
        ("milestone", issue.milestone.clone()),
        ("due", time(issue.due_time.as_ref())),
        ("creator", short(&issue.creator)),
        ("owner", short(&issue.owner)),
        ("assignees", all(&issue.assignees)),
        ("visible to", all(&issue.visible_to)),
        ("created", time(issue.create_time.as_ref())),
        ("updated", time(issue.update_time.as_ref())),
        ("closed", time(issue.close_time.as_ref())),
        ("deleted", time(issue.delete_time.as_ref())),
        ("gone after", time(issue.expire_time.as_ref())),
        (
            "parameters",
            parameters.map(|fields| from_struct(fields).to_string()).unwrap_or_default(),
        ),
    ];
    let annotations = issue.annotations.iter();
    rows.extend(annotations.map(|(key, value)| ("annotation", format!("{key}={value}"))));
    rows.extend([
        ("name", issue.name.clone()),
        ("etag", issue.etag.clone()),
        ("uid", issue.uid.clone()),
    ]);
    render::card(out, &rows)?;
    if !issue.description.is_empty() {
        writeln!(out, "\n{}", plain_lines(issue.description.trim_end()))?;
    }
    Ok(())
}

fn all(names: &[String]) -> String {
    names.iter().map(|name| short(name)).collect::<Vec<_>>().join(", ")
}

fn status(issue: &proto::Issue) -> String {
    if issue.delete_time.is_some() {
        return format!("{} (deleted)", issue.status);
    }
    issue.status.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::render::table;

    fn issue() -> proto::Issue {
        proto::Issue {
            key: "ABC-12".into(),
            title: "A\u{1b}door".into(),
            status: "open".into(),
            description: "one\ntwo\u{7}\n".into(),
            annotations: [("team".into(), "doors".into())].into(),
            update_time: Some(prost_types::Timestamp { seconds: 0, nanos: 0 }),
            ..proto::Issue::default()
        }
    }

    #[test]
    fn a_list_has_a_row_an_issue() {
        let mut out = Vec::new();
        table(&mut out, Some(HEAD), &[row(&issue())]).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "KEY     STATUS  PRIORITY  UPDATED                   TITLE\n\
             ABC-12  open    -         1970-01-01T00:00:00.000Z  A\\u{1b}door\n"
        );
    }

    #[test]
    fn a_card_tells_what_is_known() {
        let mut out = Vec::new();
        card(&mut out, &issue()).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "key         ABC-12\ntitle       A\\u{1b}door\nstatus      open\n\
             updated     1970-01-01T00:00:00.000Z\nannotation  team=doors\n\n\
             one\ntwo\\u{7}\n"
        );
    }
}
