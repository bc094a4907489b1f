//! A filter that was held against the fields of a noun.

use jiff::Timestamp;

use super::super::error::Result;
use super::super::name::IssueName;
use super::decimal::Decimal;
use super::field::{Field, Fields};
use super::{check, parse};

/// Which rows to take.
#[derive(Clone, PartialEq, Debug)]
pub enum Filter {
    /// All of these hold; of none of them, every row is taken.
    And(Vec<Filter>),
    /// Any of these holds.
    Or(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// One thing to look at.
    Test(Test),
}

impl Filter {
    /// Takes every row.
    pub const ALL: Filter = Filter::And(Vec::new());

    /// Reads the filter of a list. An empty one takes every row.
    pub fn parse(text: &str, fields: &Fields) -> Result<Filter> {
        match parse::parse(text)? {
            Some(syntax) => check::check(syntax, fields),
            None => Ok(Filter::ALL),
        }
    }

    /// How many things it looks at.
    pub fn tests(&self) -> usize {
        match self {
            Filter::And(parts) | Filter::Or(parts) => parts.iter().map(Filter::tests).sum(),
            Filter::Not(part) => part.tests(),
            Filter::Test(_) => 1,
        }
    }
}

/// One thing to look at.
#[derive(Clone, PartialEq, Debug)]
pub struct Test {
    /// The field.
    pub field: &'static Field,
    /// The keys that lead inside an open object; empty for every other field.
    pub keys: Vec<String>,
    /// What must be so there.
    pub check: Check,
}

/// What must be so.
#[derive(Clone, PartialEq, Debug)]
pub enum Check {
    /// Nothing is there: no value, a null inside an object, an empty list.
    Absent,
    /// There is a value of that type, and it stands so to that one.
    Is(Compare, Scalar),
    /// There is a text that begins so.
    Begins(String),
    /// There is a text with this inside, where `A` to `Z` are as `a` to `z`. In lower case.
    Contains(String),
    /// There is a list with an element that equals this.
    Has(Scalar),
}

/// How a value stands to another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Compare {
    /// The same.
    Equal,
    /// Before it.
    Less,
    /// Before it, or the same.
    LessOrEqual,
    /// After it.
    Greater,
    /// After it, or the same.
    GreaterOrEqual,
}

/// A value to compare with. Texts go by their bytes, words of an enum are texts.
#[derive(Clone, PartialEq, Debug)]
pub enum Scalar {
    /// Text.
    Text(String),
    /// The value of an integer field.
    Integer(i64),
    /// A number inside an open object.
    Number(Decimal),
    /// Of an instant, microseconds count.
    Time(Timestamp),
    /// True or false.
    Boolean(bool),
    /// An issue; it has no order.
    Issue(IssueName),
}
