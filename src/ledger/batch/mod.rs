//! A batch in memory: which commands it holds, what they need, what they decide.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use anyhow::anyhow;
use jiff::Timestamp;
use tokio::time::Instant;
use uuid::Uuid;

use super::command::{Answer, Call, Done};
use super::frame;
use super::queue::Pending;
use crate::domain::command::{At, Decision};
use crate::domain::definition::Definitions;
use crate::domain::error::{Error, Reason, Result};
use crate::domain::event::{Recorded, Seq};
use crate::domain::name::ActorName;
use crate::domain::working_set::{Footprint, WorkingSet};
use crate::store::{KnownRequest, NewEvent, NewRequest};
use crate::stream::{Frame, Position, with_seq};

/// Deciding longer than this keeps rows locked that others wait for; the rest goes back.
const DECIDE_MAX: Duration = Duration::from_millis(20);
/// Events of one command.
const EVENTS_MAX: usize = 5_000;
/// Rows that one command changes.
const ROWS_MAX: usize = 12_000;
/// Bytes of one command's events.
const BODIES_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of one event: readers must be able to hold many.
const EVENT_BYTES_MAX: usize = 256 * 1024;

/// What a command came to.
#[derive(Debug)]
pub enum Outcome {
    /// It is to be answered so once the batch is durable.
    Done {
        /// What it was about.
        answer: Answer,
        /// Of a call that was acknowledged before, all names; else none.
        names: Vec<String>,
        /// Whether it changes anything.
        changed: bool,
        /// How many events of the batch lie before its end.
        events_before: usize,
        /// Where the log ended after it, if it was carried out before.
        position: Option<Position>,
    },
    /// It is refused.
    Refused(Error),
}

/// What a batch came to.
#[derive(Debug, Default)]
pub struct Decided {
    /// One outcome a command, for as many as there was time.
    pub outcomes: Vec<Outcome>,
    /// The events, in order.
    pub events: Vec<NewEvent>,
    /// The calls to remember.
    pub requests: Vec<NewRequest>,
    /// Whether there are signs of life: rows that change although nothing happens.
    pub signs_of_life: bool,
}

impl Decided {
    /// Whether there is anything to write.
    pub fn writes(&self) -> bool {
        self.signs_of_life || !(self.events.is_empty() && self.requests.is_empty())
    }

    /// The frames for readers, once the log's head before them is known.
    pub fn frames(&self, head: Seq) -> Vec<Frame> {
        let places = std::iter::successors(Some(head.next()), |seq| Some(seq.next()));
        let frame = |(seq, event): (Seq, &NewEvent)| Frame {
            seq,
            event_id: event.event_id,
            ends_command: event.ends_command,
            project: event.project.clone(),
            root: event.root.clone(),
            subject: event.subject.clone(),
            kind: event.kind.to_owned(),
            class: event.class,
            bytes: with_seq(seq, &event.body),
        };
        places.zip(&self.events).map(frame).collect()
    }

    /// Where the log ended after so many events of the batch; `none` where there were none yet.
    pub fn position(&self, head: Seq, events_before: usize, none: Position) -> Position {
        let last = events_before.checked_sub(1).and_then(|index| self.events.get(index));
        let offset = i64::try_from(events_before).unwrap_or(i64::MAX);
        last.map_or(none, |event| Position::after(Seq(head.0 + offset), event.event_id))
    }
}

/// Calls that were acknowledged before, and where the log ended after them.
pub type Replays = BTreeMap<(String, Uuid), (KnownRequest, Position)>;

/// Everything that the commands of a batch need.
pub fn footprint(batch: &[Pending], replays: &Replays) -> Footprint {
    let mut footprint = Footprint::default();
    for pending in batch {
        let Call { caller, request_id, .. } = &pending.command.call;
        if !replays.contains_key(&(caller.to_string(), *request_id)) {
            footprint.add(pending.command.verb.rule().footprint());
            footprint.people.insert(caller.clone().into());
        }
    }
    footprint
}

