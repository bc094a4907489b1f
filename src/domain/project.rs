//! Projects: where issues are kept and numbered.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::access::Subject;
use super::audience::Audience;
use super::command::{At, Decide, Decision};
use super::counter::{Counter, CounterKey};
use super::definition::{DefinitionKey, DefinitionVersion};
use super::error::{Error, Reason, Result, not_found};
use super::etag;
use super::event::{Event, EventType};
use super::name::{ActorName, ProjectId};
use super::query::{self, Field, Found, Kind, Lookup};
use super::value::{Fields, check_line};
use super::working_set::{Footprint, Noun};

/// Longer names do not fit a line of any list.
pub const DISPLAY_NAME_BYTES_MAX: usize = 256;

/// A place where issues are kept.
#[derive(Clone, PartialEq, Debug)]
pub struct Project {
    /// Chosen by the caller.
    pub id: ProjectId,
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
    /// What people call it.
    pub display_name: String,
    /// When it was deleted.
    pub deleted_at: Option<Timestamp>,
}

/// What lists of projects can be filtered and ordered by, by the names in the contract.
/// `store/project.rs` says where each is stored.
pub static FIELDS: query::Fields = query::Fields {
    keys: &["name"],
    all: &[
        Field::new("name", Kind::Text).sortable(),
        Field::new("display_name", Kind::Text).sortable(),
        Field::new("creator", Kind::Text),
        Field::new("create_time", Kind::Time).sortable(),
        Field::new("update_time", Kind::Time).sortable(),
    ],
};

impl Lookup for Project {
    fn found(&self, field: &str) -> Found<'_> {
        match field {
            "name" => Found::Text(self.id.to_string().into()),
            "display_name" => Found::text(&self.display_name),
            "creator" => Found::text(self.creator.as_str()),
            "create_time" => Found::Time(self.created_at),
            "update_time" => Found::Time(self.updated_at),
            other => panic!("projects have no field {other}"),
        }
    }
}

impl Noun for Project {
    type Key = ProjectId;

    fn key(&self) -> ProjectId {
        self.id.clone()
    }
}

impl Project {
    fn event(&self, kind: EventType) -> Event {
        Event {
            kind,
            project: Some(self.id.clone()),
            subject: self.id.to_string(),
            root: self.id.to_string(),
            version: self.version,
            step: 0,
            event_time: None,
            before: Fields::new(),
            after: Fields::new(),
            data: Fields::new(),
            payload: None,
            audience: Audience::everybody(),
        }
    }
}

/// Checks what people call a project.
pub fn check_display_name(field: &str, name: &str) -> Result<()> {
    check_line(field, name, DISPLAY_NAME_BYTES_MAX)
}

/// Creates a project.
#[derive(Clone, Debug)]
pub struct CreateProject {
    /// Its id.
    pub id: ProjectId,
    /// What people call it; empty means the id in upper case.
    pub display_name: String,
}

/// What a command that writes a project must hold: the project, its counter, its definitions.
fn footprint(id: &ProjectId) -> Footprint {
    Footprint {
        counters: [CounterKey::issues(id)].into(),
        definitions: [DefinitionKey::project(id.clone()), DefinitionKey::configuration(id.clone())]
            .into(),
        projects: [id.clone()].into(),
        ..Footprint::default()
    }
}

fn bumped(at: &At<'_>, id: &ProjectId) -> Arc<DefinitionVersion> {
    bumped_at(at, DefinitionKey::project(id.clone()))
}

fn bumped_people(at: &At<'_>) -> Arc<DefinitionVersion> {
    bumped_at(at, DefinitionKey::people())
}

fn bumped_at(at: &At<'_>, key: DefinitionKey) -> Arc<DefinitionVersion> {
    let known = at.rows.definitions.get(&key).map(|known| &**known);
    Arc::new(DefinitionVersion::after(key, known))
}

fn live<'a>(at: &At<'a>, id: &ProjectId) -> Result<&'a Arc<Project>> {
    let project = at.rows.projects.get(id).filter(|project| project.deleted_at.is_none());
    project.ok_or_else(|| not_found(id))
}

