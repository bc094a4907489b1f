//! Folders and files with the owner and the permissions they need, whatever the umask.

use std::{
    fs,
    hash::{BuildHasher, Hasher, RandomState},
    io,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use super::Error;

/// Creates `path` and its missing parents, each with `mode`, and returns its absolute form without
/// symbolic links. Folders that exist keep their permissions.
pub(super) fn create(path: &Path, mode: u32) -> Result<PathBuf, Error> {
    let path = std::path::absolute(path).map_err(Error::file("resolve", path))?;
    let missing: Vec<&Path> = path.ancestors().take_while(|folder| !folder.exists()).collect();
    for folder in missing.into_iter().rev() {
        match fs::create_dir(folder) {
            Ok(()) => set_mode(folder, mode)?,
            Err(cause) if cause.kind() == io::ErrorKind::AlreadyExists => {}
            Err(cause) => return Err(Error::file("create", folder)(cause)),
        }
    }
    path.canonicalize().map_err(Error::file("resolve", &path))
}

/// Creates the folder `path`, which must not exist, for its owner alone.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    fs::DirBuilder::new().mode(0o700).create(path)
}

/// Sets the permissions of a file or folder.
pub(super) fn set_mode(path: &Path, mode: u32) -> Result<(), Error> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(Error::file("set the permissions of", path))
}

/// Lets everybody read a tree, and run and enter what its owner may.
pub(super) fn open_to_all(path: &Path) -> Result<(), Error> {
    let metadata = fs::symlink_metadata(path).map_err(Error::file("look at", path))?;
    if metadata.is_symlink() {
        return Ok(());
    }
    let mode = metadata.permissions().mode() & 0o777;
    if metadata.is_dir() {
        set_mode(path, 0o755)?;
        for entry in fs::read_dir(path).map_err(Error::file("list", path))? {
            open_to_all(&entry.map_err(Error::file("list", path))?.path())?;
        }
        return Ok(());
    }
    let run = if mode & 0o100 == 0 { 0 } else { 0o111 };
    set_mode(path, mode | 0o444 | run)
}

/// Makes a rename in `dir` durable.
pub(super) fn sync(dir: &Path) -> Result<(), Error> {
    fs::File::open(dir).and_then(|folder| folder.sync_all()).map_err(Error::file("sync", dir))
}

/// Removes a folder with all it holds, if it is there.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
            Err(Error::file("remove", path)(cause))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// A suffix that no process before used, also where process ids begin anew, as in containers.
pub(super) fn unused_suffix() -> String {
    format!("{:016x}", RandomState::new().build_hasher().finish())
}

/// The path as text, for settings and addresses.
pub(super) fn text(path: &Path) -> Result<&str, Error> {
    path.to_str().ok_or_else(|| Error::Path { path: path.to_path_buf() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn created_folders_get_the_mode_and_existing_ones_keep_theirs() {
        let root = tempfile::tempdir().unwrap();
        let before = mode(root.path());

        let made = create(&root.path().join("one").join("two"), 0o711).unwrap();

        assert_eq!((mode(root.path()), mode(&made)), (before, 0o711));
        assert_eq!(mode(made.parent().unwrap()), 0o711);
    }

    #[test]
    fn an_opened_tree_is_readable_and_keeps_what_is_no_program() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("bin");
        create_private(&inner).unwrap();
        let (program, text) = (inner.join("program"), inner.join("text"));
        for (path, mode) in [(&program, 0o700), (&text, 0o600)] {
            fs::write(path, "").unwrap();
            set_mode(path, mode).unwrap();
        }

        open_to_all(root.path()).unwrap();

        assert_eq!((mode(&inner), mode(&program), mode(&text)), (0o755, 0o755, 0o644));
    }
}
