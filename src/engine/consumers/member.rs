//! One member: looks at its buckets, reads the log for them, and delivers.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::domain::consumer::shift::{Heard, Outgoing, Shift};
use crate::domain::consumer::{
    Consume, Consumer, ConsumerState, ExpireConsumer, KeyedBy, LEASE, LeaveConsumer,
    ProgressConsumer, Token, expired, share,
};
use crate::domain::error::{Error, Reason, Result, not_found, refused};
use crate::domain::event::Seq;
use crate::domain::filter::EventFilter;
use crate::domain::name::{ActorName, ConsumerName};
use crate::domain::reader::{Reader, Seen, View};
use crate::engine::hand::{self, jittered};
use crate::ledger::Ledger;
use crate::store::{ConsumerLook, Store, Stretch};
use crate::stream::{
    Delivered, Hub, Message, Position, Start, Subscribe, Subscription, hidden, ordered, with_seq,
};

/// A third of the lease: one sign of life may be lost, and the next still comes in time.
const BEAT_PERIOD: Duration = Duration::from_secs(5);
const BEAT_SPREAD: Duration = Duration::from_millis(500);
/// Nothing is sent so shortly before the lease ends: it would be on its way when it has.
const LEASE_MARGIN: Duration = Duration::from_secs(1);
/// How often the tables are looked at while something is with the member: what others were told is
/// known that much later.
const LOOK_PERIOD_BUSY: Duration = Duration::from_millis(100);
/// And while nothing is.
const LOOK_PERIOD_IDLE: Duration = Duration::from_secs(1);
/// How often it is told how far the log was read without an event of the consumer.
const PASS_PERIOD: Duration = Duration::from_secs(5);
/// After a failure that may pass.
const RETRY_PERIOD: Duration = Duration::from_millis(500);
/// Deliveries of one message.
const BATCH_EVENTS_MAX: usize = 256;
const BATCH_BYTES_MAX: usize = 256 * 1024;
/// Events that waited and are read again for one message, each by itself.
const DUE_MAX: usize = 32;

/// Where members act.
#[derive(Debug)]
pub struct Rooms {
    pub store: Store,
    pub hub: Hub,
    pub ledger: Ledger,
}

/// Who is a member of what.
#[derive(Debug)]
pub struct Place {
    pub name: ConsumerName,
    pub caller: ActorName,
    pub id: Uuid,
    pub in_flight_max: usize,
}

/// The way to a member's connection.
#[derive(Debug)]
pub struct Way {
    /// What is delivered.
    pub out: mpsc::Sender<Vec<Delivered>>,
    /// Why nothing more is.
    pub end: oneshot::Sender<Error>,
}

/// A member of a consumer whose stream ends here.
#[derive(Debug)]
pub struct Member {
    rooms: Rooms,
    place: Place,
    way: Way,
    bell: watch::Receiver<()>,
    stopping: CancellationToken,
}

impl Member {
    pub fn new(
        rooms: Rooms,
        place: Place,
        way: Way,
        bell: watch::Receiver<()>,
        stopping: CancellationToken,
    ) -> Member {
        Member { rooms, place, way, bell, stopping }
    }

    /// Delivers until nobody takes it any more, the service stops, or the member must not go on.
    pub async fn run(self) {
        let Member { rooms, place, way: Way { out, end }, bell, stopping } = self;
        let mut work = Work::new(&rooms, &place, &out, bell);
        let ended = tokio::select! {
            ended = work.work() => match ended {
                Ok(never) => match never {},
                Err(error) => Some(error),
            },
            () = stopping.cancelled() => Some(shutting_down()),
            () = out.closed() => None,
        };
        drop(work);
        let leaving = LeaveConsumer { name: place.name.clone(), member: place.id };
        if let Err(error) = hand::submit(&rooms.ledger, 1, leaving).await {
            // Its lease ends by itself.
            tracing::debug!(consumer.name = %place.name, %error, "a member could not leave");
        }
        if let Some(error) = ended {
            // Whoever has gone is told nothing.
            let _ = end.send(error);
        }
    }
}

fn shutting_down() -> Error {
    Error::Unavailable {
        reason: Reason::ShuttingDown,
        problem: "this server stops; consume again".into(),
        request_id: None,
    }
}

/// Whether the same may work a little later.
fn may_pass(error: &Error) -> bool {
    matches!(
        error.reason(),
        Reason::DatabaseUnavailable
            | Reason::OutcomeUnknown
            | Reason::Contention
            | Reason::QueueFull
            | Reason::DeadlinePassed
    )
}

