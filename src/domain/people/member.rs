//! Members: who may do what in a project.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::change;
use super::standing::Role;
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Error, Result, not_found};
use crate::domain::etag;
use crate::domain::event::{Event, EventType};
use crate::domain::name::{ActorName, MemberName, Principal};
use crate::domain::value::Fields;
use crate::domain::working_set::{Footprint, Gone, Noun};

/// A role that somebody has in a project.
#[derive(Clone, PartialEq, Debug)]
pub struct Member {
    /// The project, and the id that the caller chose.
    pub name: MemberName,
    /// Given by the server.
    pub uid: Uuid,
    /// Counts every change, from 1.
    pub version: i64,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who created it.
    pub creator: ActorName,
    /// Who.
    pub member: Principal,
    /// What they may do.
    pub role: Role,
}

impl Noun for Member {
    type Key = MemberName;

    fn key(&self) -> MemberName {
        self.name.clone()
    }
}

impl Member {
    /// What callers set, by its names in the contract.
    fn fields(&self) -> Fields {
        let fields = [("member", json!(self.member.as_str())), ("role", json!(self.role.as_str()))];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn event(&self, kind: EventType) -> Event {
        change::event(kind, Some(self.name.project.clone()), &self.name, self.version)
    }
}

/// What a command that writes a member must hold, and what it is decided by.
fn footprint(name: &MemberName) -> Footprint {
    Footprint {
        members: [name.clone()].into(),
        uses: [name.project.clone()].into(),
        ..change::footprint()
    }
}

fn live<'a>(at: &At<'a>, name: &MemberName) -> Result<&'a Arc<Member>> {
    at.definitions.project(&name.project)?;
    at.rows.members.get(name).ok_or_else(|| not_found(name))
}

/// Gives somebody a role.
#[derive(Clone, Debug)]
pub struct CreateMember {
    /// The project, and the id.
    pub name: MemberName,
    /// Who.
    pub member: Principal,
    /// What they may do.
    pub role: Role,
}

impl Decide for CreateMember {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        Footprint { people: [self.member.clone()].into(), ..footprint(&self.name) }
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let CreateMember { name, member, role } = self;
        at.definitions.project(&name.project)?;
        if !change::exists(at, member) {
            return Err(not_found(member));
        }
        let known = at.definitions.memberships.get(&(name.project.clone(), member.clone()));
        let taken = known.or_else(|| at.rows.members.get(name).map(|known| &known.name));
        if let Some(taken) = taken {
            return Err(Error::Exists { resource: taken.to_string() });
        }
        let member = Arc::new(Member {
            name: name.clone(),
            uid: at.uid(0),
            version: 1,
            created_at: at.now,
            updated_at: at.now,
            creator: at.caller.clone(),
            member: member.clone(),
            role: *role,
        });
        let event = Event { after: member.fields(), ..member.event(EventType::MemberCreated) };
        Ok(Decision {
            changes: vec![change::bumped(at), Arc::clone(&member).into()],
            gone: Vec::new(),
            events: vec![event],
            resource: member.into(),
        })
    }
}

/// Changes what somebody may do.
#[derive(Clone, Debug)]
pub struct UpdateMember {
    /// Which member.
    pub name: MemberName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// What they may do, if it is to change.
    pub role: Option<Role>,
}

impl Decide for UpdateMember {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let UpdateMember { name, etag, role } = self;
        let old = live(at, name)?;
        etag::check(etag.as_deref(), old.version, name)?;
        let role = role.unwrap_or(old.role);
        if role == old.role {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        let new = Arc::new(Member {
            role,
            version: old.version + 1,
            updated_at: at.now,
            ..Member::clone(old)
        });
        let mut event = new.event(EventType::MemberUpdated);
        change::compare(&mut event, old.fields(), new.fields());
        Ok(Decision {
            changes: vec![change::bumped(at), Arc::clone(&new).into()],
            gone: Vec::new(),
            events: vec![event],
            resource: new.into(),
        })
    }
}

/// Takes somebody's role away.
#[derive(Clone, Debug)]
pub struct DeleteMember {
    /// Which member.
    pub name: MemberName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for DeleteMember {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.name.project)
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let DeleteMember { name, etag } = self;
        let old = live(at, name)?;
        etag::check(etag.as_deref(), old.version, name)?;
        let was = Member { version: old.version + 1, updated_at: at.now, ..Member::clone(old) };
        let event = Event { before: old.fields(), ..was.event(EventType::MemberDeleted) };
        Ok(Decision {
            changes: vec![change::bumped(at)],
            gone: vec![Gone::Member(name.clone())],
            events: vec![event],
            resource: Arc::clone(old).into(),
        })
    }
}
