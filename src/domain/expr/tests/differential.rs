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

use super::*;

const EXPRESSIONS: usize = 100_000;
const SEEDS: [u64; 2] = [0x9077_5001, 0x9077_5002];

/// Named as the values are made: by expressions.
const VARIABLES: &[(&str, &str)] = &[
    ("i", "3"),
    ("j", "-2"),
    ("o", "0"),
    ("w", "9223372036854775807"),
    ("d", "0.5"),
    ("e", "-3.0"),
    ("b", "true"),
    ("c", "false"),
    ("s", "'abca'"),
    ("t", "'äb'"),
    ("u", "''"),
    ("n", "null"),
    ("l", "[1, 2, 3]"),
    ("k", "[]"),
    ("p", "['a', 'b', '']"),
    ("q", "[1, 0.5, 'a', null, [1], {'a': 1}]"),
    ("m", "{'a': 1, 'b': 2}"),
    ("x", "{'a': {'b': {'c': 1}}, 'l': [1], 'n': null, 's': 'abca'}"),
];

/// A kind of expression to draw.
#[derive(Clone, Copy, PartialEq)]
enum Draw {
    Int,
    Double,
    Bool,
    Text,
    Ints,
    Texts,
    Any,
}

/// A source of choices (SplitMix64), the same for the same seed.
struct Choices {
    state: u64,
    /// The variables of the loops around, which are whole numbers or texts.
    loops: Vec<(String, Draw)>,
}

impl Choices {
    fn below(&mut self, end: usize) -> usize {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % end as u64).unwrap()
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// A leaf of a kind: a constant, a variable, or what a loop goes over.
    fn leaf(&mut self, draw: Draw) -> String {
        let looped: Vec<String> =
            self.loops.iter().filter(|(_, is)| *is == draw).map(|(name, _)| name.clone()).collect();
        if !looped.is_empty() && self.below(2) == 0 {
            return looped[self.below(looped.len())].clone();
        }
        let leaves: &[&str] = match draw {
            Draw::Int => &["i", "j", "o", "w", "1", "2", "-1", "m.a", "x.a.b.c", "l[0]", "l[i]"],
            Draw::Double => &["d", "e", "1.5", "0.0", "-0.25", "1e300"],
            Draw::Bool => &["b", "c", "true", "false", "has(x.a)", "has(m.z)"],
            Draw::Text => &["s", "t", "u", "x.s", "'a'", "'bc'", "\"ä\"", "''", "p[1]"],
            Draw::Ints => &["l", "k", "x.l", "[1, 2]", "[]", "[3, 1, 3]"],
            Draw::Texts => &["p", "['a']", "['b', 'a']"],
            Draw::Any => {
                &["q", "q[0]", "q[1]", "q[2]", "q[3]", "n", "null", "m", "x", "x.n", "x.a"]
            }
        };
        self.one(leaves).to_owned()
    }

    /// An operand of a kind, now and then of another, so that errors are met too.
    fn operand(&mut self, draw: Draw, depth: usize) -> String {
        let strays = [Draw::Text, Draw::Bool, Draw::Ints, Draw::Any];
        // Numbers of the other kind would be calculated with, which is an intended difference.
        let draw = if self.below(24) == 0 { strays[self.below(3)] } else { draw };
        self.expression(draw, depth)
    }

    fn expression(&mut self, draw: Draw, depth: usize) -> String {
        if depth == 0 || self.below(6) == 0 {
            return self.leaf(draw);
        }
        let depth = depth - 1;
        if self.below(12) == 0 {
            let condition = self.operand(Draw::Bool, depth);
            let (then, otherwise) = (self.operand(draw, depth), self.operand(draw, depth));
            return format!("({condition} ? {then} : {otherwise})");
        }
        match draw {
            Draw::Int => self.int(depth),
            Draw::Double => self.double(depth),
            Draw::Bool => self.truth(depth),
            Draw::Text => self.text(depth),
            Draw::Ints => self.ints(depth),
            Draw::Texts => {
                let (text, by) = (self.operand(Draw::Text, depth), self.operand(Draw::Text, depth));
                match self.below(3) {
                    0 => format!("{text}.split({by})"),
                    1 => format!("{text}.split({by}, {})", self.operand(Draw::Int, depth)),
                    _ => self.looping(Draw::Texts, depth),
                }
            }
            Draw::Any => self.any(depth),
        }
    }

