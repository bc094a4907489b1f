//! One owner for each data directory: an advisory lock that ends with the process that holds it.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Seek, Write},
    path::Path,
    time::Duration,
};

use rustix::fs::{FlockOperation, flock};

use super::Error;

const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A held lock; dropping it, or the end of the process, frees it.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

/// What became of an attempt to lock.
#[derive(Debug)]
pub(super) enum Taken {
    /// The lock is ours.
    Lock(Lock),
    /// Somebody else held it all the time; the process id if they left one.
    ByOther(Option<i32>),
}

/// Locks the file `path`, creating it if need be, and waits up to `within` for another holder,
/// which may just be ending.
pub(super) async fn take(path: &Path, within: Duration) -> Result<Taken, Error> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(Error::file("open", path))?;
    let deadline = tokio::time::Instant::now() + within;
    let mut waits = false;
    loop {
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => break,
            Err(rustix::io::Errno::WOULDBLOCK | rustix::io::Errno::INTR) => {}
            Err(cause) => return Err(Error::file("lock", path)(cause.into())),
        }
        if tokio::time::Instant::now() >= deadline {
            return Ok(Taken::ByOther(holder(&mut file)));
        }
        if !waits {
            waits = true;
            tracing::info!(lock = %path.display(), "waiting for another process to end");
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }

    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut file).map_err(Error::file("write", path))?;
    Ok(Taken::Lock(Lock { _file: file }))
}

fn holder(file: &mut File) -> Option<i32> {
    let mut text = String::new();
    file.rewind().ok()?;
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lock_has_one_holder_and_is_free_after_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");

        let first = take(&path, Duration::ZERO).await.unwrap();
        let second = take(&path, Duration::from_millis(1)).await.unwrap();
        drop(first);
        let third = take(&path, Duration::ZERO).await.unwrap();

        let us = i32::try_from(std::process::id()).unwrap();
        assert!(matches!(second, Taken::ByOther(Some(pid)) if pid == us), "{second:?}");
        assert!(matches!(third, Taken::Lock(_)), "{third:?}");
    }
}
