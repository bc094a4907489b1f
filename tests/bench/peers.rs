//! The rivals: programs that others trust with their events, called to do the same work.
//!
//! `peers/` holds one program in Go, which is both: a rival, and those who call it. Here it is
//! built, started and asked.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::timeout;

use crate::measure::{Figures, Span};

/// The first build fetches and compiles both rivals.
const BUILDS_WITHIN: Duration = Duration::from_secs(1_200);
/// A rival that takes longer to start or to stop hangs.
const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than any work takes; the program bounds itself a little below.
const WORKS_WITHIN: Duration = Duration::from_secs(660);

/// Whom we are measured by.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Rival {
    /// A file store that is flushed before it acknowledges, and ordered push consumers.
    JetStream,
    /// One node, put and watch.
    Etcd,
}

impl Rival {
    /// All of them.
    pub const ALL: [Rival; 2] = [Rival::JetStream, Rival::Etcd];

    /// As in the table.
    pub fn name(self) -> &'static str {
        match self {
            Rival::JetStream => "JetStream",
            Rival::Etcd => "etcd",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Rival::JetStream => "nats",
            Rival::Etcd => "etcd",
        }
    }
}

/// What a rival did. What was not measured is absent.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
pub struct Seen {
    /// Events, or deliveries, a second.
    pub rate: Option<f64>,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    /// What its server computed, for each delivery.
    #[serde(rename = "cpu_us_per_delivery")]
    pub cpu_us: Option<f64>,
    /// What its server holds for each subscriber.
    #[serde(rename = "kib_per_subscriber")]
    pub kib: Option<f64>,
}

impl Seen {
    /// Rate and times.
    pub fn figures(&self) -> Figures {
        let figure = |figure: Option<f64>| figure.unwrap_or(f64::NAN);
        Figures {
            rate: figure(self.rate),
            p50_ms: figure(self.p50_ms),
            p99_ms: figure(self.p99_ms),
        }
    }
}

/// The program.
#[derive(Debug)]
pub struct Peers {
    program: PathBuf,
    folder: PathBuf,
}

impl Peers {
    /// Builds the program; `folder` is where rivals keep their files.
    pub async fn build(folder: PathBuf) -> Result<Peers> {
        let program = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-peers");
        let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bench/peers");
        println!("building the rivals; the first time this fetches them and takes minutes");
        let build = Command::new("go")
            .args(["build", "-buildvcs=false", "-o"])
            .arg(&program)
            .arg(".")
            .current_dir(sources)
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output();
        let built = timeout(BUILDS_WITHIN, build).await.context("go build hangs")?;
        let built = built.context("--peers needs Go: `go` is not in PATH")?;
        if !built.status.success() {
            let said = String::from_utf8_lossy(&built.stderr);
            bail!("the rivals cannot be built (the first time needs the network):\n{said}");
        }
        std::fs::create_dir_all(&folder)?;
        Ok(Peers { program, folder })
    }

    /// Their names and versions, as they say.
    pub async fn versions(&self) -> Result<Vec<String>> {
        let mut versions = Vec::new();
        for rival in Rival::ALL {
            let folder = self.folder()?;
            let serving = self.serve(rival, folder.path(), true).await?;
            versions.push(serving.place.version.clone());
            serving.stop().await?;
        }
        Ok(versions)
    }

    /// A folder for a rival, which goes with its handle.
    pub fn folder(&self) -> Result<TempDir> {
        Ok(TempDir::new_in(&self.folder)?)
    }

    /// Starts a rival; without flushes only to fill a log or to read it.
    pub async fn serve(&self, rival: Rival, folder: &Path, flush: bool) -> Result<Serving> {
        let mut child = Command::new(&self.program)
            .args(["serve", rival.word(), &format!("--flush={flush}"), "--dir"])
            .arg(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let open = child.stdin.take().context("its input is a pipe")?;
        let output = child.stdout.take().context("its output is a pipe")?;
        let mut lines = BufReader::new(output).lines();
        let line = timeout(PATIENCE, lines.next_line()).await.context("it hangs")??;
        let line = line.with_context(|| format!("{} did not start", rival.name()))?;
        let place: Place = serde_json::from_str(&line)?;
        Ok(Serving { program: self.program.clone(), rival, place, child, open })
    }
}

/// Where a rival is, as it says.
#[derive(Debug, Deserialize)]
struct Place {
    url: String,
    pid: u32,
    version: String,
}

/// A rival that runs. Dropped, it is killed.
#[derive(Debug)]
pub struct Serving {
    program: PathBuf,
    rival: Rival,
    place: Place,
    child: Child,
    /// It stops when this is closed.
    open: ChildStdin,
}

impl Serving {
    /// Does work, for a time, with such options of `peers run`.
    pub async fn run(&self, what: &str, options: &[(&str, usize)], span: Span) -> Result<Seen> {
        let mut command = Command::new(&self.program);
        command
            .args(["run", self.rival.word(), "--what", what, "--url", &self.place.url])
            .arg(format!("--pid={}", self.place.pid))
            .arg(format!("--whole={}ms", span.whole.as_millis()))
            .arg(format!("--warm-up={}ms", span.warm_up.as_millis()))
            .args(options.iter().map(|(option, value)| format!("--{option}={value}")))
            .stdin(Stdio::null())
            .kill_on_drop(true);
        let output = timeout(WORKS_WITHIN, command.output()).await.context("it hangs")??;
        if !output.status.success() {
            bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        serde_json::from_slice(&output.stdout).context("it prints another form")
    }

    /// Stops it.
    pub async fn stop(mut self) -> Result<()> {
        drop(self.open);
        timeout(PATIENCE, self.child.wait()).await.context("it does not stop")??;
        Ok(())
    }
}
