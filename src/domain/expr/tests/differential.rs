//! Two evaluators, one answer: ours against the one that comes with the parser.
//!
//! Goal: whatever is evaluated has the value that it has in CEL.
//!
//! Method: expressions that are mostly well typed, drawn from a seed; variables hide most of them
//! from folding. What differs by intent is never drawn, or is shown by the last test:
//!
//! - An int and a double may be calculated with; the other refuses.
//! - What can be seen to fit nothing is refused when it is saved; the other fails when it is run.
//! - Patterns are literals, and read when the expression is saved.
//! - Maps are gone over in the order of their keys; the order of the other differs from run to run.
//! - The limits.
//! - The other has no instants and no lengths of time as it is built here.

use std::collections::BTreeMap;
use std::sync::Arc;

use cel::parser::PrattParser;
use cel::{Context, Env, ExecutionError, extensions};

use super::drawn::{Choices, VARIABLES, ours, roots};
use super::*;

const EXPRESSIONS: usize = 100_000;
const SEEDS: [u64; 2] = [0x9077_5001, 0x9077_5002];

/// The other evaluator, and its variables.
fn other() -> Context<'static, 'static> {
    let mut env = Env::stdlib();
    env.add_extension(extensions::strings).unwrap();
    let mut context = Context::with_env(Arc::new(env));
    for (name, source) in VARIABLES {
        let value = theirs(source, &context).unwrap();
        context.add_variable_from_value(*name, value);
    }
    context
}

fn theirs(source: &str, context: &Context) -> Result<cel::Value, ExecutionError> {
    let tree = PrattParser::new().enable_optional_syntax(true).parse(source).unwrap();
    cel::Value::resolve(&tree, context)
}

fn translated(value: &cel::Value) -> Value {
    match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(flag) => Value::Bool(*flag),
        cel::Value::Int(number) => Value::Int(*number),
        cel::Value::Float(number) => Value::Double(*number),
        cel::Value::String(text) => text.as_str().into(),
        cel::Value::List(items) => items.iter().map(translated).collect(),
        cel::Value::Map(map) => {
            let mut entries = BTreeMap::new();
            for (key, value) in map.map.iter() {
                let cel::objects::Key::String(key) = key else {
                    panic!("a key that is no string: {key:?}");
                };
                entries.insert(Arc::from(key.as_str()), translated(value));
            }
            Value::Map(Arc::new(entries))
        }
        cel::Value::UInt(_)
        | cel::Value::Bytes(_)
        | cel::Value::Function(..)
        | cel::Value::Opaque(_)
        | cel::Value::Struct(_) => panic!("not of the language: {value:?}"),
    }
}

/// How the answers compare.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Agreement {
    SameValue,
    BothFail,
    /// Refused when it is saved.
    Refused,
}

fn compared(source: &str, variables: &Variables, context: &Context) -> Result<Agreement, String> {
    let theirs = theirs(source, context);
    let ours = match Program::compile(source, &roots()) {
        Ok(program) => program.evaluate(variables, FUEL),
        // That it never fits does not mean that it is ever reached.
        Err(error) if error.detail == Detail::TypeMismatch => return Ok(Agreement::Refused),
        Err(error) => return Err(format!("refused: {:?} {error}", error.detail)),
    };
    match (ours, theirs) {
        (Ok(ours), Ok(theirs)) => {
            let theirs = translated(&theirs);
            // Not a number is not itself, but is written alike.
            if ours == theirs || format!("{ours:?}") == format!("{theirs:?}") {
                return Ok(Agreement::SameValue);
            }
            Err(format!("ours {ours:?}, theirs {theirs:?}"))
        }
        (Err(error), Ok(_) | Err(_)) if error.is_final() => Err(error.to_string()),
        (Err(_), Err(_)) => Ok(Agreement::BothFail),
        (ours, theirs) => Err(format!("ours {ours:?}, theirs {theirs:?}")),
    }
}

fn compare(seed: u64, count: usize) -> BTreeMap<Agreement, usize> {
    let (context, variables) = (other(), ours());
    let mut choices = Choices::new(seed);
    let mut seen = BTreeMap::new();
    for n in 0..count {
        let source = choices.source();
        match compared(&source, &variables, &context) {
            Ok(agreement) => *seen.entry(agreement).or_default() += 1,
            Err(problem) => panic!("seed {seed:#x}, expression {n}: {source}\n{problem}"),
        }
    }
    seen
}

#[test]
fn both_evaluators_agree_on_100_000_expressions() {
    // Half of them on a thread of its own: the parser of the other is slow when not optimised.
    let threads =
        SEEDS.map(|seed| std::thread::spawn(move || compare(seed, EXPRESSIONS / SEEDS.len())));

    let mut seen: BTreeMap<Agreement, usize> = BTreeMap::new();
    for thread in threads {
        for (agreement, count) in thread.join().expect("the evaluators agree") {
            *seen.entry(agreement).or_default() += count;
        }
    }

    // A test that drew errors alone would prove nothing.
    let share = |agreement| seen[&agreement] * 100 / EXPRESSIONS;
    assert!(share(Agreement::SameValue) > 50, "{seen:?}");
    assert!(share(Agreement::BothFail) > 5, "{seen:?}");
    assert!(share(Agreement::Refused) < 20, "{seen:?}");
}

#[test]
fn the_intended_differences_are_these() {
    let (context, variables) = (other(), ours());
    let differ = |source: &str| {
        let ours = Program::compile(source, &roots()).ok();
        let ours = ours.and_then(|program| program.evaluate(&variables, FUEL).ok());
        let theirs = theirs(source, &context).ok().map(|value| translated(&value));
        (ours.is_some(), theirs.is_some())
    };

    // Numbers of two kinds.
    for source in ["i + d", "d - i", "i * 0.5", "1 / d"] {
        assert_eq!(differ(source), (true, false), "{source}");
    }
    // What never fits, and is never reached.
    for source in ["c && (1 == 'a')", "c && !1", "b ? 1 : -'a'"] {
        assert_eq!(differ(source), (false, true), "{source}");
    }
    // A pattern that is computed.
    assert_eq!(differ("s.matches(p[0])"), (false, true));
    // The limits.
    assert_eq!(differ(&format!("[{}]", ["1"; 1_000].join(", "))), (false, true));
}
