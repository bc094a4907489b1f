//! `potts workflow`, `potts issue-type`, `potts action-type`: what a project configures.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::{Args, Subcommand};
use prost::Message as _;
use serde_json::Value;

use super::document::one;
use super::kind::{Asked, Fields, Kind, Written};
use crate::cli::client::{Client, Connection, request_id};
use crate::cli::json::write_line;
use crate::cli::project::Write;
use crate::cli::render::{plain, table};
use crate::cli::{Failure, Output, names};
use crate::proto;

const CREATE_EXAMPLES: &str = "\
Examples:
  potts workflow create abc careful --file careful.yaml
  potts issue-type create abc chore --file chore.json --validate-only";
const GET_EXAMPLES: &str = "\
Examples:
  potts workflow get abc simple
  potts workflow get abc careful/revisions/7
  potts action-type get abc take-action";
const LIST_EXAMPLES: &str = "\
Examples:
  potts workflow list abc
  potts issue-type list abc --json";
const UPDATE_EXAMPLES: &str = "\
Examples:
  potts workflow update abc careful --file careful.yaml
  potts workflow update abc careful --file careful.yaml --status-mapping waiting=doing
  potts issue-type update abc chore --file chore.json";
const DELETE_EXAMPLES: &str = "\
Examples:
  potts workflow delete abc careful
  potts action-type delete abc deploy";

/// How many are asked for at once.
const PAGE_SIZE: i32 = 500;

/// What a project configures, of one kind.
#[derive(Args, Debug)]
pub struct Configuration {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Create one as a file describes it
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Sent),
    /// Show one as ProtoJSON, which `update` takes back
    #[command(after_help = GET_EXAMPLES)]
    Get(Which),
    /// List those of a project, with those that are built in
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Make a new revision with the fields that a file has
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Change),
    /// Delete one; what is on one of its revisions stays there
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(Delete),
}

#[derive(Args, Debug)]
struct Which {
    /// Which project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    /// Its id; to get an older one, with its revision: own/revisions/7
    id: String,
}

#[derive(Args, Debug)]
struct Sent {
    #[command(flatten)]
    which: Which,
    /// YAML or JSON, `-` for standard input: its fields as the contract's JSON names them
    #[arg(long, value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Change {
    #[command(flatten)]
    sent: Sent,
    #[command(flatten)]
    moves: StatusMapping,
}

#[derive(Args, Debug)]
struct List {
    /// Which project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    /// Print each as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct Delete {
    #[command(flatten)]
    which: Which,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    write: Write,
}

/// What of a kind the lists and deletions need, which no other kind of a file has.
macro_rules! kinds {
    ($($kind:ident in $collection:literal:
       $list:ident $list_request:ident $all:ident,
       $delete:ident $delete_request:ident $delete_response:literal;)*) => {
        fn collection(kind: Kind) -> &'static str {
            match kind {
                $(Kind::$kind => $collection,)*
                Kind::Project | Kind::Actor | Kind::Group | Kind::Member => "",
            }
        }

        async fn delete(kind: Kind, delete: Delete, client: &Client, output: &mut Output<'_>)
            -> Result<(), Failure>
        {
            let Delete { which, etag, write } = delete;
            let (name, id) = (which.name(kind), request_id(&write.request_id));
            match kind {
                $(Kind::$kind => {
                    let request = proto::$delete_request {
                        name: name.clone(),
                        etag,
                        request_id: id.clone(),
                        validate_only: write.validate_only,
                    };
                    let send = async |request| client.workflows().$delete(request).await;
                    let answer = client.write(&id, request, send).await?;
                    if write.json {
                        return write_line(output.out, $delete_response, &answer.encode_to_vec());
                    }
                    told(output, &name, answer.changed, write.validate_only)
                })*
                Kind::Project | Kind::Actor | Kind::Group | Kind::Member => Ok(()),
            }
        }

        async fn list(kind: Kind, list: List, client: &Client, output: &mut Output<'_>)
            -> Result<(), Failure>
        {
            let List { project, json } = list;
            let mut head = Some(["ID", "NAME", "REVISION"]);
            let mut page_token = String::new();
            loop {
                match kind {
                    $(Kind::$kind => {
                        let request = proto::$list_request {
                            parent: project.clone(),
                            page_size: PAGE_SIZE,
                            page_token,
                        };
                        let send = async |request| client.workflows().$list(request).await;
                        let page = client.call(request, send).await?;
                        page_token = page.next_page_token;
                        if json {
                            let name = concat!("potts.v1.", stringify!($kind));
                            for one in &page.$all {
                                write_line(output.out, name, &one.encode_to_vec())?;
                            }
                        } else {
                            let row = |one: &proto::$kind| {
                                let id = one.name.rsplit('/').next().unwrap_or_default();
                                let revision = match one.built_in {
                                    true => "built in".to_owned(),
                                    false => one.revision.to_string(),
                                };
                                [plain(id), plain(&one.display_name), revision]
                            };
                            let rows: Vec<_> = page.$all.iter().map(row).collect();
                            table(output.out, head.take(), &rows)?;
                        }
                    })*
                    Kind::Project | Kind::Actor | Kind::Group | Kind::Member => return Ok(()),
                }
                if page_token.is_empty() {
                    return Ok(());
                }
            }
        }
    };
}

kinds! {
    Workflow in "workflows":
        list_workflows ListWorkflowsRequest workflows,
        delete_workflow DeleteWorkflowRequest "potts.v1.DeleteWorkflowResponse";
    IssueType in "issueTypes":
        list_issue_types ListIssueTypesRequest issue_types,
        delete_issue_type DeleteIssueTypeRequest "potts.v1.DeleteIssueTypeResponse";
    ActionType in "actionTypes":
        list_action_types ListActionTypesRequest action_types,
        delete_action_type DeleteActionTypeRequest "potts.v1.DeleteActionTypeResponse";
}

/// Where issues go.
#[derive(Args, Debug)]
pub struct StatusMapping {
    /// Where open issues go whose status a workflow loses; may be given several times
    #[arg(long, value_name = "OLD=NEW", value_parser = status_pair)]
    status_mapping: Vec<(String, String)>,
}

/// Reads `waiting=doing`.
fn status_pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((old, new)) if !old.is_empty() && !new.is_empty() => Ok((old.into(), new.into())),
        _ => Err("must be two statuses, such as waiting=doing".into()),
    }
}