/// The time of the database, between two looks.
#[derive(Clone, Copy, Debug)]
struct Clock {
    seen: Timestamp,
    at: Instant,
}

impl Clock {
    fn now(self) -> Timestamp {
        let passed = SignedDuration::try_from(self.at.elapsed()).unwrap_or(SignedDuration::MAX);
        self.seen.checked_add(passed).unwrap_or(Timestamp::MAX)
    }
}

/// A member at work.
struct Work<'a> {
    rooms: &'a Rooms,
    place: &'a Place,
    out: &'a mpsc::Sender<Vec<Delivered>>,
    bell: watch::Receiver<()>,
    shift: Option<Shift<Bytes>>,
    subscription: Option<Subscription>,
    clock: Clock,
    /// Until when its buckets are surely its own.
    lease_until: Instant,
    beat_at: Instant,
    look_at: Instant,
    pass_at: Instant,
    /// Not earlier, after a failure.
    send_at: Instant,
    /// When the member was last seen to take or to settle something.
    sign_at: Instant,
    /// Events that waited and that it may not see.
    unseen: Vec<Outgoing>,
}

impl<'a> Work<'a> {
    fn new(
        rooms: &'a Rooms,
        place: &'a Place,
        out: &'a mpsc::Sender<Vec<Delivered>>,
        bell: watch::Receiver<()>,
    ) -> Work<'a> {
        let now = Instant::now();
        Work {
            rooms,
            place,
            out,
            bell,
            shift: None,
            subscription: None,
            clock: Clock { seen: Timestamp::UNIX_EPOCH, at: now },
            // It has just become a member; how long ago that was is not known here.
            lease_until: now,
            beat_at: now,
            look_at: now,
            pass_at: now + PASS_PERIOD,
            send_at: now,
            sign_at: now,
            unseen: Vec::new(),
        }
    }

    async fn work(&mut self) -> Result<Infallible> {
        loop {
            if let Err(error) = self.turn().await {
                if !may_pass(&error) {
                    return Err(error);
                }
                tracing::debug!(consumer.name = %self.place.name, %error, "will try again");
                sleep(RETRY_PERIOD).await;
                self.look_at = Instant::now();
            }
        }
    }

    async fn turn(&mut self) -> Result<()> {
        if Instant::now() >= self.beat_at {
            self.beat().await?;
        }
        if Instant::now() >= self.look_at || self.bell.has_changed().unwrap_or(false) {
            self.look().await?;
        }
        self.tell().await?;
        self.send().await?;
        self.check_alive()?;
        self.wait().await
    }

    /// Gives a sign of life.
    async fn beat(&mut self) -> Result<()> {
        let started = Instant::now();
        let idle = self.shift.as_ref().map(Shift::idle).unwrap_or_default();
        let beat = Consume { name: self.place.name.clone(), member: self.place.id, idle };
        hand::submit_as(&self.rooms.ledger, &self.place.caller, beat).await?;
        self.lease_until = started + LEASE.saturating_sub(LEASE_MARGIN);
        self.beat_at = started + jittered(BEAT_PERIOD, BEAT_SPREAD);
        self.look_at = started;
        Ok(())
    }

    /// Looks at the tables.
    async fn look(&mut self) -> Result<()> {
        // Whatever rings from here on is heard.
        self.bell.mark_unchanged();
        let name = &self.place.name;
        let reading = self.rooms.store.look_at_consumer(name, hand::look_deadline());
        let look = hand::read(Box::pin(reading)).await?;
        let ConsumerLook { now, consumer, buckets, living } = look;
        self.clock = Clock { seen: now, at: Instant::now() };
        let consumer = consumer.ok_or_else(|| not_found(name))?;
        if consumer.state == ConsumerState::Expired {
            return Err(expired(name));
        }
        let held = buckets.iter().filter(|bucket| bucket.is_of(self.place.id)).count();
        let wants = held < share(buckets.len(), living.max(1));
        let takes = wants && buckets.iter().any(|bucket| bucket.is_free(now));
        let (run, first) = (consumer.run, consumer.clone());
        let shift = self
            .shift
            .get_or_insert_with(|| Shift::new(self.place.id, self.place.in_flight_max, first));
        let settled = shift.settled();
        let looked = shift.look(consumer, buckets, living);
        if !looked.read.is_empty() {
            let reading = self.rooms.store.retries(run, looked.read, hand::look_deadline());
            for (number, rows) in hand::read(Box::pin(reading)).await? {
                shift.read(number, rows);
            }
        }
        shift.settle();
        if shift.settled() > settled {
            self.sign_at = Instant::now();
        }
        let period = if shift.is_busy() { LOOK_PERIOD_BUSY } else { LOOK_PERIOD_IDLE };
        self.look_at = Instant::now() + period;
        if takes {
            self.beat_at = Instant::now();
        }
        let (has_posts, takes) = (shift.has_posts(), shift.takes().clone());
        match looked.rescan {
            Some(after) => self.follow(after, takes).await?,
            None if !has_posts => self.subscription = None,
            None => (),
        }
        Ok(())
    }

    /// Reads the log from a place on.
    async fn follow(&mut self, after: Seq, filter: EventFilter) -> Result<()> {
        let hub = &self.rooms.hub;
        let known = hub.position(after).await?;
        // The event before the oldest one is gone, so there is nothing to check it by.
        let position = known.unwrap_or(Position { seq: after, check: [0; 8] });
        let request = Subscribe {
            start: Start::After(hub.epoch(), position),
            filter,
            batch_events_max: BATCH_EVENTS_MAX,
            batch_bytes_max: BATCH_BYTES_MAX,
            checkpoint_interval: LOOK_PERIOD_IDLE,
            stop_when_caught_up: false,
        };
        match hub.subscribe(&self.place.caller, request).await {
            Ok(subscription) => {
                self.subscription = Some(subscription);
                Ok(())
            }
            Err(Error::OutOfRange { reason: Reason::CursorExpired, oldest, .. }) => {
                Err(self.expire(after).await?.with("oldest", oldest))
            }
            Err(error) => Err(error),
        }
    }

    /// The log has forgotten what the consumer needs: it has expired, whoever says so first.
    async fn expire(&self, done: Seq) -> Result<Error> {
        let name = self.place.name.clone();
        if let Some(shift) = &self.shift {
            let run = shift.consumer().run;
            let expire = ExpireConsumer { name: name.clone(), run, done };
            hand::submit(&self.rooms.ledger, 1, expire).await?;
        }
        Ok(expired(&name))
    }

    /// Tells the tables what they do not know yet.
    async fn tell(&mut self) -> Result<()> {
        let Some(shift) = &self.shift else { return Ok(()) };
        let (now, passes) = (self.clock.now(), Instant::now() >= self.pass_at);
        if !(passes || shift.has_news(now) || !self.unseen.is_empty()) {
            return Ok(());
        }
        let buckets = shift.progress(now, passes, &self.unseen);
        if passes {
            self.pass_at = Instant::now() + PASS_PERIOD;
        }
        if buckets.is_empty() {
            self.unseen.clear();
            return Ok(());
        }
        let rows = buckets.iter().map(|b| 1 + b.later.len() + b.silent.len()).sum();
        let (name, member) = (self.place.name.clone(), self.place.id);
        let progress = ProgressConsumer { name, member, buckets };
        hand::submit(&self.rooms.ledger, rows, progress).await?;
        self.unseen.clear();
        self.look().await
    }

    /// Sends what can be sent, if the connection takes it now.
    async fn send(&mut self) -> Result<()> {
        let (Some(shift), Some(subscription)) = (&mut self.shift, &self.subscription) else {
            return Ok(());
        };
        let reader = Arc::clone(subscription.reader());
        if Instant::now() < self.send_at {
            return Ok(());
        }
        let Ok(permit) = self.out.try_reserve() else { return Ok(()) };
        let now = self.clock.now();
        let due = shift.take_due(now, DUE_MAX);
        let mut batch = Vec::new();
        match bodies(&self.rooms.store, reader, &due).await {
            Ok(found) => {
                for (sent, body) in due.into_iter().zip(found) {
                    match body {
                        Some(event) => batch.push((sent, event)),
                        None => self.unseen.push(sent),
                    }
                }
            }
            Err(error) => {
                shift.take_back(&due);
                self.send_at = Instant::now() + RETRY_PERIOD;
                return Err(error);
            }
        }
        // Asked after all waiting: what is sent now is sent under a lease that holds.
        if Instant::now() >= self.lease_until {
            let taken: Vec<Outgoing> = batch.into_iter().map(|(sent, _)| sent).collect();
            shift.take_back(&taken);
            self.beat_at = Instant::now();
            return Ok(());
        }
        let left = BATCH_EVENTS_MAX - batch.len();
        batch.extend(shift.take_held(now, left, BATCH_BYTES_MAX));
        if !batch.is_empty() {
            let consumer = shift.consumer();
            let batch = batch.into_iter().map(|(sent, event)| delivered(consumer, sent, event));
            permit.send(batch.collect());
            self.sign_at = Instant::now();
            self.look_at = self.look_at.min(Instant::now() + LOOK_PERIOD_BUSY);
        }
        Ok(())
    }

    /// A member that takes nothing and settles nothing only holds its buckets back.
    fn check_alive(&mut self) -> Result<()> {
        let Some(shift) = &self.shift else { return Ok(()) };
        let now = self.clock.now();
        let patience = shift.consumer().ack_deadline + LEASE;
        let is_waited_for = shift.is_waited_for() || shift.has_something(now);
        if !is_waited_for || shift.is_extended(now) || Instant::now() >= self.lease_until {
            self.sign_at = Instant::now();
        } else if self.sign_at.elapsed() > patience {
            let rule = "the member took nothing and settled nothing for too long";
            return Err(refused(Reason::FenceStale, &self.place.name, rule));
        }
        Ok(())
    }

    /// Waits until there is something to do.
    async fn wait(&mut self) -> Result<()> {
        let now = self.clock.now();
        let is_held = Instant::now() < self.lease_until && Instant::now() >= self.send_at;
        let (wants_more, sends) = match &self.shift {
            Some(shift) => (shift.wants_more(), is_held && shift.has_something(now)),
            None => (false, false),
        };
        let until = self.look_at.min(self.beat_at).min(self.pass_at);
        let message = async {
            match &mut self.subscription {
                Some(subscription) if wants_more => subscription.next().await,
                Some(_) | None => std::future::pending().await,
            }
        };
        tokio::select! {
            message = message => self.heard(message),
            _ = self.bell.changed() => {
                self.look_at = Instant::now();
                Ok(())
            }
            _ = self.out.reserve(), if sends => Ok(()),
            () = sleep_until(until) => Ok(()),
        }
    }

    fn heard(&mut self, message: Option<Result<Message>>) -> Result<()> {
        let Some(shift) = &mut self.shift else { return Ok(()) };
        let message = message.unwrap_or_else(|| Err(shutting_down()))?;
        let (events, scanned) = match message {
            Message::Started { .. } => return Ok(()),
            Message::Batch { events, cursor, .. } => (events, cursor.seq),
            Message::Checkpoint { cursor, .. }
            | Message::CaughtUp { cursor, .. }
            | Message::FellBehind { cursor, .. } => (Vec::new(), cursor.seq),
        };
        let keyed_by = shift.consumer().keyed_by;
        let events = events.into_iter().filter_map(|event| heard(keyed_by, event)).collect();
        shift.hear(events, scanned);
        Ok(())
    }
}

