//! The hub: the newest events in memory, and who waits for the next.

use super::cursor::{Epoch, Position};
use super::frame::Frame;
use super::message::{Message, Subscribe};
use crate::domain::error::Result;
use crate::domain::event::Seq;

/// The hub of this replica; cheap to clone.
#[derive(Clone, Debug)]
pub struct Hub {}

/// One reader's place in the log, and how it goes on.
#[derive(Debug)]
pub struct Subscription {}

impl Hub {
    /// Which log this is.
    pub fn epoch(&self) -> Epoch {
        unimplemented!("the stream's author replaces this file")
    }

    /// The newest place that this replica knows.
    pub fn head(&self) -> Position {
        unimplemented!()
    }

    /// Hands over events that have just been committed, in order.
    pub fn publish(&self, _frames: Vec<Frame>) {
        unimplemented!()
    }

    /// Says that the log may have grown.
    pub fn hint(&self) {
        unimplemented!()
    }

    /// The place after an event that the log has, with what checks it; none if it has it no more.
    pub async fn position(&self, _seq: Seq) -> Result<Option<Position>> {
        unimplemented!()
    }

    /// Starts a reader. Refuses a start that cannot be honoured.
    pub async fn subscribe(&self, _request: Subscribe) -> Result<Subscription> {
        unimplemented!()
    }
}

impl Subscription {
    /// What to tell the reader next; none when the subscription has ended well.
    pub async fn next(&mut self) -> Option<Result<Message>> {
        unimplemented!()
    }
}
