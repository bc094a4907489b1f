//! Every change goes through here: commands in, events out.
//!
//! Commands that arrive while a batch is committing form the next batch: one load per table,
//! decisions in order in memory, one write per table, one append to the log, one commit. Knows no
//! rule about any noun.

mod batch;
mod command;
mod definitions;
mod frame;
mod handle;
mod health;
mod lane;
mod load;
mod queue;
mod remedy;

pub use command::{Answer, Call, Class, Command, Done};
pub use handle::Ledger;
pub use lane::Lane;
