//! Names of configuration: `projects/abc/workflows/bug`, and revisions of it.

use std::fmt;

use super::{Id, ProjectId, malformed, number};
use crate::domain::error::Result;

/// What is configured. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ConfigurationKind {
    /// Statuses and moves of issues.
    Workflow,
    /// A kind of issues.
    IssueType,
    /// A kind of work.
    ActionType,
}

impl ConfigurationKind {
    /// All kinds.
    pub const ALL: &[ConfigurationKind] =
        &[ConfigurationKind::Workflow, ConfigurationKind::IssueType, ConfigurationKind::ActionType];

    /// What one of them is called in events and as a field of the contract.
    pub fn noun(self) -> &'static str {
        match self {
            ConfigurationKind::Workflow => "workflow",
            ConfigurationKind::IssueType => "issue_type",
            ConfigurationKind::ActionType => "action_type",
        }
    }

    /// The word in names, which is stored too.
    pub fn collection(self) -> &'static str {
        match self {
            ConfigurationKind::Workflow => "workflows",
            ConfigurationKind::IssueType => "issueTypes",
            ConfigurationKind::ActionType => "actionTypes",
        }
    }
}

/// The name of a piece of configuration, whatever its revision.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConfigurationName {
    /// Of which project.
    pub project: ProjectId,
    /// What.
    pub kind: ConfigurationKind,
    /// Chosen by the caller.
    pub id: Id,
}

impl ConfigurationName {
    /// Takes `projects/abc/workflows/bug` where a workflow is asked for.
    pub fn parse(field: &str, kind: ConfigurationKind, name: &str) -> Result<ConfigurationName> {
        let read = || {
            let (project, rest) = name.strip_prefix("projects/")?.split_once('/')?;
            let id = rest.strip_prefix(kind.collection())?.strip_prefix('/')?;
            let project = ProjectId::parse(field, project).ok()?;
            Some(ConfigurationName { project, kind, id: Id::read(id)? })
        };
        let form = format!("projects/abc/{}/own", kind.collection());
        read().ok_or_else(|| malformed(field, name, &form))
    }
}

/// The name of a piece of configuration as it is now, or of one of its revisions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RevisionName {
    /// Of what.
    pub of: ConfigurationName,
    /// Which; none is the newest. 0 is what comes with the service.
    pub revision: Option<i64>,
}

impl RevisionName {
    /// Takes `projects/abc/workflows/bug` and `projects/abc/workflows/bug/revisions/7` where a
    /// workflow is asked for.
    pub fn parse(field: &str, kind: ConfigurationKind, name: &str) -> Result<RevisionName> {
        let Some((of, revision)) = name.split_once("/revisions/") else {
            let of = ConfigurationName::parse(field, kind, name)?;
            return Ok(RevisionName { of, revision: None });
        };
        let revision = match revision {
            "0" => Some(0),
            given => number(given),
        };
        let of = ConfigurationName::parse(field, kind, of).ok();
        let read = of.zip(revision);
        let read = read.map(|(of, revision)| RevisionName { of, revision: Some(revision) });
        let form = format!("projects/abc/{}/own/revisions/7", kind.collection());
        read.ok_or_else(|| malformed(field, name, &form))
    }
}

impl fmt::Display for RevisionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.of)?;
        self.revision.map_or(Ok(()), |revision| write!(f, "/revisions/{revision}"))
    }
}

impl fmt::Display for ConfigurationName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.project, self.kind.collection(), self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_they_are_printed() {
        for &kind in ConfigurationKind::ALL {
            let name = format!("projects/abc/{}/own", kind.collection());
            let read = ConfigurationName::parse("name", kind, &name).unwrap();
            assert_eq!(read.to_string(), name);
        }
        let wrong = ["", "projects/abc/workflows/", "projects/abc/issueTypes/own", "workflows/own"];
        for name in wrong {
            let read = ConfigurationName::parse("name", ConfigurationKind::Workflow, name);
            assert!(read.is_err(), "{name:?}");
        }
    }

    #[test]
    fn revisions_read_as_they_are_printed() {
        let parse = |name: &str| RevisionName::parse("name", ConfigurationKind::Workflow, name);
        let own = "projects/abc/workflows/own";
        for (tail, revision) in [("", None), ("/revisions/7", Some(7)), ("/revisions/0", Some(0))] {
            let read = parse(&format!("{own}{tail}")).unwrap();
            assert_eq!((read.revision, read.to_string()), (revision, format!("{own}{tail}")));
        }
        for tail in ["/revisions", "/revisions/", "/revisions/-1", "/revisions/01", "/revisions/x"]
        {
            assert!(parse(&format!("{own}{tail}")).is_err(), "{tail}");
        }
        assert!(parse("projects/abc/issueTypes/own/revisions/1").is_err());
        assert!(parse("").is_err());
    }
}
