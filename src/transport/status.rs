//! Errors to statuses: the one place where the words of the domain become those of gRPC.
//!
//! A status travels in the headers of a response, of which clients take 8 to 16 KiB in all. So
//! whatever a caller could make long is cut here, and causes stay in the log.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tonic::{Code, Status};
use tonic_types::{ErrorDetails, StatusExt as _};

use crate::domain::error::{Error, Reason};
use crate::proto::ErrorReason;
use crate::store::Fault;

/// Who gives the reasons.
const DOMAIN: &str = "potts";
/// A longer message travels twice, in two encodings, and no one reads it to its end.
const MESSAGE_BYTES_MAX: usize = 512;
/// A field path or a value of metadata.
const VALUE_BYTES_MAX: usize = 256;
/// After an outage of a moment the same call again succeeds; sooner would add to the load.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// The same cause again within this time is counted, not written.
const LOG_PERIOD: Duration = Duration::from_secs(1);

/// What a caller is told about an error.
pub(super) struct Told {
    /// The code of the status.
    pub code: Code,
    /// Why.
    pub reason: Reason,
    /// Which field is to blame; empty where none is.
    pub field: String,
    /// The same for people.
    pub message: String,
    details: ErrorDetails,
}

impl From<Error> for Status {
    fn from(error: Error) -> Status {
        let Told { code, message, details, .. } = tell(error);
        Status::with_error_details(code, message, details)
    }
}

impl Told {
    /// The reason as the contract numbers it.
    pub fn proto_reason(&self) -> ErrorReason {
        let name = format!("ERROR_REASON_{}", self.reason.as_str());
        ErrorReason::from_str_name(&name).unwrap_or_default()
    }
}

/// Puts an error into words for a caller. A cause that the caller must not see goes to the log.
pub(super) fn tell(error: Error) -> Told {
    let (error, told) = error.into_details();
    let reason = error.reason();
    let message = cut(&error.to_string(), MESSAGE_BYTES_MAX);
    let mut details = ErrorDetails::new();
    let mut metadata: HashMap<String, String> = told
        .into_iter()
        .map(|(key, value)| (key.to_owned(), cut(&value, VALUE_BYTES_MAX)))
        .collect();
    let mut blamed = String::new();
    // No `_` arm: a new variant must be given its code before the build passes.
    let code = match error {
        Error::Invalid { reason: _, field, problem } => {
            blamed = cut(&field, VALUE_BYTES_MAX);
            details.add_bad_request_violation(&*blamed, cut(&problem, MESSAGE_BYTES_MAX));
            Code::InvalidArgument
        }
        Error::NotFound { resource } => {
            resource_info(&mut details, &resource, "does not exist");
            Code::NotFound
        }
        Error::Empty { queue } => {
            resource_info(&mut details, &queue, "has nothing to claim");
            Code::NotFound
        }
        Error::Forbidden { reason: _, subject, problem: _ } => {
            metadata.insert("subject".to_owned(), cut(&subject, VALUE_BYTES_MAX));
            Code::PermissionDenied
        }
        Error::Exists { resource } => {
            resource_info(&mut details, &resource, "exists already");
            Code::AlreadyExists
        }
        Error::Refused { reason, subject, rule } => {
            let (subject, rule) = (cut(&subject, VALUE_BYTES_MAX), cut(&rule, MESSAGE_BYTES_MAX));
            details.add_precondition_failure_violation(reason.as_str(), subject, rule);
            Code::FailedPrecondition
        }
        Error::Conflict { reason: _, subject, problem: _ } => {
            metadata.insert("subject".to_owned(), cut(&subject, VALUE_BYTES_MAX));
            Code::Aborted
        }
        Error::Exhausted { reason: _, problem, retry_after } => {
            let problem = cut(&problem, MESSAGE_BYTES_MAX);
            match retry_after {
                Some(after) => details.set_retry_info(Some(after)),
                None => details.add_quota_failure_violation("caller", problem),
            };
            Code::ResourceExhausted
        }
        Error::OutOfRange { reason: _, problem: _, oldest, head } => {
            metadata.insert("oldest".to_owned(), oldest.to_string());
            metadata.insert("head".to_owned(), head.to_string());
            Code::OutOfRange
        }
        Error::Unauthenticated { problem: _ } => Code::Unauthenticated,
        Error::DeadlinePassed => Code::DeadlineExceeded,
        Error::Unavailable { reason: _, problem: _, request_id } => {
            details.set_retry_info(Some(RETRY_AFTER));
            if let Some(id) = request_id {
                metadata.insert("request_id".to_owned(), id.to_string());
            }
            Code::Unavailable
        }
        // Details are never of details.
        Error::Detailed { .. } => Code::Internal,
        Error::Internal(cause) => {
            complain(&cause);
            Code::Internal
        }
    };
    details.set_error_info(reason.as_str(), DOMAIN, metadata);
    Told { code, reason, field: blamed, message, details }
}

