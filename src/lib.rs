//! Potts tracks effort that spans people, teams and machines.

pub mod domain;
pub mod http;
pub mod ledger;
pub mod proto;
pub mod store;
pub mod stream;
pub mod transport;
