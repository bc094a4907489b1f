//! Names of what belongs to an issue: actions, attempts, comments, references, relations.

use std::fmt;

use super::{ActorName, IssueName, malformed, number, parse_event_name};
use crate::domain::error::Result;
use crate::domain::event::Seq;

/// Reads `{parent}/{collection}/{n}`.
fn numbered<'a>(name: &'a str, collection: &str) -> Option<(&'a str, i64)> {
    let (parent, n) = name.rsplit_once('/')?;
    let parent = parent.strip_suffix(collection)?.strip_suffix('/')?;
    Some((parent, number(n)?))
}

/// The name of an action: `projects/abc/issues/12/actions/3`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ActionName {
    /// Of which issue.
    pub issue: IssueName,
    /// Its number there, from 1.
    pub number: i64,
}

impl ActionName {
    /// Takes `projects/abc/issues/12/actions/3`, or `ABC-12/actions/3` in any case.
    pub fn parse(field: &str, name: &str) -> Result<ActionName> {
        ActionName::read(name).ok_or_else(|| {
            malformed(field, name, "projects/abc/issues/12/actions/3 or ABC-12/actions/3")
        })
    }

    fn read(name: &str) -> Option<ActionName> {
        let (issue, number) = numbered(name, "actions")?;
        Some(ActionName { issue: IssueName::read(issue)?, number })
    }
}

impl fmt::Display for ActionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/actions/{}", self.issue, self.number)
    }
}

/// The name of an attempt: `projects/abc/issues/12/actions/3/attempts/1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct AttemptName {
    /// At which action.
    pub action: ActionName,
    /// Its number there, from 1.
    pub number: i64,
}

impl AttemptName {
    /// Takes `projects/abc/issues/12/actions/3/attempts/1`, or `ABC-12/actions/3/attempts/1`.
    pub fn parse(field: &str, name: &str) -> Result<AttemptName> {
        let read = || {
            let (action, number) = numbered(name, "attempts")?;
            Some(AttemptName { action: ActionName::read(action)?, number })
        };
        read().ok_or_else(|| malformed(field, name, "ABC-12/actions/3/attempts/1"))
    }
}

impl fmt::Display for AttemptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/attempts/{}", self.action, self.number)
    }
}

/// What can be commented on.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CommentParent {
    /// An issue.
    Issue(IssueName),
    /// An action.
    Action(ActionName),
}

impl CommentParent {
    /// Takes the name or key of an issue, or the name of an action.
    pub fn parse(field: &str, name: &str) -> Result<CommentParent> {
        CommentParent::read(name)
            .ok_or_else(|| malformed(field, name, "ABC-12 or ABC-12/actions/3"))
    }

    fn read(name: &str) -> Option<CommentParent> {
        let issue = || IssueName::read(name).map(CommentParent::Issue);
        issue().or_else(|| ActionName::read(name).map(CommentParent::Action))
    }

    /// The issue that it is, or is of.
    pub fn issue(&self) -> &IssueName {
        match self {
            CommentParent::Issue(name) => name,
            CommentParent::Action(name) => &name.issue,
        }
    }
}

impl fmt::Display for CommentParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CommentParent::Issue(name) => name.fmt(f),
            CommentParent::Action(name) => name.fmt(f),
        }
    }
}

/// The name of a comment: `{issue or action}/comments/4`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CommentName {
    /// On what.
    pub parent: CommentParent,
    /// Its number there, from 1.
    pub number: i64,
}

impl CommentName {
    /// Takes `projects/abc/issues/12/comments/4`, `ABC-12/comments/4`, or that of an action.
    pub fn parse(field: &str, name: &str) -> Result<CommentName> {
        let read = || {
            let (parent, number) = numbered(name, "comments")?;
            Some(CommentName { parent: CommentParent::read(parent)?, number })
        };
        read().ok_or_else(|| malformed(field, name, "ABC-12/comments/4"))
    }
}

impl fmt::Display for CommentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/comments/{}", self.parent, self.number)
    }
}

/// What can carry references.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ReferenceParent {
    /// An issue.
    Issue(IssueName),
    /// An action.
    Action(ActionName),
    /// An actor.
    Actor(ActorName),
    /// An event.
    Event(Seq),
}

