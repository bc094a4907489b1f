//! The functions, each with what it gives and what it does not take.

use proptest::prelude::*;

use super::*;

#[test]
fn sizes_count_characters_items_and_entries() {
    all_true(&[
        "size('') == 0 && size('äö') == 2 && 'äö'.size() == 2",
        "size([]) == 0 && [1, 2].size() == 2 && size({'a': 1}) == 1 && {}.size() == 0",
        "size(event.data.tags) == 3 && event.type.size() == 12",
    ]);
    all_fail(RunErrorKind::TypeMismatch, &["size(event.data.count)", "event.data.none.size()"]);
    all_refused(Detail::TypeMismatch, &["size(1)", "null.size()"]);
}

#[test]
fn parts_of_texts_are_found() {
    all_true(&[
        "'abc'.contains('b') && 'abc'.contains('') && !'abc'.contains('d')",
        "'abc'.startsWith('ab') && !'abc'.startsWith('b') && 'abc'.startsWith('')",
        "'abc'.endsWith('bc') && !'abc'.endsWith('b')",
        "'hellä mellow'.indexOf('ä') == 4 && 'hellä mellow'.indexOf('mell') == 6",
        "'abc'.indexOf('d') == -1 && 'abc'.indexOf('') == 0 && ''.indexOf('') == 0",
        "'abab'.indexOf('ab', 1) == 2 && 'abc'.indexOf('', 2) == 2 && 'abc'.indexOf('', 9) == 3",
        "''.indexOf('a') == -1",
        "event.type.matches('^issue[.]c') && matches(event.type, 'closed$')",
        "!event.type.matches('x') && ''.matches('') && 'ÄB'.matches(r'^\\w+$')",
    ]);
    all_fail(
        RunErrorKind::OutOfRange,
        &["'abc'.indexOf('a', 3)", "'abc'.indexOf('a', -1)", "''.indexOf('', -1)"],
    );
    all_fail(
        RunErrorKind::TypeMismatch,
        &[
            "event.data.count.contains('a')",
            "event.type.startsWith(event.data.count)",
            "event.data.tags.matches('a')",
        ],
    );
    all_refused(Detail::TypeMismatch, &["'a'.contains(1)", "1.matches('a')"]);
}

#[test]
fn texts_are_changed() {
    all_true(&[
        "'AbÄ'.lowerAscii() == 'abÄ' && 'abä'.upperAscii() == 'ABä'",
        "' \\t a b \\n'.trim() == 'a b' && ''.trim() == ''",
        "'hello hello'.replace('he', 'we') == 'wello wello'",
        "'hello hello'.replace('he', 'we', 1) == 'wello hello'",
        "'aaa'.replace('a', 'b', 0) == 'aaa' && 'aaa'.replace('a', '', -1) == ''",
        "'äb'.replace('', '-') == '-ä-b-'",
        "'äbc'.substring(1) == 'bc' && 'äbc'.substring(0, 1) == 'ä' && 'a'.substring(1) == ''",
        "'abc'.substring(1, 1) == ''",
    ]);
    all_fail(
        RunErrorKind::OutOfRange,
        &[
            "'abc'.substring(4)",
            "'abc'.substring(-1)",
            "'abc'.substring(2, 1)",
            "'a'.substring(0, 2)",
        ],
    );
    all_refused(Detail::TypeMismatch, &["'a'.replace('b', 1)", "'a'.substring('b')"]);
}

#[test]
fn texts_are_split_and_joined() {
    all_true(&[
        "'a,b,c'.split(',') == ['a', 'b', 'c'] && ''.split(',') == [''] && ''.split('') == []",
        "'äbc'.split('') == ['ä', 'b', 'c'] && 'a,b,c'.split(',', 2) == ['a', 'b,c']",
        "'a,b'.split(',', 0) == [] && 'a,b'.split(',', -1) == ['a', 'b']",
        "'abc'.split('', 2) == ['a', 'bc'] && 'a,b'.split(',', 1) == ['a,b']",
        "['a', 'b'].join() == 'ab' && ['a', 'b'].join(', ') == 'a, b' && [].join('x') == ''",
        "event.data.tags.join('-') == 'a-b-ä' && ['', ''].join('x') == 'x'",
    ]);
    all_fail(RunErrorKind::TypeMismatch, &["event.data.numbers.join()", "[1].join(',')"]);
    all_refused(Detail::TypeMismatch, &["'a'.join()", "[].join(1)", "'a'.split(1)"]);
}

#[test]
fn values_are_converted() {
    all_true(&[
        "int(1.9) == 1 && int(-1.9) == -1 && int('-12') == -12 && int(3) == 3",
        "double(1) == 1.0 && double('1.5e2') == 150.0 && double(0.5) == 0.5",
        "string(1) == '1' && string(-0.5) == '-0.5' && string(1.0) == '1'",
        "string(true) == 'true'",
        "string('a') == 'a' && bool('true') && !bool('F') && bool(true)",
        "string(event.data.count) + 'x' == '3x'",
        "int(timestamp('1970-01-01T00:01:00.9Z')) == 60",
    ]);
    all_fail(
        RunErrorKind::BadConversion,
        &[
            "int('x')",
            "int('1.5')",
            "int('')",
            "double('x')",
            "bool('yes')",
            "int('9223372036854775808')",
        ],
    );
    all_fail(RunErrorKind::Overflow, &["int(1e30)", "int(double('NaN'))", "int(-9.3e18)"]);
    all_fail(
        RunErrorKind::TypeMismatch,
        &[
            "int(event.data.none)",
            "string(event.data.tags)",
            "double(event)",
            "bool(event.data.count)",
        ],
    );
    all_refused(Detail::TypeMismatch, &["int(true)", "string(null)", "bool(1)", "double([])"]);
}

