//! The command line `potts`: what people type, turned into calls of the service.
//!
//! The client verbs speak gRPC as any client does; they know nothing that the contract does not
//! say. One file a verb; `client` connects and retries, `failure` says what went wrong.

mod action;
mod actor;
mod agenda;
mod backoff;
#[cfg(test)]
mod canned;
mod client;
mod comment;
mod completions;
mod consumer;
mod database;
mod described;
mod event;
mod failure;
mod group;
mod issue;
mod json;
mod log;
mod member;
mod names;
mod project;
mod publish;
mod reference;
mod render;
mod serve;
mod tail;
mod token;
mod verbs;

use std::ffi::OsString;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use self::failure::{Exit, Failure};
use crate::config::Flags;

/// What `--help` says about exit codes. Scripts rely on them.
const EXIT_CODES: &str = "\
Exit codes:
   0  it worked
   1  the service refused it
  64  the command line is wrong, or an input cannot be read
  69  the service cannot be reached, or did not answer in time
  70  the answer of the service cannot be understood
  71  the system does not let the program begin
  74  the output cannot be written";

const SERVE_EXAMPLES: &str = "\
Examples:
  potts serve
  potts serve --grpc-addr 127.0.0.1:0 --log potts::ledger=debug,info
  potts serve --database-url postgres://potts:secret@db/potts

Exit codes: 0 it was asked to stop, 1 it failed, 78 a setting is wrong.";

/// Tracks effort that spans people, teams and machines.
#[derive(Parser, Debug)]
#[command(name = "potts", version, after_help = EXIT_CODES, max_term_width = 100)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Those of who runs the service.
    #[command(flatten)]
    Operator(Operator),
    /// Those of who calls it.
    #[command(flatten)]
    Caller(Box<Caller>),
}

/// What is done on the server's own side.
#[derive(Subcommand, Debug)]
pub enum Operator {
    /// Run the service.
    #[command(after_help = SERVE_EXAMPLES)]
    Serve(Box<Flags>),
    /// Bring the schema of the database up to date.
    #[command(after_help = "Examples:\n  potts migrate\n  potts migrate --dry-run")]
    Migrate {
        /// Say what is missing, and change nothing.
        #[arg(long)]
        dry_run: bool,
        /// The settings.
        #[command(flatten)]
        flags: Box<Flags>,
    },
    /// Print the settings that are in force, secrets masked.
    #[command(after_help = "Examples:\n  potts config\n  potts config --ledger-lanes 2")]
    Config(Box<Flags>),
    /// Look whether the service could run, and say what is in its way.
    #[command(after_help = "Examples:\n  potts doctor\n  potts doctor --data-dir /srv/potts")]
    Doctor(Box<Flags>),
    /// Look into the log of events, and after it.
    Log(log::Log),
}

/// What a client does.
#[derive(Subcommand, Debug)]
pub enum Caller {
    /// Print events as they happen.
    Tail(tail::Tail),
    /// Send messages of other services: CloudEvents, CDEvents or any other JSON.
    Publish(publish::Publish),
    /// Create, read and change projects.
    Project(project::Project),
    /// Create, read and change issues.
    Issue(issue::Issue),
    /// Create, read and change actors, and their tokens.
    Actor(actor::Actor),
    /// Create, read and change groups of actors.
    Group(group::Group),
    /// Say who may do what in a project.
    Member(member::Member),
    /// Add, claim and finish actions.
    Action(action::Action),
    /// Say what is next.
    Agenda(agenda::Agenda),
    /// Read the log of events.
    Event(event::Event),
    /// Keep places in the log, and deliver what comes after them.
    Consumer(consumer::Consumer),
    /// Make projects, people and configuration as files describe them.
    #[command(after_help = described::apply::EXAMPLES)]
    Apply(described::apply::Apply),
    /// Create, read and change workflows.
    Workflow(described::verbs::Configuration),
    /// Create, read and change issue types.
    IssueType(described::verbs::Configuration),
    /// Create, read and change action types.
    ActionType(described::verbs::Configuration),
    /// Print the completions of a shell.
    Completions(completions::Completions),
}

/// Where a verb writes: what was asked for to `out`, what is said about it to `err`.
pub struct Output<'a> {
    /// For people and programs.
    pub out: &'a mut dyn Write,
    /// For people.
    pub err: &'a mut dyn Write,
}

/// Reads a command line. Otherwise help or a complaint was printed, and this is how to end.
pub fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Cli, ExitCode> {
    Cli::try_parse_from(arguments).map_err(|error| {
        // Where even the complaint cannot be printed, the exit code still says it.
        let _nobody_reads = error.print();
        exit_of(&error)
    })
}

/// A call for help is no mistake, though it ends the program as one does.
fn exit_of(error: &clap::Error) -> ExitCode {
    if error.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS }
}

/// Does what a command line says.
pub async fn run(cli: Cli) -> ExitCode {
    match cli.command {
        Command::Operator(Operator::Serve(flags)) => serve::run(&flags).await,
        Command::Operator(Operator::Migrate { dry_run, flags }) => {
            database::migrate(&flags, dry_run).await
        }
        Command::Operator(Operator::Config(flags)) => database::config(&flags),
        Command::Operator(Operator::Doctor(flags)) => database::doctor(&flags).await,
        Command::Operator(Operator::Log(verb)) => Box::pin(log::run(verb)).await,
        Command::Caller(verb) => call(*verb).await,
    }
}

