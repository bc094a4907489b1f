//! Durable consumers as callers meet them: what is delivered, and who lets members in.

use std::fmt::Debug;
use std::pin::Pin;

use bytes::Bytes;
use prost::encoding::{self, DecodeContext};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;

use crate::domain::error::{Error, Result};
use crate::domain::event::Seq;
use crate::domain::name::{ActorName, ConsumerName};

/// An event on its way to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    /// The event, encoded.
    pub event: Bytes,
    /// What settles it.
    pub token: String,
    /// How often it was tried with this time.
    pub attempt: i32,
}

/// A member that stands for as long as its deliveries are taken.
#[derive(Debug)]
pub struct Joined {
    /// Which member.
    pub member: Uuid,
    /// What is delivered to it.
    pub deliveries: mpsc::Receiver<Vec<Delivered>>,
    /// Why nothing more is: told even to who has not taken what came before.
    pub ended: oneshot::Receiver<Error>,
}

/// Somebody becomes a member, sooner or later.
pub type Joining<'a> = Pin<Box<dyn Future<Output = Result<Joined>> + Send + 'a>>;

/// Lets members in, and wakes them.
pub trait Consuming: Debug + Send + Sync {
    /// Makes somebody a member of a consumer, who is sent at most so many events at a time.
    fn join<'a>(
        &'a self,
        caller: &'a ActorName,
        name: &'a ConsumerName,
        in_flight_max: usize,
    ) -> Joining<'a>;

    /// Says that something of a consumer has changed: a hint to its members here.
    fn changed(&self, name: &ConsumerName);
}

/// What an encoded event says of itself that it is ordered by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ordered {
    /// Its place.
    pub seq: Seq,
    /// By name; empty is the installation.
    pub project: String,
    /// By name.
    pub root: String,
}

/// Reads what orders an event out of its bytes; none if they are not those of an event.
pub fn ordered(event: &[u8]) -> Option<Ordered> {
    const SEQ: u32 = 1;
    const PROJECT: u32 = 5;
    const ROOT: u32 = 7;
    let (mut seq, mut project, mut root) = (None, String::new(), String::new());
    let mut rest = event;
    while !rest.is_empty() {
        let (tag, wire) = encoding::decode_key(&mut rest).ok()?;
        let context = DecodeContext::default();
        match tag {
            SEQ => {
                let mut read = 0;
                encoding::int64::merge(wire, &mut read, &mut rest, context).ok()?;
                seq = Some(Seq(read));
            }
            PROJECT => encoding::string::merge(wire, &mut project, &mut rest, context).ok()?,
            ROOT => encoding::string::merge(wire, &mut root, &mut rest, context).ok()?,
            _ => encoding::skip_field(wire, tag, &mut rest, context).ok()?,
        }
    }
    Some(Ordered { seq: seq?, project, root })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::{hidden, with_seq};

    #[test]
    fn what_orders_an_event_is_read_out_of_it() {
        let mut body = Vec::new();
        encoding::string::encode(2, &"id".to_owned(), &mut body);
        encoding::string::encode(5, &"projects/abc".to_owned(), &mut body);
        encoding::string::encode(7, &"projects/abc/issues/1".to_owned(), &mut body);
        let event = with_seq(Seq(300), &body);

        let read = ordered(&event).unwrap();

        let (project, root) = ("projects/abc".to_owned(), "projects/abc/issues/1".to_owned());
        assert_eq!(read, Ordered { seq: Seq(300), project, root });
        assert_eq!(ordered(&hidden(&event)), Some(read));
        assert_eq!(ordered(&body), None, "an event has a place");
        assert_eq!(ordered(b"\xff\xff"), None);
    }
}
