//! `potts consumer consume`: a member that prints what it is sent.

use clap::Args;
use prost::Message as _;
use tokio::time::sleep;
use tonic::{Request, Status};

use super::Named;
use crate::cli::backoff::Backoff;
use crate::cli::client::Client;
use crate::cli::failure::{is_outage, retry_after};
use crate::cli::json::write_line;
use crate::cli::render::event_line;
use crate::cli::{Failure, Output};
use crate::proto;
use crate::proto::consume_response::Message;

#[derive(Args, Debug)]
pub struct Consume {
    #[command(flatten)]
    named: Named,
    /// Acknowledge each event once it is printed
    #[arg(long)]
    ack: bool,
    /// How many events may be with this member at a time
    #[arg(long, value_name = "NUMBER", default_value_t = 0, hide_default_value = true)]
    in_flight_max: i32,
    /// Print each event as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

impl Consume {
    /// Prints what is delivered until Ctrl-C or a refusal.
    pub async fn run(
        self,
        client: &Client,
        acks: &Client,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        tokio::select! {
            ended = self.deliver(client, acks, output) => ended,
            asked = tokio::signal::ctrl_c() => asked.map_err(Failure::Output),
        }
    }

    async fn deliver(
        &self,
        client: &Client,
        acks: &Client,
        output: &mut Output<'_>,
    ) -> Result<(), Failure> {
        let mut backoff = Backoff::new();
        loop {
            let status = self.member(client, acks, output, &mut backoff).await?;
            if !is_outage(&status) {
                return Err(status.into());
            }
            let pause = backoff.pause(retry_after(&status));
            let why = Failure::from(status).message();
            let seconds = pause.as_secs_f32();
            writeln!(output.err, "potts: {why}; consuming again in {seconds:.1} s")?;
            sleep(pause).await;
        }
    }

    /// One stream, to its end.
    async fn member(
        &self,
        client: &Client,
        acks: &Client,
        output: &mut Output<'_>,
        backoff: &mut Backoff,
    ) -> Result<Status, Failure> {
        let (name, in_flight_max) = (self.named.name(), self.in_flight_max);
        let request = proto::ConsumeRequest { name, in_flight_max };
        let mut stream = match client.events().consume(Request::new(request)).await {
            Ok(response) => response.into_inner(),
            Err(status) => return Ok(status),
        };
        loop {
            let batch = match stream.message().await {
                Ok(Some(proto::ConsumeResponse { message: Some(Message::Batch(batch)) })) => batch,
                // The beginning, or something that a newer service says.
                Ok(Some(_)) => continue,
                Ok(None) => return Ok(Status::unavailable("the stream ended")),
                Err(status) => return Ok(status),
            };
            backoff.reset();
            self.print(output, &batch)?;
            if self.ack {
                self.acknowledge(acks, output, batch).await?;
            }
        }
    }

    fn print(&self, output: &mut Output<'_>, batch: &proto::DeliveryBatch) -> Result<(), Failure> {
        for delivery in &batch.deliveries {
            if self.json {
                write_line(output.out, "potts.v1.Event", &delivery.event)?;
                continue;
            }
            let event = proto::Event::decode(delivery.event.clone()).map_err(|error| {
                Failure::Answer(format!("the service sent an event that cannot be read: {error}"))
            })?;
            writeln!(output.out, "{}", event_line(&event))?;
        }
        Ok(output.out.flush()?)
    }

    async fn acknowledge(
        &self,
        acks: &Client,
        output: &mut Output<'_>,
        batch: proto::DeliveryBatch,
    ) -> Result<(), Failure> {
        let ack_tokens = batch.deliveries.into_iter().map(|delivery| delivery.ack_token).collect();
        let request = proto::AckEventsRequest { name: self.named.name(), ack_tokens };
        let send = async |request| acks.events().ack_events(request).await;
        match acks.call(request, send).await {
            Ok(proto::AckEventsResponse {}) => Ok(()),
            // They come again, to whoever has the bucket now.
            Err(Failure::Status { status, .. })
                if status.code() == tonic::Code::FailedPrecondition =>
            {
                writeln!(output.err, "potts: {}", Failure::from(status).message())?;
                Ok(())
            }
            Err(failure) => Err(failure),
        }
    }
}
