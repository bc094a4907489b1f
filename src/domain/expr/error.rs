//! Why an expression is refused when it is saved, and why it gives no value when it is run.

use std::fmt;

use crate::domain::error::{Error, Reason};

macro_rules! named {
    (
        $(#[$outer:meta])*
        $name:ident { $($(#[doc = $doc:literal])* $variant:ident => $text:literal,)* }
    ) => {
        $(#[$outer])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name { $($(#[doc = $doc])* $variant,)* }

        impl $name {
            /// The name that travels.
            pub const fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text,)* }
            }
        }
    };
}

named! {
    /// Why an expression is refused when it is saved.
    Detail {
        /// It is no expression.
        Syntax => "SYNTAX",
        /// It is over a limit of length, nodes, depth or nesting.
        TooLarge => "TOO_LARGE",
        /// It uses what the language has elsewhere and not here.
        Unsupported => "UNSUPPORTED",
        /// An operator or a function gets what it can never take.
        TypeMismatch => "TYPE_MISMATCH",
        /// A condition that can never be true or false.
        NotBool => "NOT_BOOL",
        /// A pattern that is none, or that is too large.
        BadRegex => "BAD_REGEX",
        /// A name that there is not.
        UnknownMember => "UNKNOWN_MEMBER",
    }
}

named! {
    /// Why an expression gives no value. `&&`, `||`, `all` and `exists` absorb all but the last.
    RunErrorKind {
        /// A map has no such key, or a variable no value.
        NoSuchKey => "NO_SUCH_KEY",
        /// An operator or a function got what it does not take.
        TypeMismatch => "TYPE_MISMATCH",
        /// An integer was divided by zero.
        DivideByZero => "DIVIDE_BY_ZERO",
        /// A number, an instant or a length of time left its range.
        Overflow => "OVERFLOW",
        /// A place that a list or a text does not have.
        OutOfRange => "OUT_OF_RANGE",
        /// A value that cannot be made from the given one.
        BadConversion => "BAD_CONVERSION",
        /// It took more fuel or more memory than it was given.
        LimitExceeded => "LIMIT_EXCEEDED",
    }
}

/// A place in the source, counted from 1. Columns are characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in the line.
    pub column: usize,
}

impl Position {
    /// The place of a byte of the source.
    pub(super) fn at(source: &str, byte: usize) -> Position {
        let before = source.get(..byte).unwrap_or(source);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        Position { line, column }
    }
}

impl fmt::Display for Position {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}, column {}", self.line, self.column)
    }
}

/// An expression that is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CompileError {
    /// The kind of it.
    pub detail: Detail,
    /// For people.
    pub problem: String,
    /// Where; known for errors of syntax alone.
    pub position: Option<Position>,
}

impl CompileError {
    pub(super) fn new(detail: Detail, problem: impl Into<String>) -> CompileError {
        CompileError { detail, problem: problem.into(), position: None }
    }

    /// The refusal of the field that holds the expression.
    pub fn into_error(self, field: impl Into<String>) -> Error {
        let problem = self.to_string();
        let reason = Reason::ExpressionInvalid;
        let error = Error::Invalid { reason, field: field.into(), problem };
        error.with("detail", self.detail.as_str())
    }
}

impl fmt::Display for CompileError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some(position) => write!(out, "{position}: {}", self.problem),
            None => out.write_str(&self.problem),
        }
    }
}

impl std::error::Error for CompileError {}

/// An expression that gives no value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct RunError {
    /// The kind of it.
    pub kind: RunErrorKind,
    /// For people.
    pub problem: String,
}

impl RunError {
    pub(super) fn new(kind: RunErrorKind, problem: impl Into<String>) -> RunError {
        RunError { kind, problem: problem.into() }
    }

    /// Whether `&&` and `||` must pass it on. Else a run out of fuel could look like an answer.
    pub(super) fn is_final(&self) -> bool {
        self.kind == RunErrorKind::LimitExceeded
    }
}

/// A value that is not of a kind that is taken there.
pub(super) fn mismatch<T>(problem: impl Into<String>) -> Result<T, RunError> {
    Err(RunError::new(RunErrorKind::TypeMismatch, problem))
}
