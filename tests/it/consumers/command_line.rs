//! `potts consumer`: what people type.

use crate::support::TestApp;
use crate::support::programs::call;

#[tokio::test(flavor = "multi_thread")]
async fn people_keep_consumers_by_the_command_line() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.issue("abc", "Light").await;
    let addr = app.server.grpc_addr;
    let does = async |words: &[&str]| {
        let ran = call(addr, words, "").await;
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        ran.out
    };

    let create = ["consumer", "create", "abc", "x", "--type", "issue.*", "--buckets", "4"];
    does(&[&create[..], &["--from-beginning", "--ack-deadline", "2m"]].concat()).await;
    does(&["consumer", "update", "abc", "x", "--attempts-max", "3"]).await;
    let got = does(&["consumer", "get", "abc", "x"]).await;
    let listed = does(&["consumer", "list", "abc"]).await;
    does(&["consumer", "pause", "abc", "x"]).await;
    let paused = does(&["consumer", "get", "abc", "x", "--json"]).await;
    does(&["consumer", "resume", "abc", "x"]).await;
    does(&["consumer", "reset", "abc", "x", "--from-now"]).await;
    let parked = does(&["consumer", "parked", "abc", "x"]).await;
    does(&["consumer", "replay", "abc", "x"]).await;
    does(&["consumer", "delete", "abc", "x"]).await;

    assert!(got.contains("issue.*") && got.contains("120 s"), "{got}");
    assert!(listed.contains("active"), "{listed}");
    assert!(paused.contains("PAUSED") && paused.contains("progress"), "{paused}");
    assert!(parked.is_empty() || parked.contains("REASON"), "{parked}");
    let gone = call(addr, &["consumer", "get", "abc", "x"], "").await;
    assert_eq!(gone.code, 1, "{gone:?}");
}
