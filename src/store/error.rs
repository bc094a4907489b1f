//! What can go wrong with the database, in the few kinds that are treated differently.

use diesel::result::DatabaseErrorKind as Kind;
pub use diesel::result::Error as SqlError;

/// A failure of the database. `event-log` section 2.4 of the design is the table of remedies.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// Deadlock, lock or statement timeout, serialization: the same again, a little later.
    #[error("the database asks to try again")]
    Again(#[source] SqlError),
    /// The world is not as it was loaded: load again, decide again, at once.
    #[error("what was loaded is stale: {0}")]
    Stale(String),
    /// The log has no partition for the next events.
    #[error("no partition for the next events")]
    NoPartition(#[source] SqlError),
    /// The connection is gone, or could not be made.
    #[error("the database cannot be reached")]
    Lost(#[source] anyhow::Error),
    /// The database is there and cannot write: read-only, or the disk is full.
    #[error("the database cannot write")]
    Unwritable(#[source] SqlError),
    /// A defect of ours: the rules ought to have refused it.
    #[error("the database refuses a statement")]
    Bug(#[source] SqlError),
}

/// The result of talking to the database.
pub type Result<T> = std::result::Result<T, Fault>;

/// Constraints that only a race can break: somebody made the same thing first. Ids are made of the
/// request and the time, so the same request at the same time makes the same ones.
const RACES: &[&str] = &[
    "requests_pk",
    "projects_pk",
    "projects_uid_unique",
    "counters_pk",
    "definition_versions_pk",
    "inbound_keys_pk",
    "issues_uid_unique",
    "actions_uid_unique",
    "issues_dedup_key_unique",
    "relations_pk",
    "relations_uid_unique",
    "relations_link_unique",
    "comments_uid_unique",
    "object_references_uid_unique",
    "actors_pk",
    "actors_uid_unique",
    "groups_pk",
    "groups_uid_unique",
    "credentials_pk",
    "members_pk",
    "members_uid_unique",
    "members_member_unique",
    "consumers_pk",
    "consumers_uid_unique",
    "consumers_run_unique",
    "consumer_buckets_pk",
];

impl From<SqlError> for Fault {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "diesel's kinds are open; what is not named here the domain should have refused"
    )]
    fn from(error: SqlError) -> Fault {
        let SqlError::DatabaseError(kind, info) = &error else {
            // A pipelined statement behind one that failed.
            let broken = matches!(error, SqlError::BrokenTransactionManager);
            return if broken { Fault::Lost(error.into()) } else { Fault::Bug(error) };
        };
        let constraint = info.constraint_name().unwrap_or_default();
        match kind {
            // diesel-async reports every failure without SQLSTATE so: a dead connection.
            Kind::UnableToSendCommand | Kind::ClosedConnection => Fault::Lost(error.into()),
            Kind::UniqueViolation if RACES.contains(&constraint) => Fault::Stale(constraint.into()),
            // The head was beyond the partitions that the append looked at.
            Kind::UniqueViolation if constraint.starts_with("events_") => {
                Fault::Stale(constraint.into())
            }
            Kind::CheckViolation if info.message().contains("no partition") => {
                Fault::NoPartition(error)
            }
            Kind::ReadOnlyTransaction => Fault::Unwritable(error),
            Kind::SerializationFailure => Fault::Again(error),
            Kind::Unknown => unknown(error),
            _ => Fault::Bug(error),
        }
    }
}

/// The driver gives no SQLSTATE for these, so the words of the message decide. A server that speaks
/// another language than English costs a batch its speed, never its outcome: what is not
/// recognised is run again one by one.
fn unknown(error: SqlError) -> Fault {
    let SqlError::DatabaseError(_, info) = &error else { return Fault::Bug(error) };
    let message = info.message();
    let says = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if says(&["terminating connection", "is shutting down", "is starting up", "recovery mode"]) {
        Fault::Lost(error.into())
    } else if says(&["No space left", "could not extend", "could not write", "disk full"]) {
        Fault::Unwritable(error)
    } else if says(&["events_"]) && says(&["does not exist"]) {
        Fault::NoPartition(error)
    } else if says(&["canceling statement", "deadlock detected", "lock timeout"]) {
        Fault::Again(error)
    } else {
        Fault::Bug(error)
    }
}

impl Fault {
    /// Whether nobody knows what became of a commit that it answered. An error that leaves the
    /// connection standing is a refusal, and rolls back; a disk that is full may end the server in
    /// the middle of it.
    pub fn leaves_commit_unknown(&self) -> bool {
        match self {
            Fault::Lost(_) | Fault::Unwritable(_) => true,
            Fault::Again(_) | Fault::Stale(_) | Fault::NoPartition(_) | Fault::Bug(_) => false,
        }
    }
}
