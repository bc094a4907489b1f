//! Creating, changing and deleting configuration: one mechanism for all kinds.
//!
//! Every change is a new revision, made under the lock of the project's configuration. Whatever is
//! on an older revision stays there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::json;

use super::check::unknown_status;
use super::{Body, Configuration, Usage, UsageOf, built_in, check};
use crate::domain::access::Subject;
use crate::domain::audience::Audience;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::definition::{DefinitionKey, DefinitionVersion};
use crate::domain::error::{
    Error, Reason, Result, invalid, limit_reached, not_found, quoted, refused,
};
use crate::domain::etag;
use crate::domain::event::{Event, EventType};
use crate::domain::name::{ConfigurationKind, ConfigurationName};
use crate::domain::value::Fields;
use crate::domain::workflow::Workflow;
use crate::domain::working_set::{Change, Footprint};

/// Issues that one change of a workflow moves. More would hold up everybody else.
pub const MOVED_MAX: i64 = 500;

/// Creates a piece of configuration.
#[derive(Clone, Debug)]
pub struct Create {
    /// Its name.
    pub name: ConfigurationName,
    /// What it says.
    pub body: Body,
}

/// Makes a new revision of a piece of configuration.
#[derive(Clone, Debug)]
pub struct Update {
    /// Which.
    pub name: ConfigurationName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
    /// The fields that are to change.
    pub fields: Vec<&'static str>,
    /// What they are to be; of the same kind.
    pub from: Body,
    /// Where issues go whose status the workflow loses.
    pub status_mapping: BTreeMap<String, String>,
}

/// Deletes a piece of configuration. What is on one of its revisions stays there.
#[derive(Clone, Debug)]
pub struct Delete {
    /// Which.
    pub name: ConfigurationName,
    /// Must be the current one, if it is there.
    pub etag: Option<String>,
}

/// What each RPC is called, which of the above it is, and what it tells.
macro_rules! verbs {
    ($($verb:ident($how:ident) tells $event:ident;)*) => {$(
        #[doc = concat!("The command of the RPC of this name: see [`", stringify!($how), "`].")]
        #[derive(Clone, Debug)]
        pub struct $verb(pub $how);

        impl Decide for $verb {
            fn subject(&self) -> Subject<'_> {
                Subject::Project(&self.0.name.project)
            }

            fn footprint(&self) -> Footprint {
                self.0.footprint()
            }

            fn expand(&self, at: &At<'_>) -> Footprint {
                self.0.expand(at)
            }

            fn changes_definition(&self) -> bool {
                true
            }

            fn decide(&self, at: &At<'_>) -> Result<Decision> {
                self.0.decide(at, EventType::$event)
            }
        }
    )*};
}

verbs! {
    CreateWorkflow(Create) tells WorkflowCreated;
    UpdateWorkflow(Update) tells WorkflowUpdated;
    DeleteWorkflow(Delete) tells WorkflowDeleted;
    CreateIssueType(Create) tells IssueTypeCreated;
    UpdateIssueType(Update) tells IssueTypeUpdated;
    DeleteIssueType(Delete) tells IssueTypeDeleted;
    CreateActionType(Create) tells ActionTypeCreated;
    UpdateActionType(Update) tells ActionTypeUpdated;
    DeleteActionType(Delete) tells ActionTypeDeleted;
}

fn footprint(name: &ConfigurationName) -> Footprint {
    Footprint {
        definitions: [DefinitionKey::configuration(name.project.clone())].into(),
        uses: [name.project.clone()].into(),
        ..Footprint::default()
    }
}

/// A piece of configuration that callers made and that is there.
fn live<'a>(
    at: &At<'a>,
    name: &ConfigurationName,
    etag: Option<&str>,
) -> Result<&'a Arc<Configuration>> {
    at.definitions.project(&name.project)?;
    if built_in::body(name.kind, name.id.as_str()).is_some() {
        let rule = "it comes with the service; create one of another id";
        return Err(refused(Reason::BuiltIn, name, rule));
    }
    let newest = at.definitions.newest(name).filter(|newest| newest.deleted_at.is_none());
    let newest = newest.ok_or_else(|| not_found(name))?;
    etag::check(etag, newest.revision, name)?;
    Ok(newest)
}

