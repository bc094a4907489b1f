//! Reading actions and attempts. Who may not see the issue is told that there is no such action.

use super::{Actions, decode, encode};
use crate::domain::access::check_reader;
use crate::domain::action::{Action, FIELDS};
use crate::domain::error::{Error, Result, not_found};
use crate::domain::issue::Issue;
use crate::domain::name::{ActionName, AttemptName, IssueName};
use crate::proto;
use crate::store::{ActionList, ActionsOf, Attempts, Listed};
use crate::transport::auth::Caller;
use crate::transport::page_token::List;
use crate::transport::paging::{Filled, FilteredPage, Page, Sent};

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
        let found = deadline.read(|| Box::pin(store.action(name, deadline.0))).await?;
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
        let issue = deadline.read(|| Box::pin(store.issue(name, deadline.0))).await?;
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
        let found = deadline.read(|| Box::pin(store.actions_named(&actions, deadline.0))).await?;
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
        let proto::ListActionsRequest { parent, page_size, page_token, filter, order_by } = request;
        let of = decode::parent(&parent)?;
        let of_what = match &of {
            ActionsOf::Project(project) => project.to_string(),
            ActionsOf::Issue(issue) => issue.to_string(),
        };
        let list = List::of("ListActions", caller.name.as_str()).with(of_what);
        let sent =
            Sent { page_size, page_token: &page_token, filter: &filter, order_by: &order_by };
        let page = FilteredPage::asked(&self.door, list, &FIELDS, sent)?;

        match &of {
            ActionsOf::Project(project) => {
                check_reader(&caller.standing, project)?;
                self.door.live_project(caller, project).await?;
            }
            ActionsOf::Issue(name) => {
                self.issue(caller, name).await?.ok_or_else(|| not_found(name))?;
            }
        }
        let (store, deadline) = (&self.door.store, caller.deadline);
        let asked = ActionList { of: &of, reader: &caller.reader(), selection: page.selection() };
        let reading = || Box::pin(store.actions(&asked, page.known_head(), deadline.0));
        let listed = deadline.read(reading).await?;
        let Filled { items: actions, next_page_token, cursor } =
            page.filled(listed, |row| encode::action(row, &caller.name));
        Ok(proto::ListActionsResponse { actions, next_page_token, cursor })
    }

    /// A page of attempts: the one that goes on ends the last page.
    pub async fn attempts(
        &self,
        caller: &Caller,
        request: proto::ListAttemptsRequest,
    ) -> Result<proto::ListAttemptsResponse> {
        let proto::ListAttemptsRequest { parent, page_size, page_token } = request;
        let name = ActionName::parse("parent", &parent)?;
        let list = List::of("ListAttempts", caller.name.as_str()).with(name.to_string());
        let page: Page<i64> = Page::asked(&self.door, list, page_size, &page_token)?;

        self.issue(caller, &name.issue).await?.ok_or_else(|| not_found(&name))?;
        let (store, deadline) = (&self.door.store, caller.deadline);
        let (after, limit) = (page.after.unwrap_or(0), page.limit);
        let reading = || Box::pin(store.attempts(&name, after, limit, page.known_head, deadline.0));
        let Listed { rows, log } = deadline.read(reading).await?;
        let tried = rows.into_iter().next();
        let (action, ended) = tried
            .and_then(|Attempts { action, ended }| Some((action?, ended)))
            .ok_or_else(|| not_found(&name))?;

        let ended = ended.iter().map(|row| (row.name.number, encode::attempt(row)));
        let open = encode::open_attempt(&action).filter(|_| action.attempt > after);
        let rows = ended.chain(open.map(|attempt| (action.attempt, attempt))).collect();
        let Filled { items: attempts, next_page_token, cursor } =
            page.filled(Listed { rows, log }, |(number, _)| *number, |(_, attempt)| attempt);
        Ok(proto::ListAttemptsResponse { attempts, next_page_token, cursor })
    }
}
