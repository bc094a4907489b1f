//! What to do when the database fails: the table of failures as a pure function.

use std::time::Duration;

use crate::store::Fault;

/// Waits before the same batch is run again: later ones give a busy neighbour time to end.
const AGAIN_AFTER: [Duration; 3] =
    [Duration::from_millis(5), Duration::from_millis(20), Duration::from_millis(80)];
/// Stale batches are decided again at once; more often means that somebody changes it all the time.
const STALE_MAX: usize = 3;
/// Waits between attempts to reach the database.
const RECONNECT_AFTER: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What to do next with a batch that failed before its commit: nothing has happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Remedy {
    /// The same batch, after a wait that is to be spread by half either way.
    Again(Duration),
    /// The same batch at once; forget cached definitions.
    Refresh,
    /// Make partitions, then the same batch.
    MakePartitions,
    /// Connect anew after a wait, then the same batch, within its deadlines.
    Reconnect(Duration),
    /// Each command by itself, in order.
    OneByOne,
    /// Give up this command, which is alone: others keep changing the same things.
    Contention,
    /// Give up this command, which is alone: the database refuses it.
    Guilty,
}

/// How often a batch has failed, and of what.
#[derive(Debug, Default)]
pub struct Failures {
    again: usize,
    stale: usize,
    partitions: usize,
    lost: u32,
}

impl Failures {
    /// What to do after one more failure of a batch of so many commands.
    pub fn after(&mut self, fault: &Fault, commands: usize) -> Remedy {
        match fault {
            Fault::Again(_) => {
                self.again += 1;
                match AGAIN_AFTER.get(self.again - 1) {
                    Some(wait) => Remedy::Again(*wait),
                    None => one_by_one(commands, Remedy::Contention),
                }
            }
            Fault::Stale(_) => {
                self.stale += 1;
                if self.stale <= STALE_MAX {
                    Remedy::Refresh
                } else {
                    one_by_one(commands, Remedy::Contention)
                }
            }
            Fault::NoPartition(_) => {
                self.partitions += 1;
                if self.partitions == 1 { Remedy::MakePartitions } else { self.reconnect() }
            }
            Fault::Lost(_) | Fault::Unwritable(_) => self.reconnect(),
            Fault::Bug(_) => one_by_one(commands, Remedy::Guilty),
        }
    }

    /// The wait before the next attempt to reach the database.
    pub fn reconnect(&mut self) -> Remedy {
        let (least, most) = RECONNECT_AFTER;
        let wait = least.saturating_mul(1 << self.lost.min(10)).min(most);
        self.lost += 1;
        Remedy::Reconnect(wait)
    }
}

fn one_by_one(commands: usize, alone: Remedy) -> Remedy {
    if commands > 1 { Remedy::OneByOne } else { alone }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost() -> Fault {
        Fault::Lost(anyhow::anyhow!("gone"))
    }

    fn stale() -> Fault {
        Fault::Stale("projects_pk".into())
    }

    #[test]
    fn stale_batches_are_decided_again_three_times_then_one_by_one() {
        let mut failures = Failures::default();

        let remedies: Vec<_> = (0..5).map(|_| failures.after(&stale(), 2)).collect();

        assert_eq!(remedies[..3], [Remedy::Refresh; 3]);
        assert_eq!(remedies[3..], [Remedy::OneByOne; 2]);
    }

    #[test]
    fn a_command_alone_is_given_up_instead() {
        let mut failures = Failures { stale: STALE_MAX, ..Failures::default() };

        assert_eq!(failures.after(&stale(), 1), Remedy::Contention);
    }

    #[test]
    fn a_lost_database_is_asked_ever_more_seldom_up_to_2_s() {
        let mut failures = Failures::default();

        let waits: Vec<_> = (0..7)
            .map(|_| {
                let remedy = failures.after(&lost(), 9);
                let Remedy::Reconnect(wait) = remedy else { panic!("{remedy:?}") };
                wait.as_millis()
            })
            .collect();

        assert_eq!(waits, [100, 200, 400, 800, 1600, 2000, 2000]);
    }

    #[test]
    fn a_missing_partition_is_made_once() {
        let mut failures = Failures::default();
        let missing = || Fault::NoPartition(diesel_error());

        assert_eq!(failures.after(&missing(), 2), Remedy::MakePartitions);
        assert!(matches!(failures.after(&missing(), 2), Remedy::Reconnect(_)));
    }

    #[test]
    fn waits_for_a_busy_neighbour_grow_and_end() {
        let mut failures = Failures::default();
        let again = || Fault::Again(diesel_error());

        let remedies: Vec<_> = (0..4).map(|_| failures.after(&again(), 1)).collect();

        let waits = AGAIN_AFTER.map(Remedy::Again);
        assert_eq!(remedies[..3], waits);
        assert_eq!(remedies[3], Remedy::Contention);
        assert_eq!(Failures::default().after(&Fault::Bug(diesel_error()), 1), Remedy::Guilty);
        assert_eq!(Failures::default().after(&Fault::Bug(diesel_error()), 2), Remedy::OneByOne);
    }

    fn diesel_error() -> crate::store::SqlError {
        crate::store::SqlError::NotFound
    }
}
