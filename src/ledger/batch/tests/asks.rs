//! Asks, answered from a database in memory.

use std::collections::BTreeSet;

use super::{Database, Definitions, Footprint, Pending, Replays, Timestamp, expand};
use crate::domain::asks::{Asks, Found};
use crate::domain::counter::{Counted, CounterKey};
use crate::domain::issue::Issue;
use crate::domain::name::IssueName;
use crate::domain::relation::RelationKind;

impl Database {
    /// All that a batch needs, as a lane finds it out.
    pub fn lock(
        &self,
        batch: &[Pending],
        mut wanted: Footprint,
        definitions: &Definitions,
    ) -> Footprint {
        let asks = std::mem::take(&mut wanted.asks);
        let first = self.find(&asks);
        first.lock(&mut wanted);
        let rows = self.load(&wanted);
        assert!(asks.are_met(&rows), "nobody else changes anything");
        let (now, replays) = (Timestamp::UNIX_EPOCH, Replays::new());
        let mut second = expand(batch, &rows, definitions, now, &replays, wanted);
        let found = self.find(&second.asks);
        assert!(found.is_locked(&second, &first), "nobody else changes anything");
        second.relations.extend(found.relations);
        self.find_actions(&mut second);
        second
    }

    fn find(&self, asks: &Asks) -> Found {
        let Asks { parents_of, below, holders_of, rivals_of, blockers_of, targets_of, links } =
            asks;
        let mut found = Found::default();
        let issues = |names: &BTreeSet<IssueName>| -> Vec<&Issue> {
            names.iter().filter_map(|name| self.issues.get(name)).collect()
        };
        found.issues.extend(issues(parents_of).iter().filter_map(|issue| issue.parent_name()));
        for top in below {
            found.issues.extend(self.below(top));
        }
        let rivals = issues(rivals_of);
        let keys = rivals.iter().map(|rival| (rival.name.project.clone(), rival.dedup_key.clone()));
        let keys: BTreeSet<_> = keys.chain(holders_of.iter().cloned()).collect();
        let held = |issue: &&Issue| {
            let key = (issue.name.project.clone(), issue.dedup_key.clone());
            !key.1.is_empty()
                && keys.contains(&key)
                && !issue.is_closed()
                && issue.deleted_at.is_none()
        };
        found.issues.extend(self.issues.values().filter(held).map(|issue| issue.name.clone()));
        for relation in self.relations.values() {
            let blocks = relation.kind == RelationKind::Blocks;
            if blocks && blockers_of.contains(&relation.target) {
                found.issues.insert(relation.name.issue.clone());
                found.relations.insert(relation.name.clone());
            }
            if targets_of.contains(&relation.name) {
                found.issues.insert(relation.target.clone());
                found.counters.insert(CounterKey::of(&relation.target, Counted::Relations));
            }
            if links.contains(&relation.link()) {
                found.relations.insert(relation.name.clone());
            }
        }
        found
    }

    /// Everything below an issue.
    pub fn below(&self, top: &IssueName) -> BTreeSet<IssueName> {
        let above = |issue: &Issue| -> Vec<IssueName> {
            let parent = |issue: &IssueName| self.issues[issue].parent_name();
            std::iter::successors(issue.parent_name(), parent).collect()
        };
        let below = self.issues.values().filter(|issue| above(issue).contains(top));
        below.map(|issue| issue.name.clone()).collect()
    }
}
