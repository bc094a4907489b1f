//! Evaluates what was lowered.
//!
//! Recursion is as deep as the tree, which lowering bounds; all else is bounded by the meter, which
//! is asked before the work.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::convert;
use super::error::{RunError, RunErrorKind, mismatch};
use super::function::{self, ARGS_MAX, Function};
use super::meter::{MEMORY_MAX, Meter};
use super::node::{Chain, Head, Key, Loop, LoopKind, Node};
use super::operator;
use super::path;
use super::text;
use super::time;
use super::value::{Value, Variables};
use crate::domain::error::quoted;

/// What computing a constant part may take. A larger part is left to the run.
const CONSTANT_FUEL: u64 = 1_000;
const CONSTANT_BYTES_MAX: u64 = 4 * 1024;

/// Evaluates a tree.
pub(super) fn evaluate(
    node: &Node,
    names: &[String],
    variables: &Variables,
    fuel: u64,
) -> Result<Value, RunError> {
    let roots = names.iter().map(|name| (name.as_str(), variables.get(name))).collect();
    let meter = Meter::new(fuel, MEMORY_MAX);
    Run { roots, locals: Vec::new(), meter }.value(node)
}

/// Evaluates a tree that names nothing.
pub(super) fn constant(node: &Node) -> Result<Value, RunError> {
    let meter = Meter::new(CONSTANT_FUEL, CONSTANT_BYTES_MAX);
    Run { roots: Vec::new(), locals: Vec::new(), meter }.value(node)
}

struct Run<'a> {
    roots: Vec<(&'a str, Option<&'a Value>)>,
    locals: Vec<Value>,
    meter: Meter,
}

impl<'a> Run<'a> {
    fn value(&mut self, node: &'a Node) -> Result<Value, RunError> {
        if let Some(value) = self.place(node)? {
            return Ok(value.clone());
        }
        self.meter.take(1)?;
        match node {
            Node::Const(value) => Ok(value.clone()),
            // All that has a place was answered above, but for members of what has none.
            Node::Root(_) | Node::Local(_) => mismatch("a variable has no place"),
            Node::Select { of, field } => {
                let of = self.value(of)?;
                path::member(&of, field).cloned()
            }
            Node::Has { of, field } => {
                let of = self.value(of)?;
                path::has(&of, field)
            }
            Node::Index { of, key } => {
                let (of, key) = (self.value(of)?, self.value(key)?);
                path::item(&of, &key).cloned()
            }
            Node::OrValue { chain, otherwise } => match self.chain(chain)? {
                Some(value) => Ok(value),
                None => self.value(otherwise),
            },
            Node::HasAfter { chain, field } => match self.chain(chain)? {
                Some(value) => path::has(&value, field),
                None => Ok(Value::Bool(false)),
            },
            Node::Not(of) => self.truth(of, "`!`").map(|truth| Value::Bool(!truth)),
            Node::Negate(of) => operator::negate(&self.value(of)?),
            Node::Binary { op, left, right } => {
                let (left, right) = (self.value(left)?, self.value(right)?);
                operator::binary(&self.meter, *op, &left, &right)
            }
            Node::And(left, right) => self.logic(left, right, false),
            Node::Or(left, right) => self.logic(left, right, true),
            Node::Choose { condition, then, otherwise } => {
                let chosen = if self.truth(condition, "`?:`")? { then } else { otherwise };
                self.value(chosen)
            }
            Node::List(items) => {
                self.meter.make_list(items.len())?;
                items.iter().map(|item| self.value(item)).collect()
            }
            Node::Map(entries) => self.map(entries),
            Node::Call { function, args } => self.call(*function, args),
            Node::Matches { text, pattern } => {
                let text = self.value(text)?;
                let Value::String(text) = &text else {
                    let found = text.type_name();
                    return mismatch(format!("`matches` takes a string, not {found}"));
                };
                self.meter.matching(text.len(), pattern.weight())?;
                Ok(Value::Bool(pattern.is_match(text)))
            }
            Node::Loop(over) => self.over(over),
        }
    }

