//! `potts event`: reads the log, without following it.

use clap::{Args, Subcommand};
use prost::Message as _;

use super::client::{Client, Connection};
use super::json::write_line;
use super::render::{event_line, table};
use super::verbs::Shown;
use super::{Failure, Output, names};
use crate::proto;

const GET_EXAMPLES: &str = "\
Examples:
  potts event get 12
  potts event get events/12 --json";
const LIST_EXAMPLES: &str = "\
Examples:
  potts event list --project abc
  potts event list --subject ABC-12 --newest-first --limit 10
  potts event list --type 'issue.*' --json";
const TYPES_EXAMPLES: &str = "\
Examples:
  potts event types";

/// How many events are asked for at once.
const PAGE_EVENTS: i32 = 500;

/// Read the log of events.
#[derive(Args, Debug)]
pub struct Event {
    #[command(flatten)]
    connection: Connection,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand, Debug)]
enum Verb {
    /// Show one event
    #[command(after_help = GET_EXAMPLES)]
    Get(Get),
    /// List events, oldest first
    #[command(after_help = LIST_EXAMPLES)]
    List(List),
    /// List the types of events that there are
    #[command(after_help = TYPES_EXAMPLES)]
    Types(Types),
}

#[derive(Args, Debug)]
struct Get {
    /// Which event: its seq, or events/SEQ
    #[arg(value_parser = names::event)]
    event: String,
    /// Print it as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    filter: Filter,
    /// Newest first
    #[arg(long)]
    newest_first: bool,
    #[command(flatten)]
    shown: Shown,
}

#[derive(Args, Debug)]
struct Types {
    /// Print each as one line of ProtoJSON
    #[arg(long)]
    json: bool,
}

/// Which events to take. Each option may be given several times, and any of its values will do.
#[derive(Args, Debug, Default)]
pub struct Filter {
    /// Only events of this project; - stands for those of the installation
    #[arg(long, value_parser = names::project, value_delimiter = ',')]
    pub project: Vec<String>,
    /// Only events of this type: issue.closed, or all of a noun: issue.*
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    pub kind: Vec<String>,
    /// Only events that happened to this: a name, or the key of an issue
    #[arg(long, value_name = "NAME")]
    pub subject: Vec<String>,
}

impl Filter {
    /// The filter of the contract; none where all events are meant.
    pub fn encode(&self) -> Option<proto::EventFilter> {
        let Filter { project, kind, subject } = self;
        let filter = proto::EventFilter {
            projects: project.clone(),
            types: kind.clone(),
            subjects: subject.clone(),
            ..proto::EventFilter::default()
        };
        (filter != proto::EventFilter::default()).then_some(filter)
    }
}

impl Event {
    /// Asks, and prints the answer.
    pub async fn run(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let client = Client::connect(&self.connection).await?;
        match self.verb {
            Verb::Get(Get { event, json }) => {
                let request = proto::GetEventRequest { name: event };
                let send = async |request| client.events().get_event(request).await;
                let event = client.call(request, send).await?.event.unwrap_or_default();
                print(output, &event, json)
            }
            Verb::List(list) => list.run(&client, output).await,
            Verb::Types(Types { json }) => {
                let send = async |request| client.events().list_event_types(request).await;
                let types = client.call(proto::ListEventTypesRequest {}, send).await?.types;
                if json {
                    let mut types = types.iter();
                    return types.try_for_each(|kind| {
                        write_line(output.out, "potts.v1.EventType", &kind.encode_to_vec())
                    });
                }
                let rows: Vec<[String; 3]> = types
                    .into_iter()
                    .map(|kind| [class(kind.class()), kind.r#type, kind.description])
                    .map(|[class, kind, description]| [kind, class, description])
                    .collect();
                Ok(table(output.out, Some(["TYPE", "CLASS", "DESCRIPTION"]), &rows)?)
            }
        }
    }
}

impl List {
    async fn run(self, client: &Client, output: &mut Output<'_>) -> Result<(), Failure> {
        let List { filter, newest_first, shown: Shown { limit, json } } = self;
        let mut left = limit.unwrap_or(usize::MAX);
        let mut page_token = String::new();
        while left > 0 {
            let page_size = i32::try_from(left).unwrap_or(PAGE_EVENTS).min(PAGE_EVENTS);
            let request = proto::ListEventsRequest {
                filter: filter.encode(),
                page_size,
                page_token,
                newest_first,
            };
            let send = async |request| client.events().list_events(request).await;
            let page = client.call(request, send).await?;
            for event in page.events.iter().take(left) {
                print(output, event, json)?;
            }
            left = left.saturating_sub(page.events.len());
            page_token = page.next_page_token;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(())
    }
}

/// Prints an event, as all verbs do.
pub fn print(output: &mut Output<'_>, event: &proto::Event, json: bool) -> Result<(), Failure> {
    if json {
        return write_line(output.out, "potts.v1.Event", &event.encode_to_vec());
    }
    Ok(writeln!(output.out, "{}", event_line(event))?)
}

fn class(class: proto::EventClass) -> String {
    class.as_str_name().trim_start_matches("EVENT_CLASS_").to_lowercase()
}

#[cfg(test)]
mod tests {
    use crate::cli::Exit;
    use crate::cli::canned::{Canned, run};
    use crate::proto::{Event, ListEventsResponse};

    fn page(seqs: &[i64], next: &str) -> Result<ListEventsResponse, tonic::Status> {
        let event = |seq: &i64| Event { seq: *seq, ..Event::default() };
        let events = seqs.iter().map(event).collect();
        Ok(ListEventsResponse { events, next_page_token: next.into(), ..Default::default() })
    }

    #[tokio::test]
    async fn a_list_follows_its_pages_even_an_empty_one() {
        let pages = [page(&[1, 2], "a"), page(&[], "b"), page(&[3], "")];
        let canned = Canned::listing(pages);

        let ended = run(&canned, &["event", "list", "--json"]).await;

        ended.outcome.unwrap();
        assert_eq!(ended.out, "{\"seq\":\"1\"}\n{\"seq\":\"2\"}\n{\"seq\":\"3\"}\n");
        let tokens: Vec<_> = canned.listed().into_iter().map(|asked| asked.page_token).collect();
        assert_eq!(tokens, ["", "a", "b"]);
    }

    #[tokio::test]
    async fn a_limit_ends_a_list() {
        let canned = Canned::listing([page(&[1, 2], "a"), page(&[3, 4], "b")]);

        let ended = run(&canned, &["event", "list", "--limit", "3"]).await;

        assert_eq!(ended.out.lines().count(), 3);
        let sizes: Vec<_> = canned.listed().into_iter().map(|asked| asked.page_size).collect();
        assert_eq!(sizes, [3, 1]);
    }

    #[tokio::test]
    async fn types_are_a_table_and_a_missing_event_a_refusal() {
        let canned = Canned::listing([]);

        assert_eq!(
            run(&canned, &["event", "types"]).await.out,
            "TYPE           CLASS   DESCRIPTION\nissue.created  object  An issue was created.\n"
        );
        let failure = run(&canned, &["event", "get", "12"]).await.outcome.unwrap_err();
        assert_eq!(failure.exit(), Exit::Refused);
    }
}
