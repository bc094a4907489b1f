//! The nouns, the commands, the events, and the rules that decide.
//!
//! Knows nobody: no database, no network, no clock, no randomness. What a rule needs is handed to
//! it.

pub mod access;
pub mod action;
pub mod agenda;
pub mod asks;
pub mod audience;
pub mod cloud_event;
pub mod command;
pub mod comment;
pub mod configuration;
pub mod consumer;
pub mod counter;
pub mod definition;
pub mod error;
pub mod etag;
pub mod event;
pub mod expr;
pub mod filter;
pub mod issue;
pub mod message;
pub mod name;
pub mod people;
pub mod project;
pub mod query;
pub mod reader;
pub mod reference;
pub mod relation;
mod remark;
pub mod schema;
pub mod value;
pub mod workflow;
pub mod working_set;
