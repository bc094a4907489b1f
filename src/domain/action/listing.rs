//! What lists of actions can be filtered and ordered by.

use std::borrow::Cow;

use super::Action;
use crate::domain::name::ActorName;
use crate::domain::query::{Field, Fields, Found, Kind, Lookup};

/// The fields, by their names in the contract. `store/action/list.rs` says where each is stored.
pub static FIELDS: Fields = Fields {
    keys: &["issue", "number"],
    all: &[
        Field::new("issue", Kind::Issue).sortable(),
        Field::new("number", Kind::Integer).sortable(),
        Field::new("title", Kind::Text).sortable(),
        Field::new("description", Kind::Prose),
        Field::new("state", Kind::Enum(STATES)),
        Field::new("blocked_reason", Kind::Enum(REASONS)).optional(),
        Field::new("action_type", Kind::Text),
        Field::new("assignee", Kind::Text).optional(),
        Field::new("holder", Kind::Text).optional(),
        Field::new("candidates", Kind::TextList),
        Field::new("creator", Kind::Text),
        Field::new("priority", Kind::Integer).sortable(),
        Field::new("unique_key", Kind::Text),
        Field::new("attempt", Kind::Integer),
        Field::new("step", Kind::Integer),
        Field::new("parameters", Kind::Object),
        Field::new("create_time", Kind::Time).sortable(),
        Field::new("update_time", Kind::Time).sortable(),
        Field::new("not_before", Kind::Time).optional().sortable(),
        Field::new("due_time", Kind::Time).optional().sortable(),
        Field::new("expire_time", Kind::Time).optional(),
        Field::new("end_time", Kind::Time).optional().sortable(),
    ],
};

const STATES: &[&str] = &[
    "PENDING",
    "READY",
    "CLAIMED",
    "RUNNING",
    "PANICKED",
    "SUCCEEDED",
    "FAILED",
    "SKIPPED",
    "CANCELLED",
];
const REASONS: &[&str] =
    &["ISSUE_INACTIVE", "DEPENDENCIES", "UNSATISFIABLE", "PARAMETERS", "TIME", "PANICKED"];

fn somebody(name: Option<&ActorName>) -> Found<'_> {
    name.map_or(Found::Absent, |name| Found::text(name.as_str()))
}

impl Lookup for Action {
    fn found(&self, field: &str) -> Found<'_> {
        match field {
            "issue" => Found::Issue(self.name.issue.clone()),
            "number" => Found::Integer(self.name.number),
            "title" => Found::text(&self.title),
            "description" => Found::text(&self.description),
            "state" => Found::text(self.state().as_str()),
            "blocked_reason" => {
                self.place.blocked().map_or(Found::Absent, |reason| Found::text(reason.as_str()))
            }
            "action_type" => Found::text(&self.action_type),
            "assignee" => somebody(self.assignee.as_ref()),
            "holder" => somebody(self.place.lease().map(|lease| &lease.actor)),
            "candidates" => {
                Found::Texts(self.candidates.iter().map(|one| one.as_str().into()).collect())
            }
            "creator" => Found::text(self.creator.as_str()),
            "priority" => Found::Integer(self.priority.into()),
            "unique_key" => Found::text(&self.unique_key),
            "attempt" => Found::Integer(self.attempt),
            "step" => Found::Integer(self.step),
            "parameters" => Found::Object(Cow::Borrowed(&self.parameters)),
            "create_time" => Found::Time(self.created_at),
            "update_time" => Found::Time(self.updated_at),
            "not_before" => Found::time(self.not_before),
            "due_time" => Found::time(self.due_at),
            "expire_time" => Found::time(self.expires_at),
            "end_time" => Found::time(self.ended_at),
            other => panic!("actions have no field {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::action::{Blocked, State};

    #[test]
    fn the_words_are_those_of_the_enums() {
        let states: Vec<_> = State::ALL.iter().map(|state| state.as_str()).collect();
        let reasons: Vec<_> = Blocked::ALL.iter().map(|reason| reason.as_str()).collect();

        assert_eq!(states, STATES);
        assert_eq!(reasons, REASONS);
    }
}
