//! `potts tail`: follows the log.
//!
//! A line is printed once and none is left out, however often the connection breaks: each break is
//! mended by subscribing again after the last cursor, and a cursor counts only when its lines are
//! out.

mod cursor_file;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use prost::Message as _;
use tokio::time::{Instant, sleep, timeout};
use tonic::{Request, Status};

use self::cursor_file::CursorFile;
use super::backoff::Backoff;
use super::client::{Client, Connection};
use super::event::Filter;
use super::failure::{is_outage, retry_after};
use super::json::write_line;
use super::render::{event_line, plain};
use super::{Failure, Output};
use crate::proto::subscribe_request::Start;
use crate::proto::subscribe_response::Message;
use crate::proto::{Event, EventBatch, SubscribeRequest, SubscribeResponse};

const EXAMPLES: &str = "\
Without a start it begins with the next event. It ends with Ctrl-C, and says then where it was:
--after goes on from there.

Examples:
  potts tail
  potts tail --project abc --type 'issue.*'
  potts tail --subject ABC-12 --from-beginning --until-caught-up
  potts tail --json --cursor-file abc.cursor | jq .after
  potts tail --after AAECAwQFBgcICQ";

/// Events wait for nobody: a batch holds what is there, and larger ones make catching up faster.
const BATCH_EVENTS: i32 = 1_000;
/// The service says something every 10 s; after this long it is gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Print events as they happen.
#[derive(Args, Debug)]
#[command(after_help = EXAMPLES)]
pub struct Tail {
    /// Begin after this cursor
    #[arg(long, value_name = "CURSOR", conflicts_with_all = ["from_beginning", "cursor_file"])]
    after: Option<String>,

    /// Begin with the oldest event
    #[arg(long)]
    from_beginning: bool,

    #[command(flatten)]
    filter: Filter,

    /// End when all that there is was printed
    #[arg(long)]
    until_caught_up: bool,

    /// Go on where this file says, and keep it up to date
    #[arg(long, value_name = "FILE")]
    cursor_file: Option<PathBuf>,

    /// Print each event as one line of ProtoJSON
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    connection: Connection,
}

impl Tail {
    /// Follows the log until Ctrl-C, the end that was asked for, or a refusal.
    pub async fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let mut follower = Follower::new(self)?;
        let ended = tokio::select! {
            ended = follower.run(output) => ended,
            asked = tokio::signal::ctrl_c() => asked.map_err(Failure::Output),
        };
        // Who closed the pipe wants to hear no more.
        if matches!(&ended, Err(Failure::Output(_))) {
            return ended;
        }
        if let Some(cursor) = &follower.cursor {
            writeln!(output.err, "potts: the last cursor is {}", plain(cursor))?;
        }
        ended
    }
}

/// How a subscription came to its end.
enum End {
    /// All was printed that there was, as asked.
    CaughtUp,
    /// The other side is gone, or says that it goes.
    Broken(Status),
}

/// Follows the log over as many subscriptions as it takes.
struct Follower {
    tail: Tail,
    file: Option<CursorFile>,
    /// The place after the last line that is out.
    cursor: Option<String>,
    backoff: Backoff,
    /// Whether a subscription ever stood.
    started: bool,
}

impl Follower {
    fn new(tail: Tail) -> Result<Follower, Failure> {
        let file = tail.cursor_file.clone().map(CursorFile::new);
        let kept = file.as_ref().map(CursorFile::read).transpose()?.flatten();
        let cursor = kept.or_else(|| tail.after.clone());
        Ok(Follower { tail, file, cursor, backoff: Backoff::new(), started: false })
    }

