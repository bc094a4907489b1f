//! A log in memory, a reader that is checked with every message, and the tests.

mod callers;
mod live;
mod open;
mod people;
mod readers;
mod shared_pages;
mod tail;
mod vec_log;

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::{Hub, Message, Options, Position, Start, Subscribe, Subscription};
use crate::domain::error::{Error, Result};
use crate::domain::event::{EventPattern, Seq};
use crate::domain::filter::EventFilter;
use crate::domain::name::ActorName;
use vec_log::{Shape, VecLog};

/// Longer than any read, poll or checkpoint of a test takes.
const LONG: Duration = Duration::from_secs(600);

/// A hub on a log, running until it is dropped.
struct Room {
    log: Arc<VecLog>,
    hub: Hub,
    running: JoinSet<()>,
}

impl Room {
    async fn new(log: VecLog, options: Options) -> Room {
        let log = Arc::new(log);
        let hub = Hub::open(log.clone(), options).await.unwrap();
        let mut room = Room { log, hub, running: JoinSet::new() };
        room.run();
        room
    }

    fn run(&mut self) {
        let hub = self.hub.clone();
        self.running.spawn(async move { hub.run(CancellationToken::new()).await });
    }

    /// Appends, and hands over as a lane does.
    fn publish(&self, events: i64) {
        self.hub.publish(self.log.append(events));
    }

    async fn subscribe(&self, start: Start, filter: EventFilter) -> Result<Reader> {
        self.reader(Subscribe { start, filter, ..request() }).await
    }

    async fn reader(&self, request: Subscribe) -> Result<Reader> {
        let subscription = self.hub.subscribe(&ActorName::root(), request.clone()).await?;
        Ok(Reader { log: self.log.clone(), request, subscription, at: None })
    }

    fn after(&self, seq: i64) -> Start {
        Start::After(self.hub.epoch(), self.log.position(Seq(seq)))
    }
}

fn request() -> Subscribe {
    Subscribe {
        start: Start::Beginning,
        filter: EventFilter::default(),
        batch_events_max: 64,
        batch_bytes_max: 256 << 10,
        checkpoint_interval: Duration::from_secs(10),
        stop_when_caught_up: false,
    }
}

fn all() -> EventFilter {
    EventFilter::default()
}

/// Takes the rare events of a [`Shape`].
fn rare() -> EventFilter {
    let types = Some(vec![EventPattern::parse("types", "issue.closed").unwrap()]);
    EventFilter { types, ..EventFilter::default() }
}

/// A reader that checks what it is told against the log: what was delivered up to each cursor is
/// what the filter takes up to there, in order, once. So every cursor resumes to exactly the rest.
struct Reader {
    log: Arc<VecLog>,
    request: Subscribe,
    subscription: Subscription,
    at: Option<Position>,
}

impl Reader {
    /// The next message, checked; none at the end of the stream.
    async fn next(&mut self) -> Option<Result<Message>> {
        let next = timeout(LONG, self.subscription.next()).await.expect("something is told");
        next.map(|next| next.inspect(|message| self.check(message)))
    }

    async fn message(&mut self) -> Message {
        self.next().await.expect("the stream goes on").expect("the stream goes well")
    }

    /// What is there without waiting, like a transport that polls once and goes away.
    async fn poll_once(&mut self) -> Option<Message> {
        let polled = futures_util::poll!(std::pin::pin!(self.subscription.next()));
        let std::task::Poll::Ready(next) = polled else { return None };
        let message = next.expect("the stream goes on").expect("the stream goes well");
        self.check(&message);
        Some(message)
    }

    /// Reads until everything up to a place was scanned and said to be.
    async fn until(&mut self, seq: i64) -> Vec<Message> {
        let mut messages = Vec::new();
        while self.at.is_none_or(|at| at.seq < Seq(seq)) {
            messages.push(self.message().await);
        }
        messages
    }

    /// Reads until it has caught up.
    async fn until_caught_up(&mut self) -> Vec<Message> {
        let mut messages = vec![self.message().await];
        while !matches!(messages.last(), Some(Message::CaughtUp { .. })) {
            messages.push(self.message().await);
        }
        messages
    }

    /// The error that ends the stream, after what is said before it.
    async fn error(&mut self) -> Error {
        loop {
            match self.next().await.expect("the stream ends with an error") {
                Ok(_) => (),
                Err(error) => {
                    assert!(self.next().await.is_none(), "an error is the end");
                    return error;
                }
            }
        }
    }

