//! `potts issue`: what holds the state of a matter.

/// Sends a write and prints its answer.
macro_rules! send_write {
    ($client:ident, $output:ident, $write:ident, $send:ident, $answer:expr, $request:expr) => {
        $crate::cli::verbs::send_write!(
            $client.issues.$send, $output, $write, $answer,
            |request_id| $request(request_id, $write.validate_only), issue => show::summary
        )
    };
}

mod create;
mod fields;
mod people;
mod relations;
mod show;

use clap::{Args, Subcommand};
use prost::Message as _;

use self::create::Create;
use self::fields::Fields;
pub(super) use self::fields::{Due, due};
use self::people::Assign;
use self::relations::{Relate, Relations, Unrelate};
use super::client::{Client, Connection};
use super::comment::Comment;
use super::json::{parse_struct, write_line};
use super::project::Write;
use super::reference::Reference;
use super::verbs::{Listing, Shown};
use super::{Failure, Output, names};
use crate::proto;
use crate::proto::transition_issue_request::Move;

const GET_EXAMPLES: &str = "\
Examples:
  potts issue get ABC-12
  potts issue get projects/abc/issues/12 --json";
const LIST_EXAMPLES: &str = "\
Examples:
  potts issue list abc
  potts issue list abc --show-deleted --limit 20
  potts issue list abc --filter 'state = OPEN AND parameters.host = \"a1\"'
  potts issue list abc --filter 'priority <= 2 AND title:door' --order-by 'update_time desc'
  potts issue list abc --json";
const UPDATE_EXAMPLES: &str = "\
Examples:
  potts issue update ABC-12 --title 'The door sticks again' --priority 1
  potts issue update ABC-12 --description '' --due none --remove-annotation team";
const DELETE_EXAMPLES: &str = "\
Examples:
  potts issue delete ABC-12";
const UNDELETE_EXAMPLES: &str = "\
Examples:
  potts issue undelete ABC-12";
const TRANSITION_EXAMPLES: &str = "\
Examples:
  potts issue transition ABC-12 start
  potts issue transition ABC-12 --to in_progress --message 'on it'";
const CLOSE_EXAMPLES: &str = "\
Examples:
  potts issue close ABC-12
  potts issue close ABC-12 --resolution withdrawn --message 'nobody needs it'
  potts issue close ABC-12 --duplicate-of ABC-7";
const REOPEN_EXAMPLES: &str = "\
Examples:
  potts issue reopen ABC-12 --message 'it sticks again'";

/// Create, read and change issues.
#[derive(Args, Debug)]
pub struct Issue {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Create an issue
    #[command(after_help = create::EXAMPLES)]
    Create(Box<Create>),
    /// Show an issue
    #[command(after_help = GET_EXAMPLES)]
    Get(Get),
    /// List the issues of a project
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Change what is said about an issue
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Box<Update>),
    /// Hide an issue; it can be brought back for 30 days
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(Named),
    /// Bring a deleted issue back
    #[command(after_help = UNDELETE_EXAMPLES)]
    Undelete(Named),
    /// Move an issue to another status
    #[command(after_help = TRANSITION_EXAMPLES)]
    Transition(Transition),
    /// Close an issue
    #[command(after_help = CLOSE_EXAMPLES)]
    Close(Close),
    /// Open a closed issue again
    #[command(after_help = REOPEN_EXAMPLES)]
    Reopen(Reopen),
    /// Give an issue to people, take it from others
    #[command(after_help = people::ASSIGN_EXAMPLES)]
    Assign(Assign),
    /// Let work on an issue go on
    #[command(after_help = people::ACTIVATE_EXAMPLES)]
    Activate(Named),
    /// Hold work on an issue
    #[command(after_help = people::DEACTIVATE_EXAMPLES)]
    Deactivate(Named),
    /// Say how an issue stands to another
    #[command(after_help = relations::RELATE_EXAMPLES)]
    Relate(Relate),
    /// Take such a saying back
    #[command(after_help = relations::UNRELATE_EXAMPLES)]
    Unrelate(Unrelate),
    /// List how an issue stands to others
    #[command(after_help = relations::LIST_EXAMPLES)]
    Relations(Relations),
    /// Say something about an issue or an action
    Comment(Comment),
    /// Point from an issue or an action to something else
    Reference(Reference),
}

