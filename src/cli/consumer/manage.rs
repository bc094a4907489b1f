//! Verbs that change a consumer.

use std::time::Duration;

use clap::Args;

use super::{Named, Write};
use crate::cli::client::{Client, span};
use crate::cli::verbs::send_write;
use crate::cli::{Failure, Output, names};
use crate::proto;
use crate::proto::consumer_start::Start as Sent;

use super::show::row;

/// Where to start.
#[derive(Args, Debug)]
#[group(multiple = false)]
struct Start {
    /// With the oldest event
    #[arg(long)]
    from_beginning: bool,
    /// With the next event that happens
    #[arg(long)]
    from_now: bool,
    /// After this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

impl Start {
    fn encode(self) -> Option<proto::ConsumerStart> {
        let start = match self {
            Start { after: Some(cursor), .. } => Sent::After(cursor),
            Start { from_beginning: true, .. } => Sent::FromBeginning(true),
            Start { from_now: true, .. } => Sent::FromNow(true),
            Start { .. } => return None,
        };
        Some(proto::ConsumerStart { start: Some(start) })
    }
}

/// Which events to take. Each option may be given several times, and any of its values will do.
#[derive(Args, Debug)]
struct Takes {
    /// Only events of this type: issue.closed, or all of a noun: issue.*
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    kind: Vec<String>,
    /// Only events that happened to this: a name, or the key of an issue
    #[arg(long, value_name = "NAME")]
    subject: Vec<String>,
    /// Only events of this project, and not of that of the consumer; - is the installation
    #[arg(long, value_parser = names::project, value_delimiter = ',', value_name = "PROJECT")]
    of_project: Vec<String>,
}

impl Takes {
    fn encode(&self) -> Option<proto::EventFilter> {
        let Takes { kind, subject, of_project } = self;
        let filter = proto::EventFilter {
            projects: of_project.clone(),
            types: kind.clone(),
            subjects: subject.clone(),
            ..proto::EventFilter::default()
        };
        (filter != proto::EventFilter::default()).then_some(filter)
    }
}

/// What can be changed later.
#[derive(Args, Debug)]
struct Settings {
    #[command(flatten)]
    filter: Takes,
    /// How long a member may be silent about an event: 30s, 2m
    #[arg(long, value_name = "TIME", value_parser = span)]
    ack_deadline: Option<Duration>,
    /// How often an event is tried before it is parked
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    attempts_max: i32,
}

impl Settings {
    fn consumer(&self) -> proto::Consumer {
        let Settings { filter, ack_deadline, attempts_max } = self;
        proto::Consumer {
            filter: filter.encode(),
            ack_deadline: ack_deadline.and_then(|span| prost_types::Duration::try_from(span).ok()),
            attempts_max: *attempts_max,
            ..proto::Consumer::default()
        }
    }
}

#[derive(Args, Debug)]
pub struct Create {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    settings: Settings,
    /// Over how many buckets the keys are spread: so many members can share it
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    buckets: i32,
    /// Order all events of a project, and not those of an issue
    #[arg(long)]
    by_project: bool,
    #[command(flatten)]
    start: Start,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
pub struct Update {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    settings: Settings,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
pub struct Replay {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    filter: Takes,
    /// Only events up to this seq
    #[arg(long, value_name = "SEQ", default_value_t = 0, hide_default_value = true)]
    through: i64,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
pub struct Reset {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    start: Start,
    #[command(flatten)]
    write: Write,
}

/// Which consumer, if it is still the same.
#[derive(Args, Debug)]
pub struct Steer {
    #[command(flatten)]
    named: Named,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    write: Write,
}

impl Create {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Create { named, settings, buckets, by_project, start, write } = self;
        let keyed_by =
            if by_project { proto::KeyedBy::Project } else { proto::KeyedBy::Root }.into();
        let consumer = proto::Consumer { buckets, keyed_by, ..settings.consumer() };
        let request = |request_id| proto::CreateConsumerRequest {
            parent: named.project,
            consumer_id: named.id,
            consumer: Some(consumer),
            start: start.encode(),
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.events.create_consumer,
            output,
            write,
            "potts.v1.CreateConsumerResponse",
            request,
            consumer => row
        )
    }
}

impl Update {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Update { named, settings, etag, write } = self;
        let consumer = proto::Consumer { name: named.name(), etag, ..settings.consumer() };
        let request = |request_id| proto::UpdateConsumerRequest {
            consumer: Some(consumer),
            update_mask: None,
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.events.update_consumer,
            output,
            write,
            "potts.v1.UpdateConsumerResponse",
            request,
            consumer => row
        )
    }
}

impl Replay {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Replay { named, filter, through, write } = self;
        let request = |request_id| proto::ReplayParkedEventsRequest {
            name: named.name(),
            filter: filter.encode(),
            through_seq: through,
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.events.replay_parked_events,
            output,
            write,
            "potts.v1.ReplayParkedEventsResponse",
            request,
            consumer => row
        )
    }
}

impl Reset {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Reset { named, start, write } = self;
        let request = |request_id| proto::ResetConsumerRequest {
            name: named.name(),
            etag: String::new(),
            start: start.encode(),
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.events.reset_consumer,
            output,
            write,
            "potts.v1.ResetConsumerResponse",
            request,
            consumer => row
        )
    }
}

/// Verbs that ask for nothing but a consumer.
macro_rules! steers {
    ($($verb:ident, $send:ident, $request:ident, $answer:literal;)*) => {
        impl Steer {$(
            pub async fn $verb(
                self,
                client: &Client,
                output: &mut Output<'_>,
            ) -> Result<(), Failure> {
                let Steer { named, etag, write } = self;
                let (name, validate_only) = (named.name(), write.validate_only);
                let request =
                    |request_id| proto::$request { name, etag, request_id, validate_only };
                send_write!(
                    client.events.$send,
                    output,
                    write,
                    $answer,
                    request,
                    consumer => row
                )
            }
        )*}
    };
}

steers! {
    delete, delete_consumer, DeleteConsumerRequest, "potts.v1.DeleteConsumerResponse";
    pause, pause_consumer, PauseConsumerRequest, "potts.v1.PauseConsumerResponse";
    resume, resume_consumer, ResumeConsumerRequest, "potts.v1.ResumeConsumerResponse";
}
