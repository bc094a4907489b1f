//! What a refused caller is told.

use std::fmt::Debug;

use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

/// A refusal, read as a program reads it.
#[derive(Debug)]
pub struct Told {
    pub code: Code,
    pub reason: String,
    pub message: String,
    pub details: ErrorDetails,
}

/// Reads a refusal; every one has a reason in the domain `potts`.
#[track_caller]
pub fn told<T: Debug>(reply: Result<T, Status>) -> Told {
    let status = reply.expect_err("a refusal");
    let details = status.get_error_details();
    let info = details.error_info().unwrap_or_else(|| panic!("no reason: {status:?}"));
    assert_eq!(info.domain, "potts");
    Told {
        code: status.code(),
        reason: info.reason.clone(),
        message: status.message().to_owned(),
        details,
    }
}

impl Told {
    /// A value of the metadata; empty where there is none.
    pub fn metadata(&self, key: &str) -> &str {
        let info = self.details.error_info().unwrap();
        info.metadata.get(key).map_or("", String::as_str)
    }

    /// The code and the reason.
    pub fn why(&self) -> (Code, &str) {
        (self.code, &self.reason)
    }

    /// What is to blame: the field, the resource or the subject.
    pub fn blamed(&self) -> String {
        let Told { reason, details, .. } = self;
        if let Some(request) = details.bad_request() {
            let violation = &request.field_violations[0];
            assert!(!violation.description.is_empty());
            return violation.field.clone();
        }
        if let Some(resource) = details.resource_info() {
            return format!("{} {}", resource.resource_type, resource.resource_name);
        }
        if let Some(failure) = details.precondition_failure() {
            let violation = &failure.violations[0];
            assert_eq!(violation.r#type, *reason);
            return violation.subject.clone();
        }
        self.metadata("subject").to_owned()
    }
}
