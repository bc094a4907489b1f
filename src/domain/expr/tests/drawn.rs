//! Expressions drawn from a seed: small, mostly well typed, of all parts of the language but
//! instants, and about variables that hide most of them from folding.

use super::*;

/// Named as the values are made: by expressions.
pub(super) const VARIABLES: &[(&str, &str)] = &[
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
pub(super) struct Choices {
    state: u64,
    /// The variables of the loops around, which are whole numbers or texts.
    loops: Vec<(String, Draw)>,
}

impl Choices {
    pub(super) fn new(seed: u64) -> Choices {
        Choices { state: seed, loops: Vec::new() }
    }

    /// The next expression.
    pub(super) fn source(&mut self) -> String {
        let kind = self.kind();
        self.expression(kind, 3)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
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
        match self.below(8) {
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
            _ => {
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

/// The names of the variables.
pub(super) fn roots() -> Vec<&'static str> {
    VARIABLES.iter().map(|(name, _)| *name).collect()
}

/// The variables.
pub(super) fn ours() -> Variables {
    let value = |source| Program::compile(source, &[]).unwrap().evaluate(&Variables::new(), FUEL);
    VARIABLES.iter().map(|(name, source)| (*name, value(source).unwrap())).collect()
}

/// What any evaluation must obey, and what it costs.
#[test]
fn a_run_out_of_fuel_never_looks_like_an_answer() {
    let (roots, variables) = (roots(), ours());
    let mut choices = Choices::new(0x9077_5003);
    let mut cut = 0;
    for n in 0..3_000 {
        let source = choices.source();
        let Ok(program) = Program::compile(&source, &roots) else { continue };
        let whole = format!("{:?}", program.evaluate(&variables, FUEL));

        for fuel in [0, 1, 2, 5, 10, 20].map(|fuel| fuel + choices.below(5) as u64) {
            let partly = program.evaluate(&variables, fuel);

            if partly.as_ref().is_err_and(|error| error.kind == RunErrorKind::LimitExceeded) {
                cut += 1;
            } else {
                assert_eq!(format!("{partly:?}"), whole, "{n}, fuel {fuel}: {source}");
            }
        }
    }
    assert!(cut > 3_000, "{cut}");
}

/// Goal: what is computed when an expression is saved is what the run would compute.
///
/// Method: with its variables replaced by their values, most of an expression is constant.
#[test]
fn folding_changes_nothing() {
    let (roots, variables) = (roots(), ours());
    let mut choices = Choices::new(0x9077_5004);
    let mut same = 0;
    for n in 0..3_000 {
        let source = choices.source();
        let Ok(program) = Program::compile(&source, &roots) else { continue };
        let Ok(constant) = Program::compile(&with_values(&source), &[]) else { continue };

        let run = program.evaluate(&variables, FUEL);
        let folded = constant.evaluate(&Variables::new(), FUEL);

        let told = |result: Result<Value, RunError>| {
            result.map(|value| format!("{value:?}")).map_err(|error| error.kind)
        };
        assert_eq!(told(run), told(folded), "{n}: {source}");
        same += 1;
    }
    assert!(same > 2_000, "{same}");
}

/// The same expression with the values of its variables in their places.
fn with_values(source: &str) -> String {
    let mut written = String::new();
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        let end = match first {
            '\'' | '"' => rest.match_indices(first).nth(1).map(|(at, _)| at + 1),
            _ if is_word(first) => rest.find(|c| !is_word(c)),
            _ => Some(first.len_utf8()),
        };
        let (word, further) = rest.split_at(end.unwrap_or(rest.len()));
        let (name, path) = word.split_at(word.find('.').unwrap_or(word.len()));
        match VARIABLES.iter().find(|(variable, _)| *variable == name) {
            Some((_, value)) => written.push_str(&format!("({value}){path}")),
            None => written.push_str(word),
        }
        rest = further;
    }
    written
}