    /// A value that lies somewhere already, so that a path through large values copies none of
    /// them.
    fn place<'s>(&'s self, node: &'s Node) -> Result<Option<&'s Value>, RunError> {
        let value = match node {
            Node::Const(value) => value,
            Node::Root(at) => match self.roots.get(*at) {
                Some((_, Some(value))) => value,
                Some((name, None)) => {
                    let problem = format!("there is no `{name}` here");
                    return Err(RunError::new(RunErrorKind::NoSuchKey, problem));
                }
                None => return Ok(None),
            },
            Node::Local(at) => match self.locals.get(*at) {
                Some(value) => value,
                None => return Ok(None),
            },
            Node::Select { of, field } => match self.place(of)? {
                Some(of) => path::member(of, field)?,
                None => return Ok(None),
            },
            Node::Has { .. }
            | Node::Index { .. }
            | Node::OrValue { .. }
            | Node::HasAfter { .. }
            | Node::Not(_)
            | Node::Negate(_)
            | Node::Binary { .. }
            | Node::And(..)
            | Node::Or(..)
            | Node::Choose { .. }
            | Node::List(_)
            | Node::Map(_)
            | Node::Call { .. }
            | Node::Matches { .. }
            | Node::Loop(_) => return Ok(None),
        };
        self.meter.take(1)?;
        Ok(Some(value))
    }

    fn truth(&mut self, node: &'a Node, what: &str) -> Result<bool, RunError> {
        let value = self.value(node)?;
        let Value::Bool(truth) = value else {
            return mismatch(format!("{what} takes a bool, not {}", value.type_name()));
        };
        Ok(truth)
    }

    /// `&&` and `||`: one side that decides is enough, whatever is wrong with the other.
    fn logic(&mut self, left: &'a Node, right: &'a Node, decides: bool) -> Result<Value, RunError> {
        let what = if decides { "`||`" } else { "`&&`" };
        let left = self.truth(left, what);
        match &left {
            Ok(truth) if *truth == decides => return Ok(Value::Bool(decides)),
            Err(error) if error.is_final() => return left.map(Value::Bool),
            Ok(_) | Err(_) => (),
        }
        match self.truth(right, what) {
            Ok(truth) if truth == decides => Ok(Value::Bool(decides)),
            Err(error) if error.is_final() => Err(error),
            right => left.and(right).map(Value::Bool),
        }
    }

    /// A step that may lead nowhere. Only a missing key or place is nowhere behind a plain `.`.
    fn chain(&mut self, chain: &'a Chain) -> Result<Option<Value>, RunError> {
        self.meter.take(1)?;
        let of = match &chain.of {
            Head::Value(node) => self.value(node)?,
            Head::Chain(chain) => match self.chain(chain)? {
                Some(value) => value,
                None => return Ok(None),
            },
        };
        let found = match &chain.key {
            Key::Field(field) => path::member(&of, field),
            Key::Index(key) => {
                let key = self.value(key)?;
                path::item(&of, &key)
            }
        };
        match found {
            Ok(value) => Ok(Some(value.clone())),
            Err(error) if error.kind == RunErrorKind::TypeMismatch && chain.strict => Err(error),
            Err(_) => Ok(None),
        }
    }

    fn map(&mut self, entries: &'a [(Node, Node)]) -> Result<Value, RunError> {
        self.meter.make_map(entries.len())?;
        let mut map = BTreeMap::new();
        for (key, value) in entries {
            let key = self.value(key)?;
            let Value::String(key) = key else {
                let found = key.type_name();
                return mismatch(format!("a key of a map must be a string, not {found}"));
            };
            let value = self.value(value)?;
            if map.contains_key(&key) {
                let problem = format!("a map has the key {} twice", quoted(&key));
                return Err(RunError::new(RunErrorKind::BadConversion, problem));
            }
            map.insert(key, value);
        }
        Ok(Value::Map(Arc::new(map)))
    }

