//! Workers: each claims the next action, completes it, and claims again.

use anyhow::{Context as _, Result, anyhow};
use potts::proto;

use crate::grpc::{Actions, GrpcSide};
use crate::measure::{Figures, Span, closed_loop};
use crate::work::PROJECT;

/// Lets so many workers work; what is counted is a claim with its completion.
pub async fn run(side: &GrpcSide, workers: usize, span: Span) -> Result<Figures> {
    let clients: Result<Vec<Actions>> = (0..workers).map(|worker| side.actions(worker)).collect();
    let mut clients = clients?.into_iter();
    closed_loop(workers, span, |_| {
        let actions = clients.next();
        move || {
            let actions = actions.clone();
            async move { work(actions.ok_or_else(|| anyhow!("a client for each worker"))?).await }
        }
    })
    .await
}

async fn work(mut actions: Actions) -> Result<()> {
    let next = proto::ClaimNextActionsRequest {
        parent: format!("projects/{PROJECT}"),
        max: 1,
        ..proto::ClaimNextActionsRequest::default()
    };
    let claimed = actions.claim_next_actions(next).await?.into_inner().actions;
    let action = claimed.into_iter().next().context("there are no actions left")?;
    let complete = proto::CompleteActionRequest {
        name: action.name,
        fence: action.fence,
        ..proto::CompleteActionRequest::default()
    };
    let changed = actions.complete_action(complete).await?.into_inner().changed;
    changed.then_some(()).ok_or_else(|| anyhow!("a call changed nothing"))
}
