//! Groups: actors who belong together, or can do the same.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::change::{self, DISPLAY_NAME_BYTES_MAX};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Error, Reason, Result, limit_reached, not_found, refused};
use crate::domain::etag;
use crate::domain::event::{Event, EventType};
use crate::domain::name::{ActorName, GroupName, Principal};
use crate::domain::value::{Fields, check_line};
use crate::domain::working_set::{Footprint, Noun};

/// More would not fit an event, which tells all of them.
pub const MEMBERS_MAX: usize = 1_000;

/// What a group stands for. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum GroupKind {
    /// People who work together.
    Team,
    /// A part of an organisation.
    Department,
    /// Those who are able to do something.
    Skillset,
    /// Those who are charged with something.
    Duty,
}

impl GroupKind {
    /// The name that is stored: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            GroupKind::Team => "TEAM",
            GroupKind::Department => "DEPARTMENT",
            GroupKind::Skillset => "SKILLSET",
            GroupKind::Duty => "DUTY",
        }
    }

    /// The kind of that stored name.
    pub fn stored(name: &str) -> Option<GroupKind> {
        use GroupKind::{Department, Duty, Skillset, Team};
        [Team, Department, Skillset, Duty].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Some actors and groups under one name.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// Chosen by the caller.
    pub name: GroupName,
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
    /// What it stands for.
    pub kind: GroupKind,
    /// What people call it.
    pub display_name: String,
    /// Who is in it, directly.
    pub members: BTreeSet<Principal>,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

impl Noun for Group {
    type Key = GroupName;

    fn key(&self) -> GroupName {
        self.name.clone()
    }
}

impl Group {
    /// What callers set, by its names in the contract.
    fn fields(&self) -> Fields {
        let members: Vec<&str> = self.members.iter().map(Principal::as_str).collect();
        let fields = [
            ("kind", json!(self.kind.as_str())),
            ("display_name", json!(self.display_name)),
            ("members", json!(members)),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn event(&self, kind: EventType) -> Event {
        change::event(kind, None, &self.name, self.version)
    }

    /// The same, changed once more.
    fn next(&self, now: Timestamp) -> Group {
        Group { version: self.version + 1, updated_at: now, ..self.clone() }
    }

    /// Refuses who may not be in it; who was in it before may stay.
    fn check_members(&self, at: &At<'_>, before: &BTreeSet<Principal>) -> Result<()> {
        if self.members.len() > MEMBERS_MAX {
            return Err(limit_reached(format!("a group has at most {MEMBERS_MAX} members")));
        }
        let mut inner = BTreeSet::new();
        for member in &self.members {
            if let Principal::Group(group) = member {
                inner.insert(group.clone());
            }
            let own = matches!(member, Principal::Group(group) if *group == self.name);
            if !own && !before.contains(member) && !change::exists(at, member) {
                return Err(not_found(member));
            }
        }
        at.definitions.nesting.check(&self.name, &inner)
    }
}

/// A change of one field of a group.
#[derive(Clone, PartialEq, Debug)]
pub enum GroupEdit {
    /// What it stands for.
    Kind(GroupKind),
    /// What people call it; empty means its id.
    DisplayName(String),
    /// Who is in it.
    Members(BTreeSet<Principal>),
}

impl GroupEdit {
    /// Checks what was sent.
    pub fn check(&self) -> Result<()> {
        match self {
            GroupEdit::DisplayName(name) => {
                check_line("group.display_name", name, DISPLAY_NAME_BYTES_MAX)
            }
            GroupEdit::Kind(_) | GroupEdit::Members(_) => Ok(()),
        }
    }

    fn apply(&self, group: &mut Group) {
        match self {
            GroupEdit::Kind(kind) => group.kind = *kind,
            GroupEdit::DisplayName(name) => {
                group.display_name = change::display_name(name, group.name.id());
            }
            GroupEdit::Members(members) => group.members.clone_from(members),
        }
    }
}

/// What a command that writes a group must hold, and whom it speaks of.
fn footprint(name: &GroupName, edits: &[GroupEdit]) -> Footprint {
    let members = edits.iter().filter_map(|edit| match edit {
        GroupEdit::Members(members) => Some(members),
        GroupEdit::Kind(_) | GroupEdit::DisplayName(_) => None,
    });
    Footprint {
        groups: [name.clone()].into(),
        people: members.flatten().cloned().chain([name.clone().into()]).collect(),
        ..change::footprint()
    }
}

fn live<'a>(at: &At<'a>, name: &GroupName) -> Result<&'a Arc<Group>> {
    let group = at.rows.groups.get(name).filter(|group| group.deleted_at.is_none());
    group.ok_or_else(|| not_found(name))
}

fn decided(at: &At<'_>, group: Group, event: Event) -> Decision {
    let group = Arc::new(group);
    Decision {
        changes: vec![change::bumped(at), Arc::clone(&group).into()],
        gone: Vec::new(),
        events: vec![event],
        resource: group.into(),
    }
}

/// Creates a group.
#[derive(Clone, Debug)]
pub struct CreateGroup {
    /// Its name.
    pub name: GroupName,
    /// What is said of it.
    pub edits: Vec<GroupEdit>,
}

impl Decide for CreateGroup {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name, &self.edits)
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let CreateGroup { name, edits } = self;
        if at.rows.groups.get(name).is_some() {
            return Err(Error::Exists { resource: name.to_string() });
        }
        let mut group = Group {
            name: name.clone(),
            uid: at.uid(0),
            version: 1,
            created_at: at.now,
            updated_at: at.now,
            creator: at.caller.clone(),
            kind: GroupKind::Team,
            display_name: name.id().to_owned(),
            members: BTreeSet::new(),
            deleted_at: None,
        };
        edits.iter().for_each(|edit| edit.apply(&mut group));
        group.check_members(at, &BTreeSet::new())?;
        let event = Event { after: group.fields(), ..group.event(EventType::GroupCreated) };
        Ok(decided(at, group, event))
    }
}

