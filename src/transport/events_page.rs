//! A page of the log: what a reader sees of it, oldest or newest first, up to where the log ended
//! when the first page was read.

use prost::Message as _;

use super::door::PAGE_BYTES_MAX;
use super::encode;
use super::page_token::{EventsKey, wrong};
use crate::domain::error::Result;
use crate::domain::event::Seq;
use crate::domain::reader::View;
use crate::proto;
use crate::store::{self, LogState, PageRow, Store, Stretch};
use crate::stream::expired;

/// A filter that takes little must not make one call read the whole log: the page ends here, with a
/// token that goes on.
const PLACES_MAX: i64 = 100_000;
/// Rows that are read at once: some 25 MiB of the largest events.
const ROWS_MAX: i64 = 100;

/// Where events are read from.
pub(super) trait Log {
    /// As [`Store::log_page`].
    async fn page(&self, stretch: Stretch, view: &View) -> store::Result<Vec<PageRow>>;

    /// As [`Store::log_newest`].
    async fn newest(&self, stretch: Stretch, view: &View) -> store::Result<Vec<PageRow>>;
}

impl Log for Store {
    async fn page(&self, stretch: Stretch, view: &View) -> store::Result<Vec<PageRow>> {
        self.log_page(stretch, view).await
    }

    async fn newest(&self, stretch: Stretch, view: &View) -> store::Result<Vec<PageRow>> {
        self.log_newest(stretch, view).await
    }
}

/// What is listed.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// What to take.
    pub view: View,
    /// How many events at most.
    pub size: usize,
    /// Newest first.
    pub newest_first: bool,
}

/// Some events, and where the next page begins, if there is one.
#[derive(Debug, Default)]
pub(super) struct EventsPage {
    /// In the order that was asked for.
    pub events: Vec<proto::Event>,
    /// How far the list has come.
    pub next: Option<EventsKey>,
    bytes: usize,
}

impl EventsPage {
    /// The place where a list begins.
    pub fn first(state: LogState, newest_first: bool) -> EventsKey {
        let before_oldest = Seq(state.oldest.0 - 1);
        EventsKey { head: state.head, at: if newest_first { state.head } else { before_oldest } }
    }

    /// Reads a page that begins at that key.
    pub async fn read(
        log: &impl Log,
        state: LogState,
        asked: &Asked,
        key: EventsKey,
    ) -> store::Result<Result<EventsPage>> {
        let before_oldest = Seq(state.oldest.0 - 1);
        if key.head > state.head {
            // The log was replaced.
            return Ok(Err(wrong()));
        }
        if !asked.newest_first && key.at < before_oldest {
            // Its oldest events went: a page would leave some out.
            return Ok(Err(expired(state.oldest, state.head)));
        }
        match asked.newest_first {
            true => EventsPage::read_newest(log, before_oldest, asked, key).await,
            false => EventsPage::read_oldest(log, asked, key).await,
        }
    }

    async fn read_oldest(
        log: &impl Log,
        asked: &Asked,
        key: EventsKey,
    ) -> store::Result<Result<EventsPage>> {
        let mut page = EventsPage::default();
        let (mut at, to) = (key.at, Seq(key.at.0.saturating_add(PLACES_MAX)).min(key.head));
        while at < to && !page.is_full(asked) {
            let limit = page.limit(asked);
            let rows = log.page(Stretch { after: at, to, limit }, &asked.view).await?;
            let whole = i64::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
            // A full answer ends at its last row, another one at the end of what was asked.
            let end = rows.last().map(|last| last.seq).filter(|_| whole).unwrap_or(to);
            at = match page.take(rows) {
                Ok(Some(stopped)) => stopped,
                Ok(None) => end,
                Err(error) => return Ok(Err(error)),
            };
        }
        page.next = (at < key.head).then_some(EventsKey { at, ..key });
        Ok(Ok(page))
    }

