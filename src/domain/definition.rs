//! Definitions: what other things are decided by, and what is cached for that.
//!
//! A definition may be as old as the cache that holds it. So every kind of definition of a project
//! has a version; the ledger compares it when it loads, and again under the order lock. No event is
//! ever decided by a definition that is older than its place in the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::configuration::{ActionType, Body, Configuration, Configurations, IssueType, built_in};
use super::error::{Error, Result, not_found};
use super::name::{ConfigurationKind, ConfigurationName, Id, MemberName, Principal, ProjectId};
use super::people::{Nesting, Standing};
use super::project::Project;
use super::workflow::Workflow;
use super::working_set::Noun;

/// What kind of definition. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum DefinitionKind {
    /// The project itself.
    Project,
    /// Workflows, issue types and action types of a project.
    Configuration,
    /// Actors, groups, members of projects and credentials: of the whole installation, because a
    /// person is the same one everywhere.
    People,
}

impl DefinitionKind {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            DefinitionKind::Project => "project",
            DefinitionKind::Configuration => "configuration",
            DefinitionKind::People => "people",
        }
    }

    /// The kind of that stored name.
    pub fn stored(name: &str) -> Option<DefinitionKind> {
        use DefinitionKind::{Configuration, People, Project};
        [Project, Configuration, People].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Which definitions.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct DefinitionKey {
    /// Of which project; none is the installation.
    pub project: Option<ProjectId>,
    /// Of which kind.
    pub kind: DefinitionKind,
}

impl DefinitionKey {
    /// The project itself as a definition.
    pub fn project(project: ProjectId) -> DefinitionKey {
        DefinitionKey { project: Some(project), kind: DefinitionKind::Project }
    }

    /// What is configured in a project.
    pub fn configuration(project: ProjectId) -> DefinitionKey {
        DefinitionKey { project: Some(project), kind: DefinitionKind::Configuration }
    }

    /// The id of the project; empty is the installation.
    pub fn project_id(&self) -> &str {
        self.project.as_ref().map_or("", ProjectId::as_str)
    }

    /// Everybody.
    pub fn people() -> DefinitionKey {
        DefinitionKey { project: None, kind: DefinitionKind::People }
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
    /// What is configured in them.
    pub configurations: BTreeMap<ProjectId, Arc<Configurations>>,
    /// The standing of the callers and of whom their commands name, those that exist.
    pub standings: BTreeMap<Principal, Arc<Standing>>,
    /// Which groups are in which, for commands that change a group.
    pub nesting: Nesting,
    /// As what member of which project somebody is known by themselves, for commands that change
    /// members: of their projects, and of whom they name.
    pub memberships: BTreeMap<(ProjectId, Principal), MemberName>,
}

impl Definitions {
    /// A project that exists and is not deleted.
    pub fn project(&self, id: &ProjectId) -> Result<&Project> {
        let project = self.projects.get(id).filter(|project| project.deleted_at.is_none());
        project.map(|project| &**project).ok_or_else(|| not_found(id))
    }

    /// A workflow of a project, of one revision; 0 is a built-in one.
    pub fn workflow(&self, project: &ProjectId, id: &str, revision: i64) -> Result<&Workflow> {
        match self.body(project, ConfigurationKind::Workflow, id, revision)? {
            Body::Workflow(workflow) => Ok(workflow),
            Body::IssueType(_) | Body::ActionType(_) => Err(lost(project, id)),
        }
    }

    /// An issue type of a project, of one revision; 0 is a built-in one.
    pub fn issue_type(&self, project: &ProjectId, id: &str, revision: i64) -> Result<&IssueType> {
        match self.body(project, ConfigurationKind::IssueType, id, revision)? {
            Body::IssueType(issue_type) => Ok(issue_type),
            Body::Workflow(_) | Body::ActionType(_) => Err(lost(project, id)),
        }
    }

    /// An action type of a project, of one revision; 0 is a built-in one.
    pub fn action_type(&self, project: &ProjectId, id: &str, revision: i64) -> Result<&ActionType> {
        match self.body(project, ConfigurationKind::ActionType, id, revision)? {
            Body::ActionType(action_type) => Ok(action_type),
            Body::Workflow(_) | Body::IssueType(_) => Err(lost(project, id)),
        }
    }

    /// The newest workflow of that id, with its revision; none if there is none or it is deleted.
    pub fn newest_workflow(&self, project: &ProjectId, id: &str) -> Option<(i64, &Workflow)> {
        match self.newest_body(project, ConfigurationKind::Workflow, id)? {
            (revision, Body::Workflow(workflow)) => Some((revision, workflow)),
            (_, Body::IssueType(_) | Body::ActionType(_)) => None,
        }
    }

    /// The newest issue type of that id, with its revision; none if there is none or it is deleted.
    pub fn newest_issue_type(&self, project: &ProjectId, id: &str) -> Option<(i64, &IssueType)> {
        match self.newest_body(project, ConfigurationKind::IssueType, id)? {
            (revision, Body::IssueType(issue_type)) => Some((revision, issue_type)),
            (_, Body::Workflow(_) | Body::ActionType(_)) => None,
        }
    }

    /// The newest action type of that id, with its revision; none if there is none or it is
    /// deleted.
    pub fn newest_action_type(&self, project: &ProjectId, id: &str) -> Option<(i64, &ActionType)> {
        match self.newest_body(project, ConfigurationKind::ActionType, id)? {
            (revision, Body::ActionType(action_type)) => Some((revision, action_type)),
            (_, Body::Workflow(_) | Body::IssueType(_)) => None,
        }
    }

    /// The newest revision of a piece of configuration that callers made, also of what is deleted.
    pub fn newest(&self, name: &ConfigurationName) -> Option<&Arc<Configuration>> {
        self.configurations.get(&name.project)?.newest(name)
    }

    /// All revisions of a piece of configuration that callers made, oldest first.
    pub fn revisions(&self, name: &ConfigurationName) -> impl Iterator<Item = &Arc<Configuration>> {
        let all = self.configurations.get(&name.project).into_iter();
        all.flat_map(|all| all.revisions(name))
    }

    /// What callers have configured of a kind and not deleted, by name.
    pub fn newest_of(
        &self,
        project: &ProjectId,
        kind: ConfigurationKind,
    ) -> impl Iterator<Item = &Arc<Configuration>> {
        let all = self.configurations.get(project).into_iter();
        let newest = all.flat_map(|all| all.all_newest());
        newest.filter(move |newest| newest.name.kind == kind && newest.deleted_at.is_none())
    }

    fn newest_body(
        &self,
        project: &ProjectId,
        kind: ConfigurationKind,
        id: &str,
    ) -> Option<(i64, &Body)> {
        if let Some(body) = built_in::body(kind, id) {
            return Some((0, body));
        }
        let name =
            ConfigurationName { project: project.clone(), kind, id: Id::parse("", id).ok()? };
        let newest = self.newest(&name).filter(|newest| newest.deleted_at.is_none())?;
        Some((newest.revision, &newest.body))
    }

    fn body(
        &self,
        project: &ProjectId,
        kind: ConfigurationKind,
        id: &str,
        revision: i64,
    ) -> Result<&Body> {
        if revision == 0 {
            return built_in::body(kind, id).ok_or_else(|| lost(project, id));
        }
        let name = ConfigurationName { project: project.clone(), kind, id: Id::parse("id", id)? };
        let found = self.configurations.get(project).and_then(|all| all.revision(&name, revision));
        found.map(|found| &found.body).ok_or_else(|| lost(project, id))
    }

    /// The standing of somebody of the footprint; none is nobody that there is.
    pub fn standing(&self, principal: &Principal) -> Option<&Standing> {
        self.standings.get(principal).map(|standing| &**standing)
    }
}

/// A revision that something is on cannot go away.
fn lost(project: &ProjectId, id: &str) -> Error {
    Error::Internal(anyhow::anyhow!("{project} has lost a revision of {id}"))
}
