//! The fields of an issue that people set, as options.

use std::collections::BTreeMap;

use clap::Args;
use prost_types::Timestamp;

use crate::cli::json::parse_struct;
use crate::proto;

/// What creating and changing an issue both take.
#[derive(Args, Debug)]
pub struct Fields {
    /// Text, Markdown by custom
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// 1, the highest, to 5; 0 for none
    #[arg(long, value_name = "NUMBER")]
    priority: Option<i32>,
    /// Data of the matter, all of it
    #[arg(long, value_name = "JSON", value_parser = parse_struct)]
    parameters: Option<prost_types::Struct>,
    /// A note for tools; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    annotation: Vec<(String, String)>,
    /// When it ought to be done, as 2026-11-30T12:00:00Z; none for no such time
    #[arg(long, value_name = "TIME", value_parser = due)]
    due: Option<Due>,
    /// The plan it belongs to
    #[arg(long, value_name = "TEXT")]
    milestone: Option<String>,
    /// The issue that it is a part of, by key or name; none for no such issue
    #[arg(long, value_name = "ISSUE")]
    parent: Option<String>,
    /// A word to find it by; all of them are to be given
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// What tells it from other open issues of the project
    #[arg(long, value_name = "KEY")]
    dedup_key: Option<String>,
}

/// A time, or that there is none.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Due(pub Option<Timestamp>);

impl Fields {
    /// Puts what was given into an issue.
    pub fn put(self, issue: &mut proto::Issue) {
        let Fields {
            description,
            priority,
            parameters,
            annotation,
            due,
            milestone,
            parent,
            tag,
            dedup_key,
        } = self;
        issue.parent = parent.filter(|parent| parent != "none").unwrap_or_default();
        issue.tags = tag.into_iter().filter(|tag| !tag.is_empty()).collect();
        issue.dedup_key = dedup_key.unwrap_or_default();
        issue.description = description.unwrap_or_default();
        issue.priority = priority.unwrap_or_default();
        issue.parameters = parameters;
        issue.annotations = BTreeMap::from_iter(annotation);
        issue.due_time = due.and_then(|due| due.0);
        issue.milestone = milestone.unwrap_or_default();
    }

    /// The paths of what was given.
    pub fn mask(&self) -> Vec<String> {
        let Fields {
            description,
            priority,
            parameters,
            annotation,
            due,
            milestone,
            parent,
            tag,
            dedup_key,
        } = self;
        let given = [
            ("description", description.is_some()),
            ("priority", priority.is_some()),
            ("parameters", parameters.is_some()),
            ("due_time", due.is_some()),
            ("milestone", milestone.is_some()),
            ("parent", parent.is_some()),
            // One that is empty takes all of them away.
            ("tags", !tag.is_empty()),
            ("dedup_key", dedup_key.is_some()),
        ];
        let whole = given.iter().filter(|(_, given)| *given).map(|(path, _)| (*path).to_owned());
        whole.chain(annotation.iter().map(|(key, _)| format!("annotations.{key}"))).collect()
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.is_empty() => Ok((key.to_owned(), value.to_owned())),
        _ => Err("must be written as key=value".into()),
    }
}

/// Reads a time, or `none`.
pub fn due(text: &str) -> Result<Due, String> {
    if text == "none" {
        return Ok(Due(None));
    }
    let at: jiff::Timestamp =
        text.parse().map_err(|_| "must be a time such as 2026-11-30T12:00:00Z, or none")?;
    let (seconds, nanos) = (at.as_second(), at.subsec_nanosecond());
    // Protobuf counts nanoseconds forward, before 1970 too.
    Ok(Due(Some(match nanos {
        0.. => Timestamp { seconds, nanos },
        _ => Timestamp { seconds: seconds - 1, nanos: nanos + 1_000_000_000 },
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        assert_eq!(pair("a=b=c").unwrap(), ("a".into(), "b=c".into()));
        assert!(pair("a").is_err() && pair("=b").is_err());
        assert_eq!(due("none").unwrap(), Due(None));
        let at = Timestamp { seconds: -1, nanos: 500_000_000 };
        assert_eq!(due("1969-12-31T23:59:59.5Z").unwrap(), Due(Some(at)));
        assert!(due("tomorrow").is_err());
    }
}
