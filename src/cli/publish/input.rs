//! Where messages come from: files, folders, standard input.

use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use prost::Message as _;

use crate::adapters::formats::{self, Fallback};
use crate::proto::cloudevents::CloudEvent;

/// A batch of a thousand messages of the largest size fits four times over; more is no message.
const INPUT_BYTES_MAX: u64 = 1 << 30;

/// Something to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// A file.
    File(PathBuf),
    /// What is typed or piped in.
    Standard,
}

/// A message to send.
#[derive(Debug)]
pub struct Message {
    /// Where it came from, for people.
    pub origin: String,
    /// The message.
    pub event: CloudEvent,
    /// How long it is on the wire.
    pub bytes: usize,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::File(path) => write!(f, "{}", path.display()),
            Input::Standard => f.write_str("-"),
        }
    }
}

/// The inputs that paths stand for, in order; and, in words, those that there are not.
pub fn list(paths: &[PathBuf]) -> (Vec<Input>, Vec<String>) {
    let (mut inputs, mut problems) = (Vec::new(), Vec::new());
    for path in paths {
        if path.as_os_str() == "-" {
            inputs.push(Input::Standard);
        } else if path.is_dir() {
            let before = inputs.len();
            below(path, &mut inputs, &mut problems);
            if inputs.len() == before && problems.is_empty() {
                problems.push(format!("{}: holds no file that ends in .json", path.display()));
            }
        } else {
            inputs.push(Input::File(path.clone()));
        }
    }
    (inputs, problems)
}

/// The files below a folder that end in `.json`, by name. Links to folders are not followed: they
/// may lead in circles.
fn below(folder: &Path, inputs: &mut Vec<Input>, problems: &mut Vec<String>) {
    let entries = std::fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return problems.push(format!("{}: {error}", folder.display())),
    };
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            below(&path, inputs, problems);
        } else if path.extension().is_some_and(|end| end == "json") && !path.is_dir() {
            inputs.push(Input::File(path));
        }
    }
}

impl Input {
    /// Reads the messages that it holds; else says, with its name, why not.
    pub fn read(&self, fallback: Option<&Fallback>) -> Result<Vec<Message>, String> {
        let bytes = self.bytes().map_err(|error| format!("{self}: {error}"))?;
        let events = formats::read(&bytes, fallback).map_err(|error| format!("{self}: {error}"))?;
        let alone = events.len() == 1;
        let message = |(index, event)| {
            let event = CloudEvent::from(&event);
            let origin = if alone { self.to_string() } else { format!("{self}[{index}]") };
            Message { origin, bytes: event.encoded_len(), event }
        };
        Ok(events.into_iter().enumerate().map(message).collect())
    }

    fn bytes(&self) -> std::io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        // One more than allowed, to see whether there is more.
        match self {
            Input::File(path) => {
                std::fs::File::open(path)?.take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes)?
            }
            Input::Standard => {
                std::io::stdin().lock().take(INPUT_BYTES_MAX + 1).read_to_end(&mut bytes)?
            }
        };
        if u64::try_from(bytes.len()).is_ok_and(|length| length > INPUT_BYTES_MAX) {
            return Err(std::io::Error::other("is larger than 1 GiB"));
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_stand_for_their_files_in_order() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        std::fs::create_dir_all(at("b/c")).unwrap();
        for name in ["b/2.json", "b/c/1.json", "b/x.txt", "a.json", "z.md"] {
            std::fs::write(at(name), "{}").unwrap();
        }
        std::os::unix::fs::symlink(root.path(), at("b/circle.json")).unwrap();

        let (inputs, problems) = list(&[at("z.md"), root.path().into(), "-".into()]);

        let file = |name: &str| Input::File(at(name));
        let files = [file("z.md"), file("a.json"), file("b/2.json"), file("b/c/1.json")];
        assert_eq!(inputs, files.into_iter().chain([Input::Standard]).collect::<Vec<_>>());
        assert!(problems.is_empty());
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let root = tempfile::tempdir().unwrap();
        let (inputs, problems) = list(&[root.path().into()]);
        assert!(inputs.is_empty());
        assert!(problems[0].contains("no file that ends in .json"), "{problems:?}");

        let missing = Input::File(root.path().join("nowhere.json")).read(None).unwrap_err();
        assert!(missing.contains("nowhere.json: "), "{missing}");
    }
}
