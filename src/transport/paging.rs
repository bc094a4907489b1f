//! Pages of lists whose rows have a text as their key.

use prost::Message;

use super::decode::page_size;
use super::door::{Door, end_cursor, fit};
use super::page_token::{List, wrong};
use crate::domain::error::Result;
use crate::domain::event::Seq;
use crate::store::Listed;

/// A page that was asked for.
#[derive(Debug)]
pub(super) struct KeyPage {
    list: List,
    size: usize,
    /// The key of the last row of the page before; empty before the first.
    pub after: String,
    /// One row more than the page has, which shows whether there are more.
    pub limit: i64,
    /// Asks for the end of the log with the first page.
    pub known_head: Option<Seq>,
}

impl KeyPage {
    /// Reads what was asked.
    pub fn asked(door: &Door, list: List, size: i32, page_token: &str) -> Result<KeyPage> {
        let size = page_size(size)?;
        let key = list.key(page_token)?.map(String::from_utf8).transpose().map_err(|_| wrong())?;
        Ok(KeyPage {
            list,
            size,
            known_head: key.is_none().then(|| door.hub.head().seq),
            after: key.unwrap_or_default(),
            limit: i64::try_from(size + 1).unwrap_or(i64::MAX),
        })
    }

    /// The page, the token of the next one, and the cursor of the log.
    pub fn page<N, T: Message>(
        &self,
        listed: Listed<N>,
        key: impl Fn(&N) -> String,
        encode: impl Fn(&N) -> T,
    ) -> (Vec<T>, String, String) {
        let Listed { rows, log } = listed;
        let rows = rows.iter().map(|row| (encode(row), key(row))).collect();
        let (rows, more) = fit(rows, self.size, |(item, _): &(T, String)| item.encoded_len());
        let last = rows.last().filter(|_| more);
        let token = last.map(|(_, key)| self.list.token(key.as_bytes())).unwrap_or_default();
        let items = rows.into_iter().map(|(item, _)| item).collect();
        (items, token, log.map(end_cursor).unwrap_or_default())
    }
}
