//! What somebody may read of the log, and what they ask for: the one rule of who sees an event.
//!
//! The log's statements say the same in SQL; a property test compares the two.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::audience::Audience;
use super::event::noun_of;
use super::filter::{EventFilter, Facts};
use super::people::{Role, Standing};

/// What only administrators of the installation are told of it.
pub const SECRETIVE_NOUN: &str = "credential";

/// How somebody sees an event.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Seen {
    /// Not at all: for them it did not happen.
    No,
    /// Without what has become: they may see the state before it alone.
    Hidden,
    /// As it is.
    Whole,
}

/// What somebody may read, drawn from their standing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reader(Reach);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Reach {
    Everything,
    Some(Limits),
}

/// The bounds of a reader who does not administer the installation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Limits {
    /// The projects that they may read, by name, and whether they administer them.
    pub projects: BTreeMap<String, bool>,
    /// Their own name and the names of their groups.
    pub principals: BTreeSet<String>,
}

impl Reader {
    /// Who sees everything: an administrator of the installation, and the service itself.
    pub fn of_everything() -> Reader {
        Reader(Reach::Everything)
    }

    /// What somebody of that standing may read.
    pub fn of(standing: &Standing) -> Reader {
        if standing.admin {
            return Reader::of_everything();
        }
        let administers = |role: Role| role >= Role::Admin;
        let roles = standing.roles.iter();
        let groups = standing.groups.iter().map(|group| group.as_str().to_owned());
        Reader(Reach::Some(Limits {
            projects: roles.map(|(id, role)| (id.to_string(), administers(*role))).collect(),
            principals: groups.chain([standing.principal.to_string()]).collect(),
        }))
    }

    /// Its bounds; none for who sees everything.
    pub fn limits(&self) -> Option<&Limits> {
        match &self.0 {
            Reach::Everything => None,
            Reach::Some(limits) => Some(limits),
        }
    }

    /// How they see an event.
    pub fn sees(&self, facts: Facts<'_>, audience: &Audience) -> Seen {
        let Some(Limits { projects, principals }) = self.limits() else { return Seen::Whole };
        if noun_of(facts.kind) == SECRETIVE_NOUN {
            return Seen::No;
        }
        let administers = match facts.project {
            // What happens to the installation is for everybody who is let in.
            "" => false,
            project => match projects.get(project) {
                None => return Seen::No,
                Some(administers) => *administers,
            },
        };
        let named = |names: Option<&[String]>| {
            names.is_none_or(|names| names.iter().any(|name| principals.contains(name)))
        };
        if administers || named(audience.after()) {
            return Seen::Whole;
        }
        if named(audience.before()) { Seen::Hidden } else { Seen::No }
    }
}

/// What somebody reads of the log: what they ask for, of what they may read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct View {
    /// What they ask for.
    pub filter: EventFilter,
    /// What they may read.
    pub reader: Arc<Reader>,
}

impl View {
    /// All that there is, for the service itself.
    pub fn of_everything() -> View {
        View { filter: EventFilter::default(), reader: Arc::new(Reader::of_everything()) }
    }

    /// Whether it takes every event, as it is.
    pub fn takes_all(&self) -> bool {
        self.reader.limits().is_none() && self.filter.takes_all()
    }

    /// How an event is seen through it.
    pub fn sees(&self, facts: Facts<'_>, audience: &Audience) -> Seen {
        if self.filter.takes(facts) { self.reader.sees(facts, audience) } else { Seen::No }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audience::Names;
    use crate::domain::name::{ActorName, GroupName, ProjectId};

    fn standing(admin: bool, role: Option<Role>) -> Standing {
        let abc = ProjectId::parse("p", "abc").unwrap();
        Standing {
            principal: ActorName::stored("actors/ann").into(),
            active: true,
            person: true,
            admin,
            groups: [GroupName::stored("groups/qa")].into(),
            roles: role.map(|role| (abc, role)).into_iter().collect(),
        }
    }

    fn facts(project: &'static str, kind: &'static str) -> Facts<'static> {
        Facts { project, root: "r", subject: "s", kind, class: 1 }
    }

    fn list(name: &str) -> Names {
        Some(vec!["groups/other".into(), name.into()])
    }

    #[test]
    fn a_project_is_read_by_its_members_and_by_administrators() {
        let event = facts("projects/abc", "issue.created");
        let all = Audience::everybody();
        let sees = |admin, role| Reader::of(&standing(admin, role)).sees(event, &all);

        assert_eq!(sees(false, None), Seen::No);
        assert_eq!(sees(false, Some(Role::Viewer)), Seen::Whole);
        assert_eq!(sees(true, None), Seen::Whole);
        let other = facts("projects/ab", "issue.created");
        assert_eq!(Reader::of(&standing(false, Some(Role::Admin))).sees(other, &all), Seen::No);
    }

    #[test]
    fn lists_tell_who_sees_before_and_after() {
        let event = facts("projects/abc", "issue.transitioned");
        let viewer = Reader::of(&standing(false, Some(Role::Viewer)));
        let sees = |before: Names, after: Names| viewer.sees(event, &Audience::of(before, after));
        let (mine, theirs) = (|| list("groups/qa"), || list("actors/bob"));

        assert_eq!(sees(theirs(), theirs()), Seen::No);
        assert_eq!(sees(mine(), theirs()), Seen::Hidden);
        assert_eq!(sees(None, theirs()), Seen::Hidden);
        assert_eq!(sees(theirs(), mine()), Seen::Whole);
        assert_eq!(sees(theirs(), None), Seen::Whole);
        assert_eq!(sees(theirs(), list("actors/ann")), Seen::Whole);
        assert_eq!(sees(Some(vec![]), Some(vec![])), Seen::No);
        for reader in [standing(false, Some(Role::Admin)), standing(true, None)] {
            let seen = Reader::of(&reader).sees(event, &Audience::of(theirs(), theirs()));
            assert_eq!(seen, Seen::Whole, "administrators see everything");
        }
        let manager = Reader::of(&standing(false, Some(Role::Manager)));
        assert_eq!(manager.sees(event, &Audience::of(theirs(), theirs())), Seen::No);
    }

    #[test]
    fn credentials_are_the_business_of_administrators() {
        let all = Audience::everybody();
        let anybody = Reader::of(&standing(false, None));

        assert_eq!(anybody.sees(facts("", "actor.created"), &all), Seen::Whole);
        assert_eq!(anybody.sees(facts("", "credential.created"), &all), Seen::No);
        let admin = Reader::of(&standing(true, None));
        assert_eq!(admin.sees(facts("", "credential.created"), &all), Seen::Whole);
    }

    #[test]
    fn a_view_takes_what_is_asked_of_what_may_be_read() {
        let reader = Arc::new(Reader::of(&standing(false, Some(Role::Viewer))));
        let filter = EventFilter {
            projects: Some(["projects/abc".to_owned(), "projects/x".to_owned()].into()),
            ..EventFilter::default()
        };
        let view = View { filter, reader };
        let all = Audience::everybody();

        assert_eq!(view.sees(facts("projects/abc", "issue.closed"), &all), Seen::Whole);
        assert_eq!(view.sees(facts("projects/x", "issue.closed"), &all), Seen::No);
        assert_eq!(view.sees(facts("", "actor.created"), &all), Seen::No);
        assert!(!view.takes_all());
        assert!(!View { filter: EventFilter::default(), ..view }.takes_all());
        assert!(View::of_everything().takes_all());
    }
}
