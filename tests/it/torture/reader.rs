//! Somebody who subscribes, goes away at any moment, and comes again, to any server.

use std::cell::Cell;
use std::time::Duration;

use potts::proto::event_service_client::EventServiceClient;
use potts::proto::{EventClass, EventFilter, SubscribeRequest};
use tonic::{Status, Streaming};

use super::fleet::{Fleet, is_passing};
use super::oracle::Oracle;
use super::writer::hot;
use crate::random::rng::Rng;
use crate::support::eventually;

/// A reader that cannot attach for so long has failed.
const WITHIN: Duration = Duration::from_secs(60);
/// How long a reader listens to one server at most.
const LISTENS: Duration = Duration::from_secs(1);
/// Of an attempt to attach.
const CALL_WITHIN: Duration = Duration::from_secs(8);

/// A subscriber.
pub struct Reader<'a> {
    pub oracle: Oracle,
    pub rng: Rng,
    pub fleet: &'a Fleet,
    /// Streams that it has opened.
    pub streams: usize,
}

/// Filters of every kind, one for each subscriber.
pub fn filter(rng: &mut Rng, of: usize) -> EventFilter {
    let one = |word: &str| vec![word.to_owned()];
    let none = EventFilter::default;
    match of % 8 {
        0 => none(),
        1 => EventFilter { projects: one("projects/abc"), ..none() },
        2 => EventFilter { types: one("issue.*"), ..none() },
        3 => EventFilter { roots: vec![hot(rng), hot(rng)], ..none() },
        4 => EventFilter { types: one("issue.closed"), projects: one("projects/xyz"), ..none() },
        5 => EventFilter { classes: vec![EventClass::Service.into()], ..none() },
        6 => EventFilter { subjects: vec![hot(rng)], ..none() },
        _ => EventFilter { types: one("issue.deleted"), ..none() },
    }
}

impl Reader<'_> {
    /// Reads until nothing more comes about.
    pub async fn follow(&mut self, is_over: &Cell<bool>) {
        while !is_over.get() {
            let mut stream = self.attach().await;
            let messages = self.rng.below(30) + 1;
            let listening = self.listen(&mut stream, messages, is_over);
            // Whatever was on its way is lost with the stream.
            let _ = tokio::time::timeout(LISTENS, listening).await;
        }
    }

    async fn attach(&mut self) -> Streaming<potts::proto::SubscribeResponse> {
        let request = SubscribeRequest {
            batch_events_max: self.rng.pick(&[1, 2, 7, 64, 1_000]),
            batch_bytes_max: self.rng.pick(&[4_096, 65_536, 1 << 20]),
            checkpoint_interval: Some(prost_types::Duration { seconds: 1, nanos: 0 }),
            ..self.oracle.request()
        };
        let attempt = async || {
            let mut events = EventServiceClient::new(self.fleet.any_door());
            let opening = tokio::time::timeout(CALL_WITHIN, events.subscribe(request.clone()));
            opening.await.unwrap_or_else(|_| Err(Status::unavailable("does not answer")))
        };
        // A cursor that is refused is a violation: this log never loses anything.
        let done = |answer: &Result<_, Status>| !answer.as_ref().is_err_and(is_passing);
        let opened = eventually(WITHIN, attempt, done).await.unwrap();
        self.streams += 1;
        opened.into_inner()
    }

    async fn listen(
        &mut self,
        stream: &mut Streaming<potts::proto::SubscribeResponse>,
        messages: usize,
        is_over: &Cell<bool>,
    ) {
        for _ in 0..messages {
            match stream.message().await {
                Ok(Some(said)) => self.oracle.note(said.message.unwrap()),
                Ok(None) => return,
                Err(status) => return assert!(is_passing(&status), "{status:?}"),
            }
            if is_over.get() {
                return;
            }
        }
    }

    /// Reads the rest.
    pub async fn catch_up(&mut self) {
        let door = self.fleet.door(self.rng.below(self.fleet.len()));
        self.oracle.read_on(&door).await.unwrap();
    }
}
