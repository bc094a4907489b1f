//! Values made from values of other kinds.

use jiff::Timestamp;

use super::error::{RunError, RunErrorKind};
use super::function::Function;
use super::meter::Meter;
use super::number;
use super::text::Done;
use super::time;
use super::value::Value;
use crate::domain::error::quoted;

/// Calls a conversion.
pub(super) fn call(meter: &Meter, function: Function, args: &[Value]) -> Done {
    let [given] = args else { return Ok(None) };
    let done = match (function, given) {
        (Function::Int, Value::Int(_))
        | (Function::Double, Value::Double(_))
        | (Function::String, Value::String(_))
        | (Function::Bool, Value::Bool(_))
        | (Function::Timestamp, Value::Timestamp(_))
        | (Function::Duration, Value::Duration(_)) => given.clone(),
        (Function::Int, Value::Double(number)) => to_int(*number)?,
        (Function::Int, Value::Timestamp(at)) => Value::Int(at.as_second()),
        (Function::Int, Value::String(text)) => {
            read(meter, text, "an int", |text| text.parse().ok().map(Value::Int))?
        }
        (Function::Double, Value::Int(number)) => Value::Double(number::double(*number)),
        (Function::Double, Value::String(text)) => {
            read(meter, text, "a double", |text| text.parse().ok().map(Value::Double))?
        }
        (Function::String, Value::Bool(flag)) => written(meter, flag.to_string())?,
        (Function::String, Value::Int(number)) => written(meter, number.to_string())?,
        (Function::String, Value::Double(number)) => written(meter, number.to_string())?,
        (Function::String, Value::Timestamp(at)) => written(meter, at.to_string())?,
        (Function::String, Value::Duration(span)) => written(meter, time::span_text(*span))?,
        (Function::Bool, Value::String(text)) => read(meter, text, "a bool", to_bool)?,
        (Function::Timestamp, Value::Int(seconds)) => {
            time::instant(Timestamp::from_second(*seconds).ok())?
        }
        (Function::Timestamp, Value::String(text)) => {
            meter.scan(text.len())?;
            time::parse_instant(text)?
        }
        (Function::Duration, Value::String(text)) => {
            meter.scan(text.len())?;
            time::parse_span(text)?
        }
        _ => return Ok(None),
    };
    Ok(Some(done))
}

/// Cuts the fraction off. The least int is refused, as CEL does: the double may have been rounded.
fn to_int(double: f64) -> Result<Value, RunError> {
    number::truncated(double).filter(|int| *int > i64::MIN).map(Value::Int).ok_or_else(|| {
        let problem = format!("{double} does not fit into 64 bits");
        RunError::new(RunErrorKind::Overflow, problem)
    })
}

fn read(
    meter: &Meter,
    text: &str,
    what: &str,
    read: impl Fn(&str) -> Option<Value>,
) -> Result<Value, RunError> {
    meter.scan(text.len())?;
    read(text).ok_or_else(|| {
        let problem = format!("{} is not {what}", quoted(text));
        RunError::new(RunErrorKind::BadConversion, problem)
    })
}

fn to_bool(text: &str) -> Option<Value> {
    match text {
        "true" | "True" | "TRUE" | "t" | "T" | "1" => Some(Value::Bool(true)),
        "false" | "False" | "FALSE" | "f" | "F" | "0" => Some(Value::Bool(false)),
        _ => None,
    }
}

/// Numbers and times are at most a few hundred bytes, so they are counted after they were written.
fn written(meter: &Meter, text: String) -> Result<Value, RunError> {
    meter.make(text.len())?;
    Ok(text.into())
}
