//! Members: who delivers which buckets, and how they get on.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::bucket::{Bucket, WAITING_MAX};
use super::desk::{Desk, Sent};
use super::retry::SILENT;
use super::{Consumer, Crew, after, buckets, footprint, known, unexpired, whole_footprint};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Result, limit_reached};
use crate::domain::event::Seq;
use crate::domain::name::ConsumerName;
use crate::domain::working_set::{Change, Footprint, Gone};

/// For so long a member keeps its buckets without a sign of life. Longer, and what a lost one held
/// waits longer; shorter, and a pause of a moment costs a member its buckets.
pub const LEASE: Duration = Duration::from_secs(15);
/// More than there can be buckets for are there to take over at once; many more are a mistake.
pub const MEMBERS_MAX: usize = 1_000;

/// How many buckets a member has at most, of so many, among so many living members.
pub fn share(buckets: usize, living: usize) -> usize {
    buckets.div_ceil(living.max(1))
}

/// Which of its buckets a member has too many of: the last ones.
pub fn surplus(held: &BTreeSet<i16>, share: usize) -> BTreeSet<i16> {
    held.iter().skip(share).copied().collect()
}

/// A sign of life of a member, who takes free buckets up to its share, and gives back those that
/// are too many and idle. The first one makes it a member.
#[derive(Clone, Debug)]
pub struct Consume {
    /// Which consumer.
    pub name: ConsumerName,
    /// Who: drawn for each stream.
    pub member: Uuid,
    /// Those of its buckets of which nothing is with it.
    pub idle: BTreeSet<i16>,
}

impl Decide for Consume {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        whole_footprint(&self.name)
    }

    fn is_sign_of_life(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let Consume { name, member, idle } = self;
        let consumer = unexpired(at, name)?;
        let until = after(at.now, LEASE);
        let mut crew = crew(at, name);
        crew.members.retain(|_, seen_until| *seen_until > at.now);
        crew.members.insert(*member, until);
        if crew.members.len() > MEMBERS_MAX {
            return Err(limit_reached(format!("there are {MEMBERS_MAX} members of {name}")));
        }
        let all = buckets(at, name);
        let share = share(all.len(), crew.members.len());
        let held: BTreeSet<i16> =
            all.iter().filter(|bucket| bucket.is_of(*member)).map(|b| b.key.number).collect();
        let surplus = surplus(&held, share);
        let mut left = share.saturating_sub(held.len());
        let mut changes: Vec<Change> = vec![Arc::new(crew).into()];
        for old in all {
            let mut bucket = Bucket::clone(old);
            let number = bucket.key.number;
            if held.contains(&number) && surplus.contains(&number) && idle.contains(&number) {
                bucket.holder = None;
            } else if held.contains(&number) {
                bucket.holder = Some((*member, until));
            } else if left > 0 && bucket.is_free(at.now) {
                left -= 1;
                bucket.claim(*member, until);
            } else {
                continue;
            }
            changes.push(changed(bucket).into());
        }
        Ok(alive(consumer, changes))
    }
}

/// The members of a consumer as they are stored.
fn crew(at: &At<'_>, name: &ConsumerName) -> Crew {
    let stored = at.rows.crews.get(name).map(|crew| Crew::clone(crew));
    stored.unwrap_or_else(|| Crew { consumer: name.clone(), members: Default::default() })
}

fn changed(bucket: Bucket) -> Arc<Bucket> {
    Arc::new(Bucket { version: bucket.version + 1, ..bucket })
}

/// What a sign of life comes to.
fn alive(consumer: &Arc<Consumer>, changes: Vec<Change>) -> Decision {
    let resource = Arc::clone(consumer).into();
    Decision { changes, gone: Vec::new(), events: Vec::new(), resource }
}

/// A member is no more: others may take its buckets at once.
#[derive(Clone, Debug)]
pub struct LeaveConsumer {
    /// Which consumer.
    pub name: ConsumerName,
    /// Who.
    pub member: Uuid,
}

