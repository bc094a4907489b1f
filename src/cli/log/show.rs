//! `potts log show`: events, from the database or from an archive.

use prost::Message as _;

use super::{Database, Show, unreachable, unreadable};
use crate::archive::Reader;
use crate::cli::event::print;
use crate::cli::verbs::Shown;
use crate::cli::{Failure, Output};
use crate::config::Config;
use crate::domain::event::Seq;
use crate::domain::reader::View;
use crate::proto;
use crate::store::{Store, Stretch};
use crate::stream::with_seq;

/// How many events are read at once: some megabytes.
const EVENTS_AT_ONCE: i64 = 1_000;

/// Prints events until there are enough.
struct Printer<'a, 'o> {
    output: &'a mut Output<'o>,
    json: bool,
    left: usize,
}

impl Printer<'_, '_> {
    fn print(&mut self, event: &[u8]) -> Result<(), Failure> {
        let event = proto::Event::decode(event)
            .map_err(|error| Failure::Answer(format!("an event cannot be read: {error}")))?;
        self.left -= 1;
        print(self.output, &event, self.json)
    }
}

impl Show {
    /// Prints what is there.
    pub(super) async fn run(self, config: &Config, output: &mut Output<'_>) -> Result<(), Failure> {
        let Show { archive, from, after, shown: Shown { limit, json }, flags: _ } = self;
        let after = Seq(after.or(from.map(|from| from.saturating_sub(1))).unwrap_or(0));
        let mut printer = Printer { output, json, left: limit.unwrap_or(usize::MAX) };
        if let Some(path) = archive {
            return of_archive(Reader::open(&path).map_err(unreadable)?, after, &mut printer);
        }
        let database = Database::open(config).await?;
        let shown = of_database(&database.store, after, &mut printer).await;
        database.close().await?;
        shown
    }
}

fn of_archive(
    mut archive: Reader,
    after: Seq,
    printer: &mut Printer<'_, '_>,
) -> Result<(), Failure> {
    while printer.left > 0 {
        let Some(event) = archive.next_event().map_err(unreadable)? else { break };
        if crate::archive::place(&event).map_err(unreadable)? > after {
            printer.print(&event)?;
        }
    }
    Ok(())
}

async fn of_database(
    store: &Store,
    after: Seq,
    printer: &mut Printer<'_, '_>,
) -> Result<(), Failure> {
    let log = store.log_state(Seq(0)).await.map_err(unreachable)?;
    let all = View::of_everything();
    let mut at = after.max(Seq(log.oldest.0 - 1));
    if at > after && after > Seq(0) {
        writeln!(printer.output.err, "potts: the log begins at {}", log.oldest)?;
    }
    while at < log.head && printer.left > 0 {
        let left = i64::try_from(printer.left).unwrap_or(i64::MAX);
        let to = Seq(at.0.saturating_add(EVENTS_AT_ONCE.min(left))).min(log.head);
        let stretch = Stretch { after: at, to, limit: EVENTS_AT_ONCE };
        for row in store.log_page(stretch, &all).await.map_err(unreachable)? {
            printer.print(&with_seq(row.seq, &row.body))?;
        }
        at = to;
    }
    Ok(())
}