    fn int(&mut self, depth: usize) -> String {
        match self.below(8) {
            0..=2 => {
                let op = self.one(&["+", "-", "*", "/", "%"]);
                let (a, b) = (self.operand(Draw::Int, depth), self.operand(Draw::Int, depth));
                format!("({a} {op} {b})")
            }
            3 => format!("-({})", self.operand(Draw::Int, depth)),
            4 => {
                let of = [Draw::Text, Draw::Ints, Draw::Texts][self.below(3)];
                format!("size({})", self.operand(of, depth))
            }
            5 => {
                let (text, part) =
                    (self.operand(Draw::Text, depth), self.operand(Draw::Text, depth));
                match self.below(2) {
                    0 => format!("{text}.indexOf({part})"),
                    _ => format!("{text}.indexOf({part}, {})", self.operand(Draw::Int, depth)),
                }
            }
            6 => {
                let of = [Draw::Int, Draw::Double, Draw::Text][self.below(3)];
                format!("int({})", self.operand(of, depth))
            }
            _ => {
                format!("{}[{}]", self.operand(Draw::Ints, depth), self.operand(Draw::Int, depth))
            }
        }
    }

    fn double(&mut self, depth: usize) -> String {
        match self.below(3) {
            0 => {
                let op = self.one(&["+", "-", "*", "/"]);
                let (a, b) = (self.operand(Draw::Double, depth), self.operand(Draw::Double, depth));
                format!("({a} {op} {b})")
            }
            1 => format!("-({})", self.operand(Draw::Double, depth)),
            _ => {
                let of = [Draw::Int, Draw::Double, Draw::Text][self.below(3)];
                format!("double({})", self.operand(of, depth))
            }
        }
    }

    fn truth(&mut self, depth: usize) -> String {
        match self.below(9) {
            0 | 1 => {
                let op = self.one(&["&&", "||"]);
                let (a, b) = (self.operand(Draw::Bool, depth), self.operand(Draw::Bool, depth));
                format!("({a} {op} {b})")
            }
            2 => format!("!({})", self.operand(Draw::Bool, depth)),
            3 => {
                let op = self.one(&["<", "<=", ">", ">="]);
                let kinds = [Draw::Int, Draw::Double, Draw::Text, Draw::Bool];
                let of = kinds[self.below(4)];
                // Numbers of both kinds are compared.
                let with = if of == Draw::Int { kinds[self.below(2)] } else { of };
                format!("({} {op} {})", self.operand(of, depth), self.operand(with, depth))
            }
            4 => {
                let op = self.one(&["==", "!="]);
                let of = self.kind();
                let with = if self.below(4) == 0 { self.kind() } else { of };
                format!("({} {op} {})", self.operand(of, depth), self.operand(with, depth))
            }
            5 => {
                let call = self.one(&["contains", "startsWith", "endsWith"]);
                let (a, b) = (self.operand(Draw::Text, depth), self.operand(Draw::Text, depth));
                format!("{a}.{call}({b})")
            }
            6 => {
                let (what, of) = match self.below(4) {
                    0 => (Draw::Int, Draw::Ints),
                    1 => (Draw::Text, Draw::Texts),
                    2 => (Draw::Double, Draw::Ints),
                    _ => (Draw::Any, Draw::Any),
                };
                format!("({} in {})", self.operand(what, depth), self.operand(of, depth))
            }
            7 => {
                let call = self.one(&["all", "exists", "exists_one"]);
                let of = [Draw::Int, Draw::Text][self.below(2)];
                let range = match (of, self.below(3)) {
                    (Draw::Text, 0) => "m".to_owned(),
                    (Draw::Text, _) => self.operand(Draw::Texts, depth),
                    _ => self.operand(Draw::Ints, depth),
                };
                let (name, body) = self.body(of, Draw::Bool, depth);
                format!("{range}.{call}({name}, {body})")
            }
            _ => {
                let pattern = self.one(&["'^a'", "'a+b'", "'[^a]$'", "''", "'(b|ä)+'"]);
                format!("{}.matches({pattern})", self.operand(Draw::Text, depth))
            }
        }
    }

