//! Requests about consumers.

use std::time::Duration;

use prost_types::FieldMask;

use crate::domain::consumer::{
    ACK_DEADLINE_DEFAULT, ATTEMPTS_DEFAULT, AckEvents, ConsumerEdit, ConsumerSpec, DeleteConsumer,
    ExtendEvents, FailEvents, KeyedBy, ParkEvents, PauseConsumer, ResumeConsumer, TOKENS_MAX,
    Token, UpdateConsumer,
};
use crate::domain::error::{Error, Reason, Result, invalid, required, too_large};
use crate::domain::name::ConsumerName;
use crate::proto::{self, well_known};
use crate::stream::{Position, Start};
use crate::transport::decode::etag;
use crate::transport::decode_events::event_filter_at;
use crate::transport::mask::paths;

/// What the server sets, or what never changes.
const SET: [&str; 8] =
    ["name", "uid", "etag", "create_time", "update_time", "creator", "buckets", "keyed_by"];
const FIELDS: [&str; 3] = ["filter", "ack_deadline", "attempts_max"];

fn span(field: &str, sent: Option<prost_types::Duration>) -> Result<Option<Duration>> {
    sent.map(|sent| well_known::span(field, sent)).transpose()
}

/// What a new consumer is to be.
pub(super) fn spec(sent: proto::Consumer) -> Result<ConsumerSpec> {
    let keyed_by = match proto::KeyedBy::try_from(sent.keyed_by) {
        Ok(proto::KeyedBy::Unspecified | proto::KeyedBy::Root) => KeyedBy::Root,
        Ok(proto::KeyedBy::Project) => KeyedBy::Project,
        Err(_) => return Err(invalid("consumer.keyed_by", "is not known")),
    };
    let buckets = match sent.buckets {
        0 => 1,
        // What no bucket number holds is refused by the rule, too.
        buckets => i16::try_from(buckets).unwrap_or(-1),
    };
    let ack_deadline = span("consumer.ack_deadline", sent.ack_deadline)?;
    let attempts_max = if sent.attempts_max == 0 { ATTEMPTS_DEFAULT } else { sent.attempts_max };
    let spec = ConsumerSpec {
        filter: event_filter_at("consumer.filter", sent.filter)?,
        buckets,
        keyed_by,
        ack_deadline: ack_deadline.unwrap_or(ACK_DEADLINE_DEFAULT),
        attempts_max,
    };
    spec.check()?;
    Ok(spec)
}

/// What is to change in a consumer.
fn edits(sent: proto::Consumer, mask: Option<FieldMask>) -> Result<Vec<ConsumerEdit>> {
    let named = mask.iter().flat_map(|mask| &mask.paths);
    if named.into_iter().any(|path| path == "state") {
        return Err(Error::Invalid {
            reason: Reason::UseVerb,
            field: "update_mask".into(),
            problem: "state: PauseConsumer, ResumeConsumer and ResetConsumer change it".into(),
        });
    }
    let present = |field: &str| match field {
        "filter" => sent.filter.is_some(),
        "ack_deadline" => sent.ack_deadline.is_some(),
        _ => sent.attempts_max != 0,
    };
    let meant = paths(mask, &FIELDS, &SET, present)?;
    let edit = |field: &'static str| {
        let edit = match field {
            "filter" => {
                ConsumerEdit::Filter(event_filter_at("consumer.filter", sent.filter.clone())?)
            }
            "ack_deadline" => {
                let sent = span("consumer.ack_deadline", sent.ack_deadline)?;
                ConsumerEdit::AckDeadline(sent.unwrap_or(ACK_DEADLINE_DEFAULT))
            }
            _ => match sent.attempts_max {
                0 => ConsumerEdit::AttemptsMax(ATTEMPTS_DEFAULT),
                attempts => ConsumerEdit::AttemptsMax(attempts),
            },
        };
        edit.check()?;
        Ok(edit)
    };
    meant.into_iter().map(edit).collect()
}

