//! Rows and filters of every kind, at random.

use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Value, json};

/// Texts that differ in little, and those that a pattern, a path or a quote could trip over.
const TEXTS: &[&str] = &[
    "",
    "a",
    "A",
    "ab",
    "aB",
    "b",
    "1",
    "true",
    "null",
    "a*",
    "*",
    "%",
    "a%",
    "_",
    "\\",
    "\"",
    "'",
    "ä",
    "Ä",
    "é\u{301}",
    "😀",
    "two words",
    "two\nlines",
    "$1",
    "{a}",
    "a.b",
    "-1",
];
const KEYS: &[&str] = &["k", "a", "a b", "0", "a.b", "ä", "\"", "", "-"];

fn scalars() -> impl Strategy<Value = Value> {
    let numbers = [json!(0), json!(1), json!(-1), json!(1.0), json!(1.5), json!(0.1), json!(1e23)];
    let large = [json!(9_007_199_254_740_993_i64), json!(u64::MAX), json!(-5e-324), json!(1.5e300)];
    let words = [Value::Null, json!(true), json!(false)];
    prop_oneof![
        select([&numbers[..], &large, &words].concat()),
        select(TEXTS.to_vec()).prop_map(Value::from),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    scalars().prop_recursive(3, 12, 4, |inner| {
        let keys = select(KEYS.to_vec()).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys, inner, 0..4).prop_map(|object| json!(object)),
        ]
    })
}

fn objects() -> impl Strategy<Value = Value> {
    let keys = select(KEYS.to_vec()).prop_map(str::to_owned);
    prop::collection::btree_map(keys, values(), 0..5).prop_map(|object| json!(object))
}

fn instants() -> impl Strategy<Value = &'static str> {
    select(vec![
        "2026-11-21T12:00:00Z",
        "2026-11-21T12:00:00.000001Z",
        "2026-11-21T13:00:00.000001+01:00",
        "2026-11-20T00:00:00Z",
        "1969-12-31T23:59:59.999999Z",
        "0001-01-01T00:00:00Z",
        "9999-12-30T12:00:00.999999Z",
    ])
}

/// What a row says of its own; the rest is as in the first issue.
pub fn rows() -> impl Strategy<Value = Value> {
    let text = || select(TEXTS.to_vec());
    let some = || prop::option::of(instants());
    let texts = || prop::collection::btree_set(text(), 0..3);
    let places = (prop::option::of(1_i64..5), 1_i64..5, any::<bool>());
    let said = (text(), text(), text(), select(vec!["open", "in_progress"]), 0..=5_i16);
    let category = select(vec!["TODO", "IN_PROGRESS", "DONE"]);
    (said, (texts(), texts()), (instants(), some(), some()), objects(), places, category).prop_map(
        |(
            (title, description, milestone, status, priority),
            (tags, assignees),
            times,
            parameters,
            (parent, thread, active),
            category,
        )| {
            let (updated_at, due_at, closed_at) = times;
            let resolution = if closed_at.is_some() { "completed" } else { "" };
            let annotations = json!({ "a.b": title, "k": milestone });
            let assignees: Vec<_> =
                assignees.iter().map(|id| format!("groups/g{}", id.len())).collect();
            json!({
                "title": title, "description": description, "milestone": milestone,
                "status": status, "priority": priority, "tags": tags, "assignees": assignees,
                "updated_at": updated_at, "due_at": due_at, "closed_at": closed_at,
                "resolution": resolution, "parameters": parameters, "annotations": annotations,
                "parent": parent, "thread": thread, "active": active, "category": category,
            })
        },
    )
}

fn in_quotes(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        quoted.extend(matches!(c, '"' | '\\' | '*').then_some('\\'));
        quoted.push(c);
    }
    quoted + "\""
}

/// One condition that fits its field.
fn conditions() -> impl Strategy<Value = String> {
    let text = || select(TEXTS.to_vec()).prop_map(in_quotes);
    let begins = select(TEXTS.to_vec()).prop_map(|text| in_quotes(text).replacen('"', "", 1));
    let begins = begins.prop_map(|text| format!("\"{}*\"", text.strip_suffix('"').unwrap()));
    let equal = || select(vec!["=", "!="]);
    let order = || select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let texts =
        || select(vec!["title", "milestone", "status", "resolution", "dedup_key", "creator"]);
    let word = |field: &'static str, words: Vec<&'static str>| {
        (equal(), select(words)).prop_map(move |(sign, word)| format!("{field} {sign} {word}"))
    };
    let number =
        select(vec!["0", "1", "-1", "1.0", "1.5", "0.1", "1e23", "5e-1", "9007199254740992"]);
    let path = (
        select(vec!["parameters", "annotations"]),
        prop::collection::vec(select(KEYS.to_vec()).prop_map(in_quotes), 1..3),
    )
        .prop_map(|(field, keys)| format!("{field}.{}", keys.join(".")));
    let inside = prop_oneof![
        (equal(), select(vec!["true", "false", "null"])).prop_map(|(s, v)| format!(" {s} {v}")),
        (order(), prop_oneof![text(), number.clone().prop_map(str::to_owned)])
            .prop_map(|(s, v)| format!(" {s} {v}")),
        (equal(), begins.clone()).prop_map(|(s, v)| format!(" {s} {v}")),
        prop_oneof![text(), number.prop_map(str::to_owned), Just("*".into()), Just("true".into())]
            .prop_map(|v: String| format!(":{v}")),
    ];
    prop_oneof![
        (texts(), order(), text()).prop_map(|(f, s, v)| format!("{f} {s} {v}")),
        (texts(), equal(), begins).prop_map(|(f, s, v)| format!("{f} {s} {v}")),
        (select(vec!["title", "milestone", "description"]), text())
            .prop_map(|(f, v)| format!("{f}:{v}")),
        (select(vec!["number", "priority", "step"]), order(), 0..6_i64)
            .prop_map(|(f, s, v)| format!("{f} {s} {v}")),
        (
            select(vec!["update_time", "due_time", "close_time"]),
            order(),
            prop_oneof![instants(), Just("0000-01-01T00:00:00Z")]
        )
            .prop_map(|(f, s, v)| format!("{f} {s} {v}")),
        (select(vec!["due_time", "close_time", "parent", "title"]), equal())
            .prop_map(|(f, s)| format!("{f} {s} null")),
        select(vec!["due_time:*", "title:*", "tags:*", "assignees:*", "parent:*"])
            .prop_map(str::to_owned),
        word("active", vec!["true", "false"]),
        word("state", vec!["OPEN", "CLOSED"]),
        word("category", vec!["TODO", "DONE", "REVIEW"]),
        word("kind", vec!["TASK", "BUG"]),
        word("parent", vec!["ABC-1", "abc-3", "projects/abc/issues/4", "ABD-1"]),
        word("thread", vec!["ABC-1", "ABC-3"]),
        text().prop_map(|v| format!("tags:{v}")),
        Just("assignees:groups/g1".to_owned()),
        (path, inside.boxed()).prop_map(|(path, rest)| path + &rest),
        select(KEYS.to_vec()).prop_map(|key| format!("parameters:{}", in_quotes(key))),
    ]
}

pub fn filters() -> impl Strategy<Value = String> {
    conditions().prop_recursive(4, 12, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            // Without parentheses: who binds tighter decides.
            (parts.clone(), select(vec![" AND ", " OR "])).prop_map(|(parts, by)| parts.join(by)),
            parts.prop_map(|parts| format!("({})", parts.join(" AND "))),
            inner.prop_map(|part| format!("NOT ({part})")),
        ]
    })
}
