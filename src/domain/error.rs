//! Everything that can be refused, in the words a program acts on.
//!
//! A variant exists where a program would act differently; finer differences are a [`Reason`]. The
//! doors to the outside translate: `transport/status.rs` is the one for gRPC.

use std::collections::BTreeMap;
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
    /// There is nothing to do, and the caller asked to be told so.
    #[error("{queue} has nothing to claim")]
    Empty { queue: String },
    /// It is known who is calling, and that may not be done by them.
    #[error("{subject}: {problem}")]
    Forbidden { reason: Reason, subject: String, problem: String },
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
    /// An error, and what a program wants to know besides its reason.
    #[error("{error}")]
    Detailed { error: Box<Error>, metadata: BTreeMap<&'static str, String> },
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
    SchemaViolation => "SCHEMA_VIOLATION",
    StatusUnknown => "STATUS_UNKNOWN",
    EventTypeUnknown => "EVENT_TYPE_UNKNOWN",
    ExpressionInvalid => "EXPRESSION_INVALID",
    FilterInvalid => "FILTER_INVALID",
    PageTokenInvalid => "PAGE_TOKEN_INVALID",
    CursorMalformed => "CURSOR_MALFORMED",
    Cycle => "CYCLE",
    RequestIdReused => "REQUEST_ID_REUSED",
    CommandTooLarge => "COMMAND_TOO_LARGE",
    CredentialInvalid => "CREDENTIAL_INVALID",
    RoleRequired => "ROLE_REQUIRED",
    NotPerformer => "NOT_PERFORMER",
    AccessRevoked => "ACCESS_REVOKED",
    ResourceNotFound => "RESOURCE_NOT_FOUND",
    QueueEmpty => "QUEUE_EMPTY",
    ResourceExists => "RESOURCE_EXISTS",
    TransitionForbidden => "TRANSITION_FORBIDDEN",
    ConditionFalse => "CONDITION_FALSE",
    FieldsMissing => "FIELDS_MISSING",
    ActionsOpen => "ACTIONS_OPEN",
    IssueBlocked => "ISSUE_BLOCKED",
    IssueClosed => "ISSUE_CLOSED",
    ActionState => "ACTION_STATE",
    FenceStale => "FENCE_STALE",
    DedupKeyTaken => "DEDUP_KEY_TAKEN",
    UniqueKeyTaken => "UNIQUE_KEY_TAKEN",
    StatusInUse => "STATUS_IN_USE",
    InUse => "IN_USE",
    BuiltIn => "BUILT_IN",
    EpochChanged => "EPOCH_CHANGED",
    LogDiverged => "LOG_DIVERGED",
    NotDelivered => "NOT_DELIVERED",
    ConsumerExpired => "CONSUMER_EXPIRED",
    EtagMismatch => "ETAG_MISMATCH",
    ClaimLost => "CLAIM_LOST",
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
            Error::Forbidden { reason, .. } => *reason,
            Error::NotFound { .. } => Reason::ResourceNotFound,
            Error::Empty { .. } => Reason::QueueEmpty,
            Error::Detailed { error, .. } => error.reason(),
            Error::Exists { .. } => Reason::ResourceExists,
            Error::Unauthenticated { .. } => Reason::CredentialInvalid,
            Error::DeadlinePassed => Reason::DeadlinePassed,
            Error::Internal(_) => Reason::Internal,
        }
    }

    /// The same error, with one more thing that a program may want to know: it travels as metadata
    /// of the `ErrorInfo`.
    #[must_use]
    pub fn with(self, key: &'static str, value: impl std::fmt::Display) -> Error {
        let (error, mut metadata) = self.into_details();
        metadata.insert(key, value.to_string());
        Error::Detailed { error: Box::new(error), metadata }
    }

    /// The error itself, and what was said with it.
    pub fn into_details(self) -> (Error, BTreeMap<&'static str, String>) {
        if let Error::Detailed { error, metadata } = self {
            (*error, metadata)
        } else {
            (self, BTreeMap::new())
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

/// A state that does not allow it now.
pub fn refused(reason: Reason, subject: impl std::fmt::Display, rule: impl Into<String>) -> Error {
    Error::Refused { reason, subject: subject.to_string(), rule: rule.into() }
}

/// More of these than there may be.
pub fn limit_reached(problem: impl Into<String>) -> Error {
    let (reason, problem) = (Reason::LimitReached, problem.into());
    Error::Exhausted { reason, problem, retry_after: None }
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
