//! Instants and lengths of time: arithmetic, their texts, their parts.

use std::sync::LazyLock;

use jiff::civil::Weekday;
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{SignedDuration, Timestamp, Zoned};

use super::error::{RunError, RunErrorKind};
use super::function::Part;
use super::value::Value;
use crate::domain::error::quoted;

/// The zones that come with the program: those of the machine would differ from replica to replica.
static ZONES: LazyLock<TimeZoneDatabase> = LazyLock::new(TimeZoneDatabase::bundled);

/// 0001-01-01T00:00:00Z.
const FIRST_SECOND: i64 = -62_135_596_800;
/// 10,000 years.
const SECONDS_MAX: i64 = 315_576_000_000;

fn overflow(what: &str) -> RunError {
    RunError::new(RunErrorKind::Overflow, what)
}

fn no_conversion(problem: String) -> RunError {
    RunError::new(RunErrorKind::BadConversion, problem)
}

/// An instant, if it is of the years 1 to 9999. jiff ends a day earlier than the last of them.
pub(super) fn instant(at: Option<Timestamp>) -> Result<Value, RunError> {
    at.filter(|at| at.as_second() >= FIRST_SECOND)
        .map(Value::Timestamp)
        .ok_or_else(|| overflow("an instant must be of the years 1 to 9999"))
}

/// A length of time, if it is at most 10,000 years.
pub(super) fn span(span: Option<SignedDuration>) -> Result<Value, RunError> {
    span.filter(|span| span.as_secs().unsigned_abs() <= SECONDS_MAX.unsigned_abs())
        .map(Value::Duration)
        .ok_or_else(|| overflow("a duration must be at most 10,000 years"))
}

/// Reads an instant as RFC 3339 has it.
pub(super) fn parse_instant(text: &str) -> Result<Value, RunError> {
    // The reader of jiff takes more than the RFC: names of zones, weeks, a missing time.
    let read = is_rfc3339(text).then(|| text.parse::<Timestamp>().ok()).flatten();
    let read = read.ok_or_else(|| {
        no_conversion(format!("{} is no timestamp, like 2026-01-31T09:30:00Z", quoted(text)))
    })?;
    instant(Some(read))
}

fn is_rfc3339(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let fits = |(shape, byte): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        b'T' => matches!(byte, b'T' | b't'),
        _ => byte == shape,
    };
    let Some((moment, rest)) = text.as_bytes().split_at_checked(SHAPE.len()) else { return false };
    let zone = match rest.split_first() {
        Some((b'.', fraction)) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            let (_, zone) = fraction.split_at(digits);
            if (1..=9).contains(&digits) { zone } else { return false }
        }
        Some(_) | None => rest,
    };
    let zone_fits = match zone {
        [b'Z' | b'z'] => true,
        [b'+' | b'-', a, b, b':', c, d] => [a, b, c, d].into_iter().all(u8::is_ascii_digit),
        _ => false,
    };
    SHAPE.iter().zip(moment).all(fits) && zone_fits
}

/// Reads a length of time: `1h30m`, `-1.5s`, `250ms`.
pub(super) fn parse_span(text: &str) -> Result<Value, RunError> {
    let wrong = || no_conversion(format!("{} is no duration, like 1h30m or 1.5s", quoted(text)));
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return span(Some(SignedDuration::ZERO));
    }
    let mut nanos: i128 = 0;
    if rest.is_empty() {
        return Err(wrong());
    }
    while !rest.is_empty() {
        let (number, unit_on) = split_at_first(rest, |c| !c.is_ascii_digit() && c != '.');
        let (unit, further) = split_at_first(unit_on, |c| c.is_ascii_digit() || c == '.');
        let unit = unit_nanos(unit).ok_or_else(wrong)?;
        let part = scaled(number, unit).ok_or_else(wrong)?;
        nanos = nanos.checked_add(part).ok_or_else(wrong)?;
        rest = further;
    }
    let nanos = if negative { -nanos } else { nanos };
    let seconds = i64::try_from(nanos / 1_000_000_000);
    let fraction = i32::try_from(nanos % 1_000_000_000);
    match (seconds, fraction) {
        (Ok(seconds), Ok(fraction)) => span(Some(SignedDuration::new(seconds, fraction))),
        (Err(_), _) | (_, Err(_)) => span(None),
    }
}