    fn call(&mut self, function: Function, given: &'a [Node]) -> Result<Value, RunError> {
        let mut args = [const { Value::Null }; ARGS_MAX];
        for (arg, node) in args.iter_mut().zip(given) {
            *arg = self.value(node)?;
        }
        let args = args.get(..given.len()).unwrap_or_default();
        let done = match function {
            Function::Size => text::size(&self.meter, args),
            Function::Contains
            | Function::StartsWith
            | Function::EndsWith
            | Function::LowerAscii
            | Function::UpperAscii
            | Function::Trim
            | Function::Replace
            | Function::Split
            | Function::Join
            | Function::IndexOf
            | Function::Substring => text::call(&self.meter, function, args),
            Function::Int
            | Function::Double
            | Function::String
            | Function::Bool
            | Function::Timestamp
            | Function::Duration => convert::call(&self.meter, function, args),
            Function::Get(part) => match args {
                [Value::Timestamp(at)] => time::part_of_instant(part, *at, None).map(Some),
                [Value::Timestamp(at), Value::String(zone)] => {
                    time::part_of_instant(part, *at, Some(zone)).map(Some)
                }
                [Value::Duration(span)] => Ok(time::part_of_span(part, *span)),
                _ => Ok(None),
            },
        };
        done?.map_or_else(
            || {
                let kinds: Vec<_> = args.iter().map(Value::type_name).collect();
                let name = function::name(function);
                mismatch(format!("`{name}` does not take {}", kinds.join(" and ")))
            },
            Ok,
        )
    }

    fn over(&mut self, over: &'a Loop) -> Result<Value, RunError> {
        let slot = self.locals.len();
        let range = self.value(&over.range)?;
        self.locals.push(Value::Null);
        let result = if let Value::List(items) = &range {
            self.each(over, slot, items.iter().cloned())
        } else if let Value::Map(entries) = &range {
            self.each(over, slot, entries.keys().map(|key| Value::String(key.clone())))
        } else {
            mismatch(format!("a loop takes a list or a map, not {}", range.type_name()))
        };
        self.locals.truncate(slot);
        result
    }

    fn each(
        &mut self,
        over: &'a Loop,
        slot: usize,
        items: impl Iterator<Item = Value>,
    ) -> Result<Value, RunError> {
        let mut kept = Vec::new();
        let mut held = 0_u64;
        let mut wrong = None;
        for item in items {
            self.meter.take(1)?;
            if let Some(place) = self.locals.get_mut(slot) {
                *place = item.clone();
            }
            match over.kind {
                LoopKind::All | LoopKind::Exists => {
                    let decides = over.kind == LoopKind::Exists;
                    match self.truth(&over.body, "a loop") {
                        Ok(truth) if truth == decides => return Ok(Value::Bool(decides)),
                        Ok(_) => (),
                        Err(error) if error.is_final() => return Err(error),
                        Err(error) => wrong = wrong.or(Some(error)),
                    }
                }
                LoopKind::ExistsOne => held += u64::from(self.truth(&over.body, "a loop")?),
                LoopKind::Filter => {
                    if self.truth(&over.body, "a loop")? {
                        self.meter.make_list(1)?;
                        kept.push(item);
                    }
                }
                LoopKind::Map => {
                    if let Some(filter) = &over.filter
                        && !self.truth(filter, "a filter")?
                    {
                        continue;
                    }
                    self.meter.make_list(1)?;
                    kept.push(self.value(&over.body)?);
                }
            }
        }
        match (wrong, over.kind) {
            (Some(error), _) => Err(error),
            (None, LoopKind::All) => Ok(Value::Bool(true)),
            (None, LoopKind::Exists) => Ok(Value::Bool(false)),
            (None, LoopKind::ExistsOne) => Ok(Value::Bool(held == 1)),
            (None, LoopKind::Filter | LoopKind::Map) => Ok(Value::List(Arc::new(kept))),
        }
    }
}
