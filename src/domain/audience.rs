//! Who may see what an event tells, as far as it is not everybody who may read its project.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::action::Action;
use super::command::Decision;
use super::event::Event;
use super::issue::Issue;
use super::name::{ActionName, IssueName, Principal};
use super::working_set::{Change, WorkingSet};

/// Names of groups and actors; none is everybody who may read the project.
pub type Names = Option<Vec<String>>;

#[derive(Clone, PartialEq, Eq, Debug)]
struct Lists {
    before: Names,
    after: Names,
}

/// Who may see the state before an event, and who may see the state after it. Most events are for
/// everybody, and those take no memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Audience(Option<Box<Lists>>);

impl Audience {
    /// Everybody who may read the project.
    pub fn everybody() -> Audience {
        Audience(None)
    }

    /// Those of one list before, those of another one after.
    pub fn of(before: Names, after: Names) -> Audience {
        let some = before.is_some() || after.is_some();
        Audience(some.then(|| Box::new(Lists { before, after })))
    }

    /// Those who may see an issue as it is; what happened did not change who they are.
    pub fn of_issue(issue: &Issue) -> Audience {
        let names = names(issue);
        Audience::of(names.clone(), names)
    }

    /// Those who could see an issue as it was, and those who may see it as it has become.
    pub fn of_change(old: &Issue, new: &Issue) -> Audience {
        Audience::of(names(old), names(new))
    }

    /// Those who may see both issues, as they are, by the names that both lists have. Somebody whom
    /// they list under different names is left out: that hides too much, never too little.
    pub fn of_both(issue: &Issue, other: Option<&Issue>) -> Audience {
        let both = match (names(issue), other.and_then(names)) {
            (Some(names), Some(others)) => {
                Some(names.into_iter().filter(|name| others.contains(name)).collect())
            }
            (one, other) => one.or(other),
        };
        Audience::of(both.clone(), both)
    }

    /// Also those, before and after: who holds or is given an action sees its issue.
    pub fn and<'a>(mut self, principals: impl IntoIterator<Item = &'a Principal>) -> Audience {
        if let Some(lists) = &mut self.0 {
            for principal in principals {
                lists.before.iter_mut().for_each(|names| names.push(principal.to_string()));
                lists.after.iter_mut().for_each(|names| names.push(principal.to_string()));
            }
        }
        self
    }

    /// Whether it is everybody, before and after.
    pub fn is_everybody(&self) -> bool {
        self.0.is_none()
    }

    /// Who may see the state before; none is everybody.
    pub fn before(&self) -> Option<&[String]> {
        self.0.as_ref().and_then(|lists| lists.before.as_deref())
    }

    /// Who may see the state after; none is everybody.
    pub fn after(&self) -> Option<&[String]> {
        self.0.as_ref().and_then(|lists| lists.after.as_deref())
    }

    /// What it takes in memory beside itself, about.
    pub fn weight(&self) -> usize {
        let names = |names: Option<&[String]>| -> usize {
            names
                .iter()
                .flat_map(|names| names.iter())
                .map(|name| size_of::<String>() + name.len())
                .sum()
        };
        let lists = self.0.as_ref().map_or(0, |_| size_of::<Lists>());
        lists + names(self.before()) + names(self.after())
    }
}

/// Has events of what belongs to an issue follow the issue, whoever made them: who may see it
/// before the command, and who may see it afterwards. Issues say for themselves who sees their own
/// events.
pub fn settle(decision: &mut Decision, rows: &WorkingSet) {
    let follows = |event: &Event| event.subject != event.root && event.audience.is_everybody();
    for event in decision.events.iter_mut().filter(|event| follows(event)) {
        let Ok(name) = IssueName::parse("root", &event.root) else { continue };
        let Some(old) = rows.issues.find(&name) else { continue };
        let new = decision.changes.iter().find_map(|change| {
            let Change::Issue(issue) = change else { return None };
            (issue.name == name).then_some(issue)
        });
        let follows = Audience::of_change(old, new.unwrap_or(old));
        event.audience = match follows.is_everybody() {
            true => follows,
            false => follows.and(&doers(&event.subject, &decision.changes, rows)),
        };
    }
}

/// Who holds or is given the action that an event is about, before it or after it.
fn doers(subject: &str, changes: &[Change], rows: &WorkingSet) -> BTreeSet<Principal> {
    let Ok(name) = ActionName::parse("subject", subject) else { return BTreeSet::new() };
    let changed = changes.iter().filter_map(|change| {
        let Change::Action(action) = change else { return None };
        Some(action)
    });
    let actions = changed.filter(|action| action.name == name).chain(rows.actions.find(&name));
    let of_one = |action: &Arc<Action>| {
        let holder = action.place.lease().map(|lease| lease.actor.clone());
        action.assignee.iter().cloned().chain(holder).map(Principal::from).collect::<Vec<_>>()
    };
    actions.flat_map(of_one).collect()
}

/// Who may see an issue, administrators of its project and holders of its actions aside.
fn names(issue: &Issue) -> Names {
    let groups = issue.visible_to.as_ref()?.iter().map(|group| group.as_str());
    let assignees = issue.assignees.iter().map(Principal::as_str);
    Some(groups.chain(assignees).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::name::{ActorName, GroupName};

    #[test]
    fn everybody_takes_no_memory() {
        assert_eq!(size_of::<Audience>(), size_of::<usize>());
        assert!(Audience::of(None, None).is_everybody());
        assert_eq!(Audience::everybody().weight(), 0);
        assert!(Audience::of(None, Some(vec!["groups/qa".into()])).weight() > 9);
    }

    #[test]
    fn holders_join_lists_and_never_close_what_is_open() {
        let ann = Principal::from(ActorName::stored("actors/ann"));
        let qa = GroupName::stored("groups/qa").to_string();

        assert!(Audience::everybody().and([&ann]).is_everybody());
        let joined = Audience::of(None, Some(vec![qa.clone()])).and([&ann]);
        assert_eq!(joined.before(), None);
        assert_eq!(joined.after(), Some(&[qa, "actors/ann".to_owned()][..]));
    }
}
