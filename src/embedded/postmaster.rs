//! The first process of a server, known by the file `postmaster.pid` in its cluster.
//!
//! A pid in that file proves nothing: after a crash, and always in a container that was restarted,
//! another process may have it. So a process gets a signal only if it is a `postgres` that works in
//! this very cluster.

use std::{fs, io, path::Path, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

use super::Error;

const FILE: &str = "postmaster.pid";

/// No system gives this id to a process, so PostgreSQL takes the file for stale. (It is above the
/// highest limit of Linux, 4194304, and of macOS, 99999.)
const NOBODY: i32 = 2_147_483_646;

/// The line, from zero, where the server says how far it is.
const STATUS_LINE: usize = 7;

const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long a server may take for each step of its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a fast shutdown, which writes a checkpoint; then it is ended without one.
    pub(super) fast: Duration,
    /// For the immediate end; then it is given up.
    pub(super) immediate: Duration,
}

pub(super) const PATIENCE: Patience =
    Patience { fast: Duration::from_secs(10), immediate: Duration::from_secs(10) };

/// What the pid file says.
#[derive(Debug, PartialEq, Eq)]
struct PidFile {
    pid: i32,
    is_ready: bool,
    /// All lines up to the status, for a file that is rewritten.
    head: Vec<String>,
}

impl PidFile {
    fn parse(text: &str) -> Option<PidFile> {
        let lines: Vec<&str> = text.lines().collect();
        let pid = lines.first()?.trim().parse().ok()?;
        let is_ready = lines.get(STATUS_LINE).is_some_and(|status| status.trim() == "ready");
        let head = lines.iter().take(STATUS_LINE).map(|&line| line.to_owned()).collect();
        Some(PidFile { pid, is_ready, head })
    }
}

/// The process id of the running server of `cluster`, if there is one.
pub(super) fn running(cluster: &Path) -> Result<Option<i32>, Error> {
    let Some(text) = read(cluster)? else { return Ok(None) };
    Ok(PidFile::parse(&text).map(|file| file.pid).filter(|pid| works_in(*pid, cluster)))
}

/// Whether the server of `cluster` says that it takes connections.
pub(super) fn is_ready(cluster: &Path) -> Result<bool, Error> {
    let file = read(cluster)?.and_then(|text| PidFile::parse(&text));
    Ok(file.is_some_and(|file| file.is_ready && file.pid != NOBODY))
}

