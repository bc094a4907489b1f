//! Reading actions and attempts. Who may not see the issue is told that there is no such action.

use prost::Message as _;

use super::{Actions, decode, encode};
use crate::domain::access::check_reader;
use crate::domain::action::Action;
use crate::domain::error::{Error, Result, not_found};
use crate::domain::issue::Issue;
use crate::domain::name::{ActionName, AttemptName, IssueName};
use crate::proto;
use crate::store::{ActionKey, ActionQuery, ActionsOf, Listed};
use crate::transport::auth::Caller;
use crate::transport::decode::page_size;
use crate::transport::door::{end_cursor, fit};
use crate::transport::page_token::{List, number_key, number_of, wrong};

impl Actions {
    /// An action of an issue that is there, if the caller may see that.
    pub async fn seen(&self, caller: &Caller, name: &ActionName) -> Result<Action> {
        let issue = self.issue(caller, &name.issue).await?;
        issue.ok_or_else(|| not_found(name))?;
        self.stored(caller, name).await
    }

    /// An action, of whatever issue.
    pub async fn stored(&self, caller: &Caller, name: &ActionName) -> Result<Action> {
        let (store, deadline) = (&self.door.store, caller.deadline);
        let found = deadline.read(Box::pin(store.action(name, deadline.0))).await?;
        found.ok_or_else(|| not_found(name))
    }

    /// An issue that is there and that the caller may see.
    async fn issue(&self, caller: &Caller, name: &IssueName) -> Result<Option<Issue>> {
        let (store, deadline) = (&self.door.store, caller.deadline);
        let project = self.door.project(caller, &name.project).await?;
        let is_there = project.is_some_and(|project| project.deleted_at.is_none());
        if !is_there || caller.standing.role(&name.project).is_none() {
            return Ok(None);
        }
        let issue = deadline.read(Box::pin(store.issue(name, deadline.0))).await?;
        match issue.filter(|issue| issue.deleted_at.is_none()) {
            Some(issue) if self.door.sees(caller, &issue).await? => Ok(Some(issue)),
            Some(_) | None => Ok(None),
        }
    }

    /// What of some claims the caller still holds. Claims are named as the attempts that they are.
    pub async fn still_held(
        &self,
        caller: &Caller,
        names: &[String],
    ) -> Result<Vec<proto::Action>> {
        let claims: Vec<AttemptName> = names
            .iter()
            .map(|name| AttemptName::parse("name", name))
            .collect::<Result<_>>()
            .map_err(|error| Error::Internal(error.into()))?;
        let (store, deadline) = (&self.door.store, caller.deadline);
        let actions = claims.iter().map(|claim| claim.action.clone()).collect();
        let found = deadline.read(Box::pin(store.actions_named(&actions, deadline.0))).await?;
        let held = claims.iter().filter_map(|claim| {
            let action = found.iter().find(|action| action.name == claim.action)?;
            let lease = action.place.lease()?;
            let holds = lease.fence == claim.number && lease.actor == caller.name;
            holds.then(|| encode::action(action, &caller.name))
        });
        Ok(held.collect())
    }

    /// A page of actions.
    pub async fn page(
        &self,
        caller: &Caller,
        request: proto::ListActionsRequest,
    ) -> Result<proto::ListActionsResponse> {
        let said = proto::ListActionsRequest { page_token: String::new(), page_size: 0, ..request };
        let list = List::of("ListActions", caller.name.as_str()).with(said.encode_to_vec());
        let size = page_size(request.page_size)?;
        let after = list.key(&request.page_token)?.map(|key| action_key(&key)).transpose()?;
        let proto::ListActionsRequest { parent, states, assignee, action_type, .. } = said;
        let of = decode::parent(&parent)?;
        let filter = decode::filter(&states, &assignee, action_type)?;

        let (store, deadline) = (&self.door.store, caller.deadline);
        match &of {
            ActionsOf::Project(project) => {
                check_reader(&caller.standing, project)?;
                self.door.live_project(caller, project).await?;
            }
            ActionsOf::Issue(name) => {
                self.issue(caller, name).await?.ok_or_else(|| not_found(name))?;
            }
        }
        let known_head = after.is_none().then(|| self.door.hub.head().seq);
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let query = ActionQuery { of, filter, reader: &caller.standing, after, limit };
        let reading = store.list_actions(query, known_head, deadline.0);
        let Listed { rows, log } = deadline.read(Box::pin(reading)).await?;

        let rows: Vec<_> = rows
            .iter()
            .map(|row| (ActionKey::of(&row.name), encode::action(row, &caller.name)))
            .collect();
        let (rows, more) = fit(rows, size, |(_, action)| action.encoded_len());
        let last = rows.last().map(|(key, _)| *key).filter(|_| more);
        let next_page_token = last.map(|key| list.token(&key_bytes(key))).unwrap_or_default();
        let actions = rows.into_iter().map(|(_, action)| action).collect();
        let cursor = log.map(end_cursor).unwrap_or_default();
        Ok(proto::ListActionsResponse { actions, next_page_token, cursor })
    }

    /// A page of attempts: the one that goes on ends the last page.
    pub async fn attempts(
        &self,
        caller: &Caller,
        request: proto::ListAttemptsRequest,
    ) -> Result<proto::ListAttemptsResponse> {
        let proto::ListAttemptsRequest { parent, page_size: size, page_token } = request;
        let name = ActionName::parse("parent", &parent)?;
        let size = page_size(size)?;
        let list = List::of("ListAttempts", caller.name.as_str()).with(name.to_string());
        let after = list.key(&page_token)?.map(|key| number_of(&key)).transpose()?;

        let action = self.seen(caller, &name).await?;
        let (store, deadline) = (&self.door.store, caller.deadline);
        let limit = i64::try_from(size + 1).unwrap_or(i64::MAX);
        let reading = store.attempts(&name, after.unwrap_or(0), limit, deadline.0);
        let ended = deadline.read(Box::pin(reading)).await?;

        let mut rows: Vec<_> =
            ended.iter().map(|row| (row.name.number, encode::attempt(row))).collect();
        if rows.len() <= size {
            // One that has ended since the action was read is among those that have.
            let known = rows.iter().any(|(number, _)| *number == action.attempt);
            let open = encode::open_attempt(&action).filter(|_| !known);
            rows.extend(open.map(|attempt| (action.attempt, attempt)));
        }
        let (rows, more) = fit(rows, size, |(_, row)| row.encoded_len());
        let last = rows.last().map(|(number, _)| *number).filter(|_| more);
        let next_page_token =
            last.map(|number| list.token(&number_key(number))).unwrap_or_default();
        let attempts = rows.into_iter().map(|(_, attempt)| attempt).collect();
        Ok(proto::ListAttemptsResponse { attempts, next_page_token })
    }
}

/// The key of a page token: the number of the issue, and that of the action.
fn key_bytes(key: ActionKey) -> Vec<u8> {
    [number_key(key.issue), number_key(key.action)].concat()
}

fn action_key(key: &[u8]) -> Result<ActionKey> {
    let (issue, action) = key.split_at_checked(8).ok_or_else(wrong)?;
    Ok(ActionKey { issue: number_of(issue)?, action: number_of(action)? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_pages_read_back() {
        let key = ActionKey { issue: 7, action: i64::MAX };

        assert_eq!(action_key(&key_bytes(key)).unwrap(), key);
        assert!(action_key(&[0; 7]).is_err() && action_key(&[0; 15]).is_err());
    }
}
