//! What a command needs and cannot name: the parent of an issue, say, or who holds a key.
//!
//! The store answers before anything is locked, and the rows that it names are locked with all
//! others. Locked rows may differ from what was answered. So rules look at rows alone, never at an
//! answer, and the ledger begins anew where a row is missing: see [`Asks::are_met`].

use std::collections::{BTreeMap, BTreeSet};

use super::counter::CounterKey;
use super::name::{IssueName, ProjectId, RelationName};
use super::relation::Link;
use super::working_set::{Footprint, WorkingSet};

/// A key that at most one open issue of a project holds.
pub type DedupKey = (ProjectId, String);

/// More issues than this do not move at once: a batch that holds up others would.
pub const BELOW_MAX: usize = 1_000;

/// Rows that must be looked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Asks {
    /// Issues whose parents are needed.
    pub parents_of: BTreeSet<IssueName>,
    /// Issues of which everything below is needed, up to one more than [`BELOW_MAX`].
    pub below: BTreeSet<IssueName>,
    /// Keys whose holders are needed: open issues.
    pub holders_of: BTreeSet<DedupKey>,
    /// Issues whose keys another open issue may hold.
    pub rivals_of: BTreeSet<IssueName>,
    /// Issues of which the relations that say that others block them are needed, and those others.
    pub blockers_of: BTreeSet<IssueName>,
    /// Relations whose far ends are needed, with their counters.
    pub targets_of: BTreeSet<RelationName>,
    /// Relations that are needed by what they link.
    pub links: BTreeSet<Link>,
}

/// What was found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Issues.
    pub issues: BTreeSet<IssueName>,
    /// By issues that have more below them than may move at once: some of those. Not always the
    /// same ones, but the rule refuses whichever they are.
    pub many: BTreeMap<IssueName, BTreeSet<IssueName>>,
    /// Relations.
    pub relations: BTreeSet<RelationName>,
    /// Counters.
    pub counters: BTreeSet<CounterKey>,
}

impl Found {
    /// The keys of the rows of the first step that were found.
    pub fn lock(&self, footprint: &mut Footprint) {
        footprint.issues.extend(self.issues.iter().cloned());
        footprint.issues.extend(self.many.values().flatten().cloned());
        footprint.counters.extend(self.counters.iter().cloned());
    }

    /// Whether what is found under locks is locked: `first` was found before.
    pub fn is_locked(&self, footprint: &Footprint, first: &Found) -> bool {
        self.issues.is_subset(&footprint.issues)
            && self.many.keys().all(|name| first.many.contains_key(name))
    }
}

impl Asks {
    /// Adds what another command asks.
    pub fn add(&mut self, other: Asks) {
        self.parents_of.extend(other.parents_of);
        self.below.extend(other.below);
        self.holders_of.extend(other.holders_of);
        self.rivals_of.extend(other.rivals_of);
        self.blockers_of.extend(other.blockers_of);
        self.targets_of.extend(other.targets_of);
        self.links.extend(other.links);
    }

    /// Whether nothing is asked.
    pub fn is_empty(&self) -> bool {
        *self == Asks::default()
    }

    /// Whether the rows that are locked hold the parents that were asked for. A parent that changed
    /// after it was looked up is not among them.
    pub fn are_met(&self, rows: &WorkingSet) -> bool {
        let issues = self.parents_of.iter().filter_map(|name| rows.issues.find(name));
        let mut parents = issues.filter_map(|issue| issue.parent_name());
        parents.all(|parent| rows.issues.has(&parent))
    }
}
