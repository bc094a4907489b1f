//! Rows and filters of every kind, at random.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use potts::domain::query::{Field, Fields, Found, Kind, Lookup};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::Union;
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
        select(TEXTS).prop_map(Value::from),
    ]
}

fn values() -> impl Strategy<Value = Value> {
    scalars().prop_recursive(3, 12, 4, |inner| {
        let keys = select(KEYS).prop_map(str::to_owned);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(keys, inner, 0..4).prop_map(|object| json!(object)),
        ]
    })
}

fn objects() -> impl Strategy<Value = Value> {
    let keys = select(KEYS).prop_map(str::to_owned);
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

/// What an issue says of its own; the rest is as in the first one.
pub fn issues() -> impl Strategy<Value = Value> {
    let text = || select(TEXTS);
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

/// What an action says of its own, and where it lies; the rest is as in the first one.
pub fn actions() -> impl Strategy<Value = Value> {
    let text = || select(TEXTS);
    let some = || prop::option::of(instants());
    let said = (text(), text(), 0..=5_i16, select(vec!["take-action", "deploy"]));
    let people = select(vec!["actors/ann", "actors/ben", "actors/Ben", "groups/qa"]);
    let whose = (
        prop::option::of(select(vec!["actors/ann", "actors/ben", "actors/root"])),
        prop::collection::btree_set(people, 0..3),
        select(vec!["actors/ann", "actors/root"]),
    );
    let times = (instants(), some(), some(), some(), instants());
    let reason = select(vec!["DEPENDENCIES", "TIME", "PANICKED", "PARAMETERS", "ISSUE_INACTIVE"]);
    let ended = select(vec!["SUCCEEDED", "FAILED", "SKIPPED", "CANCELLED"]);
    let lies = prop_oneof![
        reason.prop_map(|reason| json!({ "lies": "waiting", "reason": reason })),
        Just(json!({ "lies": "ready" })),
        whose.2.clone().prop_map(|by| json!({ "lies": "held", "holder": by })),
        whose.2.clone().prop_map(|by| json!({ "lies": "started", "holder": by })),
        (ended, instants()).prop_map(|(state, at)| {
            json!({ "lies": "ended", "ended_state": state, "ended_at": at })
        }),
    ];
    let numbers = (0..4_i64, 0..4_i64, 1..=3_i64);
    (said, whose, times, objects(), lies, numbers).prop_map(
        |(
            (title, description, priority, kind),
            (assignee, candidates, creator),
            (updated_at, not_before, due_at, expires_at, created_at),
            parameters,
            mut row,
            (attempt, step, issue),
        )| {
            let own = json!({
                "title": title, "description": description, "priority": priority,
                "action_type": kind, "unique_key": title, "assignee": assignee,
                "candidates": candidates, "creator": creator, "updated_at": updated_at,
                "created_at": created_at, "not_before": not_before, "due_at": due_at,
                "expires_at": expires_at, "parameters": parameters, "attempt": attempt,
                "step": step, "issue": issue,
            });
            row.as_object_mut().unwrap().extend(own.as_object().unwrap().clone());
            row
        },
    )
}

/// What begins so.
fn begins(text: impl AsRef<str>) -> String {
    let quoted = in_quotes(text);
    format!("{}*\"", quoted.strip_suffix('"').unwrap())
}

fn in_quotes(text: impl AsRef<str>) -> String {
    let mut quoted = String::from('"');
    for c in text.as_ref().chars() {
        quoted.extend(matches!(c, '"' | '\\' | '*').then_some('\\'));
        quoted.push(c);
    }
    quoted + "\""
}

/// One condition that fits its field: of a field of every kind, with values that rows have.
fn conditions(fields: &'static Fields, values: &BTreeMap<&str, Vec<String>>) -> Conditions {
    let of = |field: &'static Field| {
        let known = values.get(field.name).cloned().unwrap_or_default();
        let some = condition(field, known);
        let name = field.name;
        let absent = || {
            let asks = select(vec![" = null", " != null", ":*"]);
            asks.prop_map(move |ask| format!("{name}{ask}"))
        };
        if field.kind == Kind::TextList {
            return prop_oneof![3 => some, 1 => Just(format!("{name}:*"))].boxed();
        }
        match field.is_optional || field.kind == Kind::Text {
            true => prop_oneof![4 => some, 1 => absent()].boxed(),
            false => some,
        }
    };
    Union::new(fields.all.iter().map(of)).boxed()
}

type Conditions = BoxedStrategy<String>;

fn condition(field: &'static Field, known: Vec<String>) -> Conditions {
    let name = field.name;
    let equal = || select(vec!["=", "!="]);
    let order = || select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let pool = |more: &[&str]| -> Vec<String> {
        more.iter().map(|&text| text.to_owned()).chain(known.clone()).collect()
    };
    let text = || select(pool(TEXTS));
    match field.kind {
        Kind::Text => prop_oneof![
            (order(), text()).prop_map(move |(s, v)| format!("{name} {s} {}", in_quotes(&v))),
            (equal(), text()).prop_map(move |(s, v)| format!("{name} {s} {}", begins(&v))),
            text().prop_map(move |v| format!("{name}:{}", in_quotes(&v))),
        ]
        .boxed(),
        Kind::Prose | Kind::TextList => {
            text().prop_map(move |v| format!("{name}:{}", in_quotes(&v))).boxed()
        }
        Kind::Integer => (order(), select(pool(&["0", "1", "2", "3", "4", "5"])))
            .prop_map(move |(s, v)| format!("{name} {s} {v}"))
            .boxed(),
        Kind::Boolean => (equal(), select(vec!["true", "false"]))
            .prop_map(move |(s, v)| format!("{name} {s} {v}"))
            .boxed(),
        Kind::Time => {
            let odd = ["0000-01-01T00:00:00Z", "2026-11-21T13:00:00.000001+01:00"];
            (order(), select(pool(&odd))).prop_map(move |(s, v)| format!("{name} {s} {v}")).boxed()
        }
        Kind::Issue => {
            let more = ["abc-3", "projects/abc/issues/4", "ABD-1", "ABC-1", "ABC-2"];
            (equal(), select(pool(&more))).prop_map(move |(s, v)| format!("{name} {s} {v}")).boxed()
        }
        Kind::Enum(words) => {
            (equal(), select(words)).prop_map(move |(s, v)| format!("{name} {s} {v}")).boxed()
        }
        Kind::Object => inside(name),
    }
}

/// A condition about what an object holds.
fn inside(name: &'static str) -> Conditions {
    let equal = || select(vec!["=", "!="]);
    let order = || select(vec!["=", "!=", "<", "<=", ">", ">="]);
    let text = || select(TEXTS).prop_map(in_quotes);
    let number = || {
        select(vec!["0", "1", "-1", "1.0", "1.5", "0.1", "1e23", "5e-1", "9007199254740992"])
            .prop_map(str::to_owned)
    };
    let keys = prop::collection::vec(select(KEYS).prop_map(in_quotes), 1..3);
    let rest = prop_oneof![
        (equal(), select(vec!["true", "false", "null"])).prop_map(|(s, v)| format!(" {s} {v}")),
        (order(), prop_oneof![text(), number()]).prop_map(|(s, v)| format!(" {s} {v}")),
        (equal(), select(TEXTS).prop_map(begins)).prop_map(|(s, v)| format!(" {s} {v}")),
        prop_oneof![text(), number(), Just("*".into()), Just("true".into())]
            .prop_map(|v: String| format!(":{v}")),
    ];
    prop_oneof![
        4 => (keys, rest).prop_map(move |(keys, rest)| format!("{name}.{}{rest}", keys.join("."))),
        1 => select(KEYS).prop_map(move |key| format!("{name}:{}", in_quotes(key))),
    ]
    .boxed()
}

/// The values that rows have, by field, as filters say them.
fn values_of<N: Lookup>(
    fields: &'static Fields,
    rows: &[N],
) -> BTreeMap<&'static str, Vec<String>> {
    let values = |field: &'static Field| {
        let values: BTreeSet<String> =
            rows.iter().flat_map(|row| said(row.found(field.name))).collect();
        (field.name, values.into_iter().take(40).collect())
    };
    fields.all.iter().map(values).collect()
}

fn said(found: Found<'_>) -> Vec<String> {
    match found {
        Found::Absent | Found::Boolean(_) | Found::Object(_) => Vec::new(),
        Found::Text(text) => vec![text.into_owned()],
        Found::Integer(number) => vec![number.to_string()],
        Found::Time(at) => vec![at.to_string()],
        Found::Issue(name) => vec![name.to_string()],
        Found::Texts(texts) => texts.into_iter().map(Cow::into_owned).collect(),
    }
}

/// Filters of every kind over the fields of a noun.
pub fn filters<N: Lookup>(fields: &'static Fields, rows: &[N]) -> impl Strategy<Value = String> {
    conditions(fields, &values_of(fields, rows)).prop_recursive(4, 12, 3, |inner| {
        let parts = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            // Without parentheses: who binds tighter decides.
            (parts.clone(), select(vec![" AND ", " OR "])).prop_map(|(parts, by)| parts.join(by)),
            parts.prop_map(|parts| format!("({})", parts.join(" AND "))),
            inner.prop_map(|part| format!("NOT ({part})")),
        ]
    })
}
