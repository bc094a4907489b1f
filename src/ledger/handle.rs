//! The way into the ledger.

use super::command::{Command, Done};
use crate::domain::error::Result;

/// The way into the ledger; cheap to clone.
#[derive(Clone, Debug)]
pub struct Ledger {}

impl Ledger {
    /// Carries a command out: returns when it is durable, or refused.
    pub async fn submit(&self, _command: Command) -> Result<Done> {
        unimplemented!("the lead replaces this file")
    }
}
