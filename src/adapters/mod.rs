//! The outside: what other systems send, in their own forms.
//!
//! Speaks the domain's words inwards. Knows neither the database nor the contract.

pub mod formats;