/// Refuses what speaks of others that there are not. `fields` are those that the caller sent.
fn check_others(
    at: &At<'_>,
    name: &ConfigurationName,
    body: &Body,
    fields: &[&'static str],
) -> Result<()> {
    let noun = name.kind.noun();
    for (field, principal) in body.principals() {
        let top = field.split(['.', '[']).next().unwrap_or_default();
        if fields.contains(&top) && at.definitions.standing(&principal).is_none() {
            let problem = format!("there is no {}", principal.as_str());
            return Err(invalid(format!("{noun}.{field}"), problem));
        }
    }
    let Body::IssueType(issue_type) = body else { return Ok(()) };
    let id = &issue_type.workflow;
    if fields.contains(&"workflow") && at.definitions.newest_workflow(&name.project, id).is_none() {
        let problem = format!("there is no workflow {}", quoted(id));
        return Err(invalid(format!("{noun}.workflow"), problem));
    }
    Ok(())
}

/// The decision that makes a revision the newest one.
fn becomes(at: &At<'_>, new: Configuration, kind: EventType, changed: &[&str]) -> Decision {
    let key = DefinitionKey::configuration(new.name.project.clone());
    let known = at.rows.definitions.get(&key).map(|known| &**known);
    let version = Arc::new(DefinitionVersion::after(key, known));
    let mut data = Fields::new();
    data.insert("revision".into(), json!(new.revision));
    if !changed.is_empty() {
        data.insert("changed".into(), json!(changed));
    }
    let event = Event {
        kind,
        project: Some(new.name.project.clone()),
        subject: new.name.to_string(),
        root: new.name.to_string(),
        version: new.revision,
        step: 0,
        event_time: None,
        before: Fields::new(),
        after: Fields::new(),
        data,
        payload: None,
        audience: Audience::everybody(),
    };
    let new = Arc::new(new);
    Decision {
        changes: vec![version.into(), Arc::clone(&new).into()],
        gone: Vec::new(),
        events: vec![event],
        resource: new.into(),
    }
}

impl Create {
    fn footprint(&self) -> Footprint {
        let people = self.body.principals().into_iter().map(|(_, who)| who).collect();
        Footprint { people, ..footprint(&self.name) }
    }

    fn expand(&self, _: &At<'_>) -> Footprint {
        Footprint::default()
    }

    fn decide(&self, at: &At<'_>, kind: EventType) -> Result<Decision> {
        let Create { name, body } = self;
        at.definitions.project(&name.project)?;
        let is_built_in = built_in::body(name.kind, name.id.as_str()).is_some();
        // An id is never used again: events and old revisions speak of it.
        if is_built_in || at.definitions.newest(name).is_some() {
            return Err(Error::Exists { resource: name.to_string() });
        }
        check(name.kind.noun(), body)?;
        check_others(at, name, body, Body::fields(name.kind))?;
        let new = Configuration {
            name: name.clone(),
            uid: at.uid(0),
            revision: 1,
            created_at: at.now,
            updated_at: at.now,
            creator: at.caller.clone(),
            deleted_at: None,
            body: body.clone(),
        };
        Ok(becomes(at, new, kind, &[]))
    }
}

impl Update {
    fn footprint(&self) -> Footprint {
        let people = self.from.principals().into_iter().map(|(_, who)| who).collect();
        Footprint { people, ..footprint(&self.name) }
    }

    /// Asks who is in a status that goes. An issue that gets there at the same moment is not found:
    /// it stays on its revision, which has the status for ever.
    fn expand(&self, at: &At<'_>) -> Footprint {
        let Ok(old) = live(at, &self.name, None) else { return Footprint::default() };
        let usage = self.asks(&old.body).into_iter().collect();
        Footprint { usage, ..Footprint::default() }
    }

    /// The question about the statuses that go, if any do.
    fn asks(&self, old: &Body) -> Option<UsageOf> {
        let (Body::Workflow(old), Body::Workflow(new)) = (old, old.with(&self.fields, &self.from))
        else {
            return None;
        };
        let mapped = self.status_mapping.keys();
        let known = old.statuses.iter().map(|status| &status.id).chain(mapped);
        let statuses: BTreeSet<String> =
            known.filter(|id| new.status(id).is_none()).cloned().collect();
        let issues_max = if self.status_mapping.is_empty() { 0 } else { MOVED_MAX + 1 };
        let name = self.name.clone();
        (!statuses.is_empty()).then_some(UsageOf { name, statuses, issues_max })
    }

    fn decide(&self, at: &At<'_>, kind: EventType) -> Result<Decision> {
        let Update { name, etag, fields, from, status_mapping: _ } = self;
        let old = live(at, name, etag.as_deref())?;
        let body = old.body.with(fields, from);
        if body == old.body {
            return Ok(Decision::unchanged(Arc::clone(old)));
        }
        check(name.kind.noun(), &body)?;
        check_others(at, name, &body, fields)?;
        let usage = self.asks(&old.body).and_then(|of| at.rows.usage.get(&of));
        if let Body::Workflow(new) = &body {
            self.check_mapping(at, new)?;
        }
        let moves = match (&body, usage) {
            (Body::Workflow(new), Some(usage)) => self.moves(at, new, old.revision + 1, usage)?,
            (Body::Workflow(_) | Body::IssueType(_) | Body::ActionType(_), _) => Vec::new(),
        };
        let changed = body.changed(&old.body);
        let new = Configuration {
            revision: old.revision + 1,
            updated_at: at.now,
            body,
            ..Configuration::clone(old)
        };
        let mut decision = becomes(at, new, kind, &changed);
        for (change, event) in moves {
            decision.changes.push(change);
            decision.events.push(event);
        }
        Ok(decision)
    }

    /// Refuses a mapping that leads from nowhere, or to a status that issues cannot move to.
    fn check_mapping(&self, at: &At<'_>, new: &Workflow) -> Result<()> {
        for (from, to) in &self.status_mapping {
            let field = format!("status_mapping.{from}");
            if new.status(from).is_some() {
                return Err(invalid(field, "the workflow keeps this status"));
            }
            let mut revisions = at.definitions.revisions(&self.name);
            let known = revisions.any(|revision| match &revision.body {
                Body::Workflow(workflow) => workflow.status(from).is_some(),
                Body::IssueType(_) | Body::ActionType(_) => false,
            });
            if !known {
                return Err(unknown_status(&field, from));
            }
            match new.status(to) {
                None => return Err(unknown_status(&field, to)),
                Some(status) if status.category.closes() => {
                    return Err(invalid(field, "must not close issues; close them first"));
                }
                Some(_) => (),
            }
        }
        Ok(())
    }

    /// The issues whose status goes, each where the mapping leads.
    fn moves(
        &self,
        at: &At<'_>,
        new: &Workflow,
        revision: i64,
        usage: &Usage,
    ) -> Result<Vec<(Change, Event)>> {
        let unmapped: Vec<String> = usage
            .by_status
            .iter()
            .filter(|(status, _)| !self.status_mapping.contains_key(*status))
            .map(|(status, count)| format!("{status}={count}"))
            .collect();
        if !unmapped.is_empty() {
            let counts = unmapped.join(",");
            let rule = format!("open issues are in statuses that would go: {counts}");
            let error = refused(Reason::StatusInUse, &self.name, rule);
            return Err(error.with("counts", counts));
        }
        if usage.open > MOVED_MAX {
            let problem = format!("{} issues would move, at most {MOVED_MAX} may", usage.open);
            return Err(limit_reached(problem));
        }
        let mut moves = Vec::new();
        for name in &usage.issues {
            let Some(issue) = at.rows.issues.get(name) else { continue };
            // A command before this one may have moved it on.
            let is_open = !issue.is_closed() && issue.deleted_at.is_none();
            let to = self.status_mapping.get(&issue.status).filter(|_| is_open);
            let Some(to) = to.filter(|_| issue.workflow == self.name.id.as_str()) else { continue };
            let (issue, event) = issue.remapped(at, new, revision, to)?;
            moves.push((Arc::new(issue).into(), event));
        }
        Ok(moves)
    }
}

impl Delete {
    fn footprint(&self) -> Footprint {
        footprint(&self.name)
    }

    /// Who is asked about an issue type that is to go.
    fn asks(&self) -> Option<UsageOf> {
        let name = self.name.clone();
        let of_issues = name.kind == ConfigurationKind::IssueType;
        of_issues.then_some(UsageOf { name, statuses: BTreeSet::new(), issues_max: 0 })
    }

    fn expand(&self, at: &At<'_>) -> Footprint {
        let is_there = live(at, &self.name, None).is_ok();
        let usage = self.asks().filter(|_| is_there).into_iter().collect();
        Footprint { usage, ..Footprint::default() }
    }

    fn decide(&self, at: &At<'_>, kind: EventType) -> Result<Decision> {
        let Delete { name, etag } = self;
        let old = live(at, name, etag.as_deref())?;
        self.check_unused(at)?;
        let new = Configuration {
            revision: old.revision + 1,
            updated_at: at.now,
            deleted_at: Some(at.now),
            ..Configuration::clone(old)
        };
        Ok(becomes(at, new, kind, &[]))
    }

    fn check_unused(&self, at: &At<'_>) -> Result<()> {
        let Delete { name, etag: _ } = self;
        let by = at.definitions.newest_of(&name.project, ConfigurationKind::IssueType);
        let refers = |configuration: &&Arc<Configuration>| match &configuration.body {
            Body::IssueType(issue_type) => issue_type.workflow == name.id.as_str(),
            Body::Workflow(_) | Body::ActionType(_) => false,
        };
        if name.kind == ConfigurationKind::Workflow
            && let Some(user) = by.into_iter().find(refers)
        {
            let rule = format!("{} refers to it", user.name);
            return Err(refused(Reason::InUse, name, rule).with("by", &user.name));
        }
        let open = self.asks().and_then(|of| at.rows.usage.get(&of)).map_or(0, |usage| usage.open);
        if open > 0 {
            let rule = format!("{open} open issues are of this type");
            return Err(refused(Reason::InUse, name, rule).with("open_issues", open));
        }
        Ok(())
    }
}
