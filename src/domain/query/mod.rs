//! What callers ask of lists: which rows, in which order, from where on.
//!
//! A filter is a subset of AIP-160. `parse.rs` reads the text, `check.rs` holds it against the
//! [`Fields`] of a noun, and what comes out is a typed [`Filter`]: [`holds`] evaluates it over a
//! row in memory, `store/query` over rows in the database, and both agree. There are two truth
//! values: what is absent equals `null` alone, `!=` is the negation of `=`, and no other comparison
//! holds of it.

mod check;
mod decimal;
mod field;
mod filter;
mod holds;
mod order;
mod parse;
mod scan;

pub use decimal::Decimal;
pub use field::{Field, Fields, Kind};
pub use filter::{Check, Compare, Filter, Scalar, Test};
pub use holds::{Found, Lookup, holds};
pub use order::{Order, Position, Sort};

#[cfg(test)]
mod tests;
