//! The private PostgreSQL, as root and as an ordinary user.

use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

use crate::support::process::Process;
use crate::support::programs::{data_dir, potts, run};

/// The first start makes a cluster; a busy machine takes its time.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// The user that everybody may be, because it owns nothing.
const NOBODY: u32 = 65_534;

/// The program where an ordinary user can reach it.
fn copied(folder: &Path) -> std::path::PathBuf {
    let program = folder.join("potts");
    std::fs::copy(env!("CARGO_BIN_EXE_potts"), &program).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    program
}

/// Starts the service as a user, waits until it serves, and stops it.
async fn serves(command: &mut Command, data: &Path) {
    let mut child = command
        .arg("serve")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("POTTS_DATA_DIR", data)
        .env("POTTS_GRPC_ADDR", "127.0.0.1:0")
        .env("POTTS_HTTP_ADDR", "127.0.0.1:0")
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut seen = Vec::new();
    let serving = async {
        while let Some(line) = lines.next_line().await.unwrap() {
            seen.push(line);
            if seen.last().unwrap().contains("serving gRPC") {
                return true;
            }
        }
        false
    };
    let is_serving = timeout(STARTS_WITHIN, serving).await.unwrap_or(false);
    assert!(is_serving, "{seen:#?}");
    let pid = rustix::process::Pid::from_raw(child.id().unwrap().try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    let ended = timeout(Duration::from_secs(15), child.wait()).await.expect("it stops in 15 s");
    assert!(ended.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_and_stops_as_an_ordinary_user() {
    let data = data_dir();
    let program = copied(data.path());
    let mut command = Command::new(program);
    let own = data.path().join("data");
    std::fs::create_dir(&own).unwrap();
    if rustix::process::geteuid().is_root() {
        chown(&own, Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }

    serves(&mut command, &own).await;

    assert!(own.join("postgres/cluster/PG_VERSION").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn it_starts_and_stops_as_whoever_runs_the_tests() {
    let data = data_dir();

    serves(&mut Command::new(env!("CARGO_BIN_EXE_potts")), data.path()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_services_do_not_share_a_data_directory_and_doctor_looks_beside_one() {
    let data = data_dir();
    let _service = Process::start(data.path(), &[]).await;

    let mut second = potts();
    second.arg("serve").env("POTTS_DATA_DIR", data.path());
    second.env("POTTS_GRPC_ADDR", "127.0.0.1:0").env("POTTS_HTTP_ADDR", "127.0.0.1:0");
    let refused = run(&mut second, "").await;
    let mut doctor = potts();
    let healthy = run(doctor.arg("doctor").env("POTTS_DATA_DIR", data.path()), "").await;

    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("uses"), "{refused:?}");
    assert_eq!(healthy.code, 0, "{healthy:?}");
    assert!(healthy.out.contains("migrations: up to date"), "{healthy:?}");
}
