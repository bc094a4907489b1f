//! Somebody who writes, and gives no call up: whoever does not answer, another server is asked.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::time::Duration;

use potts::proto::event_service_client::EventServiceClient;
use potts::proto::issue_service_client::IssueServiceClient;
use potts::proto::{
    CloseIssueRequest, CreateIssueRelationRequest, Issue, IssueRelation, PublishEventsRequest,
    PublishedMessage, RelationKind, ReopenIssueRequest, UpdateIssueRequest, cloudevents,
    publish_result::Outcome,
};
use tonic::{Code, Response, Status};
use uuid::Uuid;

use super::fleet::{Fleet, is_passing};
use super::oracle::{Row, is_in, place};
use crate::fault_calls::issue;
use crate::random::rng::Rng;
use crate::support::app::Door;
use crate::support::eventually;

/// All that goes on around a call, with every restart.
const WITHIN: Duration = Duration::from_secs(60);
/// Of one attempt.
const CALL_WITHIN: Duration = Duration::from_secs(8);
/// Projects that are written to.
pub const PROJECTS: [&str; 3] = ["abc", "def", "xyz"];
/// Issues in each of them that everybody changes.
pub const HOT: usize = 4;

/// A writer, and what it was told.
pub struct Writer<'a> {
    pub id: usize,
    pub rng: Rng,
    pub fleet: &'a Fleet,
    /// Calls that everybody was acknowledged.
    pub calls: &'a Cell<usize>,
    /// Calls and messages that it has made.
    pub made: usize,
    /// The names of its own issues and messages.
    pub acknowledged: Vec<String>,
    /// Cursors of calls that changed something.
    pub cursors: Vec<String>,
    /// Attempts that had to be made again.
    pub again: Cell<usize>,
}

/// One of the issues that everybody changes.
pub fn hot(rng: &mut Rng) -> String {
    format!("projects/{}/issues/{}", rng.pick(&PROJECTS), rng.below(HOT) + 1)
}

fn id() -> String {
    Uuid::new_v4().to_string()
}

