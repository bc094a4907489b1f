//! Parts of a running server that break: they are started again, and nobody who reads or writes
//! loses anything by it.
//!
//! A rule of the schema is taken away behind the back of the service, which relies on it and takes
//! the rest for a defect of its own. The server is a process, so what it logs can be read; another
//! one beside it is well, and writes.

use std::time::Duration;

use futures_util::future::join_all;
use potts::proto::issue_service_client::IssueServiceClient;
use potts::proto::{Issue, Role, SubscribeRequest, UpdateIssueRequest};
use tonic::{Code, Status};
use uuid::Uuid;

use crate::fault_calls::{
    create, creating, hold_order_lock, issue, issues_titled, log, order_lock_awaited, reason,
};
use crate::replicas::door;
use crate::support::app::{Clients, Door, Follower, TestApp, channel};
use crate::support::get;
use crate::support::{Process, eventually};

const WITHIN: Duration = Duration::from_secs(20);

/// A server that is going to break, on the database of `app`.
struct Victim {
    process: Process,
    door: Door,
    _data: tempfile::TempDir,
}

impl Victim {
    async fn beside(app: &TestApp) -> Victim {
        let data = tempfile::tempdir().unwrap();
        let set = [("POTTS_DATABASE_URL", app.database.url.as_str())];
        let process = Process::start(data.path(), &set).await;
        let door = door(process.grpc_addr).await;
        Victim { process, door, _data: data }
    }

    /// How often a part of it broke and was to be started again.
    fn breaks(&self, part: &str) -> usize {
        let log = self.process.log();
        let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
        let broke = lines.filter(|line: &serde_json::Value| {
            line["task"] == part && line["message"] == "a task broke, starting it again"
        });
        broke.count()
    }

    async fn broken(&self, part: &str) {
        eventually(WITHIN, async || self.breaks(part), |breaks| *breaks > 0).await;
    }

    async fn follow(&self) -> Follower {
        follow(&Clients(self.door.clone())).await
    }
}

/// Follows the log from its beginning, as far as the caller sees it.
async fn follow(clients: &Clients) -> Follower {
    use potts::proto::subscribe_request::Start::FromBeginning;
    let request = SubscribeRequest { start: Some(FromBeginning(true)), ..Default::default() };
    Follower::new(clients.events().subscribe(request).await.unwrap().into_inner())
}

fn is_unknown(status: &Status) -> bool {
    (status.code(), reason(status).as_str()) == (Code::Unavailable, "OUTCOME_UNKNOWN")
}

/// Goal: a lane that breaks in the middle of a batch leaves nothing of it behind, says of no call
/// more than it knows, and goes on with the next.
/// Method: a row that was locked is not updated, which PostgreSQL does to nobody by itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_lane_that_breaks_is_started_again_and_loses_no_call() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let odd = app.issue("abc", "odd").await;
    let victim = Victim::beside(&app).await;
    let mut follower = victim.follow().await;
    let lose = "create function lose() returns trigger language plpgsql as $$
                begin return null; end $$;
                create trigger lose before update on issues for each row
                    when (new.title = 'lost') execute function lose()";
    let sql = app.database.sql().await;
    sql.batch_execute(lose).await.unwrap();

    // The first one occupies the lane, so that the others become one batch.
    let held = hold_order_lock(&app.database).await;
    let first = creating(&victim.door, &issue("abc", "first"), WITHIN);
    order_lock_awaited(&app.database).await;
    let requests: Vec<_> = (0..8).map(|n| issue("abc", &format!("beside {n}"))).collect();
    let calls: Vec<_> =
        requests.iter().map(|request| creating(&victim.door, request, WITHIN)).collect();
    let lost = UpdateIssueRequest {
        issue: Some(Issue { name: odd.name, title: "lost".into(), ..Default::default() }),
        request_id: Uuid::new_v4().to_string(),
        ..Default::default()
    };
    let update = async || {
        let updated = IssueServiceClient::new(victim.door.clone()).update_issue(lost.clone()).await;
        updated.map(tonic::Response::into_inner)
    };
    let release = async {
        let metrics = async || get(victim.process.http_addr, "/metrics").await.1;
        let queued = |text: &String| text.contains("queued_commands 9\n");
        eventually(WITHIN, metrics, queued).await;
        drop(held);
    };
    let (updated, ()) = tokio::join!(update(), release);
    first.await.unwrap().unwrap();
    victim.broken("lane").await;

    assert!(is_unknown(updated.as_ref().unwrap_err()), "{updated:?}");
    for told in join_all(calls).await {
        let told = told.unwrap();
        assert!(is_unknown(told.as_ref().unwrap_err()), "{told:?}");
    }
    assert_eq!(log(&app.database).await.len(), 3, "nothing of the batch has happened");
    for request in &requests {
        assert!(create(&victim.door, request, WITHIN).await.unwrap().changed);
    }
    sql.batch_execute("drop trigger lose on issues").await.unwrap();
    assert!(update().await.unwrap().changed);
    for n in 0..8 {
        assert_eq!(issues_titled(&app.database, &format!("beside {n}")).await, 1);
    }
    assert_eq!(victim.breaks("lane"), 1);
    let rows = log(&app.database).await;
    let told: Vec<String> =
        follower.events(rows.len()).await.into_iter().map(|event| event.id).collect();
    assert_eq!(told, rows.into_iter().map(|row| row.1).collect::<Vec<_>>());
}

