//! `potts issue create`.

use clap::Args;

use super::fields::Fields;
use super::show;
use crate::cli::client::Client;
use crate::cli::project::Write;
use crate::cli::{Failure, Output, names};
use crate::proto;

pub const EXAMPLES: &str = "\
Examples:
  potts issue create ABC 'The door sticks'
  potts issue create abc 'The door sticks' --priority 2 --milestone spring --annotation team=doors
  potts issue create abc 'A hinge creaks' --type bug --parent ABC-1 --tag doors --assign ann
  potts issue create abc 'Disk full' --parameters '{\"host\": \"a1\", \"free\": 3}' --json";

#[derive(Args, Debug)]
pub struct Create {
    /// The project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    /// What the matter is, in one line
    title: String,
    /// What it is: the id of an issue type
    #[arg(long = "type", value_name = "TYPE", default_value = "", hide_default_value = true)]
    issue_type: String,
    /// Who is to work on it: ann, or groups/qa; may be given several times
    #[arg(long, value_name = "WHO", value_parser = names::principal)]
    assign: Vec<String>,
    /// Who answers for it; whoever creates it otherwise
    #[arg(long, value_name = "ACTOR", value_parser = names::principal)]
    owner: Option<String>,
    /// Hold work on it until it is activated
    #[arg(long)]
    inactive: bool,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    write: Write,
}

impl Create {
    /// Asks, and prints the answer.
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Create { project, title, issue_type, assign, owner, inactive, fields, write } = self;
        let mut issue = proto::Issue {
            title,
            issue_type,
            assignees: assign,
            owner: owner.unwrap_or_default(),
            active: Some(!inactive),
            ..proto::Issue::default()
        };
        fields.put(&mut issue);
        let request = |request_id, validate_only| proto::CreateIssueRequest {
            parent: project,
            issue: Some(issue),
            request_id,
            validate_only,
        };
        send_write!(client, output, write, create_issue, "potts.v1.CreateIssueResponse", request)
    }
}
