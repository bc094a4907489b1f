//! Google's well-known types and ours: open values, times, spans.
//!
//! Knows nothing of nouns.

use std::fmt::Display;
use std::time::Duration;

use jiff::Timestamp;
use prost_types::value::Kind;
use serde_json::{Number, Value};

use crate::domain::error::{Error, Result, invalid, too_large};
use crate::domain::value::{DEPTH_MAX, Fields};

/// Doubles hold every integer up to here (IEEE 754).
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Reads an open object. `field` is where it lies in the call.
pub fn fields(field: &str, sent: prost_types::Struct) -> Result<Fields> {
    object(sent, 1).map_err(|misplaced| misplaced.at(field))
}

/// Reads one open value. `field` is where it lies in the call.
pub fn value(field: &str, sent: prost_types::Value) -> Result<Value> {
    inner(sent, 1).map_err(|misplaced| misplaced.at(field))
}

/// What is wrong somewhere inside an open value. The path is put together on the way out: on the
/// way in, long keys above many values would cost a copy each.
struct Misplaced {
    path: String,
    problem: Problem,
}

enum Problem {
    NotFinite,
    TooDeep,
}

impl Misplaced {
    fn below(self, step: impl Display) -> Misplaced {
        Misplaced { path: format!("{step}{}", self.path), ..self }
    }

    fn at(self, field: &str) -> Error {
        let Misplaced { path, problem } = self;
        let field = format!("{field}{path}");
        match problem {
            Problem::NotFinite => invalid(field, "must be a finite number"),
            Problem::TooDeep => too_large(field, format_args!("{DEPTH_MAX} levels deep")),
        }
    }
}

type Placed<T> = std::result::Result<T, Misplaced>;

fn object(sent: prost_types::Struct, depth: usize) -> Placed<Fields> {
    let prost_types::Struct { fields } = sent;
    let one = |(key, sent): (String, _)| match inner(sent, depth + 1) {
        Ok(value) => Ok((key, value)),
        Err(misplaced) => Err(misplaced.below(format_args!(".{key}"))),
    };
    fields.into_iter().map(one).collect()
}

fn inner(sent: prost_types::Value, depth: usize) -> Placed<Value> {
    // The rules refuse deeper ones too; here a reader is kept from following them.
    if depth > DEPTH_MAX + 1 {
        return Err(Misplaced { path: String::new(), problem: Problem::TooDeep });
    }
    let prost_types::Value { kind } = sent;
    Ok(match kind {
        None | Some(Kind::NullValue(_)) => Value::Null,
        Some(Kind::BoolValue(flag)) => Value::Bool(flag),
        Some(Kind::NumberValue(number)) => Value::Number(self::number(number)?),
        Some(Kind::StringValue(text)) => Value::String(text),
        Some(Kind::StructValue(sent)) => Value::Object(object(sent, depth)?),
        Some(Kind::ListValue(prost_types::ListValue { values })) => {
            let one = |(n, sent)| {
                inner(sent, depth + 1)
                    .map_err(|inside: Misplaced| inside.below(format_args!("[{n}]")))
            };
            Value::Array(values.into_iter().enumerate().map(one).collect::<Placed<_>>()?)
        }
    })
}

/// Whole numbers that a double holds exactly are integers, others are not.
fn number(sent: f64) -> Placed<Number> {
    if sent.fract() == 0.0 && sent.abs() <= EXACT_MAX {
        #[expect(clippy::cast_possible_truncation, reason = "whole, and at most 2^53")]
        let whole = sent as i64;
        return Ok(whole.into());
    }
    let not_finite = || Misplaced { path: String::new(), problem: Problem::NotFinite };
    Number::from_f64(sent).ok_or_else(not_finite)
}

/// Sends an open object; an absent one says the same as an empty one, in fewer bytes.
pub fn to_struct(fields: &Fields) -> Option<prost_types::Struct> {
    (!fields.is_empty()).then(|| to_object(fields))
}

fn to_object(fields: &Fields) -> prost_types::Struct {
    let fields = fields.iter().map(|(key, value)| (key.clone(), to_value(value))).collect();
    prost_types::Struct { fields }
}

fn to_value(value: &Value) -> prost_types::Value {
    let kind = match value {
        Value::Null => Kind::NullValue(0),
        Value::Bool(flag) => Kind::BoolValue(*flag),
        Value::Number(number) => Kind::NumberValue(number.as_f64().unwrap_or_default()),
        Value::String(text) => Kind::StringValue(text.clone()),
        Value::Array(items) => {
            let values = items.iter().map(to_value).collect();
            Kind::ListValue(prost_types::ListValue { values })
        }
        Value::Object(fields) => Kind::StructValue(to_object(fields)),
    };
    prost_types::Value { kind: Some(kind) }
}

/// Reads a time of the years 1 to 9999.
pub fn timestamp(field: &str, sent: prost_types::Timestamp) -> Result<Timestamp> {
    /// 0001-01-01T00:00:00Z.
    const SECONDS_MIN: i64 = -62_135_596_800;
    let prost_types::Timestamp { seconds, nanos } = sent;
    Timestamp::new(seconds, nanos)
        .ok()
        .filter(|_| seconds >= SECONDS_MIN && (0..1_000_000_000).contains(&nanos))
        .ok_or_else(|| invalid(field, "must be a time of the years 1 to 9999"))
}

