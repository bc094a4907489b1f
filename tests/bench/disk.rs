//! How fast the disk is, whatever runs on it, for every commit waits for a flush; and how full.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use tokio::time::Instant;

/// A longer look would tell no more.
const LOOK: Duration = Duration::from_millis(500);
/// What PostgreSQL writes at once.
const PAGE: [u8; 8 * 1024] = [7; 8 * 1024];

/// How many bytes there is room for in a folder.
pub fn free_bytes(folder: &Path) -> Result<u64> {
    let room = rustix::fs::statvfs(folder)?;
    Ok(room.f_bavail * room.f_frsize)
}

/// How often a second a page is written in a folder and flushed to the disk.
pub fn flushes_per_second(folder: &Path) -> Result<f64> {
    let path = folder.join("flush-probe");
    let mut file = File::create(&path)?;
    // As in a WAL segment, the file has its length before it is written again.
    file.write_all(&PAGE)?;
    file.sync_all()?;
    let began = Instant::now();
    let mut flushes: u32 = 0;
    while began.elapsed() < LOOK {
        file.rewind()?;
        file.write_all(&PAGE)?;
        file.sync_data()?;
        flushes += 1;
    }
    let rate = f64::from(flushes) / began.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(rate)
}
