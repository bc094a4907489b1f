//! Reads of actors, groups, credentials and members.

use tokio::time::Instant;
use uuid::Uuid;

use super::error::Result;
use super::{Listed, Store, actor, begin_snapshot, credential, end_snapshot, group, member};
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

    /// Actors after a name; with `known_head` also the end of the log in the same snapshot.
    pub async fn actors(
        &self,
        after: &str,
        limit: i64,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Actor>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let listed = async {
            let log = begin_snapshot(conn, known_head).await?;
            let rows = actor::page(conn, after, limit).await?;
            end_snapshot(conn, known_head).await?;
            Ok(Listed { rows, log })
        };
        let listed = listed.await;
        reader.give_back(listed).await
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
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let listed = async {
            let log = begin_snapshot(conn, known_head).await?;
            let rows = credential::page(conn, actor, after, limit).await?;
            end_snapshot(conn, known_head).await?;
            Ok(Listed { rows, log })
        };
        let listed = listed.await;
        reader.give_back(listed).await
    }

    /// Groups after a name; with `known_head` also the end of the log in the same snapshot.
    pub async fn groups(
        &self,
        after: &str,
        limit: i64,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Group>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let listed = async {
            let log = begin_snapshot(conn, known_head).await?;
            let rows = group::page(conn, after, limit).await?;
            end_snapshot(conn, known_head).await?;
            Ok(Listed { rows, log })
        };
        let listed = listed.await;
        reader.give_back(listed).await
    }

    /// Members of a project after an id; with `known_head` also the end of the log in the same
    /// snapshot.
    pub async fn members(
        &self,
        project: &ProjectId,
        after: &str,
        limit: i64,
        known_head: Option<Seq>,
        deadline: Instant,
    ) -> Result<Listed<Member>> {
        let mut reader = self.read.get(Some(deadline)).await?;
        let conn = reader.conn();
        let listed = async {
            let log = begin_snapshot(conn, known_head).await?;
            let rows = member::page(conn, project, after, limit).await?;
            end_snapshot(conn, known_head).await?;
            Ok(Listed { rows, log })
        };
        let listed = listed.await;
        reader.give_back(listed).await
    }
}
