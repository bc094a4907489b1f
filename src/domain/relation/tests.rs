//! What the rules of relations promise, beside what batches of random commands show.

use super::*;

fn name(key: &str) -> IssueName {
    IssueName::parse("", key).unwrap()
}

#[test]
fn only_what_is_mutual_says_the_same_turned_around() {
    for &kind in RelationKind::ALL {
        let link = Link { from: name("ABC-1"), to: name("XYZ-2"), kind };
        let same: Vec<_> = link.same().collect();

        assert_eq!(same.len(), if kind == RelationKind::RelatesTo { 2 } else { 1 });
        assert!(same.contains(&link));
    }
}

#[test]
fn stored_names_read_back() {
    for &kind in RelationKind::ALL {
        assert_eq!(RelationKind::stored(kind.as_str()), Some(kind));
    }
    assert_eq!(RelationKind::stored("LOVES"), None);
}

#[test]
fn both_ends_are_locked_and_counted() {
    let link = Link { from: name("ABC-2"), to: name("ABC-1"), kind: RelationKind::Blocks };
    let verb = CreateIssueRelation { link: link.clone() };

    let footprint = verb.footprint();

    assert_eq!(footprint.issues, [name("ABC-1"), name("ABC-2")].into());
    assert_eq!(footprint.counters.len(), 2);
    let delete = DeleteIssueRelation { name: RelationName { issue: name("ABC-2"), number: 1 } };
    assert_eq!(delete.footprint().asks.targets_of, [delete.name.clone()].into());
}
