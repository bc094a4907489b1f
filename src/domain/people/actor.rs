//! Actors: people, machines, and the service itself.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZoneDatabase;
use serde_json::json;
use uuid::Uuid;

use super::change::{self, DISPLAY_NAME_BYTES_MAX};
use super::hours::Hours;
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::error::{Error, Reason, Result, invalid, not_found, quoted, refused};
use crate::domain::etag;
use crate::domain::event::{Event, EventType};
use crate::domain::name::ActorName;
use crate::domain::value::{Fields, check_line};
use crate::domain::working_set::{Footprint, Noun};

/// The longest address that mail is delivered to (RFC 5321, section 4.5.3).
const EMAIL_BYTES_MAX: usize = 254;
/// Longer names of things elsewhere are no names.
const URN_BYTES_MAX: usize = 256;

/// What an actor is. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ActorKind {
    /// A person.
    Person,
    /// A program.
    Machine,
    /// A part of the service.
    System,
}

impl ActorKind {
    /// The name that is stored: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            ActorKind::Person => "PERSON",
            ActorKind::Machine => "MACHINE",
            ActorKind::System => "SYSTEM",
        }
    }

    /// The kind of that stored name.
    pub fn stored(name: &str) -> Option<ActorKind> {
        use ActorKind::{Machine, Person, System};
        [Person, Machine, System].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// Somebody who works.
#[derive(Clone, PartialEq, Debug)]
pub struct Actor {
    /// Chosen by the caller.
    pub name: ActorName,
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
    /// What it is.
    pub kind: ActorKind,
    /// What people call it.
    pub display_name: String,
    /// Where it gets mail; empty is nowhere.
    pub email: String,
    /// The IANA name of its time zone; empty is UTC.
    pub time_zone: String,
    /// When it works, in order.
    pub working_hours: Vec<Hours>,
    /// What it is called elsewhere; may be empty.
    pub urn: String,
    /// Whether it may act.
    pub active: bool,
    /// Whether it administers the installation.
    pub admin: bool,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

impl Noun for Actor {
    type Key = ActorName;

    fn key(&self) -> ActorName {
        self.name.clone()
    }
}

impl Actor {
    /// What callers set, by its names in the contract.
    fn fields(&self) -> Fields {
        let hours: Vec<_> = self.working_hours.iter().map(Hours::value).collect();
        let fields = [
            ("kind", json!(self.kind.as_str())),
            ("display_name", json!(self.display_name)),
            ("email", json!(self.email)),
            ("time_zone", json!(self.time_zone)),
            ("working_hours", json!(hours)),
            ("urn", json!(self.urn)),
            ("admin", json!(self.admin)),
        ];
        fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn event(&self, kind: EventType) -> Event {
        change::event(kind, None, &self.name, self.version)
    }

    /// The same, changed once more.
    fn next(&self, now: Timestamp) -> Actor {
        Actor { version: self.version + 1, updated_at: now, ..self.clone() }
    }
}

/// What comes with the service is the way back in, whatever was done to all the others.
fn check_own(name: &ActorName) -> Result<()> {
    if *name == ActorName::root() || *name == ActorName::potts() {
        let rule = "it comes with the service and stays as it is";
        return Err(refused(Reason::BuiltIn, name, rule));
    }
    Ok(())
}

/// A change of one field of an actor.
#[derive(Clone, PartialEq, Debug)]
pub enum ActorEdit {
    /// What it is.
    Kind(ActorKind),
    /// What people call it; empty means its id.
    DisplayName(String),
    /// Where it gets mail.
    Email(String),
    /// The IANA name of its time zone.
    TimeZone(String),
    /// When it works, checked by [`super::check_hours`].
    WorkingHours(Vec<Hours>),
    /// What it is called elsewhere.
    Urn(String),
    /// Whether it administers the installation.
    Admin(bool),
}

impl ActorEdit {
    /// Checks what was sent.
    pub fn check(&self) -> Result<()> {
        match self {
            ActorEdit::DisplayName(name) => {
                check_line("actor.display_name", name, DISPLAY_NAME_BYTES_MAX)
            }
            ActorEdit::Email(email) => check_email("actor.email", email),
            ActorEdit::TimeZone(zone) => check_time_zone("actor.time_zone", zone),
            ActorEdit::Urn(urn) => check_urn("actor.urn", urn),
            ActorEdit::Kind(_) | ActorEdit::WorkingHours(_) | ActorEdit::Admin(_) => Ok(()),
        }
    }

    fn apply(&self, actor: &mut Actor) -> Result<()> {
        match self {
            ActorEdit::Kind(kind) => {
                if *kind == ActorKind::System && actor.kind != ActorKind::System {
                    let rule = "actors of the system come with the service";
                    return Err(refused(Reason::BuiltIn, &actor.name, rule));
                }
                actor.kind = *kind;
            }
            ActorEdit::DisplayName(name) => {
                actor.display_name = change::display_name(name, actor.name.id());
            }
            ActorEdit::Email(email) => actor.email.clone_from(email),
            ActorEdit::TimeZone(zone) => actor.time_zone.clone_from(zone),
            ActorEdit::WorkingHours(hours) => actor.working_hours.clone_from(hours),
            ActorEdit::Urn(urn) => actor.urn.clone_from(urn),
            ActorEdit::Admin(admin) => actor.admin = *admin,
        }
        Ok(())
    }
}

/// Whether mail gets there nobody knows before it is sent; this refuses what is no address at all.
fn check_email(field: &str, email: &str) -> Result<()> {
    check_line(field, email, EMAIL_BYTES_MAX)?;
    let is_address = email.rsplit_once('@').is_some_and(|(local, domain)| {
        !local.is_empty() && !domain.is_empty() && !email.contains(char::is_whitespace)
    });
    if !email.is_empty() && !is_address {
        return Err(invalid(field, format!("{} is no address", quoted(email))));
    }
    Ok(())
}

/// The names are those that this release was built with, so every replica knows the same ones.
fn check_time_zone(field: &str, zone: &str) -> Result<()> {
    if !zone.is_empty() && TimeZoneDatabase::bundled().get(zone).is_err() {
        return Err(invalid(field, format!("{} is no IANA time zone", quoted(zone))));
    }
    Ok(())
}

fn check_urn(field: &str, urn: &str) -> Result<()> {
    check_line(field, urn, URN_BYTES_MAX)?;
    let mut parts = urn.splitn(3, ':');
    let scheme = parts.next().is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn"));
    let filled = parts.filter(|part| !part.is_empty()).count() == 2;
    let is_urn = scheme && filled && !urn.contains(char::is_whitespace);
    if !urn.is_empty() && !is_urn {
        return Err(invalid(field, format!("{} is no URN", quoted(urn))));
    }
    Ok(())
}

/// What a command that writes an actor must hold.
fn footprint(name: &ActorName) -> Footprint {
    Footprint { actors: [name.clone()].into(), ..change::footprint() }
}

fn live<'a>(at: &At<'a>, name: &ActorName) -> Result<&'a Arc<Actor>> {
    let actor = at.rows.actors.get(name).filter(|actor| actor.deleted_at.is_none());
    actor.ok_or_else(|| not_found(name))
}

fn decided(at: &At<'_>, actor: Actor, event: Event) -> Decision {
    let actor = Arc::new(actor);
    Decision {
        changes: vec![change::bumped(at), Arc::clone(&actor).into()],
        gone: Vec::new(),
        events: vec![event],
        resource: actor.into(),
    }
}

/// Creates an actor.
#[derive(Clone, Debug)]
pub struct CreateActor {
    /// Its name.
    pub name: ActorName,
    /// What is said of it.
    pub edits: Vec<ActorEdit>,
}

impl Decide for CreateActor {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let CreateActor { name, edits } = self;
        if at.rows.actors.get(name).is_some() {
            return Err(Error::Exists { resource: name.to_string() });
        }
        let mut actor = Actor {
            name: name.clone(),
            uid: at.uid(0),
            version: 1,
            created_at: at.now,
            updated_at: at.now,
            creator: at.caller.clone(),
            kind: ActorKind::Person,
            display_name: name.id().to_owned(),
            email: String::new(),
            time_zone: String::new(),
            working_hours: Vec::new(),
            urn: String::new(),
            active: true,
            admin: false,
            deleted_at: None,
        };
        edits.iter().try_for_each(|edit| edit.apply(&mut actor))?;
        let event = Event { after: actor.fields(), ..actor.event(EventType::ActorCreated) };
        Ok(decided(at, actor, event))
    }
}

