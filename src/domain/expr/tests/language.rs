//! Operators, paths, loops, and what is refused.

use proptest::prelude::*;

use super::*;

#[test]
fn arithmetic_is_that_of_cel_and_ints_meet_doubles() {
    all_true(&[
        "1 + 2 * 3 == 7",
        "7 / 2 == 3 && -7 / 2 == -3",
        "7 % 3 == 1 && -7 % 3 == -1",
        "1 + 0.5 == 1.5 && 0.5 + 1 == 1.5",
        "3 * 0.5 == 1.5 && 3 / 2.0 == 1.5 && 3 - 0.5 == 2.5",
        "event.data.count + 1 == 4",
        "event.data.count * event.data.ratio == 1.5",
        "-event.data.count == -3 && -(-3) == 3 && -event.data.ratio == -0.5",
        "1.0 / 0.0 > 1e300 && 1 / 0.0 > 1e300",
        "0x10 == 16 && -9223372036854775808 < 0",
        "'a' + 'b' == 'ab' && [1] + [2] == [1, 2]",
    ]);
    all_fail(RunErrorKind::DivideByZero, &["1 / 0", "1 % 0", "1 / event.data.zero"]);
    all_fail(
        RunErrorKind::Overflow,
        &[
            "9223372036854775807 + 1",
            "-9223372036854775808 - 1",
            "9223372036854775807 * 2",
            "-9223372036854775808 / -1",
            "-9223372036854775808 % -1",
            "-(-9223372036854775808)",
        ],
    );
    all_fail(
        RunErrorKind::TypeMismatch,
        &[
            "event.type + 1",
            "event.type - event.type",
            "event.data.ratio % event.data.ratio",
            "-event.type",
            "event.data.none + 1",
        ],
    );
    all_refused(
        Detail::TypeMismatch,
        &["1 + 'a'", "'a' - 'b'", "0.5 % 2", "-'a'", "[1] * 2", "{} + {}", "true + true"],
    );
}

#[test]
fn comparing_is_exact_and_of_like_with_like() {
    all_true(&[
        "1 == 1.0 && 1.5 > 1 && 1 < 1.5 && 2 >= 2.0 && 2.0 <= 2",
        "9007199254740993 != 9007199254740992.0",
        "9223372036854775807 < 9223372036854775808.0",
        "'a' < 'b' && 'a' < 'ä' && '' < 'a'",
        "false < true && !(true < true)",
        "[1, 'a', null] == [1.0, 'a', null] && [1] != [1, 2] && [1] != [2]",
        "{'a': 1, 'b': 2} == {'b': 2, 'a': 1.0} && {'a': 1} != {'b': 1}",
        "event.data.none == null && event.data.count != null && null == null",
        "event.data.nested == {'deep': {'x': 1}}",
        "event.data.count != event.type",
        "double('NaN') != double('NaN')",
    ]);
    all_fail(
        RunErrorKind::TypeMismatch,
        &[
            "event.data.count < event.type",
            "event.data.tags < event.data.tags",
            "double('NaN') < 1.0",
            "1 >= double('NaN')",
        ],
    );
    all_refused(
        Detail::TypeMismatch,
        &["1 == 'a'", "'a' < 1", "[1] < [2]", "null < null", "size('a') == '1'"],
    );
}

#[test]
fn logic_takes_one_side_that_decides() {
    let wrong = "1 / 0 == 1";
    for (source, holds) in [
        (format!("false && {wrong}"), false),
        (format!("{wrong} && false"), false),
        (format!("true || {wrong}"), true),
        (format!("{wrong} || true"), true),
        ("event.type && false".to_owned(), false),
        ("true || event.type".to_owned(), true),
        (format!("true ? true : {wrong}"), true),
    ] {
        assert_eq!(evaluate(&source), Ok(Value::Bool(holds)), "{source}");
    }
    all_fail(
        RunErrorKind::DivideByZero,
        &["true && 1 / 0 == 1", "1 / 0 == 1 || false", "1 / 0 == 1 ? 1 : 2"],
    );
    all_fail(
        RunErrorKind::TypeMismatch,
        &["event.type && true", "false || event.type", "!event.type", "event.type ? 1 : 2"],
    );
    all_refused(Detail::TypeMismatch, &["1 && true", "true || 'a'", "!1", "1 ? 2 : 3"]);
}

