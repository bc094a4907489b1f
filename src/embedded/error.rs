//! What can go wrong with a private PostgreSQL, in words that say what to do about it.

use std::{io, path::PathBuf};

/// Why the private PostgreSQL does not run. The text of each is complete: it names the folder, the
/// program and the cause, so none has a source.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder of the data directory could not be read or written.
    #[error("cannot {action} {}: {cause}", path.display())]
    File {
        /// What was tried, as a verb in the infinitive.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A program could not be started, or its end not awaited.
    #[error("cannot run {} as user {user}: {cause}", program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// The user of the operating system it should run as.
        user: String,
        /// What the operating system said.
        cause: io::Error,
    },
    /// A program ran and failed, or took too long.
    #[error("{} failed ({outcome}): {output}", program.display())]
    Failed {
        /// The program.
        program: PathBuf,
        /// Its exit status, or how long it was waited for.
        outcome: String,
        /// The last lines it wrote.
        output: String,
    },
    /// Another process holds the lock of the data directory.
    #[error("another potts{} uses the data directory {}: stop it, or choose another directory",
        by(*.pid), dir.display())]
    Owned {
        /// The data directory.
        dir: PathBuf,
        /// The process that holds it, if it wrote its id.
        pid: Option<i32>,
    },
    /// The user PostgreSQL runs as may not pass a folder on the way to the data directory.
    #[error("user {user}, whom PostgreSQL runs as because it refuses root, may not pass {} on the \
        way to {}: run `chmod o+x {}`, choose a data directory elsewhere (such as \
        /var/lib/potts), or start the service as an ordinary user",
        barrier.display(), dir.display(), barrier.display())]
    Barred {
        /// The folder without search permission.
        barrier: PathBuf,
        /// The folder to be reached.
        dir: PathBuf,
        /// The user of the operating system.
        user: String,
    },
    /// The cluster belongs to another user than the one the service runs as.
    #[error("{} belongs to user id {uid}, which PostgreSQL would have to run as: start the \
        service as that user or as root, or change the owner with `chown -R`", cluster.display())]
    Foreign {
        /// The folder of the cluster.
        cluster: PathBuf,
        /// Its owner.
        uid: u32,
    },
    /// The user of the service has no name, so PostgreSQL can neither start nor recognise it.
    #[error(
        "user id {uid} has no name on this machine and PostgreSQL needs one: add it to \
        /etc/passwd, or start the service as a user that has a name"
    )]
    Nameless {
        /// The effective user id of the service.
        uid: u32,
    },
    /// The service runs as root and there is no user to run PostgreSQL as.
    #[error(
        "PostgreSQL refuses to run as root, and there is no user `postgres` or `nobody` to \
        run it as: create one (`useradd --system postgres`), or start the service as an ordinary \
        user"
    )]
    NoServerUser,
    /// None is installed and the download failed.
    #[error(
        "found no PostgreSQL 15 or newer, and the download of {version} failed: {cause}; \
        install it (Debian, Ubuntu: `apt install postgresql`; Fedora, RHEL: `dnf install \
        postgresql-server`; macOS: `brew install postgresql@16`), or configure the address of a \
        database"
    )]
    Missing {
        /// The version that was to be downloaded.
        version: String,
        /// Why it failed.
        cause: String,
    },
    /// The cluster was made by a major version that is not at hand.
    #[error("the cluster in {} was made by PostgreSQL {made_by}, which is not at hand (found: \
        {found}): install PostgreSQL {made_by}, or move the folder away to begin anew",
        cluster.display())]
    Version {
        /// The folder of the cluster.
        cluster: PathBuf,
        /// The major version that made it.
        made_by: u32,
        /// The versions that are at hand.
        found: String,
    },
    /// The server ended while it started, or was not ready in time.
    #[error("PostgreSQL did not start ({outcome}); its log {} ends with: {tail}", log.display())]
    Start {
        /// The exit status, or how long it was waited for.
        outcome: String,
        /// The log of the server.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// A server of this data directory does not end.
    #[error("PostgreSQL (process {pid}) of {} does not end: end it, then start again",
        cluster.display())]
    Stubborn {
        /// The process id of the server.
        pid: i32,
        /// The folder of the cluster.
        cluster: PathBuf,
    },
    /// The folder for the socket is not ours.
    #[error("{} exists and is not a folder of user {user}: remove it, or choose a data directory \
        with a shorter path, which can hold the socket itself", path.display())]
    Socket {
        /// The folder.
        path: PathBuf,
        /// The user it should belong to.
        user: String,
    },
    /// A path is not UTF-8, so it fits neither settings nor addresses.
    #[error("the path {} is not UTF-8: choose another data directory", path.display())]
    Path {
        /// The path.
        path: PathBuf,
    },
}

impl Error {
    /// Describes a failed operation on a file, for `map_err`.
    pub(super) fn file(
        action: &'static str,
        path: &std::path::Path,
    ) -> impl FnOnce(io::Error) -> Error {
        let path = path.to_path_buf();
        move |cause| Error::File { action, path, cause }
    }
}

fn by(pid: Option<i32>) -> String {
    pid.map(|pid| format!(" (process {pid})")).unwrap_or_default()
}
