#![doc = include_str!("README.md")]

pub mod adapters;
pub mod archive;
pub mod cli;
pub mod config;
pub mod domain;
pub mod embedded;
pub mod engine;
pub mod http;
pub mod ledger;
pub mod proto;
pub mod server;
pub mod store;
pub mod stream;
pub mod telemetry;
pub mod transport;
