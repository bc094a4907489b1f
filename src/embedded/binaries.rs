//! Finds the programs of PostgreSQL: installed ones first, then those downloaded before.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{Error, Search, account::Account, download};

/// The oldest major version the service runs on.
const MAJOR_MIN: u32 = 15;

/// A program that does not tell its version in this time is not taken.
const VERSION_WITHIN: Duration = Duration::from_secs(20);

/// Where packages put their programs: a folder, how names of folders in it begin, what follows.
const WELL_KNOWN: [(&str, &str, &str); 9] = [
    ("/usr/lib/postgresql", "", "bin"),
    ("/usr/lib", "postgresql", "bin"),
    ("/usr", "pgsql-", "bin"),
    ("/usr/libexec", "postgresql", ""),
    ("/usr/local", "pgsql", "bin"),
    ("/opt/homebrew/opt", "postgresql", "bin"),
    ("/usr/local/opt", "postgresql", "bin"),
    ("/home/linuxbrew/.linuxbrew/opt", "postgresql", "bin"),
    ("/Applications/Postgres.app/Contents/Versions", "", "bin"),
];

/// A folder with `initdb` and `postgres`, and their version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Binaries {
    pub(super) bin: PathBuf,
    pub(super) version: Version,
}

/// A version such as 15.18 or 18beta1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    major: u32,
    minor: u32,
    pub(super) text: String,
}

impl Version {
    /// Reads the answer of `postgres --version`, such as `postgres (PostgreSQL) 15.18 (Debian)`.
    fn parse(answer: &str) -> Option<Version> {
        let text = answer.split_once("(PostgreSQL)")?.1.split_whitespace().next()?;
        let mut numbers =
            text.split(|c: char| !c.is_ascii_digit()).map(|number| number.parse().ok());
        let major = numbers.next()??;
        let is_release = text.chars().all(|c| c.is_ascii_digit() || c == '.');
        let minor = if is_release { numbers.next().flatten().unwrap_or(0) } else { 0 };
        Some(Version { major, minor, text: text.to_owned() })
    }
}

/// Chooses the programs for a cluster of the major version `made_by`, or for a new one, and
/// downloads them if there are none.
pub(super) async fn choose(
    search: Search,
    binaries_dir: &Path,
    cluster: &Path,
    made_by: Option<u32>,
    account: &Account,
) -> Result<Binaries, Error> {
    let installed = match search {
        Search::Installed => probe(installed_folders(), account).await,
        Search::DownloadOnly => Vec::new(),
    };
    // Installed ones get security updates from their package, so they win over newer downloads.
    if let Some(found) = newest(&installed, made_by) {
        return Ok(found);
    }
    let downloaded = probe(inner_folders(binaries_dir, "", "bin"), account).await;
    if let Some(found) = newest(&downloaded, made_by) {
        return Ok(found);
    }
    match made_by {
        Some(made_by) if made_by != download::MAJOR => {
            let all: Vec<_> =
                installed.iter().chain(&downloaded).map(|one| one.version.text.as_str()).collect();
            let found = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
            Err(Error::Version { cluster: cluster.to_path_buf(), made_by, found })
        }
        Some(_) | None => {
            let home = download::fetch(binaries_dir).await?;
            let failed = |cause: Error| download::missing(cause.to_string());
            account.check_reach(&home).map_err(failed)?;
            inspect(&home.join("bin"), account).await.map_err(failed)
        }
    }
}

/// The newest that is new enough and of the wanted major version; of equal ones the first.
fn newest(candidates: &[Binaries], wanted: Option<u32>) -> Option<Binaries> {
    let mut best: Option<&Binaries> = None;
    for candidate in candidates {
        let Version { major, minor, text: _ } = &candidate.version;
        let fits = *major >= MAJOR_MIN && wanted.is_none_or(|wanted| wanted == *major);
        let beats =
            best.is_none_or(|best| (*major, *minor) > (best.version.major, best.version.minor));
        if fits && beats {
            best = Some(candidate);
        }
    }
    best.cloned()
}

fn installed_folders() -> Vec<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> =
        std::env::split_paths(&path).filter(|folder| folder.is_absolute()).collect();
    for (parent, prefix, suffix) in WELL_KNOWN {
        folders.extend(inner_folders(Path::new(parent), prefix, suffix));
    }
    folders
}

/// The folders in `parent` whose names begin with `prefix`, each followed by `suffix`.
fn inner_folders(parent: &Path, prefix: &str, suffix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(parent) else { return Vec::new() };
    let mut folders: Vec<PathBuf> = entries
        .filter_map(Result::ok)
        .filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            name.starts_with(prefix) && !name.starts_with('.')
        })
        .map(|entry| entry.path().join(suffix))
        .collect();
    folders.sort();
    folders
}