#[test]
fn members_and_items_are_found_or_an_error() {
    all_true(&[
        "event.data.nested.deep.x == 1",
        "event['data'].nested['deep'].x == 1",
        "event.data['with-dash'] == 'yes'",
        "event.data.tags[0] == 'a' && event.data.tags[2.0] == 'ä'",
        "{'a': [1, {'b': 2}]}.a[1].b == 2",
        "[[1, 2], [3]][0][1] == 2",
        "'a' in event.data.tags && !('c' in event.data.tags)",
        "'count' in event.data && !('other' in event.data) && !(1 in event.data)",
        "1.0 in [1, 2] && !('1' in [1, 2])",
        "has(event.data.none) && !has(event.data.other) && has({'a': 1}.a)",
        ".event.type == event.type",
        "{'': 1}[''] == 1",
    ]);
    all_fail(
        RunErrorKind::NoSuchKey,
        &[
            "event.other",
            "event.other.x",
            "has(event.other.x)",
            "event.data[1]",
            "absent",
            "absent.x",
        ],
    );
    all_fail(
        RunErrorKind::TypeMismatch,
        &[
            "event.type.x",
            "has(event.type.x)",
            "event.data.tags['a']",
            "event.type[0]",
            "1 in self.name",
        ],
    );
    all_fail(
        RunErrorKind::OutOfRange,
        &["event.data.tags[3]", "event.data.tags[-1]", "[][0]", "[1][1]"],
    );
    all_fail(RunErrorKind::BadConversion, &["{'a': 1, 'a': 2}", "{event.type: 1, event.type: 2}"]);
    all_fail(RunErrorKind::TypeMismatch, &["{event.data.count: 1}"]);
    all_refused(Detail::TypeMismatch, &["{1: 2}", "'a'.b", "1[0]", "true.x", "1 in 'a'"]);
}

#[test]
fn a_missing_step_is_bridged() {
    all_true(&[
        "event.?type.orValue('x') == 'issue.closed'",
        "event.?other.orValue('x') == 'x'",
        "event.?other.more.and[3].orValue(1) == 1",
        "event.data.?nested.deep.x.orValue(0) == 1",
        "event.data.?nested.deep.y.orValue(0) == 0",
        "event.data.tags[?0].orValue('') == 'a' && event.data.tags[?9].orValue('') == ''",
        "event.data[?'count'].orValue(0) == 3",
        "event.data.?none.?x.orValue(5) == 5",
        "has(event.?data.count) && !has(event.?other.count) && !has(event.data.?nested.y)",
        "event.?other.orValue({'x': 1}).x == 1",
    ]);
    all_fail(
        RunErrorKind::TypeMismatch,
        &["event.data.?none.x.orValue(1)", "has(event.data.?none.x)"],
    );
    all_fail(RunErrorKind::NoSuchKey, &["event.other.?x.orValue(1)"]);
    all_refused(
        Detail::Unsupported,
        &[
            "event.?type",
            "event.?type == 'x'",
            "event.data[?'x'].y",
            "[event.?type]",
            "true ? event.?type : 1",
            "event.?type.size()",
            "[?event.?type]",
            "{?'a': event.?type}",
            "event.?type.or(event.?x)",
            "event.?a.orValue()",
        ],
    );
    all_refused(Detail::TypeMismatch, &["event.type.orValue(1)", "1.?x.orValue(2)"]);
}

