//! Where events are settled: what a command makes of them, gathered until it is decided as a whole.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::bucket::{Bucket, BucketKey, Fate};
use super::parked::Parked;
use super::retry::{Retry, backoff};
use super::token::Token;
use super::{Consumer, after};
use crate::domain::command::{At, Decision};
use crate::domain::error::{Reason, Result, refused};
use crate::domain::event::Seq;
use crate::domain::working_set::{Change, Gone};

/// A delivery that is spoken of.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<'a> {
    /// The bucket of the event.
    pub bucket: i16,
    /// From here on up to the event nothing else is of the bucket.
    pub from: Seq,
    /// The event.
    pub seq: Seq,
    /// How often it was tried with that delivery.
    pub attempt: i32,
    /// What it is ordered by.
    pub key: &'a str,
}

impl<'a> From<&'a Token> for Sent<'a> {
    fn from(token: &'a Token) -> Sent<'a> {
        let Token { bucket, from, seq, attempt, ref key, .. } = *token;
        Sent { bucket, from, seq, attempt, key }
    }
}

/// The rows of a consumer as they become.
pub(super) struct Desk<'a> {
    at: &'a At<'a>,
    consumer: &'a Arc<Consumer>,
    buckets: BTreeMap<i16, Bucket>,
    retries: BTreeMap<Seq, Option<Retry>>,
    parked: BTreeMap<Seq, Option<Parked>>,
    drawn: u32,
}

impl<'a> Desk<'a> {
    pub fn new(at: &'a At<'a>, consumer: &'a Arc<Consumer>) -> Desk<'a> {
        let (buckets, retries, parked) = Default::default();
        Desk { at, consumer, buckets, retries, parked, drawn: 0 }
    }

    fn stored_bucket(&self, number: i16) -> Option<&'a Arc<Bucket>> {
        let key = BucketKey { consumer: self.consumer.name.clone(), number };
        self.at.rows.buckets.find(&key)
    }

    /// A bucket as it is now.
    pub fn bucket(&self, number: i16) -> Option<&Bucket> {
        self.buckets.get(&number).or_else(|| self.stored_bucket(number).map(|bucket| &**bucket))
    }

    fn bucket_mut(&mut self, number: i16) -> &mut Bucket {
        let stored = self.stored_bucket(number);
        let stored = stored.expect("only deliveries of buckets that there are come this far");
        self.buckets.entry(number).or_insert_with(|| Bucket::clone(stored))
    }

    /// What waits under an event's place.
    pub fn retry(&self, seq: Seq) -> Option<&Retry> {
        match self.retries.get(&seq) {
            Some(changed) => changed.as_ref(),
            None => self.at.rows.retries.find(&(self.consumer.run, seq)).map(|retry| &**retry),
        }
    }

    fn is_parked(&self, seq: Seq) -> bool {
        match self.parked.get(&seq) {
            Some(changed) => changed.is_some(),
            None => self.at.rows.parked.find(&(self.consumer.uid, seq)).is_some(),
        }
    }

    /// Refuses tokens that are void, and those that were never given.
    pub fn check(&self, tokens: &[Token]) -> Result<()> {
        let not_delivered = |n: usize| {
            refused(Reason::NotDelivered, &self.consumer.name, "no event was delivered with it")
                .with("token", n)
        };
        let mut stale = Vec::new();
        for (n, token) in tokens.iter().enumerate() {
            let bucket = self.bucket(token.bucket).ok_or_else(|| not_delivered(n))?;
            if token.fence < bucket.fence {
                stale.push(n.to_string());
            } else if token.fence > bucket.fence || !token.is_genuine(self.consumer) {
                return Err(not_delivered(n));
            }
        }
        if stale.is_empty() {
            return Ok(());
        }
        let rule = "the bucket has moved on; the events come again";
        Err(refused(Reason::FenceStale, &self.consumer.name, rule).with("tokens", stale.join(",")))
    }

    /// The event was dealt with.
    pub fn done(&mut self, sent: Sent<'_>) {
        let Sent { bucket, from, seq, .. } = sent;
        if self.bucket_mut(bucket).fate(seq) == Fate::Open {
            self.bucket_mut(bucket).pass(from, seq);
            return;
        }
        // Late, but true: whoever dealt with it has, whatever was thought of it since.
        self.take_retry(bucket, seq);
        if self.is_parked(seq) {
            self.parked.insert(seq, None);
        }
    }

    /// The event failed: it waits, for the usual time unless another is asked for, or is parked.
    pub fn failed(&mut self, sent: Sent<'_>, reason: &str, delay: Option<Duration>) {
        if !self.is_open(sent) {
            return;
        }
        if sent.attempt >= self.consumer.attempts_max {
            return self.put_aside(sent, reason);
        }
        let wait = delay.unwrap_or_else(|| backoff(sent.attempt, self.draw()));
        let next_at = after(self.at.now, wait);
        self.wait(sent, sent.attempt, next_at, reason);
    }

    /// There is no use in trying the event again.
    pub fn park(&mut self, sent: Sent<'_>, reason: &str) {
        let waits = self.retry(sent.seq).is_some();
        if waits || self.is_open(sent) {
            self.put_aside(sent, reason);
        }
    }

    /// The event waits for an earlier one of its key.
    pub fn defer(&mut self, sent: Sent<'_>) {
        let open = self.bucket(sent.bucket).is_some_and(|b| b.fate(sent.seq) == Fate::Open);
        if open {
            self.wait(sent, 0, self.at.now, "");
        }
    }

