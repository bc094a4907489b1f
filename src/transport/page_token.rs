//! Page tokens: the last key of a page, bound to the list that it is of.
//!
//! Base64url without padding (RFC 4648, section 5): version 1, 16 bytes of a digest over the list
//! and the key, and the key. It grants nothing: who makes one up reads no more than the caller may.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

use crate::domain::error::{Error, Reason, Result};
use crate::domain::event::Seq;
use crate::domain::query::{Order, Position, Scalar};

const VERSION: u8 = 1;
const DIGEST_BYTES: usize = 16;

/// What a list is: the same RPC by the same caller, with the same parent, filter and flags.
#[derive(Clone, Debug)]
pub(super) struct List(Sha256);

impl List {
    /// A list of an RPC for a caller.
    pub fn of(rpc: &str, caller: &str) -> List {
        List(Sha256::new()).with(rpc).with(caller)
    }

    /// A list that something else decides about too.
    pub fn with(mut self, what: impl AsRef<[u8]>) -> List {
        let what = what.as_ref();
        // The length keeps ("a", "bc") and ("ab", "c") apart.
        self.0.update(u64::try_from(what.len()).unwrap_or(u64::MAX).to_be_bytes());
        self.0.update(what);
        self
    }

    /// The token of the page after that key.
    pub fn token(&self, key: &[u8]) -> String {
        let mut bytes = vec![VERSION];
        bytes.extend(self.digest(key));
        bytes.extend(key);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The key of a token; none without one.
    pub fn key(&self, token: &str) -> Result<Option<Vec<u8>>> {
        if token.is_empty() {
            return Ok(None);
        }
        let bytes = URL_SAFE_NO_PAD.decode(token).map_err(|_| wrong())?;
        let (&version, rest) = bytes.split_first().ok_or_else(wrong)?;
        let (digest, key) = rest.split_first_chunk::<DIGEST_BYTES>().ok_or_else(wrong)?;
        if version != VERSION || *digest != self.digest(key) {
            return Err(wrong());
        }
        Ok(Some(key.to_vec()))
    }

    fn digest(&self, key: &[u8]) -> [u8; DIGEST_BYTES] {
        let mut hash = self.0.clone();
        hash.update(key);
        let drawn: [u8; 32] = hash.finalize().into();
        let mut digest = [0; DIGEST_BYTES];
        digest.iter_mut().zip(drawn).for_each(|(to, from)| *to = from);
        digest
    }
}

/// A token that is not of this list.
pub(super) fn wrong() -> Error {
    Error::Invalid {
        reason: Reason::PageTokenInvalid,
        field: "page_token".into(),
        problem: "is not a token of this list; start with the first page".into(),
    }
}

/// A number as a key.
pub(super) fn number_key(number: i64) -> [u8; 8] {
    number.to_be_bytes()
}

/// Reads a number that is a key.
pub(super) fn number_of(key: &[u8]) -> Result<i64> {
    key.try_into().map(i64::from_be_bytes).map_err(|_| wrong())
}

/// The place of the last row, as a key: for each value a letter for its type, the length of its
/// bytes and its bytes.
pub(super) fn place_key(place: &Position) -> Vec<u8> {
    let one = |value: &Option<Scalar>| {
        let (letter, bytes) = match value {
            None => (b'-', Vec::new()),
            Some(Scalar::Text(text)) => (b't', text.as_bytes().to_vec()),
            Some(Scalar::Integer(number)) => (b'i', number_key(*number).to_vec()),
            Some(Scalar::Boolean(flag)) => (b'b', vec![u8::from(*flag)]),
            Some(Scalar::Time(at)) => (b'a', number_key(at.as_microsecond()).to_vec()),
            // Nothing is ordered by these.
            Some(Scalar::Number(_) | Scalar::Issue(_)) => (b'-', Vec::new()),
        };
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        [vec![letter], length.to_vec(), bytes].concat()
    };
    place.values().iter().flat_map(one).collect()
}

/// Reads a key that is a place in that order.
pub(super) fn place_of(mut key: &[u8], order: &Order) -> Result<Position> {
    let mut values = Vec::new();
    while !key.is_empty() {
        let (value, rest) = value_of(key).ok_or_else(wrong)?;
        values.push(value);
        key = rest;
    }
    order.position_of(values).ok_or_else(wrong)
}

fn value_of(key: &[u8]) -> Option<(Option<Scalar>, &[u8])> {
    let (letter, rest) = key.split_first()?;
    let (length, rest) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (bytes, rest) = rest.split_at_checked(length)?;
    let number = || number_of(bytes).ok();
    let value = match letter {
        b'-' if bytes.is_empty() => None,
        b't' => Some(Scalar::Text(String::from_utf8(bytes.to_vec()).ok()?)),
        b'i' => Some(Scalar::Integer(number()?)),
        b'b' => Some(Scalar::Boolean(bytes == [1])),
        b'a' => Some(Scalar::Time(instant(number()?)?)),
        _ => return None,
    };
    Some((value, rest))
}

fn instant(micros: i64) -> Option<Timestamp> {
    // By microseconds jiff takes all but the last second that it knows.
    Timestamp::from_nanosecond(i128::from(micros) * 1000).ok()
}

/// How far a list of events has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct EventsKey {
    /// Where the log ended when the first page was read.
    pub head: Seq,
    /// The place between what was listed and what was not.
    pub at: Seq,
}

