//! Holding: what a holder says while the work goes on.

use crate::domain::name::ActionName;

/// Says that the work has begun, at the first step of the type.
#[derive(Clone, Debug)]
pub struct StartAction {
    /// Which.
    pub name: ActionName,
    /// The number that came with the claim.
    pub fence: i64,
}

/// Says that the holder is alive: extends the lease.
#[derive(Clone, Debug)]
pub struct HeartbeatAction {
    /// Which.
    pub name: ActionName,
    /// The number that came with the claim.
    pub fence: i64,
    /// How far it is, in percent; none leaves what was said before.
    pub progress: Option<i16>,
    /// What there is to say; none leaves what was said before.
    pub note: Option<String>,
}
