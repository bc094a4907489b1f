use proptest::prelude::*;
use serde_json::json;

use super::*;

fn fields(value: Value) -> Fields {
    value.as_object().unwrap().clone()
}

fn schema(value: Value) -> Schema {
    Schema::parse("s", fields(value)).unwrap()
}

/// The field that is blamed, none if all is well.
fn blamed(checked: Result<()>) -> Option<String> {
    let error = checked.err()?;
    assert_eq!(error.reason(), Reason::SchemaViolation);
    let Error::Invalid { field, .. } = error else { panic!("{error}") };
    Some(field)
}

fn refused(source: Value) -> String {
    Schema::parse("s", fields(source)).unwrap_err().to_string()
}

#[test]
fn a_violation_names_the_field_inside() {
    let schema = schema(json!({
        "properties": {
            "severity": { "type": "integer", "minimum": 1 },
            "hosts": { "items": { "type": "string" } },
            "place": { "properties": { "room": { "type": "integer" } }, "required": ["room"] },
        },
        "required": ["severity"],
    }));
    let check = |value| blamed(schema.check("parameters", &fields(value)));

    assert_eq!(check(json!({ "severity": 2 })), None);
    assert_eq!(check(json!({})).as_deref(), Some("parameters.severity"));
    assert_eq!(check(json!({ "severity": 0 })).as_deref(), Some("parameters.severity"));
    assert_eq!(check(json!({ "severity": 1, "x": 1 })).as_deref(), Some("parameters.x"));
    let hosts = check(json!({ "severity": 1, "hosts": ["a", 1] }));
    assert_eq!(hosts.as_deref(), Some("parameters.hosts[1]"));
    let place = check(json!({ "severity": 1, "place": {} }));
    assert_eq!(place.as_deref(), Some("parameters.place.room"));
}

#[test]
fn unknown_keys_are_refused_unless_the_schema_speaks_of_them() {
    let allows = |source| schema(source).check("p", &fields(json!({ "b": 1 }))).is_ok();

    assert!(allows(json!({})));
    assert!(allows(json!({ "type": "object" })));
    assert!(!allows(json!({ "properties": { "a": true } })));
    assert!(allows(json!({ "properties": { "a": true }, "additionalProperties": true })));
    assert!(allows(json!({ "properties": { "a": true }, "unevaluatedProperties": true })));
    assert!(allows(json!({ "properties": { "a": true }, "patternProperties": { "b": true } })));
    assert!(allows(json!({ "properties": {}, "allOf": [{ "properties": { "b": true } }] })));
}

#[test]
fn what_is_no_schema_is_refused_with_its_place() {
    assert!(refused(json!({ "type": "strin" })).starts_with("s.type"));
    assert!(refused(json!({ "properties": { "a": { "minimum": "x" } } })).starts_with("s.prop"));
    assert!(refused(json!({ "properties": { "a": { "pattern": "(" } } })).starts_with("s"));
    assert!(refused(json!({ "pattern": "(?=a)b" })).starts_with("s"), "linear patterns alone");
    assert!(refused(json!({ "$schema": "http://json-schema.org/draft-07/schema#" })).contains("$"));
}

#[test]
fn a_schema_reaches_nothing_outside_of_itself() {
    for reference in ["https://example.com/x", "file:///etc/passwd", "#/$defs/none", "x", "#a"] {
        let told = refused(json!({ "properties": { "a": { "$ref": reference } } }));
        assert!(told.starts_with("s.properties.a.$ref"), "{told}");
    }
    let inside = schema(json!({
        "properties": { "a": { "$ref": "#/$defs/a" } },
        "$defs": { "a": { "type": "integer" } },
    }));
    let told = blamed(inside.check("p", &fields(json!({ "a": "x" }))));
    assert_eq!(told.as_deref(), Some("p.a"));
    assert!(refused(json!({ "$id": "https://example.com/x" })).starts_with("s.$id"));
}

#[test]
fn a_schema_never_goes_in_circles() {
    assert!(refused(json!({ "anyOf": [{ "$ref": "#" }] })).contains("leads back"));
    let circle = json!({
        "$ref": "#/$defs/a",
        "$defs": { "a": { "items": { "$ref": "#/$defs/b" } }, "b": { "$ref": "#/$defs/a" } },
    });
    assert!(refused(circle).contains("leads back"));
}

#[test]
fn what_references_repeat_is_bounded() {
    let mut defs = Fields::new();
    for n in 0..8 {
        let next = json!({ "$ref": format!("#/$defs/d{}", n + 1) });
        defs.insert(format!("d{n}"), json!({ "anyOf": vec![next; 10] }));
    }
    defs.insert("d8".into(), json!({ "type": "integer" }));

    let told = refused(json!({ "$ref": "#/$defs/d0", "$defs": defs }));

    assert!(told.contains("1000 schemas"), "{told}");
}

#[test]
fn secrets_come_later() {
    let told = refused(json!({ "properties": { "key": { "type": "string", "secret": true } } }));
    assert!(told.starts_with("s.properties.key.secret"), "{told}");
    let named = schema(json!({ "properties": { "secret": true } }));
    assert!(named.check("p", &fields(json!({ "secret": 1 }))).is_ok());
}

#[test]
fn a_problem_never_repeats_the_value() {
    let schema = schema(json!({ "properties": { "a": { "type": "integer" } } }));
    let value = fields(json!({ "a": "x".repeat(60_000) }));

    let told = schema.check("p", &value).unwrap_err().to_string();

    assert!(told.len() < 400 && !told.contains("xxxx"), "{told}");
}

#[test]
fn a_stored_schema_checks_as_it_did() {
    let source = fields(json!({ "required": ["a"] }));
    let stored = Schema::stored(source.clone());

    assert_eq!(stored, Schema::parse("s", source).unwrap());
    assert_eq!(blamed(stored.check("p", &Fields::new())).as_deref(), Some("p.a"));
}

proptest! {
    /// Whatever is sent as a schema is taken or refused, and what is taken can check anything.
    #[test]
    fn no_schema_panics(
        keyword in prop::sample::select(vec![
            "type", "properties", "items", "anyOf", "$ref", "pattern", "required", "enum", "$defs",
            "minimum", "multipleOf", "format", "if", "not", "dependentRequired", "uniqueItems",
        ]),
        value in prop_oneof![
            Just(json!(null)), Just(json!(true)), Just(json!(0)), Just(json!(-1.5)),
            Just(json!("#")), Just(json!("#/properties/a")), Just(json!([])), Just(json!([{}])),
            Just(json!({ "a": {} })), Just(json!({ "a": { "$ref": "#/properties/a" } })),
            ".{0,10}".prop_map(Value::from),
        ],
    ) {
        if let Ok(schema) = Schema::parse("s", fields(json!({ (keyword): value }))) {
            let _ = schema.check("p", &fields(json!({ "a": [1, "x", { "b": null }] })));
        }
    }
}
