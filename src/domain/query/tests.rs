use std::borrow::Cow;

use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::json;

use super::super::error::{Error, Reason};
use super::parse::{Literal, Operator, Syntax, Term, parse};
use super::*;

const STATES: &[&str] = &["OPEN", "CLOSED"];

static FIELDS: Fields = Fields {
    keys: &["number"],
    all: &[
        Field::new("number", Kind::Integer).sortable(),
        Field::new("title", Kind::Text).sortable(),
        Field::new("thread", Kind::Text).optional(),
        Field::new("description", Kind::Prose),
        Field::new("active", Kind::Boolean),
        Field::new("state", Kind::Enum(STATES)),
        Field::new("update_time", Kind::Time).sortable(),
        Field::new("due_time", Kind::Time).optional().sortable(),
        Field::new("tags", Kind::TextList),
        Field::new("parameters", Kind::Object),
    ],
};

/// The row that all tests look at.
struct Row;

impl Lookup for Row {
    fn found(&self, field: &str) -> Found<'_> {
        let parameters = json!({
            "severity": "high", "count": 3, "share": 0.5, "big": 9_007_199_254_740_993_i64,
            "late": false, "none": null, "labels": ["a", 2, true, null, ["b"]],
            "deep": { "er": { "two words": "x*" } }, "a-b": "3",
        });
        match field {
            "number" => Found::Integer(12),
            "title" => Found::text("Fix the *Door*"),
            "thread" | "due_time" => Found::Absent,
            "description" => Found::text("It STICKS.\nBadly: 50%"),
            "active" => Found::Boolean(true),
            "state" => Found::text("OPEN"),
            "update_time" => Found::Time("2026-11-21T12:00:00.000001Z".parse().unwrap()),
            "tags" => Found::Texts(vec!["red".into(), "groups/qa".into()]),
            "parameters" => Found::Object(Cow::Owned(parameters.as_object().unwrap().clone())),
            other => panic!("no field {other}"),
        }
    }
}

fn takes(filter: &str) -> bool {
    let filter = Filter::parse(filter, &FIELDS).unwrap_or_else(|e| panic!("{filter}: {e}"));
    holds(&filter, &Row)
}

fn refused(filter: &str) -> String {
    let error = Filter::parse(filter, &FIELDS).expect_err(filter);
    let Error::Invalid { reason: Reason::FilterInvalid, field, problem } = error else {
        panic!("{filter}: {error:?}")
    };
    assert_eq!(field, "filter");
    problem
}

#[test]
fn conditions_that_hold() {
    for filter in [
        "",
        " \n ",
        "number = 12",
        "number>=12 AND number<=12 AND number<13 AND number>11",
        "number != 11",
        "title = 'Fix the \\*Door\\*'",
        "title = \"Fix*\"",
        "title = Fix*",
        "title = *",
        "title != \"Door*\"",
        "title:the",
        "title:\"FIX THE\"",
        "title:*",
        "title < \"Fix z\" AND title > Fi",
        "title != null",
        "thread = null AND thread = '' AND NOT thread:* AND thread != x",
        "description:sticks AND description:\"\\nbad\"",
        "active = true AND active != false",
        "state = OPEN AND state != \"CLOSED\"",
        "update_time > 2026-11-21T12:00:00Z",
        "update_time = \"2026-11-21T13:00:00.000001+01:00\"",
        "update_time = 2026-11-21t12:00:00.000001999z",
        "due_time = null AND -due_time:* AND due_time != 2026-11-21T12:00:00Z",
        "tags:red AND tags:\"groups/qa\" AND tags:* AND -tags:blue",
        "parameters.severity = high AND parameters.severity = \"hi*\"",
        "parameters.count = 3 AND parameters.count = 3.0 AND parameters.count > 2.5",
        "parameters.count != \"3\" AND parameters.a-b = \"3\"",
        "parameters.share = 5e-1 AND parameters.share < 1",
        "parameters.big = 9007199254740993 AND parameters.big > 9007199254740992",
        "parameters.late = false AND parameters.late != true",
        "parameters.none = null AND parameters.nothing = null AND parameters.late != null",
        "parameters.nothing != 1 AND NOT parameters.nothing < 1 AND NOT parameters.nothing >= 1",
        "parameters.labels:a AND parameters.labels:2 AND parameters.labels:true",
        "NOT parameters.labels:b AND NOT parameters.severity:high",
        "parameters.deep.er.\"two words\" = 'x\\*'",
        "parameters:severity AND -parameters:none AND parameters.deep.er:*",
        "NOT parameters.labels.0 = a AND parameters.severity.x = null",
    ] {
        assert!(takes(filter), "{filter}");
    }
}

