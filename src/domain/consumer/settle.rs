//! What members say of the events that they were given.

use std::collections::BTreeSet;
use std::time::Duration;

use super::desk::Desk;
use super::token::Token;
use super::{ACK_DEADLINE_MAX, ACK_DEADLINE_MIN, after, check_span, footprint, unexpired};
use super::{DELAY_MAX, REASON_BYTES_MAX};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::Result;
use crate::domain::name::ConsumerName;
use crate::domain::value::check_text;
use crate::domain::working_set::Footprint;

/// More would hold up others, and no member has more at a time.
pub const TOKENS_MAX: usize = 1_000;

/// Says that events were dealt with.
#[derive(Clone, Debug)]
pub struct AckEvents {
    /// Of which consumer.
    pub name: ConsumerName,
    /// Which.
    pub tokens: Vec<Token>,
}

/// Says that events could not be dealt with.
#[derive(Clone, Debug)]
pub struct FailEvents {
    /// Of which consumer.
    pub name: ConsumerName,
    /// Which.
    pub tokens: Vec<Token>,
    /// Why.
    pub reason: String,
    /// After how long to try again, if not after the usual time.
    pub delay: Option<Duration>,
}

/// Asks for more time.
#[derive(Clone, Debug)]
pub struct ExtendEvents {
    /// Of which consumer.
    pub name: ConsumerName,
    /// For which events.
    pub tokens: Vec<Token>,
    /// For how long from now on, if not for as long as at first.
    pub extension: Option<Duration>,
}

/// Says that there is no use in trying events again.
#[derive(Clone, Debug)]
pub struct ParkEvents {
    /// Of which consumer.
    pub name: ConsumerName,
    /// Which.
    pub tokens: Vec<Token>,
    /// Why.
    pub reason: String,
}

/// The buckets of some tokens: their rows guard all that the tokens speak of.
fn token_footprint(name: &ConsumerName, tokens: &[Token]) -> Footprint {
    footprint(name, tokens.iter().map(|token| token.bucket))
}

/// What there may be of the events besides, once the consumer is known.
fn token_rows(at: &At<'_>, name: &ConsumerName, tokens: &[Token]) -> Footprint {
    let seqs: BTreeSet<_> = tokens.iter().map(|token| token.seq).collect();
    let Some(consumer) = at.rows.consumers.find(name) else { return Footprint::default() };
    Footprint {
        retries: seqs.iter().map(|seq| (consumer.run, *seq)).collect(),
        parked: seqs.iter().map(|seq| (consumer.uid, *seq)).collect(),
        ..Footprint::default()
    }
}

/// The desk, and the tokens found sound.
fn desk<'a>(at: &'a At<'a>, name: &ConsumerName, tokens: &[Token]) -> Result<Desk<'a>> {
    let desk = Desk::new(at, unexpired(at, name)?);
    desk.check(tokens)?;
    Ok(desk)
}

macro_rules! settles {
    ($($verb:ident),*) => {$(
        impl Decide for $verb {
            fn subject(&self) -> Subject<'_> {
                Subject::Project(&self.name.project)
            }

            fn footprint(&self) -> Footprint {
                token_footprint(&self.name, &self.tokens)
            }

            fn expand(&self, at: &At<'_>) -> Footprint {
                token_rows(at, &self.name, &self.tokens)
            }

            fn is_sign_of_life(&self) -> bool {
                true
            }

            fn decide(&self, at: &At<'_>) -> Result<Decision> {
                self.check()?;
                let desk = desk(at, &self.name, &self.tokens)?;
                self.settle(at, desk)
            }
        }
    )*};
}

settles!(AckEvents, FailEvents, ExtendEvents, ParkEvents);

impl AckEvents {
    /// Refuses what cannot be said, whatever the events.
    pub fn check(&self) -> Result<()> {
        Ok(())
    }

    fn settle(&self, _: &At<'_>, mut desk: Desk<'_>) -> Result<Decision> {
        self.tokens.iter().for_each(|token| desk.done(token.into()));
        Ok(desk.decision())
    }
}

impl FailEvents {
    /// Refuses what cannot be said, whatever the events.
    pub fn check(&self) -> Result<()> {
        check_text("reason", &self.reason, REASON_BYTES_MAX)?;
        self.delay.map_or(Ok(()), |delay| check_span("delay", delay, Duration::ZERO, DELAY_MAX))
    }

    fn settle(&self, _: &At<'_>, mut desk: Desk<'_>) -> Result<Decision> {
        let FailEvents { name: _, tokens, reason, delay } = self;
        tokens.iter().for_each(|token| desk.failed(token.into(), reason, *delay));
        Ok(desk.decision())
    }
}

impl ExtendEvents {
    /// Refuses what cannot be said, whatever the events.
    pub fn check(&self) -> Result<()> {
        let check = |span| check_span("extension", span, ACK_DEADLINE_MIN, ACK_DEADLINE_MAX);
        self.extension.map_or(Ok(()), check)
    }

    fn settle(&self, at: &At<'_>, mut desk: Desk<'_>) -> Result<Decision> {
        let usual = unexpired(at, &self.name)?.ack_deadline;
        let until = after(at.now, self.extension.unwrap_or(usual));
        self.tokens.iter().for_each(|token| desk.extend(token.into(), until));
        Ok(desk.decision())
    }
}

impl ParkEvents {
    /// Refuses what cannot be said, whatever the events.
    pub fn check(&self) -> Result<()> {
        check_text("reason", &self.reason, REASON_BYTES_MAX)
    }

    fn settle(&self, _: &At<'_>, mut desk: Desk<'_>) -> Result<Decision> {
        self.tokens.iter().for_each(|token| desk.park(token.into(), &self.reason));
        Ok(desk.decision())
    }
}
