//! A private PostgreSQL from outside: real servers in temporary folders.

use std::{fs, os::unix::fs::PermissionsExt, process::Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::*;

/// The longest a test waits for anything; generous, as tests share few cores.
const WITHIN: Duration = Duration::from_secs(60);

/// A folder that every user may enter, as PostgreSQL runs as another one where tests run as root.
fn open_folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn options(root: &TempDir) -> Options {
    Options {
        dir: root.path().join("postgres"),
        binaries_dir: root.path().join("postgresql"),
        fsync: false,
        search: Search::Installed,
        settings: vec![("shared_buffers".to_owned(), "16MB".to_owned())],
    }
}

/// Connects, runs the statements and returns the first column of the last row.
async fn ask(url: &str, sql: &str) -> Result<String, tokio_postgres::Error> {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await?;
    let query = async {
        let mut last = String::new();
        for message in client.simple_query(sql).await? {
            if let tokio_postgres::SimpleQueryMessage::Row(row) = message {
                last = row.get(0).unwrap_or_default().to_owned();
            }
        }
        Ok(last)
    };
    tokio::select! {
        answer = query => answer,
        ended = connection => Err(ended.expect_err("the client is still held")),
    }
}

/// Looks again and again until `look` says yes.
async fn eventually<F: Future<Output = bool>>(what: &str, mut look: impl FnMut() -> F) {
    let mut again = tokio::time::interval(Duration::from_millis(20));
    let seen = tokio::time::timeout(WITHIN, async {
        while !look().await {
            again.tick().await;
        }
    });
    seen.await.unwrap_or_else(|_| panic!("did not happen: {what}"));
}

fn pid(postgres: &Postgres) -> i32 {
    postmaster::running(&postgres.server.cluster).unwrap().expect("the server runs")
}

#[tokio::test]
async fn a_start_makes_a_durable_private_database_and_the_next_one_keeps_it() {
    let root = open_folder();
    let wanted = Options { fsync: true, ..options(&root) };

    let first = Postgres::start(wanted.clone()).await.unwrap();
    let made = "create table kept (n int); insert into kept values (7)";
    ask(&first.url(), made).await.unwrap();
    let mut settings = Vec::new();
    for name in ["fsync", "synchronous_commit", "data_checksums", "listen_addresses", "timezone"] {
        settings.push(ask(&first.url(), &format!("show {name}")).await.unwrap());
    }
    let version = ask(&first.url(), "show server_version").await.unwrap();
    let said = first.version().to_owned();
    let (url, cluster) = (first.url(), first.server.cluster.clone());
    first.stop().await.unwrap();
    let after_stop = ask(&url, "select 1").await;
    let left = postmaster::running(&cluster).unwrap();
    let second = Postgres::start(wanted).await.unwrap();
    let kept = ask(&second.url(), "select n from kept").await.unwrap();
    second.stop().await.unwrap();

    assert_eq!(settings, ["on", "on", "on", "", "UTC"]);
    assert!(version.starts_with(&said), "{version} is not {said}");
    assert!(after_stop.is_err());
    assert_eq!((left, kept.as_str()), (None, "7"));
}

#[tokio::test]
async fn psql_takes_the_address_and_another_user_is_refused() {
    let root = open_folder();
    let postgres = Postgres::start(options(&root)).await.unwrap();
    let psql = postgres.binaries().join("psql");
    let run = async |account: &Account| {
        let mut command = account.command(&psql);
        command.args(["-XAtc", "select current_user || '@' || current_database()"]);
        command.arg(postgres.url());
        account.finish(command, WITHIN).await
    };

    // Downloaded programs have no psql; `ask` covers the address there.
    if psql.exists() {
        let service = Account::of_service().await.unwrap();
        assert_eq!(run(&service).await.unwrap().trim(), "potts@potts");
        if postgres.server.account.switches {
            let refused = run(&postgres.server.account).await.unwrap_err().to_string();
            assert!(refused.contains("authentication failed"), "{refused}");
        }
    }
    postgres.stop().await.unwrap();
}

#[tokio::test]
async fn a_second_owner_is_refused_and_told_which_folder_is_taken() {
    let root = open_folder();
    let postgres = Postgres::start(options(&root)).await.unwrap();

    let refused = start_within(options(&root), Duration::ZERO).await.unwrap_err().to_string();
    let still_runs = ask(&postgres.url(), "select 1").await.unwrap();
    postgres.stop().await.unwrap();

    assert!(refused.contains("uses the data directory"), "{refused}");
    assert!(refused.contains(root.path().to_str().unwrap()), "{refused}");
    assert_eq!(still_runs, "1");
}

#[tokio::test]
async fn a_killed_server_comes_back_with_what_was_committed() {
    let root = open_folder();
    let wanted = Options { fsync: true, ..options(&root) };
    let mut postgres = Postgres::start(wanted).await.unwrap();
    let url = postgres.url();
    ask(&url, "create table kept (n int); insert into kept values (7)").await.unwrap();
    let killed = pid(&postgres);
    let stopping = CancellationToken::new();

    let (ran, ()) = tokio::join!(postgres.run(stopping.clone()), async {
        kill_process(Pid::from_raw(killed).unwrap(), Signal::KILL).unwrap();
        eventually("the server is back", || async {
            matches!(ask(&url, "select n from kept").await.as_deref(), Ok("7"))
        })
        .await;
        stopping.cancel();
    });
    ran.unwrap();
    // The end of `run` is not the end of the server.
    let runs_on = ask(&url, "select 1").await.unwrap();
    let again = pid(&postgres);
    postgres.stop().await.unwrap();

    assert_eq!(runs_on, "1");
    assert_ne!(again, killed);
}

#[tokio::test]
async fn a_server_whose_guardian_is_killed_ends_with_the_service_all_the_same() {
    let root = open_folder();
    let postgres = Postgres::start(options(&root)).await.unwrap();
    let cluster = postgres.server.cluster.clone();
    let guardian = postgres.guardian.as_ref().and_then(Guardian::id).unwrap();

    kill_process(Pid::from_raw(i32::try_from(guardian).unwrap()).unwrap(), Signal::KILL).unwrap();
    drop(postgres);

    eventually("the server ended", || async { postmaster::running(&cluster).unwrap().is_none() })
        .await;
}

#[tokio::test]
async fn a_server_ends_with_its_service_and_a_start_in_that_moment_works() {
    let root = open_folder();
    let postgres = Postgres::start(options(&root)).await.unwrap();
    let cluster = postgres.server.cluster.clone();
    ask(&postgres.url(), "create table kept (n int); insert into kept values (7)").await.unwrap();

    // The guardian sees the same as after `kill -9`: the pipe ends.
    drop(postgres);
    let next = Postgres::start(options(&root)).await.unwrap();
    let kept = ask(&next.url(), "select n from kept").await.unwrap();
    drop(next);
    eventually("the server ended", || async { postmaster::running(&cluster).unwrap().is_none() })
        .await;

    assert_eq!(kept, "7");
}

#[tokio::test]
async fn an_orphan_without_a_guardian_is_ended_by_the_next_start() {
    let root = open_folder();
    let first = Postgres::start(options(&root)).await.unwrap();
    let Server { cluster, socket_dir, binaries, account, .. } = &first.server;
    let mut orphan = account.command(&binaries.bin.join("postgres"));
    orphan.arg("-D").arg(cluster).args(["-c", "listen_addresses=", "-c"]);
    orphan.arg(format!("unix_socket_directories={}", socket_dir.display()));
    orphan.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let cluster = cluster.clone();
    first.stop().await.unwrap();
    let mut orphan = orphan.spawn().unwrap();
    eventually("the orphan is ready", || async { postmaster::is_ready(&cluster).unwrap() }).await;

    let second = Postgres::start(options(&root)).await.unwrap();
    let status = orphan.wait().await.unwrap();
    let runs = ask(&second.url(), "select 1").await.unwrap();
    second.stop().await.unwrap();

    assert!(status.success(), "the orphan was not shut down but ended by {status}");
    assert_eq!(runs, "1");
}

#[tokio::test]
async fn a_stale_pid_file_with_the_id_of_another_process_does_not_bar_a_start() {
    let root = open_folder();
    let first = Postgres::start(options(&root)).await.unwrap();
    let Server { cluster, socket_dir, account, .. } = &first.server;
    let (pid_file, lock) = (cluster.join("postmaster.pid"), socket_dir.join(".s.PGSQL.5432.lock"));
    let left = fs::read_to_string(&pid_file).unwrap();
    let crashed = pid(&first).to_string();
    // A process of the same user, which PostgreSQL would take for a living server.
    let mut other = account.command(Path::new("cat"));
    let mut other = other.stdin(Stdio::piped()).kill_on_drop(true).spawn().unwrap();
    let reused = left.replacen(&crashed, &other.id().unwrap().to_string(), 1);
    first.stop().await.unwrap();
    for path in [&pid_file, &lock] {
        fs::write(path, &reused).unwrap();
    }

    let second = Postgres::start(options(&root)).await.unwrap();
    let runs = ask(&second.url(), "select 1").await.unwrap();
    second.stop().await.unwrap();

    assert_eq!(runs, "1");
    assert!(other.try_wait().unwrap().is_none(), "the other process was ended");
}

#[tokio::test]
async fn an_interrupted_first_start_is_begun_anew() {
    let root = open_folder();
    let wanted = options(&root);
    let half = wanted.dir.join("cluster.new-0");
    fs::create_dir_all(half.join("base")).unwrap();
    fs::set_permissions(&wanted.dir, fs::Permissions::from_mode(0o711)).unwrap();
    fs::write(half.join("PG_VERSION"), "").unwrap();

    let postgres = Postgres::start(wanted).await.unwrap();
    let runs = ask(&postgres.url(), "select 1").await.unwrap();
    postgres.stop().await.unwrap();

    assert_eq!(runs, "1");
    assert!(!half.exists());
}

#[tokio::test]
async fn a_long_path_and_odd_settings_pass_unharmed() {
    let root = open_folder();
    let odd = "$(exit 1); 'a' \"b\" `c` \\ * %";
    let mut wanted = options(&root);
    wanted.dir = root.path().join("an odd, \"long\" 'name' $HOME").join("d".repeat(80));
    wanted.settings.push(("application_name".to_owned(), odd.to_owned()));
    wanted.settings.push(("listen_addresses".to_owned(), "127.0.0.1".to_owned()));

    let postgres = Postgres::start(wanted).await.unwrap();
    let shown = ask(&postgres.url(), "show application_name").await.unwrap();
    let listens = ask(&postgres.url(), "show listen_addresses").await.unwrap();
    let socket_dir = postgres.server.socket_dir.clone();
    postgres.stop().await.unwrap();

    assert_eq!(shown, odd);
    assert_eq!(listens, "");
    assert!(!socket_dir.exists(), "a socket folder outside the data directory is left behind");
}

#[tokio::test]
async fn a_server_that_cannot_start_is_reported_with_its_log() {
    let root = open_folder();
    let mut wanted = options(&root);
    wanted.settings.push(("no_such_setting".to_owned(), "1".to_owned()));

    let refused = Postgres::start(wanted).await.unwrap_err().to_string();
    let postgres = Postgres::start(options(&root)).await.unwrap();
    postgres.stop().await.unwrap();

    assert!(refused.contains("no_such_setting"), "{refused}");
    assert!(refused.contains("postgres.log"), "{refused}");
}

#[tokio::test]
async fn without_an_installed_one_postgresql_is_downloaded_once() {
    let root = open_folder();
    let wanted = Options { search: Search::DownloadOnly, ..options(&root) };

    let first = Postgres::start(wanted.clone()).await.unwrap();
    let version = ask(&first.url(), "show server_version").await.unwrap();
    let bin = first.binaries().to_path_buf();
    let unpacked = fs::metadata(bin.join("postgres")).unwrap().modified().unwrap();
    first.stop().await.unwrap();
    // The cluster decides: an installed one of another major version is passed over.
    let second = Postgres::start(options(&root)).await.unwrap();
    let again = second.version().to_owned();
    second.stop().await.unwrap();

    assert_eq!(version, "16.9");
    assert!(bin.starts_with(wanted.binaries_dir.canonicalize().unwrap()), "{}", bin.display());
    assert!(again.starts_with("16."), "{again}");
    assert_eq!(fs::metadata(bin.join("postgres")).unwrap().modified().unwrap(), unpacked);
}
