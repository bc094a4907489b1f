//! What the service does by itself: time that has come, leases that have ended, and things that
//! others waited for.
//!
//! Nothing is changed here but by a command, and no hint is believed: it wakes, and the tables say
//! what there is to do. Every command looks again at what it names. So several replicas may do the
//! same at once, and one of them changes something.

mod clock;
mod consumers;
mod gatekeeper;
mod hand;
mod leases;

pub use clock::clock;
pub use consumers::{Consumers, expiry};
pub use gatekeeper::gatekeeper;
pub use leases::leases;