fn split_at_first(text: &str, stop: impl Fn(char) -> bool) -> (&str, &str) {
    text.split_at_checked(text.find(stop).unwrap_or(text.len())).unwrap_or((text, ""))
}

fn unit_nanos(unit: &str) -> Option<i128> {
    Some(match unit {
        "h" => 3_600_000_000_000,
        "m" => 60_000_000_000,
        "s" => 1_000_000_000,
        "ms" => 1_000_000,
        "us" | "µs" | "μs" => 1_000,
        "ns" => 1,
        _ => return None,
    })
}

/// A decimal number of units, in nanoseconds, cut off below one.
fn scaled(number: &str, unit: i128) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanos = whole.checked_mul(unit)?;
    let mut place = unit;
    for digit in fraction.chars() {
        place /= 10;
        nanos = nanos.checked_add(i128::from(digit.to_digit(10)?) * place)?;
    }
    Some(nanos)
}

/// The text of a length of time, in seconds.
pub(super) fn span_text(span: SignedDuration) -> String {
    let nanos = span.as_nanos();
    let sign = if nanos < 0 { "-" } else { "" };
    let (seconds, fraction) =
        (nanos.unsigned_abs() / 1_000_000_000, nanos.unsigned_abs() % 1_000_000_000);
    if fraction == 0 {
        return format!("{sign}{seconds}s");
    }
    let digits = format!("{fraction:09}");
    format!("{sign}{seconds}.{}s", digits.trim_end_matches('0'))
}

/// A part of an instant, in UTC or in a zone.
pub(super) fn part_of_instant(
    part: Part,
    at: Timestamp,
    zone: Option<&str>,
) -> Result<Value, RunError> {
    let at = at.to_zoned(zone.map_or(Ok(TimeZone::UTC), read_zone)?);
    Ok(Value::Int(part_of(part, &at)))
}

fn part_of(part: Part, at: &Zoned) -> i64 {
    match part {
        Part::FullYear => at.year().into(),
        Part::Month => i64::from(at.month()) - 1,
        Part::Date => at.day().into(),
        Part::DayOfMonth => i64::from(at.day()) - 1,
        Part::DayOfWeek => Weekday::to_sunday_zero_offset(at.weekday()).into(),
        Part::DayOfYear => i64::from(at.day_of_year()) - 1,
        Part::Hours => at.hour().into(),
        Part::Minutes => at.minute().into(),
        Part::Seconds => at.second().into(),
        Part::Milliseconds => at.millisecond().into(),
    }
}

/// A zone by its IANA name, or by its distance from UTC: `+05:30`.
fn read_zone(name: &str) -> Result<TimeZone, RunError> {
    let unknown = || no_conversion(format!("{} is no time zone", quoted(name)));
    match read_offset(name) {
        Some(seconds) => Offset::from_seconds(seconds).map(TimeZone::fixed).map_err(|_| unknown()),
        None => ZONES.get(name).map_err(|_| unknown()),
    }
}

fn read_offset(name: &str) -> Option<i32> {
    let (sign, rest) = match name.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, name.strip_prefix('+').unwrap_or(name)),
    };
    let two = |text: &str, end: i32| {
        let digits = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse().ok()).flatten().filter(|n: &i32| *n < end)
    };
    let (hours, minutes) = rest.split_once(':')?;
    Some(sign * (two(hours, 24)? * 3600 + two(minutes, 60)? * 60))
}

