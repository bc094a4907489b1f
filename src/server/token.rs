//! The root token: configured, or generated into a file that only its owner can read.

use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::config::Config;

/// The token that callers must send, and the file it was generated into; none if they need none.
pub fn root(config: &Config) -> anyhow::Result<Option<(SecretString, Option<PathBuf>)>> {
    if config.is_open() {
        return Ok(None);
    }
    if let Some(token) = &config.root_token {
        return Ok(Some((token.clone(), None)));
    }
    let file = config.data_dir.join("root-token");
    let token = read_or_make(&file)
        .with_context(|| format!("cannot keep the root token in {}", file.display()))?;
    Ok(Some((token, Some(file))))
}

fn read_or_make(file: &Path) -> anyhow::Result<SecretString> {
    if let Some(dir) = file.parent() {
        std::fs::create_dir_all(dir)?;
    }
    // 244 random bits; twice 122 of a UUIDv4 (RFC 9562, section 5.4).
    let token =
        SecretString::from(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()));
    let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
    match made {
        Ok(mut made) => {
            made.write_all(token.expose_secret().as_bytes())?;
            made.sync_all()?;
            Ok(token)
        }
        Err(error) if error.kind() == ErrorKind::AlreadyExists => read(file),
        Err(error) => Err(error.into()),
    }
}

fn read(file: &Path) -> anyhow::Result<SecretString> {
    let mut opened = std::fs::File::open(file)?;
    let mode = opened.metadata()?.permissions().mode();
    if mode & 0o077 != 0 {
        bail!("others can read it (mode {:o}); make it 0600", mode & 0o777);
    }
    let mut token = String::new();
    opened.read_to_string(&mut token)?;
    let token = token.trim();
    if token.is_empty() {
        bail!("it is empty; remove it to have another generated");
    }
    Ok(token.to_owned().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_generated_once_and_only_its_owner_reads_it() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("data/root-token");

        let first = read_or_make(&file).unwrap();
        let second = read_or_make(&file).unwrap();

        assert_eq!(first.expose_secret(), second.expose_secret());
        assert_eq!(first.expose_secret().len(), 64);
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_token_that_others_can_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("root-token");
        std::fs::write(&file, "0123456789abcdef").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();

        let error = read_or_make(&file).unwrap_err();

        assert!(error.to_string().contains("0600"), "{error}");
    }
}
