//! The promises of expressions.

use serde_json::json;

use super::*;

mod bombs;
mod differential;
mod drawn;
mod functions;
mod language;

const ROOTS: &[&str] = &["event", "self", "absent"];

/// What the expressions of the tests speak of.
fn variables() -> Variables {
    let event = json!({
        "type": "issue.closed",
        "data": {
            "count": 3,
            "ratio": 0.5,
            "zero": 0,
            "none": null,
            "flag": true,
            "tags": ["a", "b", "ä"],
            "numbers": [3, 1, 2],
            "nested": { "deep": { "x": 1 } },
            "with-dash": "yes",
        },
    });
    Variables::new().with("event", event).with("self", json!({ "name": "projects/abc/issues/1" }))
}

fn compile(source: &str) -> Result<Program, CompileError> {
    Program::compile(source, ROOTS)
}

fn evaluate(source: &str) -> Result<Value, RunError> {
    let program = compile(source).unwrap_or_else(|error| panic!("{source}: {error}"));
    program.evaluate(&variables(), FUEL)
}

/// Checks that each is true, as written and with a constant hidden from folding.
fn all_true(sources: &[&str]) {
    for source in sources {
        assert_eq!(evaluate(source), Ok(Value::Bool(true)), "{source}");
    }
}

fn refusal(source: &str) -> Detail {
    match compile(source) {
        Ok(program) => panic!("{program:?} is accepted"),
        Err(error) => error.detail,
    }
}

fn all_refused(detail: Detail, sources: &[&str]) {
    for source in sources {
        assert_eq!(refusal(source), detail, "{source}");
    }
}

fn all_fail(kind: RunErrorKind, sources: &[&str]) {
    for source in sources {
        let error = evaluate(source).map(|value| panic!("{source} gives {value:?}")).unwrap_err();
        assert_eq!(error.kind, kind, "{source}: {error}");
    }
}

#[test]
fn a_condition_holds_or_not_or_is_none() {
    let condition = |source| Program::condition(source, ROOTS);
    let holds = |source| condition(source).unwrap().holds(&variables(), CONDITION_FUEL);

    assert_eq!(holds("event.type == 'issue.closed'"), Ok(true));
    assert_eq!(holds("event.data.flag"), Ok(true));
    assert_eq!(holds("event.data.count > 3"), Ok(false));
    let error = holds("event.data.count").unwrap_err();
    assert_eq!(error.kind, RunErrorKind::TypeMismatch);
    assert_eq!(error.to_string(), "a condition must give a bool, not an int");
    for source in ["1", "'x'", "[true]", "size(event.type)", "event.type + ''", "null"] {
        assert_eq!(condition(source).unwrap_err().detail, Detail::NotBool, "{source}");
    }
}

#[test]
fn a_refused_expression_is_a_refused_field() {
    let error = compile("1 +").unwrap_err();
    assert_eq!(error.position, Some(Position { line: 1, column: 4 }));

    let error = error.into_error("handler.condition");

    assert_eq!(error.reason().as_str(), "EXPRESSION_INVALID");
    let crate::domain::error::Error::Detailed { error, metadata } = error else {
        panic!("no metadata: {error:?}");
    };
    assert_eq!(metadata["detail"], "SYNTAX");
    let told = "handler.condition: line 1, column 4: mismatched input '<EOF>' expecting expression";
    assert_eq!(error.to_string(), told);
}

#[test]
fn a_program_shows_its_source_and_nothing_else() {
    let program = compile("event.data.count + 1").unwrap();

    assert_eq!(program.source(), "event.data.count + 1");
    assert_eq!(format!("{:?}", program.clone()), "Program(\"event.data.count + 1\")");
}

#[test]
fn fuel_is_what_the_work_takes() {
    let least = |source: &str| {
        let program = compile(source).unwrap();
        (0..1_000).find(|fuel| program.evaluate(&variables(), *fuel).is_ok()).unwrap()
    };

    assert_eq!(least("1 + 2 * 3"), 1, "constants are computed beforehand");
    assert_eq!(least("event.data.count"), 3);
    assert_eq!(least("event.data.count + 1"), 5);
    // Four nodes, two items, and two texts of one length that are compared.
    assert_eq!(least("event.type in ['issue.opened', 'issue.closed', 'x']"), 8);
    // The loop, its range of three nodes, and per item itself and the three nodes of its body.
    assert_eq!(least("event.data.numbers.all(n, n > 0)"), 4 + 3 * 4);
    // Each item also has a place of 16 bytes.
    assert_eq!(least("event.data.numbers.map(n, n)"), 4 + 3 * 3);
    // Twelve bytes are looked at by 8, and four nodes.
    assert_eq!(least("event.type.matches('^issue')"), 5);
    assert_eq!(least("event.type + event.type"), 6);
    assert_eq!(
        compile("event.data.count").unwrap().evaluate(&variables(), 2).unwrap_err().kind,
        RunErrorKind::LimitExceeded
    );
}

#[test]
fn details_and_errors_have_names() {
    assert_eq!(Detail::UnknownMember.as_str(), "UNKNOWN_MEMBER");
    assert_eq!(RunErrorKind::DivideByZero.as_str(), "DIVIDE_BY_ZERO");
}