/// The candidates that hold the programs and that `account` can run; each folder once.
async fn probe(folders: Vec<PathBuf>, account: &Account) -> Vec<Binaries> {
    let mut seen = Vec::new();
    let mut found = Vec::new();
    for folder in folders {
        let Some(bin) = home_of_programs(&folder) else { continue };
        if seen.contains(&bin) || account.check_reach(&bin).is_err() {
            continue;
        }
        seen.push(bin.clone());
        match inspect(&bin, account).await {
            Ok(binaries) => found.push(binaries),
            Err(cause) => {
                tracing::debug!(bin = %bin.display(), %cause, "passed over a PostgreSQL");
            }
        }
    }
    found
}

/// The folder `postgres` really lies in: PATH often holds links, and `psql` or `pgbench` are
/// beside the programs, not beside the links.
fn home_of_programs(folder: &Path) -> Option<PathBuf> {
    let holds_both = |bin: &Path| bin.join("postgres").is_file() && bin.join("initdb").is_file();
    if !holds_both(folder) {
        return None;
    }
    let real = folder.join("postgres").canonicalize().ok()?;
    let home = real.parent().filter(|home| holds_both(home)).unwrap_or(folder);
    Some(home.to_path_buf())
}

async fn inspect(bin: &Path, account: &Account) -> Result<Binaries, Error> {
    let program = bin.join("postgres");
    let mut command = account.command(&program);
    command.arg("--version");
    let answer = account.finish(command, VERSION_WITHIN).await?;
    match Version::parse(&answer) {
        Some(version) => Ok(Binaries { bin: bin.to_path_buf(), version }),
        None => {
            let outcome = "its version cannot be read".to_owned();
            Err(Error::Failed { program, outcome, output: answer.trim().to_owned() })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binaries(bin: &str, version: &str) -> Binaries {
        let version = Version::parse(&format!("postgres (PostgreSQL) {version}")).unwrap();
        Binaries { bin: PathBuf::from(bin), version }
    }

    fn picked(candidates: &[(&str, &str)], wanted: Option<u32>) -> Option<String> {
        let candidates: Vec<_> =
            candidates.iter().map(|(bin, version)| binaries(bin, version)).collect();
        newest(&candidates, wanted).map(|found| found.bin.display().to_string())
    }

    #[test]
    fn versions_of_packages_releases_and_betas_are_read() {
        let read = |answer| {
            Version::parse(answer).map(|version| (version.major, version.minor, version.text))
        };

        assert_eq!(
            read("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some((15, 18, "15.18".to_owned())),
        );
        assert_eq!(read("postgres (PostgreSQL) 18beta1"), Some((18, 0, "18beta1".to_owned())));
        assert_eq!(read("postgres (PostgreSQL) 17"), Some((17, 0, "17".to_owned())));
        assert_eq!(read("postgres (Other) 17.1"), None);
        assert_eq!(read("postgres (PostgreSQL) devel"), None);
    }

    #[test]
    fn the_newest_wins_and_old_ones_are_passed_over() {
        let all = [("a", "14.20"), ("b", "15.9"), ("c", "15.18"), ("d", "15.18"), ("e", "9.6.24")];

        assert_eq!(picked(&all, None), Some("c".to_owned()));
        assert_eq!(picked(&[("a", "18beta1"), ("b", "17.5")], None), Some("a".to_owned()));
        assert_eq!(picked(&[("a", "14.20")], None), None);
    }

    #[test]
    fn a_cluster_takes_only_its_own_major_version() {
        let all = [("a", "17.2"), ("b", "16.4"), ("c", "16.9")];

        assert_eq!(picked(&all, Some(16)), Some("c".to_owned()));
        assert_eq!(picked(&all, Some(15)), None);
        assert_eq!(picked(&all, Some(14)), None);
    }

    #[tokio::test]
    async fn a_cluster_of_a_version_that_is_not_at_hand_is_refused() {
        let empty = tempfile::tempdir().unwrap();
        let account = Account::of_service().await.unwrap();
        let cluster = Path::new("/data/cluster");

        let refused = choose(Search::DownloadOnly, empty.path(), cluster, Some(99), &account).await;

        assert_eq!(
            refused.unwrap_err().to_string(),
            "the cluster in /data/cluster was made by PostgreSQL 99, which is not at hand (found: \
             none): install PostgreSQL 99, or move the folder away to begin anew",
        );
    }
}
