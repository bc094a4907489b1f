//! Cursors: a place in the log as text, which says by itself whether it can be honoured.
//!
//! 25 bytes as base64url without padding (RFC 4648, section 5): version 1, 8 bytes of the epoch,
//! 8 of `seq`, big-endian, and 8 that check it: the tail of that event's id, zero at 0. It grants
//! nothing and fits any filter.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::domain::error::{Error, Reason, Result};
use crate::domain::event::Seq;

const VERSION: u8 = 1;
const BYTES: usize = 25;

/// The part of an id that goes into a cursor.
fn tail(id: Uuid) -> [u8; 8] {
    let [_, _, _, _, _, _, _, _, tail @ ..] = id.into_bytes();
    tail
}

/// A log, told from every other: drawn anew when the log is replaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Epoch([u8; 8]);

impl Epoch {
    /// The epoch of a log by its id.
    pub fn of(id: Uuid) -> Epoch {
        Epoch(tail(id))
    }
}

/// A place in the log, and what proves that the event before it is the one that was meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Position {
    /// The last event before the place; 0 is the beginning.
    pub seq: Seq,
    /// The tail of that event's id; zero at the beginning.
    pub check: [u8; 8],
}

impl Position {
    /// The place after an event.
    pub fn after(seq: Seq, event_id: Uuid) -> Position {
        Position { seq, check: tail(event_id) }
    }

    /// The cursor of this place.
    pub fn cursor(self, epoch: Epoch) -> String {
        let mut bytes = Vec::with_capacity(BYTES);
        bytes.push(VERSION);
        bytes.extend(epoch.0);
        bytes.extend(self.seq.0.to_be_bytes());
        bytes.extend(self.check);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor. Whether the log has that place is another question.
    pub fn of_cursor(field: &str, cursor: &str) -> Result<(Epoch, Position)> {
        let malformed = || Error::Invalid {
            reason: Reason::CursorMalformed,
            field: field.into(),
            problem: "is not a cursor that this service gave".into(),
        };
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| malformed())?;
        let bytes: [u8; BYTES] = bytes.try_into().map_err(|_| malformed())?;
        let [version, rest @ ..] = bytes;
        let (epoch, rest) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
        let (seq, rest) = rest.split_first_chunk::<8>().ok_or_else(malformed)?;
        let check = rest.first_chunk::<8>().ok_or_else(malformed)?;
        let seq = i64::from_be_bytes(*seq);
        if version != VERSION || seq < 0 {
            return Err(malformed());
        }
        Ok((Epoch(*epoch), Position { seq: Seq(seq), check: *check }))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn cursors_read_back(epoch: u128, seq in 0_i64.., id: u128) {
            let epoch = Epoch::of(Uuid::from_u128(epoch));
            let position = Position::after(Seq(seq), Uuid::from_u128(id));

            let cursor = position.cursor(epoch);

            prop_assert_eq!(Position::of_cursor("after", &cursor).unwrap(), (epoch, position));
        }

        #[test]
        fn other_text_is_malformed_and_never_panics(text in ".{0,50}") {
            if let Err(error) = Position::of_cursor("after", &text) {
                prop_assert_eq!(error.reason(), Reason::CursorMalformed);
            }
        }
    }

    #[test]
    fn another_version_or_a_negative_place_is_malformed() {
        let mut bytes = [0; BYTES];
        for (version, sign) in [(0, 0), (2, 0), (1, 0x80)] {
            bytes[0] = version;
            bytes[9] = sign;
            assert!(Position::of_cursor("after", &URL_SAFE_NO_PAD.encode(bytes)).is_err());
        }
    }
}
