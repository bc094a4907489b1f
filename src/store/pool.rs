//! Pools of readers.
//!
//! A caller may go away in the middle of a statement. Then the connection is in an unknown state:
//! it is discarded, never given to the next.

use std::time::Duration;

use anyhow::anyhow;
use deadpool::managed::{
    Manager, Metrics, Object, Pool, PoolError, QueueMode, RecycleError, RecycleResult, Timeouts,
};
use diesel_async::{AsyncPgConnection, SimpleAsyncConnection as _};
use tokio::time::Instant;

use super::connect::{Connector, Purpose};
use super::error::{Fault, Result};

/// As in `Purpose::options`: a reader with less time than this tells the server.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(5);
/// Waiting longer for a free connection helps nobody.
const WAIT_MAX: Duration = Duration::from_secs(5);

#[derive(Debug)]
pub(super) struct Connections {
    connector: Connector,
    purpose: Purpose,
}

impl Manager for Connections {
    type Type = AsyncPgConnection;
    type Error = Fault;

    async fn create(&self) -> Result<AsyncPgConnection> {
        self.connector.connect(self.purpose).await
    }

    async fn recycle(&self, _: &mut AsyncPgConnection, _: &Metrics) -> RecycleResult<Fault> {
        // Whatever failed was discarded, so there is nothing to ask.
        Ok::<(), RecycleError<Fault>>(())
    }
}

/// Connections for readers.
#[derive(Clone)]
pub(super) struct Readers(Pool<Connections>);

impl std::fmt::Debug for Readers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Readers({:?})", self.0.status())
    }
}

impl Readers {
    /// A pool of at most `connections`: more make the database slower for all, fewer make readers
    /// wait for each other.
    pub(super) fn new(connector: Connector, purpose: Purpose, connections: usize) -> Readers {
        let timeouts = Timeouts { wait: Some(WAIT_MAX), create: Some(WAIT_MAX), recycle: None };
        let pool = Pool::builder(Connections { connector, purpose })
            .max_size(connections)
            .timeouts(timeouts)
            .queue_mode(QueueMode::Fifo)
            .runtime(deadpool::Runtime::Tokio1)
            .build();
        Readers(pool.expect("a runtime is given"))
    }

    /// A connection whose statements end at the deadline.
    pub(super) async fn get(&self, deadline: Option<Instant>) -> Result<Reader> {
        let object = self.0.get().await.map_err(|error| {
            let none = format!("no connection is free: {error}");
            let PoolError::Backend(fault) = error else { return Fault::Lost(anyhow!(none)) };
            fault
        })?;
        let mut reader = Reader { object: Some(object), pool: self.clone(), shortened: false };
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        if let Some(left) = left.filter(|left| *left < STATEMENT_TIMEOUT) {
            let millis = left.as_millis().max(1);
            let set = format!("set statement_timeout = {millis}");
            let done = reader.conn().batch_execute(&set).await.map_err(Fault::from);
            self.look_at(&done);
            done?;
            reader.shortened = true;
        }
        Ok(reader)
    }

    /// What one connection has lost, those that lie idle have lost, too: a database that was
    /// restarted costs one reader an error, and not one for each connection.
    fn look_at<T>(&self, done: &Result<T>) {
        if let Err(Fault::Lost(_)) = done {
            self.0.retain(|_, _| false);
        }
    }
}

/// A connection on loan. Dropped without [`Reader::give_back`] it is discarded.
pub(super) struct Reader {
    object: Option<Object<Connections>>,
    pool: Readers,
    shortened: bool,
}

impl Reader {
    pub(super) fn conn(&mut self) -> &mut AsyncPgConnection {
        self.object.as_mut().expect("it is given back last")
    }

    /// Returns the connection to the pool if what was done with it went well.
    pub(super) async fn give_back<T>(mut self, done: Result<T>) -> Result<T> {
        self.pool.look_at(&done);
        let value = done?;
        if self.shortened {
            let set = format!("set statement_timeout = {}", STATEMENT_TIMEOUT.as_millis());
            self.conn().batch_execute(&set).await?;
        }
        drop(self.object.take());
        Ok(value)
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if let Some(object) = self.object.take() {
            drop(Object::take(object));
        }
    }
}
