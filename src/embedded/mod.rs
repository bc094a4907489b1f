//! A private PostgreSQL for a service that was given no database.
//!
//! It is found among the installed ones or downloaded, lives in one folder, listens on one unix
//! socket that only the user of the service may use, and ends with the service. This room knows
//! no other room of the crate and no setting: everything it needs comes in [`Options`].
//!
//! ```text
//! dir/
//!   owner.lock     held by the one service that uses the folder
//!   cluster/       the data, owned by the user whom PostgreSQL runs as
//!   socket/        the unix socket (elsewhere if the path is too long for one)
//!   postgres.log   what the server says
//! ```

mod account;
mod binaries;
mod cluster;
mod download;
mod error;
mod folder;
mod guardian;
mod owner;
mod postmaster;
mod server;
mod socket;
#[cfg(test)]
mod tests;

use std::{
    fmt::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

pub use self::error::Error;
use self::{account::Account, guardian::Guardian, owner::Lock, server::Server};

/// The name of the role, of its database, and of the map of users.
const ROLE: &str = "potts";

/// A service that was told to stop gets this long to free the data directory for the next one.
const OWNER_WITHIN: Duration = Duration::from_secs(15);

/// The pauses before a server that died is started again: doubled from the first to the last, and
/// begun anew after one that lived long enough.
const AGAIN_AFTER_MIN: Duration = Duration::from_millis(100);
const AGAIN_AFTER_MAX: Duration = Duration::from_secs(5);
const LIVED_LONG: Duration = Duration::from_secs(30);

/// How a private PostgreSQL is set up.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where cluster, socket and log live; created if absent. As root, every folder on the way
    /// must let the user of PostgreSQL pass.
    pub dir: PathBuf,
    /// Where downloaded programs are kept, one folder a version; created when needed.
    pub binaries_dir: PathBuf,
    /// Whether a commit is on disk before it is acknowledged. False is for tests alone: the last
    /// half second of commits is lost when the server is killed, and maybe all in a power cut.
    pub fsync: bool,
    /// Where programs are looked for.
    pub search: Search,
    /// Further settings of the server, name and value; they win over the room's own, but for those
    /// that keep it private.
    pub settings: Vec<(String, String)>,
}

/// Where the programs of PostgreSQL are looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// In PATH and the folders packages use; the newest from 15 on wins. Then among the downloaded
    /// ones; then they are downloaded.
    Installed,
    /// As if none were installed.
    DownloadOnly,
}

/// A running private PostgreSQL. Dropped, it shuts down on its own, as after the death of the
/// service; [`Postgres::stop`] also waits for it.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    /// Absent between a death and the next start.
    guardian: Option<Guardian>,
    started_at: Instant,
    url: String,
    _lock: Lock,
}

impl Postgres {
    /// Finds or downloads PostgreSQL, makes the cluster if there is none, and starts the server;
    /// role and database `potts` exist then. The first start takes seconds, with a download up to
    /// minutes; progress is logged.
    ///
    /// # Errors
    /// See [`Error`]. The folder is usable for another try after each.
    pub async fn start(options: Options) -> Result<Postgres, Error> {
        Box::pin(start_within(options, OWNER_WITHIN)).await
    }

    /// The address of the database, for tokio-postgres as for `psql`. It stays the same when the
    /// server is started again.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// The version, such as `15.18`.
    pub fn version(&self) -> &str {
        &self.server.binaries.version.text
    }

    /// The folder of the programs. `psql` and `pgbench` are there if PostgreSQL was installed, not
    /// if it was downloaded.
    pub fn binaries(&self) -> &Path {
        &self.server.binaries.bin
    }

    /// Watches the server and starts it again when it dies, until `stopping` is cancelled; the
    /// server is left running, or starting, then.
    ///
    /// # Errors
    /// The cluster is gone, so there is nothing to start. Other failures are logged and tried
    /// again.
    pub async fn run(&mut self, stopping: CancellationToken) -> Result<(), Error> {
        let watch = Box::pin(self.watch());
        match stopping.run_until_cancelled(watch).await {
            None => Ok(()),
            Some(ended) => ended,
        }
    }

