//! Instants, between jiff and PostgreSQL: both count microseconds here, from different days.

use diesel::data_types::PgTimestamp;
use jiff::Timestamp;

/// 2000-01-01T00:00:00Z in microseconds since 1970: where PostgreSQL begins to count.
const POSTGRES_EPOCH_MICROS: i64 = 946_684_800_000_000;

/// For a parameter.
pub(super) fn to_sql(at: Timestamp) -> PgTimestamp {
    PgTimestamp(at.as_microsecond() - POSTGRES_EPOCH_MICROS)
}

/// From a row. PostgreSQL reaches further than jiff: such instants become the last ones.
pub(super) fn from_sql(PgTimestamp(micros): PgTimestamp) -> Timestamp {
    let micros = micros.saturating_add(POSTGRES_EPOCH_MICROS);
    Timestamp::from_microsecond(micros).unwrap_or(if micros < 0 {
        Timestamp::MIN
    } else {
        Timestamp::MAX
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn instants_read_back(micros in -62_000_000_000_000_000_i64..250_000_000_000_000_000) {
            let at = Timestamp::from_microsecond(micros).unwrap();

            prop_assert_eq!(from_sql(to_sql(at)), at);
        }
    }
}
