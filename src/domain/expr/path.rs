//! Members of maps and items of lists.

use super::error::{RunError, RunErrorKind, mismatch};
use super::number;
use super::value::Value;
use crate::domain::error::quoted;

/// The member of a map.
pub(super) fn member<'v>(of: &'v Value, field: &str) -> Result<&'v Value, RunError> {
    let Value::Map(entries) = of else {
        return mismatch(format!("{} has no member {}", of.type_name(), quoted(field)));
    };
    entries.get(field).ok_or_else(|| no_key(field))
}

/// Whether a map has a member.
pub(super) fn has(of: &Value, field: &str) -> Result<Value, RunError> {
    let Value::Map(entries) = of else {
        return mismatch(format!("{} has no member {}", of.type_name(), quoted(field)));
    };
    Ok(Value::Bool(entries.contains_key(field)))
}

/// The value of a key, or of a place counted from 0.
pub(super) fn item<'v>(of: &'v Value, key: &Value) -> Result<&'v Value, RunError> {
    if let Value::Map(entries) = of {
        let Value::String(key) = key else {
            let problem = format!("a map has keys that are strings, not {}", key.type_name());
            return Err(RunError::new(RunErrorKind::NoSuchKey, problem));
        };
        return entries.get(key).ok_or_else(|| no_key(key));
    }
    let Value::List(items) = of else {
        return mismatch(format!("{} has no items", of.type_name()));
    };
    let Some(at) = number::whole(key) else {
        return mismatch(format!("a place in a list is an int, not {}", key.type_name()));
    };
    usize::try_from(at).ok().and_then(|at| items.get(at)).ok_or_else(|| {
        let problem = format!("a list of {} items has no item {at}", items.len());
        RunError::new(RunErrorKind::OutOfRange, problem)
    })
}

fn no_key(key: &str) -> RunError {
    RunError::new(RunErrorKind::NoSuchKey, format!("there is no key {}", quoted(key)))
}
