//! The fields that a noun lets callers filter and order by.

/// What a field holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Text of a line; takes `=`, `!=`, a `*` at the end, order by its bytes, and `:` for a part.
    Text,
    /// Text of many lines; takes `:` for a part of it, and nothing else.
    Prose,
    /// A whole number.
    Integer,
    /// True or false.
    Boolean,
    /// An instant.
    Time,
    /// Several texts; takes `:` for one of them.
    TextList,
    /// An open object; takes paths to what is inside.
    Object,
    /// The name of an issue.
    Issue,
    /// One of these words.
    Enum(&'static [&'static str]),
}

/// A field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Field {
    /// Its name in the contract.
    pub name: &'static str,
    /// What it holds.
    pub kind: Kind,
    /// Whether a row can be without it. A text that is not optional is empty instead.
    pub is_optional: bool,
    /// Whether lists can be ordered by it.
    pub is_sortable: bool,
}

impl Field {
    /// A field that every row has and no list is ordered by.
    pub const fn new(name: &'static str, kind: Kind) -> Field {
        Field { name, kind, is_optional: false, is_sortable: false }
    }

    /// A row can be without it.
    pub const fn optional(self) -> Field {
        Field { is_optional: true, ..self }
    }

    /// Lists can be ordered by it. It is a text, a number, an instant, a truth value, or an issue:
    /// these go by their numbers, as a list is of one project.
    pub const fn sortable(self) -> Field {
        assert!(
            matches!(
                self.kind,
                Kind::Text | Kind::Integer | Kind::Time | Kind::Boolean | Kind::Issue
            ),
            "only what has an order can be ordered by"
        );
        Field { is_sortable: true, ..self }
    }
}

/// All that the lists of a noun know.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// The fields that tell rows of one parent apart: sortable, never absent. They end every order.
    pub keys: &'static [&'static str],
    /// The fields, each once.
    pub all: &'static [Field],
}

impl Fields {
    /// The field of that name.
    pub fn get(&self, name: &str) -> Option<&'static Field> {
        self.all.iter().find(|field| field.name == name)
    }

    /// The names of the fields that are such, to be told.
    pub(super) fn names(&self, such: impl Fn(&Field) -> bool) -> String {
        let names = self.all.iter().filter(|field| such(field)).map(|field| field.name);
        names.collect::<Vec<_>>().join(", ")
    }
}
