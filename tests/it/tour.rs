//! The README's tour, command by command, with the real grpcurl and the real program.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

use crate::support::eventually;
use crate::support::process::Process;
use crate::support::programs::{Ran, data_dir, run, tool};

/// The commands of a part of the README.
fn part(name: &str) -> String {
    let readme = include_str!("../../README.md");
    let (_, after) = readme.split_once(&format!("<!-- tour: {name} -->")).expect(name);
    let (_, block) = after.split_once("```sh\n").unwrap();
    block.split_once("```").unwrap().0.to_owned()
}

/// Runs commands in a shell, as a person would with the service at this address.
fn shell(service: &Process, commands: &str) -> Command {
    let addr = service.grpc_addr.to_string();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_potts"));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let path = [program.parent().unwrap().as_os_str(), &path].join(std::ffi::OsStr::new(":"));
    let mut command = Command::new("sh");
    command
        .args(["-e", "-c", &commands.replace("127.0.0.1:50051", &addr)])
        .env("PATH", path)
        .env("POTTS_ADDRESS", format!("http://{addr}"))
        .env_remove("POTTS_TOKEN")
        .kill_on_drop(true);
    command
}

async fn follow(service: &Process, commands: &str) -> Ran {
    let ran = run(&mut shell(service, commands), "").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    ran
}

/// Without a token, as a newcomer starts it.
async fn serve(data: &std::path::Path) -> Process {
    Process::start(data, &[("POTTS_ROOT_TOKEN", "")]).await
}

const EVENTS: [&str; 11] = [
    "project.created",
    "issue.created",
    "issue.transitioned",
    "issue.transitioned",
    "issue.closed",
    "issue.created",
    "issue.transitioned",
    "issue.transitioned",
    "issue.closed",
    "issue.transitioned",
    "issue.reopened",
];

#[tokio::test(flavor = "multi_thread")]
async fn the_readmes_tour_works() {
    if tool("grpcurl").is_none() {
        return;
    }
    let data = data_dir();
    let mut service = serve(data.path()).await;
    let seen = data.path().join("seen");
    let watch = shell(&service, &part("watch"))
        .stdout(std::fs::File::create(&seen).unwrap())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();

    let listed = follow(&service, &part("grpcurl")).await;
    follow(&service, &part("potts")).await;

    assert!(listed.out.contains("potts.v1.EventService"), "{listed:?}");
    let types = async || {
        let text = std::fs::read_to_string(&seen).unwrap();
        let lines = text.lines().filter_map(|line| line.trim().strip_prefix("\"type\": \""));
        lines.map(|rest| rest.trim_end_matches("\",").to_owned()).collect::<Vec<_>>()
    };
    eventually(Duration::from_secs(20), types, |types| *types == EVENTS).await;
    drop(watch);

    let published = follow(&service, &part("publish")).await;
    assert_eq!(published.out.matches("\"type\":\"message.received\"").count(), 2, "{published:?}");

    // Killed at any moment: what was acknowledged is there, and a reader goes on where it was.
    let cursor = data.path().join("cursor");
    let tail = format!("potts tail --from-beginning --until-caught-up --cursor-file {cursor:?}");
    let before = follow(&service, &tail).await;
    service.kill();
    let service = serve(data.path()).await;
    let after = follow(&service, "potts tail --from-beginning --until-caught-up").await;
    follow(&service, "potts issue create abc 'after the kill'").await;
    let resumed = follow(&service, &tail).await;

    assert_eq!(before.out, after.out, "nothing acknowledged is gone");
    assert_eq!(resumed.out.lines().count(), 1, "{resumed:?}");
    assert!(resumed.out.contains("after the kill"), "{resumed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_people_and_a_machine_work_together() {
    if tool("grpcurl").is_none() {
        return;
    }
    let data = data_dir();
    let service = Process::start(data.path(), &[("POTTS_ROOT_TOKEN", "open-sesame-2026")]).await;

    let ran = follow(&service, &part("team")).await;
    let tail = "POTTS_TOKEN=open-sesame-2026 \
                potts tail --from-beginning --until-caught-up --project lamps";
    let told = follow(&service, tail).await;

    let (_, agenda) = ran.out.split_once("\"parallel\"").expect("something is next for Ben");
    assert!(agenda.contains("projects/lamps/issues/1/actions/2"), "{agenda}");
    let types = [
        "issue.created",
        "action.added",
        "action.readied",
        "action.added",
        "action.claimed",
        "action.completed",
        "action.readied",
        "action.claimed",
        "action.completed",
        "issue.transitioned",
        "issue.closed",
    ];
    let mut rest = told.out.as_str();
    for kind in types {
        let (_, after) = rest.split_once(kind).unwrap_or_else(|| panic!("{kind} in {rest}"));
        rest = after;
    }
}
