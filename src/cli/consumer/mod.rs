//! `potts consumer`: durable consumers, and what is delivered of them.

mod deliver;
mod manage;
mod show;

use clap::{Args, Subcommand};

use super::client::{Client, Connection};
use super::project::Write;
use super::{Failure, Output, names};

const CREATE_EXAMPLES: &str = "\
Examples:
  potts consumer create abc search --type 'issue.*'
  potts consumer create abc billing --buckets 8 --from-beginning --ack-deadline 2m";
const GET_EXAMPLES: &str = "\
Examples:
  potts consumer get abc search";
const LIST_EXAMPLES: &str = "\
Examples:
  potts consumer list abc
  potts consumer list abc --json";
const UPDATE_EXAMPLES: &str = "\
Examples:
  potts consumer update abc search --attempts-max 5
  potts consumer update abc search --type issue.closed";
const DELETE_EXAMPLES: &str = "\
Examples:
  potts consumer delete abc search";
const CONSUME_EXAMPLES: &str = "\
Events that are not acknowledged come again, to this member or to another. It ends with Ctrl-C.

Examples:
  potts consumer consume abc search
  potts consumer consume abc search --ack --json | jq .subject";
const PARKED_EXAMPLES: &str = "\
Examples:
  potts consumer parked abc search";
const REPLAY_EXAMPLES: &str = "\
Examples:
  potts consumer replay abc search
  potts consumer replay abc search --type issue.closed --through 1200";
const RESET_EXAMPLES: &str = "\
Examples:
  potts consumer reset abc search --from-beginning
  potts consumer reset abc search --from-now
  potts consumer reset abc search --after AAECAwQFBgcICQ";
const PAUSE_EXAMPLES: &str = "\
Examples:
  potts consumer pause abc search";
const RESUME_EXAMPLES: &str = "\
Examples:
  potts consumer resume abc search";

/// Keep places in the log, and deliver what comes after them.
#[derive(Args, Debug)]
pub struct Consumer {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Create a consumer
    #[command(after_help = CREATE_EXAMPLES)]
    Create(manage::Create),
    /// Show a consumer, and how far it has come
    #[command(after_help = GET_EXAMPLES)]
    Get(show::Get),
    /// List the consumers of a project
    #[command(after_help = LIST_EXAMPLES)]
    List(show::List),
    /// Change a consumer
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(manage::Update),
    /// Delete a consumer, with its place and its parked events
    #[command(after_help = DELETE_EXAMPLES)]
    Delete(manage::Steer),
    /// Print the events of a consumer as they are delivered
    #[command(after_help = CONSUME_EXAMPLES)]
    Consume(deliver::Consume),
    /// List events that are not tried any more
    #[command(after_help = PARKED_EXAMPLES)]
    Parked(show::Parked),
    /// Have parked events tried again
    #[command(after_help = REPLAY_EXAMPLES)]
    Replay(manage::Replay),
    /// Move a consumer to another place
    #[command(after_help = RESET_EXAMPLES)]
    Reset(manage::Reset),
    /// Have nothing more delivered
    #[command(after_help = PAUSE_EXAMPLES)]
    Pause(manage::Steer),
    /// Have a paused consumer go on
    #[command(after_help = RESUME_EXAMPLES)]
    Resume(manage::Steer),
}

/// Which consumer of which project.
#[derive(Args, Debug)]
struct Named {
    /// Which project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    /// The id of the consumer
    id: String,
}

impl Named {
    fn name(&self) -> String {
        format!("{}/consumers/{}", self.project, self.id)
    }
}

impl Consumer {
    /// Asks, and prints the answer.
    pub async fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        if let Verb::Consume(consume) = self.verb {
            let client = Client::connect_for_streams(&self.connection).await?;
            // What is acknowledged must not wait behind what is delivered.
            let acks = Client::connect(&self.connection).await?;
            return consume.run(&client, &acks, output).await;
        }
        let client = &Client::connect(&self.connection).await?;
        match self.verb {
            Verb::Create(create) => create.run(client, output).await,
            Verb::Get(get) => get.run(client, output).await,
            Verb::List(list) => list.run(client, output).await,
            Verb::Update(update) => update.run(client, output).await,
            Verb::Delete(delete) => delete.delete(client, output).await,
            Verb::Consume(_) => Ok(()),
            Verb::Parked(parked) => parked.run(client, output).await,
            Verb::Replay(replay) => replay.run(client, output).await,
            Verb::Reset(reset) => reset.run(client, output).await,
            Verb::Pause(pause) => pause.pause(client, output).await,
            Verb::Resume(resume) => resume.resume(client, output).await,
        }
    }
}
