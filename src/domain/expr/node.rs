//! What is evaluated: the tree of an expression after lowering.

use std::fmt;
use std::sync::Arc;

use super::function::Function;
use super::pattern::Pattern;
use super::value::Value;

/// A part of an expression that has a value.
#[derive(Debug)]
pub(super) enum Node {
    Const(Value),
    /// A variable, by its place in the names of the program.
    Root(usize),
    /// What a loop goes over now, by the number of loops around.
    Local(usize),
    Select {
        of: Box<Node>,
        field: Arc<str>,
    },
    Has {
        of: Box<Node>,
        field: Arc<str>,
    },
    Index {
        of: Box<Node>,
        key: Box<Node>,
    },
    /// `a.?b.orValue(c)`.
    OrValue {
        chain: Box<Chain>,
        otherwise: Box<Node>,
    },
    /// `has(a.?b.c)`.
    HasAfter {
        chain: Box<Chain>,
        field: Arc<str>,
    },
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary {
        op: BinaryOp,
        left: Box<Node>,
        right: Box<Node>,
    },
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Choose {
        condition: Box<Node>,
        then: Box<Node>,
        otherwise: Box<Node>,
    },
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
    Call {
        function: Function,
        args: Vec<Node>,
    },
    Matches {
        text: Box<Node>,
        pattern: Pattern,
    },
    Loop(Box<Loop>),
}

/// What may be there or not: a step behind `.?` or `[?]`.
///
/// It is no value, so that none can be stored, compared or given out: `orValue` or `has` ends it.
#[derive(Debug)]
pub(super) struct Chain {
    pub(super) of: Head,
    pub(super) key: Key,
    /// Behind a plain `.`, where a value without members is an error and not nothing.
    pub(super) strict: bool,
}

/// What a chain starts from.
#[derive(Debug)]
pub(super) enum Head {
    Value(Box<Node>),
    Chain(Box<Chain>),
}

/// What a chain looks for.
#[derive(Debug)]
pub(super) enum Key {
    Field(Arc<str>),
    Index(Box<Node>),
}

/// A loop over the items of a list or the keys of a map.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) kind: LoopKind,
    pub(super) range: Node,
    /// Of `map` with three arguments.
    pub(super) filter: Option<Node>,
    pub(super) body: Node,
}

/// What a loop makes of its items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LoopKind {
    All,
    Exists,
    ExistsOne,
    Map,
    Filter,
}

/// An operator between two values that needs both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum BinaryOp {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    In,
}

impl fmt::Display for BinaryOp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            BinaryOp::Add => "+",
            BinaryOp::Subtract => "-",
            BinaryOp::Multiply => "*",
            BinaryOp::Divide => "/",
            BinaryOp::Remainder => "%",
            BinaryOp::Equal => "==",
            BinaryOp::NotEqual => "!=",
            BinaryOp::Less => "<",
            BinaryOp::LessOrEqual => "<=",
            BinaryOp::Greater => ">",
            BinaryOp::GreaterOrEqual => ">=",
            BinaryOp::In => "in",
        })
    }
}
