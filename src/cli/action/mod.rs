//! `potts action`: the pieces of work of issues, and who does them.

mod fields;
mod hold;
mod manage;
mod read;
pub(super) mod show;

use clap::{Args, Subcommand};

use super::client::{Client, Connection};
use super::{Failure, Output};

const ADD_EXAMPLES: &str = "\
Examples:
  potts action add ABC-12 'Mend the hinge'
  potts action add ABC-12 'Paint it' --after ABC-12/actions/1 --priority 2 --assignee actors/ann
  potts action add ABC-12 Deploy --type deploy --parameters '{\"host\": \"a1\"}' --key deploy
  potts action add ABC-12 'Tell them' --after ABC-12/actions/1=any-end --after-issue ABC-7
  potts action add ABC-12 'Look again' --not-before 2026-12-01T08:00:00Z --json";
const GET_EXAMPLES: &str = "\
Examples:
  potts action get ABC-12/actions/3
  potts action get projects/abc/issues/12/actions/3 --json";
const LIST_EXAMPLES: &str = "\
Examples:
  potts action list ABC-12
  potts action list projects/abc --state ready --state running
  potts action list projects/abc --filter 'priority <= 2 AND due_time:*' --order-by due_time
  potts action list projects/abc --assignee actors/ann --type deploy --limit 20 --json";
const UPDATE_EXAMPLES: &str = "\
Examples:
  potts action update ABC-12/actions/3 --title 'Mend both hinges' --priority 1
  potts action update ABC-12/actions/3 --due none --not-before none";
const ASSIGN_EXAMPLES: &str = "\
Examples:
  potts action assign ABC-12/actions/3 actors/ann
  potts action assign ABC-12/actions/3 --nobody";
const CLAIM_EXAMPLES: &str = "\
Examples:
  potts action claim ABC-12/actions/3";
const NEXT_EXAMPLES: &str = "\
Examples:
  potts action next abc
  potts action next abc --type deploy --type test --max 10 --wait 60s --json
  potts action next abc --refuse-empty";
const START_EXAMPLES: &str = "\
Examples:
  potts action start ABC-12/actions/3
  potts action start ABC-12/actions/3 --fence 2";
const HEARTBEAT_EXAMPLES: &str = "\
Examples:
  potts action heartbeat ABC-12/actions/3 --progress 40 --note 'half of the disks'";
const COMPLETE_EXAMPLES: &str = "\
Examples:
  potts action complete ABC-12/actions/3
  potts action complete ABC-12/actions/3 --fence 2 --result '{\"version\": \"1.4\"}'";
const FAIL_EXAMPLES: &str = "\
Examples:
  potts action fail ABC-12/actions/3 Timeout --message 'the host does not answer'
  potts action fail ABC-12/actions/3 NoSuchHost --fatal --attributes '{\"host\": \"a1\"}'";
const RELEASE_EXAMPLES: &str = "\
Examples:
  potts action release ABC-12/actions/3 --reason 'somebody else is better at it'";
const SKIP_EXAMPLES: &str = "\
Examples:
  potts action skip ABC-12/actions/3 --reason 'it was open all the time'";
const CANCEL_EXAMPLES: &str = "\
Examples:
  potts action cancel ABC-12/actions/3 --reason 'the house is gone'";
const REPEAT_EXAMPLES: &str = "\
Examples:
  potts action repeat ABC-12/actions/3
  potts action repeat ABC-12/actions/3 --cascade --reason 'the test was wrong'";
const ATTEMPTS_EXAMPLES: &str = "\
Examples:
  potts action attempts ABC-12/actions/3
  potts action attempts ABC-12/actions/3 --limit 10 --json";

