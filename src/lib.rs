//! Potts tracks effort that spans people, teams and machines.

pub mod config;
pub mod domain;
pub mod embedded;
pub mod ledger;
pub mod proto;
pub mod store;
pub mod stream;
pub mod telemetry;
