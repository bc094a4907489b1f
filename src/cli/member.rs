//! `potts member`: who may do what in a project.

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
  potts member create abc ann worker
  potts member create abc groups/qa viewer --id quality";
const GET_EXAMPLES: &str = "\
Examples:
  potts member get abc ann";
const LIST_EXAMPLES: &str = "\
Examples:
  potts member list abc
  potts member list abc --filter 'role = ADMIN AND member = \"groups/*\"'
  potts member list abc --json";
const UPDATE_EXAMPLES: &str = "\
Examples:
  potts member update abc ann manager";
const DELETE_EXAMPLES: &str = "\
Examples:
  potts member delete abc ann";

/// Say who may do what in a project.
#[derive(Args, Debug)]
pub struct Member {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Give an actor or a group a role in a project
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// Show a member
    #[command(after_help = GET_EXAMPLES)]
    Get(Get),
    /// List the members of a project
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Give a member another role
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Update),
    /// Take their role from an actor or a group
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(Delete),
}

/// What one may do, from the least to the most; each includes those before it.
#[derive(ValueEnum, Clone, Copy, Debug)]
enum Role {
    /// Reads
    Viewer,
    /// Also creates issues, comments and references
    Reporter,
    /// Also changes issues and claims actions
    Worker,
    /// Also overrides others
    Manager,
    /// Also configures
    Admin,
}

#[derive(Args, Debug)]
struct Create {
    /// Which project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    /// Who: ann, actors/ann or groups/qa
    #[arg(value_parser = names::principal)]
    member: String,
    /// What they may do
    role: Role,
    /// The id of the member; that of the actor or group otherwise
    #[arg(long, default_value = "", hide_default_value = true)]
    id: String,
    #[command(flatten)]
    write: Write,
}

/// Which member of which project.
#[derive(Args, Debug)]
struct Named {
    /// Which project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    /// The id of the member
    id: String,
}

#[derive(Args, Debug)]
struct Get {
    #[command(flatten)]
    named: Named,
    /// Print it as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct List {
    /// Which project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    #[command(flatten)]
    which: Which,
}

#[derive(Args, Debug)]
struct Update {
    #[command(flatten)]
    named: Named,
    /// What they may do from now on
    role: Role,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Delete {
    #[command(flatten)]
    named: Named,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    write: Write,
}

impl Named {
    fn name(self) -> String {
        format!("{}/members/{}", self.project, self.id)
    }
}

impl Role {
    fn number(self) -> i32 {
        let role = match self {
            Role::Viewer => proto::Role::Viewer,
            Role::Reporter => proto::Role::Reporter,
            Role::Worker => proto::Role::Worker,
            Role::Manager => proto::Role::Manager,
            Role::Admin => proto::Role::Admin,
        };
        role.into()
    }
}

impl Member {
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
        let Create { project: parent, member, role, id: member_id, write } = self;
        let member = proto::Member { member, role: role.number(), ..proto::Member::default() };
        let request = |request_id| proto::CreateMemberRequest {
            parent,
            member_id,
            member: Some(member),
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.projects.create_member,
            output,
            write,
            "potts.v1.CreateMemberResponse",
            request,
            member => row
        )
    }
}

impl Update {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Update { named, role, etag, write } = self;
        let (name, role) = (named.name(), role.number());
        let member = proto::Member { name, etag, role, ..proto::Member::default() };
        let request = |request_id| proto::UpdateMemberRequest {
            member: Some(member),
            update_mask: Some(prost_types::FieldMask { paths: vec!["role".into()] }),
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.projects.update_member,
            output,
            write,
            "potts.v1.UpdateMemberResponse",
            request,
            member => row
        )
    }
}

impl Delete {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Delete { named, etag, write } = self;
        let (name, validate_only) = (named.name(), write.validate_only);
        let request =
            |request_id| proto::DeleteMemberRequest { name, etag, request_id, validate_only };
        send_write!(
            client.projects.delete_member,
            output,
            write,
            "potts.v1.DeleteMemberResponse",
            request,
            member => row
        )
    }
}

impl Get {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let request = proto::GetMemberRequest { name: self.named.name() };
        let send = async |request| client.projects().get_member(request).await;
        let member = client.call(request, send).await?.member.unwrap_or_default();
        if self.json {
            return write_line(output.out, "potts.v1.Member", &member.encode_to_vec());
        }
        let rows = [
            ("role", role(&member)),
            ("member", member.member),
            ("name", member.name),
            ("creator", short(&member.creator)),
            ("created", time(member.create_time.as_ref())),
            ("updated", time(member.update_time.as_ref())),
            ("etag", member.etag),
            ("uid", member.uid),
        ];
        Ok(card(output.out, &rows)?)
    }
}

impl List {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let List { project, which } = self;
        let Which { filter, order_by, shown } = which;
        let message = "potts.v1.Member";
        let head = ["MEMBER", "ROLE", "WHO", "CREATED"];
        let ask = async |page_size, page_token| {
            let parent = project.clone();
            let (filter, order_by) = (filter.clone(), order_by.clone());
            let request =
                proto::ListMembersRequest { parent, page_size, page_token, filter, order_by };
            let send = async |request| client.projects().list_members(request).await;
            let page = client.call(request, send).await?;
            Ok((page.members, page.next_page_token))
        };
        Listing { shown, message, head, row }.print(output, ask).await
    }
}

fn role(member: &proto::Member) -> String {
    word(member.role().as_str_name(), "ROLE_")
}

fn row(member: &proto::Member) -> [String; 4] {
    let id = member.name.rsplit('/').next().unwrap_or_default();
    [id.to_owned(), role(member), member.member.clone(), time(member.create_time.as_ref())]
}