#[test]
fn loops_go_over_items_and_keys() {
    all_true(&[
        "event.data.numbers.all(n, n > 0) && !event.data.numbers.all(n, n > 1)",
        "event.data.numbers.exists(n, n == 2) && !event.data.numbers.exists(n, n == 4)",
        "event.data.numbers.exists_one(n, n == 2) && ![1, 1].exists_one(n, n == 1)",
        "event.data.numbers.map(n, n * 2) == [6, 2, 4]",
        "event.data.numbers.map(n, n > 1, n * 2) == [6, 4]",
        "event.data.numbers.filter(n, n > 1) == [3, 2]",
        "[].all(n, false) && ![].exists(n, true) && ![].exists_one(n, true)",
        "{'b': 1, 'a': 2}.map(k, k) == ['a', 'b']",
        "{'b': 1, 'a': 2}.filter(k, k > 'a') == ['b']",
        "{'b': 1}.all(k, k == 'b')",
        "[1, 2].map(a, [3, 4].map(b, a * b)) == [[3, 4], [6, 8]]",
        "[1].map(event, event) == [1] && [1].map(event, .event.type) == ['issue.closed']",
        "[1].map(x, [2].map(x, x)) == [[2]]",
        "[[1, 2], [3]].map(x, x.map(y, y + size(x))) == [[3, 4], [4]]",
        "[1, 2].map(x, x).map(x, x).map(x, x).map(x, x).map(x, x) == [1, 2]",
    ]);
}

#[test]
fn loops_absorb_errors_as_logic_does() {
    all_true(&[
        "[0, 1].exists(n, 1 / n == 1) && [1, 0].exists(n, 1 / n == 1)",
        "![0, 1].all(n, 1 / n == 2)",
    ]);
    all_fail(
        RunErrorKind::DivideByZero,
        &[
            "[0, 1].all(n, 1 / n == 1)",
            "[0, 1].exists(n, 1 / n == 2)",
            "[0, 1].exists_one(n, 1 / n == 1)",
            "[0, 1].map(n, 1 / n)",
            "[0, 1].filter(n, 1 / n == 1)",
        ],
    );
    all_fail(
        RunErrorKind::TypeMismatch,
        &[
            "event.data.count.all(n, true)",
            "event.data.numbers.all(n, n)",
            "event.data.numbers.map(n, n, n)",
        ],
    );
    all_refused(
        Detail::TypeMismatch,
        &["1.all(n, true)", "'abc'.exists(c, true)", "[1].all(n, 1)", "[1].map(n, 'a', n)"],
    );
}

#[test]
fn what_is_not_of_the_language_is_refused() {
    all_refused(
        Detail::Unsupported,
        &[
            "1u",
            "b'abc'",
            "type(1)",
            "dyn(1)",
            "now()",
            "env('prod')",
            "math.greatest(1, 2)",
            "'%s'.format(['a'])",
            "google.protobuf.Duration{seconds: 1}",
            "uint(1)",
            "bytes('a')",
            "size()",
            "size(1, 2)",
            "contains('a', 'b')",
            "'1'.int()",
            "'a'.lastIndexOf('b')",
            "event.type.matches(event.type)",
            "matches('a', 'a' + 'b')",
            "'a'.matches()",
        ],
    );
    all_refused(Detail::UnknownMember, &["other", "other.x", "[1].map(x, y)", ".x", "Event"]);
    all_refused(
        Detail::Syntax,
        &[
            "",
            " ",
            "1 +",
            "(1",
            "1)",
            "1 2",
            "'a",
            "a..b",
            "event.",
            "event.type(",
            "1 = 2",
            "1 & 2",
            "has(1)",
            "has(event)",
            "[1].map(1, 2)",
            "[1].all(.x, true)",
            "[1].map(event.x, 1)",
            "if",
            "'\\q'",
            "'\\ud800'",
            "9223372036854775808",
            "1e999",
            "$",
            "event.data.`a-b`",
            "// nothing",
        ],
    );
    all_refused(Detail::BadRegex, &["'a'.matches('(')", "matches('a', '\\\\w{99}')"]);
}

