//! Schemas: what open values must look like, as JSON Schema (draft 2020-12).
//!
//! A schema is written by callers and run within a batch that others wait for. So its size is
//! bounded, its references stay inside it and never lead in a circle, what they repeat is counted,
//! and patterns are of the kind that takes linear time. It reads nothing from anywhere.

mod sound;

use std::fmt;
use std::sync::{Arc, OnceLock};

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::paths::LocationSegment;
use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use super::error::{Error, Reason, Result, invalid};
use super::value::{Fields, check_fields};

/// A larger compiled pattern is no pattern that people wrote.
const PATTERN_BYTES_MAX: usize = 256 * 1024;
/// What is said of a violation: longer ones repeat the schema.
const PROBLEM_CHARS_MAX: usize = 300;

/// A JSON Schema and its validator. Clones are cheap; two are equal if their sources are.
///
/// The empty one allows everything. One that names `properties` and says nothing of others, by
/// `additionalProperties` or `unevaluatedProperties` of its outermost object, refuses others: what
/// nobody described is most often a word that was mistyped.
#[derive(Clone)]
pub struct Schema(Arc<Compiled>);

struct Compiled {
    source: Fields,
    /// Made when it is first needed: most revisions that are loaded are never asked. None if the
    /// source is no schema, which only a stored one can be.
    validator: OnceLock<Option<Validator>>,
}

impl Schema {
    /// Takes a schema as a caller wrote it. `field` is where it lies in the call.
    pub fn parse(field: &str, source: Fields) -> Result<Schema> {
        check_fields(field, &source)?;
        sound::check(field, &source)?;
        let validator = compile(&source).map_err(|error| {
            let field = path(field, error.instance_path().segments());
            invalid(field, format!("is not JSON Schema of draft 2020-12: {}", said(&error)))
        })?;
        Ok(Schema(Arc::new(Compiled { source, validator: OnceLock::from(Some(validator)) })))
    }

    /// A schema as it was stored, which was once parsed.
    pub fn stored(source: Fields) -> Schema {
        Schema(Arc::new(Compiled { source, validator: OnceLock::new() }))
    }

    /// What it was made from.
    pub fn source(&self) -> &Fields {
        &self.0.source
    }

    /// Refuses fields that it does not allow, with the path of the first one. `field` is where
    /// they lie in the call.
    pub fn check(&self, field: &str, fields: &Fields) -> Result<()> {
        let Compiled { source, validator } = &*self.0;
        if source.is_empty() {
            return Ok(());
        }
        let validator = validator.get_or_init(|| compile(source).ok()).as_ref();
        let validator = validator.ok_or_else(|| {
            Error::Internal(anyhow::anyhow!("a stored schema of {field} is none any more"))
        })?;
        let fields = Value::Object(fields.clone());
        let violation = validator.iter_errors(&fields).next();
        violation.map_or(Ok(()), |violation| Err(refusal(field, &violation)))
    }
}

impl Default for Schema {
    fn default() -> Schema {
        Schema::stored(Fields::new())
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Schema) -> bool {
        self.0.source == other.0.source
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.0.source).finish()
    }
}

fn compile(source: &Fields) -> std::result::Result<Validator, ValidationError<'static>> {
    let mut closed = source.clone();
    let says = |word| source.contains_key(word);
    let is_open = says("additionalProperties") || says("unevaluatedProperties");
    if says("properties") && !is_open {
        // Unlike `additionalProperties` it knows what `allOf` and `$ref` beside it describe.
        closed.insert("unevaluatedProperties".into(), Value::Bool(false));
    }
    let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX);
    jsonschema::options()
        .with_draft(Draft::Draft202012)
        .with_pattern_options(patterns)
        .should_validate_formats(true)
        .offline()
        .build(&Value::Object(closed))
}

fn refusal(field: &str, violation: &ValidationError<'_>) -> Error {
    let mut field = path(field, violation.instance_path().segments());
    // What is missing or too much is named itself, not what it is missing in.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the kinds are open, and theirs")]
    let member = match violation.kind() {
        Kind::Required { property } => property.as_str(),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            unexpected.first().map(String::as_str)
        }
        _ => None,
    };
    if let Some(member) = member {
        field = format!("{field}.{member}");
    }
    Error::Invalid { reason: Reason::SchemaViolation, field, problem: said(violation) }
}

/// What is wrong, without the value: it may be large, and the caller has it.
fn said(error: &ValidationError<'_>) -> String {
    let said = error.masked().to_string();
    match said.char_indices().nth(PROBLEM_CHARS_MAX) {
        Some((end, _)) => format!("{}…", said.get(..end).unwrap_or_default()),
        None => said,
    }
}

fn path<'a>(field: &str, segments: impl Iterator<Item = LocationSegment<'a>>) -> String {
    segments.fold(field.to_owned(), |path, segment| match segment {
        LocationSegment::Property(name) => format!("{path}.{name}"),
        LocationSegment::Index(index) => format!("{path}[{index}]"),
    })
}

#[cfg(test)]
mod tests;
