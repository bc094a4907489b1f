//! When somebody works: stretches of days of the week, by the local clock.

use serde_json::{Value, json};

use crate::domain::error::{Result, invalid, too_large};

/// More stretches than seven a day are no plan that anybody keeps.
pub const HOURS_MAX: usize = 50;
/// A day of the plan has so many minutes, whatever the clocks do in it.
const DAY_MINUTES: u16 = 24 * 60;

/// A day of the week, in the order of ISO 8601. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Day {
    /// The first.
    Monday,
    /// The second.
    Tuesday,
    /// The third.
    Wednesday,
    /// The fourth.
    Thursday,
    /// The fifth.
    Friday,
    /// The sixth.
    Saturday,
    /// The seventh.
    Sunday,
}

impl Day {
    /// The week.
    pub const ALL: [Day; 7] = [
        Day::Monday,
        Day::Tuesday,
        Day::Wednesday,
        Day::Thursday,
        Day::Friday,
        Day::Saturday,
        Day::Sunday,
    ];

    /// The name that is stored: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            Day::Monday => "MONDAY",
            Day::Tuesday => "TUESDAY",
            Day::Wednesday => "WEDNESDAY",
            Day::Thursday => "THURSDAY",
            Day::Friday => "FRIDAY",
            Day::Saturday => "SATURDAY",
            Day::Sunday => "SUNDAY",
        }
    }
}

/// A stretch of a day.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hours {
    /// Which day.
    pub day: Day,
    /// From which minute of the day.
    pub start: u16,
    /// Until which minute, which is not of it.
    pub end: u16,
}

impl Hours {
    /// Takes a day, and two times like `09:00`.
    pub fn parse(field: &str, day: Day, start: &str, end: &str) -> Result<Hours> {
        let minute = |name: &str, text: &str| {
            minute(text).ok_or_else(|| {
                invalid(format!("{field}.{name}"), "must be a time from 00:00 to 24:00")
            })
        };
        let hours = Hours { day, start: minute("start", start)?, end: minute("end", end)? };
        if hours.end <= hours.start {
            return Err(invalid(format!("{field}.end"), "must be after the start"));
        }
        Ok(hours)
    }

    /// When it starts: `09:00`.
    pub fn start_time(&self) -> String {
        time(self.start)
    }

    /// When it ends: `17:30`.
    pub fn end_time(&self) -> String {
        time(self.end)
    }

    /// As it is stored, and told in events.
    pub fn value(&self) -> Value {
        json!({ "day": self.day.as_str(), "start": self.start_time(), "end": self.end_time() })
    }

    /// A value as it was stored.
    pub fn stored(value: &Value) -> Option<Hours> {
        let text = |name| value.get(name).and_then(Value::as_str);
        let name = text("day")?;
        let day = Day::ALL.into_iter().find(|day| day.as_str() == name)?;
        Hours::parse("", day, text("start")?, text("end")?).ok()
    }
}

/// A minute of the day: `09:00`, two digits each.
fn minute(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str| {
        let are_digits = digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|_| are_digits)
    };
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    let of_day = hours * 60 + minutes;
    (minutes < 60 && of_day <= DAY_MINUTES).then_some(of_day)
}

fn time(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Sorts a plan, and refuses one that is too long or has somebody work twice at a time.
pub fn check_hours(field: &str, mut hours: Vec<Hours>) -> Result<Vec<Hours>> {
    if hours.len() > HOURS_MAX {
        return Err(too_large(field, format_args!("{HOURS_MAX} stretches")));
    }
    hours.sort_unstable();
    let overlap = |(one, next): (&Hours, &Hours)| one.day == next.day && next.start < one.end;
    if hours.iter().zip(hours.iter().skip(1)).any(overlap) {
        return Err(invalid(field, "two stretches of a day overlap"));
    }
    Ok(hours)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn monday(start: &str, end: &str) -> Result<Hours> {
        Hours::parse("h", Day::Monday, start, end)
    }

    #[test]
    fn times_are_of_the_day_and_in_order() {
        assert_eq!(monday("09:00", "17:30").unwrap().end, 17 * 60 + 30);
        assert!(monday("00:00", "24:00").is_ok());
        for (start, end) in [
            ("9:00", "17:00"),
            ("09:00", "09:00"),
            ("10:00", "09:00"),
            ("09:60", "10:00"),
            ("09:00", "24:01"),
            ("", "10:00"),
            ("+9:00", "10:00"),
        ] {
            assert!(monday(start, end).is_err(), "{start} {end}");
        }
    }

    #[test]
    fn stretches_may_touch_and_never_overlap() {
        let plan = |hours: &[(&str, &str)]| {
            let hours = hours.iter().map(|(start, end)| monday(start, end).unwrap()).collect();
            check_hours("h", hours)
        };

        let sorted = plan(&[("13:00", "17:00"), ("09:00", "13:00")]).unwrap();
        assert!(sorted.is_sorted());
        assert!(plan(&[("09:00", "13:00"), ("12:59", "17:00")]).is_err());
        assert!(check_hours("h", vec![sorted[0]; HOURS_MAX + 1]).is_err());
    }

    proptest! {
        #[test]
        fn what_is_stored_reads_back(
            day in 0..7_usize,
            start in 0..1440_u16,
            length in 1..1440_u16,
        ) {
            let end = (start + length).min(DAY_MINUTES);
            let hours = Hours { day: Day::ALL[day], start, end };

            prop_assert_eq!(Hours::stored(&hours.value()), Some(hours));
        }

        #[test]
        fn no_text_panics(start in ".{0,8}", end in ".{0,8}") {
            let _ = monday(&start, &end);
        }
    }
}
