//! A PostgreSQL for all tests of the run, and a database of its own for each.
//!
//! `POTTS_TEST_POSTGRES` names a server, as a URL of a superuser; unset, a private one is started
//! under `target/`. A database is cloned from a template that holds the migrated schema.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use potts::embedded::{Options, Postgres, Search};
use potts::store::{Connector, migrate};
use sha2::{Digest as _, Sha256};
use tokio::sync::OnceCell;
use tokio_postgres::{Client, Config, NoTls};

/// Held by whoever makes the template: tests may run in several processes.
const TEMPLATE_LOCK: i64 = 7_307_500;

struct Shared {
    /// Ends when the process does, because its guardian holds a pipe to it.
    _server: Option<Postgres>,
    url: String,
    template: String,
}

static SHARED: OnceCell<Shared> = OnceCell::const_new();
static DATABASES: AtomicUsize = AtomicUsize::new(0);

/// A database of its own.
#[derive(Debug)]
pub struct TestDatabase {
    /// Where it is.
    pub url: String,
    /// What it is called.
    pub name: String,
}

impl TestDatabase {
    /// A database with the migrated schema, and nothing in it.
    pub async fn new() -> TestDatabase {
        let shared = shared().await;
        TestDatabase::cloned(&shared.url, Some(&shared.template)).await
    }

    /// A database without any schema.
    pub async fn empty() -> TestDatabase {
        TestDatabase::cloned(&shared().await.url, None).await
    }

    async fn cloned(url: &str, template: Option<&str>) -> TestDatabase {
        let count = DATABASES.fetch_add(1, Ordering::Relaxed);
        let name = format!("potts_test_{}_{count}", std::process::id());
        let admin = connect(url).await;
        let template = template.unwrap_or("template0");
        let create = format!("create database {name} template {template}");
        admin.batch_execute(&create).await.unwrap();
        TestDatabase { url: with_database(url, &name), name }
    }

    /// A session for looking behind the service.
    pub async fn sql(&self) -> Client {
        connect(&self.url).await
    }

    /// Stops the clock of the database at a time.
    pub async fn stop_clock(&self, at: jiff::Timestamp) {
        let stop_clock = format!(
            "create or replace function potts_now() returns timestamptz
                 language sql stable parallel safe return timestamptz '{at}'"
        );
        self.sql().await.batch_execute(&stop_clock).await.unwrap();
    }

    /// Moves the clock of the database, from now on, by so many seconds.
    pub async fn advance_clock(&self, seconds: i64) {
        let move_clock = format!(
            "create or replace function potts_now() returns timestamptz
                 language sql stable parallel safe
                 return statement_timestamp() + make_interval(secs => {seconds})"
        );
        self.sql().await.batch_execute(&move_clock).await.unwrap();
    }
}

/// Connects without TLS.
pub async fn connect(url: &str) -> Client {
    let config: Config = url.parse().unwrap();
    let (client, connection) = config.connect(NoTls).await.unwrap();
    drop(tokio::task::spawn(connection));
    client
}

/// The same server, another database.
pub fn with_database(url: &str, name: &str) -> String {
    let (server, query) = url.split_once('?').unwrap_or((url, ""));
    let (server, _) = server.rsplit_once('/').unwrap();
    format!("{server}/{name}?{query}")
}

async fn shared() -> &'static Shared {
    SHARED.get_or_init(start).await
}

async fn start() -> Shared {
    let (server, url) = match std::env::var_os("POTTS_TEST_POSTGRES") {
        Some(url) => (None, url.into_string().unwrap()),
        None => {
            let server = private("shared", false).await;
            let url = server.url();
            (Some(server), url)
        }
    };
    let template = template(&url).await;
    Shared { _server: server, url, template }
}

/// A private server of its own, for tests that break it.
pub async fn private(name: &str, fsync: bool) -> Postgres {
    let mut last = None;
    for root in roots() {
        let options = Options {
            dir: root.join(name),
            binaries_dir: root.join("binaries"),
            fsync,
            search: Search::Installed,
            settings: vec![("max_connections".into(), "400".into())],
        };
        match Postgres::start(options).await {
            Ok(server) => return server,
            Err(error) => last = Some(error),
        }
    }
    panic!("cannot start a private PostgreSQL: {:#}", anyhow::Error::new(last.unwrap()));
}

/// Under `target/`, else, where the user that PostgreSQL runs as cannot reach that, in the folder
/// for temporary files.
pub fn roots() -> [PathBuf; 2] {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres");
    let temporary = std::env::temp_dir()
        .join(format!("potts-tests-{}", hash(&[target.to_string_lossy().as_ref()])));
    [target, temporary]
}

fn hash(texts: &[&str]) -> String {
    let mut hash = Sha256::new();
    texts.iter().for_each(|text| hash.update(text));
    hash.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

/// The template of these migrations; whoever takes the lock first makes it.
async fn template(url: &str) -> String {
    let migrations = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations");
    let mut files: Vec<PathBuf> = std::fs::read_dir(migrations)
        .unwrap()
        .flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    files.sort();
    let texts: Vec<String> =
        files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let name =
        format!("potts_template_{}", hash(&texts.iter().map(String::as_str).collect::<Vec<_>>()));

    let admin = connect(url).await;
    admin.execute("select pg_advisory_lock($1)", &[&TEMPLATE_LOCK]).await.unwrap();
    let known = admin.query("select from pg_database where datname = $1", &[&name]).await.unwrap();
    if known.is_empty() {
        let making = format!("{name}_making");
        admin.batch_execute(&format!("drop database if exists {making}")).await.unwrap();
        admin.batch_execute(&format!("create database {making}")).await.unwrap();
        migrate::run(&Connector::new(&with_database(url, &making)).unwrap()).await.unwrap();
        // The session of the migration ends a moment after it has answered.
        let rename = format!("alter database {making} rename to {name}");
        super::eventually(
            std::time::Duration::from_secs(10),
            async || admin.batch_execute(&rename).await.is_ok(),
            |renamed| *renamed,
        )
        .await;
    }
    drop_leftovers(&admin).await;
    name
}

/// Databases of runs that have ended.
async fn drop_leftovers(admin: &Client) {
    let own = format!("potts_test_{}_%", std::process::id());
    let left = "select datname from pg_database where datname like 'potts_test_%' \
                and datname not like $1 \
                and not exists (select from pg_stat_activity a \
                where a.datname = pg_database.datname)";
    for row in admin.query(left, &[&own]).await.unwrap() {
        let drop = format!("drop database if exists {}", row.get::<_, String>(0));
        // Another process may be at it.
        let _ = admin.batch_execute(&drop).await;
    }
}
