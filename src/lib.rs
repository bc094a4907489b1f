#![doc = include_str!("README.md")]

pub mod config;
pub mod domain;
pub mod http;
pub mod ledger;
pub mod proto;
pub mod server;
pub mod store;
pub mod stream;
pub mod transport;