#[derive(Args, Debug)]
struct Get {
    /// Which issue: its key or its name
    issue: String,
    /// Print it as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct List {
    /// The project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    /// Only these, such as: state = OPEN AND (priority <= 2 OR due_time:*)
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,
    /// In this order, such as: priority desc, update_time. By number otherwise
    #[arg(long, value_name = "FIELDS", default_value = "", hide_default_value = true)]
    order_by: String,
    /// List deleted issues too
    #[arg(long)]
    show_deleted: bool,
    #[command(flatten)]
    shown: Shown,
}

/// Which issue, and as who read it.
#[derive(Args, Debug)]
struct Which {
    /// Which issue: its key or its name
    issue: String,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
}

#[derive(Args, Debug)]
struct Update {
    #[command(flatten)]
    which: Which,
    /// What the matter is, in one line
    #[arg(long, value_name = "TEXT")]
    title: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// Take this annotation away; may be given several times
    #[arg(long, value_name = "KEY")]
    remove_annotation: Vec<String>,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Named {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Transition {
    #[command(flatten)]
    which: Which,
    /// The transition to take, such as start
    #[arg(required_unless_present = "to")]
    transition: Option<String>,
    /// The status to reach, such as in_progress
    #[arg(long, value_name = "STATUS", conflicts_with = "transition")]
    to: Option<String>,
    /// Merge these into its parameters first; null removes one
    #[arg(long, value_name = "JSON", value_parser = parse_struct)]
    parameters: Option<prost_types::Struct>,
    #[command(flatten)]
    saying: Saying,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Close {
    #[command(flatten)]
    which: Which,
    /// How it ended: completed, withdrawn, duplicate or a word of your own
    #[arg(long, value_name = "WORD", default_value = "", hide_default_value = true)]
    resolution: String,
    /// The issue that says the same
    #[arg(long, value_name = "ISSUE", default_value = "", hide_default_value = true)]
    duplicate_of: String,
    #[command(flatten)]
    saying: Saying,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Reopen {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    saying: Saying,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Saying {
    /// What to say with it, for the event
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    message: String,
}

impl Issue {
    /// Asks, and prints the answer.
    pub async fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        if let Verb::Update(update) = &self.verb {
            update.check()?;
        }
        let client = &Client::connect(&self.connection).await?;
        match self.verb {
            Verb::Create(create) => create.run(client, output).await,
            Verb::Get(get) => get.run(client, output).await,
            Verb::List(list) => list.run(client, output).await,
            Verb::Update(update) => update.run(client, output).await,
            Verb::Delete(delete) => delete.delete(client, output).await,
            Verb::Undelete(undelete) => undelete.undelete(client, output).await,
            Verb::Transition(transition) => transition.run(client, output).await,
            Verb::Close(close) => close.run(client, output).await,
            Verb::Reopen(reopen) => reopen.run(client, output).await,
            Verb::Assign(assign) => assign.run(client, output).await,
            Verb::Activate(named) => people::activate(named, client, output).await,
            Verb::Deactivate(named) => people::deactivate(named, client, output).await,
            Verb::Relate(relate) => relate.run(client, output).await,
            Verb::Unrelate(unrelate) => unrelate.run(client, output).await,
            Verb::Relations(relations) => relations.run(client, output).await,
            Verb::Comment(comment) => comment.run(client, output).await,
            Verb::Reference(reference) => reference.run(client, output).await,
        }
    }
}

impl Update {
    /// An empty mask would mean another thing than nothing.
    fn check(&self) -> Result<(), Failure> {
        let nothing = self.mask().paths.is_empty();
        let problem = "there is nothing to change: say what, as with --title or --priority";
        if nothing { Err(Failure::Usage(problem.into())) } else { Ok(()) }
    }

    /// The fields that were given, be they empty.
    fn mask(&self) -> prost_types::FieldMask {
        let mut paths = self.fields.mask();
        paths.extend(self.title.is_some().then(|| "title".to_owned()));
        paths.extend(self.remove_annotation.iter().map(|key| format!("annotations.{key}")));
        prost_types::FieldMask { paths }
    }

    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let update_mask = Some(self.mask());
        let Update { which: Which { issue: name, etag }, title, fields, write, .. } = self;
        let title = title.unwrap_or_default();
        let mut issue = proto::Issue { name, etag, title, ..proto::Issue::default() };
        fields.put(&mut issue);
        let request = |request_id, validate_only| proto::UpdateIssueRequest {
            issue: Some(issue),
            update_mask,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, update_issue, "potts.v1.UpdateIssueResponse", request)
    }
}

impl Named {
    async fn delete(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Named { which: Which { issue: name, etag }, write } = self;
        let request = |request_id, validate_only| proto::DeleteIssueRequest {
            name,
            etag,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, delete_issue, "potts.v1.DeleteIssueResponse", request)
    }

    async fn undelete(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Named { which: Which { issue: name, etag }, write } = self;
        let request = |request_id, validate_only| proto::UndeleteIssueRequest {
            name,
            etag,
            request_id,
            validate_only,
        };
        let answer = "potts.v1.UndeleteIssueResponse";
        send_write!(client, output, write, undelete_issue, answer, request)
    }
}

impl Transition {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Transition { which, transition, to, parameters, saying, write } = self;
        let Which { issue: name, etag } = which;
        let request = |request_id, validate_only| proto::TransitionIssueRequest {
            name,
            r#move: transition.map(Move::Transition).or(to.map(Move::To)),
            parameters,
            message: saying.message,
            etag,
            request_id,
            validate_only,
        };
        let answer = "potts.v1.TransitionIssueResponse";
        send_write!(client, output, write, transition_issue, answer, request)
    }
}

impl Close {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Close { which, resolution, duplicate_of, saying, write } = self;
        let Which { issue: name, etag } = which;
        let request = |request_id, validate_only| proto::CloseIssueRequest {
            name,
            resolution,
            duplicate_of,
            message: saying.message,
            etag,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, close_issue, "potts.v1.CloseIssueResponse", request)
    }
}

impl Reopen {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Reopen { which: Which { issue: name, etag }, saying, write } = self;
        let request = |request_id, validate_only| proto::ReopenIssueRequest {
            name,
            message: saying.message,
            etag,
            request_id,
            validate_only,
        };
        send_write!(client, output, write, reopen_issue, "potts.v1.ReopenIssueResponse", request)
    }
}