/// Ends the server that runs in `cluster`, if any: first with a shutdown, then without.
pub(super) async fn end(cluster: &Path, patience: Patience) -> Result<(), Error> {
    let Some(pid) = running(cluster)? else { return Ok(()) };
    for (signal, within) in [(Signal::INT, patience.fast), (Signal::QUIT, patience.immediate)] {
        if signal == Signal::QUIT {
            tracing::warn!(postgres.pid = pid, "PostgreSQL is slow to end, ending it at once");
        }
        send(pid, signal);
        let deadline = tokio::time::Instant::now() + within;
        while tokio::time::Instant::now() < deadline {
            if !works_in(pid, cluster) {
                return Ok(());
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
    Err(Error::Stubborn { pid, cluster: cluster.to_path_buf() })
}

/// Makes a pid file that a dead server left harmless.
///
/// PostgreSQL refuses to start while a process with that id lives, whatever it is. The file is not
/// removed: it also names the shared memory of the dead server, by which PostgreSQL notices
/// children that outlived it and still write. Only the pid is changed to one that nobody has.
pub(super) fn disarm(cluster: &Path) -> Result<(), Error> {
    let Some(text) = read(cluster)? else { return Ok(()) };
    let path = cluster.join(FILE);
    match PidFile::parse(&text) {
        Some(file) if file.head.len() == STATUS_LINE => {
            let mut disarmed = NOBODY.to_string();
            for line in file.head.iter().skip(1) {
                disarmed.push('\n');
                disarmed.push_str(line);
            }
            disarmed.push('\n');
            fs::write(&path, disarmed).map_err(Error::file("write", &path))
        }
        // Cut short by a crash before there was shared memory: nothing to keep.
        Some(_) | None => fs::remove_file(&path).map_err(Error::file("remove", &path)),
    }
}

fn read(cluster: &Path) -> Result<Option<String>, Error> {
    let path = cluster.join(FILE);
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(text)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(Error::file("read", &path)(cause)),
    }
}

fn send(pid: i32, signal: Signal) {
    if pid > 1
        && let Some(process) = Pid::from_raw(pid)
        && let Err(cause) = kill_process(process, signal)
    {
        // Gone in the meantime, or not ours to signal: the caller looks whether it still runs.
        tracing::debug!(postgres.pid = pid, %cause, "a signal did not arrive");
    }
}

/// Whether process `pid` lives and is a `postgres` that works in `cluster`.
#[cfg(target_os = "linux")]
fn works_in(pid: i32, cluster: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;

    let process = Path::new("/proc").join(pid.to_string());
    let name = fs::read_to_string(process.join("comm")).unwrap_or_default();
    // A server changes into its cluster; a dead process that nobody has awaited works nowhere.
    match (fs::metadata(process.join("cwd")), fs::metadata(cluster)) {
        (Ok(cwd), Ok(home)) => {
            matches!(name.trim(), "postgres" | "postmaster")
                && (cwd.dev(), cwd.ino()) == (home.dev(), home.ino())
        }
        _ => false,
    }
}

/// Whether process `pid` lives and is a `postgres` that was started for `cluster`.
#[cfg(not(target_os = "linux"))]
fn works_in(pid: i32, cluster: &Path) -> bool {
    let mut ps = std::process::Command::new("ps");
    ps.args(["-o", "command=", "-p", &pid.to_string()]);
    let Ok(output) = ps.output() else { return false };
    let command = String::from_utf8_lossy(&output.stdout);
    let program = command.split(" -D ").next().unwrap_or_default();
    program.ends_with("/postgres") && command.contains(&format!(" -D {} ", cluster.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "123\n/data\n1700000000\n5432\n/sockets\n\n  5432001         7\nready   \n";

    #[test]
    fn a_pid_file_tells_the_process_and_its_state() {
        let ready = PidFile::parse(TEXT).unwrap();
        let starting = PidFile::parse(&TEXT.replace("ready   ", "starting")).unwrap();

        assert_eq!((ready.pid, ready.is_ready), (123, true));
        assert!(!starting.is_ready);
        assert_eq!(PidFile::parse(""), None);
        assert_eq!(PidFile::parse("x\n"), None);
    }

    #[test]
    fn a_disarmed_file_keeps_the_shared_memory_and_is_never_ready() {
        let cluster = tempfile::tempdir().unwrap();
        let path = cluster.path().join(FILE);
        fs::write(&path, TEXT).unwrap();

        disarm(cluster.path()).unwrap();
        disarm(cluster.path()).unwrap();

        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "2147483646\n/data\n1700000000\n5432\n/sockets\n\n  5432001         7\n");
        assert!(!is_ready(cluster.path()).unwrap());
    }

    #[test]
    fn a_file_that_was_cut_short_is_removed() {
        let cluster = tempfile::tempdir().unwrap();
        for text in ["", "123", "123\n/data\n"] {
            fs::write(cluster.path().join(FILE), text).unwrap();
            disarm(cluster.path()).unwrap();
            assert!(!cluster.path().join(FILE).exists(), "{text:?}");
        }
    }

    #[tokio::test]
    async fn another_process_with_the_same_id_is_left_alone() {
        let cluster = tempfile::tempdir().unwrap();
        let us = std::process::id().to_string();
        fs::write(cluster.path().join(FILE), TEXT.replace("123", &us)).unwrap();

        let found = running(cluster.path()).unwrap();
        // Would end the test itself if it were taken for a server.
        end(cluster.path(), PATIENCE).await.unwrap();

        assert_eq!(found, None);
    }
}