    async fn run(&mut self, output: &mut Output<'_>) -> Result<(), Failure> {
        let began = Instant::now();
        let client = Client::connect_for_streams(&self.tail.connection).await?;
        loop {
            let status = match self.follow(&client, output).await? {
                End::CaughtUp => return Ok(()),
                End::Broken(status) => status,
            };
            // Someone waits for the first line: better an answer than a wait without end.
            if !self.started && began.elapsed() >= self.tail.connection.timeout {
                return Err(status.into());
            }
            let pause = self.backoff.pause(retry_after(&status));
            let why = Failure::from(status).message();
            let place = match &self.cursor {
                Some(cursor) => format!("after {}", plain(cursor)),
                None => "anew".into(),
            };
            let seconds = pause.as_secs_f32();
            writeln!(output.err, "potts: {why}; subscribing {place} in {seconds:.1} s")?;
            sleep(pause).await;
        }
    }

    async fn follow(&mut self, client: &Client, output: &mut Output<'_>) -> Result<End, Failure> {
        let within = self.tail.connection.timeout;
        let mut events = client.events();
        let subscribed = timeout(within, events.subscribe(Request::new(self.request()))).await;
        let mut stream = match subscribed {
            Ok(Ok(response)) => response.into_inner(),
            Ok(Err(status)) => return broken(status),
            Err(_) => return Ok(End::Broken(Status::unavailable("no answer came"))),
        };
        loop {
            let message = match timeout(SILENCE_MAX, stream.message()).await {
                Ok(Ok(Some(message))) => message,
                Ok(Ok(None)) => return Ok(End::Broken(Status::unavailable("the stream ended"))),
                Ok(Err(status)) => return broken(status),
                Err(_) => return Ok(End::Broken(Status::unavailable("nothing came for a minute"))),
            };
            self.backoff.reset();
            if self.take(output, message)? {
                return Ok(End::CaughtUp);
            }
        }
    }

    fn request(&self) -> SubscribeRequest {
        let start = match &self.cursor {
            Some(cursor) => Start::After(cursor.clone()),
            None if self.tail.from_beginning => Start::FromBeginning(true),
            None => Start::FromNow(true),
        };
        SubscribeRequest {
            start: Some(start),
            filter: self.tail.filter.encode(),
            batch_events_max: BATCH_EVENTS,
            stop_when_caught_up: self.tail.until_caught_up,
            ..SubscribeRequest::default()
        }
    }

    /// Prints what a message brings; answers whether that is all.
    fn take(
        &mut self,
        output: &mut Output<'_>,
        message: SubscribeResponse,
    ) -> Result<bool, Failure> {
        let (cursor, last) = match message.message {
            Some(Message::Batch(batch)) => {
                self.print(output, &batch)?;
                (batch.cursor, false)
            }
            Some(Message::Started(started)) => {
                self.started = true;
                (started.cursor, false)
            }
            Some(Message::Checkpoint(checkpoint)) => (checkpoint.cursor, false),
            Some(Message::FellBehind(behind)) => (behind.cursor, false),
            Some(Message::CaughtUp(caught_up)) => (caught_up.cursor, self.tail.until_caught_up),
            // A newer service may say more than is known here.
            None => return Ok(false),
        };
        // The lines are out, so the cursor counts.
        if !cursor.is_empty() && self.cursor.as_ref() != Some(&cursor) {
            if let Some(file) = &self.file {
                file.write(&cursor)?;
            }
            self.cursor = Some(cursor);
        }
        Ok(last)
    }

    fn print(&self, output: &mut Output<'_>, batch: &EventBatch) -> Result<(), Failure> {
        for bytes in &batch.events {
            if self.tail.json {
                write_line(output.out, "potts.v1.Event", bytes)?;
                continue;
            }
            let event = Event::decode(bytes.clone()).map_err(|error| {
                Failure::Answer(format!("the service sent an event that cannot be read: {error}"))
            })?;
            writeln!(output.out, "{}", event_line(&event))?;
        }
        Ok(output.out.flush()?)
    }
}

fn broken(status: Status) -> Result<End, Failure> {
    if is_outage(&status) { Ok(End::Broken(status)) } else { Err(status.into()) }
}

#[cfg(test)]
mod tests;
