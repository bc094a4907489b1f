//! Ids that callers choose.

use std::fmt;
use std::sync::Arc;

use crate::domain::error::{Result, invalid, quoted, required};

/// Longer ids do not fit the label of a DNS name, where many of them end up.
const CHARS_MAX: usize = 63;

/// An id that a caller chose: `[a-z]([a-z0-9-]{0,61}[a-z0-9])?`, as in RFC 1123.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Id(Arc<str>);

impl Id {
    /// Takes an id as a caller chose it.
    pub fn parse(field: &str, id: &str) -> Result<Id> {
        if id.is_empty() {
            return Err(required(field));
        }
        Id::read(id).ok_or_else(|| {
            let form = "is not an id of the form [a-z]([a-z0-9-]{0,61}[a-z0-9])?";
            invalid(field, format!("{} {form}", quoted(id)))
        })
    }

    /// The id, if it is well formed.
    pub(super) fn read(id: &str) -> Option<Id> {
        let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let well_formed = id.starts_with(|c: char| c.is_ascii_lowercase())
            && id.chars().all(inner)
            && !id.ends_with('-')
            && id.len() <= CHARS_MAX;
        well_formed.then(|| Id(id.into()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_labels() {
        for right in ["a", "a1", "a-b", "take-action", &"a".repeat(63)] {
            assert_eq!(Id::parse("id", right).unwrap().as_str(), right);
        }
        for wrong in ["", "1a", "-a", "a-", "A", "a_b", "a b", "ä", &"a".repeat(64)] {
            assert!(Id::parse("id", wrong).is_err(), "{wrong:?}");
        }
    }
}
