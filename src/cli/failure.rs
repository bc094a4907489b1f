//! What went wrong, in a line or two, and the exit code that says it to programs.

use std::error::Error as _;
use std::io::{self, Write};
use std::process::ExitCode;
use std::time::Duration;

use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use super::render::plain;

/// How the program ends when it did not work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// The service refused it.
    Refused = 1,
    /// The command line is wrong, or an input cannot be read (`EX_USAGE`).
    Usage = 64,
    /// The service cannot be reached or did not answer in time (`EX_UNAVAILABLE`).
    Unreachable = 69,
    /// The answer cannot be understood (`EX_SOFTWARE`).
    Answer = 70,
    /// The system does not let the program begin (`EX_OSERR`).
    System = 71,
    /// The output cannot be written (`EX_IOERR`).
    Output = 74,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(match exit {
            Exit::Refused => 1,
            Exit::Usage => 64,
            Exit::Unreachable => 69,
            Exit::Answer => 70,
            Exit::System => 71,
            Exit::Output => 74,
        })
    }
}

/// Why a verb did not do what it was asked.
#[derive(Debug)]
pub enum Failure {
    /// The command line or an input is wrong.
    Usage(String),
    /// The service said no, or could not be reached; `hint` says what helps.
    Status { status: Status, hint: Option<String> },
    /// There is no connection.
    NoConnection(String),
    /// The service did not answer within the time.
    Late(Duration),
    /// The service said what cannot be understood.
    Answer(String),
    /// The output cannot be written.
    Output(io::Error),
    /// Some of many things failed, each of which was told already.
    Some { exit: Exit, summary: String },
}

impl From<Status> for Failure {
    fn from(status: Status) -> Failure {
        Failure::Status { status, hint: None }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Output(error)
    }
}

impl Failure {
    /// The exit code of it.
    pub fn exit(&self) -> Exit {
        match self {
            Failure::Usage(_) => Exit::Usage,
            Failure::Status { status, .. } if is_outage(status) => Exit::Unreachable,
            Failure::Status { status, .. } if is_late(status) => Exit::Unreachable,
            Failure::Status { .. } => Exit::Refused,
            Failure::NoConnection(_) | Failure::Late(_) => Exit::Unreachable,
            Failure::Answer(_) => Exit::Answer,
            Failure::Output(_) => Exit::Output,
            Failure::Some { exit, .. } => *exit,
        }
    }

    /// Adds what helps, where nothing better is known.
    pub fn or_hint(mut self, better: impl FnOnce() -> String) -> Failure {
        if let Failure::Status { hint, .. } = &mut self {
            hint.get_or_insert_with(better);
        }
        self
    }

    /// Tells people: the problem, the fields to blame, what helps.
    pub fn tell(&self, err: &mut dyn Write) -> io::Result<()> {
        writeln!(err, "potts: {}", self.message())?;
        let Failure::Status { status, hint } = self else {
            if let Failure::NoConnection(_) = self {
                writeln!(err, "hint: is the service running? `potts serve` starts one;")?;
                writeln!(err, "      --address or POTTS_ADDRESS says where it is")?;
            }
            return Ok(());
        };
        let bad_request = status.get_details_bad_request();
        for violation in bad_request.into_iter().flat_map(|bad| bad.field_violations) {
            let said = format!("{}: {}", violation.field, violation.description);
            if !status.message().contains(&said) {
                writeln!(err, "  {}", plain(&said))?;
            }
        }
        match hint.as_deref().or_else(|| remedy(&reason(status))) {
            Some(hint) => writeln!(err, "hint: {hint}"),
            None => Ok(()),
        }
    }

    /// The problem in one line.
    pub fn message(&self) -> String {
        match self {
            Failure::Usage(problem) | Failure::Answer(problem) => plain(problem),
            Failure::NoConnection(problem) => plain(problem),
            Failure::Late(within) => format!("the service did not answer within {within:?}"),
            Failure::Output(error) => format!("cannot write the output: {error}"),
            Failure::Some { summary, .. } => summary.clone(),
            Failure::Status { status, .. } if status.source().is_some() => match is_late(status) {
                true => "the service did not answer in time (DEADLINE_EXCEEDED)".into(),
                false => format!("the connection broke: {}", plain(status.message())),
            },
            Failure::Status { status, .. } => {
                let reason = reason(status);
                match status.message() {
                    "" => reason,
                    message => format!("{} ({reason})", plain(message)),
                }
            }
        }
    }
}

/// The reason of a refusal for programs; the name of its code where the service gave none.
pub fn reason(status: &Status) -> String {
    match status.get_details_error_info() {
        Some(info) if !info.reason.is_empty() => plain(&info.reason),
        _ => code_name(status.code()).to_owned(),
    }
}

/// Whether the service, or the way to it, is not there now: the same call again is the remedy.
pub fn is_outage(status: &Status) -> bool {
    // A status with a source was made on this side, out of a connection that broke.
    status.code() == Code::Unavailable || (status.source().is_some() && !is_late(status))
}

