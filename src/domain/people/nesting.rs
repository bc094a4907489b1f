//! Which groups are in which: no circles, and no towers.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::error::{Error, Reason, Result, limit_reached};
use crate::domain::name::GroupName;

/// Deeper ones are an organisation chart, which belongs elsewhere; and the way up from somebody to
/// all their groups is walked often.
pub const DEPTH_MAX: usize = 5;

type Inner = BTreeMap<GroupName, BTreeSet<GroupName>>;

/// The groups that are directly in other groups, by those.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Nesting(Inner);

impl FromIterator<(GroupName, GroupName)> for Nesting {
    /// Takes pairs of a group and one that is in it.
    fn from_iter<I: IntoIterator<Item = (GroupName, GroupName)>>(pairs: I) -> Nesting {
        let mut inner = Inner::new();
        for (group, member) in pairs {
            inner.entry(group).or_default().insert(member);
        }
        Nesting(inner)
    }
}

impl Nesting {
    /// Whether a group is in another one.
    pub fn is_inside(&self, group: &GroupName) -> bool {
        self.0.values().any(|inner| inner.contains(group))
    }

    /// Refuses that a group hold exactly these others, if that would make a circle or a tower.
    pub fn check(&self, group: &GroupName, inner: &BTreeSet<GroupName>) -> Result<()> {
        if let Some(path) = self.circle(group, inner) {
            let names: Vec<&str> = path.iter().map(|group| group.as_str()).collect();
            let error = Error::Invalid {
                reason: Reason::Cycle,
                field: "group.members".into(),
                problem: format!("{group} would be in itself"),
            };
            return Err(error.with("path", names.join(" > ")));
        }
        let mut known = BTreeMap::new();
        let below = inner.iter().map(|member| longest(member, &self.0, &mut known)).max();
        let mut known = BTreeMap::new();
        let above = longest(group, &self.turned(), &mut known);
        if above + below.unwrap_or(0) > DEPTH_MAX {
            let problem = format!("groups in groups would be more than {DEPTH_MAX} deep");
            return Err(limit_reached(problem));
        }
        Ok(())
    }

    /// The way from a group through these inner ones back to it, if there is one.
    fn circle(&self, group: &GroupName, inner: &BTreeSet<GroupName>) -> Option<Vec<GroupName>> {
        // Who was reached, and from where; the first way that is found is a shortest one.
        let mut from: BTreeMap<&GroupName, &GroupName> = BTreeMap::new();
        let mut reached: Vec<(&GroupName, &GroupName)> =
            inner.iter().map(|member| (member, group)).collect();
        while !reached.is_empty() {
            let mut next = Vec::new();
            for (member, holder) in reached {
                if member == group {
                    return Some(way(group, holder, &from));
                }
                if from.contains_key(member) {
                    continue;
                }
                from.insert(member, holder);
                let further = self.0.get(member).into_iter().flatten();
                next.extend(further.map(|further| (further, member)));
            }
            reached = next;
        }
        None
    }

    /// The groups that hold others, by those.
    fn turned(&self) -> Inner {
        let mut turned = Inner::new();
        for (group, inner) in &self.0 {
            for member in inner {
                turned.entry(member.clone()).or_default().insert(group.clone());
            }
        }
        turned
    }
}

/// The circle that closes when `last` holds `group`.
fn way(
    group: &GroupName,
    last: &GroupName,
    from: &BTreeMap<&GroupName, &GroupName>,
) -> Vec<GroupName> {
    let mut path = vec![group.clone()];
    let mut at = last;
    while at != group {
        path.push(at.clone());
        let Some(holder) = from.get(at) else { break };
        at = holder;
    }
    path.push(group.clone());
    path.reverse();
    path
}

/// How many groups the longest way from a group has, itself included. There are no circles.
fn longest<'a>(
    group: &'a GroupName,
    inner: &'a Inner,
    known: &mut BTreeMap<&'a GroupName, usize>,
) -> usize {
    if let Some(known) = known.get(group) {
        return *known;
    }
    let mut further = 0;
    for member in inner.get(group).into_iter().flatten() {
        further = further.max(longest(member, inner, known));
    }
    known.insert(group, further + 1);
    further + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn group(n: usize) -> GroupName {
        GroupName::stored(&format!("groups/g{n}"))
    }

    fn nesting(pairs: &[(usize, usize)]) -> Nesting {
        pairs.iter().map(|(outer, inner)| (group(*outer), group(*inner))).collect()
    }

    #[test]
    fn a_circle_is_told_by_its_groups() {
        let known = nesting(&[(1, 2), (2, 3), (2, 4)]);

        let error = known.check(&group(3), &[group(1)].into()).unwrap_err();

        assert_eq!(error.reason(), Reason::Cycle);
        let (_, metadata) = error.into_details();
        assert_eq!(metadata["path"], "groups/g3 > groups/g1 > groups/g2 > groups/g3");
        let own = known.check(&group(1), &[group(1)].into()).unwrap_err();
        assert_eq!(own.into_details().1["path"], "groups/g1 > groups/g1");
    }

    #[test]
    fn five_deep_is_deep_enough() {
        let known = nesting(&[(1, 2), (2, 3), (4, 5)]);

        assert!(known.check(&group(3), &[group(4)].into()).is_ok());
        let deeper = nesting(&[(1, 2), (2, 3), (4, 5), (5, 6)]);
        let error = deeper.check(&group(3), &[group(4)].into()).unwrap_err();
        assert_eq!(error.reason(), Reason::LimitReached);
    }

    #[test]
    fn a_group_knows_whether_it_is_in_another() {
        let known = nesting(&[(1, 2)]);
        assert!(known.is_inside(&group(2)) && !known.is_inside(&group(1)));
    }

    /// Whether any group comes back to itself, by walking everything.
    fn has_circle(pairs: &BTreeSet<(usize, usize)>) -> bool {
        let mut reach = pairs.clone();
        loop {
            let more: BTreeSet<_> = reach
                .iter()
                .flat_map(|(a, b)| {
                    reach.iter().filter(move |(c, _)| c == b).map(move |(_, d)| (*a, *d))
                })
                .chain(reach.iter().copied())
                .collect();
            if more == reach {
                return reach.iter().any(|(a, b)| a == b);
            }
            reach = more;
        }
    }

    proptest! {
        /// What is let through one after the other never makes a circle or a tower, and what is
        /// refused as a circle would have been one.
        #[test]
        fn groups_never_come_back_to_themselves(
            wanted in prop::collection::vec(
                (0..7_usize, prop::collection::btree_set(0..7_usize, 0..3)),
                0..20,
            ),
        ) {
            let mut pairs: BTreeSet<(usize, usize)> = BTreeSet::new();
            for (outer, inner) in wanted {
                let known = nesting(&pairs.iter().copied().collect::<Vec<_>>());
                let named = inner.iter().copied().map(group).collect();
                let mut would_be: BTreeSet<_> =
                    pairs.iter().copied().filter(|(o, _)| *o != outer).collect();
                would_be.extend(inner.iter().map(|inner| (outer, *inner)));
                match known.check(&group(outer), &named) {
                    Ok(()) => {
                        prop_assert!(!has_circle(&would_be));
                        pairs = would_be;
                    }
                    Err(error) if error.reason() == Reason::Cycle => {
                        prop_assert!(has_circle(&would_be));
                    }
                    Err(error) => {
                        prop_assert_eq!(error.reason(), Reason::LimitReached);
                        prop_assert!(!has_circle(&would_be));
                    }
                }
            }
        }
    }
}
