//! Ack tokens: what came with a delivery and settles it.
//!
//! A token says all that settling needs, so that any replica can, and carries a digest that only
//! the service can make. Nothing has to be kept of a delivery until it is settled.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};

use super::Consumer;
use crate::domain::error::{Result, invalid};
use crate::domain::event::Seq;

/// No token is longer.
pub const TOKEN_BYTES_MAX: usize = 512;
const VERSION: u8 = 1;
const SEAL_BYTES: usize = 16;

/// What a token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Token {
    /// The bucket that the event is of.
    pub bucket: i16,
    /// Under which claim of the bucket it was delivered.
    pub fence: i64,
    /// From here on up to the event nothing else is of the bucket.
    pub from: Seq,
    /// The event.
    pub seq: Seq,
    /// How often it was tried with this time.
    pub attempt: i32,
    /// What it is ordered by.
    pub key: String,
    seal: [u8; SEAL_BYTES],
}

impl Token {
    /// The token of a delivery.
    pub fn new(
        consumer: &Consumer,
        (bucket, fence): (i16, i64),
        (from, seq): (Seq, Seq),
        attempt: i32,
        key: &str,
    ) -> Token {
        let key = key.to_owned();
        let mut token = Token { bucket, fence, from, seq, attempt, key, seal: [0; SEAL_BYTES] };
        token.seal = token.sealed_by(consumer);
        token
    }

    /// Whether the service gave it, for that consumer as it is since the last reset.
    pub fn is_genuine(&self, consumer: &Consumer) -> bool {
        self.seal == self.sealed_by(consumer)
    }

    fn sealed_by(&self, consumer: &Consumer) -> [u8; SEAL_BYTES] {
        let mut hash = Sha256::new();
        hash.update(consumer.run);
        hash.update(self.said());
        hash.update(consumer.uid);
        let drawn: [u8; 32] = hash.finalize().into();
        let mut seal = [0; SEAL_BYTES];
        seal.iter_mut().zip(drawn).for_each(|(to, from)| *to = from);
        seal
    }

    fn said(&self) -> Vec<u8> {
        let Token { bucket, fence, from, seq, attempt, key, seal: _ } = self;
        let mut bytes = vec![VERSION];
        bytes.extend(bucket.to_be_bytes());
        bytes.extend(fence.to_be_bytes());
        bytes.extend(from.0.to_be_bytes());
        bytes.extend(seq.0.to_be_bytes());
        bytes.extend(attempt.to_be_bytes());
        bytes.extend(key.as_bytes());
        bytes
    }

    /// As callers get it.
    pub fn to_text(&self) -> String {
        let mut bytes = self.seal.to_vec();
        bytes.extend(self.said());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads one. Whether it is genuine is another question.
    pub fn parse(field: &str, text: &str) -> Result<Token> {
        let malformed = || invalid(field, "is not a token that this service gave");
        if text.len() > TOKEN_BYTES_MAX {
            return Err(malformed());
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| malformed())?;
        Token::read(&bytes).ok_or_else(malformed)
    }

    fn read(bytes: &[u8]) -> Option<Token> {
        let (seal, rest) = bytes.split_first_chunk::<SEAL_BYTES>()?;
        let (version, rest) = rest.split_first()?;
        let (bucket, rest) = rest.split_first_chunk::<2>()?;
        let (fence, rest) = rest.split_first_chunk::<8>()?;
        let (from, rest) = rest.split_first_chunk::<8>()?;
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let (attempt, key) = rest.split_first_chunk::<4>()?;
        let token = Token {
            bucket: i16::from_be_bytes(*bucket),
            fence: i64::from_be_bytes(*fence),
            from: Seq(i64::from_be_bytes(*from)),
            seq: Seq(i64::from_be_bytes(*seq)),
            attempt: i32::from_be_bytes(*attempt),
            key: String::from_utf8(key.to_vec()).ok()?,
            seal: *seal,
        };
        let sound = *version == VERSION
            && (0..super::BUCKETS_MAX).contains(&token.bucket)
            && token.from <= token.seq
            && token.seq.0 > 0
            && token.attempt > 0;
        sound.then_some(token)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::domain::consumer::tests::consumer;

    proptest! {
        #[test]
        fn tokens_read_back_and_are_of_one_consumer(
            bucket in 0_i16..64, fence: i64, from in 1_i64..1_000, past in 0_i64..1_000,
            attempt in 1_i32.., key in "[^\0]{0,80}",
        ) {
            let consumer = consumer();
            let (from, seq) = (Seq(from), Seq(from + past));
            let token = Token::new(&consumer, (bucket, fence), (from, seq), attempt, &key);

            let read = Token::parse("t", &token.to_text()).unwrap();

            prop_assert_eq!(&read, &token);
            prop_assert!(read.is_genuine(&consumer));
            let reset = Consumer { run: Uuid::from_u128(77), ..consumer };
            prop_assert!(!read.is_genuine(&reset));
        }

        #[test]
        fn a_changed_token_is_not_genuine(at: prop::sample::Index, bit in 0..8_u8) {
            let consumer = consumer();
            let token = Token::new(&consumer, (3, 7), (Seq(5), Seq(9)), 1, "projects/abc");
            let mut bytes = URL_SAFE_NO_PAD.decode(token.to_text()).unwrap();
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;

            let read = Token::parse("t", &URL_SAFE_NO_PAD.encode(bytes));
            prop_assert!(!read.is_ok_and(|read| read.is_genuine(&consumer)));
        }

        #[test]
        fn no_text_panics(text in ".{0,200}") {
            let _ = Token::parse("t", &text);
        }
    }
}