#[test]
fn conditions_that_do_not() {
    for filter in [
        "number = 13",
        "title = 'fix the \\*door\\*'",
        "title = 'Fix the *' AND title = 'x'",
        "title = null",
        "thread < x",
        "thread >= ''",
        "due_time < 2026-11-21T12:00:00Z OR due_time >= 2026-11-21T12:00:00Z",
        "description:sticky",
        "tags:RED",
        "parameters.severity > 3 OR parameters.severity <= 3",
        "parameters.count > a OR parameters.count <= a",
        "parameters.none >= 0",
        "parameters.deep = x",
        "NOT (number = 12)",
    ] {
        assert!(!takes(filter), "{filter}");
    }
}

#[test]
fn or_binds_tighter_than_and() {
    // AND first would take the row.
    assert!(!takes("number = 13 AND number = 14 OR number = 12 AND number = 15"));
    assert!(takes("number = 12 OR number = 13 AND number = 14 OR number = 12"));
    assert!(!takes("number = 12 OR number = 13 AND number = 14"));
    assert!(takes("number = 12 OR (number = 13 AND number = 14)"));
    assert!(takes("NOT number = 13 OR number = 14"));
    assert!(!takes("-(number = 12 OR number = 14)"));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (filter, problem) in [
        ("door", "column 5: expected one of = != < <= > >= : (no words alone, no functions)"),
        (
            "door sticks",
            "column 6: expected one of = != < <= > >= : (no words alone, no functions)",
        ),
        (
            "number = 1 title = x",
            "column 12: expected AND, OR or the end (in capitals), found \"title\"",
        ),
        (
            "number = 1 and title = x",
            "column 12: expected AND, OR or the end (in capitals), found \"and\"",
        ),
        ("number = 1 AND", "column 15: expected a field or (, found the end"),
        ("number = 1)", "column 11: expected AND, OR or the end, found \")\""),
        ("(number = 1", "column 12: expected AND, OR or ), found the end"),
        ("title = (x)", "column 9: expected a value, found \"(\""),
        (
            "size(title) = 3",
            "column 5: expected one of = != < <= > >= : (no words alone, no functions)",
        ),
        ("title = \"x", "column 11: expected the closing quote, found the end"),
        ("title = 'a*b'", "column 11: * means any ending, and stands last; write \\* for a star"),
        ("title = '\\q'", "column 11: expected one of \\ \" ' * n r t after \\, found \"q\""),
        (
            "title = a*b",
            "column 9: a value with * or \\ inside stands in quotes, with \\ before each",
        ),
        ("NOT NOT number = 1", "column 5: expected a field or (, found \"NOT\""),
        (
            "parameters. = 1",
            "column 12: expected a key after the dot, in quotes if it is no word, found \" \"",
        ),
        ("title == x", "column 8: expected a value, found \"=\""),
    ] {
        let told = refused(filter);

        assert!(told.starts_with(problem), "{filter}: {told}");
    }
}

#[test]
fn what_does_not_fit_a_field_is_told() {
    for (filter, problem) in [
        (
            "severity = high",
            "column 1: \"severity\" is no field; there are number, title, thread, ",
        ),
        ("number = abc", "column 1: number is a whole number; \"abc\" is none"),
        ("number = '12'", "column 1: number is a whole number; \"12\" is none"),
        ("number = 1.5", "column 1: number is a whole number; \"1.5\" is none"),
        (
            "number = 9223372036854775808",
            "column 1: number is a whole number; \"9223372036854775808\" is none",
        ),
        ("number = null", "column 1: number is never absent"),
        ("number:1", "column 1: number is no list and no text: it does not take :"),
        ("number = 1*", "column 1: number is no text: it does not take *"),
        ("active = yes", "column 1: active is true or false; \"yes\" is neither"),
        ("active < true", "column 1: active has no order: it takes = and != alone"),
        ("state = DONE", "column 1: state is one of OPEN, CLOSED; \"DONE\" is none"),
        ("state > OPEN", "column 1: state has no order: it takes = and != alone"),
        ("update_time > 2026-11-21", "column 1: update_time is an instant"),
        ("update_time > 2026-02-30T00:00:00Z", "column 1: update_time is an instant"),
        ("update_time = null", "column 1: update_time is never absent"),
        ("due_time < null", "column 1: due_time compares with null by = and != alone"),
        ("tags = red", "column 1: tags takes : alone, for one of its texts"),
        ("tags:r*", "column 1: tags takes * after : alone, or at the end of a text after = and !="),
        ("title.x = 1", "column 1: title has nothing inside"),
        ("title < x*", "column 1: title takes * with = and != alone; write \\* for a star"),
        ("description = x", "column 1: description takes : alone, for a part of it"),
        (
            "parameters = 1",
            "column 1: parameters is an object; name a key in it, as in parameters.key = 1",
        ),
        (
            "parameters:*",
            "column 1: parameters is an object; name a key in it, as in parameters.key = 1",
        ),
        ("parameters.x < true", "column 1: parameters has no order where it is true or false"),
        (
            "parameters.x = 1e999",
            "column 1: parameters holds no number that is so large or so small",
        ),
        ("parameters.x:null", "column 1: parameters has no list that null is found in"),
    ] {
        let told = refused(filter);

        assert!(told.starts_with(problem), "{filter}: {told}");
    }
}

