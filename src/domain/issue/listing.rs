//! What lists of issues can be filtered and ordered by.

use std::borrow::Cow;

use serde_json::Value;

use super::Issue;
use crate::domain::name::IssueName;
use crate::domain::query::{Field, Fields, Found, Kind, Lookup};

/// The fields, by their names in the contract. `store/issue_list.rs` says where each is stored.
pub static FIELDS: Fields = Fields {
    keys: &["number"],
    all: &[
        Field::new("number", Kind::Integer).sortable(),
        Field::new("title", Kind::Text).sortable(),
        Field::new("description", Kind::Prose),
        Field::new("status", Kind::Text).sortable(),
        Field::new("category", Kind::Enum(CATEGORIES)),
        Field::new("state", Kind::Enum(&[OPEN, CLOSED])),
        Field::new("resolution", Kind::Text),
        Field::new("issue_type", Kind::Text),
        Field::new("kind", Kind::Enum(KINDS)),
        Field::new("workflow", Kind::Text),
        Field::new("active", Kind::Boolean),
        Field::new("priority", Kind::Integer).sortable(),
        Field::new("milestone", Kind::Text).sortable(),
        Field::new("owner", Kind::Text),
        Field::new("assignees", Kind::TextList),
        Field::new("creator", Kind::Text),
        Field::new("parent", Kind::Issue).optional(),
        Field::new("thread", Kind::Issue),
        Field::new("tags", Kind::TextList),
        Field::new("dedup_key", Kind::Text),
        Field::new("parameters", Kind::Object),
        Field::new("annotations", Kind::Object),
        Field::new("create_time", Kind::Time).sortable(),
        Field::new("update_time", Kind::Time).sortable(),
        Field::new("due_time", Kind::Time).optional().sortable(),
        Field::new("close_time", Kind::Time).optional().sortable(),
        Field::new("step", Kind::Integer),
    ],
};

const OPEN: &str = "OPEN";
const CLOSED: &str = "CLOSED";
const CATEGORIES: &[&str] =
    &["TRIAGE", "TODO", "IN_PROGRESS", "REVIEW", "APPROVAL", "TESTING", "DONE", "CANCELLED"];
const KINDS: &[&str] = &["BUG", "ENHANCEMENT", "TASK", "QUESTION", "CUSTOM"];

impl Lookup for Issue {
    fn found(&self, field: &str) -> Found<'_> {
        let issue = |number| Found::Issue(IssueName { number, project: self.name.project.clone() });
        match field {
            "number" => Found::Integer(self.name.number),
            "title" => Found::text(&self.title),
            "description" => Found::text(&self.description),
            "status" => Found::text(&self.status),
            "category" => Found::text(self.category.as_str()),
            "state" => Found::text(if self.is_closed() { CLOSED } else { OPEN }),
            "resolution" => Found::text(&self.resolution),
            "issue_type" => Found::text(&self.issue_type),
            "kind" => Found::text(self.kind.as_str()),
            "workflow" => Found::text(&self.workflow),
            "active" => Found::Boolean(self.active),
            "priority" => Found::Integer(self.priority.into()),
            "milestone" => Found::text(&self.milestone),
            "owner" => Found::text(self.owner.as_str()),
            "assignees" => {
                Found::Texts(self.assignees.iter().map(|one| one.as_str().into()).collect())
            }
            "creator" => Found::text(self.creator.as_str()),
            "parent" => self.parent.map_or(Found::Absent, issue),
            "thread" => issue(self.thread),
            "tags" => Found::Texts(self.tags.iter().map(|tag| tag.as_str().into()).collect()),
            "dedup_key" => Found::text(&self.dedup_key),
            "parameters" => Found::Object(Cow::Borrowed(&self.parameters)),
            "annotations" => Found::Object(Cow::Owned(self.open_annotations())),
            "create_time" => Found::Time(self.created_at),
            "update_time" => Found::Time(self.updated_at),
            "due_time" => Found::time(self.due_at),
            "close_time" => Found::time(self.closed_at),
            "step" => Found::Integer(self.step),
            other => panic!("issues have no field {other}"),
        }
    }
}

impl Issue {
    fn open_annotations(&self) -> crate::domain::value::Fields {
        let open = |(key, value): (&String, &String)| (key.clone(), Value::from(value.as_str()));
        self.annotations.iter().map(open).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::configuration::IssueKind;
    use crate::domain::workflow::Category;

    #[test]
    fn the_words_are_those_of_the_enums() {
        let kinds: Vec<_> = IssueKind::ALL.iter().map(|kind| kind.as_str()).collect();
        let categories: Vec<_> = Category::ALL.iter().map(|one| one.as_str()).collect();

        assert_eq!(kinds, KINDS);
        assert_eq!(categories, CATEGORIES);
    }
}
