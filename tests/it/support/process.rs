//! The service as a process of its own: the program that users start, killed as it happens to them.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::app::TOKEN;
use super::eventually;

/// The first start makes a cluster; a busy machine takes its time.
const STARTS_WITHIN: Duration = Duration::from_secs(60);

/// A running service. Dropped, it is killed.
#[derive(Debug)]
pub struct Process {
    /// Where gRPC is served.
    pub grpc_addr: SocketAddr,
    /// Where health and metrics are served.
    pub http_addr: SocketAddr,
    child: Child,
    log: Log,
}

#[derive(Clone, Debug, Default)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn text(&self) -> String {
        self.0.lock().unwrap().join("\n")
    }

    /// The address that a line of this message names.
    fn addr(&self, message: &str) -> Option<SocketAddr> {
        let lines = self.0.lock().unwrap();
        let parsed = lines.iter().filter_map(|line| serde_json::from_str(line).ok());
        let said = |line: serde_json::Value| {
            let says = line["message"].as_str()?.starts_with(message);
            says.then(|| line["addr"].as_str()?.parse().ok())?
        };
        parsed.filter_map(said).next()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Process {
    /// Starts `potts serve` on free ports, with this data directory and settings, and waits until
    /// it serves.
    pub async fn start(data: &Path, set: &[(&str, &str)]) -> Process {
        let mut command = Command::new(env!("CARGO_BIN_EXE_potts"));
        for variable in potts::config::VARIABLES {
            command.env_remove(variable);
        }
        command
            .arg("serve")
            .env("POTTS_DATA_DIR", data)
            .env("POTTS_GRPC_ADDR", "127.0.0.1:0")
            .env("POTTS_HTTP_ADDR", "127.0.0.1:0")
            .env("POTTS_ROOT_TOKEN", TOKEN)
            .envs(set.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let log = Log::default();
        let (lines, errors) = (log.clone(), child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in BufReader::new(errors).lines().map_while(Result::ok) {
                lines.0.lock().unwrap().push(line);
            }
        });
        let starting = Mutex::new(child);
        let look = async || {
            let ended = starting.lock().unwrap().try_wait().unwrap();
            assert_eq!(ended, None, "it did not start:\n{}", log.text());
            (log.addr("serving gRPC"), log.addr("serving /healthz"))
        };
        let seen = eventually(STARTS_WITHIN, look, |(grpc, http)| grpc.is_some() && http.is_some());
        let (grpc, http) = seen.await;
        child = starting.into_inner().unwrap();
        Process { grpc_addr: grpc.unwrap(), http_addr: http.unwrap(), child, log }
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Its id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to stop.
    pub fn terminate(&self) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, Signal::TERM).unwrap();
    }

    /// Sends it a signal: one that stops it has it stand still.
    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(self.child.id().try_into().unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Waits for its end.
    pub async fn ended(&mut self, within: Duration) -> ExitStatus {
        let child = Mutex::new(&mut self.child);
        let look = async || child.lock().unwrap().try_wait().unwrap();
        eventually(within, look, Option::is_some).await.unwrap()
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        self.log.text()
    }
}
