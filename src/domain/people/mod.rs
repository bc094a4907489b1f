//! Who works: actors, the groups that they belong to, and what they may do in projects.

mod standing;

pub use standing::{Role, Standing};
