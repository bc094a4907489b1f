//! `potts issue comment`: what is said about issues and actions.

use clap::{Args, Subcommand};

use super::client::Client;
use super::names::short;
use super::project::Write;
use super::render::{clipped, time};
use super::verbs::{Listing, Shown, send_write};
use super::{Failure, Output};
use crate::proto;

const ADD_EXAMPLES: &str = "\
Examples:
  potts issue comment add ABC-12 'The hinge is worn'
  potts issue comment add ABC-12/actions/3 'Done by noon' --json";
const LIST_EXAMPLES: &str = "\
Examples:
  potts issue comment list ABC-12
  potts issue comment list ABC-12/actions/3 --json";
const EDIT_EXAMPLES: &str = "\
Examples:
  potts issue comment edit ABC-12/comments/4 'Both hinges are worn'";
const DELETE_EXAMPLES: &str = "\
Examples:
  potts issue comment delete ABC-12/comments/4";

/// Longer texts are cut in lists; `--json` has all of them.
const TEXT_CHARS_MAX: usize = 80;

/// Say something about an issue or an action.
#[derive(Args, Debug)]
pub struct Comment {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Say something
    #[command(after_help = ADD_EXAMPLES)]
    Add(Add),
    /// List what was said, oldest first
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Say it otherwise
    #[command(after_help = EDIT_EXAMPLES)]
    Edit(Edit),
    /// Take it back
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(Delete),
}

#[derive(Args, Debug)]
struct Add {
    /// An issue, by its key or name, or an action, such as ABC-12/actions/3
    parent: String,
    /// What is to be said
    text: String,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct List {
    /// An issue, by its key or name, or an action, such as ABC-12/actions/3
    parent: String,
    #[command(flatten)]
    shown: Shown,
}

/// Which comment, and as who read it.
#[derive(Args, Debug)]
struct Which {
    /// Which comment, such as ABC-12/comments/4
    comment: String,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
}

#[derive(Args, Debug)]
struct Edit {
    #[command(flatten)]
    which: Which,
    /// What it is to say
    text: String,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Delete {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    write: Write,
}

impl Comment {
    /// Asks, and prints the answer.
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        match self.verb {
            Verb::Add(add) => add.run(client, output).await,
            Verb::List(list) => list.run(client, output).await,
            Verb::Edit(edit) => edit.run(client, output).await,
            Verb::Delete(delete) => delete.run(client, output).await,
        }
    }
}

impl Add {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Add { parent, text, write } = self;
        let comment = Some(proto::Comment { text, ..proto::Comment::default() });
        let request = |request_id| proto::CreateCommentRequest {
            parent,
            comment,
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.issues.create_comment,
            output,
            write,
            "potts.v1.CreateCommentResponse",
            request,
            comment => row
        )
    }
}

impl List {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let List { parent, shown } = self;
        let message = "potts.v1.Comment";
        let head = ["COMMENT", "BY", "SAID", "TEXT"];
        let ask = async |page_size, page_token| {
            let request =
                proto::ListCommentsRequest { parent: parent.clone(), page_size, page_token };
            let send = async |request| client.issues().list_comments(request).await;
            let page = client.call(request, send).await?;
            Ok((page.comments, page.next_page_token))
        };
        Listing { shown, message, head, row }.print(output, ask).await
    }
}

impl Edit {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Edit { which: Which { comment: name, etag }, text, write } = self;
        let comment = Some(proto::Comment { name, etag, text, ..proto::Comment::default() });
        let request = |request_id| proto::UpdateCommentRequest {
            comment,
            update_mask: Some(prost_types::FieldMask { paths: vec!["text".into()] }),
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.issues.update_comment,
            output,
            write,
            "potts.v1.UpdateCommentResponse",
            request,
            comment => row
        )
    }
}

impl Delete {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Delete { which: Which { comment: name, etag }, write } = self;
        let request = |request_id| proto::DeleteCommentRequest {
            name,
            etag,
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.issues.delete_comment,
            output,
            write,
            "potts.v1.DeleteCommentResponse",
            request,
            comment => row
        )
    }
}

fn row(comment: &proto::Comment) -> [String; 4] {
    [
        short(&comment.name),
        short(&comment.creator),
        time(comment.create_time.as_ref()),
        clipped(&comment.text, TEXT_CHARS_MAX),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comment_is_one_row_however_long_it_is() {
        let comment = proto::Comment {
            name: "projects/abc/issues/1/actions/2/comments/3".into(),
            creator: "actors/ann".into(),
            text: "x".repeat(1_000),
            ..Default::default()
        };

        let row = row(&comment);

        assert_eq!(row[..3], ["ABC-1/actions/2/comments/3", "ann", "-"]);
        assert_eq!(row[3].chars().count(), TEXT_CHARS_MAX + 1);
    }
}
