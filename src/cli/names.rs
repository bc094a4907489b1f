//! Names as people type them, turned into those of the contract.
//!
//! Whether there is such a thing, and whether its name is well formed, the service says.

/// A project: `abc`, `ABC` or `projects/abc`.
pub fn project(text: &str) -> Result<String, String> {
    match text {
        "" => Err("must be a project, such as abc".into()),
        _ if text.contains('/') => Ok(text.to_owned()),
        _ => Ok(format!("projects/{}", text.to_lowercase())),
    }
}

/// The id alone of a project.
pub fn project_id(text: &str) -> Result<String, String> {
    let name = project(text)?;
    Ok(name.strip_prefix("projects/").unwrap_or(&name).to_owned())
}

/// Somebody: `ann` or `actors/ann`, or the group `groups/qa`.
pub fn who(text: &str) -> Result<String, String> {
    match text {
        "" => Err("must be somebody, such as ann or groups/qa".into()),
        _ if text.contains('/') => Ok(text.to_owned()),
        _ => Ok(format!("actors/{text}")),
    }
}

/// An event: `12` or `events/12`.
pub fn event(text: &str) -> Result<String, String> {
    let number = text.strip_prefix("events/").unwrap_or(text);
    match number.parse::<u64>() {
        Ok(_) => Ok(format!("events/{number}")),
        Err(_) => Err("must be the seq of an event, such as 12 or events/12".into()),
    }
}

/// What people call it: the key of an issue, the bare id of an actor; else the name.
pub fn short(name: &str) -> String {
    let parts: Vec<&str> = name.split('/').collect();
    match parts.as_slice() {
        ["projects", project, "issues", number] => format!("{}-{number}", project.to_uppercase()),
        ["projects", project, "issues", number, rest @ ..] => {
            format!("{}-{number}/{}", project.to_uppercase(), rest.join("/"))
        }
        ["actors", actor] => (*actor).to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_accepted_as_people_say_them() {
        assert_eq!(project("abc").unwrap(), "projects/abc");
        assert_eq!(project("ABC").unwrap(), "projects/abc");
        assert_eq!(project("-").unwrap(), "projects/-");
        assert_eq!(project("projects/abc").unwrap(), "projects/abc");
        assert_eq!(project_id("projects/abc").unwrap(), "abc");
        assert_eq!(project_id("ABC").unwrap(), "abc");
        assert_eq!(who("ann").unwrap(), "actors/ann");
        assert_eq!(who("groups/qa").unwrap(), "groups/qa");
        assert!(who("").is_err());
        assert_eq!(event("12").unwrap(), "events/12");
        assert_eq!(event("events/12").unwrap(), "events/12");
        assert!(project("").is_err() && event("x").is_err() && event("events/-1").is_err());
    }

    #[test]
    fn names_are_shown_as_people_say_them() {
        assert_eq!(short("projects/abc/issues/12"), "ABC-12");
        assert_eq!(short("projects/abc/issues/12/actions/3"), "ABC-12/actions/3");
        assert_eq!(short("actors/root"), "root");
        assert_eq!(short("projects/abc/issues/12/relations/3"), "ABC-12/relations/3");
        assert_eq!(short("projects/abc"), "projects/abc");
    }
}
