//! Numbers: arithmetic that cannot overflow unseen, and comparing that loses nothing.

use std::cmp::Ordering;

use super::error::{RunError, RunErrorKind};
use super::node::BinaryOp;
use super::value::Value;

/// 2^63, the first double that no int reaches.
const INT_END: f64 = 9_223_372_036_854_775_808.0;

/// The whole part of a double, if an int can hold it.
pub(super) fn truncated(double: f64) -> Option<i64> {
    #[expect(clippy::cast_possible_truncation, reason = "in range, and the fraction is to go")]
    (-INT_END..INT_END).contains(&double).then_some(double as i64)
}

/// The int that equals a double, if there is one.
pub(super) fn exact_int(double: f64) -> Option<i64> {
    truncated(double).filter(|_| double.fract() == 0.0)
}

/// The whole number that a value is.
pub(super) fn whole(value: &Value) -> Option<i64> {
    if let Value::Double(double) = value {
        return exact_int(*double);
    }
    let Value::Int(int) = value else { return None };
    Some(*int)
}

/// The double next to an int.
#[expect(clippy::cast_precision_loss, reason = "a double is asked for")]
pub(super) fn double(int: i64) -> f64 {
    int as f64
}

/// Compares an int with a double exactly: neither is turned into the other.
pub(super) fn compare(int: i64, double: f64) -> Option<Ordering> {
    if double.is_nan() {
        return None;
    }
    Some(match truncated(double) {
        // With the same whole part the fraction decides.
        Some(whole) => int.cmp(&whole).then(0.0_f64.total_cmp(&(double.fract() + 0.0))),
        None if double > 0.0 => Ordering::Less,
        None => Ordering::Greater,
    })
}

/// An arithmetic operator on two ints.
pub(super) fn ints(op: BinaryOp, a: i64, b: i64) -> Result<Value, RunError> {
    let result = match op {
        BinaryOp::Add => a.checked_add(b),
        BinaryOp::Subtract => a.checked_sub(b),
        BinaryOp::Multiply => a.checked_mul(b),
        BinaryOp::Divide | BinaryOp::Remainder if b == 0 => {
            let problem = format!("{a} cannot be divided by zero");
            return Err(RunError::new(RunErrorKind::DivideByZero, problem));
        }
        BinaryOp::Divide => a.checked_div(b),
        BinaryOp::Remainder => a.checked_rem(b),
        BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessOrEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterOrEqual
        | BinaryOp::In => None,
    };
    result.map(Value::Int).ok_or_else(|| {
        let problem = format!("{a} {op} {b} does not fit into 64 bits");
        RunError::new(RunErrorKind::Overflow, problem)
    })
}

/// An arithmetic operator on two doubles, as IEEE 754 has it; none for a remainder.
pub(super) fn doubles(op: BinaryOp, a: f64, b: f64) -> Option<Value> {
    match op {
        BinaryOp::Add => Some(a + b),
        BinaryOp::Subtract => Some(a - b),
        BinaryOp::Multiply => Some(a * b),
        BinaryOp::Divide => Some(a / b),
        BinaryOp::Remainder
        | BinaryOp::Equal
        | BinaryOp::NotEqual
        | BinaryOp::Less
        | BinaryOp::LessOrEqual
        | BinaryOp::Greater
        | BinaryOp::GreaterOrEqual
        | BinaryOp::In => None,
    }
    .map(Value::Double)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn ints_meet_doubles_exactly() {
        let big = 1_i64 << 53;
        assert_eq!(compare(big + 1, 9_007_199_254_740_992.0), Some(Ordering::Greater));
        assert_eq!(compare(i64::MAX, INT_END), Some(Ordering::Less));
        assert_eq!(compare(i64::MIN, -INT_END), Some(Ordering::Equal));
        assert_eq!(compare(0, -0.0), Some(Ordering::Equal));
        assert_eq!(compare(-1, -1.5), Some(Ordering::Greater));
        assert_eq!(compare(1, 1.5), Some(Ordering::Less));
        assert_eq!(compare(1, f64::NAN), None);
        assert_eq!(compare(1, f64::NEG_INFINITY), Some(Ordering::Greater));
    }

    proptest! {
        /// Where an int is exact as a double, comparing is that of doubles.
        #[test]
        fn small_ints_compare_as_doubles(int in -1_000_000_i64..1_000_000, other: f64) {
            prop_assert_eq!(compare(int, other), double(int).partial_cmp(&other));
            let near = double(int) + other.fract();
            prop_assert_eq!(compare(int, near), double(int).partial_cmp(&near));
        }
    }
}
