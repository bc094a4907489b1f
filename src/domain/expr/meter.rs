//! What a run may take: fuel for its work, memory for what it makes.
//!
//! Both are taken before the work is done and before the memory is asked for. Memory counts all
//! that a run makes, not what is alive at once: that needs no book-keeping of what was dropped,
//! and what is alive is less.

use std::cell::Cell;

use super::error::{RunError, RunErrorKind};

/// More would let one condition hold the memory of a thousand.
pub(super) const MEMORY_MAX: u64 = 1024 * 1024;

/// The bytes that a place in a list counts.
const SLOT_BYTES: usize = 16;
/// The bytes that an entry of a map counts.
const ENTRY_BYTES: usize = 48;
/// The bytes made for one fuel.
const MADE_PER_FUEL: u64 = 64;
/// The bytes looked at for one fuel.
const SCANNED_PER_FUEL: u64 = 16;
/// The bytes looked at for one fuel by a small pattern.
const MATCHED_PER_FUEL: u64 = 8;

/// What is left.
#[derive(Debug)]
pub(super) struct Meter {
    fuel: Cell<u64>,
    memory: Cell<u64>,
}

impl Meter {
    pub(super) fn new(fuel: u64, memory: u64) -> Meter {
        Meter { fuel: Cell::new(fuel), memory: Cell::new(memory) }
    }

    /// Takes fuel.
    pub(super) fn take(&self, fuel: u64) -> Result<(), RunError> {
        let left = self.fuel.get().checked_sub(fuel);
        let left = left.ok_or_else(|| exceeded("it takes more steps than it may"))?;
        self.fuel.set(left);
        Ok(())
    }

    /// Takes what looking at so many bytes costs.
    pub(super) fn scan(&self, bytes: usize) -> Result<(), RunError> {
        self.take(count(bytes).div_ceil(SCANNED_PER_FUEL))
    }

    /// Takes what matching so many bytes costs a pattern of that weight.
    pub(super) fn matching(&self, bytes: usize, weight: u64) -> Result<(), RunError> {
        self.take(count(bytes).div_ceil(MATCHED_PER_FUEL).saturating_mul(weight))
    }

    /// Takes what making so many bytes costs.
    pub(super) fn make(&self, bytes: usize) -> Result<(), RunError> {
        let left = self.memory.get().checked_sub(count(bytes));
        let left = left.ok_or_else(|| exceeded("it makes more than 1 MiB"))?;
        self.take(count(bytes).div_ceil(MADE_PER_FUEL))?;
        self.memory.set(left);
        Ok(())
    }

    /// Takes what a list of so many places costs.
    pub(super) fn make_list(&self, slots: usize) -> Result<(), RunError> {
        self.make(slots.saturating_mul(SLOT_BYTES))
    }

    /// Takes what a map of so many entries costs.
    pub(super) fn make_map(&self, entries: usize) -> Result<(), RunError> {
        self.make(entries.saturating_mul(ENTRY_BYTES))
    }

    #[cfg(test)]
    pub(super) fn fuel(&self) -> u64 {
        self.fuel.get()
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn exceeded(problem: &str) -> RunError {
    RunError::new(RunErrorKind::LimitExceeded, problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_paid_for_as_documented() {
        let meter = Meter::new(1_000, MEMORY_MAX);
        let spent = |work: &dyn Fn(&Meter) -> Result<(), RunError>| {
            let before = meter.fuel();
            work(&meter).unwrap();
            before - meter.fuel()
        };

        assert_eq!(spent(&|meter| meter.take(1)), 1);
        assert_eq!(spent(&|meter| meter.scan(0)), 0);
        assert_eq!(spent(&|meter| meter.scan(17)), 2);
        assert_eq!(spent(&|meter| meter.matching(17, 2)), 6);
        assert_eq!(spent(&|meter| meter.make(65)), 2);
        assert_eq!(spent(&|meter| meter.make_list(8)), 2);
        assert_eq!(spent(&|meter| meter.make_map(4)), 3);
    }

    #[test]
    fn what_is_over_the_rest_is_refused_and_takes_nothing() {
        let meter = Meter::new(5, 100);

        assert!(meter.take(6).unwrap_err().is_final());
        assert!(meter.make(101).unwrap_err().is_final());
        assert_eq!(meter.fuel(), 5);
        assert!(meter.take(5).is_ok() && meter.take(1).is_err());
    }
}
