//! The order in which every transaction locks rows: tables as here, keys ascending within a table,
//! then unique inserts, then the order lock. Nothing after the order lock waits for a row, so two
//! batches never wait for each other in a circle.

/// The tables of the nouns. The list of the working set has the same order.
pub const TABLES: &[&str] = &[
    "counters",
    "definition_versions",
    "consumer_buckets",
    "consumers",
    "consumer_members",
    "projects",
    "actors",
    "groups",
    "credentials",
    "members",
    "configurations",
    "issues",
    "actions",
    "attempts",
    "relations",
    "object_references",
    "comments",
    "consumer_retries",
    "parked_events",
    "inbound_keys",
];

/// The advisory lock under which the log grows: its holder alone gives the next `seq`.
pub const ORDER_LOCK: i64 = 7_307_495;
/// The advisory lock of whoever migrates.
pub const MIGRATION_LOCK: i64 = 7_307_496;
/// The advisory lock of whoever keeps house: partitions and sweeping.
pub const KEEPER_LOCK: i64 = 7_307_497;
/// The advisory lock of whoever ends partitions, which may take long.
pub const HORIZON_LOCK: i64 = 7_307_507;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::working_set::for_each_noun;
    use crate::domain::working_set::nouns::*;
    use crate::store::Table;

    #[test]
    fn the_nouns_are_locked_in_the_order_of_the_tables() {
        macro_rules! names {
            ($($rows:ident: $noun:ident,)* ; $($late:ident: $second:ident,)*) => {
                [$(<$noun as Table>::NAME,)* $(<$second as Table>::NAME,)*]
            };
        }

        assert_eq!(for_each_noun!(names), TABLES);
    }
}
