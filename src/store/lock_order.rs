//! The order in which every transaction locks rows: tables as here, keys ascending within a table,
//! then unique inserts, then the order lock. Nothing after the order lock waits for a row, so two
//! batches never wait for each other in a circle.

/// The tables of the nouns. The list of the working set has the same order.
pub const TABLES: &[&str] =
    &["counters", "definition_versions", "projects", "issues", "inbound_keys"];

/// The advisory lock under which the log grows: its holder alone gives the next `seq`.
pub const ORDER_LOCK: i64 = 7_307_495;
/// The advisory lock of whoever migrates.
pub const MIGRATION_LOCK: i64 = 7_307_496;
/// The advisory lock of whoever keeps house: partitions and sweeping.
pub const KEEPER_LOCK: i64 = 7_307_497;