impl Decide for CreateProject {
    fn subject(&self) -> Subject<'_> {
        Subject::Installation
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.id)
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let CreateProject { id, display_name } = self;
        if at.rows.projects.get(id).is_some() {
            return Err(Error::Exists { resource: id.to_string() });
        }
        let display_name = match display_name.as_str() {
            "" => id.as_str().to_ascii_uppercase(),
            name => name.to_owned(),
        };
        let project = Arc::new(Project {
            id: id.clone(),
            uid: at.uid(0),
            version: 1,
            created_at: at.now,
            updated_at: at.now,
            creator: at.caller.clone(),
            display_name,
            deleted_at: None,
        });
        // Nothing is configured yet; whoever configures something later counts on from here.
        let configuration = DefinitionKey::configuration(id.clone());
        let configured = DefinitionVersion::after(configuration, None);
        let mut event = project.event(EventType::ProjectCreated);
        event.after.insert("display_name".into(), json!(project.display_name));
        Ok(Decision {
            changes: vec![
                Arc::new(Counter { key: CounterKey::issues(id), last: 0, live: 0 }).into(),
                bumped(at, id).into(),
                Arc::new(configured).into(),
                Arc::clone(&project).into(),
            ],
            gone: Vec::new(),
            events: vec![event],
            resource: project.into(),
        })
    }
}

/// Changes what a project is called.
#[derive(Clone, Debug)]
pub struct UpdateProject {
    /// Which.
    pub id: ProjectId,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// The new name, if it is to change; empty means the id in upper case.
    pub display_name: Option<String>,
}

impl Decide for UpdateProject {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.id)
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.id)
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let UpdateProject { id, etag, display_name } = self;
        let old = live(at, id)?;
        etag::check(etag.as_deref(), old.version, id)?;
        let display_name = match display_name.as_deref() {
            None => old.display_name.clone(),
            Some("") => id.as_str().to_ascii_uppercase(),
            Some(name) => name.to_owned(),
        };
        if display_name == old.display_name {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        let new = Arc::new(Project {
            display_name,
            version: old.version + 1,
            updated_at: at.now,
            ..Project::clone(old)
        });
        let mut event = new.event(EventType::ProjectUpdated);
        event.before.insert("display_name".into(), json!(old.display_name));
        event.after.insert("display_name".into(), json!(new.display_name));
        event.data.insert("changed".into(), json!(["display_name"]));
        Ok(Decision {
            changes: vec![bumped(at, id).into(), Arc::clone(&new).into()],
            gone: Vec::new(),
            events: vec![event],
            resource: new.into(),
        })
    }
}

/// Deletes a project and all that it holds.
#[derive(Clone, Debug)]
pub struct DeleteProject {
    /// Which.
    pub id: ProjectId,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// Even if it has issues.
    pub force: bool,
}

impl Decide for DeleteProject {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.id)
    }

    fn footprint(&self) -> Footprint {
        // With the project go the roles in it.
        let mut footprint = footprint(&self.id);
        footprint.definitions.insert(DefinitionKey::people());
        footprint
    }

    fn changes_definition(&self) -> bool {
        true
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let DeleteProject { id, etag, force } = self;
        let old = live(at, id)?;
        etag::check(etag.as_deref(), old.version, id)?;
        let issues =
            at.rows.counters.get(&CounterKey::issues(id)).map_or(0, |counter| counter.last);
        if issues > 0 && !force {
            return Err(Error::Refused {
                reason: Reason::InUse,
                subject: id.to_string(),
                rule: "it has had issues; set force to delete it with all of them".into(),
            });
        }
        let new = Arc::new(Project {
            version: old.version + 1,
            updated_at: at.now,
            deleted_at: Some(at.now),
            ..Project::clone(old)
        });
        Ok(Decision {
            changes: vec![bumped(at, id).into(), bumped_people(at).into(), Arc::clone(&new).into()],
            gone: Vec::new(),
            events: vec![new.event(EventType::ProjectDeleted)],
            resource: new.into(),
        })
    }
}
