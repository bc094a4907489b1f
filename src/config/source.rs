//! Where the values of settings come from, and how they are read.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::{Error, Flags};

/// Reads one environment variable.
pub trait Lookup: Fn(&str) -> Option<String> {}
impl<F: Fn(&str) -> Option<String>> Lookup for F {}

/// The environment of the process.
pub fn environment(variable: &str) -> Option<String> {
    std::env::var_os(variable).map(|value| value.to_string_lossy().into_owned())
}

/// Where values come from: a flag, else the environment, else the default.
pub(super) struct Source<'a, L> {
    pub flags: &'a Flags,
    pub lookup: L,
}

impl<L: Lookup> Source<'_, L> {
    /// An empty value counts as none: that is how a template leaves a setting out.
    pub fn text(&self, variable: &'static str) -> Option<String> {
        let flag = self.flags.get(variable).map(str::to_owned);
        flag.or_else(|| (self.lookup)(variable)).filter(|value| !value.is_empty())
    }

    pub fn parse<T>(
        &self,
        variable: &'static str,
        default: T,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Error> {
        let Some(value) = self.text(variable) else { return Ok(default) };
        parse(&value).map_err(|cause| Error { variable, value, cause })
    }

    pub fn number(
        &self,
        variable: &'static str,
        default: usize,
        bounds: RangeInclusive<usize>,
    ) -> Result<usize, Error> {
        self.parse(variable, default, |value| {
            let number = value.parse().ok().filter(|number| bounds.contains(number));
            let (least, most) = (bounds.start(), bounds.end());
            number.ok_or_else(|| format!("must be a number from {least} to {most}"))
        })
    }

    pub fn span(
        &self,
        variable: &'static str,
        default: Duration,
        bounds: RangeInclusive<Duration>,
    ) -> Result<Duration, Error> {
        self.parse(variable, default, |value| {
            let span = value.parse::<jiff::SignedDuration>().map_err(|error| error.to_string())?;
            let span = Duration::try_from(span).map_err(|_| "must not be negative")?;
            let (least, most) = (bounds.start(), bounds.end());
            bounds
                .contains(&span)
                .then_some(span)
                .ok_or_else(|| format!("must be from {least:?} to {most:?}"))
        })
    }

    pub fn addr(&self, variable: &'static str, default: SocketAddr) -> Result<SocketAddr, Error> {
        self.parse(variable, default, |value| {
            value.parse().map_err(|_| "must be an address such as 127.0.0.1:50051".into())
        })
    }
}
