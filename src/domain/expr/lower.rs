//! From syntax to what is evaluated: names become places, patterns are read, what is constant is
//! computed, and all that can be seen to be wrong is refused.

use std::sync::Arc;

use super::error::{CompileError, Detail};
use super::eval;
use super::function;
use super::kind::{self, Kind};
use super::node::{Chain, Head, Key, Loop, LoopKind, Node};
use super::pattern::{Pattern, Room};
use super::syntax::Syntax;
use super::value::Value;
use crate::domain::error::quoted;

/// More nodes cost more to keep and to check than a condition is worth.
const NODES_MAX: usize = 1_000;
/// The evaluator recurses once a level; with this it needs a fraction of a thread's stack.
const DEPTH_MAX: usize = 64;
/// A fourth loop over a list of 100 could not end within the fuel.
const LOOPS_MAX: usize = 3;

/// Lowers an expression: the tree, what it gives, and the variables that it names.
pub(super) fn lower(
    syntax: Syntax,
    roots: &[&str],
) -> Result<(Node, Kind, Vec<String>), CompileError> {
    let mut lowering = Lowering {
        roots,
        names: Vec::new(),
        locals: Vec::new(),
        nodes: 0,
        depth: 0,
        room: Room::default(),
    };
    let (node, kind) = lowering.value(syntax)?;
    Ok((node, kind, lowering.names))
}

struct Lowering<'a> {
    roots: &'a [&'a str],
    names: Vec<String>,
    /// The variables of the loops around.
    locals: Vec<String>,
    nodes: usize,
    depth: usize,
    /// What is left for patterns.
    room: Room,
}

/// What a part of an expression becomes.
enum Lowered {
    Value(Node, Kind),
    Chain(Chain),
}

type Typed = (Node, Kind);

fn refuse<T>(detail: Detail, problem: impl Into<String>) -> Result<T, CompileError> {
    Err(CompileError::new(detail, problem))
}

