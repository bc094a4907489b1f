//! `potts actor`: people and machines.

use clap::{Args, Subcommand, ValueEnum};
use prost::Message as _;

use super::client::{Client, Connection};
use super::json::write_line;
use super::names::short;
use super::project::Write;
use super::render::{card, time};
use super::token::Token;
use super::verbs::{Listing, Which, send_write};
use super::{Failure, Output, names};
use crate::proto;

const CREATE_EXAMPLES: &str = "\
Examples:
  potts actor create ann --display-name 'Ann Larsen' --email ann@example.org
  potts actor create ann --time-zone Europe/Berlin --hours 'monday 09:00-17:00'
  potts actor create press --kind machine --urn urn:example:press";
const GET_EXAMPLES: &str = "\
Examples:
  potts actor get ann";
const LIST_EXAMPLES: &str = "\
Examples:
  potts actor list
  potts actor list --filter 'kind = MACHINE AND state = ACTIVE'
  potts actor list --json";
const UPDATE_EXAMPLES: &str = "\
Examples:
  potts actor update ann --display-name 'Ann Larsen'
  potts actor update ann --admin true";
const ENABLE_EXAMPLES: &str = "\
Examples:
  potts actor enable ann";
const DISABLE_EXAMPLES: &str = "\
Examples:
  potts actor disable ann";
const DELETE_EXAMPLES: &str = "\
Examples:
  potts actor delete ann";

/// Create, read and change actors, and their tokens.
#[derive(Args, Debug)]
pub struct Actor {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Create an actor
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Box<Create>),
    /// Show an actor
    #[command(after_help = GET_EXAMPLES)]
    Get(Get),
    /// List the actors
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Change an actor
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Box<Update>),
    /// Let a disabled actor act again
    #[command(after_help = ENABLE_EXAMPLES)]
    Enable(Named),
    /// Let an actor act no more, and refuse its tokens
    #[command(after_help = DISABLE_EXAMPLES)]
    Disable(Named),
    /// Delete an actor
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(Named),
    /// Create, list and revoke the tokens of an actor
    Token(Token),
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Kind {
    Person,
    Machine,
}

#[derive(Args, Debug)]
struct Fields {
    /// What it is
    #[arg(long)]
    kind: Option<Kind>,
    /// What people call it; empty for its id
    #[arg(long, value_name = "TEXT")]
    display_name: Option<String>,
    /// Where it gets mail
    #[arg(long, value_name = "ADDRESS")]
    email: Option<String>,
    /// The time zone that it works in: Europe/Berlin
    #[arg(long, value_name = "ZONE")]
    time_zone: Option<String>,
    /// When it works, as often as needed: 'monday 09:00-17:00'
    #[arg(long, value_name = "HOURS", value_parser = hours)]
    hours: Vec<proto::WorkingHours>,
    /// What it is called elsewhere
    #[arg(long, value_name = "URN")]
    urn: Option<String>,
    /// Whether it administers the installation
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    admin: Option<bool>,
}

#[derive(Args, Debug)]
struct Create {
    /// Its id: lower case letters, digits and hyphens, at most 63
    id: String,
    #[command(flatten)]
    fields: Fields,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Get {
    /// Which actor: ann or actors/ann
    #[arg(value_parser = names::actor)]
    actor: String,
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
    /// Which actor: ann or actors/ann
    #[arg(value_parser = names::actor)]
    actor: String,
    #[command(flatten)]
    fields: Fields,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct Named {
    /// Which actor: ann or actors/ann
    #[arg(value_parser = names::actor)]
    actor: String,
    /// Only if it has not changed since this etag was read
    #[arg(long, default_value = "", hide_default_value = true)]
    etag: String,
    #[command(flatten)]
    write: Write,
}

/// Reads `monday 09:00-17:00`. Whether the times are in order, the service says.
fn hours(text: &str) -> Result<proto::WorkingHours, String> {
    let wrong = || "write it as 'monday 09:00-17:00'".to_owned();
    let (day, times) = text.split_once(' ').ok_or_else(wrong)?;
    let (start, end) = times.trim().split_once('-').ok_or_else(wrong)?;
    let day = format!("DAY_OF_WEEK_{}", day.to_uppercase());
    let day = proto::DayOfWeek::from_str_name(&day).ok_or_else(wrong)?;
    Ok(proto::WorkingHours { day: day.into(), start: start.into(), end: end.into() })
}

impl Fields {
    /// The actor with these fields, and the paths of those that were given.
    fn actor(self, name: String, etag: String) -> (proto::Actor, Vec<String>) {
        let Fields { kind, display_name, email, time_zone, hours, urn, admin } = self;
        let given = [
            ("kind", kind.is_some()),
            ("display_name", display_name.is_some()),
            ("email", email.is_some()),
            ("time_zone", time_zone.is_some()),
            ("working_hours", !hours.is_empty()),
            ("urn", urn.is_some()),
            ("admin", admin.is_some()),
        ];
        let paths = given.into_iter().filter(|(_, given)| *given).map(|(path, _)| path.to_owned());
        let kind = match kind {
            None => proto::ActorKind::Unspecified,
            Some(Kind::Person) => proto::ActorKind::Person,
            Some(Kind::Machine) => proto::ActorKind::Machine,
        };
        let actor = proto::Actor {
            name,
            etag,
            kind: kind.into(),
            display_name: display_name.unwrap_or_default(),
            email: email.unwrap_or_default(),
            time_zone: time_zone.unwrap_or_default(),
            working_hours: hours,
            urn: urn.unwrap_or_default(),
            admin: admin.unwrap_or_default(),
            ..proto::Actor::default()
        };
        (actor, paths.collect())
    }
}

impl Actor {
    /// Asks, and prints the answer.
    pub async fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let client = &Client::connect(&self.connection).await?;
        match self.verb {
            Verb::Create(create) => create.run(client, output).await,
            Verb::Get(get) => get.run(client, output).await,
            Verb::List(list) => list.run(client, output).await,
            Verb::Update(update) => update.run(client, output).await,
            Verb::Enable(named) => named.enable(client, output).await,
            Verb::Disable(named) => named.disable(client, output).await,
            Verb::Delete(named) => named.delete(client, output).await,
            Verb::Token(token) => token.run(client, output).await,
        }
    }
}

impl Create {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Create { id, fields, write } = self;
        let (actor, _) = fields.actor(String::new(), String::new());
        let request = |request_id| proto::CreateActorRequest {
            actor_id: id,
            actor: Some(actor),
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.actors.create_actor,
            output,
            write,
            "potts.v1.CreateActorResponse",
            request,
            actor => row
        )
    }
}