impl Writer<'_> {
    /// Makes one call, drawn by chance.
    pub async fn call(&mut self) {
        match self.rng.below(20) {
            0..9 => self.create().await,
            9..12 => self.update().await,
            12..14 => self.close().await,
            14..16 => self.reopen().await,
            16..18 => self.relate().await,
            _ => self.publish().await,
        }
        self.calls.set(self.calls.get() + 1);
    }

    /// Sends a call until somebody answers it.
    async fn sent<T: Debug>(
        &self,
        send: impl AsyncFn(Door) -> Result<Response<T>, Status>,
    ) -> Result<T, Status> {
        let attempt = async || {
            let call = tokio::time::timeout(CALL_WITHIN, send(self.fleet.any_door()));
            call.await.unwrap_or_else(|_| Err(Status::deadline_exceeded("does not answer")))
        };
        let done = |answer: &Result<_, Status>| {
            let passing = answer.as_ref().is_err_and(is_passing);
            self.again.set(self.again.get() + usize::from(passing));
            !passing
        };
        eventually(WITHIN, attempt, done).await.map(Response::into_inner)
    }

    async fn create(&mut self) {
        self.made += 1;
        let title = format!("by {}: {}", self.id, self.made);
        let request = issue(self.rng.pick(&PROJECTS), &title);
        let send = async |door| IssueServiceClient::new(door).create_issue(request.clone()).await;
        let created = self.sent(send).await.unwrap();
        assert!(created.changed);
        self.cursors.push(created.cursor);
        self.acknowledged.push(created.issue.unwrap().name);
    }

    async fn update(&mut self) {
        let (name, title) = (hot(&mut self.rng), format!("by {}: {}", self.id, id()));
        let issue = Some(Issue { name, title, ..Default::default() });
        let request = UpdateIssueRequest { issue, request_id: id(), ..Default::default() };
        let send = async |door| IssueServiceClient::new(door).update_issue(request.clone()).await;
        let updated = self.sent(send).await.unwrap();
        self.took_place(updated.changed, updated.cursor);
    }

    /// Two events in one call, if it is open.
    async fn close(&mut self) {
        let (name, request_id) = (hot(&mut self.rng), id());
        let request = CloseIssueRequest { name, request_id, ..Default::default() };
        let send = async |door| IssueServiceClient::new(door).close_issue(request.clone()).await;
        let closed = self.sent(send).await.unwrap();
        self.took_place(closed.changed, closed.cursor);
    }

    async fn reopen(&mut self) {
        let (name, request_id) = (hot(&mut self.rng), id());
        let request = ReopenIssueRequest { name, request_id, ..Default::default() };
        let send = async |door| IssueServiceClient::new(door).reopen_issue(request.clone()).await;
        let reopened = self.sent(send).await.unwrap();
        self.took_place(reopened.changed, reopened.cursor);
    }

    /// Two issues in one call, in any order.
    async fn relate(&mut self) {
        let (parent, target) = (hot(&mut self.rng), hot(&mut self.rng));
        let kind = self.rng.pick(&[RelationKind::RelatesTo, RelationKind::Causes]).into();
        let relation = Some(IssueRelation { target, kind, ..Default::default() });
        let request =
            CreateIssueRelationRequest { parent, relation, request_id: id(), ..Default::default() };
        let send =
            async |door| IssueServiceClient::new(door).create_issue_relation(request.clone()).await;
        match self.sent(send).await {
            Ok(related) => self.took_place(related.changed, related.cursor),
            Err(refused) => assert!(is_refusal(&refused), "{refused:?}"),
        }
    }

    /// Several calls in one.
    async fn publish(&mut self) {
        let (begin, count) = (self.made, self.rng.below(20) + 1);
        self.made += count;
        let message = |n: usize| cloudevents::CloudEvent {
            id: format!("by-{}-{n}", self.id),
            source: "/torture".into(),
            spec_version: "1.0".into(),
            r#type: "test".into(),
            ..Default::default()
        };
        let request = PublishEventsRequest {
            parent: format!("projects/{}", PROJECTS[begin % PROJECTS.len()]),
            events: (begin..begin + count).map(message).collect(),
            ..Default::default()
        };
        let send = async |door| {
            let mut events = EventServiceClient::new(door);
            let published = events.publish_events(request.clone()).await?;
            // Those that may pass another time are sent again with the rest.
            let refusals = published.get_ref().results.iter().filter_map(|r| match &r.outcome {
                Some(Outcome::Refusal(refusal)) => Some(format!("{refusal:?}")),
                Some(Outcome::Message(_)) | None => None,
            });
            let refused: Vec<String> = refusals.collect();
            if refused.is_empty() { Ok(published) } else { Err(Status::aborted(refused.concat())) }
        };
        let published = self.sent(send).await.unwrap();
        let messages = published.results.into_iter().filter_map(|r| match r.outcome {
            Some(Outcome::Message(message)) => Some(message),
            Some(Outcome::Refusal(_)) | None => None,
        });
        let messages: Vec<PublishedMessage> = messages.collect();
        assert_eq!(messages.len(), count);
        // What was there before is told with whatever the log had come to.
        self.took_place(messages.iter().all(|message| !message.duplicate), published.cursor);
        self.acknowledged.extend(messages.into_iter().map(|message| message.name));
    }

    fn took_place(&mut self, changed: bool, cursor: String) {
        if changed {
            self.cursors.push(cursor);
        }
    }

    /// What it was acknowledged that is not in the log, or more than once: `rows` are the log
    /// behind the place where it was checked before, `new` what came into being there.
    pub fn violations(&mut self, rows: &[Row], new: &BTreeMap<String, usize>) -> Vec<String> {
        let lost = self.cursors.iter().filter(|cursor| !is_in(rows, cursor));
        let lost = lost.map(|cursor| format!("acknowledged and lost: {:?}", place(cursor)));
        let times = |name: &String| new.get(name).copied().unwrap_or_default();
        let not_once = self.acknowledged.iter().filter(|name| times(name) != 1);
        let not_once = not_once.map(|name| format!("{name} came about {} times", times(name)));
        let complaints = lost.chain(not_once).collect();
        (self.cursors, self.acknowledged) = Default::default();
        complaints
    }
}

/// A refusal that the rules give: nothing relates to itself.
fn is_refusal(status: &Status) -> bool {
    matches!(
        status.code(),
        Code::InvalidArgument | Code::FailedPrecondition | Code::AlreadyExists | Code::NotFound
    )
}
