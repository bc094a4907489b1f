//! Equality and order of values, paid for as it goes.

use std::cmp::Ordering;

use super::error::RunError;
use super::meter::Meter;
use super::number;
use super::value::Value;

/// Whether two values are equal. Values of different kinds are not, but numbers of one size are.
pub(super) fn equal(meter: &Meter, a: &Value, b: &Value) -> Result<bool, RunError> {
    Ok(match (a, b) {
        (Value::Null, Value::Null) => true,
        (Value::Bool(a), Value::Bool(b)) => a == b,
        (Value::Int(a), Value::Int(b)) => a == b,
        (Value::Double(a), Value::Double(b)) => a == b,
        (Value::Int(a), Value::Double(b)) | (Value::Double(b), Value::Int(a)) => {
            number::compare(*a, *b) == Some(Ordering::Equal)
        }
        (Value::String(a), Value::String(b)) => same_text(meter, a, b)?,
        (Value::List(a), Value::List(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for (a, b) in a.iter().zip(b.iter()) {
                meter.take(1)?;
                if !equal(meter, a, b)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Map(a), Value::Map(b)) => {
            if a.len() != b.len() {
                return Ok(false);
            }
            for ((a_key, a), (b_key, b)) in a.iter().zip(b.iter()) {
                meter.take(1)?;
                if !same_text(meter, a_key, b_key)? || !equal(meter, a, b)? {
                    return Ok(false);
                }
            }
            true
        }
        (Value::Timestamp(a), Value::Timestamp(b)) => a == b,
        (Value::Duration(a), Value::Duration(b)) => a == b,
        (
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Double(_)
            | Value::String(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Timestamp(_)
            | Value::Duration(_),
            _,
        ) => false,
    })
}

fn same_text(meter: &Meter, a: &str, b: &str) -> Result<bool, RunError> {
    if a.len() != b.len() {
        return Ok(false);
    }
    meter.scan(a.len())?;
    Ok(a == b)
}

/// The order of two values, if they have one. What is not a number has none, as in CEL.
pub(super) fn order(meter: &Meter, a: &Value, b: &Value) -> Result<Option<Ordering>, RunError> {
    Ok(match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Double(b)) => number::compare(*a, *b),
        (Value::Double(a), Value::Int(b)) => number::compare(*b, *a).map(Ordering::reverse),
        (Value::String(a), Value::String(b)) => {
            meter.scan(a.len().min(b.len()))?;
            Some(a.cmp(b))
        }
        (Value::Timestamp(a), Value::Timestamp(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) => Some(a.cmp(b)),
        (
            Value::Null
            | Value::Bool(_)
            | Value::Int(_)
            | Value::Double(_)
            | Value::String(_)
            | Value::List(_)
            | Value::Map(_)
            | Value::Timestamp(_)
            | Value::Duration(_),
            _,
        ) => None,
    })
}