    fn check(&mut self, message: &Message) {
        let before = self.at.map(|at| at.seq);
        let (cursor, head) = match message {
            Message::Started { cursor, oldest: _, head } => {
                assert_eq!(before, None, "Started comes first, once");
                (*cursor, *head)
            }
            Message::Batch { events, cursor, command_complete, head } => {
                self.check_batch(events.len(), events.iter().map(bytes::Bytes::len).sum());
                let taken = self.log.taken(before.unwrap(), cursor.seq, &self.request.filter);
                assert!(taken == *events, "other events than the log has up to {cursor:?}");
                self.check_whole(before.unwrap(), cursor.seq, *command_complete);
                (*cursor, *head)
            }
            Message::Checkpoint { cursor, head } => {
                assert!(Some(cursor.seq) > before, "checkpoints rise strictly");
                (*cursor, *head)
            }
            Message::CaughtUp { cursor, head } | Message::FellBehind { cursor, head } => {
                (*cursor, *head)
            }
        };
        assert!(Some(cursor.seq) >= before && cursor.seq <= head, "{message:?} after {before:?}");
        if self.log.has(cursor.seq) {
            assert_eq!(cursor, self.log.position(cursor.seq));
        }
        if let (false, Some(before)) = (matches!(message, Message::Batch { .. }), before) {
            let passed = self.log.taken(before, cursor.seq, &self.request.filter);
            assert!(passed.is_empty(), "{message:?} passes {} events", passed.len());
        }
        self.at = Some(cursor);
    }

    /// A call that is said to be whole was scanned to its end. One that is not may have been, too:
    /// not every place between the last event and the cursor was looked at, but both of these.
    fn check_whole(&self, before: Seq, cursor: Seq, is_whole: bool) {
        let ends = |seq: &i64| self.log.ends_command(Seq(*seq));
        let taken = |seq: &i64| {
            let before = Seq(*seq - 1);
            !self.log.taken(before, Seq(*seq), &self.request.filter).is_empty()
        };
        let last = (before.0 + 1..=cursor.0).rev().find(taken).expect("a batch has events");
        match is_whole {
            true => assert!((last..=cursor.0).any(|seq| ends(&seq)), "{last} goes on"),
            false => assert!(!ends(&last) && !ends(&cursor.0), "{last} is over at {cursor}"),
        }
    }

    fn check_batch(&self, events: usize, bytes: usize) {
        assert!((1..=self.request.batch_events_max).contains(&events));
        assert!(bytes <= self.request.batch_bytes_max || events == 1);
    }
}

/// How many events were delivered.
fn delivered(messages: &[Message]) -> usize {
    let count = |message: &Message| match message {
        Message::Batch { events, .. } => events.len(),
        Message::Started { .. }
        | Message::Checkpoint { .. }
        | Message::CaughtUp { .. }
        | Message::FellBehind { .. } => 0,
    };
    messages.iter().map(count).sum()
}

/// Of each batch whether its last call is said to be whole.
fn wholes(messages: &[Message]) -> Vec<bool> {
    let whole = |message: &Message| match message {
        Message::Batch { command_complete, .. } => Some(*command_complete),
        Message::Started { .. }
        | Message::Checkpoint { .. }
        | Message::CaughtUp { .. }
        | Message::FellBehind { .. } => None,
    };
    messages.iter().filter_map(whole).collect()
}

/// The messages by their names, equal ones that follow each other once.
fn kinds(messages: &[Message]) -> Vec<&'static str> {
    let kind = |message: &Message| match message {
        Message::Started { .. } => "started",
        Message::Batch { .. } => "batch",
        Message::Checkpoint { .. } => "checkpoint",
        Message::CaughtUp { .. } => "caught up",
        Message::FellBehind { .. } => "fell behind",
    };
    let mut kinds: Vec<_> = messages.iter().map(kind).collect();
    kinds.dedup();
    kinds
}

fn small(ring_events_max: usize) -> Options {
    Options { ring_events_max, ..Options::default() }
}

/// A log whose every tenth event is rare.
fn log(events: i64) -> VecLog {
    VecLog::new(Shape { rare_every: 10, ..Shape::default() }, events)
}
