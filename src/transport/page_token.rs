//! Page tokens: the last key of a page, bound to the list that it is of.
//!
//! Base64url without padding (RFC 4648, section 5): version 1, 16 bytes of a digest over the list
//! and the key, and the key. It grants nothing: who makes one up reads no more than the caller may.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use crate::domain::error::{Error, Reason, Result};
use crate::domain::event::Seq;

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

    fn list() -> List {
        List::of("ListIssues", "actors/root").with("projects/abc")
    }

    fn is_wrong<T: std::fmt::Debug>(read: Result<T>) -> bool {
        read.unwrap_err().reason() == Reason::PageTokenInvalid
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
        fn other_keys_are_refused_and_never_panic(
            key in prop::collection::vec(any::<u8>(), 0..15),
        ) {
            prop_assert!(is_wrong(EventsKey::of(&key)));
            prop_assert!(key.len() == 8 || is_wrong(number_of(&key)));
        }
    }
}
