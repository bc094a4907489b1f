//! `potts project`: the places where issues are kept.

use clap::{Args, Subcommand};
use prost::Message as _;
use uuid::Uuid;

use super::client::{Client, Connection};
use super::json::write_line;
use super::names::short;
use super::render::{card, table, time};
use super::verbs::{Listing, Which, send_write};
use super::{Failure, Output, names};
use crate::proto;

const CREATE_EXAMPLES: &str = "\
Examples:
  potts project create abc
  potts project create abc --display-name 'All Bright Colours' --json";
const GET_EXAMPLES: &str = "\
Examples:
  potts project get abc";
const LIST_EXAMPLES: &str = "\
Examples:
  potts project list
  potts project list --filter 'display_name:door' --order-by 'create_time desc'
  potts project list --json";
const UPDATE_EXAMPLES: &str = "\
Examples:
  potts project update abc --display-name 'All Bright Colours'
  potts project update abc --display-name '' --etag AQ";
const DELETE_EXAMPLES: &str = "\
Examples:
  potts project delete abc
  potts project delete abc --force";

/// Create, read and change projects.
#[derive(Args, Debug)]
pub struct Project {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Create a project
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// Show a project
    #[command(after_help = GET_EXAMPLES)]
    Get(Get),
    /// List the projects
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Change a project
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Update),
    /// Delete a project
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(Delete),
}

/// What every write takes.
#[derive(Args, Debug)]
pub struct Write {
    /// Make it happen once at most: the same UUID again is the same call
    #[arg(long, value_name = "UUID")]
    pub request_id: Option<Uuid>,
    /// Say what would happen, and change nothing
    #[arg(long)]
    pub validate_only: bool,
    /// Print the answer as one line of ProtoJSON
    #[arg(long)]
    pub json: bool,
}

#[derive(Args, Debug)]
struct Create {
    /// Its id: lower case letters and digits, at most 16
    #[arg(value_parser = names::project_id)]
    id: String,
    /// What people call it
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Get {
    /// Which project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    /// Print it as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    which: Which,
}

#[derive(Args, Debug)]
struct Update {
    /// Which project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    /// What people call it; empty for its id in upper case
    #[arg(long, value_name = "TEXT", required = true)]
    display_name: String,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Delete {
    /// Which project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    /// Delete it with all its issues
    #[arg(long)]
    force: bool,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    write: Write,
}

impl Project {
    /// Asks, and prints the answer.
    pub async fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let client = &Client::connect(&self.connection).await?;
        match self.verb {
            Verb::Create(create) => create.run(client, output).await,
            Verb::Get(get) => get.run(client, output).await,
            Verb::List(list) => list.run(client, output).await,
            Verb::Update(update) => update.run(client, output).await,
            Verb::Delete(delete) => delete.run(client, output).await,
        }
    }
}

impl Create {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Create { id, display_name, write } = self;
        let display_name = display_name.unwrap_or_default();
        let project = proto::Project { display_name, ..proto::Project::default() };
        let request = |request_id| proto::CreateProjectRequest {
            project_id: id,
            project: Some(project),
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.projects.create_project,
            output,
            write,
            "potts.v1.CreateProjectResponse",
            request,
            project => row
        )
    }
}

impl Update {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Update { project, display_name, etag, write } = self;
        let project =
            proto::Project { name: project, display_name, etag, ..proto::Project::default() };
        let request = |request_id| proto::UpdateProjectRequest {
            project: Some(project),
            update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".into()] }),
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.projects.update_project,
            output,
            write,
            "potts.v1.UpdateProjectResponse",
            request,
            project => row
        )
    }
}

impl Delete {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Delete { project, force, etag, write } = self;
        let request = |request_id| proto::DeleteProjectRequest {
            name: project,
            force,
            etag,
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.projects.delete_project,
            output,
            write,
            "potts.v1.DeleteProjectResponse",
            request,
            project => row
        )
    }
}

impl Get {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let request = proto::GetProjectRequest { name: self.project };
        let send = async |request| client.projects().get_project(request).await;
        let project = client.call(request, send).await?.project.unwrap_or_default();
        if self.json {
            return write_line(output.out, "potts.v1.Project", &project.encode_to_vec());
        }
        let rows = [
            ("name", project.name),
            ("display name", project.display_name),
            ("creator", short(&project.creator)),
            ("created", time(project.create_time.as_ref())),
            ("updated", time(project.update_time.as_ref())),
            ("etag", project.etag),
            ("uid", project.uid),
        ];
        Ok(card(output.out, &rows)?)
    }
}

impl List {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Which { filter, order_by, shown } = self.which;
        let message = "potts.v1.Project";
        let listing = Listing { shown, message, head: ["PROJECT", "NAME", "CREATED"], row };
        let ask = async |page_size, page_token| {
            let (filter, order_by) = (filter.clone(), order_by.clone());
            let request = proto::ListProjectsRequest { page_size, page_token, filter, order_by };
            let send = async |request| client.projects().list_projects(request).await;
            let page = client.call(request, send).await?;
            Ok((page.projects, page.next_page_token))
        };
        listing.print(output, ask).await
    }
}

