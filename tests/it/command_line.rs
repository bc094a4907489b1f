//! The command line against a real service: what people see, and how it ends.

use serde_json::Value;

use crate::support::TestApp;
use crate::support::programs::{call, data_dir, potts, run};

#[tokio::test(flavor = "multi_thread")]
async fn a_project_goes_through_its_life() {
    let app = TestApp::start().await;
    let addr = app.server.grpc_addr;
    let does = async |words: &[&str]| {
        let ran = call(addr, words, "").await;
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        ran.out
    };

    does(&["project", "create", "abc", "--display-name", "First"]).await;
    does(&["project", "update", "abc", "--display-name", "Second"]).await;
    let got: Value =
        serde_json::from_str(&does(&["project", "get", "abc", "--json"]).await).unwrap();
    let listed = does(&["project", "list"]).await;
    does(&["project", "delete", "abc"]).await;

    assert!(got.to_string().contains("Second"), "{got}");
    assert!(listed.contains("Second"), "{listed}");
    assert_eq!(call(addr, &["project", "get", "abc"], "").await.code, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issue_goes_through_its_life() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let addr = app.server.grpc_addr;
    let does = async |words: &[&str]| {
        let ran = call(addr, words, "").await;
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        ran.out
    };

    does(&["issue", "create", "abc", "Light", "--priority", "2", "--parameters", r#"{"room":7}"#])
        .await;
    does(&["issue", "update", "ABC-1", "--title", "Lamp", "--annotation", "team=ops"]).await;
    does(&["issue", "transition", "ABC-1", "start"]).await;
    does(&["issue", "close", "ABC-1", "--resolution", "withdrawn"]).await;
    does(&["issue", "reopen", "abc-1"]).await;
    does(&["issue", "delete", "ABC-1"]).await;
    does(&["issue", "undelete", "ABC-1"]).await;
    let got: Value =
        serde_json::from_str(&does(&["issue", "get", "ABC-1", "--json"]).await).unwrap();
    let listed = does(&["issue", "list", "abc"]).await;
    let event = does(&["event", "get", "events/2", "--json"]).await;
    let types = does(&["event", "types"]).await;

    let text = got.to_string();
    assert!(text.contains("Lamp") && text.contains("\"room\":7") && text.contains("ops"), "{text}");
    assert!(listed.contains("ABC-1") && listed.contains("open"), "{listed}");
    assert!(event.contains("issue.created"), "{event}");
    assert!(types.contains("message.received"), "{types}");
}

#[tokio::test(flavor = "multi_thread")]
async fn things_are_said_and_pointed_to() {
    let app = TestApp::start().await;
    app.project("abc").await;
    app.issue("abc", "Light").await;
    app.action(1, "Look").await;
    let addr = app.server.grpc_addr;
    let does = async |words: &[&str]| {
        let ran = call(addr, &[&["issue"], words].concat(), "").await;
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        ran.out
    };

    does(&["comment", "add", "ABC-1", "It is\nout"]).await;
    let would = does(&["comment", "add", "ABC-1/actions/1", "On it", "--validate-only"]).await;
    does(&["comment", "add", "ABC-1/actions/1", "On it"]).await;
    does(&["comment", "edit", "ABC-1/comments/1", "It was out"]).await;
    let comments = does(&["comment", "list", "ABC-1"]).await;
    let of_action = does(&["comment", "list", "ABC-1/actions/1", "--json"]).await;
    does(&["comment", "delete", "ABC-1/comments/1"]).await;
    let none = does(&["comment", "list", "ABC-1", "--json"]).await;
    let target = ["--uri", "https://example.org/", "--label", "Plan", "--role", "evidence"];
    does(&[&["reference", "add", "ABC-1"], &target[..]].concat()).await;
    does(&["reference", "add", "ABC-1", "--resource", "projects/abc/issues/7"]).await;
    let references = does(&["reference", "list", "ABC-1"]).await;
    does(&["reference", "delete", "ABC-1/references/1"]).await;
    let left = does(&["reference", "list", "ABC-1", "--json"]).await;
    let nowhere = call(addr, &["issue", "reference", "add", "ABC-1"], "").await;

    assert!(would.contains("would change"), "{would}");
    assert!(comments.starts_with("COMMENT "), "{comments}");
    assert!(comments.contains("ABC-1/comments/1  root  "), "{comments}");
    assert!(comments.contains("It was out") && !comments.contains("On it"), "{comments}");
    assert!(of_action.contains("\"text\":\"On it\""), "{of_action}");
    assert_eq!(none, "");
    assert!(references.contains("evidence  Plan   https://example.org/"), "{references}");
    assert!(references.contains("link      -      ABC-7"), "{references}");
    assert!(left.lines().count() == 1 && left.contains("references/2"), "{left}");
    assert_eq!(nowhere.code, 64, "{nowhere:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn issues_are_listed_by_filter_and_in_order() {
    let app = TestApp::start().await;
    app.project("abc").await;
    for title in ["Door", "Light", "Dome"] {
        app.issue("abc", title).await;
    }
    let list = ["issue", "list", "abc", "--json", "--filter", "title = Do*"];

    let listed =
        call(app.server.grpc_addr, &[&list[..], &["--order-by", "title"]].concat(), "").await;
    let refused = call(app.server.grpc_addr, &[&list[..5], &["door"]].concat(), "").await;

    assert_eq!(listed.code, 0, "{listed:?}");
    let titles: Vec<String> = listed
        .out
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["title"].as_str().unwrap().to_owned()
        })
        .collect();
    assert_eq!(titles, ["Dome", "Door"]);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(
        refused.err.contains("FILTER_INVALID") && refused.err.contains("column 5"),
        "{refused:?}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_made_and_let_in() {
    let app = TestApp::start().await;
    app.project("abc").await;
    let addr = app.server.grpc_addr;
    let does = async |words: &[&str]| {
        let ran = call(addr, words, "").await;
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        ran
    };

    for id in ["ann", "bob"] {
        does(&["actor", "create", id, "--hours", "monday 09:00-17:00"]).await;
    }
    does(&["actor", "update", "ann", "--display-name", "Ann Larsen", "--admin", "false"]).await;
    does(&["group", "create", "qa", "--kind", "skillset", "--member", "ann"]).await;
    does(&["group", "add", "qa", "bob"]).await;
    does(&["group", "remove", "qa", "bob"]).await;
    does(&["group", "update", "qa", "--display-name", "Quality"]).await;
    does(&["member", "create", "abc", "groups/qa", "viewer"]).await;
    does(&["member", "update", "abc", "qa", "worker"]).await;
    let token = does(&["actor", "token", "create", "ann", "--expires-in", "24h"]).await;
    let actor = does(&["actor", "get", "ann"]).await.out;
    let actors = does(&["actor", "list"]).await.out;
    let group = does(&["group", "get", "qa"]).await.out;
    let groups = does(&["group", "list", "--json"]).await.out;
    let member = does(&["member", "get", "abc", "qa"]).await.out;
    let members = does(&["member", "list", "abc"]).await.out;

    assert!(actor.contains("Ann Larsen") && actor.contains("monday 09:00-17:00"), "{actor}");
    assert!(actors.contains("root") && actors.contains("bob"), "{actors}");
    assert!(group.contains("skillset") && !group.contains("bob"), "{group}");
    assert!(groups.contains("\"actors/ann\"") && groups.contains("Quality"), "{groups}");
    assert!(member.contains("worker") && member.contains("groups/qa"), "{member}");
    assert!(members.contains("MEMBER") && members.contains("worker"), "{members}");
    assert!(token.err.contains("keep it now"), "{token:?}");
    let as_ann = async |words: &[&str]| {
        let mut command = potts();
        command.args(words).env("POTTS_ADDRESS", format!("http://{addr}"));
        command.env("POTTS_TOKEN", token.out.trim());
        run(&mut command, "").await
    };
    assert_eq!(as_ann(&["issue", "create", "abc", "Light"]).await.code, 0);
    let refused = as_ann(&["actor", "list"]).await;
    assert_eq!(refused.code, 0, "everybody may read who there is: {refused:?}");
    let refused = as_ann(&["actor", "create", "eve"]).await;
    assert!(refused.code == 1 && refused.err.contains("ROLE_REQUIRED"), "{refused:?}");

    let (_, rest) = token.err.split_once("actors/").unwrap();
    let credential = format!("actors/{}", rest.split_once(':').unwrap().0);
    let tokens = does(&["actor", "token", "list", "ann"]).await.out;
    assert!(tokens.contains("REVOKED") && tokens.contains(&credential), "{tokens}");
    does(&["actor", "token", "revoke", &credential]).await;
    let tokens = does(&["actor", "token", "list", "ann", "--json"]).await.out;
    assert!(tokens.contains("revokeTime") && !tokens.contains(token.out.trim()), "{tokens}");
    let refused = as_ann(&["project", "list"]).await;
    assert!(refused.err.contains("CREDENTIAL_INVALID"), "{refused:?}");
    does(&["actor", "disable", "bob"]).await;
    does(&["actor", "enable", "bob"]).await;
    does(&["actor", "delete", "bob"]).await;
    does(&["member", "delete", "abc", "qa"]).await;
    does(&["group", "delete", "qa"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn exit_codes_tell_usage_refusal_and_unreachable_apart() {
    let app = TestApp::start().await;
    let addr = app.server.grpc_addr;

    let usage = call(addr, &["issue", "fly"], "").await;
    let refusal = call(addr, &["issue", "close", "ABC-1"], "").await;
    let mut stranger = potts();
    stranger.args(["project", "list", "--address", &format!("http://{addr}")]);
    let stranger = run(&mut stranger, "").await;
    let mut nobody = potts();
    nobody.args(["project", "list", "--address", "http://127.0.0.1:1", "--timeout", "2s"]);
    let nobody = run(&mut nobody, "").await;

    assert_eq!(usage.code, 64, "{usage:?}");
    assert_eq!(refusal.code, 1, "{refusal:?}");
    assert!(refusal.err.contains("RESOURCE_NOT_FOUND"), "{refusal:?}");
    assert_eq!(stranger.code, 1, "{stranger:?}");
    assert!(stranger.err.contains("CREDENTIAL_INVALID"), "{stranger:?}");
    assert_eq!(nobody.code, 69, "{nobody:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_setting_is_named_and_ends_with_78() {
    let data = data_dir();
    let mut serve = potts();
    serve.args(["serve", "--ledger-lanes", "9"]).env("POTTS_DATA_DIR", data.path());

    let ran = run(&mut serve, "").await;

    assert_eq!(ran.code, 78, "{ran:?}");
    assert_eq!(ran.err, "potts: POTTS_LEDGER_LANES=9: must be a number from 1 to 8\n");
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0, "nothing was started");
}

#[tokio::test(flavor = "multi_thread")]
async fn config_prints_what_is_in_force_and_masks_secrets() {
    let mut config = potts();
    config.args(["config", "--http-addr", "127.0.0.1:1234", "--data-dir", "/somewhere"]);
    config.env("POTTS_ROOT_TOKEN", "hunter2hunter2hunter2");

    let ran = run(&mut config, "").await;

    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("POTTS_HTTP_ADDR=127.0.0.1:1234\n"), "{ran:?}");
    assert!(!ran.out.contains("hunter2"), "{ran:?}");
}
