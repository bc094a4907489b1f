//! A file that remembers how far the log was read.

use std::fs::File;
use std::io::{self, Write as _};
use std::path::PathBuf;

use crate::cli::Failure;

/// Such a file. It always holds a whole cursor: a new one replaces it in one step.
#[derive(Debug)]
pub struct CursorFile(PathBuf);

impl CursorFile {
    /// The file at `path`, which need not be there yet.
    pub fn new(path: PathBuf) -> CursorFile {
        CursorFile(path)
    }

    /// The cursor that it holds; none if there is no such file. An empty one is refused: to begin
    /// somewhere else than where it said would leave out events.
    pub fn read(&self) -> Result<Option<String>, Failure> {
        let refused = |problem: String| Failure::Usage(format!("{}: {problem}", self.0.display()));
        match std::fs::read_to_string(&self.0) {
            Ok(text) if text.trim().is_empty() => {
                Err(refused("holds no cursor; remove it to begin anew".into()))
            }
            Ok(text) => Ok(Some(text.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(refused(error.to_string())),
        }
    }

    /// Remembers a cursor.
    pub fn write(&self, cursor: &str) -> Result<(), Failure> {
        let write = || {
            let mut beside = self.0.clone().into_os_string();
            beside.push(".new");
            let beside = PathBuf::from(beside);
            let mut file = File::create(&beside)?;
            writeln!(file, "{cursor}")?;
            // Else a crash of the machine may leave the new name with nothing in it.
            file.sync_data()?;
            std::fs::rename(&beside, &self.0)
        };
        write().map_err(|error: io::Error| {
            let problem = format!("{}: {error}", self.0.display());
            Failure::Output(io::Error::new(error.kind(), problem))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let file = CursorFile::new(folder.path().join("cursor"));

        assert_eq!(file.read().unwrap(), None);
        file.write("first").unwrap();
        file.write("second").unwrap();
        assert_eq!(file.read().unwrap().as_deref(), Some("second"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_empty_file_or_a_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("empty"), "\n").unwrap();

        assert!(CursorFile::new(folder.path().join("empty")).read().is_err());
        assert!(CursorFile::new(folder.path().into()).read().is_err());
        assert!(CursorFile::new(folder.path().into()).write("x").is_err());
    }
}
