//! The methods of the service: three kinds, alike but for their messages.

use std::sync::Arc;

use tonic::{Request, Response};

use super::decode;
use super::encode::{Sent, configuration, configuration_to_be};
use crate::domain::command::Verb;
use crate::domain::configuration::{
    Configuration, CreateActionType, CreateIssueType, CreateWorkflow, DeleteActionType,
    DeleteIssueType, DeleteWorkflow, UpdateActionType, UpdateIssueType, UpdateWorkflow, built_in,
};
use crate::domain::error::{Error, Result, not_found};
use crate::domain::name::{ConfigurationName, ProjectId, RevisionName};
use crate::ledger::Answer;
use crate::proto::{self, workflow_service_server::WorkflowService};
use crate::store::Listed;
use crate::transport::auth::{Admitted, Caller, admit, admit_write};
use crate::transport::door::{Door, Outcome, Reply, Written, answer, expected};
use crate::transport::page_token::List;
use crate::transport::paging::{Filled, Page};

/// Keeps configuration.
#[derive(Debug)]
pub(in crate::transport) struct Configurations {
    pub door: Door,
}

fn other_kind() -> Error {
    Error::Internal(anyhow::anyhow!("configuration is of another kind than its name says"))
}

impl Configurations {
    async fn write<T: Sent>(
        &self,
        admitted: &Admitted,
        verb: impl Into<Verb>,
        creates: bool,
    ) -> Result<Outcome<T>> {
        let Written { answer, changed, cursor } = self.door.write(admitted, verb).await?;
        let (sent, replayed) = match answer {
            Answer::Resource(resource) => {
                let new: Arc<Configuration> = expected("configuration", resource)?;
                match creates {
                    true if admitted.validate_only => (configuration_to_be(&new), false),
                    true | false => (configuration(&new), false),
                }
            }
            Answer::Replayed(name) => {
                let name = ConfigurationName::parse("name", T::KIND, &name)
                    .map_err(|error| Error::Internal(error.into()))?;
                let known = self.find(&admitted.caller, &name, None).await?;
                (configuration(&known.ok_or_else(|| not_found(&name))?), true)
            }
        };
        Ok(Outcome { resource: Some(sent.ok_or_else(other_kind)?), changed, cursor, replayed })
    }

    /// A revision, the newest if none is named, also of what is deleted.
    async fn find(
        &self,
        caller: &Caller,
        name: &ConfigurationName,
        revision: Option<i64>,
    ) -> Result<Option<Configuration>> {
        let deadline = caller.deadline;
        let finding = || Box::pin(self.door.store.configuration(name, revision, deadline.0));
        deadline.read(finding).await
    }

    async fn get<T: Sent>(&self, caller: &Caller, name: &str) -> Result<T> {
        let name = decode::revision(T::KIND, name)?;
        let RevisionName { of, revision } = &name;
        // Hidden equals absent: the name that was asked is all that is said.
        let hidden = |error| match matches!(error, Error::NotFound { .. }) {
            true => not_found(&name),
            false => error,
        };
        self.door.live_project(caller, &of.project).await.map_err(hidden)?;
        let sent = match built_in::configuration(of) {
            Some(built_in) if revision.is_none_or(|asked| asked == built_in.revision) => {
                configuration(&built_in)
            }
            Some(_) => return Err(not_found(&name)),
            None => {
                let found = self.find(caller, of, *revision).await?;
                // Deleting makes a last revision, which nothing is ever on. Those before it are
                // answered still: issues stay on them.
                let found = found.filter(|found| found.deleted_at.is_none());
                configuration(&found.ok_or_else(|| not_found(&name))?)
            }
        };
        sent.ok_or_else(other_kind)
    }

    async fn list<T: Sent>(
        &self,
        caller: &Caller,
        parent: &str,
        size: i32,
        page_token: &str,
    ) -> Result<Filled<T>> {
        let project = ProjectId::parse_name("parent", parent)?;
        let list = List::of("ListConfigurations", caller.name.as_str());
        let list = list.with(project.as_str()).with(T::KIND.collection());
        let page: Page<String> = Page::asked(&self.door, list, size, page_token)?;
        self.door.live_project(caller, &project).await?;

        let (limit, known_head) = (page.limit, page.known_head);
        let (deadline, after) = (caller.deadline, page.after.as_deref().unwrap_or_default());
        let store = &self.door.store;
        let reading = || {
            Box::pin(store.configurations(&project, T::KIND, after, limit, known_head, deadline.0))
        };
        let Listed { rows, log } = deadline.read(reading).await?;

        // No id is both: what is built in cannot be created.
        let built_in = built_in::configurations(&project, T::KIND);
        let built_in = built_in.filter(|known| known.name.id.as_str() > after);
        let own = rows.into_iter().map(Arc::new);
        let mut all: Vec<_> = own.chain(built_in).collect();
        all.sort_by(|a, b| a.name.id.cmp(&b.name.id));
        let encode =
            |one: &Arc<Configuration>| Some((one.name.id.to_string(), configuration(one)?));
        let rows: Vec<(String, T)> = all.iter().filter_map(encode).collect();
        Ok(page.filled(Listed { rows, log }, |(id, _)| id.clone(), |(_, sent)| sent))
    }
}

