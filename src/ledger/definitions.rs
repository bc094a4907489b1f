//! The cache of definitions of a lane, compared with the versions of the database in every batch.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::definition::{DefinitionKey, DefinitionKind, DefinitionVersion, Definitions};
use crate::domain::name::ProjectId;
use crate::store::{Fault, Tx};

/// More would be memory for projects that nobody works in.
const PROJECTS_MAX: usize = 10_000;

/// Definitions, and of which version they are.
#[derive(Debug, Default)]
pub struct Cache {
    definitions: Definitions,
    versions: BTreeMap<DefinitionKey, i64>,
}

impl Cache {
    /// Forgets everything.
    pub fn clear(&mut self) {
        *self = Cache::default();
    }

    /// What is cached.
    pub fn definitions(&self) -> &Definitions {
        &self.definitions
    }

    /// Loads what is not of the given versions, and answers which versions are used.
    pub async fn refresh(
        &mut self,
        tx: &mut Tx<'_>,
        current: Vec<DefinitionVersion>,
    ) -> Result<Vec<(DefinitionKey, i64)>, Fault> {
        if self.versions.len() > PROJECTS_MAX {
            self.clear();
        }
        let stale: Vec<&DefinitionVersion> =
            current.iter().filter(|d| self.versions.get(&d.key) != Some(&d.version)).collect();
        let projects: Vec<&ProjectId> = stale
            .iter()
            .filter(|d| d.key.kind == DefinitionKind::Project)
            .map(|d| &d.key.project)
            .collect();
        if !projects.is_empty() {
            // A row may be newer than the version read before it: then the append refuses.
            for project in tx.projects(&projects).await? {
                self.definitions.projects.insert(project.id.clone(), Arc::new(project));
            }
        }
        for definition in &stale {
            self.versions.insert(definition.key.clone(), definition.version);
        }
        Ok(current.into_iter().map(|d| (d.key, d.version)).collect())
    }
}