fn row(project: &proto::Project) -> [String; 3] {
    let id = project.name.strip_prefix("projects/").unwrap_or(&project.name);
    [id.to_owned(), project.display_name.clone(), time(project.create_time.as_ref())]
}

/// Says in a line what a write came to.
pub fn told<const N: usize>(
    output: &mut Output<'_>,
    row: &[String; N],
    changed: bool,
    validate_only: bool,
) -> Result<(), Failure> {
    let note = match (validate_only, changed) {
        (true, true) => "  (would change, nothing was written)",
        (true, false) => "  (would change nothing)",
        (false, true) => "",
        (false, false) => "  (unchanged)",
    };
    let mut line = Vec::new();
    table(&mut line, None, std::slice::from_ref(row))?;
    let line = String::from_utf8_lossy(&line);
    Ok(writeln!(output.out, "{}{note}", line.trim_end())?)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::time::Duration;

    use tonic::{Code, Status};
    use tonic_types::{ErrorDetails, StatusExt as _};

    use crate::cli::Exit;
    use crate::cli::canned::{Canned, run};
    use crate::proto::{CreateProjectResponse, Project};

    fn created(changed: bool) -> Result<CreateProjectResponse, Status> {
        let (name, display_name) = ("projects/abc".into(), "ABC".into());
        let project = Some(Project { name, display_name, ..Project::default() });
        Ok(CreateProjectResponse { project, changed, cursor: "c".into() })
    }

    #[tokio::test]
    async fn a_write_is_sent_again_as_the_same_call() {
        let unknown = Status::unavailable("nobody knows whether it happened");
        let canned = Canned::creating([Err(unknown), created(true)]);

        let line = ["project", "create", "ABC", "--token", "sesame"];
        let ended = run(&canned, &line).await;

        ended.outcome.unwrap();
        let [first, second] = canned.created().try_into().unwrap();
        assert_eq!(first, second);
        assert_eq!(first.project_id, "abc");
        assert!(!first.request_id.is_empty());
        assert_eq!(canned.tokens(), ["Bearer sesame", "Bearer sesame"]);
        assert_eq!(ended.out, "abc  ABC  -\n");
    }

    #[tokio::test]
    async fn a_write_whose_outcome_is_unknown_says_how_to_go_on() {
        // To wait as long as the service asks would be too long, so it is given up at once.
        let asked = ErrorDetails::with_retry_info(Some(Duration::from_secs(25)));
        let gone = Status::with_error_details(Code::Unavailable, "no database", asked);
        let canned = Canned::creating([Err(gone)]);
        let id = "018f2b2e-0000-7000-8000-000000000000";

        let line = ["project", "create", "abc", "--timeout", "20s", "--request-id", id];
        let failure = run(&canned, &line).await.outcome.unwrap_err();

        assert_eq!(failure.exit(), Exit::Unreachable);
        let mut err = Vec::new();
        failure.tell(&mut err).unwrap();
        let err = String::from_utf8(err).unwrap();
        assert!(err.starts_with("potts: no database (UNAVAILABLE)\nhint: "), "{err}");
        assert!(err.contains(&format!("--request-id {id}")), "{err}");
        let [asked] = canned.created().try_into().unwrap();
        assert_eq!(asked.request_id, id);
    }

    #[tokio::test]
    async fn a_refusal_is_not_sent_again() {
        let details = ErrorDetails::with_error_info("RESOURCE_EXISTS", "potts", HashMap::new());
        let message = "projects/abc exists already";
        let taken = Status::with_error_details(Code::AlreadyExists, message, details);
        let canned = Canned::creating([Err(taken)]);

        let failure = run(&canned, &["project", "create", "abc"]).await.outcome.unwrap_err();

        assert_eq!(failure.exit(), Exit::Refused);
        assert_eq!(failure.message(), "projects/abc exists already (RESOURCE_EXISTS)");
        assert_eq!(canned.created().len(), 1);
    }

    #[tokio::test]
    async fn an_answer_says_what_it_came_to() {
        let canned = Canned::creating([created(false), created(true), created(true)]);
        let out = async |more: &[&str]| {
            run(&canned, &[&["project", "create", "abc"], more].concat()).await.out
        };

        assert_eq!(out(&[]).await, "abc  ABC  -  (unchanged)\n");
        let would = "abc  ABC  -  (would change, nothing was written)\n";
        assert_eq!(out(&["--validate-only"]).await, would);
        assert_eq!(
            out(&["--json"]).await,
            "{\"project\":{\"name\":\"projects/abc\",\"displayName\":\"ABC\"},\
             \"changed\":true,\"cursor\":\"c\"}\n"
        );
    }

    #[tokio::test]
    async fn an_empty_list_is_its_head() {
        let ended = run(&Canned::creating([]), &["project", "list"]).await;
        assert_eq!(ended.out, "PROJECT  NAME  CREATED\n");
    }
}
