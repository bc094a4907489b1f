//! An expression as it is written, before anything is looked up.

use super::node::{BinaryOp, LoopKind};
use super::value::Value;

/// A part of an expression.
#[derive(Debug, PartialEq)]
pub(super) enum Syntax {
    Literal(Value),
    /// A variable. A leading dot asks for one of the whole expression, not of a loop.
    Name(String),
    Select {
        of: Box<Syntax>,
        field: String,
        optional: bool,
    },
    Has {
        of: Box<Syntax>,
        field: String,
    },
    Index {
        of: Box<Syntax>,
        key: Box<Syntax>,
        optional: bool,
    },
    Call {
        name: String,
        target: Option<Box<Syntax>>,
        args: Vec<Syntax>,
    },
    Not(Box<Syntax>),
    Negate(Box<Syntax>),
    Binary {
        op: BinaryOp,
        left: Box<Syntax>,
        right: Box<Syntax>,
    },
    And(Box<Syntax>, Box<Syntax>),
    Or(Box<Syntax>, Box<Syntax>),
    Choose {
        condition: Box<Syntax>,
        then: Box<Syntax>,
        otherwise: Box<Syntax>,
    },
    List(Vec<Syntax>),
    Map(Vec<(Syntax, Syntax)>),
    Loop {
        kind: LoopKind,
        range: Box<Syntax>,
        variable: String,
        filter: Option<Box<Syntax>>,
        body: Box<Syntax>,
    },
}
