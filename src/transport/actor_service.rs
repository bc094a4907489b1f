//! `potts.v1.ActorService`.

use tonic::{Request, Response};
use uuid::Uuid;

use super::auth::{admit, admit_write};
use super::door::{Door, Reply, answer, written};
use super::page_token::List;
use super::paging::{Filled, FilteredPage, Page, Sent};
use super::people;
use super::token;
use crate::domain::access;
use crate::domain::error::not_found;
use crate::domain::name::{ActorName, GroupName};
use crate::domain::people::{
    ACTOR_FIELDS, CreateActor, CreateGroup, DeleteActor, DeleteGroup, DisableActor, EnableActor,
    GROUP_FIELDS, RevokeCredential, UpdateActor, UpdateGroup,
};
use crate::proto::{self, actor_service_server::ActorService};

/// Keeps actors, groups and credentials.
#[derive(Debug)]
pub(super) struct Actors {
    pub door: Door,
}

#[tonic::async_trait]
impl ActorService for Actors {
    async fn create_actor(
        &self,
        request: Request<proto::CreateActorRequest>,
    ) -> Reply<proto::CreateActorResponse> {
        written!(self.door.write_actor(request: CreateActor) -> CreateActorResponse { actor })
    }

    async fn get_actor(
        &self,
        request: Request<proto::GetActorRequest>,
    ) -> Reply<proto::GetActorResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::GetActorRequest { name } = request.into_inner();
        let name = ActorName::parse("name", &name)?;
        let actor = people::actor(&self.door, &caller, &name).await?;
        let actor =
            actor.filter(|actor| actor.deleted_at.is_none()).ok_or_else(|| not_found(&name))?;
        let actor = Some(people::encode_actor(&actor));
        Ok(Response::new(proto::GetActorResponse { actor }))
    }

    async fn list_actors(
        &self,
        request: Request<proto::ListActorsRequest>,
    ) -> Reply<proto::ListActorsResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ListActorsRequest { page_size, page_token, filter, order_by } =
            request.into_inner();
        let list = List::of("ListActors", caller.name.as_str());
        let sent =
            Sent { page_size, page_token: &page_token, filter: &filter, order_by: &order_by };
        let page = FilteredPage::asked(&self.door, list, &ACTOR_FIELDS, sent)?;
        let (deadline, selection) = (caller.deadline, page.selection());
        let reading =
            || Box::pin(self.door.store.actors(&selection, page.known_head(), deadline.0));
        let listed = deadline.read(reading).await?;
        let Filled { items: actors, next_page_token, cursor } =
            page.filled(listed, people::encode_actor);
        Ok(Response::new(proto::ListActorsResponse { actors, next_page_token, cursor }))
    }

    async fn update_actor(
        &self,
        request: Request<proto::UpdateActorRequest>,
    ) -> Reply<proto::UpdateActorResponse> {
        written!(self.door.write_actor(request: UpdateActor) -> UpdateActorResponse { actor })
    }

    async fn delete_actor(
        &self,
        request: Request<proto::DeleteActorRequest>,
    ) -> Reply<proto::DeleteActorResponse> {
        written!(self.door.write_actor(request: DeleteActor) -> DeleteActorResponse { actor })
    }

    async fn enable_actor(
        &self,
        request: Request<proto::EnableActorRequest>,
    ) -> Reply<proto::EnableActorResponse> {
        written!(self.door.write_actor(request: EnableActor) -> EnableActorResponse { actor })
    }

    async fn disable_actor(
        &self,
        request: Request<proto::DisableActorRequest>,
    ) -> Reply<proto::DisableActorResponse> {
        written!(self.door.write_actor(request: DisableActor) -> DisableActorResponse { actor })
    }

    async fn create_group(
        &self,
        request: Request<proto::CreateGroupRequest>,
    ) -> Reply<proto::CreateGroupResponse> {
        written!(self.door.write_group(request: CreateGroup) -> CreateGroupResponse { group })
    }

    async fn get_group(
        &self,
        request: Request<proto::GetGroupRequest>,
    ) -> Reply<proto::GetGroupResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::GetGroupRequest { name } = request.into_inner();
        let name = GroupName::parse("name", &name)?;
        let group = people::group(&self.door, &caller, &name).await?;
        let group =
            group.filter(|group| group.deleted_at.is_none()).ok_or_else(|| not_found(&name))?;
        let group = Some(people::encode_group(&group));
        Ok(Response::new(proto::GetGroupResponse { group }))
    }

    async fn list_groups(
        &self,
        request: Request<proto::ListGroupsRequest>,
    ) -> Reply<proto::ListGroupsResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ListGroupsRequest { page_size, page_token, filter, order_by } =
            request.into_inner();
        let list = List::of("ListGroups", caller.name.as_str());
        let sent =
            Sent { page_size, page_token: &page_token, filter: &filter, order_by: &order_by };
        let page = FilteredPage::asked(&self.door, list, &GROUP_FIELDS, sent)?;
        let (deadline, selection) = (caller.deadline, page.selection());
        let reading =
            || Box::pin(self.door.store.groups(&selection, page.known_head(), deadline.0));
        let listed = deadline.read(reading).await?;
        let Filled { items: groups, next_page_token, cursor } =
            page.filled(listed, people::encode_group);
        Ok(Response::new(proto::ListGroupsResponse { groups, next_page_token, cursor }))
    }

    async fn update_group(
        &self,
        request: Request<proto::UpdateGroupRequest>,
    ) -> Reply<proto::UpdateGroupResponse> {
        written!(self.door.write_group(request: UpdateGroup) -> UpdateGroupResponse { group })
    }

    async fn delete_group(
        &self,
        request: Request<proto::DeleteGroupRequest>,
    ) -> Reply<proto::DeleteGroupResponse> {
        written!(self.door.write_group(request: DeleteGroup) -> DeleteGroupResponse { group })
    }

    async fn create_credential(
        &self,
        request: Request<proto::CreateCredentialRequest>,
    ) -> Reply<proto::CreateCredentialResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let (token, hash) = token::draw()?;
        let verb = people::create_credential(message, hash)?;
        let (outcome, token) = self.door.issue_credential(&admitted, verb, &token).await?;
        answer!(outcome -> CreateCredentialResponse { credential, token })
    }

    async fn list_credentials(
        &self,
        request: Request<proto::ListCredentialsRequest>,
    ) -> Reply<proto::ListCredentialsResponse> {
        let caller = admit(&self.door.access, &request).await?;
        let proto::ListCredentialsRequest { parent, page_size, page_token } = request.into_inner();
        let actor = ActorName::parse("parent", &parent)?;
        let list = List::of("ListCredentials", caller.name.as_str()).with(actor.as_str());
        let page: Page<Uuid> = Page::asked(&self.door, list, page_size, &page_token)?;
        access::check_administrator(&caller.standing)?;
        let owner = people::actor(&self.door, &caller, &actor).await?;
        owner.filter(|owner| owner.deleted_at.is_none()).ok_or_else(|| not_found(&actor))?;
        let (deadline, store) = (caller.deadline, &self.door.store);
        let after = page.after.unwrap_or_else(Uuid::nil);
        let reading =
            || Box::pin(store.credentials(&actor, after, page.limit, page.known_head, deadline.0));
        let listed = deadline.read(reading).await?;
        let Filled { items: credentials, next_page_token, cursor } =
            page.filled(listed, |row| row.name.uid, |row| people::encode_credential(&row));
        Ok(Response::new(proto::ListCredentialsResponse { credentials, next_page_token, cursor }))
    }

    async fn revoke_credential(
        &self,
        request: Request<proto::RevokeCredentialRequest>,
    ) -> Reply<proto::RevokeCredentialResponse> {
        written!(self.door.write_credential(request: RevokeCredential)
            -> RevokeCredentialResponse { credential })
    }
}
