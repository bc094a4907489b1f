//! Definitions: what other things are decided by, and what is cached for that.
//!
//! A definition may be as old as the cache that holds it. So every kind of definition of a project
//! has a version; the ledger compares it when it loads, and again under the order lock. No event is
//! ever decided by a definition that is older than its place in the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::error::{Result, not_found};
use super::name::ProjectId;
use super::project::Project;
use super::working_set::Noun;

/// What kind of definition. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DefinitionKind {
    /// The project itself.
    Project,
}

impl DefinitionKind {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            DefinitionKind::Project => "project",
        }
    }

    /// The kind of that stored name.
    pub fn stored(name: &str) -> Option<DefinitionKind> {
        (name == "project").then_some(DefinitionKind::Project)
    }
}

/// Which definitions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DefinitionKey {
    /// Of which project.
    pub project: ProjectId,
    /// Of which kind.
    pub kind: DefinitionKind,
}

impl DefinitionKey {
    /// The project itself as a definition.
    pub fn project(project: ProjectId) -> DefinitionKey {
        DefinitionKey { project, kind: DefinitionKind::Project }
    }
}

/// How often the definitions of a kind have changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DefinitionVersion {
    /// Which.
    pub key: DefinitionKey,
    /// From 1.
    pub version: i64,
}

impl Noun for DefinitionVersion {
    type Key = DefinitionKey;

    fn key(&self) -> DefinitionKey {
        self.key.clone()
    }
}

impl DefinitionVersion {
    /// The version after one more change; `known` is the one before, none if it is new.
    pub fn after(key: DefinitionKey, known: Option<&DefinitionVersion>) -> DefinitionVersion {
        DefinitionVersion { key, version: known.map_or(0, |known| known.version) + 1 }
    }
}

/// The definitions that a batch is decided by.
#[derive(Debug, Default)]
pub struct Definitions {
    /// Projects, those that exist.
    pub projects: BTreeMap<ProjectId, Arc<Project>>,
}

impl Definitions {
    /// A project that exists and is not deleted.
    pub fn project(&self, id: &ProjectId) -> Result<&Project> {
        let project = self.projects.get(id).filter(|project| project.deleted_at.is_none());
        project.map(|project| &**project).ok_or_else(|| not_found(id))
    }
}
