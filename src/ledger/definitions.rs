//! The cache of definitions of a lane, compared with the versions of the database in every batch.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::domain::configuration::Configurations;
use crate::domain::definition::{DefinitionKey, DefinitionKind, DefinitionVersion, Definitions};
use crate::domain::name::{Principal, ProjectId};
use crate::domain::working_set::Footprint;
use crate::store::{Fault, Tx};

/// More would be memory for projects that nobody works in.
const DEFINITIONS_MAX: usize = 20_000;
/// More would be memory for people who do nothing.
const PEOPLE_MAX: usize = 20_000;

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
        tx: &Tx<'_>,
        current: Vec<DefinitionVersion>,
        footprint: &Footprint,
    ) -> Result<Vec<(DefinitionKey, i64)>, Fault> {
        if self.versions.len() > DEFINITIONS_MAX || self.definitions.standings.len() > PEOPLE_MAX {
            self.clear();
        }
        let stale: Vec<&DefinitionVersion> =
            current.iter().filter(|d| self.versions.get(&d.key) != Some(&d.version)).collect();
        // A row may be newer than the version read before it: then the append refuses.
        let projects: Vec<&ProjectId> = of_kind(&stale, DefinitionKind::Project).collect();
        if !projects.is_empty() {
            for project in tx.projects(&projects).await? {
                self.definitions.projects.insert(project.id.clone(), Arc::new(project));
            }
        }
        for project in of_kind(&stale, DefinitionKind::Configuration) {
            let configured = Configurations::of(tx.configurations(project).await?);
            self.definitions.configurations.insert(project.clone(), Arc::new(configured));
        }
        if stale.iter().any(|d| d.key.kind == DefinitionKind::People) {
            self.definitions.standings.clear();
        }
        let unknown: Vec<&Principal> = footprint
            .people
            .iter()
            .filter(|who| self.definitions.standing(who).is_none())
            .collect();
        if !unknown.is_empty() {
            for standing in tx.standings(&unknown).await? {
                let who = standing.principal.clone();
                self.definitions.standings.insert(who, Arc::new(standing));
            }
        }
        self.look_at_people(tx, footprint).await?;
        for definition in &stale {
            self.versions.insert(definition.key.clone(), definition.version);
        }
        Ok(current.into_iter().map(|d| (d.key, d.version)).collect())
    }

    /// Loads what those need who change groups or members. They are few, so nothing of it is kept;
    /// and they hold the lock of the version that it was loaded under.
    async fn look_at_people(&mut self, tx: &Tx<'_>, footprint: &Footprint) -> Result<(), Fault> {
        if !footprint.groups.is_empty() {
            self.definitions.nesting = tx.nesting().await?;
        }
        if !footprint.members.is_empty() {
            let projects: BTreeSet<&ProjectId> =
                footprint.members.iter().map(|member| &member.project).collect();
            let projects: Vec<&ProjectId> = projects.into_iter().collect();
            let known = tx.memberships(&projects, &footprint.people).await?;
            self.definitions.memberships = known;
        }
        Ok(())
    }
}

/// The projects of the definitions of a kind.
fn of_kind<'a>(
    stale: &[&'a DefinitionVersion],
    kind: DefinitionKind,
) -> impl Iterator<Item = &'a ProjectId> {
    let of_kind = move |d: &&&DefinitionVersion| d.key.kind == kind;
    stale.iter().filter(of_kind).filter_map(|d| d.key.project.as_ref())
}
