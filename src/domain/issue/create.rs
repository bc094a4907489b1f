//! Creating an issue.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::Value;

use super::edit::{check, check_edits};
use super::{EventType, Issue, IssueEdit, also, becomes, dedup, kind, people, tree};
use crate::domain::access::Subject;
use crate::domain::command::{At, Decide, Decision};
use crate::domain::counter::{Counter, CounterKey};
use crate::domain::error::{Result, not_found};
use crate::domain::name::{ActorName, Id, IssueName, Principal, ProjectId};
use crate::domain::value::Fields;
use crate::domain::working_set::Footprint;

/// Creates an issue.
#[derive(Clone, Debug)]
pub struct CreateIssue {
    /// Where.
    pub project: ProjectId,
    /// How it begins: what only verbs change later.
    pub start: Start,
    /// What else callers set.
    pub edits: Vec<IssueEdit>,
}

/// How an issue begins.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The id of its type; none is `task`.
    pub issue_type: Option<Id>,
    /// Whether work on it waits until it is activated.
    pub inactive: bool,
    /// Who answers for it; none is who creates it.
    pub owner: Option<ActorName>,
    /// Who works on it.
    pub assignees: BTreeSet<Principal>,
}

impl Decide for CreateIssue {
    fn subject(&self) -> Subject<'_> {
        Subject::Project(&self.project)
    }

    fn footprint(&self) -> Footprint {
        let CreateIssue { project, start, edits } = self;
        let owner = start.owner.clone().map(Principal::from);
        let mut footprint = Footprint {
            counters: [CounterKey::issues(project)].into(),
            uses: [project.clone()].into(),
            issues: edits.iter().filter_map(IssueEdit::parent).cloned().collect(),
            people: start.assignees.iter().cloned().chain(owner).collect(),
            ..Footprint::default()
        };
        let keys = edits.iter().filter_map(|edit| edit.dedup_key(project));
        footprint.asks.holders_of.extend(keys);
        footprint
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let CreateIssue { project, start, edits } = self;
        at.definitions.project(project)?;
        check_edits("issue", project, edits)?;
        let key = CounterKey::issues(project);
        let counter = at.rows.counters.get(&key).ok_or_else(|| not_found(project))?;
        let counter = Counter::after(key, Some(counter));
        let newest = kind::newest(at, project, start.issue_type.as_ref())?;
        let mut issue = self.begun(at, counter.last, &newest);
        edits.iter().for_each(|edit| edit.apply(&mut issue));
        check("issue", &issue)?;
        newest.issue_type.parameter_schema.check("issue.parameters", &issue.parameters)?;
        self.check_people(at, &issue)?;
        dedup::check_free(at, &issue)?;
        tree::place(at, "issue.parent", &mut issue)?;
        let parents = tree::recount(at, None, &issue)?;

        let mut event = issue.event(EventType::IssueCreated);
        event.after = issue
            .fields()
            .into_iter()
            .filter(|(_, value)| !is_empty(value))
            .map(|(name, value)| (name.into(), value))
            .collect();
        let mut decision = becomes(issue, vec![event]);
        decision.changes.push(Arc::new(counter).into());
        Ok(also(decision, parents))
    }
}

impl CreateIssue {
    /// The issue before anything is said about it.
    fn begun(&self, at: &At<'_>, number: i64, newest: &kind::Newest<'_>) -> Issue {
        let initial = &newest.workflow.initial_status;
        Issue {
            name: IssueName { project: self.project.clone(), number },
            uid: at.uid(0),
            version: 1,
            created_at: at.now,
            updated_at: at.now,
            creator: at.caller.clone(),
            title: String::new(),
            description: String::new(),
            issue_type: newest.id.clone(),
            issue_type_revision: newest.revision,
            kind: newest.issue_type.kind,
            workflow: newest.issue_type.workflow.clone(),
            workflow_revision: newest.workflow_revision,
            status: initial.clone(),
            category: newest.workflow.category(initial),
            visible_to: kind::visible_to(newest.issue_type, newest.workflow, initial),
            active: !self.start.inactive,
            owner: self.start.owner.clone().unwrap_or_else(|| at.caller.clone()),
            assignees: self.start.assignees.clone(),
            parent: None,
            thread: number,
            depth: 0,
            open_children: 0,
            tags: BTreeSet::new(),
            dedup_key: String::new(),
            resolution: String::new(),
            priority: 0,
            parameters: Fields::new(),
            annotations: BTreeMap::new(),
            due_at: None,
            milestone: String::new(),
            closed_at: None,
            step: 0,
            deleted_at: None,
        }
    }

    /// Who creates an issue speaks for it as its owner does.
    fn check_people(&self, at: &At<'_>, issue: &Issue) -> Result<()> {
        let Start { owner, assignees, .. } = &self.start;
        for (n, who) in assignees.iter().enumerate() {
            people::check_can_work(at, &format!("issue.assignees[{n}]"), &self.project, who)?;
        }
        if let Some(owner) = owner.clone().filter(|owner| owner != at.caller) {
            people::check_can_work(at, "issue.owner", &self.project, &owner.into())?;
        }
        people::check_count(issue)
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        Value::Number(number) => number.as_i64() == Some(0),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) => false,
    }
}
