//! What can be seen of a value before there is one.

use super::node::BinaryOp;
use super::value::Value;

/// The kind of a value, as far as it is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Not known: what comes from a variable.
    Any,
    Null,
    Bool,
    Int,
    Double,
    String,
    List,
    Map,
    Timestamp,
    Duration,
}

/// What an operator or a function takes, and what it then gives.
pub(super) type Overload = (&'static [Kind], Kind);

impl Kind {
    pub(super) fn of(value: &Value) -> Kind {
        match value {
            Value::Null => Kind::Null,
            Value::Bool(_) => Kind::Bool,
            Value::Int(_) => Kind::Int,
            Value::Double(_) => Kind::Double,
            Value::String(_) => Kind::String,
            Value::List(_) => Kind::List,
            Value::Map(_) => Kind::Map,
            Value::Timestamp(_) => Kind::Timestamp,
            Value::Duration(_) => Kind::Duration,
        }
    }

    /// Whether a value of this kind may be one of that kind.
    pub(super) fn may_be(self, other: Kind) -> bool {
        self == other || self == Kind::Any || other == Kind::Any
    }

    /// The kind of a value that is one of two.
    pub(super) fn or(self, other: Kind) -> Kind {
        if self == other { self } else { Kind::Any }
    }

    /// Whether `==` between them may be true. Null is compared with everything, to ask for it.
    fn may_equal(self, other: Kind) -> bool {
        let number = |kind| matches!(kind, Kind::Int | Kind::Double);
        self.may_be(other)
            || (number(self) && number(other))
            || self == Kind::Null
            || other == Kind::Null
    }

    /// The name for people.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Any => "any value",
            Kind::Null => "null",
            Kind::Bool => "a bool",
            Kind::Int => "an int",
            Kind::Double => "a double",
            Kind::String => "a string",
            Kind::List => "a list",
            Kind::Map => "a map",
            Kind::Timestamp => "a timestamp",
            Kind::Duration => "a duration",
        }
    }
}

const INTS: Overload = (&[Kind::Int, Kind::Int], Kind::Int);
const INT_DOUBLE: Overload = (&[Kind::Int, Kind::Double], Kind::Double);
const DOUBLE_INT: Overload = (&[Kind::Double, Kind::Int], Kind::Double);
const DOUBLES: Overload = (&[Kind::Double, Kind::Double], Kind::Double);
const NUMBERS: &[Overload] = &[INTS, INT_DOUBLE, DOUBLE_INT, DOUBLES];
const ADD: &[Overload] = &[
    INTS,
    INT_DOUBLE,
    DOUBLE_INT,
    DOUBLES,
    (&[Kind::String, Kind::String], Kind::String),
    (&[Kind::List, Kind::List], Kind::List),
    (&[Kind::Timestamp, Kind::Duration], Kind::Timestamp),
    (&[Kind::Duration, Kind::Timestamp], Kind::Timestamp),
    (&[Kind::Duration, Kind::Duration], Kind::Duration),
];
const SUBTRACT: &[Overload] = &[
    INTS,
    INT_DOUBLE,
    DOUBLE_INT,
    DOUBLES,
    (&[Kind::Timestamp, Kind::Timestamp], Kind::Duration),
    (&[Kind::Timestamp, Kind::Duration], Kind::Timestamp),
    (&[Kind::Duration, Kind::Duration], Kind::Duration),
];
const REMAINDER: &[Overload] = &[INTS];
const ORDER: &[Overload] = &[
    (&[Kind::Int, Kind::Int], Kind::Bool),
    (&[Kind::Int, Kind::Double], Kind::Bool),
    (&[Kind::Double, Kind::Int], Kind::Bool),
    (&[Kind::Double, Kind::Double], Kind::Bool),
    (&[Kind::Bool, Kind::Bool], Kind::Bool),
    (&[Kind::String, Kind::String], Kind::Bool),
    (&[Kind::Timestamp, Kind::Timestamp], Kind::Bool),
    (&[Kind::Duration, Kind::Duration], Kind::Bool),
];
const IN: &[Overload] =
    &[(&[Kind::Any, Kind::List], Kind::Bool), (&[Kind::Any, Kind::Map], Kind::Bool)];

/// What an operator gives for these kinds; none if it takes no such values.
pub(super) fn binary(op: BinaryOp, left: Kind, right: Kind) -> Option<Kind> {
    let overloads: &[Overload] = match op {
        BinaryOp::Add => ADD,
        BinaryOp::Subtract => SUBTRACT,
        BinaryOp::Multiply | BinaryOp::Divide => NUMBERS,
        BinaryOp::Remainder => REMAINDER,
        BinaryOp::Equal | BinaryOp::NotEqual => {
            return left.may_equal(right).then_some(Kind::Bool);
        }
        BinaryOp::Less | BinaryOp::LessOrEqual | BinaryOp::Greater | BinaryOp::GreaterOrEqual => {
            ORDER
        }
        BinaryOp::In => IN,
    };
    choose(overloads, &[left, right])
}

/// What comes out of the overloads that may take these kinds; none if there is none.
pub(super) fn choose(overloads: &[Overload], given: &[Kind]) -> Option<Kind> {
    let fits = |takes: &[Kind]| {
        takes.len() == given.len() && takes.iter().zip(given).all(|(a, b)| a.may_be(*b))
    };
    let results = overloads.iter().filter(|(takes, _)| fits(takes)).map(|(_, gives)| *gives);
    results.reduce(Kind::or)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_may_be_anything_that_fits() {
        assert_eq!(binary(BinaryOp::Add, Kind::Any, Kind::Any), Some(Kind::Any));
        assert_eq!(binary(BinaryOp::Add, Kind::Any, Kind::String), Some(Kind::String));
        assert_eq!(binary(BinaryOp::Add, Kind::Int, Kind::String), None);
        assert_eq!(binary(BinaryOp::Remainder, Kind::Any, Kind::Double), None);
        assert_eq!(binary(BinaryOp::Subtract, Kind::Timestamp, Kind::Any), Some(Kind::Any));
        assert_eq!(binary(BinaryOp::Equal, Kind::Null, Kind::Map), Some(Kind::Bool));
        assert_eq!(binary(BinaryOp::Equal, Kind::Int, Kind::Double), Some(Kind::Bool));
        assert_eq!(binary(BinaryOp::Equal, Kind::Int, Kind::String), None);
        assert_eq!(binary(BinaryOp::Less, Kind::List, Kind::Any), None);
        assert_eq!(binary(BinaryOp::In, Kind::Int, Kind::String), None);
    }
}
