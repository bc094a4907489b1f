//! Parked events: listed, and tried again.

use std::collections::BTreeSet;

use prost::Message as _;
use tonic::{Request, Response};

use super::encode;
use crate::domain::consumer::{Consumer, REPLAY_MAX, ReplayParkedEvents};
use crate::domain::error::{Result, invalid};
use crate::domain::event::Seq;
use crate::domain::filter::EventFilter;
use crate::domain::name::ConsumerName;
use crate::proto;
use crate::store::ParkedRow;
use crate::transport::auth::{Caller, admit, admit_write};
use crate::transport::decode::page_size;
use crate::transport::decode_events::event_filter;
use crate::transport::door::{answer, fit};
use crate::transport::event_service::Events;
use crate::transport::page_token::{List, number_key, number_of};

/// Rows that are looked at together for those that a filter takes.
const SCAN: i64 = 1_000;

impl Events {
    pub(in crate::transport) async fn parked_listed(
        &self,
        request: Request<proto::ListParkedEventsRequest>,
    ) -> Result<Response<proto::ListParkedEventsResponse>> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ListParkedEventsRequest { parent, page_size: size, page_token } =
            request.into_inner();
        let name = ConsumerName::parse("parent", &parent)?;
        let size = page_size(size)?;
        let list = List::of("ListParkedEvents", caller.name.as_str()).with(name.to_string());
        let after = list.key(&page_token)?.map(|key| number_of(&key)).transpose()?.unwrap_or(0);
        let consumer = self.consumer_for(&caller, "ListParkedEvents", &name).await?;
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let rows = self.parked_after(&caller, &consumer, Seq(after), limit).await?;
        let reader = caller.reader();
        let rows: Vec<proto::ParkedEvent> =
            rows.iter().map(|row| encode::parked(row, &reader)).collect::<Result<_>>()?;
        let (parked_events, more) = fit(rows, size, proto::ParkedEvent::encoded_len);
        let last = parked_events.last().filter(|_| more);
        let next_page_token =
            last.map(|last| list.token(&number_key(last.seq))).unwrap_or_default();
        Ok(Response::new(proto::ListParkedEventsResponse { parked_events, next_page_token }))
    }

    async fn parked_after(
        &self,
        caller: &Caller,
        consumer: &Consumer,
        after: Seq,
        limit: i64,
    ) -> Result<Vec<ParkedRow>> {
        let deadline = caller.deadline;
        let reading =
            || Box::pin(self.door.store.parked_events(consumer.uid, after, limit, deadline.0));
        deadline.read(reading).await
    }

    /// The first parked events that a filter takes, one more than are replayed at once.
    async fn parked_that_fit(
        &self,
        caller: &Caller,
        consumer: &Consumer,
        filter: &EventFilter,
        through: Seq,
    ) -> Result<Vec<Seq>> {
        let (mut fitting, mut after) = (Vec::new(), Seq(0));
        while fitting.len() <= REPLAY_MAX {
            let rows = self.parked_after(caller, consumer, after, SCAN).await?;
            let Some(last) = rows.last().map(|row| row.parked.seq) else { break };
            let takes = |row: &&ParkedRow| row.parked.seq <= through && filter.takes(row.facts());
            fitting.extend(rows.iter().filter(takes).map(|row| row.parked.seq));
            if last >= through {
                break;
            }
            after = last;
        }
        fitting.truncate(REPLAY_MAX + 1);
        Ok(fitting)
    }

    pub(in crate::transport) async fn parked_replayed(
        &self,
        request: Request<proto::ReplayParkedEventsRequest>,
    ) -> Result<Response<proto::ReplayParkedEventsResponse>> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let proto::ReplayParkedEventsRequest {
            name,
            filter,
            through_seq,
            request_id: _,
            validate_only: _,
        } = message;
        let name = ConsumerName::parse("name", &name)?;
        let filter = event_filter(filter)?;
        let through = match through_seq {
            0 => Seq(i64::MAX),
            seq if seq > 0 => Seq(seq),
            _ => return Err(invalid("through_seq", "must not be negative")),
        };
        let caller = &admitted.caller;
        let consumer = self.consumer_for(caller, "ReplayParkedEvents", &name).await?;
        let mut seqs = self.parked_that_fit(caller, &consumer, &filter, through).await?;
        let more = seqs.len() > REPLAY_MAX;
        seqs.truncate(REPLAY_MAX);
        let verb = ReplayParkedEvents { name, seqs: seqs.into_iter().collect::<BTreeSet<_>>() };
        let outcome = self.write_consumer(&admitted, verb).await?;
        answer!(outcome -> ReplayParkedEventsResponse { consumer, more })
    }
}
