//! What must hold for a move: an expression over the issue, what is sent with the move, and who
//! asks.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::domain::error::Result;
use crate::domain::expr::{CONDITION_FUEL, CompileError, Program, RunError, Variables};
use crate::domain::value::Fields;

/// What a condition may name.
const ROOTS: &[&str] = &["self", "params", "actor"];

/// A condition and its program. Clones are cheap; two are equal if their sources are.
#[derive(Clone)]
pub struct Condition(Arc<Compiled>);

struct Compiled {
    source: String,
    /// Made when it is first needed: most revisions that are loaded are never asked. An error is
    /// one that only a later release can see in what was once accepted.
    program: OnceLock<std::result::Result<Program, CompileError>>,
}

/// What a condition looks at.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// `self`: the issue as it would be, its fields as the contract names them.
    pub issue: &'a Fields,
    /// `params`: the parameters that are sent with the move.
    pub params: &'a Fields,
    /// `actor`: who asks, with `name`, `groups` (transitively) and `role`.
    pub actor: &'a Fields,
}

impl Condition {
    /// Takes a condition as a caller wrote it; an empty one always holds. `field` is where it lies
    /// in the call.
    pub fn parse(field: &str, source: &str) -> Result<Condition> {
        let condition = Condition::stored(source);
        if !source.is_empty() {
            condition.program().as_ref().map_err(|error| error.clone().into_error(field))?;
        }
        Ok(condition)
    }

    /// A condition as it was stored, which was once parsed.
    pub fn stored(source: &str) -> Condition {
        Condition(Arc::new(Compiled { source: source.to_owned(), program: OnceLock::new() }))
    }

    /// What it was made from.
    pub fn source(&self) -> &str {
        &self.0.source
    }

    /// Whether it is always true.
    pub fn is_empty(&self) -> bool {
        self.0.source.is_empty()
    }

    /// Whether it holds; an error says why it cannot tell, which lets nobody through.
    pub fn holds(&self, facts: &Facts<'_>) -> std::result::Result<bool, String> {
        if self.is_empty() {
            return Ok(true);
        }
        let variables = Variables::new()
            .with("self", facts.issue)
            .with("params", facts.params)
            .with("actor", facts.actor);
        let program = self.program().as_ref().map_err(ToString::to_string)?;
        program.holds(&variables, CONDITION_FUEL).map_err(|error: RunError| error.to_string())
    }

    fn program(&self) -> &std::result::Result<Program, CompileError> {
        self.0.program.get_or_init(|| Program::condition(&self.0.source, ROOTS))
    }
}

impl Default for Condition {
    fn default() -> Condition {
        Condition::stored("")
    }
}

impl PartialEq for Condition {
    fn eq(&self, other: &Condition) -> bool {
        self.0.source == other.0.source
    }
}

impl Eq for Condition {}

impl fmt::Debug for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Condition").field(&self.0.source).finish()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::error::Reason;

    fn holds(source: &str) -> std::result::Result<bool, String> {
        let fields = |value: serde_json::Value| value.as_object().unwrap().clone();
        let issue = fields(json!({ "priority": 1, "parameters": { "severity": 3 } }));
        let params = fields(json!({ "checked": true }));
        let actor = fields(json!({ "name": "actors/ann", "groups": ["groups/qa"] }));
        let facts = Facts { issue: &issue, params: &params, actor: &actor };
        Condition::parse("c", source).unwrap().holds(&facts)
    }

    #[test]
    fn a_condition_sees_the_issue_the_parameters_and_who_asks() {
        assert_eq!(holds("self.parameters.severity > 2 && params.checked"), Ok(true));
        assert_eq!(holds("'groups/qa' in actor.groups"), Ok(true));
        assert_eq!(holds("self.priority == 2"), Ok(false));
        assert_eq!(holds(""), Ok(true));
    }

    #[test]
    fn a_condition_that_cannot_tell_says_so() {
        assert!(holds("self.parameters.none > 2").is_err());
    }

    #[test]
    fn what_is_no_condition_is_refused_with_its_kind() {
        let refused = |source| Condition::parse("c", source).unwrap_err().into_details();

        for (source, detail) in
            [("1 +", "SYNTAX"), ("1", "NOT_BOOL"), ("other.x", "UNKNOWN_MEMBER")]
        {
            let (error, metadata) = refused(source);
            assert_eq!(error.reason(), Reason::ExpressionInvalid);
            assert_eq!(metadata["detail"], detail, "{source}");
        }
    }
}
