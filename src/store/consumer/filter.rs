//! Filters as they are stored.

use serde_json::{Value, json};

use crate::domain::event::{EventClass, EventPattern};
use crate::domain::filter::EventFilter;

/// A filter as JSON; fields that take all are left out.
pub(super) fn written(filter: &EventFilter) -> String {
    let EventFilter { projects, roots, subjects, types, classes } = filter;
    let types: Option<Vec<String>> =
        types.as_ref().map(|types| types.iter().map(EventPattern::to_text).collect());
    let classes: Option<Vec<i16>> =
        classes.as_ref().map(|classes| classes.iter().map(|class| class.number()).collect());
    let fields = [
        ("projects", json!(projects)),
        ("roots", json!(roots)),
        ("subjects", json!(subjects)),
        ("types", json!(types)),
        ("classes", json!(classes)),
    ];
    let set = fields.into_iter().filter(|(_, value)| !value.is_null());
    Value::Object(set.map(|(name, value)| (name.to_owned(), value)).collect()).to_string()
}

/// Reads what was written.
pub(super) fn read(text: &str) -> EventFilter {
    let stored: Value = serde_json::from_str(text).expect("only we write filters");
    let list = |field: &str| stored.get(field).and_then(Value::as_array);
    let texts = |field: &str| {
        let texts = list(field)?.iter().filter_map(Value::as_str);
        Some(texts.map(str::to_owned).collect::<Vec<String>>())
    };
    let set = |field: &str| texts(field).map(|texts| texts.into_iter().collect());
    let class = |value: &Value| {
        let number = i32::try_from(value.as_i64()?).ok()?;
        EventClass::of_number(number)
    };
    EventFilter {
        projects: set("projects"),
        roots: set("roots"),
        subjects: set("subjects"),
        types: texts("types").map(|all| all.iter().map(|t| EventPattern::stored(t)).collect()),
        classes: list("classes").map(|all| all.iter().filter_map(class).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_read_back() {
        let set = |values: &[&str]| Some(values.iter().map(|&v| v.to_owned()).collect());
        let full = EventFilter {
            projects: set(&["projects/abc", ""]),
            roots: set(&["projects/abc/issues/1"]),
            subjects: set(&["actors/a\"b"]),
            types: Some(["*", "issue.*", "issue.closed"].map(EventPattern::stored).into()),
            classes: Some([EventClass::Object, EventClass::System].into()),
        };
        for filter in [EventFilter::default(), full] {
            assert_eq!(read(&written(&filter)), filter);
        }
    }
}
