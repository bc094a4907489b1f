//! The functions of text. Places in a text are counted in characters, not in bytes.

use std::sync::Arc;

use super::error::{RunError, RunErrorKind};
use super::function::Function;
use super::meter::Meter;
use super::value::Value;

/// What a function gives; none if it takes no such values.
pub(super) type Done = Result<Option<Value>, RunError>;

/// The items of a list or a map, or the characters of a text.
pub(super) fn size(meter: &Meter, args: &[Value]) -> Done {
    let size = match args {
        [Value::String(text)] => {
            meter.scan(text.len())?;
            text.chars().count()
        }
        [Value::List(items)] => items.len(),
        [Value::Map(entries)] => entries.len(),
        _ => return Ok(None),
    };
    Ok(Some(int(size)))
}

/// Two texts as one.
pub(super) fn concat(meter: &Meter, a: &str, b: &str) -> Result<Value, RunError> {
    meter.make(a.len().saturating_add(b.len()))?;
    Ok(Value::String([a, b].concat().into()))
}

/// Calls a function of text.
pub(super) fn call(meter: &Meter, function: Function, args: &[Value]) -> Done {
    let done = match (function, args) {
        (Function::Contains, [Value::String(text), Value::String(part)]) => {
            meter.scan(text.len().saturating_add(part.len()))?;
            Value::Bool(text.contains(&**part))
        }
        (Function::StartsWith, [Value::String(text), Value::String(part)]) => {
            meter.scan(part.len())?;
            Value::Bool(text.starts_with(&**part))
        }
        (Function::EndsWith, [Value::String(text), Value::String(part)]) => {
            meter.scan(part.len())?;
            Value::Bool(text.ends_with(&**part))
        }
        (Function::LowerAscii, [Value::String(text)]) => {
            meter.make(text.len())?;
            text.to_ascii_lowercase().into()
        }
        (Function::UpperAscii, [Value::String(text)]) => {
            meter.make(text.len())?;
            text.to_ascii_uppercase().into()
        }
        (Function::Trim, [Value::String(text)]) => {
            meter.scan(text.len())?;
            let trimmed = text.trim();
            meter.make(trimmed.len())?;
            trimmed.into()
        }
        (Function::Replace, [Value::String(text), Value::String(from), Value::String(to)]) => {
            replace(meter, text, from, to, None)?
        }
        (
            Function::Replace,
            [Value::String(text), Value::String(from), Value::String(to), Value::Int(times)],
        ) => replace(meter, text, from, to, usize::try_from(*times).ok())?,
        (Function::Split, [Value::String(text), Value::String(by)]) => {
            split(meter, text, by, None)?
        }
        (Function::Split, [Value::String(text), Value::String(by), Value::Int(parts)]) => {
            split(meter, text, by, usize::try_from(*parts).ok())?
        }
        (Function::Join, [Value::List(items)]) => return join(meter, items, ""),
        (Function::Join, [Value::List(items), Value::String(by)]) => {
            return join(meter, items, by);
        }
        (Function::IndexOf, [Value::String(text), Value::String(part)]) => {
            index_of(meter, text, part, None)?
        }
        (Function::IndexOf, [Value::String(text), Value::String(part), Value::Int(from)]) => {
            index_of(meter, text, part, Some(*from))?
        }
        (Function::Substring, [Value::String(text), Value::Int(from)]) => {
            substring(meter, text, *from, None)?
        }
        (Function::Substring, [Value::String(text), Value::Int(from), Value::Int(to)]) => {
            substring(meter, text, *from, Some(*to))?
        }
        _ => return Ok(None),
    };
    Ok(Some(done))
}

fn int(size: usize) -> Value {
    Value::Int(i64::try_from(size).unwrap_or(i64::MAX))
}

/// Replaces the first so many, or all. An empty text is found around every character.
fn replace(
    meter: &Meter,
    text: &str,
    from: &str,
    to: &str,
    times: Option<usize>,
) -> Result<Value, RunError> {
    meter.scan(text.len().saturating_add(from.len()))?;
    let times = times.unwrap_or(usize::MAX);
    let found = text.matches(from).take(times).count();
    let left = text.len() - found * from.len();
    meter.make(left.saturating_add(found.saturating_mul(to.len())))?;
    Ok(text.replacen(from, to, times).into())
}