/// The five methods of each kind. They are written into the one implementation of the service.
macro_rules! methods {
    ($(
        $field:ident, $id:ident, $all:ident, $message:ident:
        $create:ident $create_request:ident $create_response:ident $create_verb:ident,
        $get:ident $get_request:ident $get_response:ident,
        $list:ident $list_request:ident $list_response:ident,
        $update:ident $update_request:ident $update_response:ident $update_verb:ident
        $($more:ident)?,
        $delete:ident $delete_request:ident $delete_response:ident $delete_verb:ident;
    )*) => {
        #[tonic::async_trait]
        impl WorkflowService for Configurations {$(
            async fn $create(
                &self,
                request: Request<proto::$create_request>,
            ) -> Reply<proto::$create_response> {
                let (admitted, message) = admit_write(&self.door.access, request).await?;
                let proto::$create_request {
                    parent, $id, $field, request_id: _, validate_only: _,
                } = message;
                let verb = $create_verb(decode::create(&parent, &$id, $field)?);
                let outcome = self.write(&admitted, verb, true).await?;
                answer!(outcome -> $create_response { $field })
            }

            async fn $get(
                &self,
                request: Request<proto::$get_request>,
            ) -> Reply<proto::$get_response> {
                let caller = admit(&self.door.access, &request).await?;
                let proto::$get_request { name } = request.into_inner();
                let $field = Some(self.get(&caller, &name).await?);
                Ok(Response::new(proto::$get_response { $field }))
            }

            async fn $list(
                &self,
                request: Request<proto::$list_request>,
            ) -> Reply<proto::$list_response> {
                let caller = admit(&self.door.access, &request).await?;
                let proto::$list_request { parent, page_size, page_token } = request.into_inner();
                let Filled { items: $all, next_page_token, cursor } =
                    self.list(&caller, &parent, page_size, &page_token).await?;
                Ok(Response::new(proto::$list_response { $all, next_page_token, cursor }))
            }

            async fn $update(
                &self,
                request: Request<proto::$update_request>,
            ) -> Reply<proto::$update_response> {
                let (admitted, message) = admit_write(&self.door.access, request).await?;
                let proto::$update_request {
                    $field, update_mask, request_id: _, validate_only: _, $($more)?
                } = message;
                let update = decode::update($field, update_mask)?;
                $(let update = crate::domain::configuration::Update { $more, ..update };)?
                let outcome = self.write(&admitted, $update_verb(update), false).await?;
                answer!(outcome -> $update_response { $field })
            }

            async fn $delete(
                &self,
                request: Request<proto::$delete_request>,
            ) -> Reply<proto::$delete_response> {
                let (admitted, message) = admit_write(&self.door.access, request).await?;
                let proto::$delete_request { name, etag, request_id: _, validate_only: _ } =
                    message;
                let verb = $delete_verb(decode::delete(proto::$message::KIND, &name, etag)?);
                let outcome = self.write(&admitted, verb, false).await?;
                answer!(outcome -> $delete_response { $field })
            }
        )*}
    };
}

methods! {
    workflow, workflow_id, workflows, Workflow:
        create_workflow CreateWorkflowRequest CreateWorkflowResponse CreateWorkflow,
        get_workflow GetWorkflowRequest GetWorkflowResponse,
        list_workflows ListWorkflowsRequest ListWorkflowsResponse,
        update_workflow UpdateWorkflowRequest UpdateWorkflowResponse UpdateWorkflow status_mapping,
        delete_workflow DeleteWorkflowRequest DeleteWorkflowResponse DeleteWorkflow;
    issue_type, issue_type_id, issue_types, IssueType:
        create_issue_type CreateIssueTypeRequest CreateIssueTypeResponse CreateIssueType,
        get_issue_type GetIssueTypeRequest GetIssueTypeResponse,
        list_issue_types ListIssueTypesRequest ListIssueTypesResponse,
        update_issue_type UpdateIssueTypeRequest UpdateIssueTypeResponse UpdateIssueType,
        delete_issue_type DeleteIssueTypeRequest DeleteIssueTypeResponse DeleteIssueType;
    action_type, action_type_id, action_types, ActionType:
        create_action_type CreateActionTypeRequest CreateActionTypeResponse CreateActionType,
        get_action_type GetActionTypeRequest GetActionTypeResponse,
        list_action_types ListActionTypesRequest ListActionTypesResponse,
        update_action_type UpdateActionTypeRequest UpdateActionTypeResponse UpdateActionType,
        delete_action_type DeleteActionTypeRequest DeleteActionTypeResponse DeleteActionType;
}