impl Lowering<'_> {
    fn value(&mut self, syntax: Syntax) -> Result<Typed, CompileError> {
        match self.any(syntax)? {
            Lowered::Value(node, kind) => Ok((fold(node), kind)),
            Lowered::Chain(_) => {
                refuse(Detail::Unsupported, "what `.?` or `[?]` gives must end in `.orValue(…)`")
            }
        }
    }

    fn node(&mut self, syntax: Syntax) -> Result<Box<Node>, CompileError> {
        Ok(Box::new(self.value(syntax)?.0))
    }

    /// A part that must be able to be of a kind.
    fn of_kind(
        &mut self,
        syntax: Syntax,
        wanted: Kind,
        what: &str,
    ) -> Result<Box<Node>, CompileError> {
        let (node, kind) = self.value(syntax)?;
        if !kind.may_be(wanted) {
            let problem = format!("{what} takes {}, not {}", wanted.name(), kind.name());
            return refuse(Detail::TypeMismatch, problem);
        }
        Ok(Box::new(node))
    }

    fn any(&mut self, syntax: Syntax) -> Result<Lowered, CompileError> {
        self.nodes += 1;
        self.depth += 1;
        if self.nodes > NODES_MAX {
            return refuse(Detail::TooLarge, format!("it has more than {NODES_MAX} parts"));
        }
        if self.depth > DEPTH_MAX {
            let problem = format!("it is nested deeper than {DEPTH_MAX} levels");
            return refuse(Detail::TooLarge, problem);
        }
        let lowered = self.part(syntax);
        self.depth -= 1;
        lowered
    }

    fn part(&mut self, syntax: Syntax) -> Result<Lowered, CompileError> {
        let (node, kind) = match syntax {
            Syntax::Literal(value) => {
                let kind = Kind::of(&value);
                (Node::Const(value), kind)
            }
            Syntax::Name(name) => (self.name(&name)?, Kind::Any),
            Syntax::Select { of, field, optional } => {
                return self.select(*of, &field, optional);
            }
            Syntax::Has { of, field } => (self.has(*of, &field)?, Kind::Bool),
            Syntax::Index { of, key, optional } => return self.index(*of, *key, optional),
            Syntax::Call { name, target, args } => self.call(&name, target, args)?,
            Syntax::Not(of) => (Node::Not(self.of_kind(*of, Kind::Bool, "`!`")?), Kind::Bool),
            Syntax::Negate(of) => {
                let (node, kind) = self.value(*of)?;
                if !kind.may_be(Kind::Int) && !kind.may_be(Kind::Double) {
                    let problem = format!("`-` takes a number, not {}", kind.name());
                    return refuse(Detail::TypeMismatch, problem);
                }
                (Node::Negate(Box::new(node)), kind)
            }
            Syntax::Binary { op, left, right } => {
                let ((left, left_kind), (right, right_kind)) =
                    (self.value(*left)?, self.value(*right)?);
                let Some(kind) = kind::binary(op, left_kind, right_kind) else {
                    let (left, right) = (left_kind.name(), right_kind.name());
                    let problem = format!("`{op}` does not take {left} and {right}");
                    return refuse(Detail::TypeMismatch, problem);
                };
                (Node::Binary { op, left: Box::new(left), right: Box::new(right) }, kind)
            }
            Syntax::And(left, right) => {
                let left = self.of_kind(*left, Kind::Bool, "`&&`")?;
                (Node::And(left, self.of_kind(*right, Kind::Bool, "`&&`")?), Kind::Bool)
            }
            Syntax::Or(left, right) => {
                let left = self.of_kind(*left, Kind::Bool, "`||`")?;
                (Node::Or(left, self.of_kind(*right, Kind::Bool, "`||`")?), Kind::Bool)
            }
            Syntax::Choose { condition, then, otherwise } => {
                let condition = self.of_kind(*condition, Kind::Bool, "`?:`")?;
                let ((then, then_kind), (otherwise, otherwise_kind)) =
                    (self.value(*then)?, self.value(*otherwise)?);
                let (then, otherwise) = (Box::new(then), Box::new(otherwise));
                let kind = then_kind.or(otherwise_kind);
                (Node::Choose { condition, then, otherwise }, kind)
            }
            Syntax::List(items) => {
                let items = items.into_iter().map(|item| Ok(self.value(item)?.0));
                (Node::List(items.collect::<Result<_, _>>()?), Kind::List)
            }
            Syntax::Map(entries) => (self.map(entries)?, Kind::Map),
            Syntax::Loop { kind, range, variable, filter, body } => {
                self.over(kind, *range, variable, filter, *body)?
            }
        };
        Ok(Lowered::Value(node, kind))
    }

    fn name(&mut self, name: &str) -> Result<Node, CompileError> {
        let root = match name.strip_prefix('.') {
            Some(root) => root,
            None => match self.locals.iter().rposition(|local| local == name) {
                Some(at) => return Ok(Node::Local(at)),
                None => name,
            },
        };
        if !self.roots.contains(&root) {
            let known = self.roots.join(", ");
            let problem = format!("there is no variable {}, only {known}", quoted(root));
            return refuse(Detail::UnknownMember, problem);
        }
        let known = self.names.iter().position(|known| known == root);
        Ok(Node::Root(known.unwrap_or_else(|| {
            self.names.push(root.to_owned());
            self.names.len() - 1
        })))
    }

    /// What a member is looked for in.
    fn container(&mut self, of: Syntax) -> Result<Head, CompileError> {
        let (node, kind) = match self.any(of)? {
            Lowered::Chain(chain) => return Ok(Head::Chain(Box::new(chain))),
            Lowered::Value(node, kind) => (fold(node), kind),
        };
        if !kind.may_be(Kind::Map) && !kind.may_be(Kind::List) {
            return refuse(Detail::TypeMismatch, format!("{} has no members", kind.name()));
        }
        Ok(Head::Value(Box::new(node)))
    }

    fn select(&mut self, of: Syntax, field: &str, optional: bool) -> Result<Lowered, CompileError> {
        let field = Arc::from(field);
        Ok(match self.container(of)? {
            Head::Value(of) if !optional => Lowered::Value(Node::Select { of, field }, Kind::Any),
            of @ (Head::Value(_) | Head::Chain(_)) => {
                Lowered::Chain(Chain { of, key: Key::Field(field), strict: !optional })
            }
        })
    }

    fn index(&mut self, of: Syntax, key: Syntax, optional: bool) -> Result<Lowered, CompileError> {
        let of = self.container(of)?;
        let key = self.node(key)?;
        Ok(match of {
            Head::Value(of) if !optional => Lowered::Value(Node::Index { of, key }, Kind::Any),
            of @ (Head::Value(_) | Head::Chain(_)) => {
                Lowered::Chain(Chain { of, key: Key::Index(key), strict: false })
            }
        })
    }

    fn has(&mut self, of: Syntax, field: &str) -> Result<Node, CompileError> {
        let field = Arc::from(field);
        Ok(match self.container(of)? {
            Head::Value(of) => Node::Has { of, field },
            Head::Chain(chain) => Node::HasAfter { chain, field },
        })
    }

    fn map(&mut self, entries: Vec<(Syntax, Syntax)>) -> Result<Node, CompileError> {
        let entry = |(key, value)| {
            let key = self.of_kind(key, Kind::String, "a key of a map")?;
            Ok((*key, self.value(value)?.0))
        };
        Ok(Node::Map(entries.into_iter().map(entry).collect::<Result<_, _>>()?))
    }

    fn over(
        &mut self,
        kind: LoopKind,
        range: Syntax,
        variable: String,
        filter: Option<Box<Syntax>>,
        body: Syntax,
    ) -> Result<Typed, CompileError> {
        if variable.starts_with('.') {
            return refuse(Detail::Syntax, "the variable of a loop must be a simple name");
        }
        if self.locals.len() == LOOPS_MAX {
            let problem = format!("more than {LOOPS_MAX} loops are nested");
            return refuse(Detail::TooLarge, problem);
        }
        let (range, range_kind) = self.value(range)?;
        if !range_kind.may_be(Kind::List) && !range_kind.may_be(Kind::Map) {
            let problem = format!("a loop takes a list or a map, not {}", range_kind.name());
            return refuse(Detail::TypeMismatch, problem);
        }
        self.locals.push(variable);
        let filter = filter.map(|filter| self.of_kind(*filter, Kind::Bool, "a filter"));
        let filter = filter.transpose()?.map(|filter| *filter);
        let body = match kind {
            LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne | LoopKind::Filter => {
                *self.of_kind(body, Kind::Bool, "a condition of a loop")?
            }
            LoopKind::Map => self.value(body)?.0,
        };
        self.locals.pop();
        let gives = match kind {
            LoopKind::All | LoopKind::Exists | LoopKind::ExistsOne => Kind::Bool,
            LoopKind::Map | LoopKind::Filter => Kind::List,
        };
        Ok((Node::Loop(Box::new(Loop { kind, range, filter, body })), gives))
    }

    fn call(
        &mut self,
        name: &str,
        target: Option<Box<Syntax>>,
        args: Vec<Syntax>,
    ) -> Result<Typed, CompileError> {
        let on_target = target.is_some();
        let given: Vec<Syntax> = target.into_iter().map(|target| *target).chain(args).collect();
        match name {
            "orValue" if on_target => return self.or_value(given),
            "matches" => return self.matches(given),
            _ => (),
        }
        let signature = function::find(name).filter(|found| found.called.allows(on_target));
        let Some(signature) = signature else {
            let problem = format!("there is no function {}", quoted(name));
            return refuse(Detail::Unsupported, problem);
        };
        if !signature.overloads.iter().any(|(takes, _)| takes.len() == given.len()) {
            let count = given.len() - usize::from(on_target);
            let problem = format!("`{name}` does not take {count} arguments");
            return refuse(Detail::Unsupported, problem);
        }
        let given = given.into_iter().map(|part| self.value(part));
        let (args, kinds): (Vec<Node>, Vec<Kind>) =
            given.collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        let Some(kind) = kind::choose(signature.overloads, &kinds) else {
            let kinds: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
            let problem = format!("`{name}` does not take {}", kinds.join(" and "));
            return refuse(Detail::TypeMismatch, problem);
        };
        Ok((Node::Call { function: signature.function, args }, kind))
    }

    fn or_value(&mut self, given: Vec<Syntax>) -> Result<Typed, CompileError> {
        let Ok([of, otherwise]) = <[Syntax; 2]>::try_from(given) else {
            return refuse(Detail::Unsupported, "`orValue` takes one argument");
        };
        let Lowered::Chain(chain) = self.any(of)? else {
            return refuse(Detail::TypeMismatch, "`orValue` must stand behind `.?` or `[?]`");
        };
        let otherwise = self.node(otherwise)?;
        Ok((Node::OrValue { chain: Box::new(chain), otherwise }, Kind::Any))
    }

    fn matches(&mut self, given: Vec<Syntax>) -> Result<Typed, CompileError> {
        let Ok([text, pattern]) = <[Syntax; 2]>::try_from(given) else {
            return refuse(Detail::Unsupported, "`matches` takes a text and a pattern");
        };
        let Syntax::Literal(Value::String(pattern)) = pattern else {
            return refuse(Detail::Unsupported, "the pattern of `matches` must be a literal");
        };
        self.nodes += 1;
        let text = self.of_kind(text, Kind::String, "`matches`")?;
        let pattern = Pattern::compile(&pattern, &mut self.room)?;
        Ok((Node::Matches { text, pattern }, Kind::Bool))
    }
}

/// Computes what is constant, unless that is an error, which may never be met, or large.
fn fold(node: Node) -> Node {
    let constant = |node: &Node| matches!(node, Node::Const(_));
    let foldable = match &node {
        Node::Const(_)
        | Node::Root(_)
        | Node::Local(_)
        | Node::OrValue { .. }
        | Node::HasAfter { .. }
        | Node::Loop(_)
        | Node::Matches { .. } => false,
        Node::Select { of, .. } | Node::Has { of, .. } | Node::Not(of) | Node::Negate(of) => {
            constant(of)
        }
        Node::Index { of, key } => constant(of) && constant(key),
        Node::Binary { left, right, .. } | Node::And(left, right) | Node::Or(left, right) => {
            constant(left) && constant(right)
        }
        Node::Choose { condition, then, otherwise } => {
            constant(condition) && constant(then) && constant(otherwise)
        }
        Node::List(items) => items.iter().all(constant),
        Node::Map(entries) => entries.iter().all(|(key, value)| constant(key) && constant(value)),
        Node::Call { args, .. } => args.iter().all(constant),
    };
    match foldable.then(|| eval::constant(&node)) {
        Some(Ok(value)) => Node::Const(value),
        Some(Err(_)) | None => node,
    }
}