/// A part of a length of time: all of it in hours, minutes or seconds, or its milliseconds.
pub(super) fn part_of_span(part: Part, span: SignedDuration) -> Option<Value> {
    Some(Value::Int(match part {
        Part::Hours => span.as_hours(),
        Part::Minutes => span.as_mins(),
        Part::Seconds => span.as_secs(),
        Part::Milliseconds => i64::from(span.subsec_millis()),
        Part::FullYear
        | Part::Month
        | Part::Date
        | Part::DayOfMonth
        | Part::DayOfWeek
        | Part::DayOfYear => return None,
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seconds(text: &str) -> SignedDuration {
        match parse_span(text) {
            Ok(Value::Duration(span)) => span,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn lengths_of_time_are_read_with_units() {
        assert_eq!(seconds("1h30m"), SignedDuration::from_secs(5_400));
        assert_eq!(seconds("-1.5s"), SignedDuration::from_millis(-1_500));
        assert_eq!(seconds("1m1ms1us1ns"), SignedDuration::new(60, 1_001_001));
        assert_eq!(seconds("0"), SignedDuration::ZERO);
        assert_eq!(seconds(".5h"), SignedDuration::from_mins(30));
        for text in ["", "-", "1", "s", "1d", ".s", "1.2.3s", "1h ", "h1", "１s", "1é"] {
            assert_eq!(parse_span(text).unwrap_err().kind, RunErrorKind::BadConversion, "{text}");
        }
        let huge = parse_span("87660001h").unwrap_err();
        assert_eq!(huge.kind, RunErrorKind::Overflow);
        assert!(parse_span(&format!("{}h", "9".repeat(60))).is_err());
    }

    #[test]
    fn instants_are_read_as_the_rfc_has_them() {
        for text in ["2026-01-31T09:30:00Z", "2026-01-31t09:30:00.123456789+05:30"] {
            assert!(parse_instant(text).is_ok(), "{text}");
        }
        for text in [
            "",
            "2026-01-31",
            "2026-01-31 09:30:00Z",
            "2026-01-31T09:30:00",
            "2026-01-31T09:30Z",
            "2026-01-31T09:30:00.Z",
            "2026-02-30T09:30:00Z",
            "2026-01-31T25:30:00Z",
            "2026-01-31T09:30:00Z[UTC]",
            "2026-01-31T09:30:00+0530",
        ] {
            let error = parse_instant(text).unwrap_err();
            assert_eq!(error.kind, RunErrorKind::BadConversion, "{text}");
        }
    }

    #[test]
    fn parts_are_those_of_the_zone() {
        let at: Timestamp = "2026-03-29T00:59:59.789Z".parse().unwrap();
        let part = |part, zone| part_of_instant(part, at, zone).unwrap();

        assert_eq!(part(Part::Hours, None), Value::Int(0));
        assert_eq!(part(Part::Hours, Some("Asia/Kolkata")), Value::Int(6));
        assert_eq!(part(Part::Minutes, Some("+05:30")), Value::Int(29));
        assert_eq!(part(Part::Date, Some("-01:00")), Value::Int(28));
        assert_eq!(part(Part::DayOfWeek, None), Value::Int(0));
        assert_eq!(part(Part::Month, None), Value::Int(2));
        assert_eq!(part(Part::DayOfMonth, None), Value::Int(28));
        assert_eq!(part(Part::DayOfYear, None), Value::Int(87));
        assert_eq!(part(Part::FullYear, None), Value::Int(2026));
        assert_eq!(part(Part::Milliseconds, None), Value::Int(789));
        assert_eq!(part(Part::Seconds, None), Value::Int(59));
        // An hour later, after the clocks of London went forward.
        let later = at + SignedDuration::from_secs(1);
        let hours = part_of_instant(Part::Hours, later, Some("Europe/London")).unwrap();
        assert_eq!(hours, Value::Int(2));
        for zone in ["", "Mars/Base", "25:00", "+1:00", "+26:00"] {
            assert!(part_of_instant(Part::Hours, at, Some(zone)).is_err(), "{zone}");
        }
    }

    #[test]
    fn parts_of_a_length_are_totals() {
        let span = SignedDuration::new(5_400, 250_000_000);
        assert_eq!(part_of_span(Part::Hours, span), Some(Value::Int(1)));
        assert_eq!(part_of_span(Part::Minutes, span), Some(Value::Int(90)));
        assert_eq!(part_of_span(Part::Seconds, span), Some(Value::Int(5_400)));
        assert_eq!(part_of_span(Part::Milliseconds, span), Some(Value::Int(250)));
        assert_eq!(part_of_span(Part::Date, span), None);
    }

    proptest! {
        /// What is written is read as the same.
        #[test]
        fn lengths_survive_their_text(
            seconds in -SECONDS_MAX..=SECONDS_MAX,
            nanos in 0..1_000_000_000_i32,
        ) {
            let span = SignedDuration::new(seconds, if seconds < 0 { -nanos } else { nanos });
            let read = parse_span(&span_text(span));
            prop_assert_eq!(read, Ok(Value::Duration(span)));
        }
    }
}
