//! Pages of lists: how large they are, where they begin, and what is told with them.
//!
//! A list is of a parent, for a caller; one with a filter is of that and of its order too. Its
//! tokens are places in that list and in no other. The first page is told with the cursor of the
//! log, as it was in the snapshot that the page was read from.

use prost::Message;
use uuid::Uuid;

use super::decode::page_size;
use super::door::{Door, end_cursor, fit};
use super::page_token::{List, number_key, number_of, place_key, place_of, wrong};
use crate::domain::error::Result;
use crate::domain::event::Seq;
use crate::domain::query::{Fields, Filter, Lookup, Order, Position};
use crate::store::{Listed, Selection};

/// What tells the rows of a list apart and says their order.
pub(super) trait Key: Sized {
    /// As page tokens carry it.
    fn bytes(&self) -> Vec<u8>;
}

/// A key that needs nothing else to be read.
pub(super) trait PlainKey: Key {
    /// Reads what a page token carries.
    fn of_bytes(bytes: &[u8]) -> Result<Self>;
}

impl Key for i64 {
    fn bytes(&self) -> Vec<u8> {
        number_key(*self).to_vec()
    }
}

impl PlainKey for i64 {
    fn of_bytes(bytes: &[u8]) -> Result<i64> {
        number_of(bytes)
    }
}

impl Key for Uuid {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl PlainKey for Uuid {
    fn of_bytes(bytes: &[u8]) -> Result<Uuid> {
        Uuid::from_slice(bytes).map_err(|_| wrong())
    }
}

impl Key for String {
    fn bytes(&self) -> Vec<u8> {
        self.as_bytes().to_vec()
    }
}

impl PlainKey for String {
    fn of_bytes(bytes: &[u8]) -> Result<String> {
        String::from_utf8(bytes.to_vec()).map_err(|_| wrong())
    }
}

impl Key for Position {
    fn bytes(&self) -> Vec<u8> {
        place_key(self)
    }
}

/// A page that was asked for.
#[derive(Debug)]
pub(super) struct Page<K> {
    list: List,
    /// How many items it has at most.
    pub size: usize,
    /// The key of the last row of the page before; none before the first.
    pub after: Option<K>,
    /// One row more than the page has, which shows whether there are more.
    pub limit: i64,
    /// Asks for the end of the log with the first page.
    pub known_head: Option<Seq>,
}

/// A page as it is told.
#[derive(Debug)]
pub(super) struct Filled<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Asks for the next one; empty if there is none.
    pub next_page_token: String,
    /// The cursor of the log, with the first page alone.
    pub cursor: String,
}

impl<K: PlainKey> Page<K> {
    /// Reads what was asked.
    pub fn asked(door: &Door, list: List, size: i32, page_token: &str) -> Result<Page<K>> {
        Page::read(door, list, size, page_token, K::of_bytes)
    }
}

impl<K: Key> Page<K> {
    fn read(
        door: &Door,
        list: List,
        size: i32,
        page_token: &str,
        key: impl Fn(&[u8]) -> Result<K>,
    ) -> Result<Page<K>> {
        let size = page_size(size)?;
        let after = list.key(page_token)?.map(|bytes| key(&bytes)).transpose()?;
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let known_head = after.is_none().then(|| door.hub.head().seq);
        Ok(Page { list, size, after, limit, known_head })
    }

    /// The page with what was read for it, in order.
    pub fn filled<N, T: Message>(
        &self,
        listed: Listed<N>,
        key: impl Fn(&N) -> K,
        encode: impl Fn(N) -> T,
    ) -> Filled<T> {
        let Listed { rows, log } = listed;
        let rows = rows.into_iter().map(|row| (key(&row), encode(row))).collect();
        let (rows, more) = fit(rows, self.size, |(_, item): &(K, T)| item.encoded_len());
        let last = rows.last().filter(|_| more);
        let next_page_token = last.map(|(key, _)| self.list.token(&key.bytes()));
        Filled {
            next_page_token: next_page_token.unwrap_or_default(),
            items: rows.into_iter().map(|(_, item)| item).collect(),
            cursor: log.as_ref().map(end_cursor).unwrap_or_default(),
        }
    }
}

/// What every request for a list with a filter says.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<'a> {
    pub page_size: i32,
    pub page_token: &'a str,
    pub filter: &'a str,
    pub order_by: &'a str,
}

/// A page of a list with a filter.
#[derive(Debug)]
pub(super) struct FilteredPage {
    page: Page<Position>,
    filter: Filter,
    order: Order,
}

impl FilteredPage {
    /// Reads what was asked of a noun with those fields.
    pub fn asked(door: &Door, list: List, fields: &Fields, sent: Sent<'_>) -> Result<FilteredPage> {
        let Sent { page_size, page_token, filter, order_by } = sent;
        let list = list.with(filter).with(order_by);
        let filter = Filter::parse(filter, fields)?;
        let order = Order::parse(order_by, fields)?;
        let place = |key: &[u8]| place_of(key, &order);
        let page = Page::read(door, list, page_size, page_token, place)?;
        Ok(FilteredPage { page, filter, order })
    }

    /// What the store is asked for.
    pub fn selection(&self) -> Selection<'_> {
        let FilteredPage { page, filter, order } = self;
        Selection { filter, order, after: page.after.as_ref(), limit: page.limit }
    }

    /// Asks for the end of the log with the first page.
    pub fn known_head(&self) -> Option<Seq> {
        self.page.known_head
    }

    /// The page with what was read for it, in order.
    pub fn filled<N: Lookup, T: Message>(
        &self,
        listed: Listed<N>,
        encode: impl Fn(&N) -> T,
    ) -> Filled<T> {
        self.page.filled(listed, |row| self.order.position(row), |row| encode(&row))
    }
}
