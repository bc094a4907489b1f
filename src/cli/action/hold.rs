//! What those do who do the work: claim it, hold it, finish it.

use std::time::Duration;

use clap::Args;
use prost::Message as _;

use super::{send_write, show};
use crate::cli::client::{Client, request_id, span};
use crate::cli::json::{parse_struct, write_line};
use crate::cli::project::Write;
use crate::cli::render::time;
use crate::cli::{Exit, Failure, Output, names};
use crate::proto;

/// The way of an answer that comes when the waiting is over.
const WAIT_MARGIN: Duration = Duration::from_secs(5);

#[derive(Args, Debug)]
pub struct Claim {
    /// Which action, such as ABC-12/actions/3
    action: String,
    #[command(flatten)]
    write: Write,
}

impl Claim {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Claim { action: name, write } = self;
        let request = |request_id, validate_only| proto::ClaimActionRequest {
            name,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, claim_action, "ClaimActionResponse", request)
    }
}

#[derive(Args, Debug)]
pub struct Next {
    /// The project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    /// Claim only actions of this type; may be given several times
    #[arg(long = "type", value_name = "ID")]
    action_type: Vec<String>,
    /// At most so many, up to 100
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    max: i32,
    /// How long to wait where there is nothing: 500ms, 30s, up to 60s
    #[arg(long, value_name = "TIME", value_parser = span)]
    wait: Option<Duration>,
    /// Fail where there is nothing
    #[arg(long)]
    refuse_empty: bool,
    #[command(flatten)]
    write: Write,
}

impl Next {
    /// How long a call may take that waits so long.
    pub fn timeout(&self, least: Duration) -> Duration {
        self.wait.map_or(least, |wait| least.max(wait + WAIT_MARGIN))
    }

    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Next { project, action_type, max, wait, refuse_empty, write } = self;
        let wait = wait.map(|wait| prost_types::Duration {
            seconds: i64::try_from(wait.as_secs()).unwrap_or(i64::MAX),
            nanos: i32::try_from(wait.subsec_nanos()).unwrap_or_default(),
        });
        let request_id = request_id(&write.request_id);
        let request = proto::ClaimNextActionsRequest {
            parent: project,
            action_types: action_type,
            max,
            wait,
            refuse_empty,
            request_id: request_id.clone(),
            validate_only: write.validate_only,
        };
        let send = async |request| client.actions().claim_next_actions(request).await;
        let answer = client.write(&request_id, request, send).await?;
        if write.json {
            let name = "potts.v1.ClaimNextActionsResponse";
            return write_line(output.out, name, &answer.encode_to_vec());
        }
        Ok(show::claimed(output.out, &answer.actions)?)
    }
}

/// A claim of the caller.
#[derive(Args, Debug)]
struct Held {
    /// Which action, such as ABC-12/actions/3
    action: String,
    /// The number that came with the claim; looked up if the caller holds it
    #[arg(long, value_name = "NUMBER")]
    fence: Option<i64>,
}

impl Held {
    /// The name and the fence.
    async fn look_up(self, client: &Client) -> Result<(String, i64), Failure> {
        let Held { action: name, fence } = self;
        if let Some(fence) = fence {
            return Ok((name, fence));
        }
        let request = proto::GetActionRequest { name: name.clone() };
        let send = async |request| client.actions().get_action(request).await;
        let action = client.call(request, send).await?.action.unwrap_or_default();
        if action.fence == 0 {
            let summary = format!("{name} is not yours: claim it first, or say --fence");
            return Err(Failure::Some { exit: Exit::Refused, summary });
        }
        Ok((name, action.fence))
    }
}

#[derive(Args, Debug)]
pub struct Start {
    #[command(flatten)]
    held: Held,
    #[command(flatten)]
    write: Write,
}

impl Start {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Start { held, write } = self;
        let (name, fence) = held.look_up(client).await?;
        let request = |request_id, validate_only| proto::StartActionRequest {
            name,
            fence,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, start_action, "StartActionResponse", request)
    }
}

#[derive(Args, Debug)]
pub struct Heartbeat {
    #[command(flatten)]
    held: Held,
    /// How far the work is, 0 to 100
    #[arg(long, value_name = "PERCENT")]
    progress: Option<i32>,
    /// What there is to say about it
    #[arg(long, value_name = "TEXT")]
    note: Option<String>,
    /// Print the answer as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

impl Heartbeat {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Heartbeat { held, progress, note, json } = self;
        let (name, fence) = held.look_up(client).await?;
        let request = proto::HeartbeatActionRequest { name, fence, progress, note };
        let send = async |request| client.actions().heartbeat_action(request).await;
        let answer = client.call(request, send).await?;
        if json {
            let name = "potts.v1.HeartbeatActionResponse";
            return write_line(output.out, name, &answer.encode_to_vec());
        }
        let until = answer.lease_expire_time.as_ref();
        let held =
            until.map_or_else(|| "held".into(), |at| format!("held until {}", time(Some(at))));
        Ok(writeln!(output.out, "{held}")?)
    }
}

#[derive(Args, Debug)]
pub struct Complete {
    #[command(flatten)]
    held: Held,
    /// What came of it
    #[arg(long, value_name = "JSON", value_parser = parse_struct)]
    result: Option<prost_types::Struct>,
    #[command(flatten)]
    write: Write,
}

impl Complete {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Complete { held, result, write } = self;
        let (name, fence) = held.look_up(client).await?;
        let request = |request_id, validate_only| proto::CompleteActionRequest {
            name,
            fence,
            result,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, complete_action, "CompleteActionResponse", request)
    }
}

#[derive(Args, Debug)]
pub struct Fail {
    #[command(flatten)]
    held: Held,
    /// What kind of error, in one word for programs
    error: String,
    /// What went wrong
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    message: String,
    /// What else there is to know
    #[arg(long, value_name = "JSON", value_parser = parse_struct)]
    attributes: Option<prost_types::Struct>,
    /// Another attempt would not help
    #[arg(long)]
    fatal: bool,
    #[command(flatten)]
    write: Write,
}

impl Fail {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Fail { held, error, message, attributes, fatal, write } = self;
        let (name, fence) = held.look_up(client).await?;
        let error = proto::ActionError { name: error, message, attributes };
        let request = |request_id, validate_only| proto::FailActionRequest {
            name,
            fence,
            error: Some(error),
            fatal,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, fail_action, "FailActionResponse", request)
    }
}

#[derive(Args, Debug)]
pub struct Release {
    #[command(flatten)]
    held: Held,
    /// Why, for the event
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    write: Write,
}

impl Release {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Release { held, reason, write } = self;
        let (name, fence) = held.look_up(client).await?;
        let request = |request_id, validate_only| proto::ReleaseActionRequest {
            name,
            fence,
            reason,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, release_action, "ReleaseActionResponse", request)
    }
}
