//! References: what an issue, an action, an actor or an event points to.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::access::{Subject, role_required};
use super::command::{At, Decide, Decision};
use super::counter::{Counted, Counter, CounterKey};
use super::error::{Result, invalid, limit_reached, not_found, required};
use super::etag;
use super::event::{Event, EventType};
use super::name::{ActorName, IssueName, Principal, ProjectId, ReferenceName, ReferenceParent};
use super::remark;
use super::value::{Fields, check_line, check_text};
use super::working_set::{Footprint, Gone, Noun};

/// A label is a word or two.
pub const LABEL_BYTES_MAX: usize = 256;
/// The longest that browsers and servers agree on, by a wide margin.
pub const URI_BYTES_MAX: usize = 2048;
/// A longer text is a comment.
pub const TEXT_BYTES_MAX: usize = 4096;
/// The name of anything is shorter.
pub const RESOURCE_BYTES_MAX: usize = 256;
/// More than anybody reads.
pub const REFERENCES_MAX: i64 = 200;

/// What a reference is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ReferenceRole {
    /// Something to read.
    Link,
    /// Something that shows it.
    Evidence,
    /// Where it is.
    Location,
    /// A commit that belongs to it.
    Commit,
    /// The id of the chain of events in another system that it belongs to (CDEvents `chainId`).
    Chain,
}

impl ReferenceRole {
    /// All roles.
    pub const ALL: &[ReferenceRole] = &[
        ReferenceRole::Link,
        ReferenceRole::Evidence,
        ReferenceRole::Location,
        ReferenceRole::Commit,
        ReferenceRole::Chain,
    ];

    /// The role of that stored name.
    pub fn stored(name: &str) -> Option<ReferenceRole> {
        ReferenceRole::ALL.iter().copied().find(|role| role.as_str() == name)
    }

    /// The name in rows and events: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            ReferenceRole::Link => "LINK",
            ReferenceRole::Evidence => "EVIDENCE",
            ReferenceRole::Location => "LOCATION",
            ReferenceRole::Commit => "COMMIT",
            ReferenceRole::Chain => "CHAIN",
        }
    }
}

/// What a reference points to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// A URI.
    Uri(String),
    /// Some words: the hash of a commit, a shelf.
    Text(String),
    /// The name of a thing here.
    Resource(String),
}

impl Target {
    /// The target of that stored kind.
    pub fn stored(kind: &str, value: String) -> Option<Target> {
        match kind {
            "URI" => Some(Target::Uri(value)),
            "TEXT" => Some(Target::Text(value)),
            "RESOURCE" => Some(Target::Resource(value)),
            _ => None,
        }
    }

    /// The stored name of its kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Target::Uri(_) => "URI",
            Target::Text(_) => "TEXT",
            Target::Resource(_) => "RESOURCE",
        }
    }

    /// What it says.
    pub fn value(&self) -> &str {
        match self {
            Target::Uri(value) | Target::Text(value) | Target::Resource(value) => value,
        }
    }

    /// The field of the contract that says it.
    fn field(&self) -> &'static str {
        match self {
            Target::Uri(_) => "uri",
            Target::Text(_) => "text",
            Target::Resource(_) => "resource",
        }
    }

    fn check(&self) -> Result<()> {
        let field = format!("reference.{}", self.field());
        if self.value().trim().is_empty() {
            return Err(required(field));
        }
        match self {
            Target::Uri(uri) => {
                check_line(&field, uri, URI_BYTES_MAX)?;
                let scheme = uri.split_once(':').map(|(scheme, _)| scheme).unwrap_or_default();
                let well_formed = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
                    && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c))
                    && !uri.contains(char::is_whitespace);
                let problem = "must be an absolute URI (RFC 3986), such as https://example.com";
                if well_formed { Ok(()) } else { Err(invalid(field, problem)) }
            }
            Target::Text(text) => check_text(&field, text, TEXT_BYTES_MAX),
            Target::Resource(name) => check_line(&field, name, RESOURCE_BYTES_MAX),
        }
    }
}

