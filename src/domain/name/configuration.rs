//! Names of configuration: `projects/abc/workflows/bug`, and revisions of it.

use std::fmt;

use super::{Id, ProjectId, malformed};
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
}
