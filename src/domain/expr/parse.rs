//! From a source to its syntax: the only file that knows the parser.
//!
//! The parser turns loops into folds over an accumulator; they are recognised by their shape and
//! turned back. It keeps no places of what it has read, so that only errors of syntax have one.

use cel::common::ast::{
    CallExpr, ComprehensionExpr, EntryExpr, Expr, IdedExpr, ListExpr, LiteralValue, operators,
};
use cel::parser::{ParseError, ParseErrors, PrattParser};

use super::error::{CompileError, Detail, Position};
use super::node::{BinaryOp, LoopKind};
use super::scan;
use super::syntax::Syntax;
use super::value::Value;
use crate::domain::error::quoted;

/// Reads a source that [`scan::check`] found to be harmless.
pub(super) fn parse(source: &str) -> Result<Syntax, CompileError> {
    scan::check(source)?;
    let tree = parser().parse(source).map_err(|errors| syntax_error(errors, source))?;
    read(tree)
}

fn parser() -> PrattParser {
    let brackets = u16::try_from(scan::BRACKETS_MAX).expect("a few");
    PrattParser::new()
        .max_recursion_depth(brackets)
        .enable_optional_syntax(true)
        // The first error is told; what comes behind it is a guess.
        .error_recovery_limit(0)
}

fn syntax_error(errors: ParseErrors, source: &str) -> CompileError {
    let placed = |error: &&ParseError| error.pos.0 > 0;
    let Some(error) = errors.errors.iter().find(placed).or(errors.errors.first()) else {
        return CompileError::new(Detail::Syntax, "it is no expression");
    };
    let problem = error.msg.trim_start_matches("Syntax error: ");
    let problem: String = problem.chars().take(200).collect();
    let position = place(error.pos, source);
    CompileError { position, ..CompileError::new(Detail::Syntax, problem) }
}

/// The parser counts bytes in the line.
fn place((line, column): (isize, isize), source: &str) -> Option<Position> {
    let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?);
    let before = source.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len);
    Some(Position::at(source, before.sum::<usize>() + column.checked_sub(1)?))
}

fn unsupported(problem: impl Into<String>) -> CompileError {
    CompileError::new(Detail::Unsupported, problem)
}

fn boxed(tree: IdedExpr) -> Result<Box<Syntax>, CompileError> {
    read(tree).map(Box::new)
}

fn read(tree: IdedExpr) -> Result<Syntax, CompileError> {
    Ok(match tree.expr {
        Expr::Unspecified => return Err(CompileError::new(Detail::Syntax, "it is no expression")),
        Expr::Literal(literal) => Syntax::Literal(read_literal(literal)?),
        Expr::Ident(name) => Syntax::Name(name),
        Expr::Select(select) if select.test => {
            Syntax::Has { of: boxed(*select.operand)?, field: select.field }
        }
        Expr::Select(select) => {
            let of = boxed(*select.operand)?;
            Syntax::Select { of, field: select.field, optional: false }
        }
        Expr::Call(call) => read_call(call)?,
        Expr::List(list) if list.optional_indices.is_empty() => {
            Syntax::List(list.elements.into_iter().map(read).collect::<Result<_, _>>()?)
        }
        Expr::List(_) => return Err(unsupported("a list cannot hold `?` items")),
        Expr::Map(map) => {
            let entries = map.entries.into_iter().map(|entry| read_entry(entry.expr));
            Syntax::Map(entries.collect::<Result<_, _>>()?)
        }
        Expr::Struct(message) => {
            let name = quoted(&message.type_name);
            return Err(unsupported(format!("there are no messages, so no {name}")));
        }
        Expr::Comprehension(fold) => read_loop(*fold)?,
    })
}

fn read_literal(literal: LiteralValue) -> Result<Value, CompileError> {
    Ok(match literal {
        LiteralValue::Null => Value::Null,
        LiteralValue::Boolean(flag) => Value::Bool(*flag.inner()),
        LiteralValue::Int(number) => Value::Int(*number.inner()),
        LiteralValue::Double(number) => Value::Double(*number.inner()),
        LiteralValue::String(text) => text.inner().into(),
        LiteralValue::UInt(_) => return Err(unsupported("there are no unsigned numbers")),
        LiteralValue::Bytes(_) => return Err(unsupported("there are no bytes")),
    })
}

fn read_entry(entry: EntryExpr) -> Result<(Syntax, Syntax), CompileError> {
    match entry {
        EntryExpr::MapEntry(entry) if !entry.optional => Ok((read(entry.key)?, read(entry.value)?)),
        EntryExpr::MapEntry(_) => Err(unsupported("a map cannot hold `?` entries")),
        EntryExpr::StructField(_) => Err(unsupported("there are no messages")),
    }
}

