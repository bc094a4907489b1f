//! A consumer under random commands: order per key, only failing keys wait, nothing is lost.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::name;
use super::world::{World, takes};
use crate::domain::consumer::shift::Outgoing;
use crate::domain::consumer::{
    AckEvents, ConsumerEdit, ExtendEvents, FailEvents, Fate, LeaveConsumer, ParkEvents,
    PauseConsumer, ReplayParkedEvents, ResetConsumer, ResumeConsumer, Token, UpdateConsumer,
};
use crate::domain::event::Seq;
use crate::domain::filter::EventFilter;

#[derive(Clone, Debug)]
enum Step {
    Publish { key: u8, kind: u8 },
    Join,
    Act(usize, Act),
    Say(usize, Word),
    Wait(i64),
    Replay,
    Reset(usize),
    Pause,
    Resume,
    Refilter(bool),
}

/// What a member does.
#[derive(Clone, Copy, Debug)]
enum Act {
    Crash,
    Leave,
    Beat,
    Look,
    Read(usize),
    Send,
    Tell,
}

/// What is said of a delivery.
#[derive(Clone, Copy, Debug)]
enum Word {
    Ack,
    Fail,
    Park,
    Extend,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let act = prop_oneof![
        1 => Just(Act::Crash),
        1 => Just(Act::Leave),
        4 => Just(Act::Beat),
        6 => Just(Act::Look),
        8 => (1_usize..5).prop_map(Act::Read),
        10 => Just(Act::Send),
        5 => Just(Act::Tell),
    ];
    let word = prop_oneof![
        10 => Just(Word::Ack),
        6 => Just(Word::Fail),
        1 => Just(Word::Park),
        1 => Just(Word::Extend),
    ];
    let step = prop_oneof![
        8 => (0_u8..4, 0_u8..4).prop_map(|(key, kind)| Step::Publish { key, kind }),
        2 => Just(Step::Join),
        35 => (0_usize..3, act).prop_map(|(member, act)| Step::Act(member, act)),
        18 => (0_usize..50, word).prop_map(|(delivery, word)| Step::Say(delivery, word)),
        4 => (1_i64..20).prop_map(Step::Wait),
        1 => Just(Step::Replay),
        1 => (0_usize..20).prop_map(Step::Reset),
        1 => Just(Step::Pause),
        2 => Just(Step::Resume),
        1 => any::<bool>().prop_map(Step::Refilter),
    ];
    prop::collection::vec(step, 1..120)
}

/// A world, and what is remembered of it to be compared.
struct Model {
    world: World,
    joined: u128,
    /// All deliveries, with their tokens; late words are said, too.
    tokens: Vec<(Outgoing, Token)>,
    /// What was acked since the last reset.
    acked: BTreeSet<Seq>,
    /// Where the last reset led.
    start: Seq,
    /// Kinds of events that every filter since the last reset takes.
    always: BTreeSet<u8>,
    /// In which round an event was last replayed.
    replayed: BTreeMap<Seq, u32>,
    /// Keys of which something failed, was silent, or was replayed.
    troubled: BTreeSet<String>,
}

impl Model {
    fn new(buckets: i16) -> Model {
        Model {
            world: World::new(buckets),
            joined: 0,
            tokens: Vec::new(),
            acked: BTreeSet::new(),
            start: Seq(0),
            always: [1, 3].into(),
            replayed: BTreeMap::new(),
            troubled: BTreeSet::new(),
        }
    }

    fn member(&self, n: usize) -> Option<usize> {
        (!self.world.members.is_empty()).then(|| n % self.world.members.len())
    }

    fn token(&self, n: usize) -> Option<(Outgoing, Token)> {
        // The newest first: older ones are mostly settled.
        let n = n % self.tokens.len().max(1);
        self.tokens.iter().rev().nth(n).cloned()
    }

    fn dones(&self) -> Vec<Seq> {
        self.world.tables.buckets.values().map(|bucket| bucket.done).collect()
    }

    fn step(&mut self, step: Step) {
        self.world.round += 1;
        let before = (self.world.consumer().run, self.dones());
        self.carry_out(step);
        let after = (self.world.consumer().run, self.dones());
        if before.0 == after.0 {
            assert!(before.1.iter().zip(&after.1).all(|(old, new)| old <= new), "only resets");
        }
        self.check_waiting();
    }