/// Changes what is said of an actor.
#[derive(Clone, Debug)]
pub struct UpdateActor {
    /// Which.
    pub name: ActorName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// What is to change.
    pub edits: Vec<ActorEdit>,
}

impl Decide for UpdateActor {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let UpdateActor { name, etag, edits } = self;
        let old = live(at, name)?;
        etag::check(etag.as_deref(), old.version, name)?;
        let mut new = Actor::clone(old);
        edits.iter().try_for_each(|edit| edit.apply(&mut new))?;
        if new == **old {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        check_own(name)?;
        let new = new.next(at.now);
        let mut event = new.event(EventType::ActorUpdated);
        change::compare(&mut event, old.fields(), new.fields());
        Ok(decided(at, new, event))
    }
}

/// Deletes an actor.
#[derive(Clone, Debug)]
pub struct DeleteActor {
    /// Which.
    pub name: ActorName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for DeleteActor {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let DeleteActor { name, etag } = self;
        let old = live(at, name)?;
        etag::check(etag.as_deref(), old.version, name)?;
        check_own(name)?;
        let new = Actor { deleted_at: Some(at.now), ..old.next(at.now) };
        let event = new.event(EventType::ActorDeleted);
        Ok(decided(at, new, event))
    }
}

/// Lets an actor act again.
#[derive(Clone, Debug)]
pub struct EnableActor {
    /// Which.
    pub name: ActorName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for EnableActor {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let EnableActor { name, etag } = self;
        set_active(at, name, etag.as_deref(), true)
    }
}

/// Lets an actor act no more.
#[derive(Clone, Debug)]
pub struct DisableActor {
    /// Which.
    pub name: ActorName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for DisableActor {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let DisableActor { name, etag } = self;
        set_active(at, name, etag.as_deref(), false)
    }
}

fn set_active(at: &At<'_>, name: &ActorName, etag: Option<&str>, active: bool) -> Result<Decision> {
    let old = live(at, name)?;
    etag::check(etag, old.version, name)?;
    if old.active == active {
        return Ok(Decision::unchanged(Arc::clone(old)));
    }
    check_own(name)?;
    let new = Actor { active, ..old.next(at.now) };
    let kind = if active { EventType::ActorEnabled } else { EventType::ActorDisabled };
    let event = new.event(kind);
    Ok(decided(at, new, event))
}
