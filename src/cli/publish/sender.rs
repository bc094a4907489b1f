//! Sends messages in batches, again where that is the remedy, and tells what became of each.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::input::Message;
use crate::cli::backoff::Backoff;
use crate::cli::client::Client;
use crate::cli::failure::{is_worth_again, retry_after};
use crate::cli::render::plain;
use crate::cli::{Failure, Output};
use crate::proto::publish_result::Outcome;
use crate::proto::{ErrorReason, PublishEventsRequest, PublishRefusal, PublishResult};

/// Larger batches gain little, and cost more where one has to be sent again.
const BATCH_MESSAGES_MAX: usize = 100;
/// Half of what the service takes in a call.
const BATCH_BYTES_MAX: usize = 2 << 20;
/// With their pauses, about 12 s of trouble are waited out.
const ATTEMPTS_MAX: usize = 8;
/// Fewer are sent before anybody asks how far it is.
const PROGRESS_MESSAGES_MIN: usize = 20;
/// Lines of progress that come faster are not read.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);

/// What became of the messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Recorded by this call.
    pub new: usize,
    /// In the log already.
    pub duplicate: usize,
    /// Refused by the service.
    pub refused: usize,
    /// Inputs that could not be read.
    pub unreadable: usize,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { new, duplicate, refused, unreadable } = self;
        let messages = new + duplicate + refused;
        write!(f, "{messages} messages: {new} new, {duplicate} duplicate, {refused} refused")?;
        if *unreadable > 0 {
            write!(f, "; {unreadable} inputs could not be read")?;
        }
        Ok(())
    }
}

/// Collects messages into batches and sends them.
pub struct Sender {
    client: Client,
    parent: String,
    validate_only: bool,
    waiting: Vec<Message>,
    waiting_bytes: usize,
    tally: Tally,
    inputs: usize,
    inputs_done: usize,
    told_at: Option<Instant>,
}

impl Sender {
    /// Sends to `parent`. `inputs` is how many there will be, for the progress.
    pub fn new(client: Client, parent: String, validate_only: bool, inputs: usize) -> Sender {
        Sender {
            client,
            parent,
            validate_only,
            waiting: Vec::new(),
            waiting_bytes: 0,
            tally: Tally::default(),
            inputs,
            inputs_done: 0,
            told_at: None,
        }
    }

    /// What became of the messages so far.
    pub fn tally(&self) -> Tally {
        self.tally.clone()
    }

    /// Counts an input for the progress.
    pub fn input_done(&mut self) {
        self.inputs_done += 1;
    }

    /// Tells of an input that cannot be read.
    pub fn unreadable(&mut self, output: &mut Output<'_>, problem: &str) -> io::Result<()> {
        self.tally.unreadable += 1;
        writeln!(output.err, "potts: {}", plain(problem))
    }

    /// Takes a message, and sends those before it if they fill a batch.
    pub async fn add(&mut self, output: &mut Output<'_>, message: Message) -> Result<(), Failure> {
        if message.bytes > BATCH_BYTES_MAX {
            // The service would refuse the whole call, and could not say why so well.
            let reason = ErrorReason::FieldTooLarge.into();
            let text = "is over 2 MiB, far more than a message may hold; it was not sent";
            let refusal = PublishRefusal { reason, message: text.into(), ..Default::default() };
            return Ok(self.refuse(output, &message, &refusal)?);
        }
        let full = self.waiting.len() == BATCH_MESSAGES_MAX
            || self.waiting_bytes + message.bytes > BATCH_BYTES_MAX;
        if full {
            self.flush(output).await?;
        }
        self.waiting_bytes += message.bytes;
        self.waiting.push(message);
        Ok(())
    }