impl Update {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Update { actor, fields, etag, write } = self;
        let (actor, paths) = fields.actor(actor, etag);
        if paths.is_empty() {
            return Err(Failure::Usage("say what is to change, such as --display-name".into()));
        }
        let request = |request_id| proto::UpdateActorRequest {
            actor: Some(actor),
            update_mask: Some(prost_types::FieldMask { paths }),
            request_id,
            validate_only: write.validate_only,
        };
        send_write!(
            client.actors.update_actor,
            output,
            write,
            "potts.v1.UpdateActorResponse",
            request,
            actor => row
        )
    }
}

/// Verbs that name an actor and its etag.
macro_rules! named {
    ($($verb:ident $send:ident $request:ident $answer:literal;)*) => {
        impl Named {$(
            async fn $verb(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
                let Named { actor: name, etag, write } = self;
                let validate_only = write.validate_only;
                let request =
                    |request_id| proto::$request { name, etag, request_id, validate_only };
                send_write!(client.actors.$send, output, write, $answer, request, actor => row)
            }
        )*}
    };
}

named! {
    enable enable_actor EnableActorRequest "potts.v1.EnableActorResponse";
    disable disable_actor DisableActorRequest "potts.v1.DisableActorResponse";
    delete delete_actor DeleteActorRequest "potts.v1.DeleteActorResponse";
}

impl Get {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let request = proto::GetActorRequest { name: self.actor };
        let send = async |request| client.actors().get_actor(request).await;
        let actor = client.call(request, send).await?.actor.unwrap_or_default();
        if self.json {
            return write_line(output.out, "potts.v1.Actor", &actor.encode_to_vec());
        }
        let (kind, state) = (kind(&actor), state(&actor));
        let hours: Vec<String> = actor.working_hours.iter().map(stretch).collect();
        let rows = [
            ("name", actor.name),
            ("display name", actor.display_name),
            ("kind", kind),
            ("state", state),
            ("admin", actor.admin.to_string()),
            ("email", actor.email),
            ("time zone", actor.time_zone),
            ("hours", hours.join(", ")),
            ("urn", actor.urn),
            ("creator", short(&actor.creator)),
            ("created", time(actor.create_time.as_ref())),
            ("updated", time(actor.update_time.as_ref())),
            ("etag", actor.etag),
            ("uid", actor.uid),
        ];
        Ok(card(output.out, &rows)?)
    }
}

impl List {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Which { filter, order_by, shown } = self.which;
        let message = "potts.v1.Actor";
        let head = ["ACTOR", "KIND", "STATE", "ADMIN", "NAME"];
        let ask = async |page_size, page_token| {
            let (filter, order_by) = (filter.clone(), order_by.clone());
            let request = proto::ListActorsRequest { page_size, page_token, filter, order_by };
            let send = async |request| client.actors().list_actors(request).await;
            let page = client.call(request, send).await?;
            Ok((page.actors, page.next_page_token))
        };
        Listing { shown, message, head, row }.print(output, ask).await
    }
}

/// The name of a value without the prefix of its enum, in lower case.
pub fn word(name: &str, prefix: &str) -> String {
    name.strip_prefix(prefix).unwrap_or(name).to_lowercase()
}

fn kind(actor: &proto::Actor) -> String {
    word(actor.kind().as_str_name(), "ACTOR_KIND_")
}

fn state(actor: &proto::Actor) -> String {
    word(actor.state().as_str_name(), "ACTOR_STATE_")
}

fn stretch(hours: &proto::WorkingHours) -> String {
    let day = word(hours.day().as_str_name(), "DAY_OF_WEEK_");
    format!("{day} {}-{}", hours.start, hours.end)
}

fn row(actor: &proto::Actor) -> [String; 5] {
    let admin = if actor.admin { "yes" } else { "-" };
    [short(&actor.name), kind(actor), state(actor), admin.to_owned(), actor.display_name.clone()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_are_read_as_they_are_shown() {
        for text in ["monday 09:00-17:30", "sunday 00:00-24:00"] {
            assert_eq!(stretch(&hours(text).unwrap()), text);
        }
        assert!(hours("Monday 09:00-10:00").is_ok());
        for wrong in ["", "monday", "mon 09:00-10:00", "monday 09:00", "unspecified"] {
            assert!(hours(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn only_what_was_given_is_changed() {
        let fields = Fields {
            kind: None,
            display_name: Some(String::new()),
            email: None,
            time_zone: None,
            hours: Vec::new(),
            urn: None,
            admin: Some(false),
        };

        let (actor, paths) = fields.actor("actors/ann".into(), String::new());

        assert_eq!(paths, ["display_name", "admin"]);
        assert_eq!(actor.name, "actors/ann");
    }
}
