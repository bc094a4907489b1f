//! Things that are described in files.

pub mod apply;
mod document;
mod kind;
pub mod verbs;
