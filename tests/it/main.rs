//! Promises, each kept through the same server that users start, on a database of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics is a test that fails"
)]

mod command_line;
mod door;
mod embedded;
mod events_api;
mod issues;
mod lists;
mod projects;
mod publish;
mod refusals;
mod retries;
mod subscribe;
mod support;
mod tour;
