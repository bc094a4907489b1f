//! Programs as people run them: `potts` itself, and grpcurl.

use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use super::app::PATIENCE;

/// What a program printed, and how it ended.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// A folder that a private PostgreSQL may live in, whoever runs the tests.
pub fn data_dir() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(folder.path(), open).unwrap();
    folder
}

/// The program under test, without settings of the machine.
pub fn potts() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_potts"));
    for variable in potts::config::VARIABLES.iter().chain(&["POTTS_ADDRESS", "POTTS_TOKEN"]) {
        command.env_remove(variable);
    }
    command.kill_on_drop(true);
    command
}

/// Runs a program to its end.
pub async fn run(command: &mut Command, input: &str) -> Ran {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program may end without reading what it was given.
    let _ = stdin.write_all(input.as_bytes()).await;
    drop(stdin);
    let ended = tokio::time::timeout(3 * PATIENCE, child.wait_with_output()).await;
    let Output { status, stdout, stderr } = ended.expect("it ends").unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Ran { code: status.code().unwrap_or(-1), out: text(stdout), err: text(stderr) }
}

/// Runs `potts` with these words against a service.
pub async fn call(addr: std::net::SocketAddr, words: &[&str], input: &str) -> Ran {
    let mut command = potts();
    command.args(words).env("POTTS_ADDRESS", format!("http://{addr}"));
    command.env("POTTS_TOKEN", super::app::TOKEN);
    run(&mut command, input).await
}

/// Where a tool is, looked for on the path. Where CI is set its absence is a failure.
pub fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|f| f.is_file());
    absent(found.is_none(), &format!("skipped: no {name}"));
    found
}

/// The sample messages: in `POTTS_PAYLOADS`, else beside the checkout.
pub fn payloads() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/payloads");
    let folder = std::env::var_os("POTTS_PAYLOADS").map_or_else(beside, PathBuf::from);
    absent(!folder.is_dir(), "skipped: no sample payloads");
    folder.is_dir().then_some(folder)
}

/// Written past the capture of the test runner: what was passed over must be seen.
fn absent(is_absent: bool, said: &str) {
    let ci = std::env::var_os("CI").is_some_and(|ci| ci != OsStr::new("") && ci != "false");
    assert!(!(is_absent && ci), "{said}, and CI is set");
    if is_absent {
        let said = format!("\n{said}\n");
        std::io::Write::write_all(&mut std::io::stdout(), said.as_bytes()).unwrap();
    }
}
