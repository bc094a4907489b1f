//! Expressions: conditions and computed values, written by callers, in a subset of CEL.
//!
//! A source is read by the parser of another (`parse.rs`), turned into a tree of our own and
//! checked (`lower.rs`), and evaluated with bounded fuel, memory and stack (`eval.rs`). The
//! language has null, bool, int, double, string, list, map with string keys, timestamp and
//! duration; the operators of CEL, `has`, `all`, `exists`, `exists_one`, `map`, `filter`, `.?`,
//! `[?]`, `orValue`; and the functions of `function.rs`. It differs from CEL where that would
//! surprise who writes about JSON: an int and a double may be added. There is no clock and no
//! chance in it, so that a condition gives the same on every replica.

use std::fmt;
use std::sync::Arc;

mod compare;
mod convert;
mod error;
mod eval;
mod function;
mod kind;
mod lower;
mod meter;
mod node;
mod number;
mod operator;
mod parse;
mod path;
mod pattern;
mod scan;
mod syntax;
mod text;
mod time;
mod value;

#[cfg(test)]
mod tests;

pub use error::{CompileError, Detail, Position, RunError, RunErrorKind};
pub use value::{Value, Variables};

use kind::Kind;
use node::Node;

/// The bytes of a source. A longer one is a program, and belongs elsewhere.
pub const SOURCE_BYTES_MAX: usize = 4 * 1024;
/// The fuel of an expression, about 2 ms.
pub const FUEL: u64 = 100_000;
/// The fuel of a condition that is decided within a batch, which others wait for.
pub const CONDITION_FUEL: u64 = 10_000;

/// A checked expression. Clones are cheap.
#[derive(Clone)]
pub struct Program {
    checked: Arc<Checked>,
}

struct Checked {
    source: String,
    /// The variables that it names.
    names: Vec<String>,
    node: Node,
}

impl Program {
    /// Checks a source. `roots` are the names of the variables that it may use.
    pub fn compile(source: &str, roots: &[&str]) -> Result<Program, CompileError> {
        Program::check(source, roots).map(|(program, _)| program)
    }

    /// As [`Program::compile`]; also refuses what can be seen not to give a bool.
    pub fn condition(source: &str, roots: &[&str]) -> Result<Program, CompileError> {
        let (program, kind) = Program::check(source, roots)?;
        if !kind.may_be(Kind::Bool) {
            let problem = format!("a condition must give a bool, this gives {}", kind.name());
            return Err(CompileError::new(Detail::NotBool, problem));
        }
        Ok(program)
    }

    fn check(source: &str, roots: &[&str]) -> Result<(Program, Kind), CompileError> {
        if source.len() > SOURCE_BYTES_MAX {
            let problem = format!("it must be at most {SOURCE_BYTES_MAX} bytes");
            return Err(CompileError::new(Detail::TooLarge, problem));
        }
        let (node, kind, names) = lower::lower(parse::parse(source)?, roots)?;
        let checked = Arc::new(Checked { source: source.to_owned(), names, node });
        Ok((Program { checked }, kind))
    }

    /// What it was made from.
    pub fn source(&self) -> &str {
        &self.checked.source
    }

    /// Gives its value. A variable that is named and not given is an error where it is needed.
    pub fn evaluate(&self, variables: &Variables, fuel: u64) -> Result<Value, RunError> {
        eval::evaluate(&self.checked.node, &self.checked.names, variables, fuel)
    }

    /// Evaluates a condition: anything but a bool is `TYPE_MISMATCH`.
    pub fn holds(&self, variables: &Variables, fuel: u64) -> Result<bool, RunError> {
        let value = self.evaluate(variables, fuel)?;
        let Value::Bool(holds) = value else {
            let found = value.type_name();
            return error::mismatch(format!("a condition must give a bool, not {found}"));
        };
        Ok(holds)
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Program").field(&self.checked.source).finish()
    }
}
