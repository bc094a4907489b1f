//! `potts issue assign`, `activate` and `deactivate`.

use clap::Args;

use super::{Named, Which, show};
use crate::cli::client::Client;
use crate::cli::project::Write;
use crate::cli::{Failure, Output, names};
use crate::proto;

pub const ASSIGN_EXAMPLES: &str = "\
Examples:
  potts issue assign ABC-12 --add ann --add groups/qa
  potts issue assign ABC-12 --remove ann --owner bob";
pub const ACTIVATE_EXAMPLES: &str = "\
Examples:
  potts issue activate ABC-12";
pub const DEACTIVATE_EXAMPLES: &str = "\
Examples:
  potts issue deactivate ABC-12";

#[derive(Args, Debug)]
pub struct Assign {
    #[command(flatten)]
    which: Which,
    /// Who is to work on it: ann, or groups/qa; may be given several times
    #[arg(long, value_name = "WHO", value_parser = names::principal)]
    #[arg(required_unless_present_any = ["remove", "owner"])]
    add: Vec<String>,
    /// Who is not to work on it any more; may be given several times
    #[arg(long, value_name = "WHO", value_parser = names::principal)]
    remove: Vec<String>,
    /// Who is to answer for it
    #[arg(long, value_name = "ACTOR", value_parser = names::principal)]
    owner: Option<String>,
    #[command(flatten)]
    write: Write,
}

impl Assign {
    /// Asks, and prints the answer.
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Assign { which: Which { issue: name, etag }, add, remove, owner, write } = self;
        let request = |request_id, validate_only| proto::AssignIssueRequest {
            name,
            add,
            remove,
            owner: owner.unwrap_or_default(),
            etag,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, assign_issue, "potts.v1.AssignIssueResponse", request)
    }
}

/// Lets work go on.
pub async fn activate(
    named: Named,
    client: &Client,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let Named { which: Which { issue: name, etag }, write } = named;
    let request = |request_id, validate_only| proto::ActivateIssueRequest {
        name,
        etag,
        request_id,
        validate_only,
    };
    send_write!(client, output, write, activate_issue, "potts.v1.ActivateIssueResponse", request)
}

/// Holds work.
pub async fn deactivate(
    named: Named,
    client: &Client,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let Named { which: Which { issue: name, etag }, write } = named;
    let request = |request_id, validate_only| proto::DeactivateIssueRequest {
        name,
        etag,
        request_id,
        validate_only,
    };
    let answer = "potts.v1.DeactivateIssueResponse";
    send_write!(client, output, write, deactivate_issue, answer, request)
}
