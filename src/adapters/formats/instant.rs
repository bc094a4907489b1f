//! Times as RFC 3339 writes them, strictly: with seconds, and an offset with minutes.

use jiff::Timestamp;

use crate::domain::cloud_event::Attribute;
use crate::domain::error::{Error, Result, invalid, quoted};

/// Digits of a second that are kept; more are cut off, as nothing downstream can hold them.
const FRACTION_DIGITS_MAX: usize = 9;

/// Reads a time. The answer counts nanoseconds forward, before 1970 too, as protobuf does.
pub fn read(field: &str, text: &str) -> Result<Attribute> {
    let refused = || refusal(field, text);
    let (seconds, rest) = text.split_at_checked("2018-04-05T17:31:00".len()).ok_or_else(refused)?;
    if !has_shape(seconds, "dddd-dd-ddTdd:dd:dd") {
        return Err(refused());
    }
    let (fraction, offset) = match rest.strip_prefix('.') {
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest.split_at_checked(end).ok_or_else(refused)?
        }
        None => ("0", rest),
    };
    if fraction.is_empty() || !is_offset(offset) {
        return Err(refused());
    }
    let fraction: String = fraction.chars().take(FRACTION_DIGITS_MAX).collect();
    let at: Timestamp =
        format!("{seconds}.{fraction}{offset}").parse().map_err(|_| refusal(field, text))?;
    let (seconds, nanos) = (at.as_second(), at.subsec_nanosecond());
    Ok(match nanos {
        0.. => Attribute::Timestamp(seconds, nanos),
        _ => Attribute::Timestamp(seconds - 1, nanos + 1_000_000_000),
    })
}

fn refusal(field: &str, text: &str) -> Error {
    let problem = "must be a time such as 2018-04-05T17:31:00Z (RFC 3339)";
    invalid(field, format!("{problem}, not {}", quoted(text)))
}

/// `Z`, or hours up to 23 and minutes up to 59. A parser that takes more would move the time.
fn is_offset(text: &str) -> bool {
    let number = |part: &str, below: u8| part.parse::<u8>().is_ok_and(|number| number < below);
    match text.strip_prefix(['+', '-']) {
        Some(rest) if has_shape(rest, "dd:dd") => rest
            .split_once(':')
            .is_some_and(|(hours, minutes)| number(hours, 24) && number(minutes, 60)),
        Some(_) => false,
        None => matches!(text, "Z" | "z"),
    }
}

/// Whether `text` reads like `shape`: `d` stands for a digit, `T` for itself in either case.
fn has_shape(text: &str, shape: &str) -> bool {
    text.len() == shape.len()
        && text.bytes().zip(shape.bytes()).all(|(byte, kind)| match kind {
            b'd' => byte.is_ascii_digit(),
            b'T' => matches!(byte, b'T' | b't'),
            _ => byte == kind,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_to_the_nanosecond() {
        let at = |text| {
            let read = read("time", text).unwrap();
            let Attribute::Timestamp(seconds, nanos) = read else { panic!("{read:?}") };
            (seconds, nanos)
        };

        assert_eq!(at("1970-01-01T00:00:00Z"), (0, 0));
        assert_eq!(at("1970-01-01t01:00:00.25+01:00"), (0, 250_000_000));
        assert_eq!(at("1969-12-31T23:59:59.75z"), (-1, 750_000_000));
        assert_eq!(at("1969-12-31T23:59:58-00:00"), (-2, 0));
        assert_eq!(at("2018-04-05T17:31:00.1234567899Z"), (1_522_949_460, 123_456_789));
    }

    #[test]
    fn whatever_is_not_rfc_3339_is_refused() {
        for text in [
            "",
            "lunchtime",
            "2018-04-05",
            "2018-04-05T18:31Z",
            "2018-04-05T18:31:00",
            "2018-04-05T18:31:00.Z",
            "2018-04-05T18:31:00X",
            "2018-04-05T18:31:00+25:00",
            "2018-04-05T18:31:00+05:60",
            "2018-04-05T18:31:00+05",
            "2018-04-05T18:31:00+0500",
            "2018-04-05 18:31:00Z",
            "2018-02-30T18:31:00Z",
            "2018-04-05T24:31:00Z",
            "2018-04-05T18:31:00Z[UTC]",
            "+02018-04-05T18:31:00Z",
            "2018-04-05T18:31:0é",
        ] {
            assert!(read("time", text).is_err(), "{text}");
        }
    }
}