#[test]
fn instants_and_lengths_of_time_are_reckoned_with() {
    let at = "timestamp('2026-03-29T00:59:59.789Z')";
    let sources: Vec<String> = [
        "AT + duration('1s') > AT && AT - duration('1h') < AT && duration('1s') + AT > AT",
        "AT - timestamp('2026-03-28T00:59:59.789Z') == duration('24h')",
        "duration('1h') + duration('30m') == duration('90m')",
        "duration('1h') - duration('30m') == duration('1800s')",
        "AT.getFullYear() == 2026 && AT.getMonth() == 2 && AT.getDate() == 29",
        "AT.getDayOfMonth() == 28 && AT.getDayOfWeek() == 0 && AT.getDayOfYear() == 87",
        "AT.getHours() == 0 && AT.getMinutes() == 59 && AT.getSeconds() == 59",
        "AT.getMilliseconds() == 789 && AT.getHours('Asia/Kolkata') == 6",
        "AT.getMinutes('+05:30') == 29 && AT.getDate('-01:00') == 28",
        "duration('90m').getHours() == 1 && duration('90m').getMinutes() == 90",
        "duration('1.5s').getSeconds() == 1 && duration('1.5s').getMilliseconds() == 500",
        "string(AT) == '2026-03-29T00:59:59.789Z' && string(duration('1h0.5s')) == '3600.5s'",
        "timestamp(string(AT)) == AT && timestamp(60) == timestamp('1970-01-01T00:01:00Z')",
        "timestamp('2026-01-01T01:00:00+01:00') == timestamp('2026-01-01T00:00:00Z')",
        "timestamp(AT) == AT && duration(duration('1s')) == duration('1s')",
    ]
    .map(|source| source.replace("AT", at))
    .into();
    all_true(&sources.iter().map(String::as_str).collect::<Vec<_>>());
    all_fail(
        RunErrorKind::Overflow,
        &[
            "timestamp('9999-12-30T00:00:00Z') + duration('24h')",
            "timestamp('0001-01-01T00:00:00Z') - duration('1s')",
            "timestamp(253402300800)",
            "timestamp(9223372036854775807)",
            "duration('87660000h') + duration('1s')",
        ],
    );
    all_fail(
        RunErrorKind::BadConversion,
        &["timestamp('yesterday')", "duration('1 day')", "timestamp(0).getHours('Mars/Base')"],
    );
    all_refused(
        Detail::TypeMismatch,
        &[
            "timestamp(0) + timestamp(0)",
            "duration('1s') - timestamp(0)",
            "duration('1s') * 2",
            "duration('1s').getDate()",
            "duration('1s').getHours('UTC')",
            "timestamp(0) < duration('1s')",
        ],
    );
}

#[test]
fn instants_come_from_variables_too() {
    let at: jiff::Timestamp = "2026-01-31T09:30:00Z".parse().unwrap();
    let later = at + jiff::SignedDuration::from_mins(90);
    let variables = Variables::from([("from", at.into()), ("to", later.into())]);
    let holds = |source| {
        let program = Program::condition(source, &["from", "to"]).unwrap();
        program.holds(&variables, FUEL)
    };

    assert_eq!(holds("to - from > duration('1h')"), Ok(true));
    assert_eq!(holds("from.getDayOfWeek('Europe/Berlin') == 6"), Ok(true));
}

proptest! {
    /// Splitting and joining by the same text gives the same text.
    #[test]
    fn what_is_split_can_be_joined(text in "[ab,ä]{0,40}", by in "[ab,]{0,2}") {
        let variables = Variables::from([("t", text.into()), ("b", by.into())]);
        let program = Program::condition("t.split(b).join(b) == t", &["t", "b"]).unwrap();
        prop_assert_eq!(program.holds(&variables, FUEL), Ok(true));
    }

    /// A part is where it is said to be, and nowhere before.
    #[test]
    fn places_of_parts_are_the_first(text in "[abä]{0,20}", part in "[abä]{1,3}") {
        let found = text.split_once(&part).map(|(before, _)| before.chars().count());
        let variables = Variables::from([("t", text.into()), ("p", part.into())]);
        let law = "t.indexOf(p) < 0 ? !t.contains(p) : \
                   t.substring(t.indexOf(p)).startsWith(p)";
        let program = Program::condition(law, &["t", "p"]).unwrap();
        prop_assert_eq!(program.holds(&variables, FUEL), Ok(true));
        let place = Program::compile("t.indexOf(p)", &["t", "p"]).unwrap();
        let place = place.evaluate(&variables, FUEL).unwrap();
        prop_assert_eq!(place, Value::Int(found.map_or(-1, |at| i64::try_from(at).unwrap())));
    }

    /// Numbers survive their text.
    #[test]
    fn numbers_can_be_written_and_read(int: i64, double: f64) {
        let variables = Variables::from([("i", int.into()), ("d", double.into())]);
        let law = "int(string(i)) == i && (d != d || double(string(d)) == d)";
        let program = Program::condition(law, &["i", "d"]).unwrap();
        prop_assert_eq!(program.holds(&variables, FUEL), Ok(true));
    }
}
