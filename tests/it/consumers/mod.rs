//! Durable consumers: what is delivered, to whom, in which order, and what becomes of it.

mod calls;
mod command_line;
mod faults;
mod lag;
mod order;
mod retries;
mod steer;

use std::collections::VecDeque;
use std::time::Duration;

use potts::proto::consume_response::Message;
use potts::proto::{
    AckEventsRequest, ConsumeRequest, ConsumeResponse, Consumer, ConsumerProgress, ConsumerStart,
    CreateConsumerRequest, Delivery, Event, EventFilter, FailEventsRequest, GetConsumerRequest,
    Issue, UpdateIssueRequest, consumer_start::Start,
};
use tonic::{Status, Streaming};

use crate::support::TestApp;
use crate::support::app::{Clients, PATIENCE};

/// Long enough for what is to come, if it comes at all.
const SILENCE: Duration = Duration::from_millis(700);

const NAME: &str = "projects/abc/consumers/x";

/// A member, and what has come for it.
#[derive(Debug)]
struct Member {
    stream: Streaming<ConsumeResponse>,
    waiting: VecDeque<Delivery>,
}

impl Member {
    async fn of(clients: &Clients, name: &str, in_flight_max: i32) -> Result<Member, Status> {
        let request = ConsumeRequest { name: name.into(), in_flight_max };
        let mut stream = clients.events().consume(request).await?.into_inner();
        let first = stream.message().await?.and_then(|first| first.message);
        assert!(matches!(first, Some(Message::Started(_))), "{first:?}");
        Ok(Member { stream, waiting: VecDeque::new() })
    }

    async fn message(&mut self) -> Result<Vec<Delivery>, Status> {
        let message = self.stream.message().await?.and_then(|message| message.message);
        let Some(Message::Batch(batch)) = message else {
            return Err(Status::internal(format!("no batch: {message:?}")));
        };
        Ok(batch.deliveries)
    }

    /// The next delivery, or how the stream ended.
    async fn try_next(&mut self) -> Result<Delivery, Status> {
        while self.waiting.is_empty() {
            let batch = tokio::time::timeout(PATIENCE, self.message()).await;
            self.waiting.extend(batch.expect("a delivery in time")?);
        }
        Ok(self.waiting.pop_front().unwrap())
    }

    /// The next delivery.
    async fn next(&mut self) -> Delivery {
        self.try_next().await.unwrap()
    }

    /// The next so many deliveries.
    async fn take(&mut self, count: usize) -> Vec<Delivery> {
        let mut taken = Vec::new();
        while taken.len() < count {
            taken.push(self.next().await);
        }
        taken
    }

    /// What comes within a moment.
    async fn rest(&mut self) -> Vec<Delivery> {
        while let Ok(batch) = tokio::time::timeout(SILENCE, self.message()).await {
            self.waiting.extend(batch.unwrap());
        }
        self.waiting.drain(..).collect()
    }
}

fn event(delivery: &Delivery) -> Event {
    delivery.decoded().unwrap()
}

fn seq(delivery: &Delivery) -> i64 {
    event(delivery).seq
}

fn seqs(deliveries: &[Delivery]) -> Vec<i64> {
    deliveries.iter().map(seq).collect()
}

fn tokens(deliveries: &[Delivery]) -> Vec<String> {
    deliveries.iter().map(|delivery| delivery.ack_token.clone()).collect()
}

async fn ack(clients: &Clients, deliveries: &[Delivery]) -> Result<(), Status> {
    let request = AckEventsRequest { name: NAME.into(), ack_tokens: tokens(deliveries) };
    clients.events().ack_events(request).await.map(drop)
}

/// Says that deliveries failed, and that they are to come again at once.
async fn fail(clients: &Clients, deliveries: &[Delivery]) -> Result<(), Status> {
    let delay = Some(prost_types::Duration::default());
    let (name, ack_tokens, reason) = (NAME.into(), tokens(deliveries), "broken".into());
    let request = FailEventsRequest { name, ack_tokens, reason, delay };
    clients.events().fail_events(request).await.map(drop)
}

fn types(types: &[&str]) -> Option<EventFilter> {
    let types = types.iter().map(|&kind| kind.to_owned()).collect();
    Some(EventFilter { types, ..Default::default() })
}

/// The consumer `x` of `abc`, from the beginning of the log, of what happens to issues.
async fn create(app: &TestApp, change: impl FnOnce(&mut Consumer)) -> Consumer {
    let mut consumer = Consumer { filter: types(&["issue.*"]), ..Default::default() };
    change(&mut consumer);
    let request = CreateConsumerRequest {
        parent: "projects/abc".into(),
        consumer_id: "x".into(),
        consumer: Some(consumer),
        start: Some(ConsumerStart { start: Some(Start::FromBeginning(true)) }),
        ..Default::default()
    };
    app.events().create_consumer(request).await.unwrap().into_inner().consumer.unwrap()
}

async fn got(clients: &Clients) -> (Consumer, ConsumerProgress) {
    let request = GetConsumerRequest { name: NAME.into() };
    let got = clients.events().get_consumer(request).await.unwrap().into_inner();
    (got.consumer.unwrap(), got.progress.unwrap())
}

/// Has something happen to an issue: its priority changes.
async fn touch(clients: &Clients, name: &str, priority: i32) {
    let issue = Issue { name: name.into(), priority, ..Default::default() };
    let request = UpdateIssueRequest { issue: Some(issue), ..Default::default() };
    clients.issues().update_issue(request).await.unwrap();
}

/// A project with so many issues: the events 2, 3 and so on.
async fn issues(count: usize) -> TestApp {
    let app = TestApp::start().await;
    app.project("abc").await;
    for n in 1..=count {
        app.issue("abc", &n.to_string()).await;
    }
    app
}
