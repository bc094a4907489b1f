//! Promises, each kept through the same server that users start, on a database of its own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that panics is a test that fails"
)]

mod command_line;
mod embedded;
mod issues;
mod publish;
mod support;
mod tour;
