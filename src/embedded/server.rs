//! One server of a cluster: its settings, its log, its start and its end.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;

use super::{
    Error,
    account::{Account, tail},
    binaries::Binaries,
    folder,
    guardian::Guardian,
    postmaster, socket,
};

/// After a crash the server replays its log first, which takes as long as the writes did. Beyond
/// this a person should look.
const READY_WITHIN: Duration = Duration::from_secs(300);

/// How often a start that takes long says so.
const REPORT_EVERY: Duration = Duration::from_secs(10);

/// How long children of a killed server may bar the start of the next one.
const REMNANTS_WITHIN: Duration = Duration::from_secs(15);

const LOOK_AGAIN: Duration = Duration::from_millis(20);
const TRY_AGAIN: Duration = Duration::from_millis(250);

/// A log above this is begun anew at the next start.
const LOG_BYTES_MAX: u64 = 16 << 20;

/// How much of the log an error may quote.
const LOG_TAIL_BYTES: u64 = 2_000;

/// What a server needs to run again and again.
#[derive(Debug)]
pub(super) struct Server {
    pub(super) cluster: PathBuf,
    pub(super) socket_dir: PathBuf,
    pub(super) log: PathBuf,
    pub(super) binaries: Binaries,
    pub(super) account: Account,
    pub(super) fsync: bool,
    pub(super) settings: Vec<(String, String)>,
}

impl Server {
    /// Starts the server and waits until it takes connections. A server of the same cluster that
    /// was left over is ended first.
    ///
    /// The guardian is in `slot` from the first moment on, so that a caller who stops waiting
    /// decides what becomes of the server. After an error the slot is empty.
    pub(super) async fn start(&self, slot: &mut Option<Guardian>) -> Result<(), Error> {
        let deadline = Instant::now() + REMNANTS_WITHIN;
        loop {
            let outcome = self.start_once(slot).await;
            if outcome.is_err() {
                *slot = None;
            }
            match outcome {
                Err(Error::Start { tail, .. })
                    if is_barred_by_remnants(&tail) && Instant::now() < deadline =>
                {
                    tracing::info!("waiting for what is left of the previous PostgreSQL to end");
                    tokio::time::sleep(TRY_AGAIN).await;
                }
                outcome => return outcome,
            }
        }
    }

    async fn start_once(&self, slot: &mut Option<Guardian>) -> Result<(), Error> {
        if let Some(pid) = postmaster::running(&self.cluster)? {
            tracing::warn!(postgres.pid = pid, "ending a PostgreSQL that outlived its service");
            postmaster::end(&self.cluster, postmaster::PATIENCE).await?;
        }
        postmaster::disarm(&self.cluster)?;
        socket::clear(&self.socket_dir)?;

        let log = self.open_log()?;
        let log_begin = log.metadata().map_err(Error::file("look at", &self.log))?.len();
        let program = self.binaries.bin.join("postgres");
        let guardian = Guardian::start(&program, &self.arguments()?, &self.account, &log)?;
        self.await_ready(slot.insert(guardian), log_begin).await
    }

    async fn await_ready(&self, guardian: &mut Guardian, log_begin: u64) -> Result<(), Error> {
        let began = Instant::now();
        let mut report_at = began + REPORT_EVERY;
        loop {
            let outcome = match tokio::time::timeout(LOOK_AGAIN, guardian.ended()).await {
                Ok(status) => status?.to_string(),
                Err(_) if postmaster::is_ready(&self.cluster)? => return Ok(()),
                Err(_) if began.elapsed() > READY_WITHIN => {
                    format!("not ready after {} s", READY_WITHIN.as_secs())
                }
                Err(_) => {
                    if Instant::now() > report_at {
                        report_at += REPORT_EVERY;
                        let waited_s = began.elapsed().as_secs();
                        tracing::info!(waited_s, "PostgreSQL still starts, it may be recovering");
                    }
                    continue;
                }
            };
            let tail = self.log_since(log_begin);
            return Err(Error::Start { outcome, log: self.log.clone(), tail });
        }
    }