fn read_call(call: CallExpr) -> Result<Syntax, CompileError> {
    let CallExpr { func_name: name, target, args } = call;
    if target.is_some() {
        return read_named(name, target, args);
    }
    let count = args.len();
    let mut args = args.into_iter();
    let mut next = || {
        let missing = || CompileError::new(Detail::Syntax, "an operand is missing");
        args.next().ok_or_else(missing).and_then(boxed)
    };
    Ok(match name.as_str() {
        operators::LOGICAL_NOT => Syntax::Not(next()?),
        operators::NEGATE => Syntax::Negate(next()?),
        operators::LOGICAL_AND => Syntax::And(next()?, next()?),
        operators::LOGICAL_OR => Syntax::Or(next()?, next()?),
        operators::CONDITIONAL => {
            Syntax::Choose { condition: next()?, then: next()?, otherwise: next()? }
        }
        operators::INDEX => Syntax::Index { of: next()?, key: next()?, optional: false },
        operators::OPT_INDEX => Syntax::Index { of: next()?, key: next()?, optional: true },
        operators::OPT_SELECT => match (next()?, *next()?) {
            (of, Syntax::Literal(Value::String(field))) => {
                Syntax::Select { of, field: field.as_ref().into(), optional: true }
            }
            _ => return Err(CompileError::new(Detail::Syntax, "a name must follow `.?`")),
        },
        _ => match binary(&name) {
            Some(op) if count == 2 => Syntax::Binary { op, left: next()?, right: next()? },
            Some(_) | None => return read_named(name, None, args.collect()),
        },
    })
}

fn read_named(
    name: String,
    target: Option<Box<IdedExpr>>,
    args: Vec<IdedExpr>,
) -> Result<Syntax, CompileError> {
    let target = target.map(|target| boxed(*target)).transpose()?;
    let args = args.into_iter().map(read).collect::<Result<_, _>>()?;
    Ok(Syntax::Call { name, target, args })
}

fn binary(name: &str) -> Option<BinaryOp> {
    Some(match name {
        operators::ADD => BinaryOp::Add,
        operators::SUBSTRACT => BinaryOp::Subtract,
        operators::MULTIPLY => BinaryOp::Multiply,
        operators::DIVIDE => BinaryOp::Divide,
        operators::MODULO => BinaryOp::Remainder,
        operators::EQUALS => BinaryOp::Equal,
        operators::NOT_EQUALS => BinaryOp::NotEqual,
        operators::LESS => BinaryOp::Less,
        operators::LESS_EQUALS => BinaryOp::LessOrEqual,
        operators::GREATER => BinaryOp::Greater,
        operators::GREATER_EQUALS => BinaryOp::GreaterOrEqual,
        operators::IN => BinaryOp::In,
        _ => return None,
    })
}

fn read_loop(fold: ComprehensionExpr) -> Result<Syntax, CompileError> {
    let strange = || unsupported("there is no such loop");
    let call = |tree: IdedExpr| {
        let Expr::Call(call) = tree.expr else { return None };
        Some((call.func_name, call.args))
    };
    let (step, mut args) = call(fold.loop_step).ok_or_else(strange)?;
    let (kind, filter, body) = match (fold.accu_init.expr, step.as_str()) {
        (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_AND) => {
            (LoopKind::All, None, args.pop())
        }
        (Expr::Literal(LiteralValue::Boolean(_)), operators::LOGICAL_OR) => {
            (LoopKind::Exists, None, args.pop())
        }
        (Expr::Literal(LiteralValue::Int(_)), operators::CONDITIONAL) => {
            (LoopKind::ExistsOne, None, args.into_iter().next())
        }
        (Expr::List(_), operators::ADD) => (LoopKind::Map, None, args.pop().and_then(only_item)),
        (Expr::List(_), operators::CONDITIONAL) => {
            let mut args = args.into_iter();
            let condition = args.next();
            let item = args.next().and_then(call).and_then(|(_, mut args)| args.pop());
            let item = item.and_then(only_item);
            match item {
                Some(IdedExpr { expr: Expr::Ident(name), .. }) if name == fold.iter_var => {
                    (LoopKind::Filter, None, condition)
                }
                item => (LoopKind::Map, condition, item),
            }
        }
        _ => return Err(strange()),
    };
    Ok(Syntax::Loop {
        kind,
        range: boxed(fold.iter_range)?,
        variable: fold.iter_var,
        filter: filter.map(boxed).transpose()?,
        body: boxed(body.ok_or_else(strange)?)?,
    })
}

fn only_item(tree: IdedExpr) -> Option<IdedExpr> {
    let Expr::List(ListExpr { mut elements, .. }) = tree.expr else { return None };
    elements.pop().filter(|_| elements.is_empty())
}
