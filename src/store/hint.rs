//! Hints between replicas: "the log has grown". A hint may be lost, doubled or early; the log
//! decides.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use futures_util::StreamExt as _;

use super::connect::{Connector, Purpose};
use super::error::{Fault, Result};

/// Tells the other replicas. Its connection is outside every batch: a NOTIFY inside one takes a
/// lock of the whole cluster until the commit is durable.
pub struct Hinter {
    connector: Connector,
    conn: Option<AsyncPgConnection>,
}

impl std::fmt::Debug for Hinter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Hinter")
    }
}

impl Hinter {
    pub(super) fn new(connector: Connector) -> Hinter {
        Hinter { connector, conn: None }
    }

    /// Says that the log has grown. The text says nothing more: whoever hears it looks.
    pub async fn tell(&mut self) -> Result<()> {
        let mut conn = match self.conn.take() {
            Some(conn) => conn,
            None => self.connector.connect(Purpose::Hint).await?,
        };
        conn.batch_execute("notify potts_log").await?;
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

    /// Waits for the next hint. An error means that hints may have been missed: look, and listen
    /// anew.
    pub async fn hear(&mut self) -> Result<()> {
        let mut notifications = std::pin::pin!(self.conn.notifications_stream());
        match notifications.next().await {
            Some(heard) => heard.map(drop).map_err(Fault::from),
            None => Err(Fault::Lost(anyhow::anyhow!("the listening connection has ended"))),
        }
    }
}