/// Whether the time that was allowed is over.
fn is_late(status: &Status) -> bool {
    let mut source = status.source();
    while let Some(error) = source {
        if error.is::<tonic::TimeoutExpired>() {
            return true;
        }
        source = error.source();
    }
    status.code() == Code::DeadlineExceeded
}

/// Whether nobody can tell if the call happened: no answer came, or one that says so.
pub fn is_unknown(status: &Status) -> bool {
    let nothing_changed = ["DATABASE_UNAVAILABLE", "SHUTTING_DOWN", "DEADLINE_PASSED"];
    (is_outage(status) || is_late(status)) && !nothing_changed.contains(&reason(status).as_str())
}

/// Whether sending the same again, later, is what the service asks for.
pub fn is_worth_again(status: &Status) -> bool {
    is_outage(status) || matches!(reason(status).as_str(), "QUEUE_FULL" | "CONTENTION")
}

/// How long the service asks to wait before that.
pub fn retry_after(status: &Status) -> Option<Duration> {
    status.get_details_retry_info().and_then(|info| info.retry_delay)
}

fn remedy(reason: &str) -> Option<&'static str> {
    Some(match reason {
        "CREDENTIAL_INVALID" => "give a valid --token, or set POTTS_TOKEN",
        "ETAG_MISMATCH" => "somebody else was faster: read it again, then decide again",
        "CURSOR_EXPIRED" | "CURSOR_AHEAD" | "EPOCH_CHANGED" | "LOG_DIVERGED" => {
            "that place is not in this log: list what there is, then start anew without the cursor"
        }
        "EVENT_TYPE_UNKNOWN" => "`potts event types` lists them",
        "ISSUE_CLOSED" => "`potts issue reopen` opens it again",
        "IN_USE" => "--force deletes it with all that it holds",
        _ => return None,
    })
}

fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use tonic_types::ErrorDetails;

    use super::*;

    fn told(failure: &Failure) -> String {
        let mut err = Vec::new();
        failure.tell(&mut err).unwrap();
        String::from_utf8(err).unwrap()
    }

    fn refusal(code: Code, message: &str, reason: &str) -> Status {
        let details = ErrorDetails::with_error_info(reason, "potts", HashMap::new());
        Status::with_error_details(code, message, details)
    }

    #[test]
    fn exit_codes_tell_usage_refusal_and_outage_apart() {
        let exit = |code| Failure::from(Status::new(code, "x")).exit();

        assert_eq!(exit(Code::NotFound), Exit::Refused);
        assert_eq!(exit(Code::Internal), Exit::Refused);
        assert_eq!(exit(Code::Unavailable), Exit::Unreachable);
        assert_eq!(exit(Code::DeadlineExceeded), Exit::Unreachable);
        assert_eq!(Failure::Usage("x".into()).exit(), Exit::Usage);
        assert_eq!(Failure::NoConnection("x".into()).exit(), Exit::Unreachable);
        let broken = Status::from_error(Box::new(io::Error::from(io::ErrorKind::BrokenPipe)));
        assert_eq!(Failure::from(broken).exit(), Exit::Unreachable);
    }

    #[test]
    fn a_refusal_is_told_with_its_reason_its_fields_and_a_hint() {
        let mut details = ErrorDetails::with_error_info("FIELD_INVALID", "potts", HashMap::new());
        details.add_bad_request_violation("issue.title", "must be one line");
        let status =
            Status::with_error_details(Code::InvalidArgument, "the call is wrong", details);

        let told_it = told(&status.into());
        assert_eq!(
            told_it,
            "potts: the call is wrong (FIELD_INVALID)\n  issue.title: must be one line\n"
        );
        let status = refusal(Code::Unauthenticated, "no token", "CREDENTIAL_INVALID");
        assert_eq!(
            told(&status.into()),
            "potts: no token (CREDENTIAL_INVALID)\n\
             hint: give a valid --token, or set POTTS_TOKEN\n"
        );
    }

    #[test]
    fn what_the_service_says_cannot_steer_a_terminal() {
        let status = Status::not_found("\u{1b}[2J\nno such thing");
        assert_eq!(told(&status.into()), "potts: \\u{1b}[2J\\nno such thing (NOT_FOUND)\n");
    }

    #[test]
    fn a_full_queue_is_worth_another_try_and_a_limit_is_not() {
        assert!(is_worth_again(&refusal(Code::ResourceExhausted, "", "QUEUE_FULL")));
        assert!(is_worth_again(&refusal(Code::Unavailable, "", "SHUTTING_DOWN")));
        assert!(!is_worth_again(&refusal(Code::ResourceExhausted, "", "LIMIT_REACHED")));
        assert!(!is_worth_again(&refusal(Code::Internal, "", "INTERNAL")));
    }
}
