//! The server: the rooms put together, and their tasks kept running.
//!
//! `Server::start` is what `potts serve` calls, and what every test calls.

mod database;
mod horizon;
mod housekeeping;
mod tasks;
mod token;

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context as _;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::config::{Config, TlsFiles};
use crate::embedded::Postgres;
use crate::engine::{self, Consumers};
use crate::http;
use crate::ledger::Ledger;
use crate::store::{Connections, Store};
use crate::stream::{self, Hub};
use crate::telemetry::{Metrics, Snapshot};
use crate::transport::{self, Access};
use housekeeping::Readiness;
use tasks::Tasks;

pub use database::open;
pub use horizon::{Retention, keep_horizon};

/// A running server. Dropped, it stops without waiting for anybody; see [`Server::stop`].
#[derive(Debug)]
pub struct Server {
    /// Where gRPC is served.
    pub grpc_addr: SocketAddr,
    /// Where health and metrics are served.
    pub http_addr: SocketAddr,
    /// Whether callers need no token.
    pub is_open: bool,
    parts: Parts,
    tasks: Tasks,
    faults: mpsc::Receiver<anyhow::Error>,
    stopping: CancellationToken,
    database_stopping: CancellationToken,
}

/// What the doors lead to.
#[derive(Clone, Debug)]
struct Parts {
    store: Store,
    hub: Hub,
    ledger: Ledger,
    consumers: Consumers,
    metrics: Arc<Metrics>,
    readiness: Readiness,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.parts.ledger.close();
        self.parts.hub.stop();
        self.stopping.cancel();
        self.database_stopping.cancel();
    }
}

impl Server {
    /// Starts everything; returns when calls are served.
    pub async fn start(config: Config) -> anyhow::Result<Server> {
        // Addresses first: a port that is taken is told at once, and changes nothing.
        let grpc = bind("POTTS_GRPC_ADDR", config.grpc_addr).await?;
        let http = bind("POTTS_HTTP_ADDR", config.http_addr).await?;
        let tls = config.tls.as_ref().map(read_tls).transpose()?;
        Retention::of(&config).prepare()?;

        let (tasks, faults) = Tasks::new();
        let stopping = CancellationToken::new();
        let database_stopping = CancellationToken::new();
        let guard = database_stopping.clone().drop_guard();
        let (connector, postgres) = open(&config).await?;
        if let Some(postgres) = postgres {
            keep_database(&tasks, postgres, database_stopping.clone());
        }
        database::prepare(&connector, config.migrate).await?;
        let token = token::root(&config)?;

        let connections =
            Connections { read: config.read_connections, stream: config.stream_connections };
        let store = Store::new(connector, connections);
        housekeeping::make_partitions(&store).await.context("cannot make partitions")?;
        let options = stream::Options {
            subscriptions_max: config.subscriptions_max,
            ..stream::Options::default()
        };
        let hub =
            Hub::open(Arc::new(store.clone()), options).await.context("cannot read the log")?;
        let metrics = Arc::new(Metrics::new());
        let (ledger, lanes) = Ledger::new(config.ledger_lanes, &store, &hub, &metrics);
        for lane in lanes.into_iter().map(Arc::new) {
            tasks.keep("lane", move || {
                let lane = Arc::clone(&lane);
                async move { lane.run().await }
            });
        }

        let readiness = Readiness::default();
        let consumers = Consumers::new(&store, &hub, &ledger);
        let parts = Parts { store, hub, ledger, consumers, metrics, readiness };
        let server = Server {
            grpc_addr: grpc.local_addr()?,
            http_addr: http.local_addr()?,
            is_open: token.is_none(),
            parts,
            tasks,
            faults,
            stopping,
            database_stopping: guard.disarm(),
        };
        server.keep_house(&config);
        server.open_doors(grpc, http, tls, token.as_ref().map(|(token, _)| token), &config).await;
        server.say_where(token.and_then(|(_, file)| file));
        Ok(server)
    }

    fn keep_house(&self, config: &Config) {
        let Server { parts, tasks, stopping, .. } = self;
        let Parts { store, hub, ledger, metrics, .. } = parts.clone();
        let replica = Uuid::new_v4();
        let (requests_kept, retention) = (config.requests_kept, Retention::of(config));
        // Each start of a task takes its own handles.
        macro_rules! keep {
            ($name:literal, $room:ident::$task:ident($($part:ident),*)) => {{
                let parts = ($($part.clone(),)* stopping.clone());
                tasks.keep($name, move || {
                    let ($($part,)* stopping) = parts.clone();
                    $room::$task($($part,)* stopping)
                });
            }};
        }
        keep!("partitions", housekeeping::keep_partitions(store, hub, metrics));
        keep!("horizon", housekeeping::keep_horizon(store, hub, retention));
        keep!("sweep", housekeeping::sweep(store, requests_kept));
        keep!("purge", housekeeping::purge(store));
        keep!("tell", housekeeping::tell(store, replica, ledger));
        keep!("listen", housekeeping::listen(store, replica, hub));
        keep!("clock", engine::clock(store, hub, ledger));
        keep!("leases", engine::leases(store, hub, ledger));
        keep!("gatekeeper", engine::gatekeeper(store, hub, ledger));
        keep!("expiry", engine::expiry(store, hub, ledger, metrics));
        let members = (parts.consumers.clone(), stopping.clone());
        tasks.keep("consumers", move || {
            let (consumers, stopping) = members.clone();
            async move { consumers.run(stopping).await }
        });
        let (hub, stopping) = (hub, stopping.clone());
        tasks.keep("hub", move || {
            let (hub, stopping) = (hub.clone(), stopping.clone());
            async move { hub.run(stopping).await }
        });
    }