impl Get {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let request = proto::GetIssueRequest { name: self.issue };
        let send = async |request| client.issues().get_issue(request).await;
        let issue = client.call(request, send).await?.issue.unwrap_or_default();
        if self.json {
            return write_line(output.out, "potts.v1.Issue", &issue.encode_to_vec());
        }
        Ok(show::card(output.out, &issue)?)
    }
}

impl List {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let List { project, filter, order_by, show_deleted, shown } = self;
        let ask = async |page_size, page_token| {
            let request = proto::ListIssuesRequest {
                parent: project.clone(),
                page_size,
                page_token,
                show_deleted,
                filter: filter.clone(),
                order_by: order_by.clone(),
            };
            let send = async |request| client.issues().list_issues(request).await;
            let page = client.call(request, send).await?;
            Ok((page.issues, page.next_page_token))
        };
        let message = "potts.v1.Issue";
        Listing { shown, message, head: show::HEAD, row: show::row }.print(output, ask).await
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::cli::{Caller, Cli, Command};

    fn update(words: &[&str]) -> Update {
        let words = ["potts", "issue", "update"].iter().chain(words);
        let command = Cli::try_parse_from(words).unwrap().command;
        let Command::Caller(caller) = command else { panic!("{command:?}") };
        let Caller::Issue(Issue { verb: Verb::Update(update), .. }) = *caller else {
            panic!("not an update")
        };
        *update
    }

    #[test]
    fn only_what_was_given_is_changed() {
        let update = update(&[
            "ABC-12",
            "--title",
            "x",
            "--description",
            "",
            "--annotation",
            "team=",
            "--remove-annotation",
            "old",
            "--due",
            "none",
        ]);

        let mut paths = update.mask().paths;
        paths.sort();
        let expected = ["annotations.old", "annotations.team", "description", "due_time", "title"];
        assert_eq!(paths, expected);
        assert!(update.check().is_ok());
    }

    #[test]
    fn an_update_of_nothing_is_refused_before_it_is_sent() {
        assert_eq!(update(&["ABC-12"]).check().unwrap_err().exit(), crate::cli::Exit::Usage);
    }

    #[test]
    fn a_transition_goes_one_way() {
        let parse = |words: &[&str]| {
            Cli::try_parse_from(["potts", "issue", "transition"].iter().chain(words)).is_ok()
        };

        assert!(parse(&["ABC-12", "start"]) && parse(&["ABC-12", "--to", "open"]));
        assert!(!parse(&["ABC-12"]) && !parse(&["ABC-12", "start", "--to", "open"]));
        assert!(!parse(&["ABC-12", "start", "--parameters", "[1]"]));
    }
}