    fn text(&mut self, depth: usize) -> String {
        let text = self.operand(Draw::Text, depth);
        match self.below(8) {
            0 | 1 => format!("({text} + {})", self.operand(Draw::Text, depth)),
            2 => format!("{text}.{}()", self.one(&["lowerAscii", "upperAscii", "trim"])),
            3 => {
                let (from, to) = (self.operand(Draw::Text, depth), self.operand(Draw::Text, depth));
                match self.below(2) {
                    0 => format!("{text}.replace({from}, {to})"),
                    _ => format!("{text}.replace({from}, {to}, {})", self.leaf(Draw::Int)),
                }
            }
            4 => format!("{text}.substring({})", self.operand(Draw::Int, depth)),
            5 => {
                let (from, to) = (self.operand(Draw::Int, depth), self.operand(Draw::Int, depth));
                format!("{text}.substring({from}, {to})")
            }
            6 => {
                let of = [Draw::Int, Draw::Double, Draw::Bool, Draw::Text][self.below(4)];
                format!("string({})", self.operand(of, depth))
            }
            _ => match self.below(2) {
                0 => format!("{}.join()", self.operand(Draw::Texts, depth)),
                _ => format!("{}.join({text})", self.operand(Draw::Texts, depth)),
            },
        }
    }

    fn ints(&mut self, depth: usize) -> String {
        match self.below(3) {
            0 => {
                let (a, b) = (self.operand(Draw::Ints, depth), self.operand(Draw::Ints, depth));
                format!("({a} + {b})")
            }
            1 => {
                let (a, b) = (self.operand(Draw::Int, depth), self.operand(Draw::Int, depth));
                format!("[{a}, {b}]")
            }
            _ => self.looping(Draw::Ints, depth),
        }
    }

    fn any(&mut self, depth: usize) -> String {
        let key = self.one(&["a", "b", "n", "s", "z"]);
        let otherwise = self.leaf(Draw::Any);
        match self.below(7) {
            0 => format!("q[{}]", self.operand(Draw::Int, depth)),
            1 => format!("x['{key}']"),
            2 => format!("x.?{key}.orValue({otherwise})"),
            3 => format!("x.?{key}.b.?c.orValue({otherwise})"),
            4 => format!("q[?{}].orValue({otherwise})", self.operand(Draw::Int, depth)),
            5 => {
                let kind = self.kind();
                format!("{{'a': {}, {}: 1}}", self.operand(kind, depth), self.leaf(Draw::Text))
            }
            _ => {
                let (a, b) = (self.kind(), self.kind());
                format!("[{}, {}]", self.operand(a, depth), self.operand(b, depth))
            }
        }
    }

    fn kind(&mut self) -> Draw {
        let kinds = [Draw::Int, Draw::Double, Draw::Bool, Draw::Text, Draw::Ints, Draw::Texts];
        [kinds.as_slice(), &[Draw::Any]].concat()[self.below(7)]
    }

    /// `map` or `filter`, of a list to a list of the same kind.
    fn looping(&mut self, draw: Draw, depth: usize) -> String {
        let of = if draw == Draw::Ints { Draw::Int } else { Draw::Text };
        let range = self.operand(draw, depth);
        let (name, condition) = self.body(of, Draw::Bool, depth);
        let (_, value) = self.body(of, of, depth);
        match self.below(3) {
            0 => format!("{range}.filter({name}, {condition})"),
            1 => format!("{range}.map({name}, {value})"),
            _ => format!("{range}.map({name}, {condition}, {value})"),
        }
    }

    /// What is done with each item, which is named by how deep the loop is.
    fn body(&mut self, of: Draw, gives: Draw, depth: usize) -> (String, String) {
        let name = format!("v{}", self.loops.len());
        self.loops.push((name.clone(), of));
        let body = self.operand(gives, depth);
        self.loops.pop();
        (name, body)
    }
}

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

fn ours() -> Variables {
    let value = |source| Program::compile(source, &[]).unwrap().evaluate(&Variables::new(), FUEL);
    VARIABLES.iter().map(|(name, source)| (*name, value(source).unwrap())).collect()
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
        other => panic!("not of the language: {other:?}"),
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
    let roots: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
    let theirs = theirs(source, context);
    let ours = match Program::compile(source, &roots) {
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
    let mut choices = Choices { state: seed, loops: Vec::new() };
    let mut seen = BTreeMap::new();
    for n in 0..count {
        let kind = choices.kind();
        let source = choices.expression(kind, 3);
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
        let roots: Vec<&str> = VARIABLES.iter().map(|(name, _)| *name).collect();
        let ours = Program::compile(source, &roots).ok();
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