    fn carry_out(&mut self, step: Step) {
        match step {
            Step::Publish { key, kind } => {
                self.world.publish(&format!("k{key}"), kind);
            }
            Step::Join if self.world.members.len() < 3 => {
                self.joined += 1;
                self.world.join(self.joined);
            }
            Step::Join => (),
            Step::Wait(seconds) => self.world.pass(seconds),
            Step::Replay => self.replay(),
            Step::Reset(at) => self.reset(at),
            Step::Pause => {
                let _ = self.world.carry_out(PauseConsumer { name: name(), etag: None });
            }
            Step::Resume => {
                let _ = self.world.carry_out(ResumeConsumer { name: name(), etag: None });
            }
            Step::Refilter(second) => self.refilter(second),
            Step::Say(n, word) => {
                if let Some((sent, token)) = self.token(n) {
                    self.settle(word, sent, token);
                }
            }
            Step::Act(n, act) => {
                if let Some(n) = self.member(n) {
                    self.act(act, n);
                }
            }
        }
    }

    fn act(&mut self, act: Act, n: usize) {
        match act {
            Act::Beat => self.world.beat(n),
            Act::Look => self.world.look(n),
            Act::Read(count) => self.world.read(n, count),
            Act::Send => self.send(n),
            Act::Tell => {
                let silent = self.world.members[n].shift.progress(self.world.now, false, &[]);
                let silent = silent.iter().flat_map(|progress| &progress.silent);
                self.troubled.extend(silent.map(|silent| silent.event.key.clone()));
                self.world.tell(n);
            }
            Act::Leave => {
                let member = self.world.members.remove(n).id;
                self.world.carry_out(LeaveConsumer { name: name(), member }).unwrap();
            }
            Act::Crash => drop(self.world.members.remove(n)),
        }
    }

    fn settle(&mut self, word: Word, sent: Outgoing, token: Token) {
        let (name, tokens, reason) = (name(), vec![token], String::new());
        let (seq, key) = (sent.seq, sent.key);
        let said = match word {
            Word::Ack => self.world.carry_out(AckEvents { name, tokens }),
            Word::Fail => self.world.carry_out(FailEvents { name, tokens, reason, delay: None }),
            Word::Extend => self.world.carry_out(ExtendEvents { name, tokens, extension: None }),
            Word::Park => self.world.carry_out(ParkEvents { name, tokens, reason }),
        };
        if said.is_err() {
            return;
        }
        match word {
            Word::Ack => {
                self.acked.insert(seq);
            }
            Word::Fail | Word::Park => {
                self.troubled.insert(key);
            }
            Word::Extend => (),
        }
    }

    fn replay(&mut self) {
        let parked: BTreeSet<Seq> = self.world.tables.parked.keys().map(|(_, seq)| *seq).collect();
        let keys = self.world.tables.parked.values().map(|parked| parked.key.clone());
        self.troubled.extend(keys);
        let replay = ReplayParkedEvents { name: name(), seqs: parked.clone() };
        self.world.carry_out(replay).unwrap();
        for seq in parked {
            self.acked.remove(&seq);
            self.replayed.insert(seq, self.world.round);
        }
    }

    fn reset(&mut self, at: usize) {
        let start = Seq(i64::try_from(at.min(self.world.log.len())).unwrap());
        self.world.carry_out(ResetConsumer { name: name(), etag: None, start }).unwrap();
        (self.start, self.acked) = (start, BTreeSet::new());
        self.always = (0..4).filter(|kind| takes(&self.world.consumer().filter, *kind)).collect();
    }

    fn refilter(&mut self, second: bool) {
        let subjects = second.then(|| ["other".to_owned()].into());
        let filter = EventFilter { subjects, ..EventFilter::default() };
        let edits = vec![ConsumerEdit::Filter(filter.clone())];
        self.world.carry_out(UpdateConsumer { name: name(), etag: None, edits }).unwrap();
        self.always.retain(|kind| takes(&filter, *kind));
    }

    /// Sends, and compares each delivery that still counts with the tables.
    fn send(&mut self, n: usize) {
        let sent = self.world.send(n);
        let looked = self.world.members[n].looked;
        for (sent, token) in sent {
            let counts = self.world.bucket(sent.bucket).fence == sent.fence
                && token.is_genuine(self.world.consumer());
            if counts {
                self.check_order(&sent, looked);
                self.check_alone(&sent);
            }
            self.tokens.push((sent, token));
        }
    }

