//! The fields of an action that people set, as options.

use clap::Args;

use crate::cli::issue::{Due, due};
use crate::cli::json::parse_struct;
use crate::proto;
use crate::proto::dependency::On;

/// What adding and changing an action both take.
#[derive(Args, Debug)]
pub struct Fields {
    /// Text, Markdown by custom
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// 1, the highest, to 5; 0 for none
    #[arg(long, value_name = "NUMBER")]
    priority: Option<i32>,
    /// Data for whoever does it, all of it
    #[arg(long, value_name = "JSON", value_parser = parse_struct)]
    parameters: Option<prost_types::Struct>,
    /// Who may do it, an actor or a group; may be given several times
    #[arg(long, value_name = "NAME")]
    candidate: Vec<String>,
    /// When it may be begun, as 2026-11-30T12:00:00Z; none for no such time
    #[arg(long, value_name = "TIME", value_parser = due)]
    not_before: Option<Due>,
    /// When it ought to be done; none for no such time
    #[arg(long, value_name = "TIME", value_parser = due)]
    due: Option<Due>,
}

impl Fields {
    /// Puts what was given into an action.
    pub fn put(self, action: &mut proto::Action) {
        let Fields { description, priority, parameters, candidate, not_before, due } = self;
        action.description = description.unwrap_or_default();
        action.priority = priority.unwrap_or_default();
        action.parameters = parameters;
        action.candidates = candidate;
        action.not_before = not_before.and_then(|at| at.0);
        action.due_time = due.and_then(|at| at.0);
    }

    /// The paths of what was given.
    pub fn mask(&self) -> Vec<String> {
        let Fields { description, priority, parameters, candidate, not_before, due } = self;
        let given = [
            ("description", description.is_some()),
            ("priority", priority.is_some()),
            ("parameters", parameters.is_some()),
            ("candidates", !candidate.is_empty()),
            ("not_before", not_before.is_some()),
            ("due_time", due.is_some()),
        ];
        given.iter().filter(|(_, given)| *given).map(|(path, _)| (*path).to_owned()).collect()
    }
}

/// Reads what an action depends on: the name of an action, and which ends of it count.
pub fn after(text: &str) -> Result<proto::Dependency, String> {
    let (name, satisfy) = match text.split_once('=') {
        Some((name, satisfy)) => (name, self::satisfy(satisfy)?),
        None => (text, proto::Satisfy::Unspecified),
    };
    let on = Some(On::Action(name.into()));
    Ok(proto::Dependency { on, satisfy: satisfy.into(), state: 0 })
}

fn satisfy(text: &str) -> Result<proto::Satisfy, String> {
    let name = format!("SATISFY_{}", text.replace('-', "_").to_uppercase());
    proto::Satisfy::from_str_name(&name)
        .filter(|satisfy| *satisfy != proto::Satisfy::Unspecified)
        .ok_or_else(|| "must end in success-or-skip, success, any-end or failure".into())
}

/// A state, as it is said: ready, panicked.
pub fn state(text: &str) -> Result<proto::ActionState, String> {
    proto::ActionState::from_str_name(&format!("ACTION_STATE_{}", text.to_uppercase()))
        .filter(|state| *state != proto::ActionState::Unspecified)
        .ok_or_else(|| "must be a state, such as ready, running or panicked".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_read() {
        let plain = after("ABC-1/actions/2").unwrap();
        assert_eq!(plain.on, Some(On::Action("ABC-1/actions/2".into())));
        assert_eq!(plain.satisfy, 0);
        assert_eq!(after("ABC-1/actions/2=any-end").unwrap().satisfy(), proto::Satisfy::AnyEnd);
        assert!(after("x=unspecified").is_err() && after("x=never").is_err());
        assert_eq!(state("ready").unwrap(), proto::ActionState::Ready);
        assert!(state("open").is_err() && state("unspecified").is_err());
    }
}
