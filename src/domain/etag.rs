//! Etags: which version of a thing a caller has seen.

use super::error::{Error, Reason, Result};

/// The etag of a version. Callers must not look inside.
pub fn of(version: i64) -> String {
    format!("v{version}")
}

/// Refuses a write that is based on another version than the current one.
pub fn check(given: Option<&str>, version: i64, subject: &impl std::fmt::Display) -> Result<()> {
    match given {
        Some(given) if given != of(version) => Err(Error::Conflict {
            reason: Reason::EtagMismatch,
            subject: subject.to_string(),
            problem: "it has changed since it was read".into(),
        }),
        _ => Ok(()),
    }
}
