//! Users of the operating system: whom the service runs as, and whom PostgreSQL runs as.
//!
//! PostgreSQL refuses root. A service that runs as root therefore gives every child of this room
//! away to an unprivileged user; any other service and its server share one user.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::process::Command;

use super::Error;

/// Root may become any of these; the first that exists is taken.
const SERVER_USERS: [&str; 2] = ["postgres", "nobody"];

/// Variables a child keeps. The rest is dropped: the environment of the service holds secrets.
const KEPT_VARIABLES: [&str; 4] = ["PATH", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR"];

/// How much of the output of a failed program is shown.
const OUTPUT_CHARS_MAX: usize = 2_000;

/// The user whom PostgreSQL runs as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) name: String,
    pub(super) uid: u32,
    pub(super) gid: u32,
    /// True if the service is root and must become this user.
    pub(super) switches: bool,
}

impl Account {
    /// Finds the user to run PostgreSQL as.
    ///
    /// A cluster that exists decides for root: it stays with its owner, so that a data directory
    /// made by an ordinary user still works after one start as root.
    pub(super) async fn of_server(cluster: &Path) -> Result<Account, Error> {
        let service = Account::of_service().await?;
        let owner = match fs::metadata(cluster) {
            Ok(metadata) => Some((metadata.uid(), metadata.gid())),
            Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => None,
            Err(cause) => return Err(Error::file("look at", cluster)(cause)),
        };

        match owner {
            Some((uid, _)) if uid == service.uid && uid != 0 => Ok(service),
            Some((uid, gid)) if service.uid == 0 && uid != 0 => {
                let number = uid.to_string();
                let name = service.id(&["-un", &number]).await.unwrap_or(number);
                Ok(Account { name, uid, gid, switches: true })
            }
            Some((uid, _)) => Err(Error::Foreign { cluster: cluster.to_path_buf(), uid }),
            None if service.uid == 0 => {
                for name in SERVER_USERS {
                    if let Some(account) = service.look_up(name).await {
                        return Ok(account);
                    }
                }
                Err(Error::NoServerUser)
            }
            None => Ok(service),
        }
    }

    /// The user the service itself runs as; peer authentication sees this one on the socket.
    pub(super) async fn of_service() -> Result<Account, Error> {
        let uid = rustix::process::geteuid().as_raw();
        let gid = rustix::process::getegid().as_raw();
        let unnamed = Account { name: uid.to_string(), uid, gid, switches: false };
        let name = unnamed.id(&["-un"]).await.ok_or(Error::Nameless { uid })?;
        Ok(Account { name, ..unnamed })
    }

    async fn look_up(&self, name: &str) -> Option<Account> {
        let uid = self.id(&["-u", name]).await?.parse().ok()?;
        let gid = self.id(&["-g", name]).await?.parse().ok()?;
        Some(Account { name: name.to_owned(), uid, gid, switches: true })
    }

    /// Asks `id`, which knows every source of users the machine has, not only `/etc/passwd`.
    async fn id(&self, arguments: &[&str]) -> Option<String> {
        let output = self.command(Path::new("id")).args(arguments).output().await.ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        let text = text.trim();
        (output.status.success() && !text.is_empty()).then(|| text.to_owned())
    }

    /// A command that runs `program` as this user, in the root folder, without the secrets of the
    /// service and with messages in English.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C").current_dir("/").stdin(Stdio::null());
        for name in KEPT_VARIABLES {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if self.switches {
            // The standard library also drops the supplementary groups of root here.
            command.gid(self.gid).uid(self.uid);
        }
        command
    }

