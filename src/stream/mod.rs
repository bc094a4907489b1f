//! Committed events to many readers: in order, without a gap, resumably.
//!
//! Trusts no hint: whatever it is told, the log decides.

mod batch;
mod bells;
mod block;
mod cache;
mod callers;
mod catch_up;
mod consumer;
mod cursor;
mod frame;
mod hub;
mod log;
mod message;
mod open;
mod page;
mod ring;
mod shared;
mod subscription;
mod tail;
#[cfg(test)]
mod tests;

pub use bells::Moved;
pub use consumer::{Consuming, Delivered, Joined, Joining, Ordered, ordered};
pub use cursor::{Epoch, Position};
pub use frame::{Frame, facts, hidden, with_seq};
pub use hub::{Hub, Options, Stats};
pub use log::{Log, Reading};
pub use message::{Message, Start, Subscribe};
pub use open::expired;
pub use subscription::Subscription;
pub use tail::jittered;
