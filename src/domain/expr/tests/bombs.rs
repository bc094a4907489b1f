//! Short sources that would take long, take much, or go deep.
//!
//! All run on a thread with the stack of tokio's workers, where an overflow would end the process.

use proptest::prelude::*;

use super::*;

const STACK_BYTES: usize = 2 * 1024 * 1024;

fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(work).unwrap();
    thread.join().expect("the work does not panic");
}

/// `before` and `after` around `middle`, as often as the longest source allows.
fn filled(before: &str, middle: &str, after: &str) -> String {
    if before.is_empty() && after.is_empty() {
        return middle.to_owned();
    }
    let times = (SOURCE_BYTES_MAX - middle.len()) / (before.len() + after.len());
    format!("{}{middle}{}", before.repeat(times), after.repeat(times))
}

#[test]
fn no_nesting_overflows_the_stack() {
    on_a_small_stack(|| {
        for (before, middle, after) in [
            ("(", "1", ")"),
            ("[", "1", "]"),
            ("{'a':", "1", "}"),
            ("!", "true", ""),
            ("-", "1", ""),
            ("-!", "1", ""),
            ("- ", "x", ""),
            ("", "event", ".a"),
            ("", "event", "[0]"),
            ("", "event", ".a()"),
            ("", "event", ".?a"),
            ("", "event", "[?0]"),
            ("", "event", ".all(x,true)"),
            ("event.all(x,", "1", ")"),
            ("event.map(x,x,", "1", ")"),
            ("size(", "1", ")"),
            ("a(", "", ""),
            ("has(", "event.a", ")"),
            ("true?1:", "1", ""),
            ("true?", "1", ":1"),
            ("true?true&&true:", "1", ""),
            ("1+", "1", ""),
            ("1==", "1", ""),
            ("1 in ", "1", ""),
            ("true&&", "true", ""),
            ("true||true&&", "true", ""),
            ("(true||", "true", ")"),
            ("[1,", "1", "]"),
            ("event{a:", "1", "}"),
            ("((", "", ""),
            ("(1)+", "1", ""),
            ("((1)+", "1", ""),
            ("\"", "", ""),
            ("r'", "", ""),
            ("`", "", ""),
            ("//", "", ""),
            ("?", "", ""),
            (".", "", ""),
            (")", "", ""),
            ("}", "", ""),
            (",", "", ""),
            ("event.a?event.b.c(", "1", "):1"),
        ] {
            for source in [filled(before, middle, after), filled(before, middle, "")] {
                if let Ok(program) = compile(&source) {
                    drop(program.evaluate(&variables(), FUEL));
                }
            }
        }
    });
}

#[test]
fn an_expression_of_every_limit_at_once_runs() {
    on_a_small_stack(|| {
        let deep = format!("{}event.data.count{}", "(1 + ".repeat(31), ")".repeat(31));
        assert_eq!(evaluate(&deep), Ok(Value::Int(34)));

        let body = format!("a + b + c{}", " + 1".repeat(50));
        let source = format!("[1].map(a, [2].map(b, [3].map(c, {body})))");
        let inner: Value = [Value::Int(56)].into_iter().collect();
        let middle: Value = [inner].into_iter().collect();
        assert_eq!(evaluate(&source), Ok([middle].into_iter().collect()));
    });
}

fn exceeds(source: &str, variables: &Variables) {
    let program = Program::compile(source, &["event", "list", "text"]).unwrap();
    let error = program.evaluate(variables, FUEL).unwrap_err();
    assert_eq!(error.kind, RunErrorKind::LimitExceeded, "{source}: {error}");
}

