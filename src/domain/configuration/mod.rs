//! What projects configure: workflows, issue types, action types.
//!
//! Each change makes a revision that never changes again, so that what runs can stay on its own.

mod body;
pub mod built_in;
mod check;
mod verbs;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

pub use body::{ActionType, Body, IssueKind, IssueType, LEASE_DEFAULT, OnExhausted, TRIES_DEFAULT};
pub use check::check;
pub use verbs::{
    Create, CreateActionType, CreateIssueType, CreateWorkflow, Delete, DeleteActionType,
    DeleteIssueType, DeleteWorkflow, MOVED_MAX, Update, UpdateActionType, UpdateIssueType,
    UpdateWorkflow,
};

use super::name::{ActorName, ConfigurationName, IssueName};
use super::working_set::Noun;

/// One revision of a piece of configuration.
#[derive(Clone, PartialEq, Debug)]
pub struct Configuration {
    /// What.
    pub name: ConfigurationName,
    /// Given by the server, the same for all revisions.
    pub uid: Uuid,
    /// From 1; 0 is what comes with the service.
    pub revision: i64,
    /// When the first revision was made.
    pub created_at: Timestamp,
    /// When this one was made.
    pub updated_at: Timestamp,
    /// Who made the first one.
    pub creator: ActorName,
    /// When it was deleted: the last revision alone says so.
    pub deleted_at: Option<Timestamp>,
    /// What it says.
    pub body: Body,
}

impl Noun for Configuration {
    type Key = (ConfigurationName, i64);

    fn key(&self) -> (ConfigurationName, i64) {
        (self.name.clone(), self.revision)
    }
}

/// What is asked about the use of a piece of configuration by open issues.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UsageOf {
    /// A workflow or an issue type.
    pub name: ConfigurationName,
    /// The statuses of a workflow that are asked about.
    pub statuses: BTreeSet<String>,
    /// How many of the issues are to be locked and loaded at most.
    pub issues_max: i64,
}

/// Which open issues use a piece of configuration, of whatever revision.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Usage {
    /// How many.
    pub open: i64,
    /// How many in each of the statuses that were asked about.
    pub by_status: BTreeMap<String, i64>,
    /// Those that were asked for, by number; they are rows of the working set.
    pub issues: BTreeSet<IssueName>,
}

/// All configuration of a project, with all revisions.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Configurations(BTreeMap<ConfigurationName, BTreeMap<i64, Arc<Configuration>>>);

impl Configurations {
    /// Takes all revisions of a project.
    pub fn of(revisions: Vec<Configuration>) -> Configurations {
        let mut all = Configurations::default();
        for revision in revisions {
            let revisions = all.0.entry(revision.name.clone()).or_default();
            revisions.insert(revision.revision, Arc::new(revision));
        }
        all
    }

    /// The newest revision, also of what is deleted.
    pub fn newest(&self, name: &ConfigurationName) -> Option<&Arc<Configuration>> {
        self.0.get(name)?.last_key_value().map(|(_, revision)| revision)
    }

    /// One revision.
    pub fn revision(&self, name: &ConfigurationName, revision: i64) -> Option<&Arc<Configuration>> {
        self.0.get(name)?.get(&revision)
    }

    /// All revisions, oldest first.
    pub fn revisions(&self, name: &ConfigurationName) -> impl Iterator<Item = &Arc<Configuration>> {
        self.0.get(name).into_iter().flat_map(BTreeMap::values)
    }

    /// The newest revision of everything, by name, also of what is deleted.
    pub fn all_newest(&self) -> impl Iterator<Item = &Arc<Configuration>> {
        self.0.values().filter_map(|revisions| revisions.last_key_value().map(|(_, last)| last))
    }
}

#[cfg(test)]
mod tests;
