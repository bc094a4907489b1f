//! Counters: the numbers that things of one parent have been given, and how many there are now.

use super::name::ProjectId;
use super::working_set::Noun;

/// What is numbered. The names are stored.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Counted {
    /// Issues of a project.
    Issues,
    /// Actions of an issue.
    Actions,
    /// Comments on an issue or an action.
    Comments,
    /// References of an issue, an action, an actor or an event.
    References,
    /// Relations of an issue: the numbers are those of the ones that lead from it, and as many are
    /// there as lead from it or to it.
    Relations,
    /// Consumers of a project.
    Consumers,
}

impl Counted {
    /// The stored name.
    pub fn as_str(self) -> &'static str {
        match self {
            Counted::Issues => "issues",
            Counted::Actions => "actions",
            Counted::Comments => "comments",
            Counted::References => "references",
            Counted::Relations => "relations",
            Counted::Consumers => "consumers",
        }
    }

    /// What has that stored name.
    pub fn stored(name: &str) -> Option<Counted> {
        use Counted::{Actions, Comments, Consumers, Issues, References, Relations};
        let all = [Issues, Actions, Comments, References, Relations, Consumers];
        all.into_iter().find(|counted| counted.as_str() == name)
    }
}

/// What is counted where.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct CounterKey {
    /// The name of the parent.
    pub parent: String,
    /// What of it.
    pub of: Counted,
}

impl CounterKey {
    /// Things of one parent.
    pub fn of(parent: impl std::fmt::Display, of: Counted) -> CounterKey {
        CounterKey { parent: parent.to_string(), of }
    }

    /// The issues of a project.
    pub fn issues(project: &ProjectId) -> CounterKey {
        CounterKey::of(project, Counted::Issues)
    }
}

/// The last number given. Its row is locked by whoever gives the next one: numbers are dense.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Counter {
    /// What it counts.
    pub key: CounterKey,
    /// The newest number; 0 if there never was one.
    pub last: i64,
    /// How many there are now, which a limit may bound.
    pub live: i64,
}

impl Noun for Counter {
    type Key = CounterKey;

    fn key(&self) -> CounterKey {
        self.key.clone()
    }
}

impl Counter {
    /// The counter after one more; `known` is the one before, none if there never was one.
    pub fn after(key: CounterKey, known: Option<&Counter>) -> Counter {
        let (last, live) = known.map_or((0, 0), |known| (known.last, known.live));
        Counter { key, last: last + 1, live: live + 1 }
    }

    /// The counter after one less.
    pub fn without_one(&self) -> Counter {
        Counter { live: self.live - 1, ..self.clone() }
    }
}
