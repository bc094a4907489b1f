//! What those do who look after the work: add it, change it, end it.

use clap::Args;

use super::fields::{Fields, after};
use super::{send_write, show};
use crate::cli::client::Client;
use crate::cli::project::Write;
use crate::cli::{Failure, Output};
use crate::proto;
use crate::proto::dependency::On;

#[derive(Args, Debug)]
pub struct Add {
    /// The issue: its key or its name
    issue: String,
    /// What is to be done, in one line
    title: String,
    /// The id of its type; everybody may do a `take-action`
    #[arg(long = "type", value_name = "ID", default_value = "", hide_default_value = true)]
    action_type: String,
    /// Who alone may do it: actors/ann
    #[arg(long, value_name = "ACTOR", default_value = "", hide_default_value = true)]
    assignee: String,
    /// What tells it from other unfinished actions of the issue
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    key: String,
    /// Wait for the end of this action, `=any-end` says for which; may be given several times
    #[arg(long, value_name = "ACTION", value_parser = after)]
    after: Vec<proto::Dependency>,
    /// Wait until this issue is closed; may be given several times
    #[arg(long, value_name = "ISSUE")]
    after_issue: Vec<String>,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    write: Write,
}

impl Add {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Add { issue, title, action_type, assignee, key, after, after_issue, fields, write } =
            self;
        let closed = after_issue.into_iter().map(|name| proto::Dependency {
            on: Some(On::Issue(name)),
            ..proto::Dependency::default()
        });
        let mut action = proto::Action {
            title,
            action_type,
            assignee,
            unique_key: key,
            dependencies: after.into_iter().chain(closed).collect(),
            ..proto::Action::default()
        };
        fields.put(&mut action);
        let request = |request_id, validate_only| proto::AddActionRequest {
            parent: issue,
            action: Some(action),
            request_id,
            validate_only,
        };
        send_write!(client, output, write, add_action, "AddActionResponse", request)
    }
}

/// Which action, and as who read it.
#[derive(Args, Debug)]
struct Which {
    /// Which action, such as ABC-12/actions/3
    action: String,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
}

#[derive(Args, Debug)]
pub struct Update {
    #[command(flatten)]
    which: Which,
    /// What is to be done, in one line
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    write: Write,
}

impl Update {
    /// An empty mask would mean another thing than nothing.
    pub fn check(&self) -> Result<(), Failure> {
        let nothing = self.mask().paths.is_empty();
        let problem = "there is nothing to change: say what, as with --title or --priority";
        if nothing { Err(Failure::Usage(problem.into())) } else { Ok(()) }
    }

    fn mask(&self) -> prost_types::FieldMask {
        let mut paths = self.fields.mask();
        paths.extend(self.title.is_some().then(|| "title".to_owned()));
        prost_types::FieldMask { paths }
    }

    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let update_mask = Some(self.mask());
        let Update { which: Which { action: name, etag }, title, fields, write } = self;
        let title = title.unwrap_or_default();
        let mut action = proto::Action { name, etag, title, ..proto::Action::default() };
        fields.put(&mut action);
        let request = |request_id, validate_only| proto::UpdateActionRequest {
            action: Some(action),
            update_mask,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, update_action, "UpdateActionResponse", request)
    }
}

#[derive(Args, Debug)]
pub struct Assign {
    #[command(flatten)]
    which: Which,
    /// Who is to do it: actors/ann
    #[arg(required_unless_present = "nobody")]
    assignee: Option<String>,
    /// Whoever may do it may
    #[arg(long, conflicts_with = "assignee")]
    nobody: bool,
    #[command(flatten)]
    write: Write,
}

impl Assign {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Assign { which: Which { action: name, etag }, assignee, nobody: _, write } = self;
        let request = |request_id, validate_only| proto::AssignActionRequest {
            name,
            assignee: assignee.unwrap_or_default(),
            etag,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, assign_action, "AssignActionResponse", request)
    }
}

#[derive(Args, Debug)]
pub struct End {
    #[command(flatten)]
    which: Which,
    /// Why, for the event
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    write: Write,
}

impl End {
    pub async fn skip(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let End { which: Which { action: name, etag }, reason, write } = self;
        let request = |request_id, validate_only| proto::SkipActionRequest {
            name,
            reason,
            etag,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, skip_action, "SkipActionResponse", request)
    }

    pub async fn cancel(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let End { which: Which { action: name, etag }, reason, write } = self;
        let request = |request_id, validate_only| proto::CancelActionRequest {
            name,
            reason,
            etag,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, cancel_action, "CancelActionResponse", request)
    }
}

#[derive(Args, Debug)]
pub struct Repeat {
    #[command(flatten)]
    which: Which,
    /// Repeat what depends on it and has ended too
    #[arg(long)]
    cascade: bool,
    /// Why, for the event
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    reason: String,
    #[command(flatten)]
    write: Write,
}

impl Repeat {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Repeat { which: Which { action: name, etag }, cascade, reason, write } = self;
        let request = |request_id, validate_only| proto::RepeatActionRequest {
            name,
            cascade,
            reason,
            etag,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, repeat_action, "RepeatActionResponse", request)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use crate::cli::Cli;

    #[test]
    fn an_action_is_assigned_to_somebody_or_to_nobody() {
        let parse = |words: &[&str]| {
            let line = ["potts", "action", "assign", "ABC-12/actions/3"];
            Cli::try_parse_from(line.iter().chain(words)).is_ok()
        };

        assert!(parse(&["actors/ann"]) && parse(&["--nobody"]));
        assert!(!parse(&[]) && !parse(&["actors/ann", "--nobody"]));
    }
}
