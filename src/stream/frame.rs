//! A committed event as readers get it: its bytes as they are sent, and what filters look at.

use bytes::{BufMut as _, Bytes, BytesMut};
use prost::encoding::{self, DecodeContext, WireType};
use uuid::Uuid;

use super::cursor::Position;
use crate::domain::audience::Audience;
use crate::domain::event::Seq;
use crate::domain::filter::Facts;
use crate::domain::reader::Seen;

/// What `seq` takes in front of a body: a tag, and a varint of 64 bits.
pub(super) const SEQ_BYTES_MAX: usize = 11;
/// What the mark of a hidden event takes behind it: a tag of two bytes, and true.
pub(super) const HIDDEN_BYTES: usize = 3;

/// An event on its way to readers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its place.
    pub seq: Seq,
    /// Its id.
    pub event_id: Uuid,
    /// Whether it is the last of its command.
    pub ends_command: bool,
    /// By name; empty is the installation.
    pub project: String,
    /// By name.
    pub root: String,
    /// By name.
    pub subject: String,
    /// The type.
    pub kind: String,
    /// The number of its class.
    pub class: i16,
    /// Who may see it.
    pub audience: Audience,
    /// An encoded `potts.v1.Event`.
    pub bytes: Bytes,
}

impl Frame {
    /// What filters look at.
    pub fn facts(&self) -> Facts<'_> {
        Facts {
            project: &self.project,
            root: &self.root,
            subject: &self.subject,
            kind: &self.kind,
            class: self.class,
        }
    }

    /// The place after it.
    pub fn position(&self) -> Position {
        Position::after(self.seq, self.event_id)
    }
}

/// The bytes of an event as they are sent: the field `seq` in front of the stored body. Fields of
/// a message may come in any order and from any number of pieces (Protocol Buffers encoding).
pub fn with_seq(seq: Seq, body: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(body.len() + SEQ_BYTES_MAX);
    put_with_seq(seq, body, &mut bytes);
    bytes.freeze()
}

/// The same, behind what is in the buffer.
pub(super) fn put_with_seq(seq: Seq, body: &[u8], buffer: &mut BytesMut) {
    // Field 1, a varint.
    const SEQ_TAG: u8 = 1 << 3;
    buffer.put_u8(SEQ_TAG);
    encoding::encode_varint(seq.0.cast_unsigned(), buffer);
    buffer.put_slice(body);
}

/// What filters look at, read out of an encoded event; none if it is not one.
pub fn facts(event: &[u8]) -> Option<Facts<'_>> {
    const KIND: u32 = 3;
    const CLASS: u32 = 4;
    const PROJECT: u32 = 5;
    const SUBJECT: u32 = 6;
    const ROOT: u32 = 7;
    let mut facts = Facts { project: "", root: "", subject: "", kind: "", class: 0 };
    let mut rest = event;
    while !rest.is_empty() {
        let (tag, wire) = encoding::decode_key(&mut rest).ok()?;
        match tag {
            KIND => facts.kind = text(&mut rest)?,
            CLASS => facts.class = encoding::decode_varint(&mut rest).ok()?.try_into().ok()?,
            PROJECT => facts.project = text(&mut rest)?,
            SUBJECT => facts.subject = text(&mut rest)?,
            ROOT => facts.root = text(&mut rest)?,
            _ => encoding::skip_field(wire, tag, &mut rest, DecodeContext::default()).ok()?,
        }
    }
    Some(facts)
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let bytes = usize::try_from(encoding::decode_varint(rest).ok()?).ok()?;
    let (text, behind) = rest.split_at_checked(bytes)?;
    *rest = behind;
    std::str::from_utf8(text).ok()
}

/// The bytes of an event as a reader gets them who sees it so.
pub(super) fn shown(seen: Seen, event: &Bytes) -> Option<Bytes> {
    match seen {
        Seen::No => None,
        Seen::Hidden => Some(hidden(event)),
        Seen::Whole => Some(event.clone()),
    }
}

/// An encoded event as it is for a reader who may not see what has become: without the fields
/// `after`, `data` and `payload`, and with `hidden`. Whatever cannot be read is left out.
pub fn hidden(event: &[u8]) -> Bytes {
    const LEFT_OUT: [u32; 3] = [14, 15, 16];
    const HIDDEN: u32 = 18;
    let mut bytes = BytesMut::with_capacity(event.len() + HIDDEN_BYTES);
    let mut rest = event;
    while !rest.is_empty() {
        let field = rest;
        let Ok((tag, wire)) = encoding::decode_key(&mut rest) else { break };
        if encoding::skip_field(wire, tag, &mut rest, DecodeContext::default()).is_err() {
            break;
        }
        if !LEFT_OUT.contains(&tag) {
            bytes.extend(field.iter().take(field.len() - rest.len()));
        }
    }
    encoding::encode_key(HIDDEN, WireType::Varint, &mut bytes);
    bytes.put_u8(1);
    bytes.freeze()
}