impl EventsKey {
    /// As a key.
    pub fn bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        let numbers = self.head.0.to_be_bytes().into_iter().chain(self.at.0.to_be_bytes());
        bytes.iter_mut().zip(numbers).for_each(|(to, from)| *to = from);
        bytes
    }

    /// Reads a key.
    pub fn of(key: &[u8]) -> Result<EventsKey> {
        let (head, at) = key.split_first_chunk::<8>().ok_or_else(wrong)?;
        let (head, at) = (i64::from_be_bytes(*head), number_of(at)?);
        if !(0..=head).contains(&at) {
            return Err(wrong());
        }
        Ok(EventsKey { head: Seq(head), at: Seq(at) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::domain::query::{Field, Fields, Kind};

    fn list() -> List {
        List::of("ListIssues", "actors/root").with("projects/abc")
    }

    fn is_wrong<T: std::fmt::Debug>(read: Result<T>) -> bool {
        read.unwrap_err().reason() == Reason::PageTokenInvalid
    }

    static FIELDS: Fields = Fields {
        keys: &["number"],
        all: &[
            Field::new("number", Kind::Integer).sortable(),
            Field::new("title", Kind::Text).sortable(),
            Field::new("due_time", Kind::Time).optional().sortable(),
            Field::new("active", Kind::Boolean).sortable(),
        ],
    };

    fn places() -> impl Strategy<Value = (Order, Position)> {
        let due = prop::option::of(-62_000_000_000_000_000_i64..250_000_000_000_000_000);
        ("[^\0]{0,9}", due, any::<bool>(), any::<i64>()).prop_map(|(title, due, flag, number)| {
            let order = Order::parse("title, due_time desc, active", &FIELDS).unwrap();
            let place = order.position_of(vec![
                Some(Scalar::Text(title)),
                due.map(|due| Scalar::Time(Timestamp::from_microsecond(due).unwrap())),
                Some(Scalar::Boolean(flag)),
                Some(Scalar::Integer(number)),
            ]);
            (order, place.unwrap())
        })
    }

    #[test]
    fn the_last_instant_there_is_reads_back() {
        let order = Order::parse("due_time", &FIELDS).unwrap();
        let due = Some(Scalar::Time(Timestamp::MAX));
        let place = order.position_of(vec![due, Some(Scalar::Integer(1))]).unwrap();

        assert!(place_of(&place_key(&place), &order).is_ok());
    }

    #[test]
    fn a_token_is_of_one_list() {
        let token = list().token(b"key");

        assert_eq!(list().key(&token).unwrap().unwrap(), b"key");
        assert_eq!(list().key("").unwrap(), None);
        for other in [
            List::of("ListIssues", "actors/root").with("projects/abd"),
            List::of("ListIssues", "actors/other").with("projects/abc"),
            List::of("ListProjects", "actors/root").with("projects/abc"),
            list().with(""),
            List::of("ListIssues", "actors/rootprojects/abc"),
        ] {
            assert!(is_wrong(other.key(&token)));
        }
    }

    proptest! {
        #[test]
        fn a_changed_token_is_refused(key: Vec<u8>, at: prop::sample::Index, bit in 0..8_u8) {
            let mut bytes = URL_SAFE_NO_PAD.decode(list().token(&key)).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;

            prop_assert!(is_wrong(list().key(&URL_SAFE_NO_PAD.encode(bytes))));
        }

        #[test]
        fn other_text_is_refused_and_never_panics(text in ".{1,80}") {
            prop_assert!(is_wrong(list().key(&text)));
        }

        #[test]
        fn keys_read_back(number: i64, head in 0_i64.., at in 0_i64..) {
            prop_assert_eq!(number_of(&number_key(number)).unwrap(), number);

            let key = EventsKey { head: Seq(head), at: Seq(at) };
            let read = EventsKey::of(&key.bytes());
            if at <= head {
                prop_assert_eq!(read.unwrap(), key);
            } else {
                prop_assert!(is_wrong(read));
            }
        }

        #[test]
        fn places_read_back((order, place) in places()) {
            prop_assert_eq!(place_of(&place_key(&place), &order).unwrap(), place);
        }

        #[test]
        fn a_part_of_a_place_is_refused((order, place) in places(), at: prop::sample::Index) {
            let key = place_key(&place);

            prop_assert!(is_wrong(place_of(&key[..at.index(key.len())], &order)));
        }

        #[test]
        fn other_places_are_refused_and_never_panic(key: Vec<u8>, (order, _) in places()) {
            prop_assert!(is_wrong(place_of(&key, &order)));
        }

        #[test]
        fn other_keys_are_refused_and_never_panic(
            key in prop::collection::vec(any::<u8>(), 0..15),
        ) {
            prop_assert!(is_wrong(EventsKey::of(&key)));
            prop_assert!(key.len() == 8 || is_wrong(number_of(&key)));
        }
    }
}