    /// Runs `command` to its end and returns what it wrote to its standard output.
    ///
    /// # Errors
    /// It cannot be started, fails, or takes longer than `within`; it is killed then.
    pub(super) async fn finish(
        &self,
        mut command: Command,
        within: Duration,
    ) -> Result<String, Error> {
        let program = PathBuf::from(command.as_std().get_program());
        command.kill_on_drop(true);
        let output = match tokio::time::timeout(within, command.output()).await {
            Ok(Ok(output)) => output,
            Ok(Err(cause)) => {
                return Err(Error::Program { program, user: self.name.clone(), cause });
            }
            Err(_) => {
                let outcome = format!("not done after {} s", within.as_secs());
                return Err(Error::Failed { program, outcome, output: String::new() });
            }
        };
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let outcome = output.status.to_string();
        let text = String::from_utf8_lossy(&output.stderr);
        Err(Error::Failed { program, outcome, output: tail(&text) })
    }

    /// Refuses a folder that this user cannot reach.
    pub(super) fn check_reach(&self, dir: &Path) -> Result<(), Error> {
        if !self.switches {
            return Ok(());
        }
        match self.barrier(dir)? {
            None => Ok(()),
            Some(barrier) => {
                let user = self.name.clone();
                Err(Error::Barred { barrier, dir: dir.to_path_buf(), user })
            }
        }
    }

    /// The first folder on the way to `dir`, itself included, that this user may not pass.
    pub(super) fn barrier(&self, dir: &Path) -> Result<Option<PathBuf>, Error> {
        let mut way: Vec<&Path> = dir.ancestors().collect();
        way.reverse();
        for folder in way {
            let metadata = fs::metadata(folder).map_err(Error::file("look at", folder))?;
            if !self.may_pass(metadata.mode(), metadata.uid(), metadata.gid()) {
                return Ok(Some(folder.to_path_buf()));
            }
        }
        Ok(None)
    }

    /// Whether permissions let this user, without supplementary groups, search a folder.
    fn may_pass(&self, mode: u32, owner: u32, group: u32) -> bool {
        let search = if owner == self.uid {
            0o100
        } else if group == self.gid {
            0o010
        } else {
            0o001
        };
        mode & search != 0
    }
}

/// The end of a text, on one line.
pub(super) fn tail(text: &str) -> String {
    let text = text.trim();
    let skipped = text.chars().count().saturating_sub(OUTPUT_CHARS_MAX);
    let end: String = text.chars().skip(skipped).collect();
    end.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(" | ")
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn account(uid: u32, gid: u32) -> Account {
        Account { name: "somebody".to_owned(), uid, gid, switches: true }
    }

    #[test]
    fn the_class_of_the_user_decides_even_where_another_class_may_do_more() {
        let somebody = account(7, 8);

        assert!(somebody.may_pass(0o100, 7, 0));
        assert!(!somebody.may_pass(0o011, 7, 8));
        assert!(somebody.may_pass(0o010, 0, 8));
        assert!(!somebody.may_pass(0o101, 0, 8));
        assert!(somebody.may_pass(0o001, 0, 0));
        assert!(!somebody.may_pass(0o770, 0, 0));
    }

    #[test]
    fn the_folder_that_bars_the_way_is_named() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("closed").join("inner");
        fs::create_dir_all(&dir).unwrap();
        for open in [root.path(), &dir] {
            fs::set_permissions(open, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let closed = root.path().join("closed");
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o700)).unwrap();
        // An id that owns nothing here, whoever runs the tests.
        let stranger = account(4_000_001, 4_000_001);

        let barred = stranger.check_reach(&dir).unwrap_err();
        fs::set_permissions(&closed, fs::Permissions::from_mode(0o711)).unwrap();
        let open = stranger.barrier(&dir).unwrap();

        assert!(matches!(&barred, Error::Barred { barrier, .. } if *barrier == closed), "{barred}");
        assert!(barred.to_string().contains(&format!("chmod o+x {}", closed.display())));
        assert_eq!(open, None);
    }

    #[tokio::test]
    async fn a_failed_program_is_reported_with_its_last_words() {
        let service = Account::of_service().await.unwrap();
        let mut command = service.command(Path::new("sh"));
        command.args(["-c", "echo first >&2; echo last >&2; exit 3"]);

        let error = service.finish(command, Duration::from_secs(10)).await.unwrap_err();

        assert_eq!(error.to_string(), "sh failed (exit status: 3): first | last");
    }
}
