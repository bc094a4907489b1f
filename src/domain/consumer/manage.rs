//! Consumers come, change and go.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::bucket::{BUCKETS_MAX, Bucket, BucketKey};
use super::{
    ACK_DEADLINE_MAX, ACK_DEADLINE_MIN, ATTEMPTS_MAX, Consumer, ConsumerState, KeyedBy, buckets,
    check_span, counter_key, known, place, whole_footprint,
};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::counter::Counter;
use crate::domain::error::{Error, Result, invalid, limit_reached};
use crate::domain::etag;
use crate::domain::event::{Event, EventType, Seq};
use crate::domain::filter::EventFilter;
use crate::domain::name::ConsumerName;
use crate::domain::working_set::{Change, Footprint, Gone};

/// Each of them may hold back what the log forgets, and is looked after.
pub const CONSUMERS_MAX: i64 = 100;

/// What callers say of a new consumer.
#[derive(Clone, PartialEq, Debug)]
pub struct ConsumerSpec {
    /// What it takes.
    pub filter: EventFilter,
    /// Over how many buckets its keys are spread.
    pub buckets: i16,
    /// What events are ordered by.
    pub keyed_by: KeyedBy,
    /// How long a member may be silent about an event.
    pub ack_deadline: Duration,
    /// How often an event is tried before it is parked.
    pub attempts_max: i32,
}

/// What can be changed of a consumer.
#[derive(Clone, PartialEq, Debug)]
pub enum ConsumerEdit {
    /// What it takes.
    Filter(EventFilter),
    /// How long a member may be silent about an event.
    AckDeadline(Duration),
    /// How often an event is tried before it is parked.
    AttemptsMax(i32),
}

fn check_ack_deadline(span: Duration) -> Result<()> {
    check_span("consumer.ack_deadline", span, ACK_DEADLINE_MIN, ACK_DEADLINE_MAX)
}

fn check_attempts(attempts: i32) -> Result<()> {
    match (1..=ATTEMPTS_MAX).contains(&attempts) {
        true => Ok(()),
        false => Err(invalid("consumer.attempts_max", format!("must be 1 to {ATTEMPTS_MAX}"))),
    }
}

impl ConsumerEdit {
    /// Refuses a value that no consumer can have.
    pub fn check(&self) -> Result<()> {
        match self {
            ConsumerEdit::Filter(_) => Ok(()),
            ConsumerEdit::AckDeadline(span) => check_ack_deadline(*span),
            ConsumerEdit::AttemptsMax(attempts) => check_attempts(*attempts),
        }
    }
}

impl ConsumerSpec {
    /// Refuses values that no consumer can have.
    pub fn check(&self) -> Result<()> {
        if !(1..=BUCKETS_MAX).contains(&self.buckets) {
            return Err(invalid("consumer.buckets", format!("must be 1 to {BUCKETS_MAX}")));
        }
        check_ack_deadline(self.ack_deadline)?;
        check_attempts(self.attempts_max)
    }
}

/// Creates a consumer.
#[derive(Clone, Debug)]
pub struct CreateConsumer {
    /// The project, and the id.
    pub name: ConsumerName,
    /// What it is to be.
    pub spec: ConsumerSpec,
    /// The place that it starts after.
    pub start: Seq,
}

impl Decide for CreateConsumer {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        Footprint { counters: [counter_key(&self.name)].into(), ..whole_footprint(&self.name) }
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let CreateConsumer { name, spec, start } = self;
        at.definitions.project(&name.project)?;
        spec.check()?;
        if at.rows.consumers.get(name).is_some() {
            return Err(Error::Exists { resource: name.to_string() });
        }
        let key = counter_key(name);
        let counter = Counter::after(key.clone(), at.rows.counters.get(&key).map(|c| &**c));
        if counter.live > CONSUMERS_MAX {
            let problem = format!("{} has {CONSUMERS_MAX} consumers", name.project);
            return Err(limit_reached(problem));
        }
        let ConsumerSpec { filter, buckets, keyed_by, ack_deadline, attempts_max } = spec.clone();
        let consumer = Arc::new(Consumer {
            name: name.clone(),
            uid: at.uid(0),
            version: 1,
            created_at: at.now,
            updated_at: at.now,
            creator: at.caller.clone(),
            filter,
            buckets,
            keyed_by,
            ack_deadline,
            attempts_max,
            state: ConsumerState::Active,
            run: at.uid(1),
        });
        let mut event =
            Event { after: consumer.fields(), ..consumer.event(EventType::ConsumerCreated) };
        place(&mut event, *start);
        let mut changes: Vec<Change> = vec![Arc::new(counter).into(), Arc::clone(&consumer).into()];
        changes.extend((0..buckets).map(|number| {
            let key = BucketKey { consumer: name.clone(), number };
            Change::from(Arc::new(Bucket::new(key, *start)))
        }));
        Ok(Decision { changes, gone: Vec::new(), events: vec![event], resource: consumer.into() })
    }
}

/// Changes a consumer.
#[derive(Clone, Debug)]
pub struct UpdateConsumer {
    /// Which.
    pub name: ConsumerName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// What is to change.
    pub edits: Vec<ConsumerEdit>,
}

impl Decide for UpdateConsumer {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        whole_footprint(&self.name)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let UpdateConsumer { name, etag, edits } = self;
        let old = known(at, name)?;
        etag::check(etag.as_deref(), old.version, name)?;
        let mut new = Consumer::clone(old);
        for edit in edits {
            edit.check()?;
            match edit.clone() {
                ConsumerEdit::Filter(filter) => new.filter = filter,
                ConsumerEdit::AckDeadline(span) => new.ack_deadline = span,
                ConsumerEdit::AttemptsMax(attempts) => new.attempts_max = attempts,
            }
        }
        if new == **old {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        let new = Arc::new(Consumer { version: old.version + 1, updated_at: at.now, ..new });
        let mut event = new.event(EventType::ConsumerUpdated);
        let mut changed = Vec::new();
        for ((field, was), is) in old.fields().into_iter().zip(new.fields().into_values()) {
            if was != is {
                event.before.insert(field.clone(), was);
                event.after.insert(field.clone(), is);
                changed.push(field);
            }
        }
        event.data.insert("changed".into(), json!(changed));
        Ok(Decision {
            changes: vec![Arc::clone(&new).into()],
            gone: Vec::new(),
            events: vec![event],
            resource: new.into(),
        })
    }
}

/// Deletes a consumer.
#[derive(Clone, Debug)]
pub struct DeleteConsumer {
    /// Which.
    pub name: ConsumerName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for DeleteConsumer {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        Footprint { counters: [counter_key(&self.name)].into(), ..whole_footprint(&self.name) }
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let DeleteConsumer { name, etag } = self;
        let old = known(at, name)?;
        etag::check(etag.as_deref(), old.version, name)?;
        let was = Consumer { version: old.version + 1, ..Consumer::clone(old) };
        let event = Event { before: old.fields(), ..was.event(EventType::ConsumerDeleted) };
        // What waits and what is parked is swept: it is of an id that comes no more.
        let mut gone: Vec<Gone> = vec![Gone::Consumer(name.clone()), Gone::Crew(name.clone())];
        gone.extend(buckets(at, name).into_iter().map(|b| Gone::Bucket(b.key.clone())));
        let counter = at.rows.counters.get(&counter_key(name));
        let counter = counter.map(|counter| Arc::new(counter.without_one()).into());
        Ok(Decision {
            changes: counter.into_iter().collect(),
            gone,
            events: vec![event],
            resource: Arc::clone(old).into(),
        })
    }
}