    /// Ends the server, whether its guardian lives or not, and removes its socket.
    pub(super) async fn end(&self, guardian: Option<Guardian>) -> Result<(), Error> {
        self.end_processes(guardian).await?;
        socket::clear(&self.socket_dir)?;
        // One in the temporary folder should not stay there. Harmless if it does.
        let is_ours = self.cluster.parent().is_some_and(|dir| self.socket_dir.starts_with(dir));
        if !is_ours && let Err(cause) = std::fs::remove_dir(&self.socket_dir) {
            tracing::debug!(%cause, "left the folder of the socket behind");
        }
        Ok(())
    }

    async fn end_processes(&self, guardian: Option<Guardian>) -> Result<(), Error> {
        let Some(mut guardian) = guardian else {
            return postmaster::end(&self.cluster, postmaster::PATIENCE).await;
        };
        guardian.release();
        postmaster::end(&self.cluster, postmaster::PATIENCE).await?;
        // The server is gone or, in the first moments of a start, not yet known by its pid file.
        match tokio::time::timeout(postmaster::PATIENCE.fast, guardian.ended()).await {
            Ok(ended) => ended.map(drop),
            Err(_) => postmaster::end(&self.cluster, postmaster::PATIENCE).await,
        }
    }

    fn arguments(&self) -> Result<Vec<String>, Error> {
        // The setting is a list: quotes keep commas and spaces of a path together.
        let socket_dir = folder::text(&self.socket_dir)?.replace('"', "\"\"");
        let socket_dir = format!("\"{socket_dir}\"");
        let mut settings = vec![
            ("fsync", if self.fsync { "on" } else { "off" }),
            ("synchronous_commit", if self.fsync { "on" } else { "off" }),
            ("full_page_writes", if self.fsync { "on" } else { "off" }),
            ("max_connections", "200"),
            ("shared_buffers", "128MB"),
            ("max_wal_size", "2GB"),
            // Compiling a plan costs more than the short statements of a service ever win.
            ("jit", "off"),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
            ("log_destination", "stderr"),
            ("logging_collector", "off"),
            ("log_line_prefix", "%m [%p] "),
            ("cluster_name", "potts"),
        ];
        settings.extend(self.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        // Last, so nothing can open what is private: of two values the last one counts.
        let port = socket::PORT.to_string();
        settings.extend([
            ("listen_addresses", ""),
            ("unix_socket_directories", socket_dir.as_str()),
            ("unix_socket_permissions", "0700"),
            ("port", port.as_str()),
        ]);

        let mut arguments = vec!["-D".to_owned(), folder::text(&self.cluster)?.to_owned()];
        for (name, value) in settings {
            arguments.extend(["-c".to_owned(), format!("{name}={value}")]);
        }
        Ok(arguments)
    }

    fn open_log(&self) -> Result<File, Error> {
        let log = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .open(&self.log)
            .map_err(Error::file("open", &self.log))?;
        let bytes = log.metadata().map_err(Error::file("look at", &self.log))?.len();
        if bytes > LOG_BYTES_MAX {
            log.set_len(0).map_err(Error::file("truncate", &self.log))?;
        }
        Ok(log)
    }

    /// The end of what was logged since `begin`; empty if the log cannot be read.
    fn log_since(&self, begin: u64) -> String {
        let read = |path: &Path| {
            let mut log = File::open(path)?;
            let bytes = log.metadata()?.len();
            log.seek(SeekFrom::Start(begin.max(bytes.saturating_sub(LOG_TAIL_BYTES))))?;
            let mut text = Vec::new();
            log.take(LOG_TAIL_BYTES).read_to_end(&mut text)?;
            Ok::<_, std::io::Error>(text)
        };
        tail(&String::from_utf8_lossy(&read(&self.log).unwrap_or_default()))
    }
}

/// Whether a start failed only because the server before it is not entirely gone.
fn is_barred_by_remnants(log: &str) -> bool {
    log.contains("pre-existing shared memory block") || log.contains("FATAL:  lock file")
}
