//! `potts.v1.WorkflowService`: configuration of all kinds, by one mechanism.

mod decode;
mod encode;
mod service;

pub(super) use service::Configurations;