    /// Sends what waits.
    pub async fn flush(&mut self, output: &mut Output<'_>) -> Result<(), Failure> {
        self.waiting_bytes = 0;
        let mut left = std::mem::take(&mut self.waiting);
        let mut backoff = Backoff::new();
        let mut attempt = 0;
        while !left.is_empty() {
            attempt += 1;
            let may_try_again = attempt < ATTEMPTS_MAX;
            let asked = match self.send(&left).await {
                Ok(results) => {
                    left = self.take(output, left, results, may_try_again)?;
                    None
                }
                Err(Failure::Status { status, .. }) if may_try_again && is_worth_again(&status) => {
                    retry_after(&status)
                }
                Err(failure) => return Err(failure),
            };
            if !left.is_empty() {
                output.out.flush()?;
                sleep(backoff.pause(asked)).await;
            }
        }
        output.out.flush()?;
        Ok(self.progress(output)?)
    }

    async fn send(&self, messages: &[Message]) -> Result<Vec<PublishResult>, Failure> {
        let events = messages.iter().map(|message| message.event.clone()).collect();
        let (parent, validate_only) = (self.parent.clone(), self.validate_only);
        let request = PublishEventsRequest { parent, events, validate_only };
        let send = async |request| self.client.events().publish_events(request).await;
        let results = self.client.once(request, send).await?.results;
        if results.len() != messages.len() {
            let (sent, came) = (messages.len(), results.len());
            let problem = format!("{sent} messages were sent, and {came} results came back");
            return Err(Failure::Answer(problem));
        }
        Ok(results)
    }

    /// Tells of the results; answers the messages that are to be sent again.
    fn take(
        &mut self,
        output: &mut Output<'_>,
        messages: Vec<Message>,
        results: Vec<PublishResult>,
        may_try_again: bool,
    ) -> Result<Vec<Message>, Failure> {
        let mut again = Vec::new();
        for (message, result) in messages.into_iter().zip(results) {
            match result.outcome {
                Some(Outcome::Message(known)) => {
                    let (word, count) = match known.duplicate {
                        true => ("duplicate", &mut self.tally.duplicate),
                        false => ("new", &mut self.tally.new),
                    };
                    *count += 1;
                    let (name, origin) = (plain(&known.name), plain(&message.origin));
                    writeln!(output.out, "{word:<9}  {name}  {origin}")?;
                }
                Some(Outcome::Refusal(refusal)) if may_try_again && passes(refusal.reason()) => {
                    again.push(message);
                }
                Some(Outcome::Refusal(refusal)) => self.refuse(output, &message, &refusal)?,
                None => {
                    let problem = "a result of the service says nothing that is known here";
                    return Err(Failure::Answer(problem.into()));
                }
            }
        }
        Ok(again)
    }

    fn refuse(
        &mut self,
        output: &mut Output<'_>,
        message: &Message,
        refusal: &PublishRefusal,
    ) -> io::Result<()> {
        self.tally.refused += 1;
        let reason = refusal.reason().as_str_name().trim_start_matches("ERROR_REASON_");
        let said = match refusal.field.as_str() {
            field if field.is_empty() || refusal.message.starts_with(field) => {
                plain(&refusal.message)
            }
            field => plain(&format!("{field}: {}", refusal.message)),
        };
        writeln!(output.out, "{:<9}  -  {}: {said} ({reason})", "refused", plain(&message.origin))
    }

    fn progress(&mut self, output: &mut Output<'_>) -> io::Result<()> {
        let Tally { new, duplicate, refused, .. } = &self.tally;
        let messages = new + duplicate + refused;
        let early = self.told_at.is_some_and(|at| at.elapsed() < PROGRESS_EVERY);
        if messages <= PROGRESS_MESSAGES_MIN || early {
            return Ok(());
        }
        self.told_at = Some(Instant::now());
        let (done, inputs) = (self.inputs_done, self.inputs);
        writeln!(output.err, "potts: {messages} messages sent, {done} of {inputs} inputs read")
    }
}

/// Whether a refusal passes by itself, so that sending the same again is the remedy.
fn passes(reason: ErrorReason) -> bool {
    matches!(
        reason,
        ErrorReason::QueueFull
            | ErrorReason::DatabaseUnavailable
            | ErrorReason::ShuttingDown
            | ErrorReason::Contention
            | ErrorReason::DeadlinePassed
            | ErrorReason::OutcomeUnknown
    )
}
