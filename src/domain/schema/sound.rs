//! What a schema may not say, though JSON Schema would let it.

use serde_json::Value;

use crate::domain::error::{Result, invalid, quoted, too_large};
use crate::domain::value::Fields;

/// Schemas inside a schema, those behind references counted each time: a check may look at each of
/// them for each part of a value.
const PARTS_MAX: usize = 1_000;
/// The one draft there is.
const DRAFT: &str = "https://json-schema.org/draft/2020-12/schema";

/// Keywords that hold schemas by name.
const MAPS: &[&str] = &[
    "properties",
    "patternProperties",
    "$defs",
    "definitions",
    "dependentSchemas",
    "dependencies",
];
/// Keywords that hold a schema, or several in order.
const SCHEMAS: &[&str] = &[
    "additionalProperties",
    "unevaluatedProperties",
    "items",
    "prefixItems",
    "additionalItems",
    "unevaluatedItems",
    "contains",
    "propertyNames",
    "contentSchema",
    "not",
    "if",
    "then",
    "else",
    "allOf",
    "anyOf",
    "oneOf",
];
/// Keywords that give a schema another name, or follow one at run time.
const NAMING: &[&str] =
    &["$id", "$anchor", "$dynamicAnchor", "$dynamicRef", "$recursiveRef", "$vocabulary"];

/// Refuses a schema that reaches outside, goes in circles, repeats itself without end, or speaks of
/// secrets. `field` is where it lies in the call.
pub(super) fn check(field: &str, source: &Fields) -> Result<()> {
    let root = Value::Object(source.clone());
    let mut walk = Walk { root: &root, parts: 0, following: Vec::new() };
    walk.schema(field, &root)
}

struct Walk<'a> {
    root: &'a Value,
    parts: usize,
    /// The references that led here.
    following: Vec<&'a str>,
}

impl<'a> Walk<'a> {
    fn schema(&mut self, field: &str, schema: &'a Value) -> Result<()> {
        self.parts += 1;
        if self.parts > PARTS_MAX {
            let bound = format_args!("{PARTS_MAX} schemas, those behind references counted anew");
            return Err(too_large(field, bound));
        }
        // Whatever is not a schema is found by the compiler.
        let Value::Object(members) = schema else { return Ok(()) };
        for (keyword, value) in members {
            let at = format!("{field}.{keyword}");
            match (keyword.as_str(), value) {
                ("secret", Value::Bool(true)) => {
                    return Err(invalid(at, "secrets come later: nothing is sealed yet"));
                }
                ("$schema", Value::String(draft)) if draft.trim_end_matches('#') != DRAFT => {
                    return Err(invalid(at, format!("must be absent or {DRAFT}")));
                }
                ("$ref", Value::String(pointer)) => self.reference(&at, pointer)?,
                (keyword, _) if NAMING.contains(&keyword) => {
                    return Err(invalid(at, "refer by `$ref` to `#/$defs/…` alone"));
                }
                (keyword, Value::Object(named)) if MAPS.contains(&keyword) => {
                    for (name, schema) in named {
                        self.schema(&format!("{at}.{name}"), schema)?;
                    }
                }
                (keyword, Value::Array(several)) if SCHEMAS.contains(&keyword) => {
                    for (n, schema) in several.iter().enumerate() {
                        self.schema(&format!("{at}[{n}]"), schema)?;
                    }
                }
                (keyword, schema) if SCHEMAS.contains(&keyword) => self.schema(&at, schema)?,
                (_, _) => (),
            }
        }
        Ok(())
    }

    fn reference(&mut self, field: &str, pointer: &'a str) -> Result<()> {
        let inside = pointer.strip_prefix('#').filter(|inside| !inside.contains('%'));
        let target = inside.and_then(|inside| self.root.pointer(inside)).ok_or_else(|| {
            let problem = format!("{} is nothing inside of this schema", quoted(pointer));
            invalid(field, problem)
        })?;
        if pointer == "#" || self.following.contains(&pointer) {
            return Err(invalid(field, format!("{} leads back to itself", quoted(pointer))));
        }
        self.following.push(pointer);
        self.schema(field, target)?;
        self.following.pop();
        Ok(())
    }
}
