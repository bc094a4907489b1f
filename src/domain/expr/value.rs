//! The values of expressions. Clones share what is large.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use crate::domain::value::Fields;

/// Above it a double no longer holds every integer, so a number of JSON may have been another.
const EXACT_MAX: i64 = 1 << 53;

/// A value.
///
/// `==` of Rust asks whether two are the same, `==` of an expression whether they are equal: there
/// `1 == 1.0`.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Null.
    Null,
    /// A truth.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any number.
    Double(f64),
    /// Text.
    String(Arc<str>),
    /// Values in order.
    List(Arc<Vec<Value>>),
    /// Values by name, in the order of the names.
    Map(Arc<BTreeMap<Arc<str>, Value>>),
    /// An instant, from the year 1 to the last but one day of the year 9999, as jiff has it.
    Timestamp(Timestamp),
    /// A length of time, at most 10,000 years either way.
    Duration(SignedDuration),
}

impl Value {
    /// What kind of value it is, for people.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::Null => "null",
            Value::Bool(_) => "a bool",
            Value::Int(_) => "an int",
            Value::Double(number) if number.is_nan() => "not a number",
            Value::Double(_) => "a double",
            Value::String(_) => "a string",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Timestamp(_) => "a timestamp",
            Value::Duration(_) => "a duration",
        }
    }
}

impl From<&serde_json::Value> for Value {
    fn from(json: &serde_json::Value) -> Value {
        match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(flag) => Value::Bool(*flag),
            serde_json::Value::Number(number) => from_number(number),
            serde_json::Value::String(text) => text.as_str().into(),
            serde_json::Value::Array(items) => items.iter().map(Value::from).collect(),
            serde_json::Value::Object(fields) => fields.into(),
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Value {
        Value::from(&json)
    }
}

impl From<&Fields> for Value {
    fn from(fields: &Fields) -> Value {
        let entry = |(key, value): (&String, _)| (Arc::from(key.as_str()), Value::from(value));
        fields.iter().map(entry).collect()
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::String(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::String(text.into())
    }
}

impl From<bool> for Value {
    fn from(flag: bool) -> Value {
        Value::Bool(flag)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Value {
        Value::Int(number)
    }
}

impl From<f64> for Value {
    fn from(number: f64) -> Value {
        Value::Double(number)
    }
}

impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Value {
        Value::Timestamp(at)
    }
}

impl From<SignedDuration> for Value {
    fn from(span: SignedDuration) -> Value {
        Value::Duration(span)
    }
}

/// Nothing is null.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, Into::into)
    }
}

impl FromIterator<Value> for Value {
    fn from_iter<I: IntoIterator<Item = Value>>(items: I) -> Value {
        Value::List(Arc::new(items.into_iter().collect()))
    }
}

impl FromIterator<(Arc<str>, Value)> for Value {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(entries: I) -> Value {
        Value::Map(Arc::new(entries.into_iter().collect()))
    }
}

/// JSON has one kind of number; a whole one that is exact is an int, so that `n + 1` is as written.
fn from_number(number: &serde_json::Number) -> Value {
    let double = number.as_f64().unwrap_or(f64::NAN);
    let whole = number.as_i64().or_else(|| super::number::exact_int(double));
    match whole.filter(|n| (-EXACT_MAX..=EXACT_MAX).contains(n)) {
        Some(whole) => Value::Int(whole),
        None => Value::Double(double),
    }
}

/// The values that an expression may name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Variables {
    values: BTreeMap<String, Value>,
}

impl Variables {
    /// None.
    pub fn new() -> Variables {
        Variables::default()
    }

    /// These, and one more; the name's former value goes.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Variables {
        self.set(name, value);
        self
    }

    /// Gives a name its value.
    pub fn set(&mut self, name: &str, value: impl Into<Value>) {
        self.values.insert(name.to_owned(), value.into());
    }

    /// The value of a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }
}

impl<'a> FromIterator<(&'a str, Value)> for Variables {
    fn from_iter<I: IntoIterator<Item = (&'a str, Value)>>(values: I) -> Variables {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Variables { values }
    }
}

impl<const N: usize> From<[(&str, Value); N]> for Variables {
    fn from(values: [(&str, Value); N]) -> Variables {
        values.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_numbers_of_json_are_ints_as_far_as_they_are_exact() {
        let int = |json: serde_json::Value| matches!(Value::from(json), Value::Int(_));

        assert!(int(json!(3)) && int(json!(3.0)) && int(json!(-0.0)) && int(json!(1e3)));
        assert!(int(json!(EXACT_MAX)) && int(json!(-EXACT_MAX)));
        assert!(!int(json!(EXACT_MAX + 1)) && !int(json!(-EXACT_MAX - 1)));
        assert!(!int(json!(0.5)) && !int(json!(1e300)) && !int(json!(u64::MAX)));
    }

    #[test]
    fn json_keeps_its_shape() {
        let value = Value::from(json!({ "b": [null, true, "x"], "a": 0.5 }));

        let Value::Map(fields) = value else { panic!("no map: {value:?}") };
        assert_eq!(fields.keys().map(|key| &**key).collect::<Vec<_>>(), ["a", "b"]);
        assert_eq!(fields["a"], Value::Double(0.5));
        let list = [Value::Null, true.into(), "x".into()].into_iter().collect();
        assert_eq!(fields["b"], list);
    }
}
