//! Committed events to many readers: in order, without a gap, resumably.
//!
//! Trusts no hint: whatever it is told, the log decides.

mod cursor;
mod frame;
mod hub;
mod message;

pub use cursor::{Epoch, Position};
pub use frame::{Frame, with_seq};
pub use hub::{Hub, Subscription};
pub use message::{Message, Start, Subscribe};
