//! Open values: what callers may put into parameters and data, and how much of it.
//!
//! Open values are JSON. Integers are exact to 2^53, as in every JSON reader that knows only
//! IEEE 754 doubles (RFC 8259, section 6).

use serde_json::{Map, Value};

use super::error::{Result, invalid, too_large};

/// An open object, its keys in order.
pub type Fields = Map<String, Value>;

/// Larger parameters would make every event and every list of issues slow.
pub const PARAMETERS_BYTES_MAX: usize = 64 * 1024;
/// Deeper values are no data but a way to exhaust the stack of a reader.
pub const DEPTH_MAX: usize = 16;
/// Keys of all levels together.
pub const KEYS_MAX: usize = 500;

/// Checks an open object against the bounds.
pub fn check_fields(field: &str, fields: &Fields) -> Result<()> {
    let mut size = Size::default();
    size.add_object(field, fields, 1)?;
    if size.keys > KEYS_MAX {
        return Err(too_large(field, format_args!("{KEYS_MAX} keys")));
    }
    // The exact length counts only where the estimate says that it might matter.
    if size.bytes > PARAMETERS_BYTES_MAX {
        return Err(too_large(field, format_args!("{PARAMETERS_BYTES_MAX} bytes as JSON")));
    }
    Ok(())
}

/// What an object would take as JSON, without writing it.
#[derive(Default)]
struct Size {
    keys: usize,
    bytes: usize,
}

impl Size {
    fn add_object(&mut self, field: &str, fields: &Fields, depth: usize) -> Result<()> {
        self.bytes += 2;
        for (key, value) in fields {
            self.keys += 1;
            self.bytes += text_bytes(key) + 2;
            check_nul(field, key)?;
            self.add(field, value, depth + 1)?;
        }
        Ok(())
    }

    fn add(&mut self, field: &str, value: &Value, depth: usize) -> Result<()> {
        if depth > DEPTH_MAX {
            return Err(too_large(field, format_args!("{DEPTH_MAX} levels deep")));
        }
        match value {
            Value::Null => self.bytes += 4,
            Value::Bool(_) => self.bytes += 5,
            Value::Number(number) => self.bytes += number.to_string().len(),
            Value::String(text) => {
                check_nul(field, text)?;
                self.bytes += text_bytes(text);
            }
            Value::Array(items) => {
                self.bytes += 2;
                for item in items {
                    self.bytes += 1;
                    self.add(field, item, depth + 1)?;
                }
            }
            Value::Object(fields) => self.add_object(field, fields, depth)?,
        }
        Ok(())
    }
}

fn text_bytes(text: &str) -> usize {
    let escapes = text.bytes().filter(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)).count();
    text.len() + 2 + 5 * escapes
}

/// Checks one line of text: no control characters, at most `bytes_max` bytes.
pub fn check_line(field: &str, text: &str, bytes_max: usize) -> Result<()> {
    check_text(field, text, bytes_max)?;
    if text.chars().any(char::is_control) {
        return Err(invalid(field, "must be one line without control characters"));
    }
    Ok(())
}

/// Checks text: at most `bytes_max` bytes, without the NUL that PostgreSQL cannot hold.
pub fn check_text(field: &str, text: &str, bytes_max: usize) -> Result<()> {
    if text.len() > bytes_max {
        return Err(too_large(field, format_args!("{bytes_max} bytes")));
    }
    check_nul(field, text)
}

fn check_nul(field: &str, text: &str) -> Result<()> {
    if text.contains('\0') {
        return Err(invalid(field, "must not contain U+0000"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Fields {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn bounds_hold_at_the_edge() {
        let mut deep = json!(1);
        for _ in 0..DEPTH_MAX - 1 {
            deep = json!({ "k": deep });
        }
        assert!(check_fields("p", &fields(deep.clone())).is_ok());
        assert!(check_fields("p", &fields(json!({ "k": deep }))).is_err());

        let wide = |keys: usize| (0..keys).map(|n| (format!("k{n}"), json!(0))).collect();
        assert!(check_fields("p", &wide(KEYS_MAX)).is_ok());
        assert!(check_fields("p", &wide(KEYS_MAX + 1)).is_err());

        assert!(check_fields("p", &fields(json!({ "k": "x".repeat(65_000) }))).is_ok());
        assert!(check_fields("p", &fields(json!({ "k": "x".repeat(66_000) }))).is_err());
    }

    proptest! {
        /// The estimate never says less than the JSON takes.
        #[test]
        fn the_estimate_is_an_upper_bound(
            text in "[ -~\\n\\t\"\\\\äß😀]{0,40}",
            number: f64,
            flag: bool,
        ) {
            let list = json!([null, text, { "x": flag }]);
            let value = json!({ "t": text, "n": number, "f": flag, "l": list });
            let mut size = Size::default();

            size.add("p", &value, 1).unwrap();

            prop_assert!(size.bytes >= serde_json::to_string(&value).unwrap().len());
        }
    }
}
