//! The door for gRPC: requests to commands and queries, answers and errors back.
//!
//! One file per proto service. Nothing is decided here: what is asked goes to the ledger, the store
//! or the hub. Only `status.rs` knows which code an error has.

mod action;
mod actor_service;
mod age;
mod agenda;
mod auth;
mod comments;
mod configuration;
mod consumers;
mod deadline;
mod decode;
mod decode_events;
mod decode_issue;
mod directory;
mod door;
mod encode;
mod event_service;
mod events_page;
mod health;
mod issue_service;
mod mask;
mod observe;
mod page_token;
mod paging;
mod people;
mod project_service;
mod publish;
mod references;
mod relations;
mod serve;
mod status;
mod subscriptions;
mod token;
mod visible;

pub use auth::Access;
pub use health::Health;
pub use observe::Observer;
pub use serve::{Options, Parts, Tls, serve};