impl StatusMapping {
    /// As it was given.
    pub fn given(&self) -> BTreeMap<String, String> {
        self.status_mapping.iter().cloned().collect()
    }

    fn of(&self, kind: Kind) -> Result<BTreeMap<String, String>, Failure> {
        let given = self.given();
        if kind != Kind::Workflow && !given.is_empty() {
            return Err(Failure::Usage("--status-mapping: only workflows have statuses".into()));
        }
        Ok(given)
    }
}

impl Which {
    fn name(&self, kind: Kind) -> String {
        format!("{}/{}/{}", self.project, collection(kind), self.id)
    }
}

impl Configuration {
    /// Asks about workflows, and prints the answer.
    pub async fn run_workflow(self, output: &mut Output<'_>) -> Result<(), Failure> {
        self.run(Kind::Workflow, output).await
    }

    /// Asks about issue types, and prints the answer.
    pub async fn run_issue_type(self, output: &mut Output<'_>) -> Result<(), Failure> {
        self.run(Kind::IssueType, output).await
    }

    /// Asks about action types, and prints the answer.
    pub async fn run_action_type(self, output: &mut Output<'_>) -> Result<(), Failure> {
        self.run(Kind::ActionType, output).await
    }

    async fn run(self, kind: Kind, output: &mut Output<'_>) -> Result<(), Failure> {
        let client = &Client::connect(&self.connection).await?;
        match self.verb {
            Verb::Create(sent) => {
                let Sent { which, file, write } = sent;
                let (name, asked) = (which.name(kind), asked(&write));
                let written = kind.create(client, &name, &one(&file)?, &asked).await?;
                show(output, &name, &written, &write)
            }
            Verb::Update(Change { sent: Sent { which, file, write }, moves }) => {
                let name = which.name(kind);
                let asked = Asked { status_mapping: moves.of(kind)?, ..asked(&write) };
                let mut fields = one(&file)?;
                fields.insert("name".into(), Value::String(name.clone()));
                let mask = kind.mask(&fields);
                let written = kind.update(client, &fields, Some(mask), &asked).await?;
                show(output, &name, &written, &write)
            }
            Verb::Get(which) => {
                let name = which.name(kind);
                let found = kind.must_get(client, &name).await?;
                Ok(writeln!(output.out, "{}", Value::Object(found))?)
            }
            Verb::List(sent) => list(kind, sent, client, output).await,
            Verb::Delete(sent) => delete(kind, sent, client, output).await,
        }
    }
}

fn asked(write: &Write) -> Asked {
    Asked {
        request_id: request_id(&write.request_id),
        validate_only: write.validate_only,
        status_mapping: BTreeMap::new(),
    }
}

fn show(
    output: &mut Output<'_>,
    name: &str,
    written: &Written,
    write: &Write,
) -> Result<(), Failure> {
    let Written { fields, changed } = written;
    if write.json {
        let fields: &Fields = fields;
        return Ok(writeln!(output.out, "{}", Value::Object(fields.clone()))?);
    }
    told(output, name, *changed, write.validate_only)
}

fn told(
    output: &mut Output<'_>,
    name: &str,
    changed: bool,
    validate_only: bool,
) -> Result<(), Failure> {
    crate::cli::project::told(output, &[plain(name)], changed, validate_only)
}
