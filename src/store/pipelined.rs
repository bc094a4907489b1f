//! Statements of a transaction that are sent together, and what is told when one of them fails.
//!
//! They reach the server in the order in which they are first polled, which `biased` joins keep,
//! and those too that it does not know yet: while one is being prepared it holds the connection's
//! cache of statements, and all behind it queue there. A simple query asks no cache and would
//! overtake them: so none is ever sent beside prepared ones but before the first.
//!
//! PostgreSQL refuses every statement behind the one that failed, and says no more than that. The
//! answers arrive together and are seen in any order, so a refusal of that kind may be seen first.

use super::error::{Fault, Result};

/// Holds back what only tells that another statement has failed: that one is told, and with it all
/// of them end. To be used where statements are joined that were sent together, for each of them.
pub(super) async fn heard<T>(statement: impl Future<Output = Result<T>>) -> Result<T> {
    match statement.await {
        Err(fault) if is_aftermath(&fault) => std::future::pending().await,
        told => told,
    }
}

/// The driver gives no SQLSTATE for it, so the words of the message decide. A server that speaks
/// another language than English costs a batch its speed: it is run again one by one.
fn is_aftermath(fault: &Fault) -> bool {
    let error = match fault {
        Fault::Bug(error) => error,
        Fault::Again(_)
        | Fault::Stale(_)
        | Fault::NoPartition(_)
        | Fault::Lost(_)
        | Fault::Unwritable(_) => return false,
    };
    error.to_string().contains("current transaction is aborted")
}

#[cfg(test)]
mod tests {
    use diesel::result::DatabaseErrorKind;

    use super::super::error::SqlError;
    use super::*;

    fn fault(message: &str) -> Fault {
        let info = Box::new(message.to_owned());
        SqlError::DatabaseError(DatabaseErrorKind::Unknown, info).into()
    }

    async fn fails(message: &str) -> Result<()> {
        Err(fault(message))
    }

    const BEHIND: &str = "current transaction is aborted, commands ignored until end of \
                          transaction block";

    #[tokio::test]
    async fn the_statement_that_failed_says_why_whichever_is_seen_first() {
        let cause = "canceling statement due to lock timeout";

        let told = [
            tokio::try_join!(biased; heard(fails(BEHIND)), heard(fails(cause))),
            tokio::try_join!(biased; heard(fails(cause)), heard(fails(BEHIND))),
        ];

        for told in told {
            assert!(matches!(told, Err(Fault::Again(_))), "{told:?}");
        }
    }

    #[tokio::test]
    async fn a_defect_is_told_as_that() {
        let told = tokio::try_join!(biased; heard(fails(BEHIND)), heard(fails("no")));

        let Err(Fault::Bug(cause)) = told else { panic!("{told:?}") };
        assert_eq!(cause.to_string(), "no");
    }

    #[tokio::test]
    async fn what_went_well_is_answered() {
        assert_eq!(heard(async { Ok(7) }).await.unwrap(), 7);
    }
}
