//! Counters: the numbers that a project has given to its issues.

use super::name::ProjectId;
use super::working_set::Noun;

/// The last number given. Its row is locked by whoever gives the next one: numbers are dense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counter {
    /// Of which project.
    pub project: ProjectId,
    /// The number of its newest issue; 0 if it never had one.
    pub issues: i64,
}

impl Noun for Counter {
    type Key = ProjectId;

    fn key(&self) -> ProjectId {
        self.project.clone()
    }
}
