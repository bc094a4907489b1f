//! What the verbs of all nouns have in common: how a write is sent and told, how a list is read.

use clap::Args;
use prost::Message;

use super::json::write_line;
use super::render::table;
use super::{Failure, Output};

/// Which of the things in a list, and how they are printed.
#[derive(Args, Debug)]
pub struct Which {
    /// Only these, such as: create_time > 2026-11-01T00:00:00Z
    #[arg(long, default_value = "", hide_default_value = true)]
    pub filter: String,
    /// In this order, such as: create_time desc. By name otherwise
    #[arg(long, value_name = "FIELDS", default_value = "", hide_default_value = true)]
    pub order_by: String,
    #[command(flatten)]
    pub shown: Shown,
}

/// How much of a list is printed, and how.
#[derive(Args, Debug)]
pub struct Shown {
    /// At most so many; all of them otherwise
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<usize>,
    /// Print each as one line of ProtoJSON
    #[arg(long)]
    pub json: bool,
}

/// How many things are asked for at once.
const PAGE: i32 = 500;

/// Sends a write and prints its answer.
macro_rules! send_write {
    (
        $client:ident.$service:ident.$send:ident, $output:ident, $write:ident, $answer:expr,
        $request:expr, $noun:ident => $row:expr
    ) => {{
        let send = async |request| $client.$service().$send(request).await;
        let request_id = $crate::cli::client::request_id(&$write.request_id);
        let request = $request(request_id.clone());
        let answer = $client.write(&request_id, request, send).await?;
        if $write.json {
            let bytes = prost::Message::encode_to_vec(&answer);
            return $crate::cli::json::write_line($output.out, $answer, &bytes);
        }
        let is = answer.$noun.unwrap_or_default();
        $crate::cli::project::told($output, &$row(&is), answer.changed, $write.validate_only)
    }};
}
pub(super) use send_write;

/// How a list is printed.
pub struct Listing<T, const N: usize> {
    /// How much, and how.
    pub shown: Shown,
    /// What one of them is called in the contract.
    pub message: &'static str,
    /// The head of the table.
    pub head: [&'static str; N],
    /// One of them as a row.
    pub row: fn(&T) -> [String; N],
}

impl<T: Message, const N: usize> Listing<T, N> {
    /// Asks for page after page, and prints them. A page is asked for by its size and its token,
    /// and brings the token of the next.
    pub async fn print(
        self,
        output: &mut Output<'_>,
        ask: impl AsyncFn(i32, String) -> Result<(Vec<T>, String), Failure>,
    ) -> Result<(), Failure> {
        let Listing { shown: Shown { limit, json }, message, head, row } = self;
        let (mut left, mut page_token) = (limit.unwrap_or(usize::MAX), String::new());
        let mut head = Some(head);
        while left > 0 {
            let page_size = i32::try_from(left).unwrap_or(PAGE).min(PAGE);
            let (mut items, next) = ask(page_size, page_token).await?;
            items.truncate(left);
            left -= items.len();
            if json {
                for item in &items {
                    write_line(output.out, message, &item.encode_to_vec())?;
                }
            } else {
                let rows: Vec<_> = items.iter().map(row).collect();
                table(output.out, head.take(), &rows)?;
            }
            page_token = next;
            if page_token.is_empty() {
                break;
            }
        }
        Ok(())
    }
}