#[test]
fn bounds_hold_at_the_edge() {
    let terms = |count: usize| vec!["number = 1"; count].join(" OR ");
    let deep = |depth: usize| format!("{}number = 1{}", "(".repeat(depth), ")".repeat(depth));
    let path = |steps: usize| format!("parameters{} = 1", ".k".repeat(steps - 1));
    let long = |bytes: usize| format!("title = {}", "x".repeat(bytes - 8));

    assert!(Filter::parse(&terms(50), &FIELDS).is_ok() && Filter::parse(&deep(8), &FIELDS).is_ok());
    assert!(
        Filter::parse(&path(16), &FIELDS).is_ok() && Filter::parse(&long(2048), &FIELDS).is_ok()
    );
    assert_eq!(refused(&terms(51)), "column 701: a filter has at most 50 conditions");
    assert_eq!(refused(&deep(9)), "column 9: parentheses are at most 8 deep");
    assert_eq!(refused(&path(17)), "column 1: a path has at most 16 steps");
    let error = Filter::parse(&long(2049), &FIELDS).unwrap_err();
    assert_eq!(error.reason(), Reason::FieldTooLarge);
}

fn names(order: &Order) -> Vec<(&str, bool)> {
    order.sorts().iter().map(|sort| (sort.field.name, sort.is_descending)).collect()
}

#[test]
fn an_order_ends_with_the_key() {
    let order = |text| Order::parse(text, &FIELDS).unwrap();

    assert_eq!(names(&order("")), [("number", false)]);
    assert_eq!(names(&order(" number desc ")), [("number", true)]);
    assert_eq!(
        names(&order("title, due_time  desc")),
        [("title", false), ("due_time", true), ("number", true)]
    );
    assert_eq!(names(&order("title asc,number,due_time")), [("title", false), ("number", false)]);
}

#[test]
fn an_order_ends_with_all_keys_of_a_noun_that_has_several() {
    static FIELDS: Fields = Fields {
        keys: &["issue", "number"],
        all: &[
            Field::new("issue", Kind::Issue).sortable(),
            Field::new("number", Kind::Integer).sortable(),
            Field::new("title", Kind::Text).sortable(),
        ],
    };
    let order = |text| Order::parse(text, &FIELDS).unwrap();

    assert_eq!(names(&order("")), [("issue", false), ("number", false)]);
    assert_eq!(names(&order("number desc")), [("number", true), ("issue", true)]);
    assert_eq!(
        names(&order("number, title desc")),
        [("number", false), ("title", true), ("issue", true)]
    );
    // What follows both keys decides nothing.
    let both = [("issue", true), ("number", false)];
    assert_eq!(names(&order("issue desc, number, title")), both);
}

#[test]
fn an_order_that_there_is_not_is_refused() {
    for (order, problem) in [
        ("tags", "order_by: \"tags\" is no field to order by; there are number, "),
        ("x", "order_by: \"x\" is no field to order by; there are number, "),
        ("title,title desc", "order_by: names title twice"),
        ("title up", "order_by: \"title up\" is not a field, or a field and desc"),
        ("title desc x", "order_by: \"title desc x\" is not a field, or a field and desc"),
        ("title,", "order_by: \"\" is no field to order by; there are number, "),
        (",", "order_by: \"\" is no field to order by; there are number, "),
    ] {
        let error = Order::parse(order, &FIELDS).expect_err(order);

        assert_eq!(error.reason(), Reason::FieldInvalid);
        assert!(error.to_string().starts_with(problem), "{error}");
    }
}

#[test]
fn a_place_fits_its_order_alone() {
    let order = Order::parse("due_time desc, title", &FIELDS).unwrap();
    let place = order.position(&Row);
    let values = place.values().to_vec();

    assert_eq!(order.position_of(values.clone()), Some(place));
    assert_eq!(values.len(), 3);
    let with = |at: usize, value| {
        let mut changed = values.clone();
        changed[at] = value;
        order.position_of(changed)
    };
    assert!(with(0, Some(Scalar::Time(Timestamp::UNIX_EPOCH))).is_some());
    assert_eq!(with(0, Some(Scalar::Integer(1))), None);
    assert_eq!(with(1, None), None);
    assert_eq!(with(1, Some(Scalar::Text("\0".into()))), None);
    assert_eq!(order.position_of(values[1..].to_vec()), None);
}

