//! Reading actions and attempts.

use clap::Args;
use prost::Message as _;

use super::fields::state;
use super::show;
use crate::cli::client::Client;
use crate::cli::json::write_line;
use crate::cli::{Failure, Output};
use crate::proto;

/// How many are asked for at once. One can be 400 KiB.
const PAGE_ROWS: i32 = 100;

#[derive(Args, Debug)]
pub struct Get {
    /// Which action, such as ABC-12/actions/3
    action: String,
    /// Print it as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

impl Get {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let request = proto::GetActionRequest { name: self.action };
        let send = async |request| client.actions().get_action(request).await;
        let action = client.call(request, send).await?.action.unwrap_or_default();
        if self.json {
            return write_line(output.out, "potts.v1.Action", &action.encode_to_vec());
        }
        Ok(show::card(output.out, &action)?)
    }
}

#[derive(Args, Debug)]
pub struct List {
    /// An issue, by its key or name, or a project, such as projects/abc
    parent: String,
    /// List only actions in this state; may be given several times
    #[arg(long, value_name = "STATE", value_parser = state)]
    state: Vec<proto::ActionState>,
    /// List only actions that are assigned to this actor
    #[arg(long, value_name = "ACTOR", default_value = "", hide_default_value = true)]
    assignee: String,
    /// List only actions of this type
    #[arg(long = "type", value_name = "ID", default_value = "", hide_default_value = true)]
    action_type: String,
    /// At most so many; all of them otherwise
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Print each as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

impl List {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let List { parent, state, assignee, action_type, limit, json } = self;
        let mut left = limit.unwrap_or(usize::MAX);
        let mut head = Some(show::HEAD);
        let mut request = proto::ListActionsRequest {
            parent,
            states: state.into_iter().map(i32::from).collect(),
            assignee,
            action_type,
            ..proto::ListActionsRequest::default()
        };
        while left > 0 {
            request.page_size = i32::try_from(left).unwrap_or(PAGE_ROWS).min(PAGE_ROWS);
            let send = async |request| client.actions().list_actions(request).await;
            let mut page = client.call(request.clone(), send).await?;
            page.actions.truncate(left);
            left -= page.actions.len();
            if json {
                for action in &page.actions {
                    write_line(output.out, "potts.v1.Action", &action.encode_to_vec())?;
                }
            } else {
                show::rows(output.out, head.take(), &page.actions)?;
            }
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

#[derive(Args, Debug)]
pub struct Attempts {
    /// Which action, such as ABC-12/actions/3
    action: String,
    /// At most so many; all of them otherwise
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Print each as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

impl Attempts {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Attempts { action: parent, limit, json } = self;
        let mut left = limit.unwrap_or(usize::MAX);
        let mut head = Some(show::ATTEMPTS_HEAD);
        let mut request = proto::ListAttemptsRequest { parent, ..Default::default() };
        while left > 0 {
            request.page_size = i32::try_from(left).unwrap_or(PAGE_ROWS).min(PAGE_ROWS);
            let send = async |request| client.actions().list_attempts(request).await;
            let mut page = client.call(request.clone(), send).await?;
            page.attempts.truncate(left);
            left -= page.attempts.len();
            if json {
                for attempt in &page.attempts {
                    write_line(output.out, "potts.v1.Attempt", &attempt.encode_to_vec())?;
                }
            } else {
                show::attempts(output.out, head.take(), &page.attempts)?;
            }
            request.page_token = page.next_page_token;
            if request.page_token.is_empty() {
                break;
            }
        }
        Ok(())
    }
}