impl ReferenceParent {
    /// Takes the name of an issue (or its key), an action, an actor or an event.
    pub fn parse(field: &str, name: &str) -> Result<ReferenceParent> {
        let form = "ABC-12, ABC-12/actions/3, actors/ann or events/7";
        ReferenceParent::read(name).ok_or_else(|| malformed(field, name, form))
    }

    fn read(name: &str) -> Option<ReferenceParent> {
        if name.starts_with("actors/") {
            return ActorName::parse("", name).ok().map(ReferenceParent::Actor);
        }
        if name.starts_with("events/") {
            return parse_event_name("", name).ok().map(ReferenceParent::Event);
        }
        Some(match CommentParent::read(name)? {
            CommentParent::Issue(name) => ReferenceParent::Issue(name),
            CommentParent::Action(name) => ReferenceParent::Action(name),
        })
    }
}

impl fmt::Display for ReferenceParent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReferenceParent::Issue(name) => name.fmt(f),
            ReferenceParent::Action(name) => name.fmt(f),
            ReferenceParent::Actor(name) => name.fmt(f),
            ReferenceParent::Event(seq) => write!(f, "events/{seq}"),
        }
    }
}

/// The name of a reference: `{issue, action, actor or event}/references/2`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ReferenceName {
    /// On what.
    pub parent: ReferenceParent,
    /// Its number there, from 1.
    pub number: i64,
}

impl ReferenceName {
    /// Takes `ABC-12/references/2`, or that of an action, an actor or an event.
    pub fn parse(field: &str, name: &str) -> Result<ReferenceName> {
        let read = || {
            let (parent, number) = numbered(name, "references")?;
            Some(ReferenceName { parent: ReferenceParent::read(parent)?, number })
        };
        read().ok_or_else(|| malformed(field, name, "ABC-12/references/2"))
    }
}

impl fmt::Display for ReferenceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/references/{}", self.parent, self.number)
    }
}

/// The name of a relation, at the issue where it was made: `projects/abc/issues/12/relations/1`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RelationName {
    /// The issue that it leads from.
    pub issue: IssueName,
    /// Its number there, from 1.
    pub number: i64,
}

impl RelationName {
    /// Takes `projects/abc/issues/12/relations/1` or `ABC-12/relations/1`.
    pub fn parse(field: &str, name: &str) -> Result<RelationName> {
        let read = || {
            let (issue, number) = numbered(name, "relations")?;
            Some(RelationName { issue: IssueName::read(issue)?, number })
        };
        read().ok_or_else(|| malformed(field, name, "ABC-12/relations/1"))
    }
}

impl fmt::Display for RelationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/relations/{}", self.issue, self.number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_lead_names_as_names_do() {
        let action = |name: &str| ActionName::parse("n", name).map(|read| read.to_string()).ok();
        let full = "projects/abc/issues/12/actions/3";
        assert_eq!(action(full).as_deref(), Some(full));
        assert_eq!(action("abc-12/actions/3").as_deref(), Some(full));
        for wrong in [
            "",
            "ABC-12",
            "ABC-12/actions/",
            "ABC-12/actions/0",
            "ABC-12/action/1",
            "ABC-12/actions/03",
            "ABC-12/actions/1/x",
            "actions/1",
        ] {
            assert_eq!(action(wrong), None, "{wrong:?}");
        }
        let attempt = |name: &str| AttemptName::parse("n", name).map(|read| read.to_string()).ok();
        assert_eq!(attempt("abc-12/actions/3/attempts/4"), Some(format!("{full}/attempts/4")));
        assert_eq!(attempt("ABC-12/attempts/4"), None);
        let comment = |name: &str| CommentName::parse("n", name).unwrap().to_string();
        assert_eq!(comment("ABC-1/comments/2"), "projects/abc/issues/1/comments/2");
        assert_eq!(
            comment("ABC-1/actions/5/comments/2"),
            "projects/abc/issues/1/actions/5/comments/2"
        );
        let reference = |name: &str| ReferenceName::parse("n", name).unwrap().to_string();
        assert_eq!(reference("events/7/references/1"), "events/7/references/1");
        assert_eq!(reference("actors/ann/references/1"), "actors/ann/references/1");
        let relation = RelationName::parse("n", "ABC-1/relations/2").unwrap().to_string();
        assert_eq!(relation, "projects/abc/issues/1/relations/2");
    }
}
