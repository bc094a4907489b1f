//! `potts serve` as a process of its own, as users start it: what it computes and holds in memory
//! is then nobody else's.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, setrlimit};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// A server that takes longer to start or to stop hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// The unit of times in /proc: a hundredth of a second, on every machine that we run on.
const TICK: Duration = Duration::from_millis(10);
/// Where, behind the name of the program, the times are that it has computed by itself and in the
/// kernel.
const TIMES: std::ops::Range<usize> = 11..13;

/// A running server. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    /// Where gRPC is served.
    pub grpc_addr: SocketAddr,
    child: Child,
    /// Reads what it logs, so that it never waits for a reader.
    _log: JoinSet<()>,
}

impl Process {
    /// Starts a server on free ports, and waits until it serves.
    pub async fn start(url: &str, data: &Path, token: &str) -> Result<Process> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_potts"));
        for variable in potts::config::VARIABLES {
            command.env_remove(variable);
        }
        command
            .arg("serve")
            .env("POTTS_DATABASE_URL", url)
            .env("POTTS_DATA_DIR", data)
            .env("POTTS_GRPC_ADDR", "127.0.0.1:0")
            .env("POTTS_HTTP_ADDR", "127.0.0.1:0")
            .env("POTTS_ROOT_TOKEN", token)
            // All subscribers here are one caller.
            .env("POTTS_CALLER_SUBSCRIPTIONS_MAX", "10000")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().context("cannot start potts")?;
        let errors = child.stderr.take().context("its log is a pipe")?;
        let mut lines = BufReader::new(errors).lines();
        let grpc_addr = timeout(PATIENCE, served(&mut lines)).await.context("it hangs")??;
        let mut log = JoinSet::new();
        log.spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Process { grpc_addr, child, _log: log })
    }

    /// Its number; none once it has ended.
    pub fn id(&self) -> Result<u32> {
        self.child.id().context("the server has ended")
    }

    /// Asks it to stop, and waits until it has.
    pub async fn stop(mut self) -> Result<()> {
        let pid = Pid::from_raw(self.id()?.try_into()?).context("processes have numbers")?;
        kill_process(pid, Signal::TERM)?;
        timeout(PATIENCE, self.child.wait()).await.context("it does not stop")??;
        Ok(())
    }
}

/// Where it serves, as its log says.
async fn served(lines: &mut Lines<BufReader<ChildStderr>>) -> Result<SocketAddr> {
    let mut said = String::new();
    while let Some(line) = lines.next_line().await? {
        let entry: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
        if entry.get("message").and_then(|message| message.as_str()) == Some("serving gRPC") {
            let addr = entry.get("addr").and_then(|addr| addr.as_str());
            return Ok(addr.context("it does not say where it serves")?.parse()?);
        }
        said += &line;
        said.push('\n');
    }
    bail!("potts did not start:\n{said}")
}

/// How long a process has computed since it began.
pub fn cpu(id: u32) -> Result<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
    // The name, in parentheses, may hold anything.
    let (_, fields) = text.rsplit_once(") ").context("/proc has another form")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let times = fields.get(TIMES).context("/proc has another form")?;
    let ticks: Result<Vec<u32>, _> = times.iter().map(|time| time.parse()).collect();
    Ok(TICK * ticks?.iter().sum())
}

/// How much memory a process holds, in KiB.
pub fn memory_kib(id: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{id}/status"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let held = line.and_then(|line| line.split_whitespace().next());
    Ok(held.context("/proc says nothing of memory")?.parse()?)
}

/// Lets this process, and those that it starts, hold as many connections open as they may:
/// thousands of subscribers with one each need more than is usual.
pub fn allow_connections() -> Result<()> {
    let Rlimit { maximum, .. } = getrlimit(Resource::Nofile);
    Ok(setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?)
}
