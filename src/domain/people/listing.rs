//! What lists of actors, groups and members can be filtered and ordered by.
//!
//! `store/actor.rs`, `store/group.rs` and `store/member.rs` say where each field is stored.

use super::{Actor, Group, Member};
use crate::domain::query::{Field, Fields, Found, Kind, Lookup};

const ACTIVE: &str = "ACTIVE";
const DISABLED: &str = "DISABLED";

/// The fields of actors, by their names in the contract.
pub static ACTOR_FIELDS: Fields = Fields {
    keys: &["name"],
    all: &[
        Field::new("name", Kind::Text).sortable(),
        Field::new("kind", Kind::Enum(&["PERSON", "MACHINE", "SYSTEM"])),
        Field::new("display_name", Kind::Text).sortable(),
        Field::new("email", Kind::Text).sortable(),
        Field::new("time_zone", Kind::Text),
        Field::new("urn", Kind::Text),
        Field::new("state", Kind::Enum(&[ACTIVE, DISABLED])),
        Field::new("admin", Kind::Boolean),
        Field::new("creator", Kind::Text),
        Field::new("create_time", Kind::Time).sortable(),
        Field::new("update_time", Kind::Time).sortable(),
    ],
};

/// The fields of groups, by their names in the contract.
pub static GROUP_FIELDS: Fields = Fields {
    keys: &["name"],
    all: &[
        Field::new("name", Kind::Text).sortable(),
        Field::new("kind", Kind::Enum(&["TEAM", "DEPARTMENT", "SKILLSET", "DUTY"])),
        Field::new("display_name", Kind::Text).sortable(),
        Field::new("members", Kind::TextList),
        Field::new("creator", Kind::Text),
        Field::new("create_time", Kind::Time).sortable(),
        Field::new("update_time", Kind::Time).sortable(),
    ],
};

/// The fields of members, by their names in the contract.
pub static MEMBER_FIELDS: Fields = Fields {
    keys: &["name"],
    all: &[
        Field::new("name", Kind::Text).sortable(),
        Field::new("member", Kind::Text).sortable(),
        Field::new("role", Kind::Enum(&["VIEWER", "REPORTER", "WORKER", "MANAGER", "ADMIN"])),
        Field::new("creator", Kind::Text),
        Field::new("create_time", Kind::Time).sortable(),
        Field::new("update_time", Kind::Time).sortable(),
    ],
};

impl Lookup for Actor {
    fn found(&self, field: &str) -> Found<'_> {
        match field {
            "name" => Found::text(self.name.as_str()),
            "kind" => Found::text(self.kind.as_str()),
            "display_name" => Found::text(&self.display_name),
            "email" => Found::text(&self.email),
            "time_zone" => Found::text(&self.time_zone),
            "urn" => Found::text(&self.urn),
            "state" => Found::text(if self.active { ACTIVE } else { DISABLED }),
            "admin" => Found::Boolean(self.admin),
            "creator" => Found::text(self.creator.as_str()),
            "create_time" => Found::Time(self.created_at),
            "update_time" => Found::Time(self.updated_at),
            other => panic!("actors have no field {other}"),
        }
    }
}

impl Lookup for Group {
    fn found(&self, field: &str) -> Found<'_> {
        match field {
            "name" => Found::text(self.name.as_str()),
            "kind" => Found::text(self.kind.as_str()),
            "display_name" => Found::text(&self.display_name),
            "members" => Found::Texts(self.members.iter().map(|one| one.as_str().into()).collect()),
            "creator" => Found::text(self.creator.as_str()),
            "create_time" => Found::Time(self.created_at),
            "update_time" => Found::Time(self.updated_at),
            other => panic!("groups have no field {other}"),
        }
    }
}

impl Lookup for Member {
    fn found(&self, field: &str) -> Found<'_> {
        match field {
            "name" => Found::Text(self.name.to_string().into()),
            "member" => Found::text(self.member.as_str()),
            "role" => Found::text(self.role.as_str()),
            "creator" => Found::text(self.creator.as_str()),
            "create_time" => Found::Time(self.created_at),
            "update_time" => Found::Time(self.updated_at),
            other => panic!("members have no field {other}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::people::{ActorKind, GroupKind, Role};

    fn words(fields: &Fields, name: &str) -> &'static [&'static str] {
        let kind = fields.get(name).unwrap().kind;
        let Kind::Enum(words) = kind else { panic!("{name} is {kind:?}") };
        words
    }

    #[test]
    fn the_words_are_those_of_the_enums() {
        let kinds = words(&ACTOR_FIELDS, "kind");
        assert!(kinds.iter().all(|kind| ActorKind::stored(kind).unwrap().as_str() == *kind));
        let kinds = words(&GROUP_FIELDS, "kind");
        assert!(kinds.iter().all(|kind| GroupKind::stored(kind).unwrap().as_str() == *kind));
        let roles = words(&MEMBER_FIELDS, "role");
        assert!(roles.iter().all(|role| Role::stored(role).unwrap().as_str() == *role));
    }
}
