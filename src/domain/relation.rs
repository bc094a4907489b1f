//! Relations: how one issue stands to another. Stored once, told from both ends.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::access::{self, Subject};
use super::asks::Asks;
use super::audience::Audience;
use super::command::{At, Decide, Decision};
use super::counter::{Counted, Counter, CounterKey};
use super::error::{Error, Result, invalid, limit_reached, not_found};
use super::event::{Event, EventType};
use super::issue::{Issue, live};
use super::name::{ActorName, IssueName, RelationName};
use super::value::Fields;
use super::working_set::{Change, Footprint, Gone, Noun};

/// More links make a list that nobody reads.
pub const RELATIONS_MAX: i64 = 500;

/// How the issue that a relation leads from stands to its target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RelationKind {
    /// The target cannot go on before it is closed.
    Blocks,
    /// It says the same as the target.
    Duplicates,
    /// They have to do with each other: the same from both ends.
    RelatesTo,
    /// The target is there because of it.
    Causes,
}

impl RelationKind {
    /// All kinds.
    pub const ALL: &[RelationKind] = &[
        RelationKind::Blocks,
        RelationKind::Duplicates,
        RelationKind::RelatesTo,
        RelationKind::Causes,
    ];

    /// The kind of that stored name.
    pub fn stored(name: &str) -> Option<RelationKind> {
        RelationKind::ALL.iter().copied().find(|kind| kind.as_str() == name)
    }

    /// The name in rows and events: that of the contract without its prefix.
    pub fn as_str(self) -> &'static str {
        match self {
            RelationKind::Blocks => "BLOCKS",
            RelationKind::Duplicates => "DUPLICATES",
            RelationKind::RelatesTo => "RELATES_TO",
            RelationKind::Causes => "CAUSES",
        }
    }

    /// Whether it says the same in both directions.
    fn is_mutual(self) -> bool {
        match self {
            RelationKind::RelatesTo => true,
            RelationKind::Blocks | RelationKind::Duplicates | RelationKind::Causes => false,
        }
    }
}

/// What a relation says: there is at most one that says it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Link {
    /// From which issue.
    pub from: IssueName,
    /// To which.
    pub to: IssueName,
    /// How the one stands to the other.
    pub kind: RelationKind,
}

impl Link {
    /// The links that say the same.
    fn same(&self) -> impl Iterator<Item = Link> {
        let Link { from, to, kind } = self.clone();
        let other = self.kind.is_mutual().then_some(Link { from: to, to: from, kind });
        std::iter::once(self.clone()).chain(other)
    }
}

/// How one issue stands to another.
#[derive(Clone, PartialEq, Debug)]
pub struct Relation {
    /// Of the issue that it leads from, and its number there.
    pub name: RelationName,
    /// Given by the server.
    pub uid: Uuid,
    /// When it was created.
    pub created_at: Timestamp,
    /// Who created it.
    pub creator: ActorName,
    /// The issue that it leads to.
    pub target: IssueName,
    /// How the one stands to the other.
    pub kind: RelationKind,
}

impl Noun for Relation {
    type Key = RelationName;

    fn key(&self) -> RelationName {
        self.name.clone()
    }
}

impl Relation {
    /// What it says.
    pub fn link(&self) -> Link {
        Link { from: self.name.issue.clone(), to: self.target.clone(), kind: self.kind }
    }

    /// An event about it. It is one of the issue that it leads from, whose version stays. It names
    /// the other end too, so it is for who may see both.
    fn event(&self, at: &At<'_>, kind: EventType, from: &Issue) -> Event {
        let issue = self.name.issue.to_string();
        let said = [
            ("relation", self.name.to_string()),
            ("issue", issue.clone()),
            ("target", self.target.to_string()),
            ("kind", self.kind.as_str().to_owned()),
        ];
        Event {
            kind,
            project: Some(self.name.issue.project.clone()),
            subject: issue.clone(),
            root: issue,
            version: 0,
            step: from.step,
            event_time: None,
            before: Fields::new(),
            after: Fields::new(),
            data: said.into_iter().map(|(name, text)| (name.to_owned(), json!(text))).collect(),
            payload: None,
            audience: Audience::of_both(from, at.rows.issues.find(&self.target).map(|to| &**to)),
        }
    }
}

/// The counter of the relations of an issue.
fn counter_key(issue: &IssueName) -> CounterKey {
    CounterKey::of(issue, Counted::Relations)
}

/// What it takes to add a relation: both issues, and the counters of both.
pub(super) fn footprint(link: &Link) -> Footprint {
    let ends = [link.from.clone(), link.to.clone()];
    Footprint {
        counters: ends.each_ref().map(counter_key).into(),
        uses: ends.each_ref().map(|end| end.project.clone()).into(),
        issues: ends.into(),
        ..Footprint::default()
    }
}

/// What it takes besides, once both issues are locked: the relation that says the same already.
pub(super) fn expand(link: &Link) -> Footprint {
    let asks = Asks { links: link.same().collect(), ..Asks::default() };
    Footprint { asks, ..Footprint::default() }
}

