//! The guardian: a small shell between service and server that ends the server with the service.
//!
//! Safe Rust cannot ask the kernel for "die with the parent", and the kernel's answer would be a
//! kill without shutdown. The end of a pipe is noticed after any death of the service, `kill -9`
//! included, and lets the server shut down properly.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::{ExitStatus, Stdio},
};

use tokio::process::{Child, ChildStdin};

use super::{Error, account::Account};

const SCRIPT: &str = include_str!("guardian.sh");

/// A running guardian with its server. Dropping it lets the server shut down on its own.
#[derive(Debug)]
pub(super) struct Guardian {
    child: Child,
    leash: Option<ChildStdin>,
}

impl Guardian {
    /// Starts `program` under a guardian as `account`; all output goes to `log`.
    ///
    /// Arguments pass as they are, never through the shell's syntax.
    pub(super) fn start(
        program: &Path,
        arguments: &[String],
        account: &Account,
        log: &File,
    ) -> Result<Guardian, Error> {
        let shell = PathBuf::from("/bin/sh");
        let failed =
            |cause| Error::Program { program: shell.clone(), user: account.name.clone(), cause };
        let output = log.try_clone().map_err(failed)?;
        let errors = log.try_clone().map_err(failed)?;
        let mut child = account
            .command(&shell)
            .args(["-c", SCRIPT, "potts-guardian"])
            .arg(program)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            // Ctrl-C in the terminal of the service is for the service alone.
            .process_group(0)
            .spawn()
            .map_err(failed)?;
        let leash = child.stdin.take();
        Ok(Guardian { child, leash })
    }

    /// Waits for the end of the server, or of the guardian. Safe to cancel.
    pub(super) async fn ended(&mut self) -> Result<ExitStatus, Error> {
        // `Child::wait` would close the pipe if it were still with the child; it is with us.
        self.child.wait().await.map_err(|cause| Error::Program {
            program: PathBuf::from("/bin/sh"),
            user: "of PostgreSQL".to_owned(),
            cause,
        })
    }

    /// Asks for the shutdown of the server, as the end of the service would.
    pub(super) fn release(&mut self) {
        self.leash = None;
    }

    /// The process of the guardian, while it runs.
    #[cfg(test)]
    pub(super) fn id(&self) -> Option<u32> {
        self.child.id()
    }
}