    async fn read_newest(
        log: &impl Log,
        before_oldest: Seq,
        asked: &Asked,
        key: EventsKey,
    ) -> store::Result<Result<EventsPage>> {
        let mut page = EventsPage::default();
        let (mut at, from) = (key.at, Seq(key.at.0 - PLACES_MAX).max(before_oldest));
        while at > from && !page.is_full(asked) {
            let limit = page.limit(asked);
            let stretch = Stretch { after: from, to: at, limit };
            let rows = log.newest(stretch, &asked.view).await?;
            let whole = i64::try_from(rows.len()).is_ok_and(|rows| rows >= limit);
            let end = rows.last().map(|last| Seq(last.seq.0 - 1)).filter(|_| whole);
            at = match page.take(rows) {
                Ok(Some(stopped)) => Seq(stopped.0 - 1),
                Ok(None) => end.unwrap_or(from),
                Err(error) => return Ok(Err(error)),
            };
        }
        page.next = (at > before_oldest).then_some(EventsKey { at, ..key });
        Ok(Ok(page))
    }

    fn is_full(&self, asked: &Asked) -> bool {
        self.events.len() >= asked.size || self.bytes >= PAGE_BYTES_MAX
    }

    fn limit(&self, asked: &Asked) -> i64 {
        let wanted = asked.size.saturating_sub(self.events.len());
        i64::try_from(wanted).unwrap_or(ROWS_MAX).clamp(1, ROWS_MAX)
    }

