//! Agendas, for `potts.v1.IssueService`.

use super::action::encode::{blocked, state};
use super::auth::Caller;
use super::door::end_cursor;
use super::encode::category;
use super::issue_service::Issues;
use crate::domain::agenda::{Agenda, Item, ItemName, Of, projects_of};
use crate::domain::error::{Result, invalid, not_found};
use crate::domain::name::{ActorName, Principal, ProjectId};
use crate::proto::agenda_item::Kind;
use crate::proto::{self, well_known::to_timestamp};
use crate::store::AgendaQuery;

/// Items of a bucket when the caller does not say how many.
const SIZE_DEFAULT: usize = 20;
/// Nobody reads more, and each bucket costs its size.
const SIZE_MAX: usize = 100;

/// How many items a bucket has at most.
fn bucket_size(sent: i32) -> Result<usize> {
    match usize::try_from(sent) {
        Ok(0) => Ok(SIZE_DEFAULT),
        Ok(size) => Ok(size.min(SIZE_MAX)),
        Err(_) => Err(invalid("bucket_size", "must not be negative")),
    }
}

impl Issues {
    /// What is next for somebody.
    pub(super) async fn agenda(
        &self,
        caller: &Caller,
        request: proto::GetAgendaRequest,
    ) -> Result<proto::GetAgendaResponse> {
        let proto::GetAgendaRequest { actor, project, bucket_size: size } = request;
        let actor = match actor.as_str() {
            "" => caller.name.clone(),
            actor => ActorName::parse("actor", actor)?,
        };
        let project = match project.as_str() {
            "" => None,
            project => Some(ProjectId::parse_name("project", project)?),
        };
        let size = bucket_size(size)?;

        let (store, deadline) = (&self.door.store, caller.deadline);
        if let Some(project) = &project {
            self.door.live_project(caller, project).await?;
        }
        let other = match actor == caller.name {
            true => None,
            false => {
                let who = Principal::from(actor.clone());
                deadline.read(|| Box::pin(store.standing(&who, deadline.0))).await?
            }
        };
        // Who may not ask for it is not told whether there is such an actor.
        let named = other.as_ref().unwrap_or(&caller.standing);
        let of_another = (actor != caller.name).then_some(named);
        let projects = projects_of(&caller.standing, of_another, project.as_ref())?;
        if of_another.is_some() && other.is_none() {
            return Err(not_found(&actor));
        }
        let query = AgendaQuery {
            actor: named,
            reader: of_another.map(|_| &*caller.standing),
            projects: &projects,
            size,
        };
        let reading = || Box::pin(store.agenda(&query, self.door.hub.head().seq, deadline.0));
        let (agenda, log) = deadline.read(reading).await?;
        Ok(response(&actor, agenda, log.as_ref().map(end_cursor).unwrap_or_default()))
    }
}

fn response(actor: &ActorName, agenda: Agenda, cursor: String) -> proto::GetAgendaResponse {
    let Agenda { now, parallel, next, review, aware, prepare } = agenda;
    let bucket = |items: Vec<Item>| items.into_iter().map(item).collect();
    proto::GetAgendaResponse {
        actor: actor.to_string(),
        now: bucket(now),
        parallel: bucket(parallel),
        next: bucket(next),
        review: bucket(review),
        aware: bucket(aware),
        prepare: bucket(prepare),
        cursor,
    }
}

fn item(item: Item) -> proto::AgendaItem {
    let Item { name, title, priority, due_at, created_at, dependents, of } = item;
    let (name, issue) = match name {
        ItemName::Action(name) => (name.to_string(), name.issue.to_string()),
        ItemName::Issue(name) => (name.to_string(), String::new()),
    };
    proto::AgendaItem {
        name,
        title,
        priority: i32::from(priority),
        due_time: due_at.map(to_timestamp),
        create_time: Some(to_timestamp(created_at)),
        dependents,
        kind: Some(kind(issue, of)),
    }
}

fn kind(issue: String, of: Of) -> Kind {
    match of {
        Of::Action {
            issue_title,
            action_type,
            state: is,
            blocked: reason,
            assignee,
            not_before,
            claimed_at: _,
            progress,
        } => Kind::Action(proto::AgendaAction {
            issue,
            issue_title,
            action_type,
            state: state(is).into(),
            blocked_reason: reason.map_or(0, |reason| blocked(reason).into()),
            assignee: assignee.as_ref().map(ToString::to_string).unwrap_or_default(),
            not_before: not_before.map(to_timestamp),
            progress: progress.map_or(0, i32::from),
        }),
        Of::Issue { issue_type, status, category: is, owner, updated_at } => {
            Kind::Issue(proto::AgendaIssue {
                issue_type,
                status,
                category: category(is).into(),
                owner: owner.to_string(),
                update_time: Some(to_timestamp(updated_at)),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_buckets_are_bounded() {
        assert_eq!([0, 1, 100, 101].map(|size| bucket_size(size).unwrap()), [20, 1, 100, 100]);
        assert!(bucket_size(-1).is_err());
    }
}