    async fn watch(&mut self) -> Result<(), Error> {
        let mut pause = AGAIN_AFTER_MIN;
        loop {
            if let Some(guardian) = &mut self.guardian {
                let status = guardian.ended().await?;
                self.guardian = None;
                if self.started_at.elapsed() >= LIVED_LONG {
                    pause = AGAIN_AFTER_MIN;
                }
                tracing::warn!(%status, ?pause, "PostgreSQL died, starting it again");
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(AGAIN_AFTER_MAX);

            if cluster::major(&self.server.cluster)?.is_none() {
                let path = &self.server.cluster;
                return Err(Error::file("find", path)(std::io::ErrorKind::NotFound.into()));
            }
            match self.server.start(&mut self.guardian).await {
                Ok(()) => {
                    self.started_at = Instant::now();
                    tracing::info!("PostgreSQL runs again");
                }
                Err(cause) => tracing::warn!(%cause, ?pause, "PostgreSQL does not start"),
            }
        }
    }

    /// Shuts the server down and waits for its end: at most 10 s for a clean one, then at once,
    /// which costs the next start a recovery but no data.
    ///
    /// # Errors
    /// The server does not end at all.
    pub async fn stop(mut self) -> Result<(), Error> {
        let guardian = self.guardian.take();
        self.server.end(guardian).await?;
        tracing::info!("PostgreSQL stopped");
        Ok(())
    }
}

/// The address of the private database of a folder, if there is one: whoever else is of the same
/// user may look into it while its service runs.
pub fn url_of(dir: &Path) -> Option<String> {
    let dir = dir.canonicalize().ok()?;
    url(&socket::place(&dir)).ok()
}

async fn start_within(options: Options, owner_within: Duration) -> Result<Postgres, Error> {
    let Options { dir, binaries_dir, fsync, search, settings } = options;
    // Root lets the user of PostgreSQL pass the folders it creates, and nobody list them.
    let is_root = rustix::process::geteuid().is_root();
    let dir = folder::create(&dir, if is_root { 0o711 } else { 0o700 })?;
    let lock = match owner::take(&dir.join("owner.lock"), owner_within).await? {
        owner::Taken::Lock(lock) => lock,
        owner::Taken::ByOther(pid) => return Err(Error::Owned { dir, pid }),
    };

    let cluster = dir.join("cluster");
    let service = Account::of_service().await?;
    let account = Account::of_server(&cluster).await?;
    account.check_reach(&dir)?;
    let made_by = cluster::major(&cluster)?;
    let binaries = binaries::choose(search, &binaries_dir, &cluster, made_by, &account).await?;
    if made_by.is_none() {
        tracing::info!(
            postgres.version = binaries.version.text,
            postgres.user = account.name,
            folder = %dir.display(),
            "making the private database"
        );
        cluster::make(&cluster, &binaries.bin, &account, fsync).await?;
    }
    cluster::admit_only(&cluster, &service.name, &account)?;
    let socket_dir = socket::prepare(&dir, &account)?;

    let url = url(&socket_dir)?;
    let log = dir.join("postgres.log");
    let server = Server { cluster, socket_dir, log, binaries, account, fsync, settings };
    let mut guardian = None;
    server.start(&mut guardian).await?;
    tracing::info!(
        postgres.version = server.binaries.version.text,
        postgres.bin = %server.binaries.bin.display(),
        postgres.user = server.account.name,
        folder = %dir.display(),
        "PostgreSQL runs"
    );
    let started_at = Instant::now();
    Ok(Postgres { server, guardian, started_at, url, _lock: lock })
}

fn url(socket_dir: &Path) -> Result<String, Error> {
    let mut host = String::new();
    for byte in folder::text(socket_dir)?.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            host.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(host, "%{byte:02X}");
        }
    }
    Ok(format!("postgres://{ROLE}@/{ROLE}?host={host}&port={}", socket::PORT))
}
