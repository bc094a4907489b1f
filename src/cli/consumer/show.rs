//! Consumers and parked events, printed.

use clap::Args;
use prost::Message as _;

use super::Named;
use crate::cli::actor::word;
use crate::cli::client::Client;
use crate::cli::json::write_line;
use crate::cli::names::short;
use crate::cli::render::{card, time};
use crate::cli::verbs::{Listing, Shown};
use crate::cli::{Failure, Output, names};
use crate::proto;

#[derive(Args, Debug)]
pub struct Get {
    #[command(flatten)]
    named: Named,
    /// Print the answer as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
pub struct List {
    /// Which project: abc or projects/abc
    #[arg(value_parser = names::project)]
    project: String,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Args, Debug)]
pub struct Parked {
    #[command(flatten)]
    named: Named,
    #[command(flatten)]
    shown: Shown,
}

fn state(consumer: &proto::Consumer) -> String {
    word(consumer.state().as_str_name(), "CONSUMER_STATE_")
}

fn types(consumer: &proto::Consumer) -> String {
    let types = consumer.filter.as_ref().map(|filter| filter.types.join(",")).unwrap_or_default();
    if types.is_empty() { "*".into() } else { types }
}

/// A consumer as a row.
pub fn row(consumer: &proto::Consumer) -> [String; 5] {
    let id = consumer.name.rsplit('/').next().unwrap_or_default();
    [
        id.to_owned(),
        state(consumer),
        consumer.buckets.to_string(),
        types(consumer),
        time(consumer.create_time.as_ref()),
    ]
}

impl Get {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let request = proto::GetConsumerRequest { name: self.named.name() };
        let send = async |request| client.events().get_consumer(request).await;
        let answer = client.call(request, send).await?;
        if self.json {
            let bytes = answer.encode_to_vec();
            return write_line(output.out, "potts.v1.GetConsumerResponse", &bytes);
        }
        let consumer = answer.consumer.unwrap_or_default();
        let progress = answer.progress.unwrap_or_default();
        let deadline = consumer.ack_deadline.unwrap_or_default();
        let rows = [
            ("state", state(&consumer)),
            ("lag", progress.lag.to_string()),
            ("done", progress.done_seq.to_string()),
            ("waiting", progress.waiting.to_string()),
            ("parked", progress.parked.to_string()),
            ("members", progress.members.to_string()),
            ("types", types(&consumer)),
            ("buckets", consumer.buckets.to_string()),
            ("keyed by", word(consumer.keyed_by().as_str_name(), "KEYED_BY_")),
            ("ack deadline", format!("{} s", deadline.seconds)),
            ("attempts max", consumer.attempts_max.to_string()),
            ("name", consumer.name),
            ("creator", short(&consumer.creator)),
            ("created", time(consumer.create_time.as_ref())),
            ("updated", time(consumer.update_time.as_ref())),
            ("etag", consumer.etag),
            ("uid", consumer.uid),
        ];
        Ok(card(output.out, &rows)?)
    }
}

impl List {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let List { project, shown } = self;
        let message = "potts.v1.Consumer";
        let head = ["CONSUMER", "STATE", "BUCKETS", "TYPES", "CREATED"];
        let ask = async |page_size, page_token| {
            let parent = project.clone();
            let request = proto::ListConsumersRequest { parent, page_size, page_token };
            let send = async |request| client.events().list_consumers(request).await;
            let page = client.call(request, send).await?;
            Ok((page.consumers, page.next_page_token))
        };
        Listing { shown, message, head, row }.print(output, ask).await
    }
}

fn parked_row(parked: &proto::ParkedEvent) -> [String; 5] {
    let kind = parked.event.as_ref().map_or("(hidden)", |event| event.r#type.as_str());
    [
        parked.seq.to_string(),
        kind.to_owned(),
        short(&parked.key),
        parked.attempts.to_string(),
        parked.reason.clone(),
    ]
}

impl Parked {
    pub async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let Parked { named, shown } = self;
        let message = "potts.v1.ParkedEvent";
        let head = ["SEQ", "TYPE", "KEY", "ATTEMPTS", "REASON"];
        let ask = async |page_size, page_token| {
            let parent = named.name();
            let request = proto::ListParkedEventsRequest { parent, page_size, page_token };
            let send = async |request| client.events().list_parked_events(request).await;
            let page = client.call(request, send).await?;
            Ok((page.parked_events, page.next_page_token))
        };
        Listing { shown, message, head, row: parked_row }.print(output, ask).await
    }
}
