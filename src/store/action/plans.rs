//! How claims, and the looks of the service at what is due, are carried out. Tests hold them to
//! indexes and to few rows.

use std::marker::PhantomData;

use diesel_async::RunQueryDsl;
use tokio::time::Instant;

use super::asks::Dependents;
use super::draw;
use super::due::{self, Due, Ended, Expired, GatePlace, Revoked};
use crate::domain::action::Draw;
use crate::domain::people::Standing;
use crate::store::Store;
use crate::store::connect::Purpose;
use crate::store::error::Result;
use crate::store::explained::Explained;

/// The name of a statement, and PostgreSQL's plan of it as text, with the rows that were read.
type Plan = (&'static str, String);

macro_rules! plans {
    ($conn:expr, $($name:literal: $statement:expr),* $(,)?) => {
        vec![$({
            let statement = Explained { carried_out: true, statement: $statement };
            let lines: Vec<String> = statement.load($conn).await?;
            ($name, lines.join("\n"))
        }),*]
    };
}

impl Store {
    /// How up to `take` actions are drawn, and how those are found that wait for what has ended, on
    /// a connection such as that of a lane.
    pub async fn plans_of_claims(
        &self,
        asked: &Draw,
        standing: &Standing,
        take: usize,
        ended: &Ended,
    ) -> Result<Vec<Plan>> {
        let mut lane = self.connector.connect(Purpose::Lane).await?;
        let dependents = Dependents {
            projects: ended.actions.iter().map(|name| name.issue.project.as_str()).collect(),
            issues: ended.actions.iter().map(|name| name.issue.number).collect(),
            numbers: ended.actions.iter().map(|name| name.number).collect(),
            _of: PhantomData,
        };
        let next = draw::next(asked, standing, take);
        Ok(plans!(&mut lane, "Next": next, "Dependents": dependents))
    }

    /// How it is looked what is due, which claims have ended, and whose gates can be settled.
    pub async fn plans_of_looks(
        &self,
        ended: &Ended,
        limit: i64,
        deadline: Instant,
    ) -> Result<Vec<Plan>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let plans = async {
            Ok(plans!(
                conn,
                "Due": Due { limit, _of: PhantomData },
                "Expired": Expired { limit, _of: PhantomData },
                "Revoked": Revoked { limit, _of: PhantomData },
                "SettledBy": due::settled_by(ended, GatePlace::FIRST, limit),
            ))
        };
        let plans = plans.await;
        reader.give_back(plans).await
    }
}
