//! The contract: what `build.rs` generates from `proto/`, and the one message written by hand.
//!
//! Events are stored encoded and sent as they are stored. So the batch of a stream holds the bytes
//! of its events: on the wire a field of bytes and a field of messages are the same thing
//! (Protocol Buffers encoding, "length-delimited records").

#![allow(
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::large_enum_variant,
    clippy::too_many_lines,
    clippy::doc_lazy_continuation,
    unused_qualifications,
    reason = "generated code does not follow our lints"
)]

use bytes::Bytes;
use prost::Message;

/// The packages of `proto/`, nested as their names are.
pub mod potts {
    /// The contract's own package.
    pub mod v1 {
        tonic::include_proto!("potts.v1");
    }
}

/// See [`potts`].
pub mod io {
    /// See [`super::potts`].
    pub mod cloudevents {
        /// The protobuf format of CloudEvents.
        pub mod v1 {
            tonic::include_proto!("io.cloudevents.v1");
        }
    }
}

pub use io::cloudevents::v1 as cloudevents;
pub use potts::v1::*;

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

impl EventBatch {
    /// Decodes the events of this batch.
    pub fn decoded(&self) -> Result<Vec<Event>, prost::DecodeError> {
        self.events.iter().map(|bytes| Event::decode(bytes.clone())).collect()
    }
}