    async fn open_doors(
        &self,
        grpc: TcpListener,
        http: TcpListener,
        tls: Option<transport::Tls>,
        token: Option<&SecretString>,
        config: &Config,
    ) {
        let Parts { store, hub, ledger, consumers, metrics, readiness } = self.parts.clone();
        let access =
            token.map_or_else(Access::open, |token| Access::by_token(token.expose_secret()));
        let health = transport::Health::new().await;
        let parts = transport::Parts {
            ledger: ledger.clone(),
            hub,
            store: store.clone(),
            consumers: Arc::new(consumers),
            access,
            health: health.clone(),
            observer: Arc::new(move |rpc, code, took| {
                metrics.call(rpc, &format!("{code:?}"), took);
            }),
        };
        let options = transport::Options {
            message_bytes_max: config.message_bytes_max,
            caller_subscriptions_max: config.caller_subscriptions_max,
            stream_age_max: config.stream_age_max,
            tls,
        };
        self.tasks.run("grpc", transport::serve(grpc, options, parts, self.stopping.clone()));

        let served = http::serve(http, Arc::new(self.parts.clone()), self.stopping.clone());
        self.tasks.run("http", async move { Ok(served.await?) });

        // Last: what is reported is what can be called. The database has just answered.
        readiness.set(true);
        health.set_serving(true).await;
        let watched = (store, ledger, readiness, self.stopping.clone());
        self.tasks.keep("health", move || {
            let (store, ledger, readiness, stopping) = watched.clone();
            let health = health.clone();
            let changed = move |ready| {
                let health = health.clone();
                async move { health.set_serving(ready).await }
            };
            housekeeping::watch_health(store, ledger, readiness, changed, stopping)
        });
    }

    fn say_where(&self, token_file: Option<std::path::PathBuf>) {
        let Server { grpc_addr, http_addr, .. } = self;
        tracing::info!(addr = %grpc_addr, "serving gRPC");
        tracing::info!(addr = %http_addr, "serving /healthz, /readyz and /metrics");
        if self.is_open {
            tracing::warn!(
                "AUTHENTICATION IS OFF: whoever can reach these addresses may do everything; \
                 set POTTS_ROOT_TOKEN to ask for a token"
            );
            tracing::info!(
                "try: grpcurl -plaintext {grpc_addr} list, or: potts tail --address http://{grpc_addr}"
            );
        } else if let Some(file) = token_file {
            tracing::info!(file = %file.display(), "the root token is in a file");
        }
    }

    /// Waits until a part of the server has failed for good.
    pub async fn fault(&mut self) -> anyhow::Error {
        self.faults.recv().await.unwrap_or_else(|| anyhow::anyhow!("the server has ended"))
    }

    /// Whether calls are served: the database answers, and the ledger carries out.
    pub fn is_ready(&self) -> bool {
        self.parts.readiness.is_ready()
    }

    /// Stops: no new calls, streams end with their last cursor, what was taken in is carried out.
    /// Gives up on what still goes on after the grace period, and says so.
    pub async fn stop(self, grace: std::time::Duration) {
        self.parts.readiness.set(false);
        // While commands are still taken, so that others can go on at once with what is held here.
        self.parts.consumers.stop().await;
        self.parts.ledger.close();
        self.parts.hub.stop();
        self.stopping.cancel();
        let ended = async {
            // Lanes, doors and keepers; the database goes last.
            self.parts.ledger.drained().await;
            self.database_stopping.cancel();
            self.tasks.ended().await;
        };
        if timeout(grace, ended).await.is_err() {
            tracing::warn!(?grace, "calls still open after the grace period, leaving them");
        }
    }
}

impl http::Probe for Parts {
    fn unready(&self) -> Option<String> {
        let ready = self.readiness.is_ready();
        (!ready).then(|| "the database does not answer, or the service is stopping".into())
    }

    fn metrics(&self) -> String {
        self.metrics.text(self.snapshot())
    }
}

impl Parts {
    fn snapshot(&self) -> Snapshot {
        let stats = self.hub.stats();
        let count = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        let total = |total: u64| i64::try_from(total).unwrap_or(i64::MAX);
        Snapshot {
            queued: count(self.ledger.queued()),
            log_head: self.hub.head().seq.0,
            subscriptions: count(self.hub.subscriptions()),
            ring_events: count(stats.ring_events),
            ring_bytes: count(stats.ring_bytes),
            falls: total(stats.falls),
            density_violations: total(stats.density_violations),
            tail_reads: total(stats.tail_reads),
            page_cache_bytes: count(stats.page_cache_bytes),
            page_hits: total(stats.page_hits),
            page_misses: total(stats.page_misses),
        }
    }
}

async fn bind(variable: &str, addr: SocketAddr) -> anyhow::Result<TcpListener> {
    let bound = TcpListener::bind(addr).await;
    bound.with_context(|| format!("cannot listen on {addr}; set {variable} to another address"))
}

fn read_tls(files: &TlsFiles) -> anyhow::Result<transport::Tls> {
    let read = |file: &std::path::Path| {
        std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))
    };
    let client_ca = files.client_ca.as_deref().map(read).transpose()?;
    let (certificate, key) = (read(&files.cert)?, read(&files.key)?.into());
    Ok(transport::Tls { certificate, key, client_ca })
}

/// Keeps the private database running, and stops it after everybody else.
fn keep_database(tasks: &Tasks, mut postgres: Postgres, stopping: CancellationToken) {
    tasks.run("postgres", async move {
        postgres.run(stopping).await?;
        postgres.stop().await?;
        Ok(())
    });
}
