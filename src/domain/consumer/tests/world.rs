//! A log, the tables of a consumer, and members, all in memory.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::name;
use crate::domain::command::{At, Decision, Verb};
use crate::domain::consumer::shift::{Heard, Outgoing, Shift};
use crate::domain::consumer::{
    Bucket, BucketKey, Consume, Consumer, ConsumerSpec, CreateConsumer, Crew, KeyedBy, Parked,
    ProgressConsumer, Retry, Token,
};
use crate::domain::counter::{Counter, CounterKey};
use crate::domain::definition::Definitions;
use crate::domain::error::Result;
use crate::domain::event::Seq;
use crate::domain::filter::EventFilter;
use crate::domain::name::{ActorName, ConsumerName, ProjectId};
use crate::domain::project::Project;
use crate::domain::working_set::{Footprint, Noun, Rows, WorkingSet};

/// The tables.
#[derive(Debug, Default)]
pub struct Tables {
    counters: BTreeMap<CounterKey, Counter>,
    pub consumers: BTreeMap<ConsumerName, Consumer>,
    pub buckets: BTreeMap<BucketKey, Bucket>,
    pub crews: BTreeMap<ConsumerName, Crew>,
    pub retries: BTreeMap<(Uuid, Seq), Retry>,
    pub parked: BTreeMap<(Uuid, Seq), Parked>,
}

/// One event of the log.
#[derive(Clone, Debug)]
pub struct Logged {
    pub key: String,
    /// The first filter takes events of which this is odd, the second one those that it is not 3.
    pub kind: u8,
}

/// A member at work, and what the world knows of it.
#[derive(Debug)]
pub struct Member {
    pub id: Uuid,
    pub shift: Shift<()>,
    at: Seq,
    /// In which round it looked last.
    pub looked: u32,
}

#[derive(Debug)]
pub struct World {
    pub tables: Tables,
    pub log: Vec<Logged>,
    pub now: Timestamp,
    pub members: Vec<Member>,
    pub round: u32,
    seed: u128,
}

fn load<N: Noun>(table: &BTreeMap<N::Key, N>, keys: &BTreeSet<N::Key>) -> Rows<N> {
    Rows::load(keys, keys.iter().filter_map(|key| table.get(key).cloned()).collect())
}

fn store<N: Noun>(table: &mut BTreeMap<N::Key, N>, rows: &Rows<N>) {
    let changes = rows.changes();
    changes.gone.into_iter().for_each(|noun| drop(table.remove(&noun.key())));
    let written = changes.new.into_iter().chain(changes.changed.into_iter().map(|(_, new)| new));
    table.extend(written.map(|noun| (noun.key(), noun.clone())));
}

fn definitions() -> Definitions {
    let id = ProjectId::parse("id", "abc").unwrap();
    let project = Project {
        id: id.clone(),
        uid: Uuid::nil(),
        version: 1,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        creator: ActorName::root(),
        display_name: "ABC".into(),
        deleted_at: None,
    };
    Definitions { projects: [(id, Arc::new(project))].into(), ..Definitions::default() }
}

/// Whether an event of that kind is taken by the first filter, or by the second.
pub fn takes(filter: &EventFilter, kind: u8) -> bool {
    match filter.subjects {
        None => kind % 2 == 1,
        Some(_) => kind != 3,
    }
}

impl World {
    /// A consumer of so many buckets, at the beginning of an empty log.
    pub fn new(buckets: i16) -> World {
        let mut world = World {
            tables: Tables::default(),
            log: Vec::new(),
            now: Timestamp::from_second(1_800_000_000).unwrap(),
            members: Vec::new(),
            round: 0,
            seed: 0,
        };
        let spec = ConsumerSpec {
            filter: EventFilter::default(),
            buckets,
            keyed_by: KeyedBy::Root,
            ack_deadline: std::time::Duration::from_secs(30),
            attempts_max: 3,
        };
        world.carry_out(CreateConsumer { name: name(), spec, start: Seq(0) }).unwrap();
        world
    }

    /// Carries out one command, as the ledger does.
    pub fn carry_out(&mut self, verb: impl Into<Verb>) -> Result<Decision> {
        self.seed += 1;
        let (verb, definitions, caller) = (verb.into(), definitions(), ActorName::root());
        let Tables { counters, consumers, buckets, crews, retries, parked } = &self.tables;
        let Footprint {
            counters: counter_keys,
            consumers: names,
            buckets: bucket_keys,
            crews: crew_keys,
            ..
        } = verb.rule().footprint();
        let mut rows = WorkingSet {
            counters: load(counters, &counter_keys),
            consumers: load(consumers, &names),
            buckets: load(buckets, &bucket_keys),
            crews: load(crews, &crew_keys),
            ..WorkingSet::default()
        };
        let seed = Uuid::from_u128(self.seed);
        let at =
            At { rows: &rows, definitions: &definitions, now: self.now, caller: &caller, seed };
        let second = verb.rule().expand(&at);
        rows.retries = load(retries, &second.retries);
        rows.parked = load(parked, &second.parked);
        let at =
            At { rows: &rows, definitions: &definitions, now: self.now, caller: &caller, seed };
        let decision = verb.rule().decide(&at)?;
        rows.apply(decision.changes.clone(), decision.gone.clone());
        let tables = &mut self.tables;
        store(&mut tables.counters, &rows.counters);
        store(&mut tables.consumers, &rows.consumers);
        store(&mut tables.buckets, &rows.buckets);
        store(&mut tables.crews, &rows.crews);
        store(&mut tables.retries, &rows.retries);
        store(&mut tables.parked, &rows.parked);
        Ok(decision)
    }