    /// Adds what is seen. Answers the last place that was added where the page ends there
    /// because of its bytes.
    fn take(&mut self, rows: Vec<PageRow>) -> Result<Option<Seq>> {
        for row in rows {
            let Some(event) = encode::event(&row)? else { continue };
            self.bytes += event.encoded_len();
            self.events.push(event);
            if self.bytes >= PAGE_BYTES_MAX {
                return Ok(Some(row.seq));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::audience::Audience;
    use crate::domain::error::Reason;
    use crate::domain::event::EventPattern;
    use crate::domain::filter::{EventFilter, Facts};
    use crate::domain::reader::Seen;

    /// A log in memory: the type of each event, from place 1 on, and how large each is.
    struct Kept {
        kinds: Vec<&'static str>,
        bytes: usize,
    }

    impl Kept {
        fn row(&self, place: usize, view: &View) -> PageRow {
            let kind = self.kinds[place - 1];
            let facts = Facts { project: "", root: "", subject: "", kind, class: 1 };
            let event = proto::Event {
                r#type: kind.into(),
                subject: "x".repeat(self.bytes),
                ..Default::default()
            };
            PageRow {
                seq: Seq(place.try_into().unwrap()),
                event_id: Uuid::nil(),
                ends_command: true,
                seen: view.sees(facts, &Audience::everybody()),
                body: event.encode_to_vec(),
            }
        }

        fn rows(&self, stretch: Stretch, view: &View) -> Vec<PageRow> {
            let Stretch { after, to, limit: _ } = stretch;
            let places = usize::try_from(after.0).unwrap() + 1..=usize::try_from(to.0).unwrap();
            places.map(|place| self.row(place, view)).collect()
        }

        fn state(&self, oldest: i64) -> LogState {
            let head = Seq(self.kinds.len().try_into().unwrap());
            LogState { epoch: Uuid::nil(), oldest: Seq(oldest), head }
        }
    }

    impl Log for Kept {
        async fn page(&self, stretch: Stretch, view: &View) -> store::Result<Vec<PageRow>> {
            let rows = self.rows(stretch, view).into_iter();
            let rows = rows.filter(|row| row.seen != Seen::No || row.seq == stretch.to);
            Ok(rows.take(stretch.limit.try_into().unwrap()).collect())
        }

        async fn newest(&self, stretch: Stretch, view: &View) -> store::Result<Vec<PageRow>> {
            let rows = self.rows(stretch, view).into_iter().rev();
            let rows = rows.filter(|row| row.seen != Seen::No);
            Ok(rows.take(stretch.limit.try_into().unwrap()).collect())
        }
    }

    fn asked(size: usize, newest_first: bool, kind: &str) -> Asked {
        let types = Some(vec![EventPattern::parse("types", kind).unwrap()]);
        let filter = EventFilter { types, ..Default::default() };
        Asked { view: View { filter, ..View::of_everything() }, size, newest_first }
    }

    /// The places of every page to the end of the list.
    fn pages(log: &Kept, oldest: i64, asked: &Asked) -> Vec<Vec<i64>> {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let state = log.state(oldest);
        let mut key = Some(EventsPage::first(state, asked.newest_first));
        let mut pages = Vec::new();
        while let Some(at) = key {
            let page = runtime.block_on(EventsPage::read(log, state, asked, at)).unwrap().unwrap();
            assert!(page.events.len() <= asked.size);
            pages.push(page.events.iter().map(|event| event.seq).collect());
            key = page.next;
        }
        pages
    }

    proptest! {
        #[test]
        fn pages_together_are_the_list(
            kinds in prop::collection::vec(
                prop_oneof![Just("issue.closed"), Just("issue.created")], 0..300
            ),
            oldest in 1..5_i64,
            size in prop_oneof![1..8_usize, 90..300_usize],
            newest_first: bool,
            all: bool,
        ) {
            let log = Kept { kinds, bytes: 0 };
            let oldest = oldest.min(log.state(1).head.0 + 1);
            let kind = if all { "*" } else { "issue.closed" };
            let asked = asked(size, newest_first, kind);

            let listed = pages(&log, oldest, &asked).concat();

            let skipped = usize::try_from(oldest - 1).unwrap();
            let places = (oldest..).zip(log.kinds.iter().skip(skipped));
            let mut matching: Vec<i64> =
                places.filter(|(_, k)| all || **k == "issue.closed").map(|(n, _)| n).collect();
            if newest_first {
                matching.reverse();
            }
            prop_assert_eq!(listed, matching);
        }
    }

    #[test]
    fn a_page_ends_before_it_is_too_large_to_send() {
        let log = Kept { kinds: vec!["issue.closed"; 10], bytes: PAGE_BYTES_MAX / 2 };

        for (newest_first, first) in [(false, 1), (true, 10)] {
            let pages = pages(&log, 1, &asked(10, newest_first, "*"));
            assert!(pages[0].len() == 2 && pages[0][0] == first, "{pages:?}");
            assert_eq!(pages.concat().len(), 10);
        }
    }

    #[test]
    fn a_call_looks_at_a_bounded_stretch_of_the_log() {
        let places = usize::try_from(PLACES_MAX).unwrap();
        let mut kinds = vec!["issue.created"; places + 5];
        kinds[places + 2] = "issue.closed";
        let log = Kept { kinds, bytes: 0 };

        assert_eq!(pages(&log, 1, &asked(5, false, "issue.closed")), [vec![], vec![100_003]]);
        assert_eq!(pages(&log, 1, &asked(5, true, "issue.closed")), [vec![100_003], vec![]]);
    }

    #[tokio::test]
    async fn a_token_whose_place_has_gone_is_refused() {
        let log = Kept { kinds: vec!["issue.closed"; 10], bytes: 0 };
        let key = EventsKey { head: Seq(10), at: Seq(2) };
        let read = async |oldest, newest_first, key| {
            let asked = asked(5, newest_first, "*");
            EventsPage::read(&log, log.state(oldest), &asked, key).await.unwrap()
        };

        assert!(read(3, false, key).await.is_ok());
        let gone = read(4, false, key).await.unwrap_err();
        assert_eq!(gone.reason(), Reason::CursorExpired);
        assert!(read(4, true, key).await.unwrap().events.is_empty());
        let other = read(1, false, EventsKey { head: Seq(11), ..key }).await.unwrap_err();
        assert_eq!(other.reason(), Reason::PageTokenInvalid);
    }
}