/// As a careful author writes it.
fn written(syntax: &Syntax) -> String {
    let inner = |part: &Syntax| match part {
        Syntax::And(_) | Syntax::Or(_) => format!("({})", written(part)),
        Syntax::Not(_) | Syntax::Term(_) => written(part),
    };
    let all = |parts: &[Syntax], word| parts.iter().map(inner).collect::<Vec<_>>().join(word);
    match syntax {
        Syntax::And(parts) => all(parts, " AND "),
        Syntax::Or(parts) => all(parts, " OR "),
        Syntax::Not(part) => match **part {
            Syntax::Not(_) => format!("NOT ({})", written(part)),
            Syntax::And(_) | Syntax::Or(_) | Syntax::Term(_) => format!("-{}", inner(part)),
        },
        Syntax::Term(Term {
            column: _,
            path,
            operator,
            value: Literal { text, is_quoted, has_star },
        }) => {
            let (field, keys) = path.split_first().unwrap();
            let keys: String = keys.iter().map(|key| format!(".{}", in_quotes(key, ""))).collect();
            let star = if *has_star { "*" } else { "" };
            let value = if *is_quoted { in_quotes(text, star) } else { format!("{text}{star}") };
            let (_, operator) = Operator::ALL.iter().find(|(one, _)| one == operator).unwrap();
            format!("{field}{keys} {operator} {value}")
        }
    }
}

fn in_quotes(text: &str, star: &str) -> String {
    let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('*', "\\*");
    format!("\"{escaped}{star}\"")
}

/// Without the places, which differ between a tree and what was read.
fn placeless(syntax: Syntax) -> Syntax {
    let all = |parts: Vec<Syntax>| parts.into_iter().map(placeless).collect();
    match syntax {
        Syntax::And(parts) => Syntax::And(all(parts)),
        Syntax::Or(parts) => Syntax::Or(all(parts)),
        Syntax::Not(part) => Syntax::Not(Box::new(placeless(*part))),
        Syntax::Term(term) => Syntax::Term(Term { column: 0, ..term }),
    }
}

fn literals() -> impl Strategy<Value = Literal> {
    let quoted = ("[^\0]{0,8}", any::<bool>()).prop_map(|(text, has_star)| Literal {
        text,
        is_quoted: true,
        has_star,
    });
    let bare = ("[a-zA-Z0-9_./:+-]{1,8}", any::<bool>()).prop_map(|(text, has_star)| Literal {
        text,
        is_quoted: false,
        has_star,
    });
    prop_oneof![quoted, bare]
}

fn terms() -> impl Strategy<Value = Syntax> {
    let path = ("[a-z_]{1,6}", prop::collection::vec("[^\0]{0,4}", 0..3));
    let operator = prop::sample::select(Operator::ALL.to_vec());
    (path, operator, literals()).prop_map(|((field, keys), (operator, _), value)| {
        let path = [field].into_iter().chain(keys).collect();
        Syntax::Term(Term { column: 0, path, operator, value })
    })
}

/// Trees of at most 8 levels and 50 terms.
fn trees() -> impl Strategy<Value = Syntax> {
    terms().prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Syntax::And),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Syntax::Or),
            inner.prop_map(|part| Syntax::Not(Box::new(part))),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(tree in trees()) {
        let text = written(&tree);
        prop_assume!(text.len() <= 2048);

        let read = parse(&text).unwrap().map(placeless);
        prop_assert_eq!(read, Some(tree), "{}", text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in ".{0,60}") {
        let _ = Filter::parse(&text, &FIELDS);
        let _ = Order::parse(&text, &FIELDS);
    }

    /// Most of these get far into the parser.
    #[test]
    fn no_text_like_a_filter_makes_the_parser_panic(
        words in prop::collection::vec(
            prop::sample::select(vec![
                "(", ")", " AND ", " OR ", "NOT ", "-", "number", "title", "parameters", ".k",
                ".'", "\"", "\\", "*", " = ", "!=", ":", "<=", "12", "null", "tags", "due_time",
                "2026-11-21T12:00:00Z", "ä", "1e5", ",", "\0", " ",
            ]),
            0..24,
        ),
    ) {
        if let Ok(filter) = Filter::parse(&words.concat(), &FIELDS) {
            let not = Filter::Not(Box::new(filter.clone()));

            prop_assert!(holds(&filter, &Row) != holds(&not, &Row));
        }
    }
}
