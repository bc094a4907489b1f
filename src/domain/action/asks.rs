//! Actions that commands need and cannot name: those that wait for another, say.
//!
//! The store answers once the issues are locked, and everything that adds, ends or moves an action
//! of an issue locks the issue, but for claims. So an answer holds to the end of the batch, and
//! what a command before it in the batch has made is among the rows already.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::name::{ActionName, ActorName, IssueName, ProjectId};

/// More actions are not drawn from the lines of a project in one batch.
pub const DRAWN_MAX: usize = 500;

/// From which lines somebody draws.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Draw {
    /// Of which project.
    pub project: ProjectId,
    /// Who.
    pub actor: ActorName,
    /// The ids of the types; empty is all.
    pub action_types: BTreeSet<String>,
}

/// Actions that must be looked for.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ActionAsks {
    /// Actions of which those of the same issue are needed that wait for them.
    pub dependents_of: BTreeSet<ActionName>,
    /// Issues of which all unfinished actions are needed.
    pub unfinished_of: BTreeSet<IssueName>,
    /// Issues of which all actions are needed.
    pub all_of: BTreeSet<IssueName>,
    /// Keys whose holders are needed: unfinished actions of an issue.
    pub holders_of: BTreeSet<(IssueName, String)>,
    /// How many ready actions are needed from which lines.
    pub draws: BTreeMap<Draw, usize>,
}

impl ActionAsks {
    /// Adds what another command asks.
    pub fn add(&mut self, other: ActionAsks) {
        self.dependents_of.extend(other.dependents_of);
        self.unfinished_of.extend(other.unfinished_of);
        self.all_of.extend(other.all_of);
        self.holders_of.extend(other.holders_of);
        for (draw, count) in other.draws {
            *self.draws.entry(draw).or_default() += count;
        }
    }

    /// Whether there is an action to be named.
    pub fn names_any(&self) -> bool {
        !(self.dependents_of.is_empty()
            && self.unfinished_of.is_empty()
            && self.all_of.is_empty()
            && self.holders_of.is_empty())
    }

    /// How many to draw for each: as many as all who draw from the project want together, since
    /// those before may take what two of them could have.
    pub fn takes(&self) -> impl Iterator<Item = (&Draw, usize)> {
        let wanted = |project: &ProjectId| {
            let of_project = self.draws.iter().filter(|(draw, _)| draw.project == *project);
            of_project.map(|(_, count)| count).sum::<usize>().min(DRAWN_MAX)
        };
        self.draws.keys().map(move |draw| (draw, wanted(&draw.project)))
    }
}