#[test]
fn sources_are_bounded() {
    let text = "a".repeat(SOURCE_BYTES_MAX - 2);
    assert!(compile(&format!("'{text}'")).is_ok());
    assert_eq!(refusal(&format!("'{text}a'")), Detail::TooLarge);

    let ones = |n: usize| format!("[{}]", vec!["1"; n].join(","));
    assert!(compile(&ones(999)).is_ok());
    assert_eq!(refusal(&ones(1_000)), Detail::TooLarge);

    let sum = |n: usize| vec!["1"; n].join("+");
    assert!(compile(&sum(64)).is_ok());
    assert_eq!(refusal(&sum(65)), Detail::TooLarge);

    assert!(compile(&vec!["event.data.flag"; 200].join(" && ")).is_ok());

    assert!(compile("[1].map(a, [1].map(b, [1].map(c, a + b + c)))").is_ok());
    assert_eq!(refusal("[1].map(a, [1].map(b, [1].map(c, [1].map(d, a))))"), Detail::TooLarge);
    assert!(compile("[1].map(a, [1].map(b, [1].map(c, 1))).map(d, d).all(e, true)").is_ok());
}

#[test]
fn places_are_told_in_characters() {
    let place = |source: &str| compile(source).unwrap_err().position.unwrap();

    assert_eq!(place("'äö' 1"), Position { line: 1, column: 6 });
    assert_eq!(place("true &&\n 'ä' +"), Position { line: 2, column: 7 });
}

/// Expressions of whole numbers, and what they are by another way.
fn sums() -> impl Strategy<Value = (String, Option<i64>)> {
    let leaf = any::<i64>().prop_map(|n| (format!("({n})"), Some(n)));
    leaf.prop_recursive(4, 24, 2, |inner| {
        (inner.clone(), 0..5_usize, inner).prop_map(|((a, x), op, (b, y))| {
            let both = x.zip(y);
            let value = both.and_then(|(x, y)| match op {
                0 => x.checked_add(y),
                1 => x.checked_sub(y),
                2 => x.checked_mul(y),
                3 => x.checked_div(y),
                _ => x.checked_rem(y),
            });
            (format!("({a} {} {b})", ["+", "-", "*", "/", "%"][op]), value)
        })
    })
}

proptest! {
    /// Whole numbers are right or an error, never wrapped, and folding changes nothing.
    #[test]
    fn whole_numbers_are_exact((source, expected) in sums()) {
        let folded = evaluate(&source).ok();
        let number = expected.map(Value::Int);
        prop_assert_eq!(&folded, &number);
        let hidden = source.replace(')', " + event.data.zero)");
        if let Ok(program) = compile(&hidden) {
            prop_assert_eq!(program.evaluate(&variables(), FUEL).ok(), number);
        }
    }

    /// Whatever the bytes are, they are an expression or refused.
    #[test]
    fn no_source_is_a_surprise(source in "[ -~äß\n]{0,60}") {
        if let Ok(program) = compile(&source) {
            drop(program.evaluate(&variables(), FUEL));
        }
    }

    /// As above, of words that are likely to mean something.
    #[test]
    fn no_words_are_a_surprise(
        words in proptest::collection::vec(proptest::sample::select(WORDS), 0..24),
    ) {
        if let Ok(program) = compile(&words.concat()) {
            drop(program.evaluate(&variables(), FUEL));
        }
    }

    /// Order and equality agree, and order is one.
    #[test]
    fn order_is_total_but_for_nan(a: f64, b: i64, c: f64) {
        let variables = Variables::from([("a", a.into()), ("b", b.into()), ("c", c.into())]);
        let law = "(a < b || a == b || a > b) && ((a < b && b < c) ? a < c : true) \
                   && (a <= b) == (b >= a) && (a != b) == !(b == a)";
        let program = Program::condition(law, &["a", "b", "c"]).unwrap();
        prop_assert_eq!(program.holds(&variables, FUEL), Ok(true));
    }
}

const WORDS: &[&str] = &[
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ".",
    ",",
    ":",
    "?",
    ".?",
    "[?",
    "+",
    "-",
    "*",
    "/",
    "%",
    "<",
    "==",
    "!=",
    "&&",
    "||",
    "!",
    " in ",
    "event",
    "self",
    ".data",
    ".type",
    "x",
    "1",
    "0.5",
    "'a'",
    "\"b\"",
    "r'c'",
    "true",
    "null",
    "has(",
    "size(",
    ".map(x,",
    ".all(x,",
    ".orValue(",
    ".size()",
    ".matches('",
    "//",
    "\n",
    "'",
    "\\",
    "é",
];
