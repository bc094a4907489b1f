//! Connections: how every session of ours is set up.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use tokio::time::timeout;
use tokio_postgres::config::{Host, SslMode, TargetSessionAttrs};
use tokio_postgres::{Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::{Fault, Result};

/// A server that does not answer within this is not there.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A peer that acknowledges nothing for this long is gone.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(10);

/// What a session is for: it says how long its statements may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The ledger: short statements, on a server that can write.
    Lane,
    /// Gets and lists.
    Read,
    /// Pages of the log for subscribers.
    Stream,
    /// Migrations, partitions, sweeping: may take its time.
    Keep,
    /// Notifications.
    Hint,
}

impl Purpose {
    fn name(self) -> &'static str {
        match self {
            Purpose::Lane => "potts lane",
            Purpose::Read => "potts read",
            Purpose::Stream => "potts stream",
            Purpose::Keep => "potts keep",
            Purpose::Hint => "potts hint",
        }
    }

    /// Settings of the session. The plan of a reader depends on its bounds: a generic one would
    /// look into every partition. A lane finds everything by key, however small the tables were
    /// when its statements were planned. What is read under the order lock must be what its last
    /// holder left, so nobody else's preference for another isolation level is taken over.
    fn options(self) -> &'static str {
        match self {
            Purpose::Lane => {
                "-c lock_timeout=3000 -c statement_timeout=5000 \
                 -c idle_in_transaction_session_timeout=5000 -c synchronous_commit=on \
                 -c default_transaction_isolation=read\\ committed \
                 -c plan_cache_mode=force_generic_plan -c enable_seqscan=off \
                 -c enable_hashjoin=off -c enable_mergejoin=off"
            }
            Purpose::Read | Purpose::Stream => {
                "-c statement_timeout=5000 -c idle_in_transaction_session_timeout=5000 \
                 -c plan_cache_mode=force_custom_plan"
            }
            Purpose::Keep => {
                "-c lock_timeout=3000 -c idle_in_transaction_session_timeout=60000 \
                 -c default_transaction_isolation=read\\ committed"
            }
            Purpose::Hint => "-c statement_timeout=5000",
        }
    }
}

/// Makes connections to one database.
#[derive(Clone)]
pub struct Connector {
    config: Config,
    tls: Arc<OnceLock<MakeRustlsConnect>>,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The configuration holds a password.
        f.debug_struct("Connector").field("database", &self.config.get_dbname()).finish()
    }
}

impl Connector {
    /// Takes a URL (`postgres://…`) or a list of `key=value` words, as libpq does.
    pub fn new(url: &str) -> anyhow::Result<Connector> {
        let mut config: Config = url.parse()?;
        config.connect_timeout(CONNECT_TIMEOUT).tcp_user_timeout(TCP_USER_TIMEOUT);
        Ok(Connector { config, tls: Arc::default() })
    }

    /// The name of the database, for messages.
    pub fn database(&self) -> &str {
        self.config.get_dbname().unwrap_or("the user's own")
    }

    /// Opens a connection. The bound includes the greeting: a server may take a connection and then
    /// say nothing.
    pub async fn connect(&self, purpose: Purpose) -> Result<AsyncPgConnection> {
        let late = |_| Err(Fault::Lost(anyhow::anyhow!("no greeting within {CONNECT_TIMEOUT:?}")));
        timeout(CONNECT_TIMEOUT, self.open(purpose)).await.unwrap_or_else(late)
    }

    async fn open(&self, purpose: Purpose) -> Result<AsyncPgConnection> {
        let mut config = self.config.clone();
        let options = [self.config.get_options().unwrap_or_default(), purpose.options()].join(" ");
        config.options(options.trim()).application_name(purpose.name());
        if purpose == Purpose::Lane {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        let connected = if self.wants_tls() {
            let tls = self.tls.get_or_init(tls).clone();
            let (client, connection) = config.connect(tls).await.map_err(lost)?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        } else {
            let (client, connection) = config.connect(NoTls).await.map_err(lost)?;
            AsyncPgConnection::try_from_client_and_connection(client, connection).await
        };
        connected.map_err(lost)
    }

    fn wants_tls(&self) -> bool {
        let tcp = self.config.get_hosts().iter().any(|host| matches!(host, Host::Tcp(_)));
        tcp && self.config.get_ssl_mode() != SslMode::Disable
    }
}

fn lost(error: impl std::error::Error + Send + Sync + 'static) -> Fault {
    Fault::Lost(error.into())
}

/// TLS as the machine trusts it. The server's certificate is always checked.
fn tls() -> MakeRustlsConnect {
    let mut roots = rustls::RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in found.errors {
        tracing::warn!(%error, "cannot read some of the machine's certificates");
    }
    roots.add_parsable_certificates(found.certs);
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("ring speaks the default versions")
        .with_root_certificates(roots)
        .with_no_client_auth();
    MakeRustlsConnect::new(config)
}
