//! Random commands of the whole contract: the log tells all that they do, an independent model says
//! what becomes of actions, and asking what a command would do says what it does.
//!
//! A run prints its seed; `POTTS_RANDOM_SEED` repeats it, as far as callers who race can be
//! repeated, and `POTTS_RANDOM_COMMANDS` says how many commands are sent instead of the default.

mod actions;
mod caller;
mod commands;
mod draw;
mod issues;
mod json;
mod known;
mod lock;
mod log;
mod machine;
mod model;
mod order;
mod others;
mod remarks;
mod replay;
pub mod rng;
mod rows;
mod town;
mod validate;
