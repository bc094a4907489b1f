//! Torture: several servers on one database, under load, while all breaks around them, and one
//! oracle that every subscriber is held against.
//!
//! A run is bounded and prints its seed and its counts. `POTTS_TORTURE_SECONDS` makes the test of
//! `replicas` go on for so long and that of `churn` open more, `POTTS_RANDOM_SEED` repeats what a
//! run drew.

mod bystanders;
#[cfg(target_os = "linux")]
mod churn;
mod crossing;
mod failures;
mod fleet;
mod gone;
mod heavy;
mod immediate;
mod last_words;
pub mod oracle;
mod pauses;
mod reader;
mod reconnects;
mod replicas;
mod stalled;
mod writer;
