//! The private folder of the unix socket.

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use sha2::{Digest, Sha256};

use super::{Error, account::Account, cluster, folder};

/// Only a file name here: nothing listens on the network.
pub(super) const PORT: u16 = 5432;

/// The length of `/.s.PGSQL.5432`.
const NAME_BYTES: usize = 14;

/// Linux takes 107 bytes, macOS 103.
const PATH_BYTES_MAX: usize = 103;

/// The folder for the socket of the data directory `dir`, made for `account` alone and without
/// what a dead server left in it: `dir/socket`, or one in the temporary folder where that path
/// would be too long for a socket.
pub(super) fn prepare(dir: &Path, account: &Account) -> Result<PathBuf, Error> {
    let path = place(dir);
    match folder::create_private(&path) {
        Ok(()) => cluster::give(&path, account)?,
        Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {
            // The temporary folder is everybody's: somebody else may have put it there.
            let metadata = fs::symlink_metadata(&path).map_err(Error::file("look at", &path))?;
            if !metadata.is_dir() || metadata.uid() != account.uid {
                return Err(Error::Socket { path, user: account.name.clone() });
            }
            folder::set_mode(&path, 0o700)?;
        }
        Err(cause) => return Err(Error::file("create", &path)(cause)),
    }
    account.check_reach(&path)?;
    Ok(path)
}

/// Removes the socket and its lock file, which would bar a start if the pid in it is used again.
/// The caller knows that no server runs.
pub(super) fn clear(socket_dir: &Path) -> Result<(), Error> {
    for name in [format!(".s.PGSQL.{PORT}"), format!(".s.PGSQL.{PORT}.lock")] {
        let path = socket_dir.join(name);
        match fs::remove_file(&path) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(Error::file("remove", &path)(cause));
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(())
}

/// Where the socket of a data directory is.
pub(super) fn place(dir: &Path) -> PathBuf {
    let near = dir.join("socket");
    if near.as_os_str().len() + NAME_BYTES <= PATH_BYTES_MAX {
        return near;
    }
    let mut name = "potts-".to_owned();
    for byte in Sha256::digest(dir.as_os_str().as_encoded_bytes()).iter().take(8) {
        name.push_str(&format!("{byte:02x}"));
    }
    // The temporary folder of macOS is so long that the socket may not fit in it either.
    let far = std::env::temp_dir().join(&name);
    if far.as_os_str().len() + NAME_BYTES <= PATH_BYTES_MAX {
        far
    } else {
        Path::new("/tmp").join(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_path_gets_a_short_socket_of_its_own() {
        let long = Path::new("/data").join("a".repeat(100));
        let other = Path::new("/data").join("b".repeat(100));

        assert_eq!(place(Path::new("/data")), Path::new("/data/socket"));
        assert!(place(&long).as_os_str().len() + NAME_BYTES <= PATH_BYTES_MAX);
        assert_eq!(place(&long), place(&long));
        assert_ne!(place(&long), place(&other));
    }
}
