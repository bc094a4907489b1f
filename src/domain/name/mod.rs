//! Names of things: `projects/abc/issues/12`, and the key `ABC-12` that people say.
//!
//! A name that was parsed is a name that is well formed; whether there is such a thing is another
//! question.

mod configuration;
mod consumer;
mod id;
mod people;
mod work;

use std::fmt;
use std::sync::Arc;

use uuid::Uuid;

pub use configuration::{ConfigurationKind, ConfigurationName, RevisionName};
pub use consumer::ConsumerName;
pub use id::Id;
pub use people::{ActorName, CredentialName, GroupName, MemberName, Principal};
pub use work::{
    ActionName, AttemptName, CommentName, CommentParent, ReferenceName, ReferenceParent,
    RelationName,
};

use super::error::{Error, Result, invalid, quoted, required};
use super::event::Seq;

/// The longest id of a project.
const PROJECT_ID_CHARS_MAX: usize = 16;

/// A number that the server gave: digits, from 1, without a zero in front.
fn number(text: &str) -> Option<i64> {
    let digits = text.starts_with(|c: char| matches!(c, '1'..='9'))
        && text.chars().all(|c| c.is_ascii_digit());
    text.parse().ok().filter(|_| digits)
}

/// A name that is not of its form.
fn malformed(field: &str, name: &str, form: &str) -> Error {
    if name.is_empty() {
        return required(field);
    }
    invalid(field, format!("{} is not a name like {form}", quoted(name)))
}

/// The id of a project: `[a-z][a-z0-9]{0,15}`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ProjectId(Arc<str>);

impl ProjectId {
    /// Takes an id as a caller chose it.
    pub fn parse(field: &str, id: &str) -> Result<ProjectId> {
        if id.is_empty() {
            return Err(required(field));
        }
        let mut chars = id.chars();
        let well_formed = chars.next().is_some_and(|first| first.is_ascii_lowercase())
            && chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
            && id.len() <= PROJECT_ID_CHARS_MAX;
        if !well_formed {
            let problem = format!("{} is not an id of the form [a-z][a-z0-9]{{0,15}}", quoted(id));
            return Err(invalid(field, problem));
        }
        Ok(ProjectId(id.into()))
    }

    /// Takes the name `projects/abc`.
    pub fn parse_name(field: &str, name: &str) -> Result<ProjectId> {
        if name.is_empty() {
            return Err(required(field));
        }
        name.strip_prefix("projects/").and_then(|id| ProjectId::parse(field, id).ok()).ok_or_else(
            || invalid(field, format!("{} is not a name like projects/abc", quoted(name))),
        )
    }

    /// The id alone: `abc`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Prints the name: `projects/abc`.
impl fmt::Display for ProjectId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "projects/{}", self.0)
    }
}

/// The name of an issue.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct IssueName {
    /// Where it is kept.
    pub project: ProjectId,
    /// Its number there, from 1.
    pub number: i64,
}

impl IssueName {
    /// Takes `projects/abc/issues/12`, or the key `ABC-12` in any case.
    pub fn parse(field: &str, name: &str) -> Result<IssueName> {
        if name.is_empty() {
            return Err(required(field));
        }
        IssueName::read(name).ok_or_else(|| {
            let form = "is neither a name like projects/abc/issues/12 nor a key like ABC-12";
            invalid(field, format!("{} {form}", quoted(name)))
        })
    }

    fn read(name: &str) -> Option<IssueName> {
        let (project, number) = match name.strip_prefix("projects/") {
            Some(rest) => {
                let (project, number) = rest.split_once("/issues/")?;
                (project.to_owned(), number)
            }
            None => {
                let (project, number) = name.split_once('-')?;
                (project.to_ascii_lowercase(), number)
            }
        };
        let number = self::number(number)?;
        Some(IssueName { project: ProjectId::parse("", &project).ok()?, number })
    }

    /// What people say: `ABC-12`.
    pub fn key(&self) -> String {
        format!("{}-{}", self.project.as_str().to_ascii_uppercase(), self.number)
    }
}

/// Prints the name: `projects/abc/issues/12`.
impl fmt::Display for IssueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/issues/{}", self.project, self.number)
    }
}

/// The name of a message that another service sent.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MessageName {
    /// The project that it was sent to.
    pub project: ProjectId,
    /// Its id, given by the server.
    pub uid: Uuid,
}

impl fmt::Display for MessageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/messages/{}", self.project, self.uid)
    }
}

/// Takes the name of an event: `events/12`.
pub fn parse_event_name(field: &str, name: &str) -> Result<Seq> {
    if name.is_empty() {
        return Err(required(field));
    }
    name.strip_prefix("events/")
        .and_then(number)
        .map(Seq)
        .ok_or_else(|| invalid(field, format!("{} is not a name like events/12", quoted(name))))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(name: &str) -> Option<String> {
        IssueName::parse("name", name).ok().map(|name| name.to_string())
    }

    #[test]
    fn names_and_keys_of_issues_say_the_same() {
        assert_eq!(read("projects/abc/issues/12").as_deref(), Some("projects/abc/issues/12"));
        assert_eq!(read("ABC-12").as_deref(), Some("projects/abc/issues/12"));
        assert_eq!(read("aBc-12").as_deref(), Some("projects/abc/issues/12"));
    }

    #[test]
    fn what_is_not_a_name_is_refused() {
        let wrong = [
            "",
            "ABC123",
            "-123",
            "ABC-0",
            "ABC-1x",
            "ABC-01",
            "ABC-+1",
            "projects/ABC/issues/1",
            "projects/abc/issues/",
            "projects/abc",
            "projects/abc/issues/9223372036854775808",
            "1ABC-1",
            "abcdefghijklmnopq-1",
            "projects//issues/1",
            "Ä-1",
            "ABC-1 ",
        ];
        for name in wrong {
            assert_eq!(read(name), None, "{name:?}");
        }
    }

    #[test]
    fn event_names_are_numbers_from_one() {
        assert_eq!(parse_event_name("name", "events/12").unwrap(), Seq(12));
        for wrong in ["", "events/", "events/0", "events/-1", "events/+1", "event/1", "events/1a"] {
            assert!(parse_event_name("name", wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn every_name_reads_back(project in "[a-z][a-z0-9]{0,15}", number in 1_i64..) {
            let name = IssueName { project: ProjectId::parse("", &project).unwrap(), number };

            prop_assert_eq!(&IssueName::parse("", &name.to_string()).unwrap(), &name);
            prop_assert_eq!(&IssueName::parse("", &name.key()).unwrap(), &name);
        }

        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = IssueName::parse("", &text);
            let _ = ProjectId::parse_name("", &text);
            let _ = parse_event_name("", &text);
        }
    }
}