/// What the commands of a batch need besides, now that the first rows are locked. A command that
/// stands behind another one in the batch asks by rows that are not yet changed, so what it asks
/// for must be enough whatever the ones before it do.
pub fn expand(
    batch: &[Pending],
    rows: &WorkingSet,
    definitions: &Definitions,
    now: Timestamp,
    replays: &Replays,
    mut footprint: Footprint,
) -> Footprint {
    for pending in batch {
        let Call { caller, request_id, .. } = &pending.command.call;
        if !replays.contains_key(&(caller.to_string(), *request_id)) {
            let at = At { rows, definitions, now, caller, seed: *request_id };
            footprint.add(pending.command.verb.rule().expand(&at));
        }
    }
    footprint
}

/// What a batch is decided by.
#[derive(Debug)]
pub struct World<'a> {
    /// The rows, locked.
    pub rows: WorkingSet,
    /// The definitions.
    pub definitions: &'a Definitions,
    /// The time of the batch.
    pub now: Timestamp,
    /// Calls that were acknowledged before.
    pub replays: Replays,
}

/// Decides the commands of a batch in order, until the time is up; at least one.
pub fn decide(batch: &[Pending], world: &mut World<'_>) -> Decided {
    let started = Instant::now();
    let mut decided = Decided::default();
    let mut seen: BTreeMap<(ActorName, Uuid), ([u8; 16], usize)> = BTreeMap::new();
    for (index, pending) in batch.iter().enumerate() {
        if index > 0 && started.elapsed() > DECIDE_MAX {
            break;
        }
        let call = &pending.command.call;
        let key = (call.caller.clone(), call.request_id);
        let outcome = match seen.get(&key) {
            Some((fingerprint, first)) => again(call, *fingerprint, decided.outcomes.get(*first)),
            None => decide_one(pending, world, &mut decided),
        };
        let outcome = outcome.unwrap_or_else(Outcome::Refused);
        // A refusal is not remembered: the same call again is decided anew.
        if matches!(outcome, Outcome::Done { .. }) && !call.validate_only {
            seen.entry(key).or_insert((call.fingerprint, index));
        }
        decided.outcomes.push(outcome);
    }
    decided
}

/// The same call a second time in one batch: one effect, equal answers.
fn again(call: &Call, fingerprint: [u8; 16], first: Option<&Outcome>) -> Result<Outcome> {
    if call.fingerprint != fingerprint {
        return Err(reused(call));
    }
    match first {
        Some(Outcome::Done { answer, names, changed, events_before, position }) => Ok(Outcome::Done {
            answer: answer.clone(),
            names: names.clone(),
            changed: *changed,
            events_before: *events_before,
            position: *position,
        }),
        Some(Outcome::Refused(_)) | None => {
            Err(Error::Internal(anyhow!("only what was done is seen again")))
        }
    }
}

fn reused(call: &Call) -> Error {
    Error::Invalid {
        reason: Reason::RequestIdReused,
        field: "request_id".into(),
        problem: format!("{} was another request", call.request_id),
    }
}

