//! Tags: words to find issues by.

use std::collections::BTreeSet;

use crate::domain::error::{Result, invalid, limit_reached, quoted};

/// More tags say nothing about an issue.
pub const TAGS_MAX: usize = 50;
/// A tag is a word.
const TAG_CHARS_MAX: usize = 63;

/// Checks the tags of an issue.
pub(super) fn check(field: &str, tags: &BTreeSet<String>) -> Result<()> {
    if let Some(wrong) = tags.iter().find(|tag| !is_tag(tag)) {
        let problem = format!("{} is not of the form [a-z0-9][a-z0-9-_.]{{0,62}}", quoted(wrong));
        return Err(invalid(field, problem));
    }
    if tags.len() > TAGS_MAX {
        return Err(limit_reached(format!("an issue has at most {TAGS_MAX} tags")));
    }
    Ok(())
}

fn is_tag(tag: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    tag.bytes().next().is_some_and(plain)
        && tag.bytes().all(|b| plain(b) || matches!(b, b'-' | b'_' | b'.'))
        && tag.len() <= TAG_CHARS_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_words() {
        let check = |tag: &str| check("tags", &BTreeSet::from([tag.to_owned()]));
        for right in ["a", "1", "v1.2", "a-b_c", &"a".repeat(63)] {
            assert!(check(right).is_ok(), "{right:?}");
        }
        for wrong in ["", "A", ".a", "-a", "_a", "a b", "ä", "a,b", "{a}", &"a".repeat(64)] {
            assert!(check(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn there_are_at_most_50() {
        let tags = |count: usize| (0..count).map(|n| n.to_string()).collect();

        assert!(check("tags", &tags(TAGS_MAX)).is_ok());
        assert!(check("tags", &tags(TAGS_MAX + 1)).is_err());
    }
}
