//! What projects configure: workflows, issue types, action types.
//!
//! Each change makes a revision that never changes again, so that what runs can stay on its own.

mod body;
pub mod built_in;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use uuid::Uuid;

pub use body::{ActionType, Body, IssueKind, IssueType};

use super::name::{ActorName, ConfigurationName};
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

    /// The newest revision of everything, by name, also of what is deleted.
    pub fn all_newest(&self) -> impl Iterator<Item = &Arc<Configuration>> {
        self.0.values().filter_map(|revisions| revisions.last_key_value().map(|(_, last)| last))
    }
}
