//! The agenda: what is next for somebody. What it is made of is read as it is now; the rules here
//! say whose agenda may be read, in which order things come, and that each comes once.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::access::role_required;
use super::action::{Blocked, State};
use super::error::{Result, not_found};
use super::name::{ActionName, ActorName, IssueName, ProjectId};
use super::people::{Role, Standing};
use super::workflow::Category;

/// How far ahead people want to be told of what comes, and how long news are news.
pub const SPAN: SignedDuration = SignedDuration::from_hours(7 * 24);
/// What has waited longer than this after its time is no preparation any more; and all that ever
/// was due would have to be looked at.
pub const OVERDUE_MAX: SignedDuration = SignedDuration::from_hours(30 * 24);
/// Each of this many rows costs a look or two at another table.
const LOOK_MAX: i64 = 500;
/// Fewer would leave too much out.
const LOOK_MIN: i64 = 100;

/// How many rows of a line or a project are looked at, for somebody who has so many projects.
pub fn look(projects: usize) -> i64 {
    let projects = i64::try_from(projects).unwrap_or(i64::MAX);
    (LOOK_MAX / projects.max(1)).max(LOOK_MIN)
}

/// What something on an agenda is called. Names of one kind come by number.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ItemName {
    /// An action.
    Action(ActionName),
    /// An issue.
    Issue(IssueName),
}

/// Something on an agenda.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// Its name.
    pub name: ItemName,
    /// Its title.
    pub title: String,
    /// 1, the highest, to 5; 0 is not set.
    pub priority: i16,
    /// When it ought to be done.
    pub due_at: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// How many actions wait for it directly.
    pub dependents: i32,
    /// What it is.
    pub of: Of,
}

/// What something on an agenda is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Of {
    /// A piece of work.
    Action {
        /// The title of its issue.
        issue_title: String,
        /// The id of its type.
        action_type: String,
        /// Where it stands.
        state: State,
        /// Why it waits, if it does.
        blocked: Option<Blocked>,
        /// Who alone may do it.
        assignee: Option<ActorName>,
        /// When it may be begun.
        not_before: Option<Timestamp>,
        /// When the holder claimed it.
        claimed_at: Option<Timestamp>,
        /// How far the holder says to be, in percent.
        progress: Option<i16>,
    },
    /// What holds the state of a matter.
    Issue {
        /// The id of its type.
        issue_type: String,
        /// The id of its status.
        status: String,
        /// What that means.
        category: Category,
        /// Who answers for it.
        owner: ActorName,
        /// When it was last changed.
        updated_at: Timestamp,
    },
}

/// What is next for somebody.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Agenda {
    /// Actions that they hold.
    pub now: Vec<Item>,
    /// Actions that they could claim.
    pub parallel: Vec<Item>,
    /// Actions that they could claim when what others hold is done.
    pub next: Vec<Item>,
    /// Issues that somebody must plan.
    pub review: Vec<Item>,
    /// Issues of theirs that have changed.
    pub aware: Vec<Item>,
    /// What comes soon.
    pub prepare: Vec<Item>,
}

impl Agenda {
    /// How many rows each bucket needs, in order, so that it is full whatever the ones before it
    /// take away.
    pub fn needs(size: usize) -> [usize; 6] {
        // Actions of different states never meet; of the others each bucket can lose all that is
        // listed before.
        [size, size, size, size, 2 * size, 3 * size]
    }

    /// Puts everything in order, lists it once, in the first bucket that has room for it, and fills
    /// no bucket over `size`.
    pub fn arranged(self, size: usize) -> Agenda {
        let mut agenda = self;
        let mut listed = BTreeSet::new();
        agenda.now.sort_by(|one, other| held_order(one).cmp(&held_order(other)));
        let buckets = [
            &mut agenda.parallel,
            &mut agenda.next,
            &mut agenda.review,
            &mut agenda.aware,
            &mut agenda.prepare,
        ];
        keep(&mut agenda.now, &mut listed, size);
        for bucket in buckets {
            bucket.sort_by(|one, other| order(one).cmp(&order(other)));
            keep(bucket, &mut listed, size);
        }
        agenda
    }
}

fn keep(bucket: &mut Vec<Item>, listed: &mut BTreeSet<ItemName>, size: usize) {
    let mut room = size;
    bucket.retain(|item| {
        let kept = room > 0 && listed.insert(item.name.clone());
        room -= usize::from(kept);
        kept
    });
}

/// What is urgent comes first. What is not said comes last.
fn order(item: &Item) -> impl Ord + '_ {
    let priority = if item.priority == 0 { i16::MAX } else { item.priority };
    let due = item.due_at.unwrap_or(Timestamp::MAX);
    (priority, due, -item.dependents, item.created_at, &item.name)
}

/// What somebody has begun comes first: the first one is what they do at the moment.
fn held_order(item: &Item) -> impl Ord + '_ {
    let (has_begun, claimed_at) = match &item.of {
        Of::Action { state, claimed_at, .. } => (*state == State::Running, *claimed_at),
        Of::Issue { .. } => (false, None),
    };
    (!has_begun, claimed_at, &item.name)
}

/// The projects whose things may be on an agenda; none is all.
pub type Projects = Option<BTreeSet<ProjectId>>;

/// Which projects an agenda is of: those where the actor has a role; of another's those where the
/// caller is MANAGER, too. `actor` is none if that is the caller.
pub fn projects_of(
    caller: &Standing,
    actor: Option<&Standing>,
    asked: Option<&ProjectId>,
) -> Result<Projects> {
    let role = asked.map(|project| caller.role(project).ok_or_else(|| not_found(project)));
    let role = role.transpose()?;
    let Some(actor) = actor else { return Ok(within(all_of(caller), asked)) };
    check_another(caller, role, asked)?;
    let managed = caller.roles.iter().filter(|(_, role)| **role >= Role::Manager);
    let managed: BTreeSet<ProjectId> = managed.map(|(project, _)| project.clone()).collect();
    let both = match (all_of(actor), caller.admin) {
        (of_actor, true) => of_actor,
        (None, false) => Some(managed),
        (Some(of_actor), false) => Some(of_actor.intersection(&managed).cloned().collect()),
    };
    Ok(within(both, asked))
}

/// Whether somebody may read the agenda of others: of a project where they have that role, or of
/// any.
fn check_another(caller: &Standing, role: Option<Role>, asked: Option<&ProjectId>) -> Result<()> {
    let highest = || caller.roles.values().copied().max();
    let role = if caller.admin { Some(Role::Admin) } else { role.or_else(highest) };
    if role >= Some(Role::Manager) {
        return Ok(());
    }
    let subject = asked.map_or_else(|| "the agenda of another".into(), ToString::to_string);
    Err(role_required(subject, Role::Manager.as_str()))
}

/// Where somebody has a role.
fn all_of(standing: &Standing) -> Projects {
    (!standing.admin).then(|| standing.roles.keys().cloned().collect())
}

fn within(projects: Projects, asked: Option<&ProjectId>) -> Projects {
    match (projects, asked) {
        (projects, None) => projects,
        (None, Some(asked)) => Some([asked.clone()].into()),
        (Some(projects), Some(asked)) => {
            Some(projects.into_iter().filter(|project| project == asked).collect())
        }
    }
}

#[cfg(test)]
mod tests;
