//! `potts issue reference`: what issues, actions, actors and events point to.

use clap::{Args, Subcommand, ValueEnum};

use super::client::Client;
use super::names::short;
use super::project::Write;
use super::render::clipped;
use super::verbs::{Listing, Shown, send_write};
use super::{Failure, Output};
use crate::proto;
use crate::proto::reference::Target;

const ADD_EXAMPLES: &str = "\
Examples:
  potts issue reference add ABC-12 --uri https://example.org/plan --label 'The plan'
  potts issue reference add ABC-12/actions/3 --text 1f0c9e2 --role commit
  potts issue reference add ABC-12 --resource projects/abc/issues/7 --json";
const LIST_EXAMPLES: &str = "\
Examples:
  potts issue reference list ABC-12
  potts issue reference list actors/ann --json";
const DELETE_EXAMPLES: &str = "\
Examples:
  potts issue reference delete ABC-12/references/2";

/// Longer targets are cut in lists; `--json` has all of them.
const TARGET_CHARS_MAX: usize = 120;

/// Point from an issue or an action to something else.
#[derive(Args, Debug)]
pub struct Reference {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Point to something
    #[command(after_help = ADD_EXAMPLES)]
    Add(Add),
    /// List what is pointed to, oldest first
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Point to it no more
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(Delete),
}

/// What a reference is for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Role {
    /// Something to read
    Link,
    /// Something that shows it
    Evidence,
    /// Where it is
    Location,
    /// A commit that belongs to it
    Commit,
    /// The chain of events in another system that it belongs to
    Chain,
}

#[derive(Args, Debug)]
struct Add {
    /// From where: an issue or an action, such as ABC-12/actions/3; also an actor or an event
    parent: String,
    #[command(flatten)]
    target: To,
    /// What people call it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    label: String,
    /// What it is for
    #[arg(long, value_enum, default_value = "link")]
    role: Role,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
#[group(required = true, multiple = false)]
struct To {
    /// To an absolute URI
    #[arg(long)]
    uri: Option<String>,
    /// To what words say, such as the hash of a commit
    #[arg(long)]
    text: Option<String>,
    /// To a thing here, by its name; it need not exist
    #[arg(long, value_name = "NAME")]
    resource: Option<String>,
}

#[derive(Args, Debug)]
struct List {
    /// From where: an issue or an action, such as ABC-12/actions/3; also an actor or an event
    parent: String,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Args, Debug)]
struct Delete {
    /// Which reference, such as ABC-12/references/2
    reference: String,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    write: Write,
}

impl Reference {
    /// Asks, and prints the answer.
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        match self.verb {
            Verb::Add(add) => add.run(client, output).await,
            Verb::List(list) => list.run(client, output).await,
            Verb::Delete(delete) => delete.run(client, output).await,
        }
    }
}

impl Add {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Add { parent, target: To { uri, text, resource }, label, role, write } = self;
        let target = uri.map(Target::Uri).or(text.map(Target::Text));
        let target = target.or(resource.map(Target::Resource));
        let role = match role {
            Role::Link => proto::ReferenceRole::Link,
            Role::Evidence => proto::ReferenceRole::Evidence,
            Role::Location => proto::ReferenceRole::Location,
            Role::Commit => proto::ReferenceRole::Commit,
            Role::Chain => proto::ReferenceRole::Chain,
        };
        let reference =
            proto::Reference { label, role: role.into(), target, ..proto::Reference::default() };
        let request = |request_id| proto::CreateReferenceRequest {
            parent,
            reference: Some(reference),
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.issues.create_reference,
            output,
            write,
            "potts.v1.CreateReferenceResponse",
            request,
            reference => row
        )
    }
}

impl List {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let List { parent, shown } = self;
        let message = "potts.v1.Reference";
        let head = ["REFERENCE", "ROLE", "LABEL", "TARGET"];
        let ask = async |page_size, page_token| {
            let request =
                proto::ListReferencesRequest { parent: parent.clone(), page_size, page_token };
            let send = async |request| client.issues().list_references(request).await;
            let page = client.call(request, send).await?;
            Ok((page.references, page.next_page_token))
        };
        Listing { shown, message, head, row }.print(output, ask).await
    }
}

impl Delete {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Delete { reference: name, etag, write } = self;
        let request = |request_id| proto::DeleteReferenceRequest {
            name,
            etag,
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.issues.delete_reference,
            output,
            write,
            "potts.v1.DeleteReferenceResponse",
            request,
            reference => row
        )
    }
}

fn row(reference: &proto::Reference) -> [String; 4] {
    let role = reference.role().as_str_name().trim_start_matches("REFERENCE_ROLE_");
    let label = if reference.label.is_empty() { "-" } else { &reference.label };
    let target = match &reference.target {
        Some(Target::Uri(uri)) => uri.clone(),
        Some(Target::Text(text)) => text.clone(),
        Some(Target::Resource(name)) => short(name),
        None => "-".into(),
    };
    let target = clipped(&target, TARGET_CHARS_MAX);
    [short(&reference.name), role.to_lowercase(), label.to_owned(), target]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_shown_as_it_points() {
        let to = |target| proto::Reference {
            name: "projects/abc/issues/1/references/2".into(),
            role: proto::ReferenceRole::Evidence.into(),
            target: Some(target),
            ..Default::default()
        };

        let resource = row(&to(Target::Resource("projects/abc/issues/7".into())));
        let uri = row(&to(Target::Uri("https://example.org/".into())));

        assert_eq!(resource, ["ABC-1/references/2", "evidence", "-", "ABC-7"]);
        assert_eq!(uri[3], "https://example.org/");
    }
}