/// Splits into at most so many parts, or all. An empty text splits between characters.
fn split(meter: &Meter, text: &str, by: &str, most: Option<usize>) -> Result<Value, RunError> {
    meter.scan(text.len().saturating_add(by.len()))?;
    let most = most.unwrap_or(usize::MAX);
    let mut parts = Vec::new();
    let mut rest = Some(text);
    while let Some(now) = rest.filter(|_| parts.len() < most) {
        let cut = match now.chars().next() {
            None if by.is_empty() => break,
            _ if parts.len() + 1 == most => None,
            Some(first) if by.is_empty() => {
                now.split_at_checked(first.len_utf8()).filter(|(_, rest)| !rest.is_empty())
            }
            _ => now.split_once(by),
        };
        let (part, further) = cut.map_or((now, None), |(part, rest)| (part, Some(rest)));
        meter.make_list(1)?;
        meter.make(part.len())?;
        parts.push(Value::from(part));
        rest = further;
    }
    Ok(Value::List(Arc::new(parts)))
}

fn join(meter: &Meter, items: &[Value], by: &str) -> Done {
    meter.take(u64::try_from(items.len()).unwrap_or(u64::MAX))?;
    let mut bytes = by.len().saturating_mul(items.len().saturating_sub(1));
    for item in items {
        let Value::String(item) = item else {
            let problem = format!("`join` takes a list of strings, not of {}", item.type_name());
            return Err(RunError::new(RunErrorKind::TypeMismatch, problem));
        };
        bytes = bytes.saturating_add(item.len());
    }
    meter.make(bytes)?;
    let mut joined = String::with_capacity(bytes);
    for (at, item) in items.iter().enumerate() {
        if let Value::String(item) = item {
            joined.push_str(if at == 0 { "" } else { by });
            joined.push_str(item);
        }
    }
    Ok(Some(joined.into()))
}

fn out_of_range(at: i64) -> RunError {
    RunError::new(RunErrorKind::OutOfRange, format!("the text has no place {at}"))
}

/// The first place of a part, at or behind a place of the text, or -1.
fn index_of(meter: &Meter, text: &str, part: &str, from: Option<i64>) -> Result<Value, RunError> {
    meter.scan(text.len().saturating_add(part.len()))?;
    let place = from.unwrap_or_default();
    let skipped = usize::try_from(place).map_err(|_| out_of_range(place))?;
    let Some((start, _)) = text.char_indices().nth(skipped) else {
        // An empty part is found behind the last character, wherever behind it is looked for.
        return match from {
            _ if part.is_empty() => Ok(int(text.chars().count())),
            Some(place) => Err(out_of_range(place)),
            None => Ok(Value::Int(-1)),
        };
    };
    let rest = text.get(start..).unwrap_or_default();
    let before = rest.find(part).and_then(|at| rest.get(..at));
    Ok(before.map_or(Value::Int(-1), |before| int(skipped + before.chars().count())))
}

fn substring(meter: &Meter, text: &str, from: i64, to: Option<i64>) -> Result<Value, RunError> {
    meter.scan(text.len())?;
    let end = to.map_or(Some(text.len()), |to| byte_at(text, to));
    let start = byte_at(text, from).ok_or_else(|| out_of_range(from))?;
    let end = end.ok_or_else(|| out_of_range(to.unwrap_or_default()))?;
    let part = text.get(start..end).ok_or_else(|| out_of_range(from))?;
    meter.make(part.len())?;
    Ok(part.into())
}

/// The byte of a character, or of the end.
fn byte_at(text: &str, place: i64) -> Option<usize> {
    let place = usize::try_from(place).ok()?;
    let bytes = text.char_indices().map(|(byte, _)| byte).chain([text.len()]);
    bytes.into_iter().nth(place)
}