impl Decide for LeaveConsumer {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        whole_footprint(&self.name)
    }

    fn is_sign_of_life(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let LeaveConsumer { name, member } = self;
        let consumer = known(at, name)?;
        let mut crew = crew(at, name);
        if crew.members.remove(member).is_none() {
            return Ok(Decision::unchanged(Arc::clone(consumer)));
        }
        let mut gone = Vec::new();
        let mut changes = Vec::new();
        match crew.members.is_empty() {
            true => gone.push(Gone::Crew(name.clone())),
            false => changes.push(Arc::new(crew).into()),
        }
        for held in buckets(at, name).into_iter().filter(|bucket| bucket.is_of(*member)) {
            changes.push(changed(Bucket { holder: None, ..Bucket::clone(held) }).into());
        }
        Ok(Decision { gone, ..alive(consumer, changes) })
    }
}

/// An event that waits for an earlier one of its key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Later {
    /// From here on up to the event nothing else is of the bucket.
    pub from: Seq,
    /// The event.
    pub seq: Seq,
    /// What it is ordered by.
    pub key: String,
}

/// A delivery of which nothing was heard for too long.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Silent {
    /// The event.
    pub event: Later,
    /// How often it was tried with that delivery.
    pub attempt: i32,
}

/// How a member got on with one of its buckets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BucketProgress {
    /// Which.
    pub number: i16,
    /// Under which claim.
    pub fence: i64,
    /// Everything is past up to there: what was not settled was not of the bucket.
    pub done: Option<Seq>,
    /// Events that are to wait.
    pub later: Vec<Later>,
    /// Deliveries of which nothing was heard.
    pub silent: Vec<Silent>,
    /// Events that waited and that the member may not see: it passes them over.
    pub unseen: Vec<Silent>,
}

/// How a member got on.
#[derive(Clone, Debug)]
pub struct ProgressConsumer {
    /// Which consumer.
    pub name: ConsumerName,
    /// Who.
    pub member: Uuid,
    /// With which buckets.
    pub buckets: Vec<BucketProgress>,
}

impl ProgressConsumer {
    fn seqs(&self) -> impl Iterator<Item = Seq> {
        self.buckets.iter().flat_map(|bucket| {
            let silent = bucket.silent.iter().chain(&bucket.unseen);
            let silent = silent.map(|silent| silent.event.seq);
            bucket.later.iter().map(|later| later.seq).chain(silent)
        })
    }
}

impl Decide for ProgressConsumer {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name, self.buckets.iter().map(|bucket| bucket.number))
    }

    fn expand(&self, at: &At<'_>) -> Footprint {
        let Some(consumer) = at.rows.consumers.find(&self.name) else {
            return Footprint::default();
        };
        Footprint {
            retries: self.seqs().map(|seq| (consumer.run, seq)).collect(),
            parked: self.seqs().map(|seq| (consumer.uid, seq)).collect(),
            ..Footprint::default()
        }
    }

    fn is_sign_of_life(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let mut desk = Desk::new(at, unexpired(at, &self.name)?);
        for progress in &self.buckets {
            // What is said under an old claim is said of another's bucket by now.
            let still = |b: &Bucket| b.fence == progress.fence && b.is_of(self.member);
            if desk.bucket(progress.number).is_some_and(still) {
                progress.settle(&mut desk);
            }
        }
        Ok(desk.decision())
    }
}

impl Later {
    fn sent(&self, bucket: i16, attempt: i32) -> Sent<'_> {
        let Later { from, seq, key } = self;
        Sent { bucket, from: *from, seq: *seq, attempt, key }
    }
}

impl BucketProgress {
    fn settle(&self, desk: &mut Desk<'_>) {
        let BucketProgress { number, fence: _, done, later, silent, unseen } = self;
        unseen.iter().for_each(|Silent { event, attempt }| {
            desk.done(event.sent(*number, *attempt));
        });
        for Silent { event, attempt } in silent {
            let sent = event.sent(*number, *attempt);
            if !desk.is_extended(sent) {
                desk.failed(sent, SILENT, None);
            }
        }
        for event in later {
            let room = desk.bucket(*number).is_some_and(|bucket| bucket.waiting < WAITING_MAX);
            if room {
                desk.defer(event.sent(*number, 0));
            }
        }
        if let Some(done) = done {
            desk.pass_all(*number, *done);
        }
    }
}