/// An event with what it is ordered by.
fn heard(keyed_by: KeyedBy, event: Bytes) -> Option<Heard<Bytes>> {
    let of = ordered(&event)?;
    let key = match keyed_by {
        KeyedBy::Root => of.root,
        KeyedBy::Project => of.project,
    };
    Some(Heard { seq: of.seq, key, bytes: event.len(), body: event })
}

/// A delivery as it goes out.
fn delivered(consumer: &Consumer, sent: Outgoing, event: Bytes) -> Delivered {
    let Outgoing { bucket, fence, from, seq, attempt, key } = sent;
    let token = Token::new(consumer, (bucket, fence), (from, seq), attempt, &key);
    Delivered { event, token: token.to_text(), attempt }
}

/// The events of some places as a reader sees them; none for what they do not see.
async fn bodies(
    store: &Store,
    reader: Arc<Reader>,
    wanted: &[Outgoing],
) -> Result<Vec<Option<Bytes>>> {
    let view = View { filter: EventFilter::default(), reader };
    let mut found = Vec::new();
    for Outgoing { seq, .. } in wanted {
        let rows = hand::read(Box::pin(store.log_page(Stretch::one(*seq), &view))).await?;
        let row = rows.into_iter().find(|row| row.seq == *seq);
        found.push(row.and_then(|row| match row.seen {
            Seen::No => None,
            Seen::Hidden => Some(hidden(&with_seq(row.seq, &row.body))),
            Seen::Whole => Some(with_seq(row.seq, &row.body)),
        }));
    }
    Ok(found)
}
