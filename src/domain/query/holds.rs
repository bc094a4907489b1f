//! Evaluates a filter over a row in memory, in the plainest way there is.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::Timestamp;
use serde_json::Value;

use super::super::name::IssueName;
use super::super::value::Fields as Object;
use super::decimal::Decimal;
use super::filter::{Check, Compare, Filter, Scalar, Test};

/// A row whose fields can be looked at by name.
pub trait Lookup {
    /// What a field holds. Asked for the fields of its table alone.
    fn found(&self, field: &str) -> Found<'_>;
}

/// What a field holds.
#[derive(Clone, PartialEq, Debug)]
pub enum Found<'a> {
    /// Nothing.
    Absent,
    /// Text, or a word of an enum.
    Text(Cow<'a, str>),
    /// A number.
    Integer(i64),
    /// True or false.
    Boolean(bool),
    /// An instant.
    Time(Timestamp),
    /// An issue.
    Issue(IssueName),
    /// Several texts.
    Texts(Vec<Cow<'a, str>>),
    /// An open object.
    Object(Cow<'a, Object>),
}

impl<'a> Found<'a> {
    /// Text.
    pub fn text(text: &'a str) -> Found<'a> {
        Found::Text(Cow::Borrowed(text))
    }

    /// An instant, where there is one.
    pub fn time(at: Option<Timestamp>) -> Found<'a> {
        at.map_or(Found::Absent, Found::Time)
    }
}

/// Whether the filter takes the row.
pub fn holds(filter: &Filter, row: &impl Lookup) -> bool {
    match filter {
        Filter::And(parts) => parts.iter().all(|part| holds(part, row)),
        Filter::Or(parts) => parts.iter().any(|part| holds(part, row)),
        Filter::Not(part) => !holds(part, row),
        Filter::Test(Test { field, keys, check }) => {
            let found = row.found(field.name);
            if let Found::Object(object) = &found {
                return holds_of_json(check, inside(object, keys));
            }
            holds_of_field(check, &found)
        }
    }
}

/// Keys lead through objects, never into lists.
fn inside<'a>(object: &'a Object, keys: &[String]) -> Option<&'a Value> {
    let (key, rest) = keys.split_first()?;
    let value = object.get(key)?;
    match rest.is_empty() {
        true => Some(value),
        false => inside(value.as_object()?, rest),
    }
}

fn holds_of_field(check: &Check, found: &Found<'_>) -> bool {
    match (check, found) {
        (Check::Absent, Found::Texts(texts)) => texts.is_empty(),
        (Check::Absent, found) => *found == Found::Absent,
        (Check::Begins(start), Found::Text(text)) => text.starts_with(start.as_str()),
        (Check::Contains(part), Found::Text(text)) => text.to_ascii_lowercase().contains(part),
        (Check::Has(Scalar::Text(one)), Found::Texts(texts)) => texts.iter().any(|t| t == one),
        (Check::Is(compare, scalar), found) => {
            order(found, scalar).is_some_and(|order| compare.takes(order))
        }
        (Check::Begins(_) | Check::Contains(_) | Check::Has(_), _) => false,
    }
}

fn order(found: &Found<'_>, scalar: &Scalar) -> Option<Ordering> {
    match (found, scalar) {
        (Found::Text(is), Scalar::Text(other)) => Some(is.as_ref().cmp(other.as_str())),
        (Found::Integer(is), Scalar::Integer(other)) => Some(is.cmp(other)),
        (Found::Boolean(is), Scalar::Boolean(other)) => Some(is.cmp(other)),
        (Found::Time(is), Scalar::Time(other)) => Some(is.cmp(other)),
        (Found::Issue(is), Scalar::Issue(other)) => Some(is.cmp(other)),
        _ => None,
    }
}

fn holds_of_json(check: &Check, value: Option<&Value>) -> bool {
    match (check, value) {
        (Check::Absent, value) => value.is_none_or(Value::is_null),
        (Check::Begins(start), Some(Value::String(text))) => text.starts_with(start.as_str()),
        (Check::Has(scalar), Some(Value::Array(items))) => {
            items.iter().any(|item| json_order(item, scalar) == Some(Ordering::Equal))
        }
        (Check::Is(compare, scalar), Some(value)) => {
            json_order(value, scalar).is_some_and(|order| compare.takes(order))
        }
        (Check::Begins(_) | Check::Contains(_) | Check::Has(_) | Check::Is(..), _) => false,
    }
}

fn json_order(value: &Value, scalar: &Scalar) -> Option<Ordering> {
    match (value, scalar) {
        (Value::String(is), Scalar::Text(other)) => Some(is.cmp(other)),
        (Value::Number(is), Scalar::Number(other)) => Some(Decimal::from(is).cmp(other)),
        (Value::Bool(is), Scalar::Boolean(other)) => Some(is.cmp(other)),
        _ => None,
    }
}

impl Compare {
    fn takes(self, order: Ordering) -> bool {
        match self {
            Compare::Equal => order.is_eq(),
            Compare::Less => order.is_lt(),
            Compare::LessOrEqual => order.is_le(),
            Compare::Greater => order.is_gt(),
            Compare::GreaterOrEqual => order.is_ge(),
        }
    }
}