/// Add, claim and finish actions.
#[derive(Args, Debug)]
pub struct Action {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Add an action to an issue
    #[command(after_help = ADD_EXAMPLES)]
    Add(Box<manage::Add>),
    /// Show an action
    #[command(after_help = GET_EXAMPLES)]
    Get(read::Get),
    /// List the actions of an issue or a project
    #[command(after_help = LIST_EXAMPLES)]
    List(read::List),
    /// Change what is said about an action
    #[command(after_help = UPDATE_EXAMPLES)]
    Update(Box<manage::Update>),
    /// Say who is to do an action
    #[command(after_help = ASSIGN_EXAMPLES)]
    Assign(manage::Assign),
    /// Claim one action
    #[command(after_help = CLAIM_EXAMPLES)]
    Claim(hold::Claim),
    /// Claim what comes next in a project
    #[command(after_help = NEXT_EXAMPLES)]
    Next(hold::Next),
    /// Say that the work has begun
    #[command(after_help = START_EXAMPLES)]
    Start(hold::Start),
    /// Say that the work goes on, and how far it is
    #[command(after_help = HEARTBEAT_EXAMPLES)]
    Heartbeat(hold::Heartbeat),
    /// Say that the work is done
    #[command(after_help = COMPLETE_EXAMPLES)]
    Complete(hold::Complete),
    /// Say that the work failed
    #[command(after_help = FAIL_EXAMPLES)]
    Fail(hold::Fail),
    /// Give an action back undone
    #[command(after_help = RELEASE_EXAMPLES)]
    Release(hold::Release),
    /// End an action as not necessary: what waits for it goes on
    #[command(after_help = SKIP_EXAMPLES)]
    Skip(manage::End),
    /// End an action as not to be done
    #[command(after_help = CANCEL_EXAMPLES)]
    Cancel(manage::End),
    /// Have an action done again
    #[command(after_help = REPEAT_EXAMPLES)]
    Repeat(manage::Repeat),
    /// List the attempts at an action
    #[command(after_help = ATTEMPTS_EXAMPLES)]
    Attempts(read::Attempts),
}

impl Action {
    /// Asks, and prints the answer.
    pub async fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let Action { mut connection, verb } = self;
        match &verb {
            Verb::Update(update) => update.check()?,
            Verb::Next(next) => connection.timeout = next.timeout(connection.timeout),
            Verb::Add(_)
            | Verb::Get(_)
            | Verb::List(_)
            | Verb::Assign(_)
            | Verb::Claim(_)
            | Verb::Start(_)
            | Verb::Heartbeat(_)
            | Verb::Complete(_)
            | Verb::Fail(_)
            | Verb::Release(_)
            | Verb::Skip(_)
            | Verb::Cancel(_)
            | Verb::Repeat(_)
            | Verb::Attempts(_) => (),
        }
        let client = &Client::connect(&connection).await?;
        match verb {
            Verb::Add(add) => add.run(client, output).await,
            Verb::Get(get) => get.run(client, output).await,
            Verb::List(list) => list.run(client, output).await,
            Verb::Update(update) => update.run(client, output).await,
            Verb::Assign(assign) => assign.run(client, output).await,
            Verb::Claim(claim) => claim.run(client, output).await,
            Verb::Next(next) => next.run(client, output).await,
            Verb::Start(start) => start.run(client, output).await,
            Verb::Heartbeat(heartbeat) => heartbeat.run(client, output).await,
            Verb::Complete(complete) => complete.run(client, output).await,
            Verb::Fail(fail) => fail.run(client, output).await,
            Verb::Release(release) => release.run(client, output).await,
            Verb::Skip(end) => end.skip(client, output).await,
            Verb::Cancel(end) => end.cancel(client, output).await,
            Verb::Repeat(repeat) => repeat.run(client, output).await,
            Verb::Attempts(attempts) => attempts.run(client, output).await,
        }
    }
}

/// Sends a write of an action and prints its answer.
macro_rules! send_write {
    ($client:ident, $output:ident, $write:ident, $send:ident, $answer:literal, $request:expr) => {
        $crate::cli::verbs::send_write!(
            $client.actions.$send, $output, $write, concat!("potts.v1.", $answer),
            |request_id| $request(request_id, $write.validate_only), action => show::summary
        )
    };
}

use send_write;