/// Something that a thing points to.
#[derive(Clone, PartialEq, Debug)]
pub struct Reference {
    /// On what, and its number there.
    pub name: ReferenceName,
    /// Given by the server.
    pub uid: Uuid,
    /// Counts every change, from 1.
    pub version: i64,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// Who made it.
    pub creator: ActorName,
    /// What people call it.
    pub label: String,
    /// What it is for.
    pub role: ReferenceRole,
    /// What it points to.
    pub target: Target,
}

impl Noun for Reference {
    type Key = ReferenceName;

    fn key(&self) -> ReferenceName {
        self.name.clone()
    }
}

impl Reference {
    fn fields(&self) -> [(&'static str, Value); 3] {
        let target = json!({ self.target.field(): self.target.value() });
        [("label", json!(self.label)), ("role", json!(self.role.as_str())), ("target", target)]
    }

    fn check(&self) -> Result<()> {
        check_line("reference.label", &self.label, LABEL_BYTES_MAX)?;
        self.target.check()
    }
}

/// Where a reference stands, and of what its events are told. What an event belongs to is looked up
/// by the door, because events never change.
#[derive(Clone, Debug)]
pub struct Place {
    /// What carries it.
    pub parent: ReferenceParent,
    /// Of an event: the issue that it belongs to.
    pub root: Option<IssueName>,
    /// Of an event: its project; none is the installation.
    pub project: Option<ProjectId>,
}

impl Place {
    /// The place on an issue, an action or an actor.
    pub fn of(parent: ReferenceParent) -> Place {
        Place { parent, root: None, project: None }
    }

    fn issue(&self) -> Option<&IssueName> {
        match &self.parent {
            ReferenceParent::Issue(issue) => Some(issue),
            ReferenceParent::Action(action) => Some(&action.issue),
            ReferenceParent::Actor(_) => None,
            ReferenceParent::Event(_) => self.root.as_ref(),
        }
    }

    fn subject(&self) -> Subject<'_> {
        match (self.issue(), &self.project) {
            (Some(issue), _) => Subject::Issue(issue),
            (None, Some(project)) => Subject::Project(project),
            (None, None) => Subject::Installation,
        }
    }

    fn footprint(&self) -> Footprint {
        let project = self.issue().map(|issue| &issue.project).or(self.project.as_ref());
        let mut footprint = Footprint {
            counters: [CounterKey::of(&self.parent, Counted::References)].into(),
            issues: self.issue().cloned().into_iter().collect(),
            uses: project.cloned().into_iter().collect(),
            ..Footprint::default()
        };
        if let ReferenceParent::Action(action) = &self.parent {
            footprint.actions.insert(action.clone());
        }
        if let ReferenceParent::Actor(actor) = &self.parent {
            footprint.people.insert(Principal::from(actor.clone()));
        }
        footprint
    }

    /// Checks that its parent is there, and that the caller may write what no role allows: an actor
    /// is written on by itself and by administrators.
    fn check(&self, at: &At<'_>) -> Result<()> {
        if let Some(issue) = self.issue() {
            remark::live_issue(at, issue)?;
        }
        if let ReferenceParent::Action(action) = &self.parent {
            remark::has_action(at, action)?;
        }
        if let ReferenceParent::Actor(actor) = &self.parent {
            let standing = at.definitions.standing(&Principal::from(actor.clone()));
            standing.ok_or_else(|| not_found(actor))?;
        }
        let caller = at.definitions.standing(&Principal::from(at.caller.clone()));
        let admin = caller.is_some_and(|caller| caller.admin);
        let itself = self.parent == ReferenceParent::Actor(at.caller.clone());
        if matches!(self.subject(), Subject::Installation) && !admin && !itself {
            return Err(role_required(&self.parent, "the actor itself or an administrator"));
        }
        Ok(())
    }

    fn event(&self, at: &At<'_>, kind: EventType, reference: &Reference) -> Result<Event> {
        let subject = self.parent.to_string();
        let mut event = match self.issue() {
            Some(issue) => remark::event_of_issue(at, issue, kind)?,
            None => Event::beside(kind, self.project.clone(), &subject),
        };
        event.subject = subject;
        event.data.insert("reference".into(), json!(reference.name.to_string()));
        Ok(event)
    }
}

/// Points to something.
#[derive(Clone, Debug)]
pub struct CreateReference {
    /// From where.
    pub place: Place,
    /// What people call it.
    pub label: String,
    /// What it is for.
    pub role: ReferenceRole,
    /// To what.
    pub target: Target,
}

