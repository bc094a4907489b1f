//! `potts.v1.ActorService`.

use tonic::{Request, Response};
use uuid::Uuid;

use super::auth::{admit, admit_write};
use super::door::{Door, Reply, respond};
use super::page_token::List;
use super::paging::{Filled, FilteredPage, Page, Sent};
use super::people::{self, Outcome};
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
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = CreateActor::try_from(message)?;
        let Outcome { resource: actor, changed, cursor, replayed } =
            people::write_actor(&self.door, &admitted, verb).await?;
        Ok(respond(proto::CreateActorResponse { actor, changed, cursor }, replayed))
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
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = UpdateActor::try_from(message)?;
        let Outcome { resource: actor, changed, cursor, replayed } =
            people::write_actor(&self.door, &admitted, verb).await?;
        Ok(respond(proto::UpdateActorResponse { actor, changed, cursor }, replayed))
    }

    async fn delete_actor(
        &self,
        request: Request<proto::DeleteActorRequest>,
    ) -> Reply<proto::DeleteActorResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = DeleteActor::try_from(message)?;
        let Outcome { resource: actor, changed, cursor, replayed } =
            people::write_actor(&self.door, &admitted, verb).await?;
        Ok(respond(proto::DeleteActorResponse { actor, changed, cursor }, replayed))
    }

    async fn enable_actor(
        &self,
        request: Request<proto::EnableActorRequest>,
    ) -> Reply<proto::EnableActorResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = EnableActor::try_from(message)?;
        let Outcome { resource: actor, changed, cursor, replayed } =
            people::write_actor(&self.door, &admitted, verb).await?;
        Ok(respond(proto::EnableActorResponse { actor, changed, cursor }, replayed))
    }

    async fn disable_actor(
        &self,
        request: Request<proto::DisableActorRequest>,
    ) -> Reply<proto::DisableActorResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = DisableActor::try_from(message)?;
        let Outcome { resource: actor, changed, cursor, replayed } =
            people::write_actor(&self.door, &admitted, verb).await?;
        Ok(respond(proto::DisableActorResponse { actor, changed, cursor }, replayed))
    }

    async fn create_group(
        &self,
        request: Request<proto::CreateGroupRequest>,
    ) -> Reply<proto::CreateGroupResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = CreateGroup::try_from(message)?;
        let Outcome { resource: group, changed, cursor, replayed } =
            people::write_group(&self.door, &admitted, verb).await?;
        Ok(respond(proto::CreateGroupResponse { group, changed, cursor }, replayed))
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
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = UpdateGroup::try_from(message)?;
        let Outcome { resource: group, changed, cursor, replayed } =
            people::write_group(&self.door, &admitted, verb).await?;
        Ok(respond(proto::UpdateGroupResponse { group, changed, cursor }, replayed))
    }

    async fn delete_group(
        &self,
        request: Request<proto::DeleteGroupRequest>,
    ) -> Reply<proto::DeleteGroupResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = DeleteGroup::try_from(message)?;
        let Outcome { resource: group, changed, cursor, replayed } =
            people::write_group(&self.door, &admitted, verb).await?;
        Ok(respond(proto::DeleteGroupResponse { group, changed, cursor }, replayed))
    }

    async fn create_credential(
        &self,
        request: Request<proto::CreateCredentialRequest>,
    ) -> Reply<proto::CreateCredentialResponse> {
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let (token, hash) = token::draw()?;
        let verb = people::create_credential(message, hash)?;
        let (Outcome { resource: credential, changed, cursor, replayed }, token) =
            people::issue_credential(&self.door, &admitted, verb, &token).await?;
        Ok(respond(
            proto::CreateCredentialResponse { credential, changed, cursor, token },
            replayed,
        ))
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
        let (admitted, message) = admit_write(&self.door.access, request).await?;
        let verb = RevokeCredential::try_from(message)?;
        let Outcome { resource: credential, changed, cursor, replayed } =
            people::write_credential(&self.door, &admitted, verb).await?;
        Ok(respond(proto::RevokeCredentialResponse { credential, changed, cursor }, replayed))
    }
}
