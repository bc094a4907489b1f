//! Work through the contract: when it may be done, who gets it, and what becomes of it.

mod chains;
mod claims;
mod ends;
mod gates;
mod leases;
mod lists;
mod plans;
mod waits;