#[test]
fn work_and_memory_are_bounded() {
    on_a_small_stack(|| {
        let list: Value = (0..1_000_i64).map(Value::Int).collect();
        let text = Value::from("a".repeat(60_000));
        let variables = Variables::from([("list", list), ("text", text)]);
        for source in [
            // Loops in loops.
            "list.all(a, list.all(b, list.all(c, a + b + c >= 0)))",
            "list.map(a, list.map(b, a * b))",
            "list.filter(a, list.exists(b, a == -1 && b == 1))",
            "list.exists(a, list == list.map(b, b + 1) || list.filter(b, list == list) == [])",
            // Doubling.
            "[text].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a)",
            "[list].map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a).map(a, a + a)\
             .map(a, a + a).map(a, a + a)",
            "text.replace('a', text)",
            "text.replace('', text)",
            "list.map(n, text).join(text)",
            "text.split('').map(c, text.split(''))",
            "list.map(n, text.upperAscii())",
            "list.map(n, text.trim())",
            "list.map(n, text.substring(1))",
            "list.map(n, string(n) + text)",
            "list.map(n, {'a': n, 'b': n}).map(n, list.map(m, {'a': n}))",
            // Looking at much for little.
            "list.all(n, list.all(m, text != text + 'a'))",
            "list.all(n, text.contains('b') || true)",
            "list.all(n, text.indexOf('b') < 0)",
            "list.all(n, size(text) > 0)",
            "list.all(n, text.split('b') != [])",
            "list.all(n, text.replace('b', 'c') != '')",
            "list.all(n, list == list)",
            "list.all(n, -1 in list || true)",
            "list.all(n, text.matches('b') || true)",
            "list.all(n, list.map(m, text).join() != '')",
            // Errors that are absorbed over and over.
            "list.all(n, list.all(m, list.all(o, list[text] == 1)))",
            "list.exists(n, list.exists(m, (1 / 0 == 1) || list.exists(o, false)))",
            // Patterns that take long.
            "list.all(n, text.matches('(a?){50}a{50}b') || true)",
            "list.all(n, text.matches('(a*)*b') || true)",
            "list.all(n, text.matches('(.*)(.*)(.*)(.*)(.*)[^a]') || true)",
            r"list.all(n, text.matches('(\\w{3}|a)*x(\\w|a){2}b') || true)",
        ] {
            exceeds(source, &variables);
        }
    });
}

#[test]
fn constants_are_not_computed_at_any_price() {
    on_a_small_stack(|| {
        let text = "a".repeat(1_500);
        let source = format!("size('{text}'.replace('a', '{text}'))");
        let program = compile(&source).unwrap();
        let error = program.evaluate(&variables(), FUEL).unwrap_err();
        assert_eq!(error.kind, RunErrorKind::LimitExceeded);
    });
}

#[test]
fn patterns_are_bounded_when_they_are_saved() {
    on_a_small_stack(|| {
        for pattern in [
            "((a{99}){99}){99}".to_owned(),
            r"\\pL{250}".to_owned(),
            "a".repeat(257),
            "[a-z".repeat(60),
            r"(?i)\\w{60}".to_owned(),
        ] {
            let source = format!("event.type.matches('{pattern}')");
            assert_eq!(refusal(&source), Detail::BadRegex, "{pattern}");
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Long sources of brackets, operators and names end in an answer, whatever they are.
    #[test]
    fn long_sources_end(
        parts in proptest::collection::vec(proptest::sample::select(PARTS), 1..6),
        times in 1..1_000_usize,
    ) {
        let mut source = parts.concat().repeat(times);
        source.truncate(SOURCE_BYTES_MAX);
        on_a_small_stack(move || {
            if let Ok(program) = compile(&source) {
                drop(program.evaluate(&variables(), FUEL));
            }
        });
    }
}

const PARTS: &[&str] = &[
    "(",
    "[",
    "{",
    ")",
    "]",
    "}",
    ".a",
    ".a(",
    "[0]",
    "?",
    ":",
    "a?b:",
    "+",
    "-",
    "!",
    "&&",
    "||",
    ",",
    "1",
    "event",
    "event.data",
    "'a':",
    ".all(x,",
    ".map(x,x,",
    ".?a",
    "[?",
    "in",
    " ",
    "'",
    "==",
];