/// Where a consumer starts; none if it is not said.
pub(super) fn start(sent: Option<proto::ConsumerStart>) -> Result<Option<Start>> {
    use proto::consumer_start::Start as Sent;
    let Some(start) = sent.and_then(|sent| sent.start) else { return Ok(None) };
    let meaningless = |field| Err(invalid(field, "must be true where it is set"));
    match start {
        Sent::FromNow(true) => Ok(Some(Start::Now)),
        Sent::FromBeginning(true) => Ok(Some(Start::Beginning)),
        Sent::FromNow(false) => meaningless("start.from_now"),
        Sent::FromBeginning(false) => meaningless("start.from_beginning"),
        Sent::AfterTime(at) => {
            Ok(Some(Start::Time(well_known::timestamp("start.after_time", at)?)))
        }
        Sent::After(cursor) => {
            let (epoch, position) = Position::of_cursor("start.after", &cursor)?;
            Ok(Some(Start::After(epoch, position)))
        }
    }
}

fn tokens(sent: &[String]) -> Result<Vec<Token>> {
    if sent.is_empty() {
        return Err(required("ack_tokens"));
    }
    if sent.len() > TOKENS_MAX {
        return Err(too_large("ack_tokens", format_args!("{TOKENS_MAX} tokens")));
    }
    let token = |(n, text): (usize, &String)| Token::parse(&format!("ack_tokens[{n}]"), text);
    sent.iter().enumerate().map(token).collect()
}

impl TryFrom<proto::UpdateConsumerRequest> for UpdateConsumer {
    type Error = Error;

    fn try_from(request: proto::UpdateConsumerRequest) -> Result<UpdateConsumer> {
        use proto::UpdateConsumerRequest as Sent;
        let Sent { consumer, update_mask, request_id: _, validate_only: _ } = request;
        let consumer = consumer.ok_or_else(|| required("consumer"))?;
        let name = ConsumerName::parse("consumer.name", &consumer.name)?;
        let etag = etag(consumer.etag.clone());
        Ok(UpdateConsumer { name, etag, edits: edits(consumer, update_mask)? })
    }
}

macro_rules! named {
    ($($request:ident for $verb:ident;)*) => {$(
        impl TryFrom<proto::$request> for $verb {
            type Error = Error;

            fn try_from(request: proto::$request) -> Result<$verb> {
                let proto::$request { name, etag, request_id: _, validate_only: _ } = request;
                let name = ConsumerName::parse("name", &name)?;
                Ok($verb { name, etag: self::etag(etag) })
            }
        }
    )*};
}

named! {
    DeleteConsumerRequest for DeleteConsumer;
    PauseConsumerRequest for PauseConsumer;
    ResumeConsumerRequest for ResumeConsumer;
}

impl TryFrom<proto::AckEventsRequest> for AckEvents {
    type Error = Error;

    fn try_from(request: proto::AckEventsRequest) -> Result<AckEvents> {
        let proto::AckEventsRequest { name, ack_tokens } = request;
        let name = ConsumerName::parse("name", &name)?;
        Ok(AckEvents { name, tokens: tokens(&ack_tokens)? })
    }
}

impl TryFrom<proto::FailEventsRequest> for FailEvents {
    type Error = Error;

    fn try_from(request: proto::FailEventsRequest) -> Result<FailEvents> {
        let proto::FailEventsRequest { name, ack_tokens, reason, delay } = request;
        let name = ConsumerName::parse("name", &name)?;
        let tokens = tokens(&ack_tokens)?;
        Ok(FailEvents { name, tokens, reason, delay: span("delay", delay)? })
    }
}

impl TryFrom<proto::ExtendEventsRequest> for ExtendEvents {
    type Error = Error;

    fn try_from(request: proto::ExtendEventsRequest) -> Result<ExtendEvents> {
        let proto::ExtendEventsRequest { name, ack_tokens, extension } = request;
        let name = ConsumerName::parse("name", &name)?;
        let tokens = tokens(&ack_tokens)?;
        Ok(ExtendEvents { name, tokens, extension: span("extension", extension)? })
    }
}

impl TryFrom<proto::ParkEventsRequest> for ParkEvents {
    type Error = Error;

    fn try_from(request: proto::ParkEventsRequest) -> Result<ParkEvents> {
        let proto::ParkEventsRequest { name, ack_tokens, reason } = request;
        let name = ConsumerName::parse("name", &name)?;
        Ok(ParkEvents { name, tokens: tokens(&ack_tokens)?, reason })
    }
}
