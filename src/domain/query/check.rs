//! Holds a filter against the fields of a noun: what is not known or does not fit is refused.

use jiff::Timestamp;

use super::super::error::{Error, Result, quoted};
use super::super::name::IssueName;
use super::decimal::Decimal;
use super::field::{Field, Fields, Kind};
use super::filter::{Check, Compare, Filter, Scalar, Test};
use super::parse::{Literal, Operator, Syntax, Term};
use super::scan::wrong;

/// A filter whose fields and values are known.
pub(super) fn check(syntax: Syntax, fields: &Fields) -> Result<Filter> {
    let all = |parts: Vec<Syntax>| {
        parts.into_iter().map(|part| check(part, fields)).collect::<Result<Vec<_>>>()
    };
    match syntax {
        Syntax::And(parts) => all(parts).map(Filter::And),
        Syntax::Or(parts) => all(parts).map(Filter::Or),
        Syntax::Not(part) => Ok(not(check(*part, fields)?)),
        Syntax::Term(term) => condition(term, fields),
    }
}

fn not(filter: Filter) -> Filter {
    Filter::Not(Box::new(filter))
}

fn condition(term: Term, fields: &Fields) -> Result<Filter> {
    let Term { column, path, operator, value } = term;
    let mut steps = path.into_iter();
    let name = steps.next().unwrap_or_default();
    let Some(field) = fields.get(&name) else {
        let problem =
            format!("{} is no field; there are {}", quoted(&name), fields.names(|_| true));
        return Err(wrong(column, problem));
    };
    let mut keys: Vec<String> = steps.collect();
    let of = Of { column, field };
    let (operator, value) = match field.kind {
        Kind::Object if keys.is_empty() => {
            keys.push(of.key_asked(operator, value)?);
            (Operator::Has, Literal { text: String::new(), is_quoted: false, has_star: true })
        }
        Kind::Object
        | Kind::Text
        | Kind::Prose
        | Kind::Integer
        | Kind::Boolean
        | Kind::Time
        | Kind::TextList
        | Kind::Issue
        | Kind::Enum(_) => (operator, value),
    };
    if field.kind != Kind::Object && !keys.is_empty() {
        return Err(of.wrong("has nothing inside"));
    }
    let test = |check| Filter::Test(Test { field, keys: keys.clone(), check });
    let checked = of.check(operator, &value)?;
    Ok(match (operator, checked) {
        // `:*` asks whether there is something.
        (Operator::Has, check @ Check::Absent) => not(test(check)),
        (Operator::Has, Check::Is(compare, scalar)) => not(test(Check::Is(compare, scalar))),
        (Operator::NotEqual, check) => not(test(check)),
        (_, check) => test(check),
    })
}

/// What a condition is about, to be told what is wrong with it.
#[derive(Clone, Copy)]
struct Of {
    column: usize,
    field: &'static Field,
}

impl Of {
    fn wrong(self, problem: &str) -> Error {
        wrong(self.column, format_args!("{} {problem}", self.field.name))
    }

    /// The key that `parameters:severity` asks for.
    fn key_asked(self, operator: Operator, value: Literal) -> Result<String> {
        if operator == Operator::Has && !value.has_star {
            return Ok(value.text);
        }
        let name = self.field.name;
        Err(self.wrong(&format!("is an object; name a key in it, as in {name}.key = 1")))
    }

    /// What must be so. For `:*` it is what must not be so.
    fn check(self, operator: Operator, value: &Literal) -> Result<Check> {
        let is_star = value.text.is_empty() && value.has_star && !value.is_quoted;
        let is_null = value.text == "null" && !value.is_quoted && !value.has_star;
        match compare_of(operator) {
            None if is_star => self.nothing(),
            Some(Compare::Equal) if is_null => self.nothing(),
            Some(_) if is_null => Err(self.wrong("compares with null by = and != alone")),
            None => self.has(value),
            Some(compare) => self.compares(compare, value),
        }
    }

    /// How a row that is without it looks.
    fn nothing(self) -> Result<Check> {
        let Field { kind, is_optional, .. } = *self.field;
        match kind {
            Kind::Object | Kind::TextList => Ok(Check::Absent),
            _ if is_optional => Ok(Check::Absent),
            Kind::Text | Kind::Prose => Ok(Check::Is(Compare::Equal, Scalar::Text(String::new()))),
            Kind::Integer | Kind::Boolean | Kind::Time | Kind::Issue | Kind::Enum(_) => {
                Err(self.wrong("is never absent"))
            }
        }
    }

    fn has(self, value: &Literal) -> Result<Check> {
        if value.has_star {
            return Err(self.wrong("takes * after : alone, or at the end of a text after = and !="));
        }
        match self.field.kind {
            Kind::Text | Kind::Prose => Ok(Check::Contains(value.text.to_ascii_lowercase())),
            Kind::TextList => Ok(Check::Has(Scalar::Text(value.text.clone()))),
            Kind::Object => Ok(Check::Has(self.scalar(value)?)),
            Kind::Integer | Kind::Boolean | Kind::Time | Kind::Issue | Kind::Enum(_) => {
                Err(self.wrong("is no list and no text: it does not take :"))
            }
        }
    }

