//! The private `PostgreSQL` of a run, and its databases.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow};
use potts::domain::event::Seq;
use potts::embedded::{Options, Postgres, Search};
use potts::store::{Connections, Connector, Store, migrate};
use tokio_postgres::{Client, NoTls};

use crate::work::{ACTIONS_PER_ISSUE, ISSUES, NOTE, PROJECT, PROJECTS, TITLE, event_body, hex};

/// Holds the migrated schema and the issues; every other database is a copy of it.
const TEMPLATE: &str = "bench_template";
/// No checkpoint comes in the middle of a round, and segments of the WAL are used again.
const SETTINGS: [(&str, &str); 3] =
    [("max_connections", "400"), ("max_wal_size", "8GB"), ("min_wal_size", "2GB")];
/// How many segments, of 16 MiB, are made before anything is measured. A server that has run for a
/// while uses old ones again; to make one takes tens of milliseconds in the midst of a commit.
const SEGMENTS: u32 = 128;
/// How many events are filled in at a time.
const CHUNK: u32 = 500_000;

/// A private server, with its flushes on.
#[derive(Debug)]
pub struct Cluster {
    postgres: Postgres,
    dir: PathBuf,
}

impl Cluster {
    /// Makes a cluster of its own for this run, with a template of the databases.
    pub async fn start() -> Result<Cluster> {
        let mut refused = anyhow!("there is no folder to try");
        for root in roots() {
            let dir = root.join(format!("bench-{}", std::process::id()));
            let options = Options {
                dir: dir.clone(),
                binaries_dir: root.join("binaries"),
                fsync: true,
                search: Search::Installed,
                settings: SETTINGS.map(|(name, value)| (name.into(), value.into())).to_vec(),
            };
            match Postgres::start(options).await {
                Ok(postgres) => {
                    let cluster = Cluster { postgres, dir };
                    cluster.make_template().await.context("cannot make the databases")?;
                    return Ok(cluster);
                }
                Err(error) => {
                    // What is left of the try is of no use to anybody.
                    let _ = std::fs::remove_dir_all(&dir);
                    refused = error.into();
                }
            }
        }
        Err(refused.context("cannot start a private PostgreSQL"))
    }

    /// The version of the server.
    pub fn version(&self) -> &str {
        self.postgres.version()
    }

    /// Where the programs of the server are.
    pub fn binaries(&self) -> &Path {
        self.postgres.binaries()
    }

    /// Where the data is.
    pub fn data(&self) -> PathBuf {
        self.dir.join("cluster")
    }

    /// Where a server may keep its own files.
    pub fn spare_folder(&self) -> PathBuf {
        self.dir.join("potts")
    }

    /// Where rivals keep theirs: on the same disk.
    pub fn peers_folder(&self) -> PathBuf {
        self.dir.join("peers")
    }

    /// A new database, with the schema and the issues.
    pub async fn database(&self, name: &str) -> Result<String> {
        let create = format!("create database {name} template {TEMPLATE}");
        self.admin().await?.batch_execute(&create).await?;
        Ok(with_database(&self.postgres.url(), name))
    }

    /// The same, and whoever flushes a commit of it waits for two milliseconds first: a disk that
    /// is slow, as far as commits see it. As on such a disk, the commits that come meanwhile wait
    /// together and are flushed together. Unlike there, they go with the flush that is about to
    /// begin and not with the next one, which is kinder to many callers, on either side.
    pub async fn slow_database(&self, name: &str) -> Result<String> {
        let url = self.database(name).await?;
        let slow = format!(
            "alter database {name} set commit_delay = 2000;
             alter database {name} set commit_siblings = 0"
        );
        self.admin().await?.batch_execute(&slow).await?;
        Ok(url)
    }

    /// A database whose log holds so many events.
    pub async fn database_with_log(&self, name: &str, events: u32) -> Result<String> {
        let url = self.database(name).await?;
        let body = hex(&event_body());
        let client = connect(&url).await?;
        let mut filled = 0;
        while filled < events {
            // The partitions behind the last of them are made as a server makes them.
            store(&url)?.keep_partitions(Seq(filled.into())).await?;
            let (from, to) = (filled + 1, events.min(filled + CHUNK));
            client.batch_execute(&events_between(from, to, &body)).await?;
            filled = to;
            if filled < events {
                // The WAL of a chunk is used again by the next one, and takes no more room.
                client.batch_execute("checkpoint").await?;
            }
        }
        client.batch_execute("vacuum (analyze) events").await?;
        Ok(url)
    }

    /// Removes a database; nobody uses it any more.
    pub async fn drop_database(&self, name: &str) -> Result<()> {
        let drop = format!("drop database if exists {name} with (force)");
        Ok(self.admin().await?.batch_execute(&drop).await?)
    }

    /// How many transactions have ended in a database.
    pub async fn transactions(&self, database: &str) -> Result<f64> {
        let ended = "select (xact_commit + xact_rollback)::float8 from pg_stat_database \
                     where datname = $1";
        Ok(self.admin().await?.query_one(ended, &[&database]).await?.get(0))
    }

    /// Writes everything back, so that nobody pays for what was written before.
    pub async fn checkpoint(&self) -> Result<()> {
        Ok(self.admin().await?.batch_execute("checkpoint").await?)
    }