async fn call(verb: Caller) -> ExitCode {
    let (mut out, mut err) = (BufWriter::new(io::stdout()), io::stderr());
    let mut output = Output { out: &mut out, err: &mut err };
    let ended = verb.run(&mut output).await;
    let flushed = output.out.flush();
    end(ended.and(flushed.map_err(Failure::Output)), output.err)
}

impl Caller {
    async fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        match self {
            Caller::Tail(verb) => Box::pin(verb.run(output)).await,
            Caller::Publish(verb) => Box::pin(verb.run(output)).await,
            Caller::Project(verb) => Box::pin(verb.run(output)).await,
            Caller::Issue(verb) => Box::pin(verb.run(output)).await,
            Caller::Actor(verb) => Box::pin(verb.run(output)).await,
            Caller::Group(verb) => Box::pin(verb.run(output)).await,
            Caller::Member(verb) => Box::pin(verb.run(output)).await,
            Caller::Action(verb) => Box::pin(verb.run(output)).await,
            Caller::Agenda(verb) => Box::pin(verb.run(output)).await,
            Caller::Event(verb) => Box::pin(verb.run(output)).await,
            Caller::Consumer(verb) => Box::pin(verb.run(output)).await,
            Caller::Apply(verb) => Box::pin(verb.run(output)).await,
            Caller::Workflow(verb) => Box::pin(verb.run_workflow(output)).await,
            Caller::IssueType(verb) => Box::pin(verb.run_issue_type(output)).await,
            Caller::ActionType(verb) => Box::pin(verb.run_action_type(output)).await,
            Caller::Completions(verb) => verb.run(output),
        }
    }
}

/// Says that the program could not even begin.
pub fn failed(error: &io::Error) -> ExitCode {
    let summary = format!("cannot begin: {error}");
    end(Err(Failure::Some { exit: Exit::System, summary }), &mut io::stderr())
}

fn end(ended: Result<(), Failure>, err: &mut dyn Write) -> ExitCode {
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read the output has seen enough: that is no failure.
        Err(Failure::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
            ExitCode::SUCCESS
        }
        Err(failure) => {
            let _nobody_reads = failure.tell(err);
            failure.exit().into()
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    /// Every verb, with the verbs below it.
    fn verbs(command: &clap::Command) -> Vec<clap::Command> {
        let below = command.get_subcommands().flat_map(verbs);
        std::iter::once(command.clone()).chain(below).collect()
    }

    /// The words of a line as a shell would give them, as far as examples go.
    fn words(line: &str) -> Vec<OsString> {
        let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
        for char in line.chars().chain([' ']) {
            match (char, quote) {
                ('\'' | '"', None) => (quote, word) = (Some(char), word.or(Some(String::new()))),
                (_, Some(end)) if char == end => quote = None,
                (' ', None) => words.extend(word.take().map(OsString::from)),
                _ => word.get_or_insert_default().push(char),
            }
        }
        words
    }

    #[test]
    fn every_example_of_the_help_is_a_command_line() {
        let mut count = 0;
        for verb in verbs(&Cli::command()).iter().skip(1) {
            let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            let examples: Vec<&str> =
                help.lines().filter_map(|line| line.split_once("potts ")).map(|(_, e)| e).collect();
            let is_leaf = verb.get_subcommands().next().is_none();
            assert!(!is_leaf || !examples.is_empty(), "`{}` has no example", verb.get_name());
            for example in examples {
                let command = example.split(" | ").next().unwrap().split(" > ").next().unwrap();
                let line = format!("potts {command}");
                let outcome = Cli::try_parse_from(words(&line));
                assert!(outcome.is_ok(), "{line}: {}", outcome.unwrap_err());
                count += 1;
            }
        }
        assert!(count > 20, "only {count} examples");
    }

    #[test]
    fn a_wrong_command_line_is_told_from_a_call_for_help() {
        let exit =
            |line: &str| format!("{:?}", exit_of(&Cli::try_parse_from(words(line)).unwrap_err()));

        assert_eq!(exit("potts frobnicate"), format!("{:?}", ExitCode::from(64)));
        assert_eq!(exit("potts"), format!("{:?}", ExitCode::from(64)));
        assert_eq!(exit("potts tail --nonsense"), format!("{:?}", ExitCode::from(64)));
        assert_eq!(exit("potts --help"), format!("{:?}", ExitCode::SUCCESS));
        assert_eq!(exit("potts issue create --help"), format!("{:?}", ExitCode::SUCCESS));
    }

    #[test]
    fn a_reader_that_left_is_no_failure() {
        let mut err = Vec::new();
        let left = Err(Failure::Output(io::ErrorKind::BrokenPipe.into()));
        assert_eq!(format!("{:?}", end(left, &mut err)), format!("{:?}", ExitCode::SUCCESS));
        assert!(err.is_empty());

        let full = Err(Failure::Output(io::ErrorKind::StorageFull.into()));
        assert_eq!(format!("{:?}", end(full, &mut err)), format!("{:?}", ExitCode::from(74)));
        assert!(!err.is_empty());
    }

    #[test]
    fn a_token_is_never_shown() {
        let cli = Cli::try_parse_from(words("potts tail --token sesame")).unwrap();
        assert!(!format!("{cli:?}").contains("sesame"));
    }
}
