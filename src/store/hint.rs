//! Hints between replicas: "the log has grown". A hint may be lost, doubled or early; the log
//! decides.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use futures_util::StreamExt as _;
use uuid::Uuid;

use super::connect::{Connector, Purpose};
use super::error::{Fault, Result};

/// Tells the other replicas. Its connection is outside every batch: a NOTIFY inside one takes a
/// lock of the whole cluster until the commit is durable.
pub struct Hinter {
    connector: Connector,
    replica: Uuid,
    conn: Option<AsyncPgConnection>,
}

impl std::fmt::Debug for Hinter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hinter")
    }
}

impl Hinter {
    pub(super) fn new(connector: Connector, replica: Uuid) -> Hinter {
        Hinter { connector, replica, conn: None }
    }

    /// Says that the log has grown, and by whom: a replica need not look for what it wrote itself.
    pub async fn tell(&mut self) -> Result<()> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.connector.connect(Purpose::Hint).await?,
        };
        conn.batch_execute(&format!("notify potts_log, '{}'", self.replica)).await?;
        self.conn = Some(conn);
        Ok(())
    }
}

/// Hears the hints of all replicas, this one's too.
pub struct Listener {
    conn: AsyncPgConnection,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

impl Listener {
    pub(super) async fn new(connector: &Connector) -> Result<Listener> {
        let mut conn = connector.connect(Purpose::Hint).await?;
        conn.batch_execute("listen potts_log").await?;
        Ok(Listener { conn })
    }

    /// Waits for the next hint and answers who gave it. An error means that hints may have been
    /// missed: look, and listen anew.
    pub async fn hear(&mut self) -> Result<String> {
        let mut notifications = std::pin::pin!(self.conn.notifications_stream());
        match notifications.next().await {
            Some(heard) => heard.map(|heard| heard.payload).map_err(Fault::from),
            None => Err(Fault::Lost(anyhow::anyhow!("the listening connection has ended"))),
        }
    }
}