    fn compares(self, compare: Compare, value: &Literal) -> Result<Check> {
        let only_equal = compare == Compare::Equal;
        match self.field.kind {
            Kind::Prose => Err(self.wrong("takes : alone, for a part of it")),
            Kind::TextList => Err(self.wrong("takes : alone, for one of its texts")),
            Kind::Boolean | Kind::Issue | Kind::Enum(_) if !only_equal => {
                Err(self.wrong("has no order: it takes = and != alone"))
            }
            Kind::Text | Kind::Object if value.has_star => match only_equal {
                true => Ok(Check::Begins(value.text.clone())),
                false => Err(self.wrong("takes * with = and != alone; write \\* for a star")),
            },
            Kind::Text if self.field.is_optional && only_equal && value.text.is_empty() => {
                Ok(Check::Absent)
            }
            Kind::Text
            | Kind::Object
            | Kind::Integer
            | Kind::Boolean
            | Kind::Time
            | Kind::Issue
            | Kind::Enum(_) => match (self.scalar(value)?, only_equal) {
                (Scalar::Boolean(_), false) => {
                    Err(self.wrong("has no order where it is true or false"))
                }
                (scalar, _) => Ok(Check::Is(compare, scalar)),
            },
        }
    }

    fn scalar(self, value: &Literal) -> Result<Scalar> {
        let Literal { text, is_quoted, has_star } = value;
        let told = || quoted(text);
        if *has_star {
            return Err(self.wrong("is no text: it does not take *"));
        }
        match self.field.kind {
            Kind::Text | Kind::Prose | Kind::TextList => Ok(Scalar::Text(text.clone())),
            Kind::Integer => text
                .parse()
                .ok()
                .filter(|_| !is_quoted)
                .map(Scalar::Integer)
                .ok_or_else(|| self.wrong(&format!("is a whole number; {} is none", told()))),
            Kind::Boolean => boolean(value)
                .map(Scalar::Boolean)
                .ok_or_else(|| self.wrong(&format!("is true or false; {} is neither", told()))),
            Kind::Time => instant(text).map(Scalar::Time).ok_or_else(|| {
                let form = "an instant, such as 2026-11-21T12:00:00Z (RFC 3339)";
                self.wrong(&format!("is {form}; {} is none", told()))
            }),
            Kind::Issue => IssueName::parse("filter", text).map(Scalar::Issue).map_err(|_| {
                self.wrong(&format!("is an issue, such as ABC-12; {} is none", told()))
            }),
            Kind::Enum(words) => {
                let known = words.iter().find(|word| *word == text);
                known.map(|word| Scalar::Text((*word).to_owned())).ok_or_else(|| {
                    self.wrong(&format!("is one of {}; {} is none", words.join(", "), told()))
                })
            }
            Kind::Object => self.open_scalar(value),
        }
    }

    /// Inside an object the value says what type it is of.
    fn open_scalar(self, value: &Literal) -> Result<Scalar> {
        if value.text == "null" && !value.is_quoted {
            return Err(self.wrong("has no list that null is found in"));
        }
        let number = Decimal::parse(&value.text).filter(|_| !value.is_quoted);
        match (boolean(value), number) {
            (Some(flag), _) => Ok(Scalar::Boolean(flag)),
            (None, Some(number)) if number.is_bounded() => Ok(Scalar::Number(number)),
            (None, Some(_)) => Err(self.wrong("holds no number that is so large or so small")),
            (None, None) => Ok(Scalar::Text(value.text.clone())),
        }
    }
}

fn compare_of(operator: Operator) -> Option<Compare> {
    match operator {
        Operator::Equal | Operator::NotEqual => Some(Compare::Equal),
        Operator::Less => Some(Compare::Less),
        Operator::LessOrEqual => Some(Compare::LessOrEqual),
        Operator::Greater => Some(Compare::Greater),
        Operator::GreaterOrEqual => Some(Compare::GreaterOrEqual),
        Operator::Has => None,
    }
}

fn boolean(value: &Literal) -> Option<bool> {
    match value.text.as_str() {
        _ if value.is_quoted => None,
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// Reads an instant of RFC 3339, and of that no more than jiff reads. What is finer than a
/// microsecond is cut off, as nothing of ours is stored finer.
fn instant(text: &str) -> Option<Timestamp> {
    const FORM: &[u8] = b"0000-00-00T00:00:00";
    let (date_time, rest) = text.split_at_checked(FORM.len())?;
    let fits = |(c, form): (u8, &u8)| match form {
        b'0' => c.is_ascii_digit(),
        other => c.eq_ignore_ascii_case(other),
    };
    let zone = match rest.strip_prefix('.') {
        Some(rest) => {
            let zone = rest.trim_start_matches(|c: char| c.is_ascii_digit());
            (zone.len() < rest.len()).then_some(zone)?
        }
        None => rest,
    };
    let is_offset = || {
        zone.len() == 6
            && zone.starts_with(['+', '-'])
            && zone.bytes().skip(1).zip(b"00:00").all(fits)
    };
    if !date_time.bytes().zip(FORM).all(fits) || !(zone.eq_ignore_ascii_case("z") || is_offset()) {
        return None;
    }
    let at: Timestamp = text.parse().ok()?;
    Timestamp::from_nanosecond(at.as_nanosecond().div_euclid(1000) * 1000).ok()
}