/// Checks that the caller sees the issue at the far end, and may relate it.
pub(super) fn check_far_end(at: &At<'_>, name: &IssueName) -> Result<()> {
    access::check(at, "CreateIssueRelation", Subject::Issue(name))?;
    live(at, name, None).map(drop)
}

/// A relation that is added, or the one that there is.
pub(super) enum Added {
    /// There is one that says the same.
    Known(Arc<Relation>),
    /// It is new: its rows and its event.
    New(Arc<Relation>, Vec<Change>, Box<Event>),
}

/// Adds a relation, under the locks of both issues. `field` is where the target lies in the call.
pub(super) fn add(at: &At<'_>, field: &str, link: &Link) -> Result<Added> {
    if link.from == link.to {
        return Err(invalid(field, "must be another issue"));
    }
    let known = at.rows.relations.values().find(|known| link.same().any(|l| l == known.link()));
    if let Some(known) = known {
        return Ok(Added::Known(Arc::clone(known)));
    }
    let from = live(at, &link.from, None)?;
    let grown = |end: &IssueName| {
        let key = counter_key(end);
        let known = at.rows.counters.get(&key);
        let grown = Counter::after(key, known.map(|counter| &**counter));
        if grown.live > RELATIONS_MAX {
            let problem = format!("{end} has {RELATIONS_MAX} relations, the most there may be");
            return Err(limit_reached(problem));
        }
        Ok(grown)
    };
    let near = grown(&link.from)?;
    // The far end gives no number away, it only has one more.
    let far = grown(&link.to)?;
    let far = Counter { last: far.last - 1, ..far };
    let relation = Arc::new(Relation {
        name: RelationName { issue: link.from.clone(), number: near.last },
        uid: at.uid(0),
        created_at: at.now,
        creator: at.caller.clone(),
        target: link.to.clone(),
        kind: link.kind,
    });
    let event = relation.event(at, EventType::RelationAdded, from);
    let changes = vec![Arc::clone(&relation).into(), Arc::new(near).into(), Arc::new(far).into()];
    Ok(Added::New(relation, changes, Box::new(event)))
}

/// Says how one issue stands to another.
#[derive(Clone, Debug)]
pub struct CreateIssueRelation {
    /// What it says.
    pub link: Link,
}

impl Decide for CreateIssueRelation {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.link.from)
    }

    fn footprint(&self) -> Footprint {
        footprint(&self.link)
    }

    fn expand(&self, _: &At<'_>) -> Footprint {
        expand(&self.link)
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        live(at, &self.link.from, None)?;
        check_far_end(at, &self.link.to)?;
        match add(at, "relation.target", &self.link)? {
            Added::Known(known) => Ok(Decision::unchanged(known)),
            Added::New(relation, changes, event) => Ok(Decision {
                changes,
                gone: Vec::new(),
                events: vec![*event],
                resource: relation.into(),
            }),
        }
    }
}

/// Takes such a saying back.
#[derive(Clone, Debug)]
pub struct DeleteIssueRelation {
    /// Which.
    pub name: RelationName,
}

impl Decide for DeleteIssueRelation {
    fn subject(&self) -> Subject<'_> {
        Subject::Issue(&self.name.issue)
    }

    fn footprint(&self) -> Footprint {
        Footprint {
            counters: [counter_key(&self.name.issue)].into(),
            issues: [self.name.issue.clone()].into(),
            relations: [self.name.clone()].into(),
            uses: [self.name.issue.project.clone()].into(),
            asks: Asks { targets_of: [self.name.clone()].into(), ..Asks::default() },
            ..Footprint::default()
        }
    }

    fn decide(&self, at: &At<'_>) -> Result<Decision> {
        let from = live(at, &self.name.issue, None)?;
        let relation = at.rows.relations.get(&self.name).ok_or_else(|| not_found(&self.name))?;
        // One that was created after its target was looked up: it was not there yet.
        if !at.rows.issues.has(&relation.target) {
            return Err(not_found(&self.name));
        }
        // The target may be deleted: what leads to it can still be taken away.
        // A relation to an issue that the caller may not see is hidden with it.
        let seen = access::check(at, "DeleteIssueRelation", Subject::Issue(&relation.target));
        seen.map_err(|error| {
            let hidden = matches!(error, Error::NotFound { .. });
            if hidden { not_found(&self.name) } else { error }
        })?;
        let ends = [&self.name.issue, &relation.target].map(counter_key);
        let counters = ends.iter().filter_map(|key| at.rows.counters.find(key));
        let fewer = counters.map(|counter| Change::from(Arc::new(counter.without_one())));
        Ok(Decision {
            changes: fewer.collect(),
            gone: vec![Gone::Relation(self.name.clone())],
            events: vec![relation.event(at, EventType::RelationRemoved, from)],
            resource: Arc::clone(relation).into(),
        })
    }
}

#[cfg(test)]
mod tests;
