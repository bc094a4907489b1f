//! Operators between values.

use std::cmp::Ordering;

use super::compare;
use super::error::{RunError, RunErrorKind, mismatch};
use super::meter::Meter;
use super::node::BinaryOp;
use super::number;
use super::text;
use super::time;
use super::value::Value;

/// What an operator makes of two values.
pub(super) fn binary(
    meter: &Meter,
    op: BinaryOp,
    left: &Value,
    right: &Value,
) -> Result<Value, RunError> {
    let ordered = |is: fn(Ordering) -> bool| match compare::order(meter, left, right)? {
        Some(order) => Ok(Value::Bool(is(order))),
        None => no_operator(op, left, right),
    };
    match op {
        BinaryOp::Equal => compare::equal(meter, left, right).map(Value::Bool),
        BinaryOp::NotEqual => Ok(Value::Bool(!compare::equal(meter, left, right)?)),
        BinaryOp::Less => ordered(Ordering::is_lt),
        BinaryOp::LessOrEqual => ordered(Ordering::is_le),
        BinaryOp::Greater => ordered(Ordering::is_gt),
        BinaryOp::GreaterOrEqual => ordered(Ordering::is_ge),
        BinaryOp::In => contains(meter, left, right),
        BinaryOp::Add
        | BinaryOp::Subtract
        | BinaryOp::Multiply
        | BinaryOp::Divide
        | BinaryOp::Remainder => arithmetic(meter, op, left, right),
    }
}

fn contains(meter: &Meter, value: &Value, within: &Value) -> Result<Value, RunError> {
    if let Value::Map(entries) = within {
        return match value {
            Value::String(key) => Ok(Value::Bool(entries.contains_key(key))),
            // In CEL they may be keys, so one may ask for them.
            Value::Bool(_) | Value::Int(_) | Value::Double(_) => Ok(Value::Bool(false)),
            Value::Null
            | Value::List(_)
            | Value::Map(_)
            | Value::Timestamp(_)
            | Value::Duration(_) => no_operator(BinaryOp::In, value, within),
        };
    }
    let Value::List(items) = within else {
        return no_operator(BinaryOp::In, value, within);
    };
    for item in items.iter() {
        meter.take(1)?;
        if compare::equal(meter, value, item)? {
            return Ok(Value::Bool(true));
        }
    }
    Ok(Value::Bool(false))
}

fn no_operator<T>(op: BinaryOp, left: &Value, right: &Value) -> Result<T, RunError> {
    let (left, right) = (left.type_name(), right.type_name());
    mismatch(format!("`{op}` does not take {left} and {right}"))
}

/// The negative of a number.
pub(super) fn negate(value: &Value) -> Result<Value, RunError> {
    if let Value::Double(number) = value {
        return Ok(Value::Double(-number));
    }
    let Value::Int(number) = value else {
        return mismatch(format!("`-` takes a number, not {}", value.type_name()));
    };
    number.checked_neg().map(Value::Int).ok_or_else(|| {
        let problem = format!("-({number}) does not fit into 64 bits");
        RunError::new(RunErrorKind::Overflow, problem)
    })
}

fn arithmetic(meter: &Meter, op: BinaryOp, left: &Value, right: &Value) -> Result<Value, RunError> {
    let done = match (op, left, right) {
        (_, Value::Int(a), Value::Int(b)) => return number::ints(op, *a, *b),
        (_, Value::Double(a), Value::Double(b)) => number::doubles(op, *a, *b),
        (_, Value::Int(a), Value::Double(b)) => number::doubles(op, number::double(*a), *b),
        (_, Value::Double(a), Value::Int(b)) => number::doubles(op, *a, number::double(*b)),
        (BinaryOp::Add, Value::String(a), Value::String(b)) => {
            return text::concat(meter, a, b);
        }
        (BinaryOp::Add, Value::List(a), Value::List(b)) => {
            meter.make_list(a.len().saturating_add(b.len()))?;
            Some(a.iter().chain(b.iter()).cloned().collect())
        }
        (BinaryOp::Add, Value::Timestamp(at), Value::Duration(span))
        | (BinaryOp::Add, Value::Duration(span), Value::Timestamp(at)) => {
            Some(time::instant(at.checked_add(*span).ok())?)
        }
        (BinaryOp::Add, Value::Duration(a), Value::Duration(b)) => {
            Some(time::span(a.checked_add(*b))?)
        }
        (BinaryOp::Subtract, Value::Timestamp(a), Value::Timestamp(b)) => {
            Some(time::span(Some(a.duration_since(*b)))?)
        }
        (BinaryOp::Subtract, Value::Timestamp(at), Value::Duration(span)) => {
            Some(time::instant(at.checked_sub(*span).ok())?)
        }
        (BinaryOp::Subtract, Value::Duration(a), Value::Duration(b)) => {
            Some(time::span(a.checked_sub(*b))?)
        }
        _ => None,
    };
    done.map_or_else(|| no_operator(op, left, right), Ok)
}
