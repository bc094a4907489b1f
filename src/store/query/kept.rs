//! Which statements of lists a session keeps prepared.
//!
//! Most lists are the same few questions with other values: planning them is half of their time.
//! But callers can ask ever other ones, and a session forgets none that it keeps. So only the first
//! shapes that this process sees are kept; whatever fills the places, the others cost time alone.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// A longer filter was put together by a program, and seldom comes again.
const TESTS_MAX: usize = 8;
/// More would take memory of each session, here and on the server; fewer are too few for tools
/// that have several views of their own.
const SHAPES_MAX: usize = 256;

static SHAPES: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// Whether to keep the statement of that text, whose filter looks at so many things.
pub(super) fn is_kept(tests: usize, text: String) -> bool {
    tests <= TESTS_MAX && holds(&mut SHAPES.lock().unwrap_or_else(PoisonError::into_inner), text)
}

/// Whether there is a place for that shape among those known, or it has one.
fn holds(shapes: &mut BTreeSet<String>, shape: String) -> bool {
    shapes.contains(&shape) || shapes.len() < SHAPES_MAX && shapes.insert(shape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_shapes_are_kept_and_no_more() {
        let mut shapes = BTreeSet::new();

        for _ in 0..2 {
            for n in 0..2 * SHAPES_MAX {
                assert_eq!(holds(&mut shapes, n.to_string()), n < SHAPES_MAX);
            }
        }
        assert_eq!(shapes.len(), SHAPES_MAX);
    }

    #[test]
    fn long_filters_are_not_kept() {
        assert!(
            is_kept(TESTS_MAX, "select 1".into()) && !is_kept(TESTS_MAX + 1, "select 2".into())
        );
    }
}