    pub fn consumer(&self) -> &Consumer {
        &self.tables.consumers[&name()]
    }

    pub fn bucket(&self, number: i16) -> &Bucket {
        &self.tables.buckets[&BucketKey { consumer: name(), number }]
    }

    /// What waits since the last reset.
    pub fn waiting(&self) -> impl Iterator<Item = &Retry> {
        let run = self.consumer().run;
        self.tables.retries.values().filter(move |retry| retry.run == run)
    }

    pub fn publish(&mut self, key: &str, kind: u8) -> Seq {
        self.log.push(Logged { key: key.into(), kind });
        Seq(i64::try_from(self.log.len()).unwrap())
    }

    pub fn pass(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    /// Somebody begins to consume.
    pub fn join(&mut self, id: u128) {
        let (id, consumer) = (Uuid::from_u128(id), self.consumer().clone());
        let shift = Shift::new(id, 4, consumer);
        self.members.push(Member { id, shift, at: Seq(0), looked: 0 });
        self.beat(self.members.len() - 1);
    }

    /// A sign of life.
    pub fn beat(&mut self, member: usize) {
        let Member { id, shift, .. } = &self.members[member];
        let beat = Consume { name: name(), member: *id, idle: shift.idle() };
        if self.carry_out(beat).is_ok() {
            self.look(member);
        }
    }

    /// A look at the tables.
    pub fn look(&mut self, member: usize) {
        let (consumer, now) = (self.consumer().clone(), self.now);
        let buckets: Vec<Bucket> = self.tables.buckets.values().cloned().collect();
        let crew = self.tables.crews.get(&name());
        let living = crew.map_or(0, |crew| crew.members.values().filter(|at| **at > now).count());
        let run = consumer.run;
        let member = &mut self.members[member];
        let looked = member.shift.look(consumer, buckets, living);
        for number in looked.read {
            let rows = self.tables.retries.values();
            let rows = rows.filter(|retry| retry.run == run && retry.bucket == number);
            member.shift.read(number, rows.cloned().collect());
        }
        member.shift.settle();
        member.looked = self.round;
        if let Some(after) = looked.rescan {
            member.at = after;
        }
    }

    /// Reads on in the log.
    pub fn read(&mut self, member: usize, count: usize) {
        let member = &mut self.members[member];
        if !member.shift.wants_more() {
            return;
        }
        let from = usize::try_from(member.at.0).unwrap();
        let to = self.log.len().min(from + count);
        let filter = member.shift.takes().clone();
        let place = |n: usize| Seq(i64::try_from(n + 1).unwrap());
        let taken = (from..to).filter(|n| takes(&filter, self.log[*n].kind));
        let heard = taken.map(|n| Heard {
            seq: place(n),
            key: self.log[n].key.clone(),
            body: (),
            bytes: 1,
        });
        let heard = heard.collect();
        member.at = Seq(i64::try_from(to).unwrap());
        let at = member.at;
        member.shift.hear(heard, at);
    }

    /// What a member sends now, with the tokens that go with it.
    pub fn send(&mut self, member: usize) -> Vec<(Outgoing, Token)> {
        let (now, consumer) = (self.now, self.consumer().clone());
        let member = &mut self.members[member];
        let mut sent = member.shift.take_due(now, 2);
        let held = member.shift.take_held(now, 2, usize::MAX);
        sent.extend(held.into_iter().map(|(sent, ())| sent));
        let token = |sent: Outgoing| {
            let place = (sent.bucket, sent.fence);
            let events = (sent.from, sent.seq);
            let token = Token::new(&consumer, place, events, sent.attempt, &sent.key);
            (sent, token)
        };
        sent.into_iter().map(token).collect()
    }

    /// Tells the tables how a member gets on.
    pub fn tell(&mut self, member: usize) {
        let Member { id, shift, .. } = &self.members[member];
        let buckets = shift.progress(self.now, true, &[]);
        let told = ProgressConsumer { name: name(), member: *id, buckets };
        if self.carry_out(told).is_ok() {
            self.look(member);
        }
    }
}
