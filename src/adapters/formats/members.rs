//! The members of a JSON object, each as the text that was sent.
//!
//! Knows no format: only that a name must not be said twice, since readers differ in which of the
//! two they believe.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::domain::error::{Result, invalid, quoted};

/// An object whose values are not read yet.
#[derive(Debug)]
pub struct Members<'a>(BTreeMap<String, &'a RawValue>);

impl<'a> Members<'a> {
    /// Reads an object. `field` is where it lies in the input, for messages.
    pub fn read(field: &str, text: &'a str) -> Result<Members<'a>> {
        serde_json::from_str(text).map_err(|error| invalid(field, format!("is refused: {error}")))
    }

    /// Takes a member out. One that is `null` counts as absent.
    pub fn take(&mut self, name: &str) -> Option<&'a RawValue> {
        self.0.remove(name).filter(|value| !is_null(value))
    }

    /// Takes a string out; empty text where there is no such member.
    pub fn take_string(&mut self, name: &str) -> Result<String> {
        self.take(name).map_or(Ok(String::new()), |value| string(name, value))
    }

    /// Whether there is such a member, be it `null`.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// Looks at the text of a member.
    pub fn peek(&self, name: &str) -> Option<&'a str> {
        self.0.get(name).map(|value| value.get())
    }

    /// What was not taken, without what is `null`.
    pub fn rest(self) -> impl Iterator<Item = (String, &'a RawValue)> {
        self.0.into_iter().filter(|(_, value)| !is_null(value))
    }
}

/// Reads a JSON string.
pub fn string(field: &str, value: &RawValue) -> Result<String> {
    serde_json::from_str(value.get())
        .map_err(|_| invalid(field, format!("must be a string, not {}", quoted(value.get()))))
}

fn is_null(value: &RawValue) -> bool {
    value.get() == "null"
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        deserializer.deserialize_map(OnlyOnce).map(Members)
    }
}

struct OnlyOnce;

impl<'de> Visitor<'de> for OnlyOnce {
    type Value = BTreeMap<String, &'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(
        self,
        mut map: A,
    ) -> std::result::Result<Self::Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, &RawValue>()? {
            let again = members.contains_key(&name);
            if again {
                return Err(A::Error::custom(format!("{} is there twice", quoted(&name))));
            }
            members.insert(name, value);
        }
        Ok(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_as_they_were_sent() {
        let mut members = Members::read("x", r#"{ "a" : { "b":1.00, "b":2 } , "c":null}"#).unwrap();

        assert!(members.has("c"));
        assert_eq!(members.peek("a"), Some(r#"{ "b":1.00, "b":2 }"#));
        assert_eq!(members.take("a").unwrap().get(), r#"{ "b":1.00, "b":2 }"#);
        assert_eq!(members.rest().count(), 0);
    }

    #[test]
    fn a_name_said_twice_is_refused_however_it_is_written() {
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"\u0061":2}"#, r#"{"a":null,"a":1}"#] {
            let error = Members::read("x", text).unwrap_err();
            assert!(error.to_string().contains("\"a\" is there twice"), "{error}");
        }
    }

    #[test]
    fn what_is_no_object_is_refused() {
        for text in ["", "[]", "1", "{\"a\":1}x", "{a:1}", "{\"a\":}"] {
            assert!(Members::read("x", text).is_err(), "{text}");
        }
    }
}
