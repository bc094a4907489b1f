//! Names of consumers: `projects/abc/consumers/search`.

use std::fmt;

use super::{Id, ProjectId, malformed};
use crate::domain::error::Result;

/// The name of a consumer.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct ConsumerName {
    /// Of which project.
    pub project: ProjectId,
    /// Chosen by the caller.
    pub id: Id,
}

impl ConsumerName {
    /// Takes `projects/abc/consumers/search`.
    pub fn parse(field: &str, name: &str) -> Result<ConsumerName> {
        let read = || {
            let (project, id) = name.strip_prefix("projects/")?.split_once("/consumers/")?;
            let project = ProjectId::parse(field, project).ok()?;
            Some(ConsumerName { project, id: Id::read(id)? })
        };
        read().ok_or_else(|| malformed(field, name, "projects/abc/consumers/search"))
    }
}

impl fmt::Display for ConsumerName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/consumers/{}", self.project, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_as_they_are_printed() {
        let name = "projects/abc/consumers/to-search";
        assert_eq!(ConsumerName::parse("name", name).unwrap().to_string(), name);

        for wrong in ["", "projects/abc", "projects/abc/consumers/", "projects/A/consumers/x", "x"]
        {
            assert!(ConsumerName::parse("name", wrong).is_err(), "{wrong:?}");
        }
    }
}