/// The cause of a defect goes to the log, not more often than anybody reads it.
fn complain(cause: &anyhow::Error) {
    if let Some(unwritten) = may_log(Reason::Internal) {
        tracing::error!(cause = format!("{cause:#}"), unwritten, "a call failed");
    }
}

fn resource_info(details: &mut ErrorDetails, name: &str, problem: &str) {
    let mut words = name.rsplit('/').skip(1);
    // A revision is a state of what it is of.
    let of = words.next().filter(|word| *word != "revisions").or_else(|| words.nth(1));
    let kind = match of {
        Some("projects") => "potts.v1.Project",
        Some("issues") => "potts.v1.Issue",
        Some("actions") => "potts.v1.Action",
        Some("attempts") => "potts.v1.Attempt",
        Some("comments") => "potts.v1.Comment",
        Some("references") => "potts.v1.Reference",
        Some("relations") => "potts.v1.IssueRelation",
        Some("members") => "potts.v1.Member",
        Some("workflows") => "potts.v1.Workflow",
        Some("issueTypes") => "potts.v1.IssueType",
        Some("actionTypes") => "potts.v1.ActionType",
        Some("consumers") => "potts.v1.Consumer",
        Some("actors") => "potts.v1.Actor",
        Some("credentials") => "potts.v1.Credential",
        Some("groups") => "potts.v1.Group",
        Some("events") => "potts.v1.Event",
        Some(_) | None => "",
    };
    details.set_resource_info(kind, cut(name, VALUE_BYTES_MAX), "", problem);
}

/// At most so many bytes, and whole characters.
fn cut(text: &str, bytes_max: usize) -> String {
    text.split_at(text.floor_char_boundary(bytes_max)).0.to_owned()
}

/// What a read that failed is to its caller. Reads lock nothing and write nothing, so the only
/// thing that the database asks to try again is a statement that took too long.
pub(super) fn of_read(fault: Fault) -> Error {
    match fault {
        Fault::Again(_) => Error::DeadlinePassed,
        Fault::Lost(_) | Fault::Unwritable(_) | Fault::NoPartition(_) => {
            if let Some(unwritten) = may_log(Reason::DatabaseUnavailable) {
                let cause = anyhow::Error::from(fault);
                tracing::warn!(cause = format!("{cause:#}"), unwritten, "a read failed");
            }
            Error::Unavailable {
                reason: Reason::DatabaseUnavailable,
                problem: "the database cannot be reached".into(),
                request_id: None,
            }
        }
        Fault::Stale(_) | Fault::Bug(_) => Error::Internal(fault.into()),
    }
}

/// Says what a status that tonic made by itself means here: a request that it could not read has no
/// details and codes of other meanings.
pub(super) fn unreadable(code: Code, message: &str) -> Option<Error> {
    let invalid =
        |reason, problem: String| Error::Invalid { reason, field: "request".into(), problem };
    match code {
        Code::OutOfRange | Code::ResourceExhausted => {
            Some(invalid(Reason::FieldTooLarge, "is over the bound of a message".into()))
        }
        Code::Internal => Some(invalid(Reason::FieldInvalid, format!("cannot be read: {message}"))),
        Code::Ok
        | Code::Cancelled
        | Code::Unknown
        | Code::InvalidArgument
        | Code::DeadlineExceeded
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::Aborted
        | Code::Unimplemented
        | Code::Unavailable
        | Code::DataLoss
        | Code::Unauthenticated => None,
    }
}