    /// The member takes until then.
    pub fn extend(&mut self, sent: Sent<'_>, until: Timestamp) {
        let Sent { bucket, seq, .. } = sent;
        if self.bucket_mut(bucket).fate(seq) == Fate::Open {
            self.bucket_mut(bucket).extended.insert(seq, until);
        } else if let Some(retry) = self.retry(seq)
            && retry.attempts < sent.attempt
        {
            // It is with a member. Should that one be lost, nobody else is to begin earlier.
            let later = Retry { next_at: retry.next_at.max(until), ..retry.clone() };
            self.retries.insert(seq, Some(later));
        }
    }

    /// Whether a member was given more time for an event than until now.
    pub fn is_extended(&self, sent: Sent<'_>) -> bool {
        let bucket = self.bucket(sent.bucket);
        let until = match self.retry(sent.seq) {
            Some(retry) => Some(retry.next_at),
            None => bucket.and_then(|bucket| bucket.extended.get(&sent.seq).copied()),
        };
        until.is_some_and(|until| until > self.at.now)
    }

    /// Everything of a bucket is past up to there.
    pub fn pass_all(&mut self, bucket: i16, to: Seq) {
        self.bucket_mut(bucket).pass_all(to);
    }

    /// Whether that delivery is the newest of an event that is not settled.
    fn is_open(&self, sent: Sent<'_>) -> bool {
        let fate = self.bucket(sent.bucket).map(|bucket| bucket.fate(sent.seq));
        match fate {
            Some(Fate::Open) => true,
            Some(Fate::Past) => {
                self.retry(sent.seq).is_some_and(|retry| retry.attempts < sent.attempt)
            }
            None => false,
        }
    }

    fn wait(&mut self, sent: Sent<'_>, attempts: i32, next_at: Timestamp, reason: &str) {
        let Sent { bucket, from, seq, key, .. } = sent;
        if self.retry(seq).is_none() {
            let bucket = self.bucket_mut(bucket);
            bucket.pass(from, seq);
            bucket.waiting += 1;
        }
        let (run, key, reason) = (self.consumer.run, key.to_owned(), reason.to_owned());
        let retry = Retry { run, seq, bucket, key, attempts, next_at, reason };
        self.retries.insert(seq, Some(retry));
    }

    fn put_aside(&mut self, sent: Sent<'_>, reason: &str) {
        let Sent { bucket, from, seq, attempt, key } = sent;
        self.bucket_mut(bucket).pass(from, seq);
        self.take_retry(bucket, seq);
        let parked = Parked {
            consumer: self.consumer.uid,
            seq,
            bucket,
            key: key.to_owned(),
            attempts: attempt,
            reason: reason.to_owned(),
            parked_at: self.at.now,
        };
        self.parked.insert(seq, Some(parked));
    }

    fn take_retry(&mut self, bucket: i16, seq: Seq) {
        if self.retry(seq).is_some() {
            self.retries.insert(seq, None);
            self.bucket_mut(bucket).waiting -= 1;
        }
    }

    /// A parked event waits again, as if it had never been tried.
    pub fn replay(&mut self, parked: &Parked) {
        let Parked { bucket, seq, key, .. } = parked;
        let sent = Sent { bucket: *bucket, from: *seq, seq: *seq, attempt: 0, key };
        self.parked.insert(*seq, None);
        // After a reset it may lie ahead, and then comes by itself.
        let past = self.bucket(*bucket).is_some_and(|b| b.fate(*seq) == Fate::Past);
        if past && self.retry(*seq).is_none() {
            self.wait(sent, 0, self.at.now, "");
        }
    }

    /// A number that waits are spread by: another one each time.
    fn draw(&mut self) -> u32 {
        self.drawn += 1;
        let [.., a, b, c, d] = self.at.uid(self.drawn).into_bytes();
        u32::from_be_bytes([a, b, c, d])
    }

    /// What has become of it all.
    pub fn decision(mut self) -> Decision {
        let run = self.consumer.run;
        let (mut changes, mut gone) = (Vec::<Change>::new(), Vec::new());
        let mut touched = BTreeSet::new();
        for (seq, retry) in std::mem::take(&mut self.retries) {
            let stored = self.at.rows.retries.find(&(run, seq));
            match (retry, stored) {
                (Some(new), Some(old)) if new == **old => (),
                (Some(new), _) => {
                    touched.insert(new.bucket);
                    changes.push(Arc::new(new).into());
                }
                (None, Some(old)) => {
                    touched.insert(old.bucket);
                    gone.push(Gone::Retry((run, seq)));
                }
                (None, None) => (),
            }
        }
        for (seq, parked) in std::mem::take(&mut self.parked) {
            let key = (self.consumer.uid, seq);
            match (parked, self.at.rows.parked.find(&key)) {
                (Some(new), _) => changes.push(Arc::new(new).into()),
                (None, Some(_)) => gone.push(Gone::Parked(key)),
                (None, None) => (),
            }
        }
        for number in &touched {
            self.bucket_mut(*number);
        }
        for (number, bucket) in std::mem::take(&mut self.buckets) {
            let Some(old) = self.stored_bucket(number) else { continue };
            // Whoever looks at a bucket goes by its version, whatever of it has changed.
            if touched.contains(&number) || bucket != **old {
                changes.push(Arc::new(Bucket { version: old.version + 1, ..bucket }).into());
            }
        }
        let resource = Arc::clone(self.consumer).into();
        Decision { changes, gone, events: Vec::new(), resource }
    }
}
