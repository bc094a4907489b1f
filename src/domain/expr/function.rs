//! The functions of the language: their names, and what they take.

use super::kind::{Kind, Overload};

/// How a function may be called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Called {
    /// `f(x)`.
    Alone,
    /// `x.f()`.
    On,
    /// Both ways.
    Both,
}

impl Called {
    pub(super) fn allows(self, on_target: bool) -> bool {
        match self {
            Called::Alone => !on_target,
            Called::On => on_target,
            Called::Both => true,
        }
    }
}

/// A part of an instant or of a length of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    FullYear,
    Month,
    Date,
    DayOfMonth,
    DayOfWeek,
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

/// A function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    LowerAscii,
    UpperAscii,
    Trim,
    Replace,
    Split,
    Join,
    IndexOf,
    Substring,
    Int,
    Double,
    String,
    Bool,
    Timestamp,
    Duration,
    Get(Part),
}

/// The row of a function.
#[derive(Clone, Copy, Debug)]
pub(super) struct Signature {
    pub(super) name: &'static str,
    pub(super) function: Function,
    pub(super) called: Called,
    /// The target, if there is one, comes first.
    pub(super) overloads: &'static [Overload],
}

const TEXT_TO_TEXT: &[Overload] = &[(&[Kind::String], Kind::String)];
const TEXT_IN_TEXT: &[Overload] = &[(&[Kind::String, Kind::String], Kind::Bool)];
const OF_DATE: &[Overload] =
    &[(&[Kind::Timestamp], Kind::Int), (&[Kind::Timestamp, Kind::String], Kind::Int)];
const OF_TIME: &[Overload] = &[
    (&[Kind::Timestamp], Kind::Int),
    (&[Kind::Timestamp, Kind::String], Kind::Int),
    (&[Kind::Duration], Kind::Int),
];

/// The most arguments that a function takes, its target among them.
pub(super) const ARGS_MAX: usize = 4;

/// All functions but `matches`, which wants its pattern to be read beforehand.
pub(super) const SIGNATURES: &[Signature] = &[
    row(
        "size",
        Function::Size,
        Called::Both,
        &[(&[Kind::String], Kind::Int), (&[Kind::List], Kind::Int), (&[Kind::Map], Kind::Int)],
    ),
    row("contains", Function::Contains, Called::On, TEXT_IN_TEXT),
    row("startsWith", Function::StartsWith, Called::On, TEXT_IN_TEXT),
    row("endsWith", Function::EndsWith, Called::On, TEXT_IN_TEXT),
    row("lowerAscii", Function::LowerAscii, Called::On, TEXT_TO_TEXT),
    row("upperAscii", Function::UpperAscii, Called::On, TEXT_TO_TEXT),
    row("trim", Function::Trim, Called::On, TEXT_TO_TEXT),
    row(
        "replace",
        Function::Replace,
        Called::On,
        &[
            (&[Kind::String, Kind::String, Kind::String], Kind::String),
            (&[Kind::String, Kind::String, Kind::String, Kind::Int], Kind::String),
        ],
    ),
    row(
        "split",
        Function::Split,
        Called::On,
        &[
            (&[Kind::String, Kind::String], Kind::List),
            (&[Kind::String, Kind::String, Kind::Int], Kind::List),
        ],
    ),
    row(
        "join",
        Function::Join,
        Called::On,
        &[(&[Kind::List], Kind::String), (&[Kind::List, Kind::String], Kind::String)],
    ),
    row(
        "indexOf",
        Function::IndexOf,
        Called::On,
        &[
            (&[Kind::String, Kind::String], Kind::Int),
            (&[Kind::String, Kind::String, Kind::Int], Kind::Int),
        ],
    ),
    row(
        "substring",
        Function::Substring,
        Called::On,
        &[
            (&[Kind::String, Kind::Int], Kind::String),
            (&[Kind::String, Kind::Int, Kind::Int], Kind::String),
        ],
    ),
    row(
        "int",
        Function::Int,
        Called::Alone,
        &[
            (&[Kind::Int], Kind::Int),
            (&[Kind::Double], Kind::Int),
            (&[Kind::String], Kind::Int),
            (&[Kind::Timestamp], Kind::Int),
        ],
    ),
    row(
        "double",
        Function::Double,
        Called::Alone,
        &[
            (&[Kind::Double], Kind::Double),
            (&[Kind::Int], Kind::Double),
            (&[Kind::String], Kind::Double),
        ],
    ),
    row(
        "string",
        Function::String,
        Called::Alone,
        &[
            (&[Kind::String], Kind::String),
            (&[Kind::Bool], Kind::String),
            (&[Kind::Int], Kind::String),
            (&[Kind::Double], Kind::String),
            (&[Kind::Timestamp], Kind::String),
            (&[Kind::Duration], Kind::String),
        ],
    ),
    row(
        "bool",
        Function::Bool,
        Called::Alone,
        &[(&[Kind::Bool], Kind::Bool), (&[Kind::String], Kind::Bool)],
    ),
    row(
        "timestamp",
        Function::Timestamp,
        Called::Alone,
        &[
            (&[Kind::Timestamp], Kind::Timestamp),
            (&[Kind::String], Kind::Timestamp),
            (&[Kind::Int], Kind::Timestamp),
        ],
    ),
    row(
        "duration",
        Function::Duration,
        Called::Alone,
        &[(&[Kind::Duration], Kind::Duration), (&[Kind::String], Kind::Duration)],
    ),
    row("getFullYear", Function::Get(Part::FullYear), Called::On, OF_DATE),
    row("getMonth", Function::Get(Part::Month), Called::On, OF_DATE),
    row("getDate", Function::Get(Part::Date), Called::On, OF_DATE),
    row("getDayOfMonth", Function::Get(Part::DayOfMonth), Called::On, OF_DATE),
    row("getDayOfWeek", Function::Get(Part::DayOfWeek), Called::On, OF_DATE),
    row("getDayOfYear", Function::Get(Part::DayOfYear), Called::On, OF_DATE),
    row("getHours", Function::Get(Part::Hours), Called::On, OF_TIME),
    row("getMinutes", Function::Get(Part::Minutes), Called::On, OF_TIME),
    row("getSeconds", Function::Get(Part::Seconds), Called::On, OF_TIME),
    row("getMilliseconds", Function::Get(Part::Milliseconds), Called::On, OF_TIME),
];

const fn row(
    name: &'static str,
    function: Function,
    called: Called,
    overloads: &'static [Overload],
) -> Signature {
    Signature { name, function, called, overloads }
}

/// The function of a name.
pub(super) fn find(name: &str) -> Option<&'static Signature> {
    SIGNATURES.iter().find(|row| row.name == name)
}

/// The name of a function.
pub(super) fn name(function: Function) -> &'static str {
    let row = SIGNATURES.iter().find(|row| row.function == function);
    row.map_or("a function", |row| row.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_arguments_fit() {
        for row in SIGNATURES {
            assert_eq!(SIGNATURES.iter().filter(|other| other.name == row.name).count(), 1);
            assert_eq!(find(row.name).map(|found| found.function), Some(row.function));
            assert_eq!(name(row.function), row.name);
            assert!(row.overloads.iter().all(|(takes, _)| takes.len() <= ARGS_MAX));
        }
    }
}