/// Whether a cause may be written to the log now, and how many were not since the last one was. A
/// broken database must not fill a disk with its complaints.
fn may_log(reason: Reason) -> Option<u64> {
    static WRITTEN: Mutex<BTreeMap<Reason, (Instant, u64)>> = Mutex::new(BTreeMap::new());
    let mut written = WRITTEN.lock().unwrap_or_else(PoisonError::into_inner);
    let now = Instant::now();
    match written.get_mut(&reason) {
        Some((last, unwritten)) if now.saturating_duration_since(*last) < LOG_PERIOD => {
            *unwritten += 1;
            None
        }
        Some((last, unwritten)) => {
            *last = now;
            Some(std::mem::take(unwritten))
        }
        None => {
            written.insert(reason, (now, 0));
            Some(0)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::error::{invalid, not_found};
    use crate::domain::event::Seq;

    fn status(error: Error) -> (Code, String, ErrorDetails) {
        let status = Status::from(error);
        let details = status.get_error_details();
        assert_eq!(details.error_info().unwrap().domain, "potts");
        (status.code(), details.error_info().unwrap().reason.clone(), details)
    }

    /// One of each variant, made of the same text.
    fn all(text: &str) -> Vec<Error> {
        let long = || text.to_owned();
        let reason = Reason::Internal;
        vec![
            Error::Invalid { reason, field: long(), problem: long() },
            Error::NotFound { resource: long() },
            Error::Exists { resource: long() },
            Error::Refused { reason, subject: long(), rule: long() },
            Error::Conflict { reason, subject: long(), problem: long() },
            Error::Exhausted { reason, problem: long(), retry_after: None },
            Error::OutOfRange { reason, problem: long(), oldest: Seq(1), head: Seq(i64::MAX) },
            Error::Unauthenticated { problem: long() },
            Error::DeadlinePassed,
            Error::Unavailable { reason, problem: long(), request_id: Some(Uuid::max()) },
            Error::Internal(anyhow::anyhow!(long())),
        ]
    }

    #[test]
    fn every_variant_has_its_code_and_its_details() {
        let (code, reason, details) = status(invalid("issue.title", "is wrong"));
        let violation = &details.bad_request().unwrap().field_violations[0];
        assert_eq!((code, reason.as_str()), (Code::InvalidArgument, "FIELD_INVALID"));
        assert_eq!((&*violation.field, &*violation.description), ("issue.title", "is wrong"));

        let (code, reason, details) = status(not_found("projects/a/issues/1"));
        let resource = details.resource_info().unwrap();
        assert_eq!((code, reason.as_str()), (Code::NotFound, "RESOURCE_NOT_FOUND"));
        assert_eq!(resource.resource_type, "potts.v1.Issue");
        assert_eq!(resource.resource_name, "projects/a/issues/1");

        let (code, _, details) = status(Error::Exists { resource: "projects/a".into() });
        assert_eq!(code, Code::AlreadyExists);
        assert_eq!(details.resource_info().unwrap().resource_type, "potts.v1.Project");

        let (code, _, details) = status(Error::Refused {
            reason: Reason::InUse,
            subject: "projects/a".into(),
            rule: "it has issues".into(),
        });
        let violation = &details.precondition_failure().unwrap().violations[0];
        assert_eq!(code, Code::FailedPrecondition);
        assert_eq!((&*violation.r#type, &*violation.subject), ("IN_USE", "projects/a"));

        let subject = "projects/a".to_owned();
        let (code, reason, _) = status(Error::Conflict {
            reason: Reason::EtagMismatch,
            subject,
            problem: "changed".into(),
        });
        assert_eq!((code, reason.as_str()), (Code::Aborted, "ETAG_MISMATCH"));
    }

    #[test]
    fn who_shall_wait_is_told_how_long() {
        let (code, _, details) = status(Error::Exhausted {
            reason: Reason::QueueFull,
            problem: "full".into(),
            retry_after: Some(Duration::from_millis(70)),
        });
        assert_eq!(code, Code::ResourceExhausted);
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(Duration::from_millis(70)));

        let (_, _, details) = status(Error::Exhausted {
            reason: Reason::LimitReached,
            problem: "too many".into(),
            retry_after: None,
        });
        assert_eq!(details.quota_failure().unwrap().violations[0].description, "too many");

        let id = Uuid::max();
        let (code, reason, details) = status(Error::Unavailable {
            reason: Reason::OutcomeUnknown,
            problem: "nobody knows".into(),
            request_id: Some(id),
        });
        assert_eq!((code, reason.as_str()), (Code::Unavailable, "OUTCOME_UNKNOWN"));
        assert_eq!(details.retry_info().unwrap().retry_delay, Some(RETRY_AFTER));
        assert_eq!(details.error_info().unwrap().metadata["request_id"], id.to_string());
    }

    #[test]
    fn a_place_out_of_the_log_is_told_its_ends() {
        let (code, _, details) = status(Error::OutOfRange {
            reason: Reason::CursorExpired,
            problem: "gone".into(),
            oldest: Seq(5),
            head: Seq(9),
        });

        let metadata = &details.error_info().unwrap().metadata;
        assert_eq!(code, Code::OutOfRange);
        assert_eq!((&*metadata["oldest"], &*metadata["head"]), ("5", "9"));
    }

    #[test]
    fn causes_are_not_told() {
        let told = Status::from(Error::Internal(anyhow::anyhow!("the password is x")));

        assert_eq!(told.code(), Code::Internal);
        assert_eq!(told.message(), "internal error");
        assert!(!String::from_utf8_lossy(told.details()).contains("password"));
    }

    #[test]
    fn every_reason_has_its_number() {
        for &reason in Reason::ALL {
            let told =
                tell(Error::Invalid { reason, field: String::new(), problem: String::new() });
            assert_ne!(told.proto_reason(), ErrorReason::Unspecified, "{reason:?}");
        }
    }

    #[test]
    fn the_same_cause_is_logged_once_a_second() {
        // A reason that no other test of this process logs.
        assert_eq!(may_log(Reason::LogDiverged), Some(0));
        assert_eq!(may_log(Reason::LogDiverged), None);
    }

    proptest! {
        #[test]
        fn a_status_stays_small_whatever_is_in_it(
            text in prop_oneof!["[a-z]{0,2000}", "[äß😀\\n\"]{0,2000}"],
        ) {
            for error in all(&text.repeat(5)) {
                let headers = Status::from(error).into_http::<tonic::body::Body>();
                let bytes: usize =
                    headers.headers().iter().map(|(k, v)| k.as_str().len() + v.len()).sum();
                prop_assert!(bytes < 4 * 1024, "{bytes} bytes");
            }
        }
    }
}
