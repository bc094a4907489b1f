//! Actors with roles and tokens, and what they call.

use potts::proto::{
    Actor, CreateActorRequest, CreateCredentialRequest, CreateMemberRequest, Member, Role,
};

use super::TestApp;
use super::app::Clients;

impl TestApp {
    /// The actor `actors/{id}`, created, with a role in a project and a token.
    pub async fn actor(&self, id: &str, project: &str, role: Role) -> Clients {
        let clients = self.stranger(id).await;
        self.member(&format!("actors/{id}"), project, role).await;
        clients
    }

    /// The actor `actors/{id}`, created, with a token and without any role.
    pub async fn stranger(&self, id: &str) -> Clients {
        self.person(id, Actor::default()).await
    }

    /// The actor `actors/{id}`, created as an administrator of the installation, with a token.
    pub async fn administrator(&self, id: &str) -> Clients {
        self.person(id, Actor { admin: true, ..Default::default() }).await
    }

    async fn person(&self, id: &str, actor: Actor) -> Clients {
        let request =
            CreateActorRequest { actor_id: id.into(), actor: Some(actor), ..Default::default() };
        self.actors().create_actor(request).await.unwrap();
        let token = self.token(id).await;
        self.tokens.lock().unwrap().insert(id.into(), token);
        self.as_actor(id)
    }

    /// A role of an actor or a group in a project, by their names.
    pub async fn member(&self, member: &str, project: &str, role: Role) -> Member {
        let request = CreateMemberRequest {
            parent: format!("projects/{project}"),
            member: Some(Member { member: member.into(), role: role.into(), ..Default::default() }),
            ..Default::default()
        };
        self.projects().create_member(request).await.unwrap().into_inner().member.unwrap()
    }

    /// A new token of an actor.
    pub async fn token(&self, id: &str) -> String {
        let parent = format!("actors/{id}");
        let request = CreateCredentialRequest { parent, ..Default::default() };
        self.actors().create_credential(request).await.unwrap().into_inner().token
    }

    /// What an actor that was made here calls.
    pub fn as_actor(&self, id: &str) -> Clients {
        let tokens = self.tokens.lock().unwrap();
        Clients::of(&self.channel, &tokens[id])
    }
}
