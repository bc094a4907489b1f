//! Workers: each claims the next action, completes it, and claims again.

use anyhow::{Result, anyhow, ensure};
use futures_util::future::try_join_all;
use potts::proto;

use crate::grpc::{Actions, GrpcSide};
use crate::measure::{Figures, Span, closed_loop};
use crate::work::PROJECT;

/// Lets so many workers work, each with so many actions in hand; what is counted is an action.
pub async fn run(side: &GrpcSide, workers: usize, slots: usize, span: Span) -> Result<Figures> {
    let clients: Result<Vec<Actions>> = (0..workers).map(|worker| side.actions(worker)).collect();
    let mut clients = clients?.into_iter();
    let rounds =
        closed_loop(workers, span, |_| {
            let actions = clients.next();
            move || {
                let actions = actions.clone();
                async move {
                    work(actions.ok_or_else(|| anyhow!("a client for each worker"))?, slots).await
                }
            }
        })
        .await?;
    Ok(rounds.each_of(slots))
}

async fn work(mut actions: Actions, slots: usize) -> Result<()> {
    let mut held = Vec::new();
    // One answer may hold fewer than were asked for, when many ask at once.
    while held.len() < slots {
        let next = proto::ClaimNextActionsRequest {
            parent: format!("projects/{PROJECT}"),
            max: i32::try_from(slots - held.len())?,
            ..proto::ClaimNextActionsRequest::default()
        };
        let claimed = actions.claim_next_actions(next).await?.into_inner().actions;
        ensure!(!claimed.is_empty(), "there are no actions left");
        held.extend(claimed);
    }
    try_join_all(held.into_iter().map(|action| complete(actions.clone(), action))).await?;
    Ok(())
}

async fn complete(mut actions: Actions, action: proto::Action) -> Result<()> {
    let complete = proto::CompleteActionRequest {
        name: action.name,
        fence: action.fence,
        ..proto::CompleteActionRequest::default()
    };
    let changed = actions.complete_action(complete).await?.into_inner().changed;
    changed.then_some(()).ok_or_else(|| anyhow!("a call changed nothing"))
}
