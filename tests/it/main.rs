//! Promises, each kept through the same server that users start, on a database of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a test that panics is a test that fails, and watches what it spawns itself"
)]

mod acceptance;
mod action_rows;
mod agenda;
mod apply;
mod command_line;
mod configuration;
mod consumers;
mod door;
mod embedded;
mod events_api;
mod fault_calls;
mod fault_crash;
mod fault_database;
mod fault_ledger;
mod fault_overload;
mod fault_panics;
mod fault_shutdown;
mod filters;
mod horizon;
mod issue_trees;
mod issue_workflows;
mod issues;
mod lists;
mod log_epoch;
mod people;
mod projects;
mod publish;
mod purge;
mod random;
mod refusals;
mod relations;
mod remarks;
mod replicas;
mod retries;
mod roles;
mod schema;
mod store;
mod subscribe;
mod support;
mod torture;
mod tour;
mod visibility;
mod work;
