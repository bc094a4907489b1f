//! `potts publish`: sends what other services say to the log.
//!
//! A message is known by its source and id, so sending the same again adds nothing: that makes it
//! safe to send again whatever may have happened already, and to stop half-way.

mod input;
mod sender;

use std::path::PathBuf;

use clap::Args;

use self::input::Input;
use self::sender::Sender;
use super::client::{Client, Connection};
use super::failure::Exit;
use super::{Failure, Output, names};
use crate::adapters::formats::Fallback;

const EXAMPLES: &str = "\
A line is printed for each message: `new`, `duplicate` or `refused`, its name and where it
came from. What cannot be read is told, and the rest is sent. A folder stands for the files
below it that end in .json.

Examples:
  potts publish --project abc event.json
  potts publish --project abc cdevents/conformance more/*.json
  potts publish --project abc --type jira.moved --source /jira webhook.json
  curl https://ci.example.com/last.json | potts publish --project abc -";

/// Send messages of other services: CloudEvents, CDEvents or any other JSON.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Publish {
    /// Files, folders, or - for what is typed or piped in
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,

    /// The project that the messages are for: abc or projects/abc
    #[arg(long, value_parser = names::project)]
    project: String,

    /// What happened, for JSON that is neither a CloudEvent nor a CDEvent
    #[arg(long = "type", value_name = "TYPE", requires = "source")]
    kind: Option<String>,

    /// Who says so, for such JSON: a URI reference
    #[arg(long, value_name = "URI", requires = "kind")]
    source: Option<String>,

    /// Which one it is, for such JSON in one file; derived from its bytes otherwise
    #[arg(long, requires = "kind")]
    id: Option<String>,

    /// Say what would happen, and record nothing
    #[arg(long)]
    validate_only: bool,

    #[command(flatten)]
    connection: Connection,
}

impl Publish {
    /// Reads, sends, and tells what became of each message.
    pub async fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let Publish { inputs, project, kind, source, id, validate_only, connection } = self;
        let (inputs, missing) = input::list(&inputs);
        if id.is_some() && inputs.len() + missing.len() != 1 {
            let problem = "--id names one message, but there are several inputs";
            return Err(Failure::Usage(problem.into()));
        }
        let fallback = kind.zip(source).map(|(kind, source)| Fallback { kind, source, id });
        let client = Client::connect(&connection).await?;
        let mut sender = Sender::new(client, project, validate_only, inputs.len());
        for problem in &missing {
            sender.unreadable(output, problem)?;
        }
        let sent = send(&mut sender, output, inputs, fallback.as_ref()).await;
        let tally = sender.tally();
        // Half of it may be sent, so what was sent is said even if the rest failed.
        sent.inspect_err(|_| {
            let _nobody_reads = writeln!(output.err, "potts: {tally}");
        })?;
        output.out.flush()?;
        match (tally.unreadable, tally.refused) {
            (0, 0) => Ok(writeln!(output.err, "potts: {tally}")?),
            (0, _) => Err(Failure::Some { exit: Exit::Refused, summary: tally.to_string() }),
            _ => Err(Failure::Some { exit: Exit::Usage, summary: tally.to_string() }),
        }
    }
}

async fn send(
    sender: &mut Sender,
    output: &mut Output<'_>,
    inputs: Vec<Input>,
    fallback: Option<&Fallback>,
) -> Result<(), Failure> {
    for input in inputs {
        match input.read(fallback) {
            Ok(messages) => {
                for message in messages {
                    sender.add(output, message).await?;
                }
            }
            Err(problem) => sender.unreadable(output, &problem)?,
        }
        sender.input_done();
    }
    sender.flush(output).await
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;
