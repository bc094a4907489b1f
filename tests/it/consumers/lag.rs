//! How far consumers are behind, as it is told to those who run the service.

use super::*;
use crate::replicas::beside;
use crate::support::{eventually, get};

/// What a server that has just started tells of consumers, once it tells `line`.
async fn told(app: &TestApp, line: &str) -> Vec<String> {
    let (server, _) = beside(app).await;
    let addr = server.http_addr;
    let look = async || {
        let (_, text) = get(addr, "/metrics").await;
        let lines = text.lines().filter(|line| line.starts_with("potts_consumer"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let told = eventually(PATIENCE, look, |lines| lines.iter().any(|told| told == line)).await;
    server.stop(PATIENCE).await;
    told
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_how_far_a_consumer_is_behind() {
    let app = issues(3).await;
    let root = app.as_root();
    create(&app, |_| ()).await;
    let lag = |events: i64| format!("potts_consumer_lag_events{{consumer=\"{NAME}\"}} {events}");
    let (_, progress) = got(&root).await;

    told(&app, &lag(progress.lag)).await;
    let mut member = Member::of(&root, NAME, 10).await.unwrap();
    ack(&root, &member.take(3).await).await.unwrap();
    eventually(PATIENCE, async || got(&root).await, |(_, progress)| progress.lag == 0).await;
    let lines = told(&app, &lag(0)).await;

    assert_eq!(lines, ["potts_consumers 1".to_owned(), lag(0)], "one of each");
}
