//! `potts actor token`: by which actors are known to the service.

use std::time::Duration;

use clap::{Args, Subcommand};
use prost::Message as _;

use super::client::{Client, request_id, span};
use super::json::write_line;
use super::project::Write;
use super::render::time;
use super::verbs::{Listing, Shown, send_write};
use super::{Failure, Output, names};
use crate::proto;

const CREATE_EXAMPLES: &str = "\
Examples:
  potts actor token create ann
  potts actor token create press --display-name 'the press in hall 2' --expires-in 720h";
const LIST_EXAMPLES: &str = "\
Examples:
  potts actor token list ann
  potts actor token list press --json";
const REVOKE_EXAMPLES: &str = "\
Examples:
  potts actor token revoke actors/ann/credentials/0199a6a4-5c4d-7000-8000-000000000001";

/// Create, list and revoke the tokens of an actor.
#[derive(Args, Debug)]
pub struct Token {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Create a token and print it: this once
    #[command(after_help = CREATE_EXAMPLES)]
    Create(Create),
    /// List what the tokens of an actor are known by, revoked ones too; the tokens are kept nowhere
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// Refuse a token from now on
    #[command(after_help = REVOKE_EXAMPLES)]
    Revoke(Revoke),
}

#[derive(Args, Debug)]
struct Create {
    /// Whose: ann or actors/ann
    #[arg(value_parser = names::actor)]
    actor: String,
    /// What people call it, such as where it is used
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    display_name: String,
    /// Refuse it after this time, by the clock here: 24h, 720h
    #[arg(long, value_name = "TIME", value_parser = span)]
    expires_in: Option<Duration>,
    #[command(flatten)]
    write: Write,
}

#[derive(Args, Debug)]
struct List {
    /// Whose: ann or actors/ann
    #[arg(value_parser = names::actor)]
    actor: String,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Args, Debug)]
struct Revoke {
    /// The name of its credential, as it was printed with it
    credential: String,
    #[command(flatten)]
    write: Write,
}

impl Token {
    /// Asks, and prints the answer.
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        match self.verb {
            Verb::Create(create) => create.run(client, output).await,
            Verb::List(list) => list.run(client, output).await,
            Verb::Revoke(revoke) => revoke.run(client, output).await,
        }
    }
}

/// So long from now. The program has no other clock than that of its machine.
#[expect(clippy::disallowed_methods, reason = "no database is at hand on the caller's side")]
fn from_now(span: Duration) -> prost_types::Timestamp {
    prost_types::Timestamp::from(std::time::SystemTime::now() + span)
}

impl Create {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Create { actor, display_name, expires_in, write } = self;
        let expire_time = expires_in.map(from_now);
        let credential =
            proto::Credential { display_name, expire_time, ..proto::Credential::default() };
        let request_id = request_id(&write.request_id);
        let request = proto::CreateCredentialRequest {
            parent: actor,
            credential: Some(credential),
            request_id: request_id.clone(),
            validate_only: write.validate_only,
        };
        let send = async |request| client.actors().create_credential(request).await;
        let answer = client.write(&request_id, request, send).await?;
        if write.json {
            let bytes = answer.encode_to_vec();
            return write_line(output.out, "potts.v1.CreateCredentialResponse", &bytes);
        }
        let name = answer.credential.unwrap_or_default().name;
        match (write.validate_only, answer.token.as_str()) {
            (true, _) => writeln!(output.err, "a token would be created, nothing was written")?,
            // An answer that was lost took the token with it.
            (false, "") => writeln!(
                output.err,
                "{name} was created by this call before, and its token is told only once: \
                 revoke it and create another"
            )?,
            (false, token) => {
                writeln!(output.out, "{token}")?;
                writeln!(output.err, "the token of {name}: keep it now, it is never shown again")?;
            }
        }
        Ok(())
    }
}

impl List {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let List { actor, shown } = self;
        let message = "potts.v1.Credential";
        let head = ["CREDENTIAL", "NAME", "CREATED", "EXPIRES", "REVOKED"];
        let ask = async |page_size, page_token| {
            let request =
                proto::ListCredentialsRequest { parent: actor.clone(), page_size, page_token };
            let send = async |request| client.actors().list_credentials(request).await;
            let page = client.call(request, send).await?;
            Ok((page.credentials, page.next_page_token))
        };
        Listing { shown, message, head, row }.print(output, ask).await
    }
}

fn row(credential: &proto::Credential) -> [String; 5] {
    [
        credential.name.clone(),
        credential.display_name.clone(),
        time(credential.create_time.as_ref()),
        time(credential.expire_time.as_ref()),
        time(credential.revoke_time.as_ref()),
    ]
}

impl Revoke {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Revoke { credential: name, write } = self;
        let validate_only = write.validate_only;
        let request =
            |request_id| proto::RevokeCredentialRequest { name, request_id, validate_only };
        let row = |credential: &proto::Credential| {
            let revoked = time(credential.revoke_time.as_ref());
            [credential.name.clone(), format!("revoked {revoked}")]
        };
        send_write!(
            client.actors.revoke_credential,
            output,
            write,
            "potts.v1.RevokeCredentialResponse",
            request,
            credential => row
        )
    }
}
