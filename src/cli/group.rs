//! `potts group`: actors who belong together, or can do the same.

use std::collections::BTreeSet;

use clap::{Args, Subcommand, ValueEnum};
use prost::Message as _;

use super::actor::word;
use super::client::{Client, Connection};
use super::json::write_line;
use super::names::short;
use super::project::Write;
use super::render::{card, time};
use super::verbs::{Listing, Which, send_write};
use super::{Failure, Output, names};
use crate::proto;

const CREATE_EXAMPLES: &str = "\
Examples:
  potts group create qa --display-name 'Quality' --member ann --member bob
  potts group create welders --kind skillset --member groups/qa";
const GET_EXAMPLES: &str = "\
Examples:
  potts group get qa";
const LIST_EXAMPLES: &str = "\
Examples:
  potts group list
  potts group list --filter 'members:\"actors/ann\"' --order-by display_name
  potts group list --json";
const UPDATE_EXAMPLES: &str = "\
Examples:
  potts group update qa --display-name 'Quality'
  potts group update qa --kind duty";
const ADD_EXAMPLES: &str = "\
Examples:
  potts group add qa ann bob
  potts group add qa groups/interns";
const REMOVE_EXAMPLES: &str = "\
Examples:
  potts group remove qa ann";
const DELETE_EXAMPLES: &str = "\
Examples:
  potts group delete qa";

/// Create, read and change groups of actors.
#[derive(Args, Debug)]
pub struct Group {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Create a group
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// Show a group
    #[command(after_help = GET_EXAMPLES)]
    Get(Get),
    /// List the groups
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Change a group
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Update),
    /// Put actors and groups into a group
    #[command(after_help = ADD_EXAMPLES)]
    Add(Regroup),
    /// Take actors and groups out of a group
    #[command(after_help = REMOVE_EXAMPLES)]
    Remove(Regroup),
    /// Delete a group
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(Delete),
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Kind {
    Team,
    Department,
    Skillset,
    Duty,
}

#[derive(Args, Debug)]
struct Create {
    /// Its id: lower case letters, digits and hyphens, at most 63
    id: String,
    /// What it stands for
    #[arg(long)]
    kind: Option<Kind>,
    /// What people call it
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    display_name: String,
    /// Who is in it, as often as needed: ann, actors/ann or groups/qa
    #[arg(long = "member", value_name = "NAME", value_parser = names::principal)]
    members: Vec<String>,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Get {
    /// Which group: qa or groups/qa
    #[arg(value_parser = names::group)]
    group: String,
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
    /// Which group: qa or groups/qa
    #[arg(value_parser = names::group)]
    group: String,
    /// What it stands for
    #[arg(long)]
    kind: Option<Kind>,
    /// What people call it; empty for its id
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Regroup {
    /// Which group: qa or groups/qa
    #[arg(value_parser = names::group)]
    group: String,
    /// Whom: ann, actors/ann or groups/qa
    #[arg(required = true, value_name = "NAME", value_parser = names::principal)]
    members: Vec<String>,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Delete {
    /// Which group: qa or groups/qa
    #[arg(value_parser = names::group)]
    group: String,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    write: Write,
}

impl Kind {
    fn number(kind: Option<Kind>) -> i32 {
        let kind = match kind {
            None => proto::GroupKind::Unspecified,
            Some(Kind::Team) => proto::GroupKind::Team,
            Some(Kind::Department) => proto::GroupKind::Department,
            Some(Kind::Skillset) => proto::GroupKind::Skillset,
            Some(Kind::Duty) => proto::GroupKind::Duty,
        };
        kind.into()
    }
}

impl Group {
    /// Asks, and prints the answer.
    pub async fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let client = &Client::connect(&self.connection).await?;
        match self.verb {
            Verb::Create(create) => create.run(client, output).await,
            Verb::Get(get) => get.run(client, output).await,
            Verb::List(list) => list.run(client, output).await,
            Verb::Update(update) => update.run(client, output).await,
            Verb::Add(regroup) => regroup.run(client, output, |known, named| &known | &named).await,
            Verb::Remove(regroup) => {
                regroup.run(client, output, |known, named| &known - &named).await
            }
            Verb::Delete(delete) => delete.run(client, output).await,
        }
    }
}

impl Create {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Create { id, kind, display_name, members, write } = self;
        let kind = Kind::number(kind);
        let group = proto::Group { kind, display_name, members, ..proto::Group::default() };
        let request = |request_id| proto::CreateGroupRequest {
            group_id: id,
            group: Some(group),
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.actors.create_group,
            output,
            write,
            "potts.v1.CreateGroupResponse",
            request,
            group => row
        )
    }
}

/// Changes some fields of a group.
async fn change(
    group: proto::Group,
    paths: Vec<String>,
    write: Write,
    client: &Client,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let request = |request_id| proto::UpdateGroupRequest {
        group: Some(group),
        update_mask: Some(prost_types::FieldMask { paths }),
        request_id,
        validate_only: write.validate_only,
    };
    send_write!(
        client.actors.update_group,
        output,
        write,
        "potts.v1.UpdateGroupResponse",
        request,
        group => row
    )
}

impl Update {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Update { group: name, kind, display_name, etag, write } = self;
        let given = [("kind", kind.is_some()), ("display_name", display_name.is_some())];
        let paths: Vec<String> =
            given.into_iter().filter(|(_, given)| *given).map(|(path, _)| path.into()).collect();
        if paths.is_empty() {
            return Err(Failure::Usage("say what is to change: --display-name or --kind".into()));
        }
        let (kind, display_name) = (Kind::number(kind), display_name.unwrap_or_default());
        let group = proto::Group { name, kind, display_name, etag, ..proto::Group::default() };
        change(group, paths, write, client, output).await
    }
}

