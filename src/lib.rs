//! Potts tracks effort that spans people, teams and machines.

pub mod adapters;
pub mod cli;
pub mod domain;
pub mod ledger;
pub mod proto;
pub mod store;
pub mod stream;