    /// Stops the server and removes its data.
    pub async fn stop(self) -> Result<()> {
        self.postgres.stop().await?;
        std::fs::remove_dir_all(&self.dir)?;
        Ok(())
    }

    async fn admin(&self) -> Result<Client> {
        connect(&self.postgres.url()).await
    }

    async fn make_template(&self) -> Result<()> {
        self.admin().await?.batch_execute(&format!("create database {TEMPLATE}")).await?;
        let url = with_database(&self.postgres.url(), TEMPLATE);
        migrate::run(&Connector::new(&url)?).await?;
        store(&url)?.keep_partitions(Seq::default()).await?;
        let client = connect(&url).await?;
        client.batch_execute(&fill()).await?;
        client.batch_execute("vacuum (analyze)").await?;
        let make_segments = format!(
            "select count(pg_logical_emit_message(false, 'bench', '')), count(pg_switch_wal())
               from generate_series(1, {SEGMENTS})"
        );
        client.batch_execute(&make_segments).await?;
        drop(client);
        // The last session ends a moment after its client, and a template must have none.
        let close = format!(
            "alter database {TEMPLATE} with allow_connections false;
             select pg_terminate_backend(pid, 10000) from pg_stat_activity
              where datname = '{TEMPLATE}'"
        );
        Ok(self.admin().await?.batch_execute(&close).await?)
    }
}

/// Projects and issues as the ledger leaves them, and the sequence of a log that has no order.
fn fill() -> String {
    format!(
        "insert into projects (id, uid, version, created_at, updated_at, creator, display_name)
         select id, gen_random_uuid(), 1, potts_now(), potts_now(), 'actors/root', upper(id)
           from (select '{PROJECT}' as id
                 union all
                 select 'p' || n from generate_series(0, {PROJECTS} - 1) as n) as ids;
         insert into counters (parent, noun, last, live)
         select 'projects/' || id, 'issues', case when id = '{PROJECT}' then {ISSUES} else 0 end,
                case when id = '{PROJECT}' then {ISSUES} else 0 end from projects;
         insert into definition_versions (project, kind, version)
         select id, kind, 1 from projects, unnest(array['project', 'configuration']) as kind;
         insert into issues (project, number, uid, version, created_at, updated_at, creator, title,
                description, workflow, status, resolution, priority, parameters, annotations,
                milestone, step, owner, thread)
         select '{PROJECT}', n, gen_random_uuid(), 1, potts_now(), potts_now(), 'actors/root',
                '{TITLE}', '', 'simple', 'open', '', 3, jsonb_build_object('note', n || ' {NOTE}'),
                '{{}}', '', 0, 'actors/root', n
           from generate_series(1, {ISSUES}) as n;
         insert into lines (project, digest, action_type, performers, level)
         values ('{PROJECT}', decode(repeat('00', 32), 'hex'), 'take-action', '{{}}', 3);
         insert into actions (project, issue, number, uid, version, created_at, updated_at, creator,
                title, description, action_type, action_type_revision, parameters, candidates,
                priority, unique_key, attempt, failures, losses, backoff_ms, step)
         select '{PROJECT}', i, n, gen_random_uuid(), 1, potts_now(), potts_now(), 'actors/root',
                '{TITLE}', '', 'take-action', 0, '{{}}', '{{}}', 0, '', 0, 0, 0, 0, 0
           from generate_series(1, {ISSUES}) as i, generate_series(1, {ACTIONS_PER_ISSUE}) as n;
         insert into ready_actions (action_id, line_id, vkey, ready_ms)
         select uid, line_id, row_number() over (order by number, issue), 0 from actions, lines;
         insert into counters (parent, noun, last, live)
         select 'projects/{PROJECT}/issues/' || n, 'actions', {ACTIONS_PER_ISSUE},
                {ACTIONS_PER_ISSUE} from generate_series(1, {ISSUES}) as n;
         create sequence bench_seq;"
    )
}

/// Events of all issues in turn.
fn events_between(from: u32, to: u32, body: &str) -> String {
    format!(
        "insert into events (seq, event_id, project, root, subject, version, type, class,
                ends_command, recorded_at, body)
         select n, gen_random_uuid(), 'projects/{PROJECT}',
                'projects/{PROJECT}/issues/' || n % {ISSUES} + 1,
                'projects/{PROJECT}/issues/' || n % {ISSUES} + 1,
                n / {ISSUES} + 1, 'issue.updated', 1, true, potts_now(), '\\x{body}'
           from generate_series({from}, {to}) as n"
    )
}

/// A store of a database.
pub fn store(url: &str) -> Result<Store> {
    Ok(Store::new(Connector::new(url)?, Connections { read: 8, stream: 6 }))
}

/// Connects without TLS.
#[expect(clippy::disallowed_methods, reason = "the connection ends with its client")]
pub async fn connect(url: &str) -> Result<Client> {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
    drop(tokio::task::spawn(connection));
    Ok(client)
}

/// Under `target/`, else, where the user that `PostgreSQL` runs as cannot reach that, in the folder
/// for temporary files.
fn roots() -> [PathBuf; 2] {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench");
    [target, std::env::temp_dir().join("potts-bench")]
}

/// The same server, another database.
fn with_database(url: &str, name: &str) -> String {
    let (server, query) = url.split_once('?').unwrap_or((url, ""));
    let server = server.rsplit_once('/').map_or(server, |(server, _)| server);
    format!("{server}/{name}?{query}")
}