/// A role that no rule knows: whoever looks up what they may read breaks.
const SPOIL: &str = "alter table members drop constraint members_role_known;
                     update members set role = 'NONE' where member = 'actors/ann'";
const MEND: &str = "update members set role = 'WORKER' where member = 'actors/ann'";

/// Goal: while the hub of a server is away and when it is back, its readers miss nothing: those who
/// were live, those whose rights are looked up anew, and those who come meanwhile. The hub is the
/// tail, too: what the other server writes comes by it alone.
#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_breaks_is_started_again_and_its_readers_go_on() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.actor("ann", "abc", Role::Worker).await;
    let token = app.token("ann").await;
    for n in 0..20 {
        app.issue("abc", &format!("before {n}")).await;
    }
    let victim = Victim::beside(&app).await;
    let ann = Clients::of(&channel(victim.process.grpc_addr).await, &token);
    let (mut live, mut looked_up) = (victim.follow().await, follow(&ann).await);
    let before = usize::try_from(app.head().await).unwrap();
    live.events(before).await;
    let sees = async |follower: &mut Follower, title: &str| loop {
        let event = follower.event().await;
        let name = app.named(&event.subject).await;
        if name.is_some_and(|name| name == title) {
            return;
        }
    };
    sees(&mut looked_up, "before 19").await;
    let sql = app.database.sql().await;

    sql.batch_execute(SPOIL).await.unwrap();
    // Others have come, so what may be read is looked up again.
    app.stranger("bob").await;
    victim.broken("hub").await;
    let mut came = [victim.follow().await, victim.follow().await];
    app.issue("abc", "meanwhile").await;
    sql.batch_execute(MEND).await.unwrap();
    for n in 0..20 {
        app.issue("abc", &format!("after {n}")).await;
    }
    // Its own lane hands over to the hub, and the other one's events are between.
    create(&victim.door, &issue("abc", "here"), WITHIN).await.unwrap();
    app.issue("abc", "there").await;

    let ids: Vec<String> = log(&app.database).await.into_iter().map(|row| row.1).collect();
    let told = async |follower: &mut Follower, count: usize| -> Vec<String> {
        follower.events(count).await.into_iter().map(|event| event.id).collect()
    };
    assert_eq!(told(&mut live, ids.len() - before).await, ids[before..]);
    for follower in &mut came {
        assert_eq!(told(follower, ids.len()).await, ids);
    }
    sees(&mut looked_up, "meanwhile").await;
    sees(&mut looked_up, "there").await;
    assert!(!victim.process.log().contains("keeps breaking"));
}

impl TestApp {
    /// The title of an issue, if that is what the name is of.
    async fn named(&self, name: &str) -> Option<String> {
        let get = potts::proto::GetIssueRequest { name: name.into() };
        let got = self.issues().get_issue(get).await.ok()?;
        got.into_inner().issue.map(|issue| issue.title)
    }
}

/// Goal: a server of which a part cannot be kept running does not stay as half a one: it ends, and
/// whoever started it can start it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_keeps_breaking_ends_the_server() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.actor("ann", "abc", Role::Worker).await;
    let token = app.token("ann").await;
    let mut victim = Victim::beside(&app).await;
    let ann = Clients::of(&channel(victim.process.grpc_addr).await, &token);
    let mut reader = follow(&ann).await;
    reader.message().await.unwrap();

    app.database.sql().await.batch_execute(SPOIL).await.unwrap();
    app.stranger("bob").await;

    let ended = victim.process.ended(WITHIN).await;
    assert!(!ended.success());
    assert!(victim.process.log().contains("the task hub keeps breaking"));
}
