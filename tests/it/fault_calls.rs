//! Calls, and looks behind them, that the tests of faults have in common.

use std::time::Duration;

use potts::proto::issue_service_client::IssueServiceClient;
use potts::proto::{CreateIssueRequest, CreateIssueResponse, Issue};
use potts::store::lock_order::ORDER_LOCK;
use tonic::{Code, Request, Status};
use tonic_types::StatusExt as _;
use uuid::Uuid;

use crate::support::app::{Door, TestApp};
use crate::support::{Proxy, TestDatabase, eventually};

/// A server whose database can be taken away.
pub async fn breakable(set: &[(&str, &str)]) -> (TestApp, Proxy) {
    let database = TestDatabase::new().await;
    let proxy = Proxy::start(&database.url).await;
    let mut set = set.to_vec();
    set.push(("POTTS_DATABASE_URL", &proxy.url));
    let app = TestApp::on(database, &set).await;
    ready(&app, true).await;
    (app, proxy)
}

/// Waits until the server says so of itself.
pub async fn ready(app: &TestApp, is_ready: bool) {
    let within = Duration::from_secs(10);
    eventually(within, async || app.server.is_ready(), |ready| *ready == is_ready).await;
}

/// An issue of that title, asked for under an id of its own.
pub fn issue(project: &str, title: &str) -> CreateIssueRequest {
    CreateIssueRequest {
        parent: format!("projects/{project}"),
        issue: Some(Issue { title: title.into(), ..Default::default() }),
        request_id: Uuid::new_v4().to_string(),
        ..Default::default()
    }
}

/// Creates an issue within a deadline.
pub async fn create(
    door: &Door,
    request: &CreateIssueRequest,
    within: Duration,
) -> Result<CreateIssueResponse, Status> {
    let mut request = Request::new(request.clone());
    request.set_timeout(within);
    let created = IssueServiceClient::new(door.clone()).create_issue(request).await;
    created.map(tonic::Response::into_inner)
}

/// The same, not waited for.
pub fn creating(
    door: &Door,
    request: &CreateIssueRequest,
    within: Duration,
) -> tokio::task::JoinHandle<Result<CreateIssueResponse, Status>> {
    let (door, request) = (door.clone(), request.clone());
    tokio::spawn(async move { create(&door, &request, within).await })
}

/// The machine-readable reason of a refusal.
pub fn reason(status: &Status) -> String {
    status.get_details_error_info().map(|info| info.reason).unwrap_or_default()
}

/// Whether the same call is to be sent again.
pub fn is_passing(status: &Status) -> bool {
    matches!(status.code(), Code::Unavailable | Code::DeadlineExceeded | Code::Aborted)
        // A connection that broke under a call.
        || matches!(status.code(), Code::Unknown | Code::Cancelled | Code::Internal)
            && std::error::Error::source(status).is_some()
}

/// Issues of that title.
pub async fn issues_titled(database: &TestDatabase, title: &str) -> i64 {
    let count = "select count(*) from issues where title = $1";
    database.sql().await.query_one(count, &[&title]).await.unwrap().get(0)
}

/// The log: places, ids, types, subjects. Fails if it has a hole.
pub async fn log(database: &TestDatabase) -> Vec<(i64, String, String, String)> {
    let all = "select seq, event_id::text, type, subject from events order by seq";
    let rows = database.sql().await.query(all, &[]).await.unwrap();
    let rows: Vec<(i64, String, String, String)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2), row.get(3))).collect();
    for pair in rows.windows(2) {
        assert_eq!(pair[0].0 + 1, pair[1].0, "the log has a hole");
    }
    rows
}

/// A session that holds the order lock: whoever commits waits for it. Ends with the session.
pub async fn hold_order_lock(database: &TestDatabase) -> impl Sized + use<> {
    let session = database.sql().await;
    session.execute("select pg_advisory_lock($1)", &[&ORDER_LOCK]).await.unwrap();
    session
}

/// Waits until so many sessions wait for the order lock.
pub async fn order_lock_awaited(database: &TestDatabase) {
    let look = database.sql().await;
    let waiting = "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
                   where l.locktype = 'advisory' and not l.granted
                   and d.datname = current_database()";
    let count = async || look.query_one(waiting, &[]).await.unwrap().get::<_, i64>(0);
    eventually(Duration::from_secs(10), count, |waiting| *waiting > 0).await;
}
