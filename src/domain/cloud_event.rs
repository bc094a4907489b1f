//! CloudEvents 1.0.2: what other services say, and the rules a well-formed one keeps.
//!
//! The attributes that are required are fields, the others a map, as in the protobuf format. The
//! data is kept as it was sent.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::error::{Result, invalid, required, too_large};

/// The version of the specification that is spoken.
pub const SPEC_VERSION: &str = "1.0";
/// Longer identities would make the index of known messages slow.
pub const IDENTITY_BYTES_MAX: usize = 1024;
/// Longer types are no names any more.
pub const TYPE_BYTES_MAX: usize = 256;
/// More attributes are data in the wrong place.
pub const ATTRIBUTES_MAX: usize = 64;
/// The specification advises 20; longer names are seen.
pub const ATTRIBUTE_NAME_BYTES_MAX: usize = 64;

/// One event as another service describes it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CloudEvent {
    /// With `source`, its identity.
    pub id: String,
    /// A URI reference: who says so.
    pub source: String,
    /// [`SPEC_VERSION`].
    pub spec_version: String,
    /// What happened, in the words of its source.
    pub kind: String,
    /// Optional and extension attributes.
    pub attributes: BTreeMap<String, Attribute>,
    /// What it carries.
    pub data: Data,
}

/// The value of an attribute (CloudEvents 1.0.2, section 3).
#[derive(Clone, PartialEq, Debug)]
pub enum Attribute {
    /// A truth value.
    Boolean(bool),
    /// A whole number of 32 bits.
    Integer(i32),
    /// Text without control characters.
    String(String),
    /// Bytes.
    Bytes(bytes::Bytes),
    /// An absolute URI.
    Uri(String),
    /// A URI reference.
    UriRef(String),
    /// An instant, as seconds and nanoseconds since 1970, kept as it was sent.
    Timestamp(i64, i32),
}

/// What an event carries.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Data {
    /// Nothing.
    #[default]
    None,
    /// Bytes as they are.
    Binary(bytes::Bytes),
    /// Text, JSON among it.
    Text(String),
    /// A protobuf message and the URL of its type.
    Proto(String, bytes::Bytes),
}

impl CloudEvent {
    /// When it happened, if it says so.
    pub fn time(&self) -> Option<Timestamp> {
        match self.attributes.get("time") {
            Some(Attribute::Timestamp(seconds, nanos)) => Timestamp::new(*seconds, *nanos).ok(),
            _ => None,
        }
    }

    /// What it is about, if it says so.
    pub fn subject(&self) -> Option<&str> {
        match self.attributes.get("subject") {
            Some(Attribute::String(subject)) => Some(subject),
            _ => None,
        }
    }

    /// Checks every rule of the specification that a reader can check. `field` is where the event
    /// lies in the call.
    pub fn check(&self) -> Result<()> {
        let CloudEvent { id, source, spec_version, kind, attributes, data: _ } = self;
        if spec_version.is_empty() {
            return Err(required("spec_version"));
        }
        if spec_version != SPEC_VERSION {
            return Err(invalid("spec_version", format!("must be {SPEC_VERSION}")));
        }
        for (field, value, bytes_max) in [
            ("id", id, IDENTITY_BYTES_MAX),
            ("source", source, IDENTITY_BYTES_MAX),
            ("type", kind, TYPE_BYTES_MAX),
        ] {
            if value.is_empty() {
                return Err(required(field));
            }
            if value.len() > bytes_max {
                return Err(too_large(field, format_args!("{bytes_max} bytes")));
            }
            check_string(field, value)?;
        }
        check_uri_reference("source", source)?;
        if attributes.len() > ATTRIBUTES_MAX {
            return Err(too_large("attributes", format_args!("{ATTRIBUTES_MAX} attributes")));
        }
        attributes.iter().try_for_each(|(name, value)| check_attribute(name, value))
    }
}

