//! Numbers as they are written: exact, whatever their size, as PostgreSQL compares them.

use std::cmp::Ordering;
use std::fmt;

use serde_json::Number;

/// PostgreSQL's `numeric` ends somewhere; no number of ours is larger than a double.
const EXPONENT_MAX: i32 = 400;

/// A decimal number: `0.{digits} × 10^exponent`, with no zero at either end of the digits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decimal {
    is_negative: bool,
    digits: String,
    exponent: i32,
}

impl Decimal {
    /// Reads a number of JSON (RFC 8259, section 6); none if it is something else.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) =
            text.split_once(['e', 'E']).map_or((text, None), |(m, e)| (m, Some(e)));
        let (whole, fraction) =
            mantissa.split_once('.').map_or((mantissa, None), |(w, f)| (w, Some(f)));
        let leads = whole.len() > 1 && whole.starts_with('0');
        if leads || !is_digits(whole) || fraction.is_some_and(|fraction| !is_digits(fraction)) {
            return None;
        }
        let exponent = exponent.map_or(Some(0), read_exponent)?;
        let all = [whole, fraction.unwrap_or_default()].concat();
        let digits = all.trim_start_matches('0');
        let zeros = count(all.len() - digits.len());
        let digits = digits.trim_end_matches('0');
        if digits.is_empty() {
            return Some(Decimal { is_negative: false, digits: String::new(), exponent: 0 });
        }
        let exponent = exponent.saturating_add(count(whole.len())).saturating_sub(zeros);
        Some(Decimal { is_negative, digits: digits.to_owned(), exponent })
    }

    /// Whether the database can hold it.
    pub fn is_bounded(&self) -> bool {
        self.exponent.checked_abs().is_some_and(|exponent| exponent <= EXPONENT_MAX)
    }
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn read_exponent(text: &str) -> Option<i32> {
    let (sign, digits) = match text.split_at_checked(1) {
        Some(("-", digits)) => (-1, digits),
        Some(("+", digits)) => (1, digits),
        Some(_) | None => (1, text),
    };
    // What is too large for the type is too large for the database, too.
    is_digits(digits).then(|| sign * digits.parse().unwrap_or(i32::MAX))
}

fn count(chars: usize) -> i32 {
    i32::try_from(chars).unwrap_or(i32::MAX)
}

impl Ord for Decimal {
    fn cmp(&self, other: &Decimal) -> Ordering {
        let key = |decimal: &Decimal| match (decimal.is_negative, decimal.digits.is_empty()) {
            (_, true) => 0,
            (true, false) => -1,
            (false, false) => 1,
        };
        let size = || (self.exponent, &self.digits).cmp(&(other.exponent, &other.digits));
        key(self).cmp(&key(other)).then_with(|| match self.is_negative {
            true => size().reverse(),
            false => size(),
        })
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Decimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl From<&Number> for Decimal {
    fn from(number: &Number) -> Decimal {
        Decimal::parse(&number.to_string()).expect("JSON numbers are written as JSON writes them")
    }
}

/// A number of JSON.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Decimal { is_negative, digits, exponent } = self;
        let sign = if *is_negative { "-" } else { "" };
        if digits.is_empty() {
            return f.write_str("0");
        }
        write!(f, "{sign}0.{digits}e{exponent}")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn numbers_of_json_are_read_and_nothing_else() {
        for text in ["0", "-0", "10", "1.50", "1e3", "1E+3", "12.25e-7", "0.001"] {
            assert!(Decimal::parse(text).is_some(), "{text}");
        }
        for text in ["", "-", "01", "+1", ".5", "1.", "1e", "1e+", "1.2.3", "0x1", "NaN", "1 "] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
        assert_eq!(decimal("-0"), decimal("0.000e9"));
        assert_eq!(decimal("100"), decimal("1e2"));
        assert_eq!(decimal("0.05"), decimal("5e-2"));
        assert!(decimal("1e300").is_bounded() && !decimal("1e99999999999").is_bounded());
        assert!(!decimal("1e-99999999999").is_bounded());
    }

    proptest! {
        #[test]
        fn decimals_order_as_doubles_do(a in -1e9..1e9_f64, b in -10.0..10.0_f64, n: i32, m: i32) {
            for (x, y) in [(a, b), (b, a), (a, a), (f64::from(n), a), (f64::from(n), f64::from(m))]
            {
                let order = decimal(&x.to_string()).cmp(&decimal(&y.to_string()));
                prop_assert_eq!(order, x.partial_cmp(&y).unwrap());
            }
        }

        #[test]
        fn decimals_read_back(number: f64, whole: i64) {
            for text in [serde_json::to_string(&number).unwrap(), whole.to_string()] {
                let decimal = decimal(&text);
                prop_assert_eq!(Decimal::parse(&decimal.to_string()), Some(decimal));
            }
        }
    }
}