async fn read(client: &Client, name: String) -> Result<proto::Group, Failure> {
    let request = proto::GetGroupRequest { name };
    let send = async |request| client.actors().get_group(request).await;
    Ok(client.call(request, send).await?.group.unwrap_or_default())
}

impl Regroup {
    /// Reads who is in it and says who shall be, unless somebody else does so in between.
    async fn run(
        self,
        client: &Client,
        output: &mut Output<'_>,
        become_: impl Fn(BTreeSet<String>, BTreeSet<String>) -> BTreeSet<String>,
    ) -> Result<(), Failure> {
        let Regroup { group, members, write } = self;
        let known = read(client, group).await?;
        let (was, named) = (known.members.iter().cloned(), members.into_iter());
        let members = become_(was.collect(), named.collect()).into_iter().collect();
        let group = proto::Group { members, ..known };
        change(group, vec!["members".into()], write, client, output).await
    }
}

impl Delete {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Delete { group: name, etag, write } = self;
        let validate_only = write.validate_only;
        let request =
            |request_id| proto::DeleteGroupRequest { name, etag, request_id, validate_only };
        send_write!(
            client.actors.delete_group,
            output,
            write,
            "potts.v1.DeleteGroupResponse",
            request,
            group => row
        )
    }
}

impl Get {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let group = read(client, self.group).await?;
        if self.json {
            return write_line(output.out, "potts.v1.Group", &group.encode_to_vec());
        }
        let rows = [
            ("kind", kind(&group)),
            ("members", people(&group)),
            ("name", group.name),
            ("display name", group.display_name),
            ("creator", short(&group.creator)),
            ("created", time(group.create_time.as_ref())),
            ("updated", time(group.update_time.as_ref())),
            ("etag", group.etag),
            ("uid", group.uid),
        ];
        Ok(card(output.out, &rows)?)
    }
}

impl List {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Which { filter, order_by, shown } = self.which;
        let message = "potts.v1.Group";
        let head = ["GROUP", "KIND", "NAME", "MEMBERS"];
        let ask = async |page_size, page_token| {
            let (filter, order_by) = (filter.clone(), order_by.clone());
            let request = proto::ListGroupsRequest { page_size, page_token, filter, order_by };
            let send = async |request| client.actors().list_groups(request).await;
            let page = client.call(request, send).await?;
            Ok((page.groups, page.next_page_token))
        };
        Listing { shown, message, head, row }.print(output, ask).await
    }
}

fn kind(group: &proto::Group) -> String {
    word(group.kind().as_str_name(), "GROUP_KIND_")
}

fn people(group: &proto::Group) -> String {
    let names: Vec<String> = group.members.iter().map(|member| short(member)).collect();
    names.join(" ")
}

fn row(group: &proto::Group) -> [String; 4] {
    let id = group.name.strip_prefix("groups/").unwrap_or(&group.name);
    [id.to_owned(), kind(group), group.display_name.clone(), people(group)]
}
