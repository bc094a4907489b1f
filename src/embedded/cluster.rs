//! The cluster on disk: made once and whole, and its rules of who may connect.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use tokio::io::AsyncWriteExt;

use super::{Error, ROLE, account::Account, folder};

/// Names of clusters that are being made begin so; any that is left belongs to nobody.
const UNFINISHED: &str = "cluster.new-";

/// A cluster takes a second or two; a slow disk with many small files a minute.
const MAKE_WITHIN: Duration = Duration::from_secs(180);

/// The major version that made the cluster, or nothing if there is none.
pub(super) fn major(cluster: &Path) -> Result<Option<u32>, Error> {
    let path = cluster.join("PG_VERSION");
    match fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse() {
            Ok(major) => Ok(Some(major)),
            Err(cause) => {
                let cause = std::io::Error::new(std::io::ErrorKind::InvalidData, cause);
                Err(Error::file("understand", &path)(cause))
            }
        },
        // A folder without the file is not ours to overwrite.
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound && !cluster.exists() => Ok(None),
        Err(cause) => Err(Error::file("read", &path)(cause)),
    }
}

/// Makes the cluster `cluster` with the role and the database, in a folder beside it that gets its
/// name when all is done: a half-made cluster never has it.
pub(super) async fn make(
    cluster: &Path,
    bin: &Path,
    account: &Account,
    fsync: bool,
) -> Result<(), Error> {
    let parent = cluster.parent().unwrap_or(cluster);
    remove_unfinished(parent);
    let fresh = parent.join(format!("{UNFINISHED}{}", folder::unused_suffix()));
    folder::create_private(&fresh).map_err(Error::file("create", &fresh))?;
    give(&fresh, account)?;

    init(&fresh, bin, account, fsync).await?;
    create_database(&fresh, bin, account, fsync).await?;
    fs::rename(&fresh, cluster).map_err(Error::file("rename", &fresh))?;
    folder::sync(parent)
}

/// Hands a file or folder to the user whom PostgreSQL runs as.
pub(super) fn give(path: &Path, account: &Account) -> Result<(), Error> {
    if account.switches {
        chown(path, Some(account.uid), Some(account.gid))
            .map_err(Error::file("change the owner of", path))?;
    }
    Ok(())
}

/// Removes what interrupted starts left. Their `initdb` may still run for a moment and hold on to
/// a file; the next start gets it then, so a failure here is no reason to stop.
fn remove_unfinished(parent: &Path) {
    let Ok(entries) = fs::read_dir(parent) else { return };
    for entry in entries.filter_map(Result::ok) {
        if entry.file_name().to_string_lossy().starts_with(UNFINISHED)
            && let Err(cause) = folder::remove(&entry.path())
        {
            tracing::warn!(%cause, "left an unfinished cluster behind");
        }
    }
}

async fn init(fresh: &Path, bin: &Path, account: &Account, fsync: bool) -> Result<(), Error> {
    let mut command = account.command(&bin.join("initdb"));
    command
        .arg("--pgdata")
        .arg(fresh)
        .arg(format!("--username={ROLE}"))
        .args(["--auth-local=peer", "--auth-host=reject", "--encoding=UTF8", "--locale=C"])
        .args(["--data-checksums", "--no-instructions"]);
    if !fsync {
        command.arg("--no-sync");
    }
    account.finish(command, MAKE_WITHIN).await.map(drop)
}

/// Creates the database in single-user mode: not every set of programs has `createdb` or `psql`,
/// and no server needs to listen for it.
async fn create_database(
    fresh: &Path,
    bin: &Path,
    account: &Account,
    fsync: bool,
) -> Result<(), Error> {
    let program = bin.join("postgres");
    let mut command = account.command(&program);
    command.arg("--single").arg("-D").arg(fresh);
    command.args(["-c", "exit_on_error=on", "-c", "log_checkpoints=off"]);
    if !fsync {
        command.args(["-c", "fsync=off"]);
    }
    command.arg("postgres").stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.kill_on_drop(true);

    let failed =
        |cause| Error::Program { program: program.clone(), user: account.name.clone(), cause };
    let mut child = command.spawn().map_err(failed)?;
    let talk = async {
        if let Some(mut input) = child.stdin.take() {
            input.write_all(format!("create database {ROLE}\n").as_bytes()).await?;
            input.shutdown().await?;
        }
        child.wait_with_output().await
    };
    let output = match tokio::time::timeout(MAKE_WITHIN, talk).await {
        Ok(output) => output.map_err(failed)?,
        Err(_) => {
            let outcome = format!("not done after {} s", MAKE_WITHIN.as_secs());
            return Err(Error::Failed { program, outcome, output: String::new() });
        }
    };
    if output.status.success() {
        return Ok(());
    }
    let text = super::account::tail(&String::from_utf8_lossy(&output.stderr));
    Err(Error::Failed { program, outcome: output.status.to_string(), output: text })
}

/// Writes who may connect: the user of the service, through the socket, as the one role. Written
/// at every start, as the service may run as another user than last time.
pub(super) fn admit_only(cluster: &Path, service: &str, account: &Account) -> Result<(), Error> {
    let service = service.replace('"', "\"\"");
    let hba = format!("# Written at every start.\nlocal all all peer map={ROLE}\n");
    let ident = format!("# Written at every start.\n{ROLE} \"{service}\" {ROLE}\n");
    for (name, text) in [("pg_hba.conf", hba), ("pg_ident.conf", ident)] {
        replace(&cluster.join(name), &text, account)?;
    }
    Ok(())
}

/// Replaces a file in one step, so that no start ever reads half of it.
fn replace(path: &Path, text: &str, account: &Account) -> Result<(), Error> {
    let mut fresh = path.as_os_str().to_owned();
    fresh.push(".new");
    let fresh = PathBuf::from(fresh);
    fs::write(&fresh, text).map_err(Error::file("write", &fresh))?;
    folder::set_mode(&fresh, 0o600)?;
    give(&fresh, account)?;
    fs::rename(&fresh, path).map_err(Error::file("rename", &fresh))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_and_a_foreign_folder_is_refused() {
        let root = tempfile::tempdir().unwrap();
        let cluster = root.path().join("cluster");

        let absent = major(&cluster).unwrap();
        fs::create_dir(&cluster).unwrap();
        let foreign = major(&cluster);
        fs::write(cluster.join("PG_VERSION"), "15\n").unwrap();
        let made = major(&cluster).unwrap();

        assert_eq!((absent, made), (None, Some(15)));
        assert!(matches!(foreign, Err(Error::File { action: "read", .. })), "{foreign:?}");
    }

    #[tokio::test]
    async fn only_the_user_of_the_service_is_admitted() {
        let root = tempfile::tempdir().unwrap();
        let account = Account::of_service().await.unwrap();

        admit_only(root.path(), "an \"odd\" name", &account).unwrap();

        let hba = fs::read_to_string(root.path().join("pg_hba.conf")).unwrap();
        let ident = fs::read_to_string(root.path().join("pg_ident.conf")).unwrap();
        assert_eq!(hba.lines().nth(1), Some("local all all peer map=potts"));
        assert_eq!(ident.lines().nth(1), Some("potts \"an \"\"odd\"\" name\" potts"));
    }
}
