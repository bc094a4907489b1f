//! Reads of actors, groups, credentials and members.

use tokio::time::Instant;
use uuid::Uuid;

use super::error::Result;
use super::listed::listed;
use super::query::Selection;
use super::{Listed, Store, actor, credential, group, member, project};
use crate::domain::event::Seq;
use crate::domain::name::{ActorName, CredentialName, GroupName, MemberName, ProjectId};
use crate::domain::people::{Actor, Credential, Group, Member};

impl Store {
    /// An actor, deleted or not.
    pub async fn actor(&self, name: &ActorName, deadline: Instant) -> Result<Option<Actor>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = actor::find(reader.conn(), name).await;
        reader.give_back(found).await
    }

    /// A group, deleted or not.
    pub async fn group(&self, name: &GroupName, deadline: Instant) -> Result<Option<Group>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = group::find(reader.conn(), name).await;
        reader.give_back(found).await
    }

    /// A credential, revoked or not.
    pub async fn credential(
        &self,
        name: &CredentialName,
        deadline: Instant,
    ) -> Result<Option<Credential>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = credential::find(reader.conn(), name).await;
        reader.give_back(found).await
    }

    /// A member of a project.
    pub async fn member(&self, name: &MemberName, deadline: Instant) -> Result<Option<Member>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let found = member::find(reader.conn(), name).await;
        reader.give_back(found).await
    }

    /// Actors; with `known_head` also the end of the log in the same snapshot.
    pub async fn actors(
        &self,
        selection: &Selection<'_>,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Actor>> {
        listed!(self, known_head, deadline, conn => actor::page(conn, selection))
    }

    /// Credentials of an actor after an id, revoked or not; with `known_head` also the end of the
    /// log in the same snapshot.
    pub async fn credentials(
        &self,
        actor: &ActorName,
        after: Uuid,
        limit: i64,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Credential>> {
        listed!(self, known_head, deadline, conn => credential::page(conn, actor, after, limit))
    }

    /// Groups; with `known_head` also the end of the log in the same snapshot.
    pub async fn groups(
        &self,
        selection: &Selection<'_>,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Group>> {
        listed!(self, known_head, deadline, conn => group::page(conn, selection))
    }

    /// Members of a project; with `known_head` also the end of the log in the same snapshot.
    pub async fn members(
        &self,
        project: &ProjectId,
        selection: &Selection<'_>,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Member>> {
        listed!(self, known_head, deadline, conn => member::page(conn, project, selection))
    }

    /// How pages of projects, actors and groups would be read: PostgreSQL's plans, as text. Tests
    /// hold them to indexes. Of a selection that knows no fields but the name.
    pub async fn plans_by_name(
        &self,
        selection: &Selection<'_>,
        deadline: Instant,
    ) -> Result<[String; 3]> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let plans = async {
            Ok([
                project::plan(conn, selection).await?,
                actor::plan(conn, selection).await?,
                group::plan(conn, selection).await?,
            ])
        };
        let plans = plans.await;
        reader.give_back(plans).await
    }
}
