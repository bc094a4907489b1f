//! Sets of places that are mostly stretches: the events behind the first open one that are past.

use std::collections::BTreeMap;

use crate::domain::event::Seq;

/// A set of places, as stretches that neither overlap nor touch: the first of each, and its last.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Ranges(BTreeMap<i64, i64>);

impl Ranges {
    /// Adds all places from one up to and including another.
    pub fn add(&mut self, first: Seq, last: Seq) {
        if first > last {
            return;
        }
        let (mut first, mut last) = (first.0, last.0);
        // Whatever overlaps the stretch or touches it begins before its end.
        while let Some((&other_first, &other_last)) =
            self.0.range(..=last.saturating_add(1)).next_back()
        {
            if other_last < first.saturating_sub(1) {
                break;
            }
            self.0.remove(&other_first);
            (first, last) = (first.min(other_first), last.max(other_last));
        }
        self.0.insert(first, last);
    }

    /// Whether a place is in it.
    pub fn holds(&self, seq: Seq) -> bool {
        self.0.range(..=seq.0).next_back().is_some_and(|(_, &last)| seq.0 <= last)
    }

    /// Takes out all that goes on from a place without a gap, and whatever lies before it; answers
    /// how far that goes.
    pub fn absorb(&mut self, done: Seq) -> Seq {
        let mut done = done.0;
        while let Some((&first, &last)) = self.0.first_key_value() {
            if first > done.saturating_add(1) {
                break;
            }
            self.0.remove(&first);
            done = done.max(last);
        }
        Seq(done)
    }

    /// The stretches, lowest first: first and last place.
    pub fn iter(&self) -> impl Iterator<Item = (Seq, Seq)> {
        self.0.iter().map(|(&first, &last)| (Seq(first), Seq(last)))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// However stretches are added, they are a set, and the smallest list of stretches.
        #[test]
        fn stretches_are_a_set(added in prop::collection::vec((0_i64..60, 0_i64..9), 0..30)) {
            let (mut ranges, mut set) = (Ranges::default(), BTreeSet::new());
            for (first, length) in added {
                ranges.add(Seq(first), Seq(first + length - 1));
                set.extend(first..first + length);
            }

            for seq in -1..80 {
                prop_assert_eq!(ranges.holds(Seq(seq)), set.contains(&seq));
            }
            let all: Vec<_> = ranges.iter().collect();
            prop_assert!(all.windows(2).all(|two| two[0].1.0 + 1 < two[1].0.0), "{:?}", all);
        }

        #[test]
        fn what_is_absorbed_goes_on_without_a_gap(
            added in prop::collection::vec(0_i64..30, 0..30),
            done in 0_i64..30,
        ) {
            let mut ranges = Ranges::default();
            added.iter().for_each(|seq| ranges.add(Seq(*seq), Seq(*seq)));

            let end = ranges.absorb(Seq(done));

            let open = (done + 1..).find(|seq| !added.contains(seq)).unwrap();
            prop_assert_eq!(end, Seq(open - 1));
            prop_assert!(ranges.iter().all(|(first, _)| first.0 > open));
        }
    }
}
