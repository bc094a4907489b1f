//! Commands that put issues into trees, relate them and give them to people; and what then holds.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::{Database, close, issue, project};
use crate::domain::command::Verb;
use crate::domain::counter::{Counted, CounterKey};
use crate::domain::issue::{
    ActivateIssue, AssignIssue, CreateIssue, DeactivateIssue, Issue, IssueEdit, UpdateIssue,
};
use crate::domain::name::{ActorName, IssueName, Principal, RelationName};
use crate::domain::relation::{
    CreateIssueRelation, DeleteIssueRelation, Link, Relation, RelationKind,
};

fn name() -> impl Strategy<Value = IssueName> {
    (1_i64..8).prop_map(issue)
}

pub fn verbs() -> impl Strategy<Value = Verb> {
    let key = "[a-b]{0,1}";
    let kind = proptest::sample::select(RelationKind::ALL);
    prop_oneof![
        3 => (proptest::option::of(name()), key).prop_map(|(parent, key)| {
            let title = IssueEdit::Title("t".into());
            let edits = vec![title, IssueEdit::Parent(parent), IssueEdit::DedupKey(key)];
            CreateIssue { project: project(), start: Default::default(), edits }.into()
        }),
        3 => (name(), proptest::option::of(name())).prop_map(|(name, parent)| {
            let edits = vec![IssueEdit::Parent(parent)];
            UpdateIssue { name, etag: None, edits }.into()
        }),
        1 => (name(), key).prop_map(|(name, key)| {
            let edits = vec![IssueEdit::DedupKey(key)];
            UpdateIssue { name, etag: None, edits }.into()
        }),
        1 => (name(), any::<bool>()).prop_map(|(name, add)| {
            let root: BTreeSet<Principal> = [ActorName::root().into()].into();
            let (add, remove) = if add { (root, [].into()) } else { ([].into(), root) };
            AssignIssue { name, add, remove, owner: None, etag: None }.into()
        }),
        1 => (name(), any::<bool>()).prop_map(|(name, active)| match active {
            true => ActivateIssue { name, etag: None }.into(),
            false => DeactivateIssue { name, etag: None }.into(),
        }),
        2 => (name(), name(), kind).prop_map(|(from, to, kind)| {
            CreateIssueRelation { link: Link { from, to, kind } }.into()
        }),
        1 => (name(), 1_i64..3).prop_map(|(issue, number)| {
            DeleteIssueRelation { name: RelationName { issue, number } }.into()
        }),
        1 => (name(), name()).prop_map(|(name, other)| close(name, Some(other)).into()),
    ]
}

/// Depths, threads and counts follow from the parents.
pub fn check_trees(database: &Database) {
    let Database { issues, .. } = database;
    for issue in issues.values() {
        let parent = |name: &IssueName| issues[name].parent_name();
        let above: Vec<IssueName> =
            std::iter::successors(issue.parent_name(), parent).take(9).collect();
        assert!(above.len() <= 8 && !above.contains(&issue.name), "{above:?}");
        assert_eq!(usize::try_from(issue.depth).unwrap(), above.len());
        assert_eq!(issue.thread, above.last().unwrap_or(&issue.name).number, "the topmost");
        let open = |part: &&Issue| !part.is_closed() && part.deleted_at.is_none();
        let parts = issues.values().filter(|part| part.parent == Some(issue.name.number));
        let open = parts.filter(open).count();
        assert_eq!(usize::try_from(issue.open_children).unwrap(), open);
    }
}

/// Counters count what there is, at both ends, and nothing is said twice.
pub fn check_relations(database: &Database) {
    let Database { issues, relations, counters, .. } = database;
    for name in issues.keys() {
        let ends = |r: &&Relation| r.name.issue == *name || r.target == *name;
        let live = relations.values().filter(ends).count();
        let counter = counters.get(&CounterKey::of(name, Counted::Relations));
        let counted = counter.map_or(0, |counter| counter.live);
        assert_eq!(usize::try_from(counted).unwrap(), live, "{name}");
    }
    let said = |relation: &Relation| {
        let Link { from, to, kind } = relation.link();
        let turned = kind == RelationKind::RelatesTo && to < from;
        if turned { (to, from, kind) } else { (from, to, kind) }
    };
    let links: BTreeSet<_> = relations.values().map(said).collect();
    assert_eq!(links.len(), relations.len());
}

/// At most one open issue has a key.
pub fn check_keys(database: &Database) {
    let open = database.issues.values().filter(|issue| {
        !issue.dedup_key.is_empty() && !issue.is_closed() && issue.deleted_at.is_none()
    });
    let keys: Vec<&str> = open.map(|issue| issue.dedup_key.as_str()).collect();
    let different: BTreeSet<&str> = keys.iter().copied().collect();
    assert_eq!(keys.len(), different.len(), "{keys:?}");
}