fn decide_one(pending: &Pending, world: &mut World<'_>, batch: &mut Decided) -> Result<Outcome> {
    let call = &pending.command.call;
    if let Some((known, position)) = world.replays.get(&(call.caller.to_string(), call.request_id))
    {
        return replay(call, known, *position);
    }
    let at = At {
        rows: &world.rows,
        definitions: world.definitions,
        now: world.now,
        caller: &call.caller,
        seed: call.request_id,
    };
    let verb = &pending.command.verb;
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let decision = verb.decide(&at)?;
        let events = encode(&decision, &at)?;
        Ok((decision, events))
    }));
    let (decision, events) = decided.unwrap_or_else(|panic| {
        let said = panic.downcast_ref::<String>().cloned().unwrap_or_default();
        Err(Error::Internal(anyhow!("a rule panicked: {said}")))
    })?;
    let changed = decision.changed();
    let answer = Answer::Resource(decision.resource.clone());
    let names = Vec::new();
    if call.validate_only {
        let events_before = batch.events.len();
        return Ok(Outcome::Done { answer, names, changed, events_before, position: None });
    }
    batch.events.extend(events);
    let events_before = batch.events.len();
    // A late retry of a call that changed nothing could act after all, if its caller counts on
    // the id: so that is remembered too.
    if changed || call.request_id_given {
        batch.requests.push(NewRequest {
            caller: call.caller.to_string(),
            request_id: call.request_id,
            fingerprint: call.fingerprint,
            names: decision.resource.names(),
            changed,
            events_before: i64::try_from(events_before).unwrap_or(i64::MAX),
        });
    }
    batch.signs_of_life |= verb.rule().is_sign_of_life() && !decision.changes.is_empty();
    world.rows.apply(decision.changes, decision.gone);
    Ok(Outcome::Done { answer, names, changed, events_before, position: None })
}

fn replay(call: &Call, known: &KnownRequest, position: Position) -> Result<Outcome> {
    if known.fingerprint != call.fingerprint {
        return Err(reused(call));
    }
    Ok(Outcome::Done {
        answer: Answer::Replayed(known.names.first().cloned().unwrap_or_default()),
        names: known.names.clone(),
        changed: known.changed,
        events_before: 0,
        position: Some(position),
    })
}

/// Encodes the events of a decision, within the bounds of a command.
fn encode(decision: &Decision, at: &At<'_>) -> Result<Vec<NewEvent>> {
    if decision.events.len() > EVENTS_MAX || decision.changes.len() + decision.gone.len() > ROWS_MAX
    {
        let bound = format!("at most {EVENTS_MAX} events and {ROWS_MAX} rows");
        return Err(oversize(format!("would change too much: {bound}")));
    }
    let last = decision.events.len().saturating_sub(1);
    let mut bytes = 0;
    let encoded = decision.events.iter().enumerate().map(|(index, event)| {
        let recorded = Recorded {
            // The first ids of a command are its resources'.
            id: at.uid(u32::try_from(index).unwrap_or(u32::MAX).saturating_add(1_000)),
            actor: at.caller.clone(),
            at: at.now,
            ends_command: index == last,
        };
        let body = frame::encode(event, &recorded);
        bytes += body.len();
        if body.len() > EVENT_BYTES_MAX || bytes > BODIES_BYTES_MAX {
            let bound = format!("at most {EVENT_BYTES_MAX} bytes an event");
            return Err(oversize(format!(
                "its {} would be too large: {bound}",
                event.kind.as_str()
            )));
        }
        Ok(NewEvent {
            event_id: recorded.id,
            project: event.project.as_ref().map(ToString::to_string).unwrap_or_default(),
            root: event.root.clone(),
            subject: event.subject.clone(),
            version: event.version,
            kind: event.kind.as_str(),
            class: event.kind.class().number(),
            ends_command: recorded.ends_command,
            body,
        })
    });
    encoded.collect()
}

fn oversize(problem: String) -> Error {
    Error::Invalid { reason: Reason::CommandTooLarge, field: "request".into(), problem }
}

/// Answers a batch that is durable: `head` is the end of the log before it.
pub fn answer(batch: Vec<Pending>, decided: Decided, head: Seq, none: Position) {
    let positions: Vec<Position> = decided
        .outcomes
        .iter()
        .map(|outcome| match outcome {
            Outcome::Done { position: Some(position), .. } => *position,
            Outcome::Done { events_before, .. } => decided.position(head, *events_before, none),
            Outcome::Refused(_) => none,
        })
        .collect();
    for ((pending, outcome), position) in batch.into_iter().zip(decided.outcomes).zip(positions) {
        pending.end(match outcome {
            Outcome::Done { answer, names, changed, .. } => {
                Ok(Done { answer, names, changed, position })
            }
            Outcome::Refused(error) => Err(error),
        });
    }
}

#[cfg(test)]
mod tests;
