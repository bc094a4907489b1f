//! Everything that can be refused, in the words a program acts on.
//!
//! A variant exists where a program would act differently; finer differences are a [`Reason`]. The
//! doors to the outside translate: `transport/status.rs` is the one for gRPC.

use std::time::Duration;

use uuid::Uuid;

use super::event::Seq;

/// The result of a rule.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The call itself is wrong: nobody could do that, ever.
    #[error("{field}: {problem}")]
    Invalid { reason: Reason, field: String, problem: String },
    /// There is no such thing, or it is hidden: both look the same.
    #[error("{resource} does not exist")]
    NotFound { resource: String },
    /// The name is taken.
    #[error("{resource} exists already")]
    Exists { resource: String },
    /// The state does not allow it now.
    #[error("{subject}: {rule}")]
    Refused { reason: Reason, subject: String, rule: String },
    /// Somebody else was faster.
    #[error("{subject}: {problem}")]
    Conflict { reason: Reason, subject: String, problem: String },
    /// There is too much of it now; `retry_after` where waiting helps.
    #[error("{problem}")]
    Exhausted { reason: Reason, problem: String, retry_after: Option<Duration> },
    /// A place that the log does not have.
    #[error("{problem}")]
    OutOfRange { reason: Reason, problem: String, oldest: Seq, head: Seq },
    /// Nobody knows who is calling.
    #[error("{problem}")]
    Unauthenticated { problem: String },
    /// The caller's deadline passed before anything was changed.
    #[error("the deadline passed, nothing was changed")]
    DeadlinePassed,
    /// Not now; the same call again is the remedy. `request_id` names an outcome that is unknown.
    #[error("{problem}")]
    Unavailable { reason: Reason, problem: String, request_id: Option<Uuid> },
    /// A defect of ours. The cause is for the log, never for the caller.
    #[error("internal error")]
    Internal(anyhow::Error),
}

macro_rules! reasons {
    ($($variant:ident => $name:literal,)*) => {
        /// The machine-readable reason of a refusal: `potts.v1.ErrorReason` without its prefix.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $(#[doc = $name] $variant,)* }

        impl Reason {
            /// All reasons.
            pub const ALL: &[Reason] = &[$(Reason::$variant,)*];

            /// The name that travels.
            pub const fn as_str(self) -> &'static str {
                match self { $(Reason::$variant => $name,)* }
            }
        }
    };
}

reasons! {
    FieldRequired => "FIELD_REQUIRED",
    FieldInvalid => "FIELD_INVALID",
    FieldTooLarge => "FIELD_TOO_LARGE",
    FieldUnknown => "FIELD_UNKNOWN",
    UseVerb => "USE_VERB",
    StatusUnknown => "STATUS_UNKNOWN",
    EventTypeUnknown => "EVENT_TYPE_UNKNOWN",
    PageTokenInvalid => "PAGE_TOKEN_INVALID",
    CursorMalformed => "CURSOR_MALFORMED",
    RequestIdReused => "REQUEST_ID_REUSED",
    CommandTooLarge => "COMMAND_TOO_LARGE",
    CredentialInvalid => "CREDENTIAL_INVALID",
    ResourceNotFound => "RESOURCE_NOT_FOUND",
    ResourceExists => "RESOURCE_EXISTS",
    TransitionForbidden => "TRANSITION_FORBIDDEN",
    IssueClosed => "ISSUE_CLOSED",
    InUse => "IN_USE",
    EpochChanged => "EPOCH_CHANGED",
    LogDiverged => "LOG_DIVERGED",
    EtagMismatch => "ETAG_MISMATCH",
    Contention => "CONTENTION",
    CursorExpired => "CURSOR_EXPIRED",
    CursorAhead => "CURSOR_AHEAD",
    LimitReached => "LIMIT_REACHED",
    QueueFull => "QUEUE_FULL",
    DeadlinePassed => "DEADLINE_PASSED",
    DatabaseUnavailable => "DATABASE_UNAVAILABLE",
    OutcomeUnknown => "OUTCOME_UNKNOWN",
    ShuttingDown => "SHUTTING_DOWN",
    Internal => "INTERNAL",
}

impl Error {
    /// The reason that travels with it.
    pub fn reason(&self) -> Reason {
        match self {
            Error::Invalid { reason, .. }
            | Error::Refused { reason, .. }
            | Error::Conflict { reason, .. }
            | Error::Exhausted { reason, .. }
            | Error::OutOfRange { reason, .. }
            | Error::Unavailable { reason, .. } => *reason,
            Error::NotFound { .. } => Reason::ResourceNotFound,
            Error::Exists { .. } => Reason::ResourceExists,
            Error::Unauthenticated { .. } => Reason::CredentialInvalid,
            Error::DeadlinePassed => Reason::DeadlinePassed,
            Error::Internal(_) => Reason::Internal,
        }
    }
}

/// A field that breaks its rule.
pub fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Error {
    Error::Invalid { reason: Reason::FieldInvalid, field: field.into(), problem: problem.into() }
}

/// A field that must be there and is not.
pub fn required(field: impl Into<String>) -> Error {
    Error::Invalid {
        reason: Reason::FieldRequired,
        field: field.into(),
        problem: "must be set".into(),
    }
}

/// A field over its bound.
pub fn too_large(field: impl Into<String>, bound: impl std::fmt::Display) -> Error {
    Error::Invalid {
        reason: Reason::FieldTooLarge,
        field: field.into(),
        problem: format!("must be at most {bound}"),
    }
}

/// A thing that there is not.
pub fn not_found(resource: impl std::fmt::Display) -> Error {
    Error::NotFound { resource: resource.to_string() }
}

/// At most 100 characters of what a caller wrote, to quote it in a message.
pub fn quoted(text: &str) -> String {
    let mut short: String = text.chars().take(100).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    format!("{short:?}")
}
