//! The contract: what `build.rs` generates from `proto/`, the messages written by hand, and what
//! the domain's values are in it.
//!
//! Events are stored encoded and sent as they are stored. So the batch of a stream and a delivery
//! hold the bytes of their events: on the wire a field of bytes and a field of messages are the
//! same thing (Protocol Buffers encoding, "length-delimited records").
//!
//! Of the nouns it knows none: a project or an issue is put together where it is sent.

use bytes::Bytes;
use prost::Message;

mod cloud_event;
mod generated;
pub mod well_known;

pub use generated::io::cloudevents::v1 as cloudevents;
pub use generated::potts::v1::*;

/// The compiled descriptors of the whole contract, for reflection and for the JSON mapping.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));

/// `potts.v1.EventBatch`: some events, one after the other, each as its encoded bytes.
#[derive(Clone, PartialEq, Message)]
pub struct EventBatch {
    /// Encoded `potts.v1.Event`s, in the order of `seq`.
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub events: Vec<Bytes>,
    /// The place after the last of them.
    #[prost(string, tag = "2")]
    pub cursor: String,
    /// Whether the last call among them is whole.
    #[prost(bool, tag = "3")]
    pub command_complete: bool,
    /// How many events of the log lie between the last one here and its end.
    #[prost(int64, tag = "4")]
    pub lag: i64,
    /// The `seq` of the newest event of the log.
    #[prost(int64, tag = "5")]
    pub head: i64,
}

/// `potts.v1.Delivery`: an event on its way to a member, as its encoded bytes.
#[derive(Clone, PartialEq, Message)]
pub struct Delivery {
    /// An encoded `potts.v1.Event`.
    #[prost(bytes = "bytes", tag = "1")]
    pub event: Bytes,
    /// Settles it.
    #[prost(string, tag = "2")]
    pub ack_token: String,
    /// How often it was delivered with this time.
    #[prost(int32, tag = "3")]
    pub attempt: i32,
}

impl Delivery {
    /// Decodes the event.
    pub fn decoded(&self) -> Result<Event, prost::DecodeError> {
        Event::decode(self.event.clone())
    }
}

impl EventBatch {
    /// Decodes the events of this batch.
    pub fn decoded(&self) -> Result<Vec<Event>, prost::DecodeError> {
        self.events.iter().map(|bytes| Event::decode(bytes.clone())).collect()
    }
}