    /// Before an event nothing of its key is open, and nothing waits but what was replayed since
    /// the member looked.
    fn check_order(&self, sent: &Outgoing, looked: u32) {
        let bucket = self.world.bucket(sent.bucket);
        let logged = &self.world.log[usize::try_from(sent.seq.0 - 1).unwrap()];
        assert_eq!(logged.key, sent.key);
        let before = (self.start.0 + 1..sent.seq.0).map(Seq).filter(|seq| {
            let logged = &self.world.log[usize::try_from(seq.0 - 1).unwrap()];
            logged.key == sent.key && self.always.contains(&logged.kind)
        });
        for seq in before {
            assert_eq!(
                bucket.fate(seq),
                Fate::Past,
                "{seq} of {} is before {}",
                sent.key,
                sent.seq
            );
        }
        let waits = self.world.waiting().find(|r| r.key == sent.key && r.seq < sent.seq);
        if let Some(retry) = waits {
            let replayed = self.replayed.get(&retry.seq).copied().unwrap_or(0);
            assert!(replayed > looked, "{} waits before {}", retry.seq, sent.seq);
        }
    }

    /// Of a key one event is with a member at a time.
    fn check_alone(&self, sent: &Outgoing) {
        for (other, token) in &self.tokens {
            let bucket = self.world.bucket(other.bucket);
            let same = other.key == sent.key
                && other.fence == bucket.fence
                && token.is_genuine(self.world.consumer());
            if !same {
                continue;
            }
            let retry = self.world.waiting().find(|retry| retry.seq == other.seq);
            let is_open = match retry {
                Some(retry) => retry.attempts < other.attempt,
                None => bucket.fate(other.seq) == Fate::Open,
            };
            // Of one that was replayed an older token looks like the newest.
            let replayed = self.replayed.contains_key(&other.seq);
            assert!(!is_open || replayed, "{other:?} is with a member beside {sent:?}");
        }
    }

    /// Only keys in trouble wait, and buckets know how much does.
    fn check_waiting(&self) {
        for retry in self.world.waiting() {
            assert!(self.troubled.contains(&retry.key), "{retry:?}");
        }
        for bucket in self.world.tables.buckets.values() {
            let waits = self.world.waiting().filter(|r| r.bucket == bucket.key.number).count();
            assert_eq!(usize::try_from(bucket.waiting).unwrap(), waits);
        }
    }

    /// A new member deals with all that is left.
    fn finish(&mut self) {
        let _ = self.world.carry_out(ResumeConsumer { name: name(), etag: None });
        self.world.members.clear();
        self.world.pass(60);
        self.world.join(1_000);
        let end = Seq(i64::try_from(self.world.log.len()).unwrap());
        let is_left = |model: &Model| {
            model.world.waiting().count() > 0 || model.dones().iter().any(|done| *done < end)
        };
        for _ in 0..500 {
            if !is_left(self) {
                break;
            }
            self.world.round += 1;
            self.world.pass(1);
            self.world.beat(0);
            self.world.read(0, 10);
            self.send(0);
            for (sent, token) in std::mem::take(&mut self.tokens) {
                let ack = AckEvents { name: name(), tokens: vec![token] };
                if self.world.carry_out(ack).is_ok() {
                    self.acked.insert(sent.seq);
                }
            }
            self.world.look(0);
            self.world.tell(0);
        }
        assert_eq!(self.world.waiting().count(), 0, "{:?}", self.world.waiting().next());
        assert!(self.dones().iter().all(|done| *done >= end), "{:?} of {end}", self.dones());
        let parked: BTreeSet<Seq> = self.world.tables.parked.keys().map(|(_, seq)| *seq).collect();
        for seq in (self.start.0 + 1..=end.0).map(Seq) {
            let logged = &self.world.log[usize::try_from(seq.0 - 1).unwrap()];
            let owed = self.always.contains(&logged.kind);
            assert!(!owed || self.acked.contains(&seq) || parked.contains(&seq), "{seq} is lost");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn whatever_happens_order_holds_per_key_and_nothing_is_lost(
        buckets in 1_i16..4,
        steps in steps(),
    ) {
        let mut model = Model::new(buckets);
        for step in steps {
            model.step(step);
        }
        model.finish();
    }
}
