//! The horizon of the log: what is too old ends, is exported where that is asked, and goes.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use tokio::task::spawn_blocking;

use crate::archive::{Writer, uri_of};
use crate::domain::event::Seq;
use crate::store::{Archive, EndedPartition, Horizon, PartitionState, Store};

/// How many events are read for an archive at once: some megabytes.
const EVENTS_AT_ONCE: i64 = 2_000;

/// How long the log is kept, and what becomes of what is older.
#[derive(Clone, Debug, Default)]
pub struct Retention {
    /// A partition whose newest event is older than this ends; none ever does otherwise.
    pub older_than: Option<Duration>,
    /// Where its events are exported to before they go, if anywhere.
    pub archive_dir: Option<Arc<Path>>,
}

impl Retention {
    /// As it is set.
    pub fn of(config: &crate::config::Config) -> Retention {
        let archive_dir = config.log_archive_dir.as_deref().map(Arc::from);
        Retention { older_than: config.log_retention, archive_dir }
    }

    /// Makes the folder of the archives: better refused at the start than in three months.
    pub fn prepare(&self) -> anyhow::Result<()> {
        let Some(folder) = &self.archive_dir else { return Ok(()) };
        let made = std::fs::create_dir_all(folder);
        made.with_context(|| format!("POTTS_LOG_ARCHIVE_DIR: cannot use {}", folder.display()))
    }
}

/// Moves the horizon as far as it may now. Every step that was done is recorded, so it can be cut
/// off anywhere and called again by anybody. False if another replica is at it.
pub async fn keep_horizon(
    store: &Store,
    retention: &Retention,
    known_head: Seq,
) -> anyhow::Result<bool> {
    let Some(mut horizon) = store.horizon().await? else { return Ok(false) };
    if let Some(older_than) = retention.older_than
        && let Some(oldest) = horizon.end(older_than, known_head).await?
    {
        tracing::info!(log.oldest = oldest.0, "the log begins later now");
    }
    for mut partition in horizon.ended().await? {
        if !partition.is_left {
            continue;
        }
        if partition.state == PartitionState::Ended
            && let Some(folder) = &retention.archive_dir
        {
            archive(&mut horizon, partition, folder).await?;
            partition.state = PartitionState::Archived;
        }
        if partition.state != PartitionState::Detached {
            horizon.detach(partition).await.context("cannot detach an old partition yet")?;
        }
        horizon.drop_table(partition).await.context("cannot drop an old partition yet")?;
        tracing::info!(partition = partition.table(), "dropped a partition of the log");
    }
    horizon.release().await?;
    Ok(true)
}

/// Exports a partition. Only what was read back whole is recorded, and only what is recorded goes.
async fn archive(
    horizon: &mut Horizon,
    partition: EndedPartition,
    folder: &Arc<Path>,
) -> anyhow::Result<()> {
    // Another log of the same database has other events under these numbers.
    let name = format!("{}-{}.pb.zst", partition.table(), horizon.epoch().await?.simple());
    let (folder, whole) = (Arc::clone(folder), partition.last());
    let mut writer = spawn_blocking(move || Writer::create(&folder, &name)).await??;
    let mut after = Seq(0);
    while after < whole {
        let events = horizon.events(partition, after, EVENTS_AT_ONCE).await?;
        let Some((last, _)) = events.last() else { break };
        after = *last;
        let pushed = spawn_blocking(move || {
            events.iter().try_for_each(|(seq, body)| writer.push(*seq, body))?;
            anyhow::Ok(writer)
        });
        writer = pushed.await??;
    }
    let (path, contents) = spawn_blocking(move || writer.finish()).await??;
    let is_whole = contents.stretch.is_none_or(|(_, last)| last == whole);
    ensure!(is_whole, "{} lacks events up to {whole}", partition.table());
    let archive =
        Archive { uri: uri_of(path), sha256: contents.sha256.to_vec(), events: contents.events };
    tracing::info!(archive = archive.uri, events = archive.events, "exported a partition");
    Ok(horizon.archived(partition, &archive).await?)
}