/// Sends a time. jiff counts nanoseconds toward zero, protobuf forward: before 1970 a second is
/// borrowed.
pub fn to_timestamp(at: Timestamp) -> prost_types::Timestamp {
    let (seconds, nanos) = (at.as_second(), at.subsec_nanosecond());
    match nanos {
        0.. => prost_types::Timestamp { seconds, nanos },
        _ => prost_types::Timestamp { seconds: seconds - 1, nanos: nanos + 1_000_000_000 },
    }
}

/// Reads a span that is not negative.
pub fn span(field: &str, sent: prost_types::Duration) -> Result<Duration> {
    let prost_types::Duration { seconds, nanos } = sent;
    let parts = (u64::try_from(seconds), u32::try_from(nanos));
    match parts {
        (Ok(seconds), Ok(nanos)) if nanos < 1_000_000_000 => Ok(Duration::new(seconds, nanos)),
        _ => Err(invalid(field, "must be a span of time that is not negative")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn object(json: Value) -> Fields {
        json.as_object().unwrap().clone()
    }

    fn number_value(number: f64) -> prost_types::Value {
        prost_types::Value { kind: Some(Kind::NumberValue(number)) }
    }

    fn field_of(error: Error) -> String {
        let Error::Invalid { field, .. } = error else { panic!("{error}") };
        field
    }

    #[test]
    fn whole_numbers_are_integers_up_to_two_to_the_53() {
        let read = |number| value("p", number_value(number)).unwrap();

        assert_eq!(read(3.0), json!(3));
        assert_eq!(read(-0.0), json!(0));
        assert_eq!(read(EXACT_MAX), json!(9_007_199_254_740_992_i64));
        assert_eq!(read(-EXACT_MAX), json!(-9_007_199_254_740_992_i64));
        assert!(read(EXACT_MAX * 2.0).is_f64());
        assert_eq!(read(0.5), json!(0.5));
    }

    #[test]
    fn numbers_that_json_has_not_are_refused_where_they_are() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let values = vec![number_value(1.0), number_value(number)];
            let list = prost_types::Value {
                kind: Some(Kind::ListValue(prost_types::ListValue { values })),
            };
            let sent = prost_types::Struct { fields: [("a".to_owned(), list)].into() };

            assert_eq!(field_of(fields("p", sent).unwrap_err()), "p.a[1]");
        }
    }

    #[test]
    fn depth_is_bounded() {
        let mut deep = number_value(1.0);
        for _ in 0..40 {
            let fields = [("k".to_owned(), deep)].into();
            deep = prost_types::Value {
                kind: Some(Kind::StructValue(prost_types::Struct { fields })),
            };
        }
        assert!(value("p", deep).is_err());
    }

    #[test]
    fn times_have_years_1_to_9999_and_nanoseconds_that_count_forward() {
        let read = |seconds, nanos| {
            timestamp("t", prost_types::Timestamp { seconds, nanos }).ok().map(|at| at.to_string())
        };

        assert_eq!(read(-1, 500_000_000).as_deref(), Some("1969-12-31T23:59:59.5Z"));
        assert_eq!(read(-62_135_596_800, 0).as_deref(), Some("0001-01-01T00:00:00Z"));
        assert_eq!(read(-62_135_596_801, 999_999_999), None);
        assert_eq!(read(0, -1), None);
        assert_eq!(read(0, 1_000_000_000), None);
        assert_eq!(read(i64::MAX, 0), None);
        assert_eq!(read(i64::MIN, 0), None);
    }

    #[test]
    fn times_before_1970_count_forward() {
        let sent = to_timestamp(Timestamp::new(-1, -500_000_000).unwrap());

        assert_eq!((sent.seconds, sent.nanos), (-2, 500_000_000));
    }

    #[test]
    fn spans_are_not_negative() {
        let read = |seconds, nanos| span("d", prost_types::Duration { seconds, nanos }).ok();

        assert_eq!(read(1, 5), Some(Duration::new(1, 5)));
        assert_eq!(read(0, 0), Some(Duration::ZERO));
        assert_eq!(read(-1, 0), None);
        assert_eq!(read(0, -1), None);
        assert_eq!(read(0, 1_000_000_000), None);
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            (-9_007_199_254_740_992_i64..=9_007_199_254_740_992).prop_map(Value::from),
            (-1.0e9..1.0e9).prop_map(|n: f64| Value::from(n.floor() + 0.5)),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 30, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::btree_map(".{0,5}", inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn open_values_read_back(json in json_value()) {
            let fields = object(json!({ "k": json }));

            let sent = to_struct(&fields).unwrap();

            prop_assert_eq!(super::fields("p", sent).unwrap(), fields);
        }

        #[test]
        fn times_read_back(
            seconds in -62_135_596_800_i64..253_402_207_200,
            nanos in 0..1_000_000_000,
        ) {
            let at = timestamp("t", prost_types::Timestamp { seconds, nanos }).unwrap();

            let sent = to_timestamp(at);

            prop_assert_eq!((sent.seconds, sent.nanos), (seconds, nanos));
        }

        #[test]
        fn no_time_or_span_panics(seconds: i64, nanos: i32) {
            let _ = timestamp("t", prost_types::Timestamp { seconds, nanos });
            let _ = span("d", prost_types::Duration { seconds, nanos });
        }
    }
}