impl Decide for CreateReference {
    fn subject(&self) -> Subject<'_> {
        self.place.subject()
    }

    fn footprint(&self) -> Footprint {
        self.place.footprint()
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        self.place.check(at)?;
        let parent = &self.place.parent;
        let key = CounterKey::of(parent, Counted::References);
        let counter = Counter::after(key.clone(), at.rows.counters.get(&key).map(|c| &**c));
        if counter.live > REFERENCES_MAX {
            return Err(limit_reached(format!("{parent} has {REFERENCES_MAX} references")));
        }
        let reference = Arc::new(Reference {
            name: ReferenceName { parent: parent.clone(), number: counter.last },
            uid: at.uid(0),
            version: 1,
            created_at: at.now,
            updated_at: at.now,
            creator: at.caller.clone(),
            label: self.label.clone(),
            role: self.role,
            target: self.target.clone(),
        });
        reference.check()?;
        let mut event = self.place.event(at, EventType::ReferenceCreated, &reference)?;
        event.after = told(reference.fields());
        Ok(Decision {
            changes: vec![Arc::new(counter).into(), Arc::clone(&reference).into()],
            gone: Vec::new(),
            events: vec![event],
            resource: reference.into(),
        })
    }
}

fn told(fields: [(&'static str, Value); 3]) -> Fields {
    fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// Changes what is pointed to.
#[derive(Clone, Debug)]
pub struct UpdateReference {
    /// From where.
    pub place: Place,
    /// Which.
    pub name: ReferenceName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// The new label, if it is to change.
    pub label: Option<String>,
    /// The new role, if it is to change.
    pub role: Option<ReferenceRole>,
    /// The new target, if it is to change.
    pub target: Option<Target>,
}

impl Decide for UpdateReference {
    fn subject(&self) -> Subject<'_> {
        self.place.subject()
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = self.place.footprint();
        footprint.references.insert(self.name.clone());
        footprint
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        self.place.check(at)?;
        let old = at.rows.references.get(&self.name).ok_or_else(|| not_found(&self.name))?;
        etag::check(self.etag.as_deref(), old.version, &self.name)?;
        let mut new = Reference::clone(old);
        self.label.clone().into_iter().for_each(|label| new.label = label);
        self.role.into_iter().for_each(|role| new.role = role);
        self.target.clone().into_iter().for_each(|target| new.target = target);
        if new == **old {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        new.check()?;
        new.version += 1;
        new.updated_at = at.now;
        let mut event = self.place.event(at, EventType::ReferenceUpdated, &new)?;
        for ((name, was), (_, is)) in old.fields().into_iter().zip(new.fields()) {
            if was != is {
                event.before.insert(name.into(), was);
                event.after.insert(name.into(), is);
            }
        }
        let changed: Vec<_> = event.after.keys().cloned().collect();
        event.data.insert("changed".into(), json!(changed));
        let new = Arc::new(new);
        Ok(Decision {
            changes: vec![Arc::clone(&new).into()],
            gone: Vec::new(),
            events: vec![event],
            resource: new.into(),
        })
    }
}

/// Points to it no more.
#[derive(Clone, Debug)]
pub struct DeleteReference {
    /// From where.
    pub place: Place,
    /// Which.
    pub name: ReferenceName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

impl Decide for DeleteReference {
    fn subject(&self) -> Subject<'_> {
        self.place.subject()
    }

    fn footprint(&self) -> Footprint {
        let mut footprint = self.place.footprint();
        footprint.references.insert(self.name.clone());
        footprint
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        self.place.check(at)?;
        let old = at.rows.references.get(&self.name).ok_or_else(|| not_found(&self.name))?;
        etag::check(self.etag.as_deref(), old.version, &self.name)?;
        let key = CounterKey::of(&self.place.parent, Counted::References);
        let counter = at.rows.counters.get(&key).ok_or_else(|| not_found(&self.name))?;
        let mut event = self.place.event(at, EventType::ReferenceDeleted, old)?;
        event.before = told(old.fields());
        Ok(Decision {
            changes: vec![Arc::new(counter.without_one()).into()],
            gone: vec![Gone::Reference(self.name.clone())],
            events: vec![event],
            resource: Arc::clone(old).into(),
        })
    }
}