fn check_attribute(name: &str, value: &Attribute) -> Result<()> {
    let field = format!("attributes.{name}");
    let well_formed = !name.is_empty()
        && name.len() <= ATTRIBUTE_NAME_BYTES_MAX
        && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !well_formed {
        return Err(invalid(field, "must be named by 1 to 64 characters of a-z and 0-9"));
    }
    if matches!(name, "id" | "source" | "specversion" | "type" | "data") {
        return Err(invalid(field, "is a field of its own"));
    }
    match (name, value) {
        ("datacontenttype" | "subject", Attribute::String(text)) if !text.is_empty() => (),
        ("datacontenttype" | "subject", _) => {
            return Err(invalid(field, "must be a string that is not empty"));
        }
        ("dataschema", Attribute::Uri(uri)) if !uri.is_empty() => (),
        ("dataschema", _) => return Err(invalid(field, "must be an absolute URI")),
        ("time", Attribute::Timestamp(..)) => (),
        ("time", _) => return Err(invalid(field, "must be a timestamp")),
        _ => (),
    }
    if name == "datacontenttype" {
        let Attribute::String(text) = value else { return Ok(()) };
        check_media_type(&field, text)?;
    }
    match value {
        Attribute::Boolean(_) | Attribute::Integer(_) | Attribute::Bytes(_) => Ok(()),
        Attribute::String(text) => check_string(&field, text),
        Attribute::Uri(uri) => check_uri(&field, uri),
        Attribute::UriRef(uri) => check_uri_reference(&field, uri),
        Attribute::Timestamp(seconds, nanos) => {
            let in_range = (0..1_000_000_000).contains(nanos)
                && Timestamp::new(*seconds, *nanos).is_ok_and(|at| {
                    (1..=9999).contains(&at.to_zoned(jiff::tz::TimeZone::UTC).year())
                });
            in_range
                .then_some(())
                .ok_or_else(|| invalid(field, "must be a time of the years 1 to 9999"))
        }
    }
}

/// Control characters and noncharacters are not allowed (section 3.1, type String).
fn check_string(field: &str, text: &str) -> Result<()> {
    let forbidden = |c: char| {
        c.is_control()
            || (0xFDD0..=0xFDEF).contains(&u32::from(c))
            || u32::from(c) & 0xFFFE == 0xFFFE
    };
    if text.chars().any(forbidden) {
        return Err(invalid(field, "must not hold control characters"));
    }
    Ok(())
}

/// A media type (RFC 2046): two tokens around a slash, parameters after it.
fn check_media_type(field: &str, text: &str) -> Result<()> {
    let token = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b))
    };
    let essence = text.split(';').next().unwrap_or(text).trim();
    match essence.split_once('/') {
        Some((kind, subtype)) if token(kind) && token(subtype) => Ok(()),
        _ => Err(invalid(field, "must be a media type such as application/json")),
    }
}

/// A URI reference (RFC 3986, section 4.1), as far as its characters and its scheme tell.
fn check_uri_reference(field: &str, uri: &str) -> Result<()> {
    let bytes = uri.as_bytes();
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        let allowed = first.is_ascii_alphanumeric()
            || b"-._~:/?#[]@!$&'()*+,;=".contains(first)
            || !first.is_ascii()
            || (*first == b'%'
                && matches!(tail, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()));
        if !allowed {
            return Err(invalid(field, "must be a URI reference (RFC 3986)"));
        }
        rest = tail;
    }
    // A first segment with a colon is a scheme, and must look like one.
    let first_segment = uri.split(['/', '?', '#']).next().unwrap_or(uri);
    match first_segment.split_once(':') {
        Some((scheme, _)) if !is_scheme(scheme) => {
            Err(invalid(field, "must be a URI reference (RFC 3986)"))
        }
        _ => Ok(()),
    }
}

/// A URI with a scheme (RFC 3986, section 4.3).
fn check_uri(field: &str, uri: &str) -> Result<()> {
    check_uri_reference(field, uri)?;
    match uri.split_once(':') {
        Some((scheme, rest)) if is_scheme(scheme) && !rest.is_empty() => Ok(()),
        _ => Err(invalid(field, "must be an absolute URI (RFC 3986)")),
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}
