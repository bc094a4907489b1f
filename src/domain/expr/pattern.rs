//! Patterns of `matches`: read once, when the expression is saved.
//!
//! The engine takes time in proportion to the text times the size of the pattern, whatever both
//! are. So a pattern has a weight, by which its fuel is multiplied.

use std::sync::Arc;

use regex::{Regex, RegexBuilder};

use super::error::{CompileError, Detail};
use crate::domain::error::quoted;

/// Longer patterns are programs of their own.
const SOURCE_BYTES_MAX: usize = 256;
/// The compiled size of a pattern of weight 1. Others weigh the next power of two.
const LIGHT_BYTES: usize = 1024;

/// The compiled size of all patterns of an expression. `\w{9}` is short and large.
#[derive(Debug)]
pub(super) struct Room {
    bytes: usize,
}

impl Default for Room {
    fn default() -> Room {
        Room { bytes: 256 * 1024 }
    }
}

/// A pattern that was read.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    regex: Arc<Regex>,
    weight: u64,
}

impl Pattern {
    pub(super) fn compile(source: &str, room: &mut Room) -> Result<Pattern, CompileError> {
        let bad = |problem: String| CompileError::new(Detail::BadRegex, problem);
        if source.len() > SOURCE_BYTES_MAX {
            return Err(bad(format!("a pattern must be at most {SOURCE_BYTES_MAX} bytes")));
        }
        // The engine does not tell how large a pattern became, only whether it is over a bound.
        let mut bound = LIGHT_BYTES;
        let mut weight = 1;
        while bound <= room.bytes {
            // What the engine remembers of texts while it matches, for each thread that does.
            let memory = (4 * bound).clamp(32 * 1024, 256 * 1024);
            let builder =
                RegexBuilder::new(source).size_limit(bound).dfa_size_limit(memory).build();
            match builder {
                Ok(regex) => {
                    room.bytes -= bound;
                    return Ok(Pattern { regex: Arc::new(regex), weight });
                }
                Err(regex::Error::CompiledTooBig(_)) => {
                    (bound, weight) = (bound * 2, weight * 2);
                }
                Err(error) => return Err(bad(last_line(&error.to_string()))),
            }
        }
        Err(bad(format!("patterns take more than 256 KiB, with {}", quoted(source))))
    }

    /// Whether the pattern is found anywhere in the text.
    pub(super) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text)
    }

    /// How much more a byte of text costs than with a small pattern.
    pub(super) fn weight(&self) -> u64 {
        self.weight
    }
}

/// The engine draws the pattern first and says what is wrong with it last.
fn last_line(problem: &str) -> String {
    let line = problem.lines().last().unwrap_or_default();
    line.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(source: &str) -> Result<Pattern, CompileError> {
        Pattern::compile(source, &mut Room::default())
    }

    #[test]
    fn patterns_are_found_anywhere_unless_anchored() {
        let found = |source, text| compile(source).unwrap().is_match(text);

        assert!(found("b+", "abbc") && !found("^b+$", "abbc"));
        assert!(found(r"^\p{Lu}-\d+$", "Ä-12"));
    }

    #[test]
    fn what_is_no_pattern_or_too_large_is_refused() {
        let refused = |source: &str| compile(source).unwrap_err();

        assert_eq!(refused("(a").problem, "unclosed group");
        assert_eq!(refused("a{2,1}").detail, Detail::BadRegex);
        assert_eq!(refused(r"(a)\1").problem, "backreferences are not supported");
        assert!(refused(&"a".repeat(257)).problem.contains("256 bytes"));
        assert!(refused(r"\w{99}").problem.contains("256 KiB"));
        assert!(refused("((a{99}){99}){99}").problem.contains("256 KiB"));
        assert_eq!(refused(&"(".repeat(256)).detail, Detail::BadRegex);
    }

    #[test]
    fn large_patterns_weigh_more() {
        let weight = |source| compile(source).unwrap().weight();

        assert_eq!(weight("^ABC-[0-9]+$"), 1);
        assert!(weight(r"^\w$") > 1);
        assert!(weight(r"\w{4}") > weight(r"^\w$"));
    }

    #[test]
    fn all_patterns_of_an_expression_share_the_room() {
        let mut room = Room::default();
        let fits = (0..1_000).take_while(|_| Pattern::compile(r"\w", &mut room).is_ok()).count();

        assert!((1..10).contains(&fits), "{fits}");
        assert!(compile(r"\w").is_ok());
    }
}
