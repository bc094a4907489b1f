//! Which events a reader takes.

use std::collections::BTreeSet;

use super::error::{Result, too_large};
use super::event::{EventClass, EventPattern};
use super::name::ProjectId;

/// More values a field would turn every delivered event into a search.
pub const VALUES_MAX: usize = 64;

/// The fields are joined by and, the values of a field by or. A field that is `None` takes all.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct EventFilter {
    /// Projects by name; the empty name is the installation.
    pub projects: Option<BTreeSet<String>>,
    /// Roots by name.
    pub roots: Option<BTreeSet<String>>,
    /// Subjects by name.
    pub subjects: Option<BTreeSet<String>>,
    /// Patterns of types.
    pub types: Option<Vec<EventPattern>>,
    /// Classes.
    pub classes: Option<BTreeSet<EventClass>>,
}

/// What a filter looks at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// `projects/abc`, or empty.
    pub project: &'a str,
    /// By name.
    pub root: &'a str,
    /// By name.
    pub subject: &'a str,
    /// The type.
    pub kind: &'a str,
    /// The number of the class.
    pub class: i16,
}

impl EventFilter {
    /// Whether it takes every event.
    pub fn takes_all(&self) -> bool {
        *self == EventFilter::default()
    }

    /// Whether it takes that event.
    pub fn takes(&self, facts: Facts<'_>) -> bool {
        let EventFilter { projects, roots, subjects, types, classes } = self;
        takes_value(projects.as_ref(), facts.project)
            && takes_value(roots.as_ref(), facts.root)
            && takes_value(subjects.as_ref(), facts.subject)
            && types.as_ref().is_none_or(|types| types.iter().any(|t| t.takes(facts.kind)))
            && classes
                .as_ref()
                .is_none_or(|classes| classes.iter().any(|class| class.number() == facts.class))
    }
}

fn takes_value(values: Option<&BTreeSet<String>>, value: &str) -> bool {
    values.is_none_or(|values| values.contains(value))
}

/// Checks the number of values of a field and reads each; no values means that all are taken.
pub fn values<T, C: FromIterator<T>>(
    field: &str,
    given: &[String],
    read: impl Fn(&str, &str) -> Result<T>,
) -> Result<Option<C>> {
    if given.len() > VALUES_MAX {
        return Err(too_large(field, format_args!("{VALUES_MAX} values")));
    }
    if given.is_empty() {
        return Ok(None);
    }
    let one = |(n, value): (usize, &String)| read(&format!("{field}[{n}]"), value);
    given.iter().enumerate().map(one).collect::<Result<C>>().map(Some)
}

/// Reads `projects/abc`, or `projects/-` for the events of the installation.
pub fn project_value(field: &str, name: &str) -> Result<String> {
    match name {
        "projects/-" => Ok(String::new()),
        _ => ProjectId::parse_name(field, name).map(|id| id.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FACTS: Facts<'_> = Facts {
        project: "projects/abc",
        root: "projects/abc/issues/1",
        subject: "projects/abc/issues/1",
        kind: "issue.closed",
        class: 1,
    };

    #[test]
    fn fields_are_joined_by_and_and_values_by_or() {
        let set = |values: &[&str]| Some(values.iter().map(|&v| v.to_owned()).collect());
        let all = EventFilter::default();
        let two = EventFilter { projects: set(&["projects/x", "projects/abc"]), ..all.clone() };
        let and = EventFilter { classes: Some([EventClass::System].into()), ..two.clone() };
        let types = |pattern| EventFilter {
            types: Some(vec![EventPattern::parse("t", pattern).unwrap()]),
            ..two.clone()
        };

        assert!(all.takes(FACTS) && all.takes_all());
        assert!(two.takes(FACTS) && !two.takes_all());
        assert!(!and.takes(FACTS));
        assert!(types("issue.*").takes(FACTS) && !types("project.*").takes(FACTS));
    }

    #[test]
    fn a_field_takes_64_values() {
        let names = |n: usize| vec!["projects/a".to_owned(); n];
        let read = |n| values::<_, Vec<_>>("projects", &names(n), project_value);

        assert_eq!(read(0).unwrap(), None);
        assert_eq!(read(64).unwrap().unwrap().len(), 64);
        assert!(read(65).is_err());
    }
}