/// Changes a group.
#[derive(Clone, Debug)]
pub struct UpdateGroup {
    /// Which.
    pub name: GroupName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// What is to change.
    pub edits: Vec<GroupEdit>,
}

impl Decide for UpdateGroup {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name, &self.edits)
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let UpdateGroup { name, etag, edits } = self;
        let old = live(at, name)?;
        etag::check(etag.as_deref(), old.version, name)?;
        let mut new = Group::clone(old);
        edits.iter().for_each(|edit| edit.apply(&mut new));
        if new == **old {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        new.check_members(at, &old.members)?;
        let new = new.next(at.now);
        let mut event = new.event(EventType::GroupUpdated);
        change::compare(&mut event, old.fields(), new.fields());
        Ok(decided(at, new, event))
    }
}

/// Deletes a group.
#[derive(Clone, Debug)]
pub struct DeleteGroup {
    /// Which.
    pub name: GroupName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for DeleteGroup {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name, &[])
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let DeleteGroup { name, etag } = self;
        let old = live(at, name)?;
        etag::check(etag.as_deref(), old.version, name)?;
        // It is in no other group, so what roles there are it has by itself.
        let standing = at.definitions.standing(&name.clone().into());
        let has_role = standing.is_some_and(|standing| !standing.roles.is_empty());
        if at.definitions.nesting.is_inside(name) || has_role {
            let rule = "it is in a group, or a member of a project; remove it there first";
            return Err(refused(Reason::InUse, name, rule));
        }
        let new = Group { members: BTreeSet::new(), deleted_at: Some(at.now), ..old.next(at.now) };
        let event = new.event(EventType::GroupDeleted);
        let mut decision = decided(at, new, event);
        // What is answered is the group as it was last, with who was in it.
        decision.resource = Arc::clone(old).into();
        Ok(decision)
    }
}
